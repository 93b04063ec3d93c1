"""How well the fidelity measures tell good shots from spoilt ones.

    python -m benchmarks.fidelity [--persons DIR] [--garments DIR] [--shots DIR] [--limit N]

Shots are made by the local engine from the demo shop's pictures (and from ``--garments``) on mannequins (and on
``--persons``), then spoilt in known ways: another garment's shot, a changed colour, blur, a picture that was not
changed, a copy, an erased or melted face, a missing hand. For each way: the number of pictures, the measure of the
good and the spoilt ones (median), AUC (1.00: every spoilt one is told from every good one), and how many of each the
flags of ``tryon.studio.fidelity`` name. ``--shots`` keeps the made shots for the next run.
"""

# ruff: noqa: E402 - Django is set up first
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import cv2
import django
import numpy as np

django.setup()

from tryon import local_engine
from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.local_engine import nets as networks
from tryon.local_engine.imaging import Array, decode, encode_jpeg, resize
from tryon.studio import fidelity, measures

DEMO = Path(__file__).resolve().parents[1] / "tryon_shop" / "demo_pictures"
GARMENTS = {
    "breton-top-ecru-navy": "upper", "crew-tee-clay": "upper", "crew-tee-oat": "upper", "graphic-tee-moss": "upper",
    "oxford-shirt-check": "upper", "pique-polo-burgundy": "upper", "rib-tank-black": "upper",
    "roll-neck-camel": "upper",
    "cord-skirt-pine": "lower", "linen-shorts-sand": "lower", "straight-jeans-mid-blue": "lower",
    "slip-dress-copper": "full", "wrap-dress-dot": "full", "tee-dress-grey": "full",
}  # fmt: skip
LOWER, FULL = ("skirt", "shorts", "jeans", "trousers", "l01", "l02", "c08", "midi"), ("dress", "f01", "f02")
MANNEQUINS = ("f-m-tan", "m-m-brown", "f-l-dark")


@dataclass
class Shot:
    garment: str
    category: Category
    wearer: str
    drawn: bool
    data: bytes
    source: bytes
    model: bytes

    def measured(self, **changes: bytes) -> measures.Measures:
        given = {"shot": self.data, "source": self.source, "model": self.model, **changes}
        return measures.measure(
            given["shot"], given["source"], category=self.category, model=given["model"], drawn=self.drawn
        )


@dataclass
class Case:
    """One way to spoil a shot, and the measure that should tell. ``above``: spoilt ones measure more."""

    name: str
    flag: str
    value: Callable[[measures.Measures], float | None]
    above: bool = True
    good: list[float] = field(default_factory=list)
    bad: list[float] = field(default_factory=list)
    false_alarms: int = 0
    caught: int = 0

    def add(self, measured: measures.Measures, *, spoilt: bool) -> None:
        value = self.value(measured)
        if value is None:
            return
        (self.bad if spoilt else self.good).append(value)
        if self.flag in fidelity.judge(measured).flags:
            if spoilt:
                self.caught += 1
            else:
                self.false_alarms += 1

    @property
    def auc(self) -> float:
        good, bad = np.array(self.good)[:, None], np.array(self.bad)[None]
        wins = (bad > good) if self.above else (bad < good)
        return float((wins + 0.5 * (bad == good)).mean())

    def line(self) -> str:
        if not self.good or not self.bad:
            return f"{self.name:34} not run"
        return (
            f"{self.name:34} {len(self.good):4} {len(self.bad):4}  {np.median(self.good):7.3f} "
            f"{np.median(self.bad):7.3f}  {self.auc:5.3f}  "
            f"{self.false_alarms:3}/{len(self.good):<3} {self.caught:3}/{len(self.bad):<3}"
        )


# ---------------------------------------------------------------- good shots


def make_shots(persons: Path | None, extra: Path | None, cache: Path | None) -> Iterator[Shot]:
    chosen = [(DEMO / f"{name}.jpg", Category(category)) for name, category in GARMENTS.items()]
    if extra:
        chosen += [(path, _category(path.stem)) for path in sorted(extra.glob("*.jpg"))]
    photos = sorted(persons.glob("*.jpg")) if persons else []
    for number, (path, category) in enumerate(chosen):
        wearers: list[tuple[str, bytes, bool]] = []
        for step in range(2):
            key = MANNEQUINS[(number + step) % len(MANNEQUINS)]
            wearers.append((key, local_engine.mannequin_picture(key), True))
        for step in range(2 if photos else 0):
            photo = photos[(number + 3 * step) % len(photos)]
            wearers.append((photo.stem, photo.read_bytes(), False))
        for name, model, drawn in wearers:
            data = _made(path, category, name, model, drawn, cache)
            if data:
                yield Shot(path.stem, category, name, drawn, data, path.read_bytes(), model)


