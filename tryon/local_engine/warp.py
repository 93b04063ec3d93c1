"""Where each piece of a top or dress goes on the wearer: a spline for the torso, strips for the sleeves.

A garment's "L" is the left of the product picture and lands on the wearer's "R".
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .body import Body, Limb
from .garment import Garment
from .geometry import smooth, smoothstep, thin_plate_spline, vec
from .imaging import Array, dilate
from .joints import ARMS, OTHER
from .landmarks import SIDE_ROWS, SLEEVE_ROWS, Sleeve, TopLandmarks
from .mesh import MeshPart, strip

EASE = 1.05  # garment chest to body chest
_TOP_LENGTH = 0.87  # photographed tops look longer than they hang
_LONG_SLEEVE = 0.74  # sleeve to body length from which a sleeve goes to the wrist
_SIDES = (("L", -1), ("R", 1))  # picture side and its direction


@dataclass(slots=True)
class Fit:
    """Target positions of a top's landmarks on the wearer."""

    neck: dict[str, Array]
    shoulder: dict[str, Array]
    armpit: dict[str, Array]
    sides: dict[str, Array]  # (40, 2)
    neck_u: float
    armpit_axial: float
    hem_axial: float
    across_scale: float  # person pixels per garment pixel
    down_scale: float

    @property
    def neck_middle(self) -> Array:
        return (self.neck["L"] + self.neck["R"]) / 2

    @property
    def outline(self) -> Array:
        """Polygon of the garment's body below the shoulders."""
        left = self.armpit["L"] * 0.75 + self.shoulder["L"] * 0.25 + (self.neck_middle - self.armpit["L"]) * 0.06
        right = self.armpit["R"] * 0.75 + self.shoulder["R"] * 0.25 + (self.neck_middle - self.armpit["R"]) * 0.06
        return np.vstack([left, self.sides["L"], self.sides["R"][::-1], right])


def plan_top(body: Body, garment: Garment) -> tuple[list[MeshPart], Fit]:
    """-> (meshes with the torso first, fit)."""
    marks = garment.top
    if marks is None:
        raise ValueError("the garment has no landmarks of a top")
    fit = _fit(body, garment, marks)
    parts = [_torso_mesh(body, garment, marks, fit)]
    for side, sleeve in marks.sleeves.items():
        wearer = OTHER[side]
        if body.person.arm_visible(wearer) >= 0.15:
            parts.append(_sleeve_mesh(body, marks, fit, side, sleeve))
    return parts, fit


# ---- where the landmarks go


def _fit(body: Body, garment: Garment, marks: TopLandmarks) -> Fit:
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
    neck_u, shoulder_u = _shoulder_spread(marks, half)
    fit = Fit(
        {}, {}, {}, {}, neck_u, armpit_axial, hem_axial, across_scale, (hem_axial - top_axial) * torso / marks.length
    )
    for side, direction in _SIDES:
        wearer = OTHER[side]
        fit.neck[side] = body.on_shoulder(direction * neck_u + body.neck_shift * 0.9)
        fit.shoulder[side] = body.on_shoulder(direction * shoulder_u)
        if side in marks.sleeves:
            arm = body.arms[wearer]
            fit.shoulder[side] = arm.centre[0] + arm.normal[0] * (arm.outer[0] + 0.012 * width)
        fit.armpit[side] = body.at(armpit_axial, direction * chest_half[wearer] * EASE)
        fit.sides[side] = _side_target(body, garment, marks, fit, side, chest_half[wearer] * EASE)
    return fit


def _hem_axial(body: Body, garment: Garment, natural: float) -> float:
    """Hem position; a short top is pulled down a little when that hides the hem of the old one."""
    if garment.category == "full":
        return float(np.clip(natural, 1.45, 3.2))
    axial = float(np.clip(natural, 0.72, 1.32))
    parts = body.person.parts
    old = parts.hem if parts is not None else None
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
        return neck_u, 0.555
    return neck_u, float(np.clip(reach["shoulder"] * half * 1.03, neck_u + 0.05, 0.58))


