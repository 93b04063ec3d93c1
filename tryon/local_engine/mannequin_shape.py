"""Shape of the drawn mannequins: a height field over the picture plane.

Limbs and torso are joined by a smooth maximum; the silhouette is where the height is above zero. Unit: the distance
between the shoulder joints. x = 0 is the mid line, y = 0 the shoulder line, downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .geometry import interpolate_points, smooth, smoothstep, vec
from .imaging import Array
from .joints import ARMS, JOINT_COUNT, L_EAR, LEGS, NOSE, R_EAR, SIDES

WIDTH, HEIGHT = 1024, 1536
FINE = 2  # supersampling
TOP_MARGIN = 84  # pixels above the head
UNIT = 246.0
TORSO = 1.46  # shoulder line to hip line
HEAD_TOP = -1.135
SOLE = 0.32  # from the ankle down to the ground
FLOOR = TORSO + 2.66 + SOLE


@dataclass(frozen=True, slots=True)
class Limbs:
    """Joints of one side, x outwards from the mid line."""

    shoulder: tuple[float, float]
    elbow: tuple[float, float]
    wrist: tuple[float, float]
    hip: tuple[float, float]
    knee: tuple[float, float]
    ankle: tuple[float, float]
    hand: tuple[float, float] | None = None  # where the fingers point from the wrist; None: on along the forearm
    arm_lift: float = -0.02  # how far in front of the body
    leg_lift: float = -0.02
    foot_turn: float = 0.052


@dataclass(frozen=True, slots=True)
class Design:
    """``girth`` scales the torso's width and depth, ``limb`` the limbs' radii. ``pose``: see ``limbs``."""

    size: str
    tone: str
    body: str
    girth: float
    limb: float
    pose: str = "straight"

    @property
    def key(self) -> str:
        return f"{self.body}-{self.size.lower()}-{self.tone}"


DESIGNS = (
    Design("XS", "medium", "f", 0.86, 0.86, "walking"),
    Design("S", "light", "f", 0.93, 0.92),
    Design("M", "tan", "f", 1.0, 1.0),
    Design("L", "dark", "f", 1.15, 1.12),
    Design("XL", "brown", "f", 1.25, 1.18, "hand_on_hip"),
    Design("2XL", "medium", "f", 1.36, 1.28),
    Design("4XL", "tan", "f", 1.60, 1.44, "relaxed"),
    Design("S", "tan", "m", 0.92, 0.93, "hand_on_hip"),
    Design("M", "brown", "m", 1.0, 1.0),
    Design("L", "dark", "m", 1.1, 1.06, "walking"),
    Design("XL", "light", "m", 1.2, 1.12),
    Design("3XL", "medium", "m", 1.46, 1.30, "relaxed"),
)

_PROFILE_Y = [-0.40, -0.34, -0.28, -0.23, -0.18, -0.14, -0.09, -0.03, 0.06, 0.20, 0.38, 0.55, 0.72, 0.90, 1.08, 1.26,
  1.44,              1.58, 1.72, 1.86]  # fmt: skip
_PROFILE = {
    "f": [0.10, 0.14, 0.18, 0.235, 0.34, 0.45, 0.535, 0.57, 0.575, 0.535, 0.505, 0.465, 0.415, 0.40, 0.455, 0.53, 0.565,
          0.545, 0.47, 0.34],
    "m": [0.12, 0.17, 0.21, 0.265, 0.36, 0.465, 0.555, 0.60, 0.615, 0.59, 0.56, 0.53, 0.50, 0.48, 0.475, 0.49, 0.51,
          0.50, 0.44, 0.32],
}  # fmt: skip
_GIRTH_Y = [-0.05, 0.20, 0.50, 0.90, 1.30, 1.86]
_GIRTH_SHARE = [0.15, 0.60, 0.90, 1.30, 0.82, 0.72]  # how much of the extra girth shows at each height
_DEPTH_Y = [-0.30, -0.10, 0.10, 0.40, 0.85, 1.30, 1.80]
_DEPTH = [0.14, 0.20, 0.28, 0.33, 0.26, 0.32, 0.28]


def _signed_root(values: Array) -> Array:
    """Square root that continues below zero: the height field's edge stays round when parts are joined."""
    return np.sign(values) * np.sqrt(np.abs(values))


