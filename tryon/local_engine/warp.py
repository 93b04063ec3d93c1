"""Where each piece of a top or dress goes on the wearer: a spline for the torso, strips for the sleeves.

A garment's "L" is the left of the product picture and lands on the wearer's "R".
"""

from __future__ import annotations

import cv2
import numpy as np

from .body import Body, Limb
from .fit import PICTURE_SIDES, Fit, fit_top, front_neck
from .garment import Garment
from .geometry import smoothstep, thin_plate_spline, vec
from .imaging import Array, dilate
from .joints import ARMS, OTHER
from .landmarks import SIDE_ROWS, SLEEVE_ROWS, Sleeve, TopLandmarks
from .mesh import MeshPart, strip

_UNDERARM = 0.06  # shoulder widths from the armpit down to the hem of a short sleeve, at least
_SLANT = 0.03  # how much higher the hem may be on the outside of the arm
_LONG_SLEEVE = 0.74  # sleeve to body length from which a sleeve goes to the wrist


def plan_top(body: Body, garment: Garment) -> tuple[list[MeshPart], Fit]:
    """-> (meshes with the torso first, fit)."""
    marks = garment.top
    if marks is None:
        raise ValueError("the garment has no landmarks of a top")
    fit = fit_top(body, garment, marks)
    parts = [_torso_mesh(body, garment, marks, fit)]
    for side, sleeve in marks.sleeves.items():
        wearer = OTHER[side]
        if body.person.arm_visible(wearer) >= 0.15:
            parts.append(_sleeve_mesh(body, marks, fit, side, sleeve))
    return parts, fit


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
    for side, _ in PICTURE_SIDES:
        pairs += [(marks.neck[side], fit.neck[side]), (marks.shoulder[side], fit.shoulder[side])]
        pairs += _slope_points(body, garment, marks, fit, side)
        pairs.append(_seam_point(marks, fit, side))
    for i in [*range(0, SIDE_ROWS, 4), SIDE_ROWS - 1]:
        left, right = (marks.sides["L"][i], fit.sides["L"][i]), (marks.sides["R"][i], fit.sides["R"][i])
        middle = (left[0] + right[0]) / 2
        pairs += [left, right, (middle, fit.middle[i])]
        pairs += _print_points(marks, fit, i, middle)
    neck_middle = (marks.neck["L"] + marks.neck["R"]) / 2
    head = body.person.head
    if marks.collar is not None:
        height = (neck_middle[1] - marks.collar.top) * fit.down_scale
        to_chin = float(np.linalg.norm(head.chin - fit.neck_middle)) * 0.9 if head is not None else np.inf
        height = min(height, to_chin, 0.45 * body.width)
        for side, _ in PICTURE_SIDES:
            inwards = (fit.neck_middle - fit.neck[side]) * 0.10
            top = np.array([marks.neck[side][0], marks.collar.top])
            pairs.append((top, fit.neck[side] - body.down * height + inwards))
    elif (neck := front_neck(body, marks, fit)) is not None:
        pairs.append((np.array([marks.centre_x, neck[0]]), neck[1]))
        pairs += _neckline_points(body, marks, pairs[-1], fit)
    return np.array([a for a, _ in pairs], float), np.array([b for _, b in pairs], float)


def _print_points(marks: TopLandmarks, fit: Fit, i: int, middle: Array) -> list[tuple[Array, Array]]:
    """On a wide chest the cloth at the sides gives way, so that a print in the middle keeps its proportions."""
    if not 0 < i <= SIDE_ROWS // 2:
        return []
    source, target = marks.sides["R"][i] - marks.sides["L"][i], fit.sides["R"][i] - fit.sides["L"][i]
    across = float(np.hypot(*target)) / max(1.0, float(np.hypot(*source)))
    tall = max(1.0, float((marks.sides["L"][i] - marks.sides["L"][0])[1]))
    down = float(np.hypot(*(fit.middle[i] - fit.middle[0]))) / tall
    share = down / across
    if share > 0.95:
        return []
    share = max(0.72, share)
    return [(middle + source * u, fit.middle[i] + target * u * share) for u in (-0.27, 0.27)]


