"""The front neckline below a visible inside back: the strongest smooth arc between the two neck points."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import smooth_points
from .imaging import Array, to_lab
from .landmarks import TopLandmarks

_ANGLES, _RADII = 49, 56
_INNER_STEP = 3  # cells a path may jump between neighbouring angles
_DEEPEST = 0.28  # of the chest width below the back of the neck
_WEAKEST = 4.0  # gradient along a line that is still believed
_COLLAR_BAND = 0.13  # of the half neck width: cloth kept above the line


@dataclass(slots=True)
class _Fan:
    """Polar samples hung on the line between the neck points; rows are angles, columns radii."""

    centre: Array
    half: float  # half the neck width
    angles: Array
    radii: Array
    gradient: Array
    inside: Array  # bool: cloth

    def points(self, radii: Array) -> Array:
        return np.stack([self.centre[0] - np.cos(self.angles) * radii, self.centre[1] + np.sin(self.angles) * radii], 1)


def find_neckline(picture: Array, alpha: Array, marks: TopLandmarks) -> None:
    """Set ``marks.neckline``, and ``marks.inside_back`` when cloth above it should be cut away."""
    half = float(np.hypot(*(marks.neck["R"] - marks.neck["L"]))) / 2
    if marks.collar is not None or half < 8:
        return
    fan = _sample(picture, alpha, marks, half)
    path = _strongest_path(fan)
    deepest = marks.neck_opening - fan.centre[1] + _DEEPEST * marks.chest
    if fan.radii[path[_ANGLES // 2]] > deepest:  # rather a print on the chest than a neckline
        path = _cheapest_path(_cost(fan) + np.where(fan.radii > deepest, 60.0, 0)[None])
        if _strength(fan, path) < _WEAKEST:
            return
    edge = fan.gradient[np.arange(_ANGLES), path]
    radii = _smooth_radii(fan, path, edge)
    line = fan.points(radii)
    marks.neckline = line
    depth = line[_ANGLES // 2, 1] - marks.neck_opening
    clothed_rays = sum(bool(fan.inside[i, : path[i]].any()) for i in range(6, _ANGLES - 6))
    if depth > 0.14 * half and float(np.median(edge[8:-8])) > 6.0 and clothed_rays > 10:
        keep = np.interp(np.linspace(0, 1, _ANGLES), [0, 0.12, 0.88, 1], [0, _COLLAR_BAND, _COLLAR_BAND, 0]) * half
        band = smooth_points(fan.points(np.maximum(radii - keep, 0)), 7)
        left, right = marks.neck["L"], marks.neck["R"]
        above = np.array([0, -2 * half])
        marks.inside_back = np.vstack([left, band, right, right + above, left + above])


def _sample(picture: Array, alpha: Array, marks: TopLandmarks, half: float) -> _Fan:
    centre = (marks.neck["L"] + marks.neck["R"]) / 2
    angles = np.linspace(0.06 * np.pi, 0.94 * np.pi, _ANGLES)
    radii = np.linspace(0.35, 2.3, _RADII) * half
    x = (centre[0] - np.cos(angles)[:, None] * radii).astype(np.float32)
    y = (centre[1] + np.sin(angles)[:, None] * radii).astype(np.float32)
    lab = to_lab(cv2.GaussianBlur(picture, (0, 0), max(1.0, half * 0.02))).astype(np.float32)
    colours = cv2.remap(lab, x, y, cv2.INTER_LINEAR)
    cloth = cv2.remap(alpha, x, y, cv2.INTER_LINEAR) > 0.9
    gradient = np.zeros((_ANGLES, _RADII), np.float32)
    step = (colours[:, 4:] - colours[:, :-4]) * np.sqrt(np.array([1, 2, 2], np.float32))
    gradient[:, 2:-2] = np.linalg.norm(step, axis=-1)
    solid = cloth & np.roll(cloth, 3, 1) & np.roll(cloth, -3, 1)
    return _Fan(centre, half, angles, radii, np.where(solid, gradient, 0), cloth)


def _strongest_path(fan: _Fan) -> Array:
    """Radius index per angle. An inner arc that is strong all along beats the edge of a print further down."""
    relative, cost = fan.radii / fan.half, _cost(fan)
    candidate = _cheapest_path(cost)
    best_strength, best = _strength(fan, candidate), candidate
    for _ in range(4):
        limit = np.maximum(candidate - 4, 1)
        inner = _cheapest_path(cost + np.where(np.arange(_RADII)[None, :] > limit[:, None], 60.0, 0))
        if (inner < candidate - 2).mean() < 0.8:
            break
        strength, depth = _strength(fan, inner), relative[inner[_ANGLES // 2]]
        if strength > best_strength * 1.25 + 1 and depth > 0.25:
            best_strength, best = strength, inner
        candidate = inner
    return best


def _cost(fan: _Fan) -> Array:
    """Price of each cell: low on strong edges, high far from where necklines usually run."""
    relative, bend = fan.radii / fan.half, np.sin(fan.angles)[:, None]
    penalty = np.where(relative < 1 - 0.45 * bend, 8.0, 0) + np.where(relative > 1 + 1.2 * bend**1.5, 8.0, 0)
    penalty += 1.2 * np.abs(relative - (1 + 0.12 * bend))
    out: Array = 4 * penalty - np.minimum(fan.gradient, 28.0)
    return out


def _strength(fan: _Fan, path: Array) -> float:
    edge = fan.gradient[np.arange(_ANGLES), path][8:-8]
    return float(np.percentile(np.minimum(edge, 30), 30))


def _cheapest_path(cost: Array) -> Array:
    """Dynamic programming over the fan with a quadratic price for jumps."""
    total, origin = cost.astype(np.float64).copy(), np.zeros((_ANGLES, _RADII), int)
    columns = np.arange(_RADII)
    jumps = np.arange(-_INNER_STEP, _INNER_STEP + 1)
    sources = columns[None] + jumps[:, None]
    usable = (sources >= 0) & (sources < _RADII)
    sources = np.clip(sources, 0, _RADII - 1)
    price = 0.7 * jumps[:, None] ** 2
    for row in range(1, _ANGLES):
        options = np.where(usable, total[row - 1][sources] + price, 1e9)
        chosen = options.argmin(0)
        total[row] = cost[row] + options[chosen, columns]
        origin[row] = sources[chosen, columns]
    path = np.empty(_ANGLES, int)
    path[-1] = int(np.argmin(total[-1]))
    for row in range(_ANGLES - 1, 0, -1):
        path[row - 1] = origin[row, path[row]]
    return path


def _smooth_radii(fan: _Fan, path: Array, edge: Array) -> Array:
    """A six-term fit through the path, robust against its outliers; the path itself when the fit is poor."""
    sine, cosine = np.sin(fan.angles), np.cos(fan.angles)
    basis = np.stack([np.ones(_ANGLES), sine, sine**2, sine**3, cosine * sine, cosine * sine**2], 1)
    wanted = fan.radii[path] / fan.half
    weight, residual, fitted = np.clip(edge, 1, 20), np.zeros(_ANGLES), wanted
    for _ in range(4):
        weighted = (basis * weight[:, None]).T
        fitted = basis @ np.linalg.solve(weighted @ basis + 1e-2 * np.eye(6), weighted @ wanted)
        residual = np.abs(wanted - fitted)
        weight = np.clip(edge, 1, 20) / (1 + (residual / 0.08) ** 2)
    if np.median(residual) < 0.12:
        return np.clip(fitted, 0.3, 2.3) * fan.half
    out: Array = fan.radii[path]
    return out