def _join(a: Array, b: Array, softness: float) -> Array:
    """Smooth maximum."""
    meet = np.clip(softness - np.abs(a - b), 0, None) / softness
    return np.asarray(np.maximum(a, b) + meet * meet * softness / 4)


def torso_profile(design: Design) -> tuple[Array, Array]:
    """-> (y, half width) along the torso, finely sampled."""
    ys = np.linspace(-0.40, 1.86, 453)
    half = smooth(np.interp(ys, _PROFILE_Y, _PROFILE[design.body]), 21)
    return ys, half * (1 + (design.girth - 1) * smooth(np.interp(ys, _GIRTH_Y, _GIRTH_SHARE), 61))


def limbs(design: Design) -> dict[str, Limbs]:
    """Per side of the wearer: "L" is on the right of the picture."""
    ys, half = torso_profile(design)
    spread = max(0.0, float(np.interp(1.3, ys, half)) - 0.56) + 0.02 * (design.limb - 1)
    apart = 0.06 * max(0.0, design.limb - 1) * 4
    hips = 0.30 if design.body == "f" else 0.275
    usual = Limbs(
        shoulder=(0.50, 0.0), elbow=(0.665 + 0.8 * spread, 0.98), wrist=(0.705 + 1.15 * spread, 1.74),
        hip=(hips + 0.2 * apart, TORSO), knee=(0.262 + apart, TORSO + 1.36),
        ankle=(0.225 + 1.1 * apart, TORSO + 2.66),
    )  # fmt: skip
    if design.pose == "hand_on_hip":
        waist = float(np.interp(1.06, ys, half))
        bent = replace(usual, elbow=(waist + 0.50, 0.80), wrist=(waist + 0.13, 1.17), hand=(-0.62, 0.78), arm_lift=0.03)
        return {"L": bent, "R": replace(usual, knee=(usual.knee[0] + 0.05, usual.knee[1] - 0.01), foot_turn=0.10)}
    if design.pose == "walking":
        ahead = replace(
            usual, knee=(0.20 + 0.8 * apart, TORSO + 1.39), ankle=(0.10 + 0.8 * apart, TORSO + 2.74), leg_lift=0.13,
            elbow=(usual.elbow[0] + 0.03, 0.96), wrist=(usual.wrist[0] + 0.06, 1.70), foot_turn=0.02,
        )  # fmt: skip
        behind = replace(
            usual, knee=(0.25 + apart, TORSO + 1.33), ankle=(0.23 + 1.1 * apart, TORSO + 2.54), leg_lift=-0.02,
            elbow=(usual.elbow[0] + 0.01, 0.97), wrist=(usual.wrist[0] - 0.02, 1.72), foot_turn=0.03,
        )  # fmt: skip
        return {"L": ahead, "R": behind}
    if design.pose == "relaxed":
        eased = replace(
            usual, knee=(usual.knee[0] + 0.09, TORSO + 1.34), ankle=(usual.ankle[0] + 0.13, TORSO + 2.62),
            elbow=(usual.elbow[0] + 0.07, 0.96), wrist=(usual.wrist[0] + 0.05, 1.70), foot_turn=0.13,
        )  # fmt: skip
        return {"L": eased, "R": usual}
    return {"L": usual, "R": usual}


