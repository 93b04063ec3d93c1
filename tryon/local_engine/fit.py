"""Where a top's or dress's landmarks land on the wearer, and how far it may be stretched to get there.

A garment's "L" is the left of the product picture and lands on the wearer's "R".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body, mask_reach, without_arms
from .garment import Garment
from .geometry import smooth, smoothstep
from .imaging import Array
from .joints import ARMS, OTHER
from .landmarks import SIDE_ROWS, TopLandmarks
from .person import sits

EASE = 1.06  # garment chest to body chest
_WIDEST = 1.13  # how much more a top may be widened that would have to be stretched down
_TOP_LENGTH = 0.94  # photographed tops look longer than they hang
_SLEEVED_SHOULDER = 0.555  # |u| of the seam between shoulder and sleeve
_CHEST_SCALE = (0.93, 1.05)  # limits of the chest's vertical by horizontal scale: a round print stays round
PICTURE_SIDES = (("L", -1), ("R", 1))  # picture side and its direction


@dataclass(slots=True)
class Fit:
    """Target positions of a top's landmarks on the wearer."""

    neck: dict[str, Array]
    shoulder: dict[str, Array]
    armpit: dict[str, Array]
    sides: dict[str, Array]  # (40, 2)
    middle: Array  # (40, 2) the mid line between them
    neck_u: float
    armpit_axial: float
    hem_axial: float
    across_scale: float  # person pixels per garment pixel
    down_scale: float
    ease: float  # garment width to body width at the armpits

    @property
    def neck_middle(self) -> Array:
        return (self.neck["L"] + self.neck["R"]) / 2

    @property
    def outline(self) -> Array:
        """Polygon of the garment's body below the shoulders."""
        left = self.armpit["L"] * 0.75 + self.shoulder["L"] * 0.25 + (self.neck_middle - self.armpit["L"]) * 0.06
        right = self.armpit["R"] * 0.75 + self.shoulder["R"] * 0.25 + (self.neck_middle - self.armpit["R"]) * 0.06
        return np.vstack([left, self.sides["L"], self.sides["R"][::-1], right])


def fit_top(body: Body, garment: Garment, marks: TopLandmarks) -> Fit:
    width, torso = body.width, body.torso
    armpit_axial = float(np.clip(0.40 * width / torso, 0.2, 0.38))
    chest_half = {side: float(body.half_at(side, armpit_axial + 0.06)) for side in ARMS}
    half = (chest_half["L"] + chest_half["R"]) / 2
    across_scale = 2 * half * EASE * width / marks.chest
    top_axial = -0.12 * width / torso
    # wider sizes are hardly longer: length follows the width only in part
    natural = marks.length * across_scale * (1 + 0.18 * marks.flatness) * float(np.clip(0.50 / half, 0.7, 1.15)) ** 0.6
    if garment.category == "upper":
        natural *= _TOP_LENGTH
    hem_axial = _hem_axial(body, garment, top_axial + natural / torso)
    down_scale = (hem_axial - top_axial) * torso / marks.length
    ease = EASE
    if garment.category == "upper":  # a boxy top that has to reach a low hem is worn wide rather than stretched
        ease *= float(np.clip(down_scale / (across_scale * _CHEST_SCALE[1]), 1.0, _WIDEST))
        across_scale *= ease / EASE
    neck_u, shoulder_u = _shoulder_spread(marks, half)
    fit = Fit({}, {}, {}, {}, np.empty((0, 2)), neck_u, armpit_axial, hem_axial, across_scale, down_scale, ease)
    for side, direction in PICTURE_SIDES:
        wearer = OTHER[side]
        fit.neck[side] = body.on_shoulder(direction * neck_u + body.neck_shift * 0.9)
        fit.shoulder[side] = body.on_shoulder(direction * shoulder_u)
        if side in marks.sleeves:
            arm = body.arms[wearer]
            fit.shoulder[side] = arm.centre[0] + arm.normal[0] * (arm.outer[0] + 0.012 * width)
        snug = ease if side in marks.sleeves else 0.99  # an armhole lies on the body, a sleeve's seam need not
        fit.armpit[side] = body.at(armpit_axial, direction * chest_half[wearer] * snug)
    _place_sides(body, garment, marks, fit)
    return fit


