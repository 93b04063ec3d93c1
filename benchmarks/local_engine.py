"""Every garment on every person: times, refusals, confidence, colour, edge and coverage errors, contact sheets.

    python -m benchmarks.local_engine --persons DIR --garments DIR [DIR ...] [--mannequins] --sheets DIR [--csv FILE]
    python -m benchmarks.local_engine --persons DIR --garments DIR --memory

Runs from the checkout. Needs the ``local`` extra and the network files (``manage.py tryon_setup``). Columns:

ms         milliseconds of a try-on with a prepared garment: reading the photo, dressing, encoding
colour     median CIE Delta E 2000 between the picture and the garment's own colours, where the garment shows
changed    share of the pixels away from garment, old clothes and their shadow that are not the photo's own
left       share of the garment worn before, where it has to go, that still looks the same
edge       how much longer the garment's outline is than the same outline smoothed, in percent: 0 is clean
stretch    vertical by horizontal scale of a top's chest; 1 keeps a print's proportions
sure       the engine's own confidence; a picture below its limit is refused, and on the sheets all the same

``--memory`` tells the largest resident set of a process that makes three pictures.
"""

from __future__ import annotations

import argparse
import csv
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError
from tryon.local_engine import mannequin as drawn
from tryon.local_engine import mannequins, try_on
from tryon.local_engine import person as persons
from tryon.local_engine.colour import cie_lab, delta_e_2000
from tryon.local_engine.compose import dress
from tryon.local_engine.confidence import judge
from tryon.local_engine.dressed import Dressed
from tryon.local_engine.engine import MIN_CONFIDENCE, WORK_SIDE
from tryon.local_engine.garment import Garment
from tryon.local_engine.imaging import Array, blur, decode, dilate, encode_jpeg, encode_png, erode, grow, shrink
from tryon.local_engine.joints import L_ANKLE, R_ANKLE
from tryon.local_engine.person import Person
from tryon.local_engine.prepared import prepare

FIGURES = ("milliseconds", "colour", "changed", "left", "edge", "stretch", "sure")
_TILE = 360  # height of a picture on a sheet
_COLUMNS = 8
_CHANGED = 12  # grey levels; JPEG-like noise stays below


@dataclass
class Wearer:
    name: str
    photo: Array
    person: Person
    milliseconds: float  # to read the photo


@dataclass
class Pair:
    person: str
    garment: str
    picture: Array | None = None
    refusal: str = ""
    category: str = ""
    milliseconds: float = 0.0
    colour: float = np.nan
    changed: float = np.nan
    left: float = np.nan
    edge: float = np.nan
    stretch: float = np.nan
    sure: float = np.nan

    def line(self) -> str:
        names = f"{self.person:16} {self.garment:28}"
        if self.picture is None:
            return f"{names} refused: {self.refusal}"
        return (
            f"{names} {self.category:6} {self.milliseconds:6.0f} {self.colour:6.1f} {self.changed:8.4f} "
            f"{self.left:6.3f} {self.edge:6.1f} {self.stretch:7.2f} {self.sure:5.2f} {self.refusal}"
        )

    def cells(self) -> list[str]:
        """The row of the CSV file."""
        numbers = [getattr(self, name) if self.picture is not None else np.nan for name in FIGURES]
        return [self.person, self.garment, self.category, self.refusal,
                *("" if np.isnan(number) else f"{number:.4g}" for number in numbers)]  # fmt: skip


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
    parts, zones = person.parts, person.zones
    touched = coverage > 0
    if parts is not None and not person.drawn:
        touched |= grow(parts.upper | parts.lower if pair.category != "upper" else parts.upper, person.shape) > 0
    away = dilate(touched, max(3, int(0.12 * person.shoulder_width))) == 0
    pair.changed = float((after != before).any(-1)[away].mean()) if away.any() else 0.0
    pair.edge = raggedness(coverage, 0.02 * person.shoulder_width)
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


def raggedness(coverage: Array, sigma: float) -> float:
    """Percent by which the outline is longer than its smoothed self."""

    def length(mask: Array) -> float:
        outlines, _ = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        return sum(cv2.arcLength(outline, True) for outline in outlines)

    smooth = length(blur(coverage, sigma))
    return 100 * (length(coverage) / smooth - 1) if smooth else np.nan


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
    started = time.perf_counter()
    try:
        done = dress(person, garment)
    except TryOnError as error:
        pair.refusal = error.code
        return pair
    pair.picture = done.photo
    encode_png(pair.picture)
    pair.milliseconds = wearer.milliseconds + (time.perf_counter() - started) * 1000
    pair.sure = judge(done, garment).confidence
    if pair.sure < MIN_CONFIDENCE:
        pair.refusal = "low_confidence"
    measure(pair, done)
    return pair