class HeightField:
    """Height over the picture, fine pixels. ``away`` is the distance from the mid line."""

    def __init__(self) -> None:
        rows, columns = HEIGHT * FINE, WIDTH * FINE
        scale = UNIT * FINE
        self.x = ((np.arange(columns) + 0.5 - columns / 2) / scale).astype(np.float32)[None]
        self.away = np.abs(self.x)
        top = TOP_MARGIN / UNIT - HEAD_TOP
        self.y = ((np.arange(rows) + 0.5) / scale - top).astype(np.float32)[:, None]
        self.height = np.full((rows, columns), -9.0, np.float32)
        self.arm = np.zeros((rows, columns), np.float32)

    def join(self, part: Array, softness: float) -> None:
        self.height = _join(self.height, part.astype(np.float32), softness)

    def limb(
        self, points: Array, radii: Array, *, depth: float = 1.0, lift: float | Array = 0.0, pieces: int = 16
    ) -> Array:
        """A tube of changing radius through the points; ``depth`` flattens it, ``lift`` moves it to the front."""
        at, fine = np.linspace(0, 1, len(points)), np.linspace(0, 1, pieces + 1)
        path = interpolate_points(fine, at, points)
        radius = np.interp(fine, at, radii)
        lifts = np.interp(fine, at, np.broadcast_to(lift, len(points)))
        if len(points) > 2:
            kernel = np.array([1, 2, 1]) / 4
            for _ in range(2):
                path[1:-1] = np.stack([np.convolve(path[:, k], kernel, "valid") for k in (0, 1)], 1)
                radius[1:-1] = np.convolve(radius, kernel, "valid")
        tube = np.full_like(self.height, -9.0)
        for (a, b), (ra, rb), (la, lb) in zip(pairwise(path), pairwise(radius), pairwise(lifts), strict=True):
            reach = 1.6 * max(ra, rb) + 0.05
            rows = np.flatnonzero((self.y[:, 0] > min(a[1], b[1]) - reach) & (self.y[:, 0] < max(a[1], b[1]) + reach))
            columns = np.flatnonzero((self.x[0] > min(a[0], b[0]) - reach) & (self.x[0] < max(a[0], b[0]) + reach))
            if not len(rows) or not len(columns):
                continue
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            x, y = self.x[:, box[1]], self.y[box[0]]
            step = b - a
            along = np.clip(((x - a[0]) * step[0] + (y - a[1]) * step[1]) / float(step @ step), 0, 1)
            r = ra + (rb - ra) * along
            q = np.hypot(x - (a[0] + along * step[0]), y - (a[1] + along * step[1])) / r
            lifted = la + (lb - la) * along
            rise = _signed_root(1 - q * q) * (r * depth + np.maximum(lifted, 0)) + np.minimum(lifted, 0)
            tube[box] = np.maximum(tube[box], rise)  # raised towards the viewer it keeps its outline
        return tube


def _torso(field: HeightField, design: Design) -> Array:
    ys, profile = torso_profile(design)
    half = np.interp(field.y, ys, profile)
    thickness = smooth(np.interp(ys, _DEPTH_Y, _DEPTH), 81)
    depth = np.interp(field.y, ys, thickness) * (1 + 0.8 * (design.girth - 1))
    height = depth * _signed_root(1 - (field.away / half) ** 2.2)
    front = np.clip(height / 0.12, 0, 1)
    if design.body == "f":
        size = 0.085 + 0.05 * (design.girth - 1)
        bust = np.exp(-(((field.away - 0.205) / 0.185) ** 2) - ((field.y - 0.455) / 0.175) ** 2)
        height = height + size * bust * front
    else:
        chest = np.exp(-(((field.away - 0.22) / 0.24) ** 2) - ((field.y - 0.34) / 0.22) ** 2)
        height = height + 0.045 * chest * front
    belly = np.exp(-((field.away / 0.32) ** 2) - ((field.y - 1.12) / 0.28) ** 2)
    height = height + (0.012 + 0.16 * max(0.0, design.girth - 1.0)) * belly
    height = height - 5 * np.clip(field.y - (TORSO + 0.06), 0, None) ** 2
    return np.where(field.y < ys[0], -9, height)