def _neckline_points(
    body: Body, marks: TopLandmarks, front: tuple[Array, Array], fit: Fit
) -> list[tuple[Array, Array]]:
    """Between its ends and its lowest point a neckline keeps the form that it has in the picture.

    It is square to the spine also where the head is tilted and one shoulder looks higher.
    """
    if marks.neckline is None or marks.inside_back is None:
        return []
    ends = (marks.neck["L"] + marks.neck["R"]) / 2
    wide = float(np.hypot(*(fit.neck["R"] - fit.neck["L"])) / np.hypot(*(marks.neck["R"] - marks.neck["L"])))
    deep = float((front[1] - fit.neck_middle) @ body.down) / max(1.0, float(front[0][1] - ends[1]))
    last, pairs = len(marks.neckline) - 1, []
    for i in (last // 4, last - last // 4):
        x, y = marks.neckline[i] - front[0]
        pairs.append((marks.neckline[i], front[1] + body.across * x * wide + body.down * y * deep))
    return pairs


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
    length = max(own.length for own in marks.sleeves.values())  # two sleeves of one garment end alike
    relative = length / marks.length
    if relative > _LONG_SLEEVE:
        end = arm.total
    else:
        end = float(np.clip(length * fit.down_scale * 0.97 + 0.06 * width, 0.16 * arm.total, arm.total))
    along = np.linspace(0, 1, SLEEVE_ROWS)
    axis = arm.at(np.array([0.0, end]))[0]
    down = (axis[1] - axis[0]) @ body.down / max(1.0, end)
    hanging, beside = float(smoothstep(0.6, 0.9, down)), float(smoothstep(0.78, 0.88, down))
    beneath = end * along
    if short := relative < 0.5:  # beside the body its hem ends below the armpit, or the mesh would fold over itself
        armpit = _place_on(arm, fit.armpit[side])
        hem = armpit + _UNDERARM * width
        end += beside * max(0.0, min(hem - _SLANT * width, arm.total) - end)
        start = armpit * beside
        beneath = start + (end + beside * max(0.0, hem - end) - start) * along
    distance = end * along
    centre, normal, outer, inner = arm.at(distance)
    wider = _sleeve_ease(sleeve, marks, fit, relative, along, (outer + inner) / 2, width)
    above, below = (0.4, 1.5) if short else (0.8, 1.2)  # cloth hangs: a wide sleeve is wide below the arm
    upper_edge = centre + normal * (outer + wider * above)[:, None]
    centre, normal, _, inner = arm.at(beneath)
    under_normal = _under_normal(body, arm, wearer, beneath, normal)
    under_edge = centre - under_normal * (inner + wider * below)[:, None]
    joined = smoothstep(0, 0.75 if short else 0.30, along)[:, None]
    under_edge = (1 - joined) * (fit.armpit[side] + (centre - centre[0]) * 0.8) + joined * under_edge
    # near the armpit the sleeve goes on behind the torso, so that no gap opens between them
    ends = 1 - (0.5 * along if short else smoothstep(0.25, 0.55, along))
    tucked = 0.06 * width * smoothstep(0, 0.3 if short else 0.1, along) * ends * max(hanging, 0.4)
    under_edge = under_edge - under_normal * tucked[:, None]
    under = sleeve.under
    if marks.low_armpits:  # the sleeve touches the body: stay clear of the seam of background between them
        under = under + (sleeve.over - under) * 0.06
    part = strip("sleeve" + wearer, (sleeve.over, under), (upper_edge, under_edge), (0.0, 1.0), 13, 0.07)
    # one more row past the cuff, so that the garment's own alpha ends it
    for name in ("source", "target", "uv"):
        rows = getattr(part, name)
        setattr(part, name, np.concatenate([rows, (rows[-1] + (rows[-1] - rows[-2]) * 0.9)[None]]).astype(rows.dtype))
    part.side, part.reach = wearer, end
    if not marks.low_armpits:
        part.clip = _sleeve_outline(sleeve)
    return part


def _place_on(arm: Limb, point: Array) -> float:
    """Where along the arm ``point`` lies, in pixels from the shoulder."""
    return float(arm.distance[int(np.argmin(np.hypot(*(arm.centre - point).T)))])


def _sleeve_outline(sleeve: Sleeve) -> Array:
    """Polygon in the garment's picture: beside the armpit the mesh must not reach over into the garment's body."""
    across = sleeve.over - sleeve.under
    over, under = sleeve.over + 0.08 * across, sleeve.under - 0.012 * across
    first, last = over[0] - (over[1] - over[0]), over[-1] + (over[-1] - over[-2])
    inner_first, inner_last = under[0] - (under[1] - under[0]), under[-1] + 0.3 * (under[-1] - under[-2])
    return np.vstack([first[None], over, last[None], inner_last[None], under[::-1], inner_first[None]])


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
