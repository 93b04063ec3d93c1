"""Every garment on every person: times, refusals, colour and coverage errors, contact sheets.

    python -m benchmarks.local_engine --persons DIR --garments DIR [DIR ...] [--mannequins] --sheets DIR

Runs from the checkout. Needs the ``local`` extra and the network files (``manage.py tryon_setup``). Columns:

ms         CPU milliseconds to dress the person, both pictures being prepared; preparing is listed apart
colour     median CIE Delta E 2000 between the picture and the garment's own colours, where the garment shows
outside    share of the pixels away from the person and the new garment that differ by more than 12 of 255
left       share of the garment worn before, where it has to go, that still looks the same
stretch    vertical by horizontal scale of a top's chest; 1 keeps a print's proportions
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError
from tryon.local_engine import garment as garments
from tryon.local_engine import mannequin as drawn
from tryon.local_engine import mannequins
from tryon.local_engine import person as persons
from tryon.local_engine.compose import dress
from tryon.local_engine.dressed import Dressed
from tryon.local_engine.engine import WORK_SIDE
from tryon.local_engine.garment import Garment
from tryon.local_engine.imaging import Array, decode, dilate, encode_jpeg, erode, grow, shrink
from tryon.local_engine.joints import L_ANKLE, R_ANKLE
from tryon.local_engine.person import Person

_TILE = 360  # height of a picture on a sheet
_COLUMNS = 8
_CHANGED = 12  # grey levels; JPEG-like noise stays below


@dataclass
class Wearer:
    name: str
    photo: Array
    person: Person


@dataclass
class Pair:
    person: str
    garment: str
    picture: Array | None = None
    refusal: str = ""
    category: str = ""
    milliseconds: float = 0.0
    colour: float = np.nan
    outside: float = np.nan
    left: float = np.nan
    stretch: float = np.nan

    def line(self) -> str:
        names = f"{self.person:16} {self.garment:28}"
        if self.refusal:
            return f"{names} refused: {self.refusal}"
        return (
            f"{names} {self.category:6} {self.milliseconds:6.0f} {self.colour:6.1f} {self.outside:8.4f} "
            f"{self.left:6.3f} {self.stretch:7.2f}"
        )


# ---- colour difference


def cie_lab(rgb: Array) -> Array:
    """sRGB from 0 to 255, (..., 3) -> CIE L*a*b* under D65."""
    value = np.asarray(rgb, np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    scaled = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(scaled > (6 / 29) ** 3, np.cbrt(scaled), scaled / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def delta_e_2000(first: Array, second: Array) -> Array:
    """CIEDE2000 between two L*a*b* arrays (..., 3), after Sharma, Wu and Dalal (2005)."""
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where(grey, 0, np.where((turn == -180) & (h2 > h1), 180, turn))
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    far = np.abs(h1 - h2) > 180
    mean_hue = np.where(grey, h1 + h2, np.where(far, (h1 + h2 + np.where(h1 + h2 < 360, 360, -360)) / 2, (h1 + h2) / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1 - 0.17 * np.cos(np.radians(mean_hue - 30)) + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6)) - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )  # fmt: skip
    scale_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    scale_c, scale_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    bend = 60 * np.exp(-(((mean_hue - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)) * np.sin(np.radians(bend))
    dl, dc, dh = (l2 - l1) / scale_l, (c2 - c1) / scale_c, hue / scale_h
    return np.asarray(np.sqrt(np.maximum(0, dl**2 + dc**2 + dh**2 + rotation * dc * dh)))


# ---- measuring one pair


def measure(pair: Pair, done: Dressed) -> None:
    person = done.person
    cloth, coverage = done.cloth()
    before, after = person.picture.astype(np.int16), done.picture.astype(np.int16)
    changed = np.abs(after - before).max(-1) > _CHANGED
    solid = erode(coverage > 0.97, 2) > 0
    if solid.any():
        difference = delta_e_2000(cie_lab(cloth[solid][::7]), cie_lab(after[solid][::7]))
        pair.colour = float(np.median(difference))
    margin = max(3, int(0.06 * person.shoulder_width))
    away = dilate((person.matte > 0.02) | (coverage > 0.02), margin) == 0
    pair.outside = float(changed[away].mean()) if away.any() else 0.0
    parts, zones = person.parts, person.zones
    if parts is not None and zones is not None and not person.drawn:
        old = parts.lower if pair.category == "lower" else parts.upper
        if pair.category == "full":
            old = parts.upper | parts.lower
        elif pair.category == "upper":
            old = old & (zones.axial < min(parts.hem or 1.0, 1.0) - 0.06)
        else:
            old = old & (zones.axial > (parts.hem or 1.0) + 0.06)
        if person.ankles_visible:  # shoes are often read as part of the trousers, and stay
            ankles = (person.joints[[L_ANKLE, R_ANKLE]] - person.shoulder_centre) @ person.down / person.torso
            old = old & (zones.axial < ankles.min() - 0.05)
        uncovered = (erode(grow(old, person.shape) > 0.5, 2) > 0) & (coverage < 0.5)
        pair.left = float((uncovered & ~changed).sum() / max(1.0, float((grow(old, person.shape) > 0.5).sum())))
    torso = done.layers[0][0].part
    if torso.name == "torso":
        pair.stretch = _stretch(torso.source, torso.target, torso.uv)


def _stretch(source: Array, target: Array, uv: Array) -> float:
    """Median over the mesh cells of the chest of (picture by garment length down) / (the same across)."""
    across = np.hypot(*np.moveaxis(np.diff(target, axis=1), -1, 0))[:-1] / np.diff(source[..., 0], axis=1)[:-1]
    down = np.hypot(*np.moveaxis(np.diff(target, axis=0), -1, 0))[:, :-1] / np.diff(source[..., 1], axis=0)[:, :-1]
    chest = (np.abs(uv[:-1, :-1, 0]) < 0.6) & (uv[:-1, :-1, 1] > 1.4) & (uv[:-1, :-1, 1] < 3.2)
    return float(np.median((down / across)[chest])) if chest.any() else np.nan


def run_pair(wearer: Wearer, name: str, garment: Garment) -> Pair:
    pair = Pair(wearer.name, name, category=garment.category)
    person = wearer.person
    if person.drawn:
        person = drawn.load(wearer.name, garment.category)
    started = time.process_time()
    try:
        done = dress(person, garment)
    except TryOnError as error:
        pair.refusal = error.code
        return pair
    pair.milliseconds = (time.process_time() - started) * 1000
    pair.picture = done.photo
    measure(pair, done)
    return pair


# ---- preparing and sheets


def _pictures(folders: list[Path], only: list[str]) -> dict[str, Path]:
    paths = [p for folder in folders for p in sorted(folder.iterdir()) if p.suffix in (".jpg", ".png", ".webp")]
    return {path.stem: path for path in paths if not only or any(word in path.stem for word in only)}


def read_persons(paths: dict[str, Path]) -> list[Wearer]:
    out = []
    for name, path in paths.items():
        photo = shrink(decode(path.read_bytes())[0], WORK_SIDE)
        started = time.process_time()
        try:
            out.append(Wearer(name, photo, persons.analyse(photo)))
        except TryOnError as error:
            print(f"{name:45} refused: {error.code}")
            continue
        print(f"{name:45} prepared in {(time.process_time() - started) * 1000:.0f} ms")
    return out


def read_garments(paths: dict[str, Path]) -> dict[str, Garment]:
    out = {}
    for name, path in paths.items():
        picture, alpha = decode(path.read_bytes())
        started = time.process_time()
        try:
            garment = garments.analyse(shrink(picture, WORK_SIDE), None if alpha is None else shrink(alpha, WORK_SIDE))
        except (TryOnError, ValueError) as error:
            print(f"{name:45} refused: {error}")
            continue
        out[name] = garment
        milliseconds = (time.process_time() - started) * 1000
        print(f"{name:45} prepared in {milliseconds:.0f} ms: {garment.category} {' '.join(garment.warnings)}")
    return out


def _tile(picture: Array, label: str) -> Array:
    height, width = picture.shape[:2]
    tile: Array = cv2.resize(picture, (max(1, round(width * _TILE / height)), _TILE), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, label, (4, _TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 2, cv2.LINE_AA)
    cv2.putText(tile, label, (4, _TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def write_sheet(path: Path, tiles: list[Array]) -> None:
    width = max(tile.shape[1] for tile in tiles)
    padded = [
        cv2.copyMakeBorder(t, 2, 2, 2, 2 + width - t.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3) for t in tiles
    ]
    blank = np.full_like(padded[0], 255)
    columns = min(_COLUMNS, len(padded))
    padded += [blank] * (-len(padded) % columns)
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    path.write_bytes(encode_jpeg(np.vstack(rows)))


def summarise(pairs: list[Pair]) -> None:
    made = [pair for pair in pairs if pair.picture is not None]
    print(f"\n{len(pairs)} pairs, {len(pairs) - len(made)} refused")
    for category in ("upper", "lower", "full"):
        group = [pair for pair in made if pair.category == category]
        if not group:
            continue
        times = [pair.milliseconds for pair in group]
        figures = "  ".join(
            f"{name} {np.nanmedian(values):.3f} (worst {np.nanmax(values):.3f})"
            for name in ("colour", "outside", "left", "stretch")
            if not np.isnan(values := np.array([getattr(pair, name) for pair in group])).all()
        )
        spent = f"ms {np.median(times):.0f} (p95 {np.percentile(times, 95):.0f})"
        print(f"{category:6} {len(group):4} pairs  {spent}  {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--garments", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--mannequins", action="store_true", help="also dress every drawn mannequin")
    parser.add_argument(
        "--only-persons", nargs="*", default=[], metavar="WORD", help="names that hold one of the words"
    )
    parser.add_argument("--only-garments", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--sheets", type=Path, required=True, metavar="DIR", help="where the contact sheets go")
    parser.add_argument("--singles", action="store_true", help="also write each picture, lossless")
    options = parser.parse_args()
    options.sheets.mkdir(parents=True, exist_ok=True)
    wearers = read_persons(_pictures(options.persons, options.only_persons))
    if options.mannequins:
        for figure in mannequins():
            if not options.only_persons or any(word in figure.key for word in options.only_persons):
                person = drawn.load(figure.key, "full")
                wearers.append(Wearer(figure.key, person.photo, person))
    cloths = read_garments(_pictures(options.garments, options.only_garments))
    print(f"\n{'person':16} {'garment':28} {'':6} {'ms':>6} {'colour':>6} {'outside':>8} {'left':>6} {'stretch':>7}")
    pairs: list[Pair] = []
    for wearer in wearers:
        tiles = [_tile(wearer.photo, wearer.name)]
        for name, garment in cloths.items():
            pair = run_pair(wearer, name, garment)
            print(pair.line(), flush=True)
            if pair.picture is not None:
                tiles.append(_tile(pair.picture, name))
                if options.singles:
                    picture = cv2.cvtColor(pair.picture, cv2.COLOR_RGB2BGR)
                    cv2.imwrite(str(options.sheets / f"{wearer.name}+{name}.png"), picture)
                pair.picture = pair.picture[:1, :1]  # keep only that there is one
            pairs.append(pair)
        write_sheet(options.sheets / f"{wearer.name}.jpg", tiles)
    summarise(pairs)


if __name__ == "__main__":
    main()