def _category(name: str) -> Category:
    if any(word in name for word in LOWER):
        return Category.LOWER
    return Category.FULL if any(word in name for word in FULL) else Category.UPPER


def _made(path: Path, category: Category, name: str, model: bytes, drawn: bool, cache: Path | None) -> bytes | None:
    kept = cache / f"{path.stem}__{name}.jpg" if cache else None
    if kept and kept.exists():
        return kept.read_bytes()
    try:
        if drawn:
            data = local_engine.model_shot(path.read_bytes(), mannequin=name, category=category.value).data
        else:
            data = local_engine.try_on(model, path.read_bytes(), category=category.value).data
    except TryOnError as error:
        print(f"{path.stem} on {name}: {error}", file=sys.stderr)
        return None
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
    return data


# ---------------------------------------------------------------- spoilt ones


def edited(data: bytes, change: Callable[[Array], Array]) -> bytes:
    return encode_jpeg(np.clip(change(decode(data)[0].astype(np.float32)), 0, 255).astype(np.uint8))


def shifted(degrees: float = 0.0, lighter: float = 0.0) -> Callable[[Array], Array]:
    """Other hue, or lighter by so much of 255, for everything that is not the white ground."""

    def change(picture: Array) -> Array:
        lab = cv2.cvtColor(picture.astype(np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)
        angle = np.radians(degrees)
        a, b = lab[..., 1] - 128, lab[..., 2] - 128
        lab[..., 1], lab[..., 2] = (
            128 + a * np.cos(angle) - b * np.sin(angle),
            128 + a * np.sin(angle) + b * np.cos(angle),
        )
        lab[..., 0] += lighter
        return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32)

    return change


def blurred(sigma: float) -> Callable[[Array], Array]:
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))