def _add_arm(field: HeightField, design: Design, side: str) -> None:
    sign, pose = ARMS[side].sign, limbs(design)[side]
    strength = design.limb * (1.0 if design.body == "f" else 1.16)
    shoulder, elbow, wrist = (np.array(p) * (sign, 1) for p in (pose.shoulder, pose.elbow, pose.wrist))
    upper, lower = elbow - shoulder, wrist - elbow
    points = np.array([
        shoulder + vec(-0.02 * sign, 0.045), shoulder + upper * 0.22, shoulder + upper * 0.55, elbow - upper * 0.06,
        elbow + lower * 0.22, elbow + lower * 0.62, wrist,
    ])  # fmt: skip
    radii = np.array([0.140, 0.138, 0.118, 0.096, 0.101, 0.080, 0.058]) * strength
    radii[-1] = 0.058 * (0.6 + 0.4 * strength)
    field.join(field.limb(points, radii, lift=pose.arm_lift, pieces=48), 0.09)
    towards = lower / np.hypot(*lower) if pose.hand is None else np.array(pose.hand) * (sign, 1)
    _add_hand(field, wrist, towards / np.hypot(*towards), 0.85 + 0.15 * strength, sign, pose.arm_lift + 0.01)


def _add_hand(field: HeightField, wrist: Array, down: Array, size: float, sign: int, lift: float) -> None:
    """Relaxed, seen from the side: back of the hand, fingers that lie together, the thumb towards the front."""
    out = np.array([down[1], -down[0]]) * sign

    def at(along: float, across: float) -> Array:
        return wrist + down * along * size + out * across * size

    palm = field.limb(
        np.array([at(-0.05, 0), at(0.06, 0.004), at(0.15, 0.006), at(0.22, 0.002)]),
        np.array([0.054, 0.056, 0.068, 0.062]) * size, depth=0.75, lift=lift, pieces=32,
    )  # fmt: skip
    field.join(palm, 0.05)
    for across, reach, bend, radius in ((0.038, 0.40, 0.022, 0.023), (0.008, 0.44, 0.034, 0.025),
                                        (-0.026, 0.42, 0.036, 0.025)):  # fmt: skip
        finger = field.limb(
            np.array([at(0.18, across), at(0.30, across - 0.3 * bend), at(reach, across - bend)]),
            np.array([1.15, 1.0, 0.62]) * radius * size, lift=lift + 0.012, pieces=24,
        )  # fmt: skip
        field.join(finger, 0.016)
    thumb = field.limb(
        np.array([at(0.04, -0.020), at(0.12, -0.060), at(0.20, -0.080), at(0.25, -0.082)]),
        np.array([0.036, 0.030, 0.022, 0.014]) * size, lift=lift + 0.04, pieces=24,
    )  # fmt: skip
    field.join(thumb, 0.03)


