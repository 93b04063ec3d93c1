"""Plane geometry: capsules, polygons, curves, thin-plate spline. Points are (x, y) in pixels, float64."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .imaging import Array, Shape


def vec(x: float, y: float) -> Array:
    return np.array([x, y], float)


def length(vector: Array) -> float:
    return float(np.hypot(vector[0], vector[1]))


def unit(vector: Array) -> Array:
    return vector / (length(vector) + 1e-6)


def smoothstep(low: float | Array, high: float | Array, value: Array) -> Array:
    """0 below ``low``, 1 above ``high``, an S-curve between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def grid(shape: Shape) -> tuple[Array, Array]:
    """-> (x, y) of every pixel, float32, each broadcastable to ``shape``."""
    return np.arange(shape[1], dtype=np.float32)[None, :], np.arange(shape[0], dtype=np.float32)[:, None]


def capsule(shape: Shape, start: Array, end: Array, start_radius: float, end_radius: float) -> tuple[Array, Array]:
    """-> (distance from the segment in radii: below 1 is inside, position along the segment from 0 to 1)."""
    xs, ys = grid(shape)
    dx, dy = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    square = float(dx * dx + dy * dy) + 1e-6
    along = np.clip(((xs - np.float32(start[0])) * dx + (ys - np.float32(start[1])) * dy) / np.float32(square), 0, 1)
    radius = np.float32(start_radius) + np.float32(end_radius - start_radius) * along
    away = np.hypot(xs - (np.float32(start[0]) + along * dx), ys - (np.float32(start[1]) + along * dy))
    return away / radius, along


def polygon_mask(shape: Shape, points: Array) -> Array:
    """Anti-aliased filled polygon, float32 from 0 to 1."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(points * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return mask.astype(np.float32) / 255


def resample(points: Array, count: int) -> Array:
    """``count`` points at equal steps along a polyline."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    if distance[-1] < 1e-6:
        return np.repeat(points[:1], count, 0)
    at = np.linspace(0, distance[-1], count)
    return np.stack([np.interp(at, distance, points[:, 0]), np.interp(at, distance, points[:, 1])], 1)


def window(size: int) -> Array:
    """Normalised smoothing window with ``size`` positive weights (odd)."""
    weights = np.hanning(size + 2)[1:-1]
    return np.asarray(weights / weights.sum())


def smooth(values: Array, size: int, mirror: bool = False) -> Array:
    """Smoothed sequence of the same length. ``mirror`` continues the slope at the ends, else the end value."""
    half = size // 2
    if mirror:
        padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    else:
        padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, window(2 * half + 1), "valid")


def smooth_points(points: Array, size: int, mirror: bool = False) -> Array:
    return np.stack([smooth(points[:, axis], size, mirror) for axis in (0, 1)], 1)


def interpolate_points(at: Array, positions: Array, points: Array) -> Array:
    return np.stack([np.interp(at, positions, points[:, axis]) for axis in (0, 1)], 1)


def thin_plate_spline(source: Array, target: Array, stiffness: float = 1e-3) -> Callable[[Array], Array]:
    """The smooth mapping that takes each source point to (nearly) its target point; both (n, 2)."""
    centre, scale = source.mean(0), source.std() + 1e-6
    knots = (source - centre) / scale
    count = len(knots)

    def kernel(a: Array, b: Array) -> Array:
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.asarray(square * np.log(square + 1e-12))

    affine = np.column_stack([np.ones(count), knots])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(knots, knots) + stiffness * np.eye(count)
    system[:count, count:] = affine
    system[count:, :count] = affine.T
    weights = np.linalg.solve(system, np.vstack([target, np.zeros((3, 2))]))

    def apply(points: Array) -> Array:
        at = (points - centre) / scale
        return np.asarray(
            kernel(at, knots) @ weights[:count] + np.column_stack([np.ones(len(at)), at]) @ weights[count:]
        )

    return apply