def enlarged(picture: Array) -> Array:
    """As if it had been made at a third of the size."""
    small = resize(picture, (picture.shape[0] // 3, picture.shape[1] // 3))
    return np.asarray(cv2.resize(small, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC))


def _face_box(shot: Shot) -> tuple[int, int, int, int] | None:
    faces = networks.find_faces(networks.load(), decode(shot.data)[0])
    if not faces:
        return None
    x0, y0, x1, y1 = (int(v) for v in max(faces, key=lambda face: face.width).box)
    return max(0, x0), max(0, y0), x1, y1


def erased_face(box: tuple[int, int, int, int]) -> Callable[[Array], Array]:
    def change(picture: Array) -> Array:
        x0, y0, x1, y1 = box
        part = picture[y0:y1, x0:x1]
        part[:] = cv2.GaussianBlur(part, (0, 0), 0.18 * (x1 - x0))
        return picture

    return change


def melted_face(box: tuple[int, int, int, int]) -> Callable[[Array], Array]:
    """Eyes and mouth drawn out of their places by a strong swirl."""

    def change(picture: Array) -> Array:
        x0, y0, x1, y1 = box
        part = picture[y0:y1, x0:x1]
        height, width = part.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        dy, dx = y - height / 2, x - width / 2
        radius = np.hypot(dy / height, dx / width) * 2
        turn = 2.2 * np.clip(1 - radius, 0, 1)
        sx, sy = width / 2 + dx * np.cos(turn) - dy * np.sin(turn), height / 2 + dx * np.sin(turn) + dy * np.cos(turn)
        part[:] = cv2.remap(part.copy(), sx.astype(np.float32), sy.astype(np.float32), cv2.INTER_LINEAR)
        return picture

    return change


def second_person(picture: Array) -> Array:
    return np.concatenate([picture, picture[:, ::-1]], 1)


def without_hands(shot: Shot) -> bytes | None:
    """Both hands painted over with the colour of the background."""
    picture = measures.shrink(decode(shot.data)[0], measures.WORK_SIDE)
    figure = measures.find_figure(networks.load(), picture)
    if figure is None or not measures.hands(picture, figure):
        return None

    def change(picture: Array) -> Array:
        scale = max(1.0, max(picture.shape[:2]) / measures.WORK_SIDE)
        mask = np.zeros(picture.shape[:2], np.uint8)
        for arm in measures.ARMS.values():
            wrist, elbow = figure.joints[arm.wrist], figure.joints[arm.elbow]
            tip = wrist + 0.3 * (wrist - elbow)
            radius = int(scale * 0.34 * np.linalg.norm(wrist - elbow))
            cv2.circle(mask, tuple(int(v) for v in tip * scale), max(2, radius), 1, -1)
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)[..., None]
        return np.asarray(picture * (1 - soft) + np.median(picture[:20], (0, 1)) * soft)

    return edited(shot.data, change)


# ---------------------------------------------------------------- all of it


def run(shots: list[Shot]) -> list[Case]:
    colour = ("colour", lambda m: m.colour)
    cases = {
        "swap": Case("another garment of the category", *colour),
        "hue": Case("hue turned by 50 degrees", *colour),
        "light": Case("24 % lighter or darker", *colour),
        "slight": Case("hue turned by 20 degrees", *colour),
        "blur": Case("blur, sigma 2", "sharpness", lambda m: m.sharpness, above=False),
        "enlarged": Case("made at a third of the size", "sharpness", lambda m: m.sharpness, above=False),
        "unchanged": Case("the model's own picture", "unchanged", lambda m: m.changed_model, above=False),
        "source": Case("the garment's own picture", "unchanged", lambda m: m.changed_source, above=False),
        "erased": Case("face blurred away", "face", lambda m: m.face, above=False),
        "melted": Case("face melted", "face", lambda m: m.face, above=False),
        "two": Case("a second person", "people", lambda m: float(m.people)),
        "hands": Case("hands painted over", "hands", _least_skin, above=False),
    }
    for number, shot in enumerate(shots):
        good = shot.measured()
        for case in cases.values():
            case.add(good, spoilt=False)
        others = [
            o for o in shots if o.category == shot.category and o.garment.split("-")[0] != shot.garment.split("-")[0]
        ]
        spoilt = {
            "swap": {"source": others[number % len(others)].source},
            "hue": {"source": edited(shot.source, shifted(50))},
            "light": {"source": edited(shot.source, shifted(lighter=60 if number % 2 else -60))},
            "slight": {"source": edited(shot.source, shifted(20))},
            "blur": {"shot": edited(shot.data, blurred(2.0))},
            "enlarged": {"shot": edited(shot.data, enlarged)},
            "unchanged": {"shot": edited(shot.model, lambda picture: picture + 2)},
            "source": {"shot": edited(shot.source, lambda picture: picture + 2)},
        }
        box = None if shot.drawn else _face_box(shot)
        if box:
            spoilt["erased"] = {"shot": edited(shot.data, erased_face(box))}
            spoilt["melted"] = {"shot": edited(shot.data, melted_face(box))}
            spoilt["two"] = {"shot": edited(shot.data, second_person)}
        if hands := without_hands(shot):
            spoilt["hands"] = {"shot": hands}
        for name, changes in spoilt.items():
            cases[name].add(shot.measured(**changes), spoilt=True)
    return [*cases.values(), copies(shots)]


def _least_skin(measured: measures.Measures) -> float | None:
    return min((hand.skin for hand in measured.hands), default=None)


def copies(shots: list[Shot]) -> Case:
    """Different shots of one garment against the same shot encoded again, a little lighter and smaller."""
    case = Case("a copy of another shot", "duplicate", lambda m: None, above=False)
    hashes = [(shot, measures.perceptual_hash(decode(shot.data)[0])) for shot in shots]
    for shot, own in hashes:
        for other, theirs in hashes:
            if shot is not other and shot.garment == other.garment:
                distance = measures.hash_distance(own, theirs)
                case.good.append(distance)
                case.false_alarms += distance <= fidelity.SAME_HASH
        again = edited(shot.data, lambda picture: cv2.resize(picture, None, fx=0.8, fy=0.8) + 5)
        distance = measures.hash_distance(own, measures.perceptual_hash(decode(again)[0]))
        case.bad.append(distance)
        case.caught += distance <= fidelity.SAME_HASH
    return case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("persons", "garments", "shots"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--limit", type=int, default=0)
    given = parser.parse_args()
    shots = list(make_shots(given.persons, given.garments, given.shots))
    shots = shots[:: max(1, len(shots) // given.limit)] if given.limit else shots
    print(f"{len(shots)} shots")
    print(f"{'spoilt by':34} {'good':>4} {'bad':>4}  {'good':>7} {'bad':>7}  {'AUC':>5}  false   caught")
    for case in run(shots):
        print(case.line())


if __name__ == "__main__":
    main()