def _add_leg(field: HeightField, design: Design, side: str) -> None:
    sign, pose = LEGS[side].sign, limbs(design)[side]
    strength = design.limb * (1.0 if design.body == "f" else 0.99)
    hip, knee, ankle = (np.array(p) for p in (pose.hip, pose.knee, pose.ankle))
    thigh, shin = knee - hip, ankle - knee
    points = np.array([
        hip + vec(-0.02, -0.06), hip + thigh * 0.12 + vec(-0.012, 0), hip + thigh * 0.32,
        hip + thigh * 0.62, knee - thigh * 0.06,
        knee + shin * 0.06, knee + shin * 0.27 + vec(0.012, 0), knee + shin * 0.58 + vec(0.004, 0), ankle - shin * 0.07,
        ankle + vec(0, 0.02),
    ])  # fmt: skip
    hips = float(np.interp(TORSO + 0.04, *torso_profile(design)))
    outside = hips - hip[0]
    radii = np.array([0.0, 0.0, 0.248, 0.200, 0.150, 0.140, 0.152, 0.114, 0.074, 0.074])
    radii = radii * (1 + (strength - 1) * np.linspace(1.1, 0.5, len(radii)))
    radii[:2] = outside + 0.020, outside + 0.012
    for i, share in ((1, 0.96), (2, 0.89), (3, 0.70), (4, 0.50)):  # a wide hip goes on in a wide thigh
        points[i, 0] = max(points[i, 0], 0.5 * share * hips + 0.01)
        radii[i] = max(radii[i], share * hips - points[i, 0])
    mirror = np.array([sign, 1])
    front = np.interp(np.arange(len(radii)), [1, 5, 9], [-0.02, pose.leg_lift, pose.leg_lift])
    field.join(field.limb(points * mirror, radii, lift=front, pieces=64), 0.10)
    turn = pose.foot_turn
    foot = field.limb(
        np.array([ankle + vec(0, -0.02), ankle + vec(0.2 * turn, 0.09), ankle + vec(0.6 * turn, 0.18),
                  ankle + vec(turn, 0.25)]) * mirror,
        np.array([0.072, 0.080, 0.094, 0.080]), depth=1.0, lift=pose.leg_lift + 0.07, pieces=24,
    )  # fmt: skip
    field.join(foot, 0.05)


def _head(field: HeightField, design: Design) -> Array:
    centre, tall = -0.76, 0.375
    t = (field.y - centre) / tall
    wide = (0.258 if design.body == "f" else 0.268) * (1 - 0.20 * smoothstep(0.0, 1.0, t))
    return np.asarray(0.31 * _signed_root(1 - (field.away / wide) ** 2 - t * t))


def figure(design: Design) -> HeightField:
    field = HeightField()
    field.join(_torso(field, design), 0.02)
    neck = 0.126 if design.body == "f" else 0.160
    neck *= 1 + 0.5 * (design.girth - 1)
    column = field.limb(np.array([[0, -0.56], [0, -0.34], [0, -0.08]]), np.array([neck, neck, neck * 1.15]), lift=0.03)
    field.join(column, 0.10)
    for side in SIDES:
        _add_leg(field, design, side)
    without_arm = field.height.copy()
    for side in SIDES:
        _add_arm(field, design, side)
    field.arm = smoothstep(0.0, 0.03, field.height - without_arm).astype(np.float32)
    field.join(_head(field, design), 0.05)
    for side in SIDES:  # each foot ends flat where it stands
        ends = limbs(design)[side].ankle[1] + SOLE
        own = (field.y > ends) & (field.x * LEGS[side].sign > -0.02)
        field.height[np.broadcast_to(own, field.height.shape)] = -9
    return field


def joints(design: Design) -> Array:
    points = np.zeros((JOINT_COUNT, 2))
    for side, pose in limbs(design).items():
        arm, leg, mirror = ARMS[side], LEGS[side], np.array([ARMS[side].sign, 1])
        elbow, wrist = np.array(pose.elbow), np.array(pose.wrist)
        down = wrist - elbow if pose.hand is None else np.array(pose.hand)
        down = down / np.hypot(*down)
        for index, point in (
            (arm.shoulder, np.array(pose.shoulder)), (arm.elbow, elbow), (arm.wrist, wrist),
            (arm.index_finger, wrist + down * 0.26), (arm.little_finger, wrist + down * 0.24),
            (arm.thumb, wrist + down * 0.18 + vec(-0.07, 0)),
            (leg.hip, np.array(pose.hip)), (leg.knee, np.array(pose.knee)), (leg.ankle, np.array(pose.ankle)),
        ):  # fmt: skip
            points[index] = point * mirror
    points[NOSE], points[L_EAR], points[R_EAR] = (0, -0.74), (0.25, -0.76), (-0.25, -0.76)
    return points