def _side_target(body: Body, garment: Garment, marks: TopLandmarks, fit: Fit, side: str, armpit_half: float) -> Array:
    """(40, 2): the garment's own width, kept between the body's width and a limit."""
    wearer, direction = OTHER[side], -1 if side == "L" else 1
    along = np.linspace(0, 1, SIDE_ROWS)
    axial = fit.armpit_axial + (fit.hem_axial - fit.armpit_axial) * along
    natural = np.abs(marks.sides[side][:, 0] - marks.centre_x) * fit.across_scale / body.width
    natural *= 0.92 if marks.flatness > 0.5 else 1.0
    least = body.half_at(wearer, np.minimum(axial, 1.25))
    if garment.category == "full":
        least = least * np.where(axial > 1.25, 1 - 0.25 * smoothstep(1.25, 2.2, axial), 1)
    half = np.clip(natural, least * 1.015, least * (1.2 if garment.category == "upper" else 2.3))
    half = smooth(half, 11, mirror=True)
    half[0] = armpit_half
    return body.at(axial, direction * half)


# ---- torso


def _torso_mesh(body: Body, garment: Garment, marks: TopLandmarks, fit: Fit) -> MeshPart:
    source, target = _control_points(body, garment, marks, fit)
    mapping = thin_plate_spline(source, target)
    polygon = _torso_polygon(marks)
    step = max(3.0, marks.chest / 26)
    low, high = polygon.min(0), polygon.max(0)
    xs, ys = np.arange(low[0] - step, high[0] + 2 * step, step), np.arange(low[1] - step, high[1] + 2 * step, step)
    grid = np.stack(np.meshgrid(xs, ys), -1)
    placed = mapping(grid.reshape(-1, 2)).reshape(grid.shape)
    return MeshPart(
        "torso", grid, placed, _cloth_coordinates(grid, marks), _cells_near(polygon, grid, garment.alpha, step), polygon
    )