def _place_sides(body: Body, garment: Garment, marks: TopLandmarks, fit: Fit) -> None:
    """Sides and mid line from the armpits to the hem, in two passes: the rows depend on the width and back."""
    along = np.linspace(0, 1, SIDE_ROWS)
    source = marks.sides["R"][:, 0] - marks.sides["L"][:, 0]
    for _ in range(2):
        axial = fit.armpit_axial + (fit.hem_axial - fit.armpit_axial) * along
        for side, direction in PICTURE_SIDES:
            armpit_half = abs(body.frame(fit.armpit[side])[1])
            fit.sides[side] = body.at(
                axial, direction * _half_widths(body, garment, marks, fit, side, axial, armpit_half)
            )
        chest = slice(0, SIDE_ROWS // 3)
        across = np.hypot(*(fit.sides["R"] - fit.sides["L"]).T)[chest] / np.maximum(source[chest], 1)
        scale = float(np.median(across))
        along = _rows_down(marks, fit, scale, body.torso)
    middle = (fit.sides["L"] + fit.sides["R"]) / 2
    lift = _middle_lift(body, marks, fit, scale)
    fit.middle = middle - body.down * (lift * (1 - smoothstep(0.0, 0.6, np.linspace(0, 1, SIDE_ROWS))))[:, None]


def _rows_down(marks: TopLandmarks, fit: Fit, across: float, torso: float) -> Array:
    """(40,) place of each row between armpits and hem, 0 to 1: true to the width at the chest, the rest lower down."""
    source = max(1.0, marks.hem - (marks.armpit["L"][1] + marks.armpit["R"][1]) / 2)
    overall = (fit.hem_axial - fit.armpit_axial) * torso / source
    chest = float(np.clip(overall, _CHEST_SCALE[0] * across, _CHEST_SCALE[1] * across))
    blend = smoothstep(0.2, 0.75, np.linspace(0, 1, SIDE_ROWS))
    low = max(0.4 * chest, chest + (overall - chest) / float(blend.mean()))
    scale = chest + (low - chest) * blend
    rows = np.concatenate([[0.0], np.cumsum((scale[1:] + scale[:-1]) / 2)])
    return np.asarray(rows / rows[-1])


def _middle_lift(body: Body, marks: TopLandmarks, fit: Fit, across: float) -> float:
    """Pixels by which the cloth's middle hangs above the armpit line: sloping shoulders drop a flat top's sides."""
    front = front_neck(body, marks, fit)
    if front is None:
        return 0.0
    source_y, target = front
    below_neck = ((marks.armpit["L"][1] + marks.armpit["R"][1]) / 2 - source_y) * across * _CHEST_SCALE[1]
    at_sides = float(((fit.armpit["L"] + fit.armpit["R"]) / 2 - target) @ body.down)
    return float(np.clip(at_sides - below_neck, 0, 0.12 * body.width))


def front_neck(body: Body, marks: TopLandmarks, fit: Fit) -> tuple[float, Array] | None:
    """-> (y of the front neckline's middle in the garment's picture, its place on the wearer); None under a collar."""
    if marks.collar is not None or marks.neckline is None:
        return None
    neck = (marks.neck["L"][1] + marks.neck["R"][1]) / 2
    front = float(marks.neckline[len(marks.neckline) // 2, 1])
    front = front if marks.inside_back is not None else max(marks.neck_opening, neck)
    drop = max((front - neck) * min(fit.down_scale, fit.across_scale), 0.02 * body.width)
    return front, fit.neck_middle + body.down * drop


def _hem_axial(body: Body, garment: Garment, natural: float) -> float:
    """Hem position; a short top is pulled down a little when that hides the hem of the old one."""
    if garment.category == "full":
        return float(np.clip(natural, 1.45, 3.2))
    # a long top on a wide or short body is not a tunic: beyond the hips the length counts in part
    axial = float(np.clip(natural if natural < 1.0 else 1.0 + 0.6 * (natural - 1.0), 0.72, 1.32))
    parts = body.person.parts
    old = parts.hem if parts is not None else None
    if sits(body.person):  # the lap hides the hem
        return axial
    if old is not None and old < 1.35 and old - 0.32 < axial < old + 0.03:
        axial = old + 0.035
    return axial


def _shoulder_spread(marks: TopLandmarks, half: float) -> tuple[float, float]:
    """-> |u| of the neck points and of the shoulder ends."""
    reach = {name: np.mean([abs(points[s][0] - marks.centre_x) for s in "LR"]) / (marks.chest / 2)
             for name, points in (("neck", marks.neck), ("shoulder", marks.shoulder))}  # fmt: skip
    if marks.collar is None:
        neck_u = float(np.clip(reach["neck"] * half * 1.02, 0.235, 0.43))
    else:
        neck_u = float(np.clip(reach["neck"] * half, 0.215, 0.30))
    if marks.sleeves:
        # a neck that ends where the sleeves begin leaves the shoulders bare
        bare = smoothstep(0.72, 0.86, reach["neck"])
        beside_sleeve = _SLEEVED_SHOULDER - (reach["shoulder"] - reach["neck"]) * half
        return float(neck_u + bare * max(0.0, beside_sleeve - neck_u)), _SLEEVED_SHOULDER
    return neck_u, float(np.clip(reach["shoulder"] * half * 1.03, neck_u + 0.05, 0.58))


def _half_widths(
    body: Body, garment: Garment, marks: TopLandmarks, fit: Fit, side: str, axial: Array, armpit_half: float
) -> Array:
    """(40,) half widths: the garment's own, kept between the body's width and a limit."""
    # cloth that was spread out crookedly hangs evenly all the same
    natural = (marks.sides["R"][:, 0] - marks.sides["L"][:, 0]) / 2 * fit.across_scale / body.width
    least = _body_half(body, OTHER[side], np.minimum(axial, 1.25))
    most = least * (1.2 if garment.category == "upper" else 2.4)  # of the hips, all the way down a skirt
    if garment.category == "full":
        least = least * np.where(axial > 1.25, 1 - 0.25 * smoothstep(1.25, 2.2, axial), 1)
    half = np.clip(natural, least * 1.015, most)
    half = smooth(half, 11, mirror=True)
    half[0] = armpit_half
    return np.asarray(half)


def _body_half(body: Body, wearer: str, axial: Array) -> Array:
    """Half widths of the clothed body; beside a bare forearm as the picture shows them, hips included."""
    usual, person = body.half_at(wearer, axial), body.person
    if person.drawn or person.parts is None or (person.parts.sleeve[wearer] or 0.0) > 0.4:
        return usual
    sideways = np.repeat((body.across * ARMS[wearer].sign)[None], len(axial), 0)
    span = usual * body.width
    reach = mask_reach(without_arms(person), person.scale, body.at(axial, 0.0), sideways, 0.8 * span, 1.3 * span)
    seen = np.where(np.isnan(reach), usual, np.clip(reach / body.width, 0.9 * usual, 1.2 * usual))
    weight = smoothstep(0.35, 0.5, axial)
    return smooth(usual * (1 - weight) + seen * weight, 7)
