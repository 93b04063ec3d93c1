"""Where each piece of trousers, shorts or a skirt goes on the wearer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body, mask_reach, without_arms
from .fit import PICTURE_SIDES
from .garment import Garment
from .geometry import smooth, smooth_points, smoothstep
from .imaging import Array
from .joints import L_ANKLE, L_HIP, L_KNEE, LEGS, OTHER, R_ANKLE, R_HIP, R_KNEE
from .lower_landmarks import BottomLandmarks
from .mesh import MeshPart, extend, strip
from .person import Person

_LEG_ROWS = 26
_HIP_ROWS = 14
_HANGING = 0.85  # of the flare of a skirt that was spread out is left when it hangs
_NARROWEST = 0.59  # axial position of a body's waist
_WIDEST_FLARE = 0.75  # half widths of the shoulders: pleats that were fanned out for the photo fall together


def plan_lower(body: Body, garment: Garment, waist: float) -> list[MeshPart]:
    """Meshes in painting order. ``waist`` is the axial position of the new waist."""
    marks = garment.bottom
    if marks is None:
        raise ValueError("the garment has no landmarks of trousers or a skirt")
    mask = without_arms(body.person)
    # a waist that is raised to cover a slanting hem does not tell the size
    at_waist = max(waist, _NARROWEST) + np.linspace(-0.02, 0.04, 5)
    halves = [np.median(_hip_half_widths(body, mask, OTHER[side], sign, at_waist)) for side, sign in PICTURE_SIDES]
    scale = float(sum(halves)) * body.width * 1.03 / marks.waist_width
    if marks.crotch is None:
        return [_skirt(body, marks, waist, scale, mask)]
    return [_half_trousers(body, marks, marks.crotch, side, waist, scale, mask) for side, _ in PICTURE_SIDES]


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


def _skirt(body: Body, marks: BottomLandmarks, waist: float, scale: float, mask: Array) -> MeshPart:
    leg = _leg_length(body.person)
    length = float(np.clip(marks.height * scale * 1.05, 0.35 * leg, 1.25 * leg))
    rows = np.arange(0, len(marks.rows), 2)
    axial = waist + (marks.rows[rows] - marks.rows[0]) / marks.height * length / body.torso
    natural = (marks.sides["R"][rows] - marks.sides["L"][rows]) * scale / 2 / body.width
    natural = natural[0] + _WIDEST_FLARE * np.tanh((natural - natural[0]) * _HANGING / _WIDEST_FLARE)
    below = 1 - 0.2 * np.clip(axial - 1.25, 0, 1)
    half = {
        side: np.maximum(
            natural * 0.97, _hip_half_widths(body, mask, OTHER[side], sign, np.minimum(axial, 1.2)) * below
        )
        for side, sign in PICTURE_SIDES
    }
    target = body.at(axial, -half["L"]), body.at(axial, half["R"])
    part = strip("skirt", _edges(marks, rows), target, (0.0, 1.0), 19, 0.03)
    part.hem_axial = float(axial[-1])
    extend(part, 0.025, at_start=True, at_end=True)
    return part


def _half_trousers(
    body: Body, marks: BottomLandmarks, crotch_source: Array, side: str, waist: float, scale: float, mask: Array
) -> MeshPart:
    """One leg with its half of the hips as a single strip; both halves share the mid line above the crotch."""
    crotch_axial = 1.05 + 0.17 * body.width / body.torso
    leg = _leg(body, marks, crotch_source, side, scale, body.at(crotch_axial, 0.0), mask)
    above = np.linspace(0, 1, _HIP_ROWS, endpoint=False)
    axial = waist + (crotch_axial - waist) * above
    ys = marks.rows[0] + (crotch_source[1] - marks.rows[0]) * above
    outer_x = np.interp(ys, marks.rows, marks.sides[side])
    direction = -1 if side == "L" else 1
    least = _hip_half_widths(body, mask, OTHER[side], direction, axial)
    natural = np.abs(outer_x - crotch_source[0]) * scale / body.width
    hip_outer = body.at(axial, direction * np.clip(natural, least * 1.01, least * 1.07))
    hip_inner = body.at(axial, np.zeros(_HIP_ROWS))
    source_outer = np.vstack([np.stack([outer_x, ys], 1), leg.source_outer])
    source_inner = np.vstack([np.stack([np.full(_HIP_ROWS, crotch_source[0]), ys], 1), leg.source_inner])
    outer = _even_steps(np.vstack([hip_outer, leg.outer]))
    inner = np.vstack([hip_inner, leg.inner])
    part = strip("leg" + OTHER[side], (source_outer, source_inner), (outer, inner), (0.0, 1.0), 13, 0.05)
    # above the crotch the strip ends at the mid line, where the cloth is not turned away from the light
    leg_share = smoothstep(_HIP_ROWS - 4.0, _HIP_ROWS + 8.0, np.arange(len(outer), dtype=float))[:, None]
    part.uv[..., 0] = part.uv[..., 0] * leg_share + (part.uv[..., 0] - 1) / 2 * (1 - leg_share)
    part.hem_axial = body.frame((outer[-1] + inner[-1]) / 2)[0]
    extend(part, 0.03, at_start=True, at_end=True)
    return part


def _hip_half_widths(body: Body, mask: Array, wearer: str, direction: int, axial: Array) -> Array:
    """Measured beside the hands and forearms, in shoulder widths: an arm that touches the hip makes it look wider."""
    usual = body.half_at(wearer, np.minimum(axial, 1.25))
    if body.person.drawn:
        return usual
    start, outwards = body.at(axial, 0.0), np.repeat((body.across * direction)[None], len(axial), 0)
    reach = mask_reach(mask, body.person.scale, start, outwards, usual * body.width * 0.7, usual * body.width * 1.35)
    return smooth(np.where(np.isnan(reach), usual, reach / body.width), 5)


def _even_steps(edge: Array) -> Array:
    """The outer edge from waist to hem as one flowing line: hip and thigh must not meet in a corner."""
    smoothed = smooth_points(edge, 15, mirror=True)
    ends = np.minimum(np.arange(len(edge)), np.arange(len(edge))[::-1])
    weight = np.clip(ends / 5, 0, 1)[:, None]
    return np.asarray(edge * (1 - weight) + smoothed * weight)


@dataclass(slots=True)
class _Leg:
    """Edges of one leg from the crotch to the hem, (26, 2) each."""

    source_outer: Array
    source_inner: Array
    outer: Array
    inner: Array


def _leg(
    body: Body, marks: BottomLandmarks, crotch_source: Array, side: str, scale: float, crotch: Array, mask: Array
) -> _Leg:
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
    extra = smooth(wanted - bare, 9)
    outer_edge = centre + normal * (outer + extra)[:, None]
    inner_edge = centre - normal * (inner + extra * np.linspace(0.2, 1, _LEG_ROWS))[:, None]
    joined = smoothstep(0, 0.22, along)[:, None]
    inner_edge = (1 - joined) * (crotch + (centre - centre[0]) * 0.9) + joined * inner_edge
    beyond = (inner_edge - crotch) @ body.across * joints.sign  # the inner edges must not cross the middle
    inner_edge -= np.outer(np.minimum(beyond, 0) * joints.sign, body.across)
    return _Leg(source_outer, source_inner, outer_edge, inner_edge)


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