def _control_points(body: Body, garment: Garment, marks: TopLandmarks, fit: Fit) -> tuple[Array, Array]:
    """About 45 pairs: neck, shoulder slope, seams, sides, mid line, front neck drop, collar."""
    pairs: list[tuple[Array, Array]] = []
    for side, _ in _SIDES:
        pairs += [(marks.neck[side], fit.neck[side]), (marks.shoulder[side], fit.shoulder[side])]
        pairs += _slope_points(body, garment, marks, fit, side)
        pairs.append(_seam_point(marks, fit, side))
    for i in [*range(0, SIDE_ROWS, 4), SIDE_ROWS - 1]:
        left, right = (marks.sides["L"][i], fit.sides["L"][i]), (marks.sides["R"][i], fit.sides["R"][i])
        pairs += [left, right, ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)]
    neck_middle = (marks.neck["L"] + marks.neck["R"]) / 2
    head = body.person.head
    if marks.collar is not None:
        height = (neck_middle[1] - marks.collar.top) * fit.down_scale
        to_chin = float(np.linalg.norm(head.chin - fit.neck_middle)) * 0.9 if head is not None else np.inf
        height = min(height, to_chin, 0.45 * body.width)
        for side, _ in _SIDES:
            inwards = (fit.neck_middle - fit.neck[side]) * 0.10
            top = np.array([marks.neck[side][0], marks.collar.top])
            pairs.append((top, fit.neck[side] - body.down * height + inwards))
    elif marks.neckline is not None:
        front = marks.neckline[len(marks.neckline) // 2, 1]
        front = front if marks.inside_back is not None else max(marks.neck_opening, neck_middle[1])
        drop = max((front - neck_middle[1]) * min(fit.down_scale, fit.across_scale), 0.02 * body.width)
        pairs.append((np.array([marks.centre_x, front]), fit.neck_middle + body.down * drop))
    return np.array([a for a, _ in pairs], float), np.array([b for _, b in pairs], float)


def _slope_points(body: Body, garment: Garment, marks: TopLandmarks, fit: Fit, side: str) -> list[tuple[Array, Array]]:
    """Two points of the shoulder slope between neck and shoulder end."""
    direction = -1 if side == "L" else 1
    end_u = abs(body.frame(fit.shoulder[side])[1])
    start_u = direction * fit.neck_u + body.neck_shift * 0.9
    pairs = []
    for t in (0.33, 0.66):
        x, line = marks.neck[side] * (1 - t) + marks.shoulder[side] * t
        cloth = np.flatnonzero(garment.mask[:, int(np.clip(x, 0, garment.mask.shape[1] - 1))])
        if not len(cloth):
            continue
        y = cloth[0] if abs(cloth[0] - line) < 0.07 * marks.chest else line
        on_body = body.on_shoulder(start_u * (1 - t) + direction * end_u * t) - body.down * 0.008 * body.width
        pairs.append((np.array([x, y]), on_body))
    return pairs


def _seam_point(marks: TopLandmarks, fit: Fit, side: str) -> tuple[Array, Array]:
    """The middle of the armhole, slightly inwards, keeps the seam's line tidy."""
    inwards = 0.02 * marks.chest * (1 if side == "L" else -1)
    to_right = fit.armpit["R"] - fit.armpit["L"]
    source = marks.shoulder[side] * 0.45 + marks.armpit[side] * 0.55 + np.array([inwards, 0])
    target = fit.shoulder[side] * 0.45 + fit.armpit[side] * 0.55
    return source, target + to_right / np.hypot(*to_right) * inwards * fit.across_scale


def _torso_polygon(marks: TopLandmarks) -> Array:
    """The garment's body in its picture: cut at the sleeve seams, with a margin elsewhere."""
    chest = marks.chest
    margin = (-0.012 if marks.low_armpits else 0.03) * chest
    below_hem = float(np.clip(marks.hem_middle - marks.hem, 0, 0.12 * chest)) + 0.03 * chest
    neck_top = min(marks.neck["L"][1], marks.neck["R"][1])
    top = (marks.collar.top if marks.collar is not None else neck_top) - 0.04 * chest

    def edge(side: str, direction: int) -> list[Array]:
        neck, shoulder, armpit = marks.neck[side], marks.shoulder[side], marks.armpit[side]
        sleeved = side in marks.sleeves
        beside = direction * (0.018 if sleeved else 0.05) * chest
        out = np.array([direction * chest, 0.0])
        points = [
            np.array([neck[0], top]) + out * 0.02,
            neck + out * 0.02 - vec(0, 0.04 * chest),
            (neck + shoulder) / 2 + out * 0.01 - vec(0, 0.05 * chest),
            shoulder + vec(beside * 0.3, -(0.05 if sleeved else 0.04) * chest),
            shoulder + vec(beside, 0),
            armpit + vec(beside, 0),
        ]
        points += list(marks.sides[side][3:] + vec(direction * margin, 0))
        return [*points, marks.sides[side][-1] + vec(direction * margin, below_hem)]

    return np.array(edge("L", -1) + edge("R", 1)[::-1], float)


def _cells_near(polygon: Array, grid: Array, alpha: Array, step: float) -> Array:
    """Which mesh cells touch the polygon and lie on the picture."""
    mask = np.zeros((alpha.shape[0] + 2, alpha.shape[1] + 2), np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 8).astype(np.int32)], 255, cv2.LINE_8, 3)
    mask = dilate(mask, int(np.ceil(step / 2)))
    centres = (grid[:-1, :-1] + grid[1:, 1:]) / 2
    xs = np.clip(np.round(centres[..., 0]).astype(int), 0, mask.shape[1] - 1)
    ys = np.clip(np.round(centres[..., 1]).astype(int), 0, mask.shape[0] - 1)
    on_picture = (centres >= -step).all(-1) & (centres <= np.array(mask.shape[::-1]) + step).all(-1)
    return np.asarray((mask[ys, xs] > 0) & on_picture)


