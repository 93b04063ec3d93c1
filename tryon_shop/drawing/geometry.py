"""Smooth outlines: splines, mirrored halves, hand-made irregularity, distances to a curve.

Points are float64 arrays of shape (n, 2), x to the right and y down, in pixels of the 1,000 x 1,250 drawing frame with
x = 0 on the middle line of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[Any]
Field = NDArray[Any]

FRAME_WIDTH, FRAME_HEIGHT = 1000, 1250


def spline(*knots: Sequence[float], step: float = 4.0) -> Points:
    """Centripetal Catmull-Rom curve through the knots, sampled about every ``step`` pixels."""
    p = np.asarray(knots, np.float64)
    if len(p) == 2:
        return resample(p, step)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    pieces = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        t1 = np.sqrt(np.hypot(*(b - a))) + 1e-6
        t2 = t1 + np.sqrt(np.hypot(*(c - b))) + 1e-6
        t3 = t2 + np.sqrt(np.hypot(*(d - c))) + 1e-6
        t = np.linspace(t1, t2, max(3, int(np.hypot(*(c - b)) / step)), endpoint=False)[:, None]
        ab, bc, cd = a + (b - a) * t / t1, b + (c - b) * (t - t1) / (t2 - t1), c + (d - c) * (t - t2) / (t3 - t2)
        abc, bcd = ab + (bc - ab) * t / t2, bc + (cd - bc) * (t - t1) / (t3 - t1)
        pieces.append(abc + (bcd - abc) * (t - t1) / (t2 - t1))
    return np.vstack([*pieces, p[-2:-1]])


def resample(path: Points, step: float) -> Points:
    """The same line with points ``step`` pixels apart."""
    s = arc_lengths(path)
    at = np.linspace(0, s[-1], max(2, round(s[-1] / step) + 1))
    return np.stack([np.interp(at, s, path[:, 0]), np.interp(at, s, path[:, 1])], 1)


def arc_lengths(path: Points) -> NDArray[Any]:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])


def mirror(path: Points) -> Points:
    result: Points = path * np.array([-1.0, 1.0])
    return result


def on_side(sign: int, path: Points) -> Points:
    """A line given for the right half of the picture, for the right (1) or the left (-1) half."""
    return path if sign > 0 else mirror(path)


def join(*arcs: Points) -> Points:
    """One line out of several: where two arcs meet there may be a corner."""
    return np.vstack(arcs)


def both_sides(right_half: Points) -> Points:
    """Closed outline from its right half, which is given from the top middle to the bottom middle."""
    return np.vstack([right_half, mirror(right_half)[::-1]])


def across(right_half: Points) -> Points:
    """Symmetric line from its right half, which is given from the middle outwards."""
    line = np.vstack([mirror(right_half)[::-1][:-1], right_half])
    # the halves seldom meet level: round the kink in the middle off
    window = np.hanning(17)[1:-1] / np.hanning(17).sum()
    y = np.convolve(np.pad(line[:, 1], 7, mode="edge"), window, mode="valid")
    near = np.exp(-((line[:, 0] / 40) ** 2))
    return np.stack([line[:, 0], line[:, 1] + near * (y - line[:, 1])], 1)


def offset(path: Points, distance: float) -> Points:
    """Parallel line; positive is to the right-hand side when walking along the path on the screen."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None] + 1e-9
    return path + distance * np.stack([-tangent[:, 1], tangent[:, 0]], 1)


def part(path: Points, start: float, end: float) -> Points:
    """The stretch between two fractions of the length."""
    s = arc_lengths(path)
    at = np.linspace(start, end, max(2, int((end - start) * s[-1] / 4))) * s[-1]
    return np.stack([np.interp(at, s, path[:, 0]), np.interp(at, s, path[:, 1])], 1)


class Irregularity:
    """A smooth displacement of the whole garment by a few pixels: nothing cut, sewn and laid by hand is symmetric."""

    def __init__(self, rng: np.random.Generator, amount: float = 1.0) -> None:
        wavelengths = np.concatenate([rng.uniform(320, 760, 5), rng.uniform(90, 170, 4), rng.uniform(28, 60, 4)])
        directions = rng.uniform(0, 2 * np.pi, len(wavelengths))
        self._k = 2 * np.pi / wavelengths * np.stack([np.cos(directions), np.sin(directions)])
        self._phase = rng.uniform(0, 2 * np.pi, (2, len(wavelengths)))
        self._size = amount * np.repeat([1.9, 0.45, 0.09], [5, 4, 4])
        self._turn = np.radians(rng.normal(0, 0.22)) * amount

    def __call__(self, path: Points) -> Points:
        waves = np.sin((path @ self._k)[None] + self._phase[:, None, :]) @ self._size
        x, y = path[:, 0], path[:, 1] - FRAME_HEIGHT / 2
        result: Points = path + waves.T + self._turn * np.stack([-y, x], 1)
        return result


def curve_coordinates(path: Points, shape: tuple[int, int], origin: tuple[float, float]) -> tuple[Field, Field]:
    """For every pixel of a field: how far along the curve its nearest point lies (0..1) and the signed distance to it.

    ``origin`` is the position of the field's first pixel in the coordinates of the path. Positive distance is to the
    right-hand side when walking along the path on the screen.
    """
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    xs, ys = xs + np.float32(origin[0]), ys + np.float32(origin[1])
    s = arc_lengths(path)
    nearest = np.full(shape, np.inf, np.float32)
    along = np.zeros(shape, np.float32)
    signed = np.zeros(shape, np.float32)
    for i in range(len(path) - 1):
        (ax, ay), (dx, dy) = path[i].astype(np.float32), (path[i + 1] - path[i]).astype(np.float32)
        length2 = np.float32(dx * dx + dy * dy + 1e-9)
        px, py = xs - ax, ys - ay
        t = np.clip((px * dx + py * dy) / length2, 0, 1)
        d2 = (px - t * dx) ** 2 + (py - t * dy) ** 2
        closer = d2 < nearest
        nearest = np.where(closer, d2, nearest)
        along = np.where(closer, np.float32(s[i]) + t * np.float32(s[i + 1] - s[i]), along)
        signed = np.where(closer, np.sign(dx * py - dy * px) * np.sqrt(d2), signed)
    return along / np.float32(s[-1]), signed
