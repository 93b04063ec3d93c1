"""How likely a shop would show a finished picture: a product of factors, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body
from .dressed import Dressed
from .garment import Garment
from .joints import ARMS, NOSE
from .person import Person, sits

_WARNINGS = {
    "garment_background_textured": 0.92, "garment_worn_by_model": 0.75, "crotch_guessed": 0.6,
    "outline_uncertain": 0.75, "photo_dark": 0.9, "arm_outside_frame": 0.9, "child_sized": 0.9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judgement:
    confidence: float  # 0 to 1
    reasons: tuple[str, ...]  # what lowered it, worst first
    garment_is_weak: bool  # the garment's picture lowered it more than the person's photo


def judge(done: Dressed, garment: Garment) -> Judgement:
    """Multiplies what is known to spoil pictures."""
    of_garment, of_person = garment_factors(garment), person_factors(done)
    confidence = 0.97 * float(np.prod([*of_garment.values(), *of_person.values()]))
    worst = sorted({**of_garment, **of_person}.items(), key=lambda item: item[1])
    weak = float(np.prod([*of_garment.values(), 1.0])) < float(np.prod([*of_person.values(), 1.0]))
    return Judgement(confidence, tuple(name for name, factor in worst if factor < 0.96), weak)


def _falling(value: float, good: float, bad: float, least: float) -> float:
    """1 up to ``good``, ``least`` from ``bad`` on."""
    share = min(1.0, max(0.0, (value - good) / (bad - good)))
    return 1 - (1 - least) * share


def garment_factors(garment: Garment) -> dict[str, float]:
    factors = {warning: _WARNINGS[warning] for warning in garment.warnings if warning in _WARNINGS}
    factors["lopsided outline"] = _falling(1 - symmetry(garment), 0.17, 0.36, 0.35)
    factors["cut off by the frame"] = (1.0, 0.85, 0.55, 0.3, 0.2)[garment.cut_sides]
    marks = garment.top
    if marks is not None:
        lengths = [sleeve.length for sleeve in marks.sleeves.values()]
        if len(lengths) == 1:
            factors["only one sleeve found"] = 0.55
        elif len(lengths) == 2:
            factors["uneven sleeves"] = _falling(max(lengths) / max(1.0, min(lengths)), 1.35, 2.0, 0.75)
    return factors


def symmetry(garment: Garment) -> float:
    """Intersection over union of the outline and its mirror image; clothes spread out evenly are above 0.8."""
    mask, middle = garment.mask > 0, garment.silhouette.centre_x
    width = mask.shape[1]
    columns = np.round(2 * middle - np.arange(width)).astype(int)
    inside = (columns >= 0) & (columns < width)
    mirrored = np.zeros_like(mask)
    mirrored[:, inside] = mask[:, columns[inside]]
    return float((mask & mirrored).sum() / max(1, (mask | mirrored).sum()))


def person_factors(done: Dressed) -> dict[str, float]:
    person = done.person
    if person.drawn:
        return {}
    factors = {warning: _WARNINGS[warning] for warning in person.warnings if warning in _WARNINGS}
    # beside bare legs there is only floor and wall, beside the trunk an arm, whose edge has to be right
    good, bad = (0.045, 0.12) if done.layers[0][0].part.name == "torso" else (0.06, 0.18)
    factors["bulky clothes in the photo"] = _falling(done.invented.background, good, bad, 0.25)
    factors["bare arms or legs were painted"] = _falling(done.invented.skin, 0.03, 0.22, 0.6)
    factors["an arm in front of the body"] = _arms_in_front(done.body)
    factors["turned to the side"] = _falling(_turn(person), 0.22, 0.5, 0.5)
    if sits(person):
        factors["seated"] = 0.85
    return factors


def _arms_in_front(body: Body) -> float:
    person, factor = body.person, 1.0
    for side, arm in ARMS.items():
        if person.visibility[arm.wrist] < 0.4:
            continue
        for joint, depth in ((arm.wrist, 0.75), (arm.elbow, 0.65)):
            axial, u = body.frame(person.joints[joint])
            if 0.1 < axial < 0.95 and u * arm.sign < 0.55 * float(body.half_at(side, axial)):
                factor *= depth
    return factor


def _turn(person: Person) -> float:
    """How far the nose is off the middle of the shoulders, in shoulder widths."""
    offset = person.joints[NOSE] - person.shoulder_centre
    return abs(float(offset @ person.across)) / person.shoulder_width