def _cloth_coordinates(grid: Array, marks: TopLandmarks) -> Array:
    """u: -1 and 1 at the sides. v: 1 at the shoulders, 2 at the armpits, 5 at the hem."""
    y = grid[..., 1]
    left, right = (np.interp(y, marks.sides[s][:, 1], marks.sides[s][:, 0]) for s in "LR")
    u = (grid[..., 0] - (left + right) / 2) / np.maximum(1, (right - left) / 2)
    shoulders = (marks.shoulder["L"][1] + marks.shoulder["R"][1]) / 2
    armpits = (marks.armpit["L"][1] + marks.armpit["R"][1]) / 2
    above = 1 + (y - shoulders) / max(8.0, 0.2 * marks.chest)
    upper = 1 + (y - shoulders) / max(1.0, armpits - shoulders)
    lower = 2 + 3 * (y - armpits) / max(1.0, marks.hem - armpits)
    v = np.where(y < shoulders, above, np.where(y < armpits, upper, lower))
    return np.stack([u, v], -1).astype(np.float32)


# ---- sleeves


def _sleeve_mesh(body: Body, marks: TopLandmarks, fit: Fit, side: str, sleeve: Sleeve) -> MeshPart:
    wearer, width = OTHER[side], body.width
    arm = body.arms[wearer]
    relative = sleeve.length / marks.length
    if relative > _LONG_SLEEVE:
        end = arm.total
    else:
        end = float(np.clip(sleeve.length * fit.down_scale * 0.97 + 0.06 * width, 0.16 * arm.total, arm.total))
    along = np.linspace(0, 1, SLEEVE_ROWS)
    distance = end * along
    centre, normal, outer, inner = arm.at(distance)
    wider = _sleeve_ease(sleeve, marks, fit, relative, along, (outer + inner) / 2, width)
    upper_edge = centre + normal * (outer + wider * 0.9)[:, None]
    under_normal = _under_normal(body, arm, wearer, distance, normal)
    under_edge = centre - under_normal * (inner + wider * 1.1)[:, None]
    joined = smoothstep(0, 0.75 if relative < 0.5 else 0.30, along)[:, None]
    under_edge = (1 - joined) * (fit.armpit[side] + (centre - centre[0]) * 0.8) + joined * under_edge
    under = sleeve.under
    if marks.low_armpits:  # the sleeve touches the body: stay clear of the seam of background between them
        under = under + (sleeve.over - under) * 0.06
    part = strip("sleeve" + wearer, (sleeve.over, under), (upper_edge, under_edge), (0.0, 1.0), 13, 0.07)
    # one more row past the cuff, so that the garment's own alpha ends it
    for name in ("source", "target", "uv"):
        rows = getattr(part, name)
        setattr(part, name, np.concatenate([rows, (rows[-1] + (rows[-1] - rows[-2]) * 0.9)[None]]).astype(rows.dtype))
    part.side, part.reach = wearer, end
    return part


def _sleeve_ease(
    sleeve: Sleeve, marks: TopLandmarks, fit: Fit, relative: float, along: Array, bare: Array, width: float
) -> Array:
    """How much wider than the bare arm the sleeve is, as extra half width in pixels."""
    natural = np.hypot(*(sleeve.over - sleeve.under).T) * fit.across_scale * 0.5
    natural *= 0.92 if marks.flatness > 0.5 else 1.0
    short = relative < 0.5
    wanted = np.clip(
        natural * (1.0 if short else 0.88),
        bare * 1.05 + 0.008 * width,
        bare * (1.40 if short else 1.24) + 0.012 * width,
    )
    return np.asarray((wanted - bare) * smoothstep(-0.05, 0.5 if short else 0.25, along) + 0.010 * width * (1 - along))


def _under_normal(body: Body, arm: Limb, wearer: str, distance: Array, normal: Array) -> Array:
    """Above the elbow the underside follows the straight upper arm, below it the curved axis."""
    joints = ARMS[wearer]
    upper = body.person.joints[joints.elbow] - body.person.joints[joints.shoulder]
    upper = upper / (np.hypot(*upper) + 1e-6)
    straight = np.array([upper[1], -upper[0]]) * joints.sign
    weight = smoothstep(0.45 * arm.to_elbow, 0.95 * arm.to_elbow, distance)[:, None]
    mixed = straight[None] * (1 - weight) + normal * weight
    return np.asarray(mixed / np.hypot(*mixed.T)[:, None])
