"""The wearer's measurements: torso half widths, shoulder line, arm axes.

Body frame: ``axial`` runs from 0 at the shoulder line to 1 at the hip line, ``u`` sideways from the mid line in
shoulder widths, positive to the right of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .geometry import interpolate_points, smooth, smooth_points, smoothstep, unit
from .imaging import Array, opening
from .joints import ARMS, L_ANKLE, L_HIP, L_KNEE, R_ANKLE, R_HIP, R_KNEE, SIDES
from .person import LONG_SLEEVE, Person, thighs_hang

_AXIAL = np.linspace(-0.4, 2.0, 361)
_U = np.linspace(-1.4, 1.4, 281)
_STRAIGHT = 0.97  # cosine between spine and legs: a body that is bent more has no middle line to follow
_MIDDLE = 140  # index of u = 0
_LIMB_POINTS = 40
# rise of the shoulder's silhouette above the joint line at |u|, and how far a measured one may stray from it
_RISE_AT = [0, 0.16, 0.20, 0.24, 0.28, 0.35, 0.45, 0.56, 0.64]
_RISE = [0.40, 0.32, 0.27, 0.225, 0.20, 0.178, 0.145, 0.10, 0.03]
_UNEVEN = 0.012
_NECK_LEANS = 0.06  # farthest that the neck's middle goes with the chin, and strays from where the chin has it
# half width of a bare arm in shoulder widths: biceps, elbow, the forearm's bulge, wrist
_ARM_AT = [0, 0.12, 0.30, 0.46, 0.54, 0.63, 0.80, 0.95, 1.06]
_ARM_HALF = [0.175, 0.168, 0.152, 0.132, 0.127, 0.131, 0.112, 0.090, 0.088]


@dataclass(slots=True)
class Limb:
    """A smoothed arm axis with its half widths; all arrays have one entry per axis point."""

    distance: Array  # along the axis from the shoulder joint, pixels
    total: float  # shoulder to wrist
    to_elbow: float
    centre: Array  # (n, 2)
    normal: Array  # (n, 2), outwards
    outer: Array  # half width outwards, pixels
    inner: Array
    usual: Array  # half width of an ordinary bare arm
    seen: bool = False  # the widths under a short sleeve go on from the skin that comes out of it

    def at(self, distance: Array) -> tuple[Array, Array, Array, Array]:
        """-> (centre, normal, outer, inner) at other distances."""
        normal = interpolate_points(distance, self.distance, self.normal)
        normal /= np.hypot(*normal.T)[:, None]
        return (
            interpolate_points(distance, self.distance, self.centre),
            normal,
            np.interp(distance, self.distance, self.outer),
            np.interp(distance, self.distance, self.inner),
        )


@dataclass(slots=True)
class _Rows:
    """Person masks resampled to the body frame: rows are axial positions, columns u."""

    person: Array
    skin: Array
    hair: Array


class Body:
    """Measurements of one person."""

    def __init__(self, person: Person) -> None:
        if person.parts is None or person.head is None:
            raise ValueError("the person has not been parsed")
        self.person = person
        self.width = person.shoulder_width
        self.torso = person.torso
        self.down, self.across = person.down, person.across
        self._below, self._level = self._lower_body()
        rows = self._rows()
        self._rows_person, self._rows_hair = rows.person, rows.hair
        hips = person.hip_width / self.width
        low = max(0.48, 0.875 * hips)
        self._usual = np.interp(
            _AXIAL, [-0.4, 0, 0.25, 0.6, 0.95, 1.2, 2.0], [0.45, 0.55, 0.50, 0.42, max(0.46, 0.81 * hips), low, low]
        )
        self.half = {side: self._half_widths(rows, side) for side in SIDES}
        self.neck_shift = self._neck_shift()
        self.arms = {side: self._limb(side) for side in SIDES}

    # ---- the frame

    def at(self, axial: Array | float, u: Array | float) -> Array:
        """Picture position of body-frame coordinates; broadcasts."""
        axial, u = np.broadcast_arrays(np.asarray(axial, float), np.asarray(u, float))
        person = self.person
        trunk, legs = np.minimum(axial, 1)[..., None], np.maximum(axial - 1, 0)[..., None]
        middle = person.shoulder_centre + (self.down * trunk + self._below * legs) * self.torso
        turned = smoothstep(0.3, 1.2, axial)[..., None]
        across = self.across * (1 - turned) + self._level * turned
        return np.asarray(middle + across * (u * self.width)[..., None])

    def _lower_body(self) -> tuple[Array, Array]:
        """-> unit vectors down the legs and across the hips, which need not follow the spine and the shoulders."""
        person, joints = self.person, self.person.joints
        if person.drawn or not (person.hips_visible and person.knees_visible and thighs_hang(person)):
            return self.down, self.across
        end = [L_ANKLE, R_ANKLE] if person.ankles_visible else [L_KNEE, R_KNEE]
        legs = unit(joints[end].mean(0) - person.hip_centre)
        if legs @ self.down < _STRAIGHT:
            return self.down, self.across
        square = np.array([legs[1], -legs[0]])  # to the right of the picture, square to the legs
        return legs, unit(square + unit(joints[L_HIP] - joints[R_HIP]))

    def frame(self, point: Array) -> tuple[float, float]:
        """-> (axial, u) of a picture position."""
        offset = point - self.person.shoulder_centre
        return float(offset @ self.down) / self.torso, float(offset @ self.across) / self.width

    def half_at(self, side: str, axial: Array | float) -> Array:
        """Torso half width in shoulder widths."""
        return np.asarray(np.interp(axial, _AXIAL, self.half[side]))

    def rise(self, u: float) -> float:
        """How far the shoulder's silhouette lies above the joint line at ``u``, in shoulder widths.

        The line tilts with the joints, so both sides rise alike but for a little.
        """
        own, both = self._rise(u), (self._rise(u) + self._rise(-u)) / 2
        return float(np.clip(own, both - _UNEVEN, both + _UNEVEN))

    def _rise(self, u: float) -> float:
        centred = abs(u - self.neck_shift * max(0.0, 1 - abs(u) / 0.56))
        usual = float(np.interp(centred, _RISE_AT, _RISE))
        column = int(np.clip(round((u + 1.4) / 2.8 * 280), 0, 280))
        cloth = self._rows_person[:, column] & ~self._rows_hair[:, column]
        found = np.flatnonzero(cloth & (_AXIAL > -0.38) & (_AXIAL < 0.2))
        measured = -_AXIAL[found[0]] * self.torso / self.width if len(found) else usual
        return float(np.clip(measured, usual - 0.05, usual + 0.04))

    def on_shoulder(self, u: float, below: float = 0.0) -> Array:
        """Point on the shoulder line at ``u``, lowered by ``below`` shoulder widths."""
        return self.at(-(self.rise(u) - below) * self.width / self.torso, u)

    # ---- measuring

    def _rows(self) -> _Rows:
        parts, person = self.person.parts, self.person
        if parts is None:
            raise ValueError("the person has not been parsed")
        places = (self.at(_AXIAL[:, None], _U[None, :]) * person.scale).astype(np.float32)

        def sample(mask: Array) -> Array:
            taken = cv2.remap(
                mask.astype(np.float32), places[..., 0], places[..., 1], cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT, borderValue=0,
            )  # fmt: skip
            out: Array = taken > 0.5
            return out

        return _Rows(sample(person.mask), sample(parts.skin), sample(parts.hair | (parts.face > 0.5)))

    def _half_widths(self, rows: _Rows, side: str) -> Array:
        """Half width of the torso per axial position, without the arm."""
        sign, usual = ARMS[side].sign, self._usual
        outwards = slice(_MIDDLE, None) if sign > 0 else slice(_MIDDLE, None, -1)
        person, skin = rows.person[:, outwards], rows.skin[:, outwards]
        steps = _U[1] - _U[0]
        reach = np.arange(person.shape[1]) * steps
        edge = _last_before_gap(person) * steps
        cloth_edge = _last_before_gap(person & ~(skin & (reach[None] > 0.55 * usual[:, None]))) * steps
        arm = self._arm_position(side)
        measured = np.full(len(_AXIAL), np.nan)
        for i in np.flatnonzero(person[:, 0]):
            half = float(edge[i])
            if not np.isnan(arm[i]) and arm[i] > 0.8 * usual[i]:
                column = round(arm[i] / steps)
                near_arm = skin[i, max(0, column - 4) : column + 14]
                if near_arm.size and near_arm.mean() > 0.4:  # a bare arm: the body ends where the cloth ends
                    half = min(half, float(cloth_edge[i]))
                else:
                    half = min(half, max(float(arm[i]) - 0.115, 0.55 * usual[i]))
            elif half > 1.3 * usual[i]:
                continue
            if half <= 1.6 * usual[i]:
                measured[i] = half
        widths = np.where(np.isnan(measured), usual, np.clip(measured, 0.78 * usual, 1.5 * usual))
        widths = smooth(widths, 27)
        if self.person.torso_profile is not None:
            widths = np.interp(_AXIAL, *self.person.torso_profile)
        high = _AXIAL < 0.22
        widths[high] = np.minimum(widths[high], np.interp(0.22, _AXIAL, widths) * 1.02)
        return widths

    def _arm_position(self, side: str) -> Array:
        """Outward |u| of the arm's axis per axial position, nan where there is no arm."""
        joints, sign = self.person.joints, ARMS[side].sign
        shoulder, elbow, wrist = (joints[i] for i in ARMS[side][:3])
        # rows run along the shoulders, which need not be square to the spine
        axes = np.stack([self.down * self.torso, self.across * self.width], 1)
        points = np.stack([shoulder, elbow, wrist, wrist + (wrist - elbow) * 0.45]) - self.person.shoulder_centre
        chain = np.linalg.solve(axes, points.T).T
        position = np.full(len(_AXIAL), np.nan)
        for (axial_a, u_a), (axial_b, u_b) in pairwise(chain):
            low, high = sorted((axial_a, axial_b))
            if high - low > 1e-3:
                rows = (low <= _AXIAL) & (high >= _AXIAL)
                position[rows] = u_a + (_AXIAL[rows] - axial_a) / (axial_b - axial_a) * (u_b - u_a)
        return position * sign

    def _neck_shift(self) -> float:
        """u of the neck's middle: a tilted head or a twisted stance moves it off the mid line."""
        centres = []
        for rise in np.arange(0.24, 0.34, 0.02):
            row = int(np.argmin(np.abs(_AXIAL + rise * self.width / self.torso)))
            neck = np.flatnonzero(self._rows_person[row] & ~self._rows_hair[row] & (np.abs(_U) < 0.36))
            if len(neck) > 8 and _U[neck[-1]] - _U[neck[0]] < 0.62:
                centres.append((_U[neck[0]] + _U[neck[-1]]) / 2)
        head = self.person.head
        usual = 0.0 if head is None else float(np.clip(self.frame(head.chin)[1] * 0.6, -_NECK_LEANS, _NECK_LEANS))
        if len(centres) > 1:  # hair over one side, or a background like skin, hides where the neck ends
            return float(np.clip(np.median(centres), usual - _NECK_LEANS, usual + _NECK_LEANS))
        return usual

    def _limb(self, side: str) -> Limb:
        person, arm, width = self.person, ARMS[side], self.width
        shoulder, elbow, wrist = (person.joints[i] for i in arm[:3])
        to_elbow = float(np.hypot(*(elbow - shoulder)))
        to_wrist = float(np.hypot(*(wrist - elbow)))
        total = to_elbow + to_wrist
        # the axis starts inside the shoulder and turns the corner, so that its normals sweep round the deltoid
        start = shoulder - self.across * arm.sign * 0.30 * width + self.down * 0.13 * width
        before = float(np.hypot(*(shoulder - start)))
        fine = np.linspace(-before, total * 1.16, 200)
        corners = np.array([-before, 0, to_elbow, total, total * 1.16])
        overshoot = wrist + (wrist - elbow) / max(to_wrist, 1e-3) * total * 0.16
        raw = interpolate_points(fine, corners, np.stack([start, shoulder, elbow, wrist, overshoot]))
        smoothed = smooth_points(raw, round(0.30 * width / (fine[1] - fine[0])) | 1, mirror=True)
        distance = np.linspace(0, total * 1.06, _LIMB_POINTS)
        centre = interpolate_points(distance, fine, smoothed)
        tangent = np.gradient(centre, axis=0)
        tangent /= np.hypot(*tangent.T)[:, None] + 1e-6
        normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1) * arm.sign
        usual = np.interp(distance / total, _ARM_AT, _ARM_HALF) * width
        seen = self._as_it_comes_out(side, distance / total, centre, normal, usual)
        outer, inner = seen or self._limb_widths(side, distance / total, centre, normal, usual)
        return Limb(distance, total, to_elbow, centre, normal, outer, inner, usual, seen is not None)

    def _limb_widths(self, side: str, along: Array, centre: Array, normal: Array, usual: Array) -> tuple[Array, Array]:
        """Measured half widths; under a wide sleeve they are limited to what the bare part of the arm suggests."""
        person = self.person
        outer = mask_reach(person.mask, person.scale, centre, normal, 0.3 * usual, 2.3 * usual)
        inner = mask_reach(person.mask, person.scale, centre, -normal, 0.3 * usual, 2.3 * usual)
        outer, inner = np.clip(outer, 0.62 * usual, 1.55 * usual), np.clip(inner, 0.62 * usual, 1.55 * usual)
        outer = np.where(np.isnan(outer), np.where(np.isnan(inner), usual, inner), outer)
        inner = np.where(np.isnan(inner), np.minimum(outer, usual * 1.1), inner)
        parts = person.parts
        sleeve = (parts.sleeve[side] if parts is not None else None) or 0.0
        bare = (along > sleeve + 0.06) & (along < 1)
        if bare.sum() > 2:
            build = float(np.clip(np.median(((outer + inner) / 2 / usual)[bare]), 0.75, 1.2))
        else:
            build = 0.95 if sleeve > 0 else 1.1
        if sleeve > 0.05:
            limit = usual * build * np.where(along < sleeve + 0.05, 1.13, 1.4)
            outer, inner = np.minimum(outer, limit), np.minimum(inner, limit)
        return smooth(outer, 7), smooth(inner, 7)

    def _as_it_comes_out(
        self, side: str, along: Array, centre: Array, normal: Array, usual: Array
    ) -> tuple[Array, Array] | None:
        """Half widths of an arm in a short sleeve: it goes on under the sleeve where its skin comes out of it.

        The joints alone are not good enough: an axis beside the arm's middle makes a step at the old hem.
        """
        parts = self.person.parts
        sleeve = (parts.sleeve[side] if parts is not None else None) or 0.0
        if parts is None or self.person.drawn or not 0.05 < sleeve < LONG_SLEEVE:
            return None
        skin = parts.skin & (parts.face < 0.5)
        far, near = _run_across(skin, self.person.scale, centre, normal, usual)
        half = (far + near) / 2
        seen = (along > sleeve + 0.03) & (along < 0.92) & (half > 0.15) & (half < 1.25)
        rows = np.flatnonzero(seen)
        if len(rows) < 8 or along[rows[3]] > sleeve + 0.2:
            return None
        build = float(np.clip(np.percentile(half[seen], 75), 0.6, 1.2))
        near = np.maximum(near, 2 * build - far)  # the old top hides the inner edge, but does not make an arm thin
        sides = []
        for measured in (far, near):
            ratio = np.interp(along, along[rows], smooth(measured[rows], 9))
            leaving = float(np.median(measured[rows[:4]]))
            ratio = np.where(along < along[rows[0]], leaving, ratio)
            up = smoothstep(0.0, 1.0, np.clip((along[rows[0]] - along) / max(along[rows[0]], 1e-3), 0, 1))
            ratio = ratio + (np.clip(build + 0.05, 0.75, 1.1) - ratio) * up
            sides.append(smooth(np.clip(ratio, -0.3, 1.6), 7) * usual)
        return sides[0], sides[1]


