"""Where each piece of trousers, shorts or a skirt goes on the wearer."""

from __future__ import annotations

import numpy as np

from .body import Body, mask_reach
from .garment import Garment
from .geometry import smooth, smooth_points, smoothstep
from .imaging import Array, opening
from .joints import L_ANKLE, L_HIP, L_KNEE, LEGS, OTHER, R_ANKLE, R_HIP, R_KNEE
from .lower_landmarks import BottomLandmarks
from .mesh import MeshPart, extend, strip
from .person import Person

_LEG_ROWS = 26
_SIDES = (("L", -1), ("R", 1))


def plan_lower(body: Body, garment: Garment, waist: float) -> list[MeshPart]:
    """Meshes in painting order. ``waist`` is the axial position of the new waist."""
    marks = garment.bottom
    if marks is None:
        raise ValueError("the garment has no landmarks of trousers or a skirt")
    width = float(body.half_at("L", waist) + body.half_at("R", waist)) * body.width * 1.02
    scale = width / marks.waist_width
    if marks.crotch is None:
        return [_skirt(body, marks, waist, scale)]
    crotch_axial = 1.05 + 0.17 * body.width / body.torso
    hips = _hip_block(body, marks, marks.crotch, waist, crotch_axial, scale)
    corners = {"L": hips.target[-1, 0], "R": hips.target[-1, -1]}
    crotch = body.at(crotch_axial, 0.0)
    mask = legs_without_arms(body.person)
    legs = [_leg(body, marks, marks.crotch, side, scale, crotch, corners[side], mask) for side, _ in _SIDES]
    extend(hips, 0.06, at_start=True, at_end=False)
    return [*legs, hips]


def _leg_length(person: Person) -> float:
    joints = person.joints
    hips = (joints[L_HIP] + joints[R_HIP]) / 2
    if person.ankles_visible:
        return float(np.linalg.norm((joints[L_ANKLE] + joints[R_ANKLE]) / 2 - hips))
    return 2 * float(np.linalg.norm((joints[L_KNEE] + joints[R_KNEE]) / 2 - hips))


def _edges(marks: BottomLandmarks, rows: Array) -> tuple[Array, Array]:
    """(n, 2) points of the left and right outer edge at some of the rows."""
    return (
        np.stack([marks.sides["L"][rows], marks.rows[rows]], 1),
        np.stack([marks.sides["R"][rows], marks.rows[rows]], 1),
    )


def _skirt(body: Body, marks: BottomLandmarks, waist: float, scale: float) -> MeshPart:
    leg = _leg_length(body.person)
    length = float(np.clip(marks.height * scale * 1.05, 0.35 * leg, 1.25 * leg))
    rows = np.arange(0, len(marks.rows), 2)
    axial = waist + (marks.rows[rows] - marks.rows[0]) / marks.height * length / body.torso
    natural = (marks.sides["R"][rows] - marks.sides["L"][rows]) * scale / 2 / body.width
    below = 1 - 0.2 * np.clip(axial - 1.25, 0, 1)
    half = {
        side: np.maximum(natural * 0.97, body.half_at(OTHER[side], np.minimum(axial, 1.2)) * 1.03 * below)
        for side, _ in _SIDES
    }
    target = body.at(axial, -half["L"]), body.at(axial, half["R"])
    part = strip("skirt", _edges(marks, rows), target, (0.0, 1.0), 19, 0.03)
    extend(part, 0.025, at_start=True, at_end=True)
    return part


def _hip_block(
    body: Body, marks: BottomLandmarks, crotch: Array, waist: float, crotch_axial: float, scale: float
) -> MeshPart:
    rows = np.flatnonzero(marks.rows <= crotch[1])
    along = (marks.rows[rows] - marks.rows[0]) / max(1.0, crotch[1] - marks.rows[0])
    axial = waist + (crotch_axial - waist) * along
    natural = (marks.sides["R"][rows] - marks.sides["L"][rows]) * scale / 2 / body.width
    half = {}
    for side, _ in _SIDES:
        least = body.half_at(OTHER[side], np.minimum(axial, 1.25))
        half[side] = np.clip(natural, least * 1.01, least * 1.18)
    target = body.at(axial, -half["L"]), body.at(axial, half["R"])
    return strip("hips", _edges(marks, rows), target, (0.0, 0.3), 17, 0.03)


def legs_without_arms(person: Person) -> Array:
    """Person mask without hands and forearms, analysis size."""
    parts, zones = person.parts, person.zones
    if parts is None or zones is None:
        raise ValueError("the person has not been parsed")
    hands = parts.skin & ((zones.hand < 1.35) | (zones.arm < 1.35))
    return opening((person.mask > 0.5) & ~hands, np.ones((3, 3), np.uint8)).astype(np.float32)