# ---- preparing and sheets


def _pictures(folders: list[Path], only: list[str]) -> dict[str, Path]:
    paths = [p for folder in folders for p in sorted(folder.iterdir()) if p.suffix in (".jpg", ".png", ".webp")]
    return {path.stem: path for path in paths if not only or any(word in path.stem for word in only)}


def read_persons(paths: dict[str, Path]) -> list[Wearer]:
    out = []
    for name, path in paths.items():
        started = time.perf_counter()
        photo = shrink(decode(path.read_bytes())[0], WORK_SIDE)
        try:
            person = persons.analyse(photo)
        except TryOnError as error:
            print(f"{name:45} refused: {error.code}")
            continue
        milliseconds = (time.perf_counter() - started) * 1000
        out.append(Wearer(name, photo, person, milliseconds))
        print(f"{name:45} read in {milliseconds:.0f} ms")
    return out


def read_garments(paths: dict[str, Path]) -> dict[str, Garment]:
    out = {}
    for name, path in paths.items():
        started = time.perf_counter()
        try:
            garment = prepare(path.read_bytes(), None, None, None)
        except (TryOnError, ValueError) as error:
            print(f"{name:45} refused: {error}")
            continue
        out[name] = garment
        milliseconds = (time.perf_counter() - started) * 1000
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
    made = [pair for pair in pairs if pair.picture is not None and not pair.refusal]
    print(f"\n{len(pairs)} pairs, {len(pairs) - len(made)} refused")
    for category in ("upper", "lower", "full"):
        group = [pair for pair in made if pair.category == category]
        if not group:
            continue
        times = [pair.milliseconds for pair in group]
        figures = "  ".join(
            f"{name} {np.nanmedian(values):.3f} (worst {np.nanmax(values):.3f})"
            for name in ("colour", "changed", "left", "edge", "stretch")
            if not np.isnan(values := np.array([getattr(pair, name) for pair in group])).all()
        )
        spent = f"ms {np.median(times):.0f} (p95 {np.percentile(times, 95):.0f})"
        print(f"{category:6} {len(group):4} pairs  {spent}  {figures}")


def memory(photos: list[Path], garments: list[Path]) -> None:
    """Three pictures in this process, whatever the confidence; prints its largest resident set."""
    for i in range(3):
        photo, garment = photos[i % len(photos)], garments[i % len(garments)]
        try:
            made = try_on(photo.read_bytes(), garment.read_bytes())
            print(f"{photo.stem} + {garment.stem}: {made.width} x {made.height}, {made.milliseconds} ms")
        except TryOnError as error:
            print(f"{photo.stem} + {garment.stem}: {error.code}")
    print(f"largest resident set: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--garments", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--mannequins", action="store_true", help="also dress every drawn mannequin")
    parser.add_argument(
        "--only-persons", nargs="*", default=[], metavar="WORD", help="names that hold one of the words"
    )
    parser.add_argument("--only-garments", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="where the contact sheets go")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each pair")
    parser.add_argument("--memory", action="store_true", help="make three pictures and tell the memory taken")
    parser.add_argument("--singles", action="store_true", help="also write each picture, lossless")
    options = parser.parse_args()
    people, clothes = (
        _pictures(options.persons, options.only_persons), _pictures(options.garments, options.only_garments)
    )  # fmt: skip
    if options.memory:
        memory(list(people.values()), list(clothes.values()))
        return
    if options.sheets is None:
        parser.error("--sheets says where the contact sheets go")
    options.sheets.mkdir(parents=True, exist_ok=True)
    wearers = read_persons(people)
    if options.mannequins:
        for figure in mannequins():
            if not options.only_persons or any(word in figure.key for word in options.only_persons):
                person = drawn.load(figure.key, "full")
                wearers.append(Wearer(figure.key, person.photo, person, 0.0))
    cloths = read_garments(clothes)
    print(
        f"\n{'person':16} {'garment':28} {'':6} {'ms':>6} {'colour':>6} {'changed':>8} {'left':>6} "
        f"{'edge':>6} {'stretch':>7} {'sure':>5}"
    )
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
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["person", "garment", "category", "refused", *FIGURES])
            writer.writerows(pair.cells() for pair in pairs)


if __name__ == "__main__":
    main()