def without_arms(person: Person) -> Array:
    """Person mask without hands and forearms, analysis size."""
    parts, zones = person.parts, person.zones
    if parts is None or zones is None:
        raise ValueError("the person has not been parsed")
    hands = parts.skin & ((zones.hand < 1.35) | (zones.arm < 1.35))
    for side, zone in zones.arms.items():
        if (parts.sleeve[side] or 0.0) > LONG_SLEEVE:  # a sleeve beside the hip, in whatever colour
            hands |= (zone.lower < 0.9) & (zone.lower < zones.leg)
    return opening((person.mask > 0.5) & ~hands, np.ones((3, 3), np.uint8)).astype(np.float32)


def _last_before_gap(rows: Array) -> Array:
    """Index of the last True before the first False in each row."""
    gap = ~rows
    return np.asarray(np.where(gap.any(1), gap.argmax(1) - 1, rows.shape[1] - 1).clip(0))


def _run_across(mask: Array, scale: float, centre: Array, normal: Array, unit: Array) -> tuple[Array, Array]:
    """Where the longest run of ``mask`` across each point of an axis ends, along its normal and against it.

    In ``unit``; nan where there is none, or where it goes on farther than a limb is wide.
    """
    steps = np.arange(-1.6, 1.601, 0.02)
    points = (centre[:, None] + normal[:, None] * (steps[None, :, None] * unit[:, None, None])) * scale
    xs, ys = np.round(points[..., 0]).astype(int), np.round(points[..., 1]).astype(int)
    inside = (xs >= 0) & (xs < mask.shape[1]) & (ys >= 0) & (ys < mask.shape[0])
    hit = inside & mask[np.clip(ys, 0, mask.shape[0] - 1), np.clip(xs, 0, mask.shape[1] - 1)]
    far, near = np.full(len(centre), np.nan), np.full(len(centre), np.nan)
    for i, row in enumerate(hit):
        turns = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        if not len(turns):
            continue
        first, end = turns[int(np.argmax(turns[:, 1] - turns[:, 0]))]
        if first > 0 and end < len(steps):
            near[i], far[i] = -steps[first], steps[end - 1]
    return far, near


def mask_reach(mask: Array, scale: float, centre: Array, direction: Array, nearest: Array, farthest: Array) -> Array:
    """Distance from each centre along its direction to where ``mask`` ends; nan when not found in the frame.

    ``scale``: mask pixels per unit of the points.
    """
    steps = max(4, int(np.ceil(float((farthest - nearest).max()) * scale)))
    distance = nearest[:, None] + (farthest - nearest)[:, None] * np.linspace(0, 1, steps)[None]
    points = (centre[:, None] + direction[:, None] * distance[..., None]) * scale
    xs, ys = np.round(points[..., 0]).astype(int), np.round(points[..., 1]).astype(int)
    outside = (xs < 0) | (xs >= mask.shape[1]) | (ys < 0) | (ys >= mask.shape[0])
    values = mask[np.clip(ys, 0, mask.shape[0] - 1), np.clip(xs, 0, mask.shape[1] - 1)]
    stop = outside | (values < 0.5)
    first = stop.argmax(1)
    row = np.arange(len(centre))
    found = stop.any(1) & ~outside[row, first]
    return np.where(found, distance[row, first], np.nan)