def _leg(
    body: Body, marks: BottomLandmarks, crotch_source: Array, side: str, scale: float, crotch: Array, hip_corner: Array,
    mask: Array,
) -> MeshPart:  # fmt: skip
    wearer = OTHER[side]
    person, joints, width = body.person, LEGS[wearer], body.width
    hip, knee, ankle = (person.joints[i] for i in joints[:3])
    if not person.ankles_visible:
        ankle = knee + (knee - hip) * 0.95
    thigh, shin = float(np.hypot(*(knee - hip))), float(np.hypot(*(ankle - knee)))
    total = thigh + shin
    start = float((crotch - hip) @ ((knee - hip) / thigh))
    inseam = marks.rows[-1] - crotch_source[1]
    full_length = marks.kind == "pants" and inseam / marks.waist_width > 1.35
    end = total + 0.02 * width if full_length else start + inseam * scale * 1.08
    distance = np.linspace(start, float(np.clip(end, start + 0.12 * total, total * 1.03)), _LEG_ROWS)
    centre = smooth_points(_on_leg(distance, hip, knee, ankle, thigh, shin), 7, mirror=True)
    tangent = np.gradient(centre, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1) * joints.sign
    outer, inner = _leg_widths(body, mask, centre, normal, distance / total, crotch)
    ys = np.linspace(crotch_source[1], marks.rows[-1], _LEG_ROWS)
    source_outer = np.stack([np.interp(ys, marks.rows, marks.sides[side]), ys], 1)
    source_inner = np.stack([np.interp(ys, marks.rows, marks.inner[side]), ys], 1)
    along = np.linspace(0, 1, _LEG_ROWS)
    bare = (outer + inner) / 2
    natural = np.abs(source_inner[:, 0] - source_outer[:, 0]) * scale / 2
    wanted = np.clip(natural * 0.94, bare * 1.03, bare * np.interp(along, [0, 0.35, 1], [1.08, 1.25, 2.0]))
    extra = wanted - bare
    outer_edge = centre + normal * (outer + extra)[:, None]
    inner_edge = centre - normal * (inner + extra * np.linspace(0.2, 1, _LEG_ROWS))[:, None]
    joined = smoothstep(0, 0.22, along)[:, None]
    outer_edge = (1 - joined) * (hip_corner + (centre - centre[0])) + joined * outer_edge
    inner_edge = (1 - joined) * (crotch + (centre - centre[0]) * 0.9) + joined * inner_edge
    beyond = (inner_edge - crotch) @ body.across * joints.sign  # the inner edges must not cross the middle
    inner_edge -= np.outer(np.minimum(beyond, 0) * joints.sign, body.across)
    part = strip("leg" + wearer, (source_outer, source_inner), (outer_edge, inner_edge), (0.3, 1.0), 11, 0.05)
    extend(part, 0.04, at_start=True, at_end=True)
    return part


def _on_leg(distance: Array, hip: Array, knee: Array, ankle: Array, thigh: float, shin: float) -> Array:
    on_thigh = hip + (knee - hip) * (distance / thigh)[:, None]
    on_shin = knee + (ankle - knee) * ((distance - thigh) / max(1.0, shin))[:, None]
    return np.where((distance < thigh)[:, None], on_thigh, on_shin)


def _leg_widths(
    body: Body, mask: Array, centre: Array, normal: Array, along: Array, crotch: Array
) -> tuple[Array, Array]:
    """Measured half widths; inwards no farther than the line between the legs."""
    scale = body.person.scale
    usual = np.interp(along, [0, 0.2, 0.5, 0.75, 1.05], [0.33, 0.29, 0.2, 0.17, 0.13]) * body.width
    outer = mask_reach(mask, scale, centre, normal, 0.35 * usual, 2.2 * usual)
    inner = mask_reach(mask, scale, centre, -normal, 0.35 * usual, 2.2 * usual)
    outer = np.where(np.isnan(outer), usual, np.clip(outer, 0.7 * usual, 1.3 * usual))
    to_middle = np.abs((centre - crotch) @ body.across)
    inner = np.where(np.isnan(inner), np.minimum(to_middle, 1.25 * usual), np.clip(inner, 0.6 * usual, 1.4 * usual))
    inner = np.minimum(inner, np.maximum(to_middle, 0.5 * usual))
    return smooth(outer, 9), smooth(inner, 9)
