"""The front neckline below a visible inside back.

A fan of rays hangs on the line between the two neck points. Along each ray the inside of the back ends where the
colours become those of the chest, at an edge; dynamic programming joins these places to one line. The leaves of a
folded collar part in a V instead: of all Vs with slightly bent legs the one on the strongest edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import smooth, smooth_points, smoothstep
from .imaging import Array, to_lab
from .landmarks import TopLandmarks
from .neck_arcs import ribbing, straightened

_ANGLES, _RADII = 49, 76
_FARTHEST = 3.1  # of half the neck width
_JUMP = {False: (3, 0.7), True: (8, 0.12)}  # cells between neighbouring angles and their price, by colour evidence
_DEEPEST = 0.28  # of the chest width below the back of the neck, for a line that only its edge tells
_WEAKEST = 4.0  # gradient along a line that is still believed
_USUAL_HALF = 0.26  # of the chest width: up to here a neck is a half circle
_COLLAR_BAND = 0.13  # of the half neck width: cloth kept above a line of unknown kind
_BINS = 32
_REGION_WEIGHT = 1.6  # price of one cell on the wrong side, in units of the gradient
_UNKNOWN_FRONT, _UNKNOWN_INSIDE = 2e-5, 5e-5  # densities of colours never seen: rather inside, as labels are
_SURE = 0.7  # mean evidence per cell from which the colours alone tell the inside
_SURE_IN_COLLAR = 0.95  # a ruffled collar has shades of its own
_CLEAR_EDGE = 28.0  # gradient: a stronger edge is no better
_LOPSIDED = 0.3  # difference between the sides of a neckline that no way of laying a garment down explains
_SHALLOW = 0.6  # of the half neck width: an opening that is no deeper is a lip rather than a V
_FAINT_STEP, _CLEAR_STEP = 0.8, 6.0  # of lightness, from the shaded inside to the leaf of a collar of the same cloth
_STEPS_OF_A_LEAF = 0.85  # share of a collar's edge that has such a step: ruffles and flowers have it here and there


@dataclass(slots=True)
class _Fan:
    """Polar samples hung on the line between the neck points; rows are angles, columns radii."""

    centre: Array
    half: float  # half the neck width
    flatness: float  # 1, and less where the neck is wide for the chest
    angles: Array
    radii: Array
    gradient: Array
    brighter: Array  # how much lighter the picture gets outwards
    colours: Array  # Lab, the hues weighted
    inside: Array  # bool: cloth
    front: Array  # evidence per cell: above 0 looks like the chest, below 0 like the inside of the back
    bins: Array  # colour bin per cell
    chest: Array | None  # colour density of the chest, None when too little of it shows

    def points(self, radii: Array) -> Array:
        return np.stack([self.centre[0] - np.cos(self.angles) * radii, self.centre[1] + np.sin(self.angles) * radii], 1)


def find_neckline(picture: Array, alpha: Array, marks: TopLandmarks) -> None:
    """Set ``marks.neckline``, and ``marks.inside_back`` when cloth above it should be cut away."""
    left, right = _hanging_points(alpha, marks)
    half = float(np.hypot(*(right - left))) / 2
    if half < 8:
        return
    fan = _sample(picture, alpha, marks, (left + right) / 2, half)
    if marks.collar is not None:
        _open_collar(fan, marks)
        return
    path = _strongest_path(fan)
    _learn(fan, path)
    path = _strongest_path(fan)
    sure = _evidence(fan, path) > _SURE
    if not sure:  # the colours do not tell: go by the edge alone
        fan.front[:] = 0
        path = _strongest_path(fan)
    deepest = marks.neck_opening - fan.centre[1] + _DEEPEST * marks.chest
    if fan.radii[path[_ANGLES // 2]] > deepest and not sure:  # rather a print on the chest than a neckline
        path = _cheapest_path(_cost(fan) + np.where(fan.radii > deepest, 60.0, 0)[None], False)
        if _strength(fan, path) < _WEAKEST:
            return
    edge = fan.gradient[np.arange(_ANGLES), path]
    collar = None if sure else ribbing(fan.colours, fan.inside, fan.radii, half, fan.angles[0])
    if collar is not None:
        radii = collar
    else:
        radii = _even_radii(fan, path, edge) if sure else _round_radii(fan, path, edge)
    line = fan.points(radii)
    depth = line[_ANGLES // 2, 1] - marks.neck_opening
    clothed_rays = sum(bool(fan.inside[i, : path[i]].any()) for i in range(6, _ANGLES - 6))
    clear = sure or float(np.median(edge[8:-8])) > 6.0
    marks.neckline = line
    if depth > 0.14 * half and clear and clothed_rays > 10:
        band = _band(fan, radii, sure) if collar is None else 0.0  # all of a ribbing lies below its inner edge
        keep = np.interp(np.linspace(0, 1, _ANGLES), [0, 0.12, 0.88, 1], [0, band, band, 0]) * half
        cut = smooth_points(fan.points(np.maximum(radii - keep, 0)), 3 if sure else 7)
        opening = marks.neck_opening - fan.centre[1]
        if opening > 0.5 * half:  # straps: the opening itself is already free, only cloth at its bottom is inside
            cut = _from_the_straps(fan, cut, opening)
            cut = cut[cut[:, 1] > fan.centre[1] + 0.5 * opening]
            left, right = cut[0], cut[-1]
        above = np.array([0, -2 * half if opening <= 0.5 * half else 0])
        marks.inside_back = np.vstack([left, cut, right, right + above, left + above])


def _from_the_straps(fan: _Fan, cut: Array, opening: float) -> Array:
    """``cut`` beginning on the straps' own inner edges, so that it leaves no notch in them."""
    edge = fan.points(fan.radii[fan.inside.argmax(1)])
    weight = smoothstep(0.5, 1.0, (cut[:, 1] - fan.centre[1]) / opening)[:, None]
    return np.asarray(edge + (cut - edge) * weight)


def _open_collar(fan: _Fan, marks: TopLandmarks) -> None:
    """Cut away what a folded collar shows of the inside, up to the even edges of its leaves."""
    opening = _best_opening(fan)
    for _ in range(2):
        _learn(fan, _columns(fan, opening.radii))
        opening = _best_opening(fan)
    if _evidence(fan, _columns(fan, opening.radii)) < _SURE_IN_COLLAR:  # inside and outside are of one colour
        opening = _best_opening(fan, by_shade=True)
        step = fan.brighter[np.arange(_ANGLES), _columns(fan, opening.radii)]
        if (step > _FAINT_STEP).mean() < _STEPS_OF_A_LEAF:
            return
    left, right = (fan.centre + np.array([x * fan.half, 0.0]) for x in (-opening.starts[0], opening.starts[1]))
    above = np.array([0, -2 * fan.half])
    marks.inside_back = np.vstack([left, fan.points(opening.radii), right, right + above, left + above])


@dataclass(slots=True)
class _Opening:
    """A V between the leaves of a collar, or of a crossed front."""

    radii: Array  # per angle of the fan
    starts: tuple[float, float]  # where its legs begin left and right of the middle, in half neck widths


def _best_opening(fan: _Fan, by_shade: bool = False) -> _Opening:
    """The V whose legs part inside and front best: by colour and edges, or where it gets lighter outwards."""
    if by_shade:
        price = -np.clip(fan.brighter, -_CLEAR_STEP, _CLEAR_STEP)
    else:
        price = _price(fan)
    starts = np.linspace(0.76, 1.0, 5)
    best, least = _Opening(np.full(_ANGLES, fan.half), (1.0, 1.0)), np.inf
    for across in np.linspace(-0.2, 0.2, 7):
        for down in np.linspace(0.36, 2.2, 32):
            # the edge of a leaf is nearly straight, the lip of a roll neck round
            bends = np.linspace(-0.16, 0.16, 5) if down > _SHALLOW else np.linspace(0.16, 0.40, 4)
            depth, split = float(np.hypot(across, down)), float(np.arctan2(down, -across))
            radii, begins, total = np.empty(_ANGLES), [], 0.0
            for angles, corner in ((fan.angles, split), (np.pi - fan.angles, np.pi - split)):
                mine = angles <= corner
                angle = angles[mine]
                # a straight line in polar coordinates for each start, then bent
                line = starts[:, None] * depth * np.sin(corner)
                line = line / (depth * np.sin(corner - angle) + starts[:, None] * np.sin(angle))
                legs = line[:, None] * (1 + bends[:, None] * np.sin(np.pi * angle / corner))
                prices = price[np.flatnonzero(mine), _columns(fan, legs * fan.half)].sum(-1)
                i, j = np.unravel_index(int(prices.argmin()), prices.shape)
                radii[mine] = legs[i, j] * fan.half
                begins.append(float(starts[i]))
                total += float(prices[i, j])
            if total < least:
                best, least = _Opening(radii, (begins[0], begins[1])), total
    return best


def _region_price(fan: _Fan) -> Array:
    """Price of what lies on the wrong side when the line runs through a cell."""
    out: Array = _REGION_WEIGHT * (np.cumsum(fan.front, axis=1) - fan.front / 2)
    return out


def _price(fan: _Fan) -> Array:
    """The same, less the strength of the edge there."""
    return np.asarray(_region_price(fan) - np.minimum(fan.gradient, _CLEAR_EDGE))


def _even_radii(fan: _Fan, path: Array, edge: Array) -> Array:
    """An even line that parts the colours nearly as well as the path, which labels and patterns make ragged."""
    best, opening = _smooth_radii(fan, path, edge), _best_opening(fan).radii
    pointed = _smooth_radii(fan, path, edge, pointed=True)
    if pointed[_ANGLES // 2] > best[_ANGLES // 2] and _middle_price(fan, pointed) < 1.05 * _middle_price(fan, best):
        best = pointed
    evidence = _evidence(fan, _columns(fan, best))
    if _evidence(fan, _columns(fan, opening)) > 1.2 * evidence:
        return opening
    if evidence < 0.9 * _evidence(fan, path):
        best = smooth(fan.radii[path], 3)
    return best


def _round_radii(fan: _Fan, path: Array, edge: Array) -> Array:
    """An even line along a path that only its edge tells."""
    arc = straightened(fan.radii[path], fan.brighter, fan.radii, fan.half, fan.angles[0])
    return arc if arc is not None else _alike_on_both_sides(_smooth_radii(fan, path, edge))


def _alike_on_both_sides(radii: Array) -> Array:
    """A line that took a ribbing's outer edge on one side and its inner one on the other takes the outer one."""
    mirrored = radii[::-1]
    lopsided = float(np.abs(radii - mirrored).max() / radii.mean()) > _LOPSIDED
    return smooth(np.maximum(radii, mirrored), 15, mirror=True) if lopsided else radii


def _middle_price(fan: _Fan, radii: Array) -> float:
    """Mean price of the line's lowest part; the lower the better, below 0 where it follows an edge."""
    rays = np.arange(_ANGLES // 3, _ANGLES - _ANGLES // 3)
    return float(_price(fan)[rays, _columns(fan, radii)[rays]].mean())


def _columns(fan: _Fan, radii: Array) -> Array:
    """Index of the nearest of the fan's radii."""
    spacing = fan.radii[1] - fan.radii[0]
    out: Array = np.clip(np.round((radii - fan.radii[0]) / spacing), 0, _RADII - 1).astype(int)
    return out


def _hanging_points(alpha: Array, marks: TopLandmarks) -> tuple[Array, Array]:
    """Ends of the neck opening: the neck points, or the upper corners of a standing collar."""
    if marks.collar is None:
        return marks.neck["L"], marks.neck["R"]
    y = int(marks.collar.top + 0.25 * (marks.collar.base - marks.collar.top))
    cloth = np.flatnonzero(alpha[y] > 0.5)
    if not len(cloth):
        return marks.neck["L"], marks.neck["R"]
    return np.array([cloth[0], marks.collar.top], float), np.array([cloth[-1], marks.collar.top], float)


def _sample(picture: Array, alpha: Array, marks: TopLandmarks, centre: Array, half: float) -> _Fan:
    angles = np.linspace(0.06 * np.pi, 0.94 * np.pi, _ANGLES)
    radii = np.linspace(0.35, _FARTHEST, _RADII) * half
    x = (centre[0] - np.cos(angles)[:, None] * radii).astype(np.float32)
    y = (centre[1] + np.sin(angles)[:, None] * radii).astype(np.float32)
    lab = to_lab(cv2.GaussianBlur(picture, (0, 0), max(1.0, half * 0.02))).astype(np.float32)
    colours = cv2.remap(lab, x, y, cv2.INTER_LINEAR)
    cloth = cv2.remap(alpha, x, y, cv2.INTER_LINEAR) > 0.9
    gradient = np.zeros((_ANGLES, _RADII), np.float32)
    weighted = colours * np.sqrt(np.array([1, 2, 2], np.float32))
    step = weighted[:, 4:] - weighted[:, :-4]
    gradient[:, 2:-2] = np.linalg.norm(step, axis=-1)
    brighter = np.zeros_like(gradient)
    brighter[:, 2:-2] = colours[:, 4:, 0] - colours[:, :-4, 0]
    solid = cloth & np.roll(cloth, 3, 1) & np.roll(cloth, -3, 1)
    low, chest, middle = max(marks.neck["L"][1], marks.neck["R"][1]), marks.chest, marks.centre_x
    rows = slice(int(low + 0.40 * chest), int(low + 0.85 * chest))
    window = rows, slice(int(max(0, middle - 0.35 * chest)), int(middle + 0.35 * chest))
    sample = lab[window][alpha[window] > 0.9]
    flatness = float(np.clip(_USUAL_HALF * marks.chest / half, 0.4, 1.0))
    fan = _Fan(
        centre, half, flatness, angles, radii, np.where(solid, gradient, 0), np.where(solid, brighter, 0),
        weighted, cloth, np.zeros(cloth.shape, np.float32),
        _bins(colours), _density(_bins(sample)) if len(sample) > 200 else None,
    )  # fmt: skip
    _learn(fan, None)
    return fan


def _learn(fan: _Fan, path: Array | None) -> None:
    """Set ``fan.front`` from two colour densities: of the chest, and of the inside above ``path``.

    Without a path the inside is what shows in the middle right below the back of the neck.
    """
    if fan.chest is None:
        return
    columns, cloth = np.arange(_RADII)[None], fan.inside
    entry = cloth.argmax(1)[:, None]
    if path is None:
        inside = cloth & (columns >= entry + 2) & (columns < entry + 9)
        inside[: _ANGLES // 4], inside[-(_ANGLES // 4) :] = False, False
    else:
        inside = cloth & (columns >= entry + 1) & (columns < path[:, None] - 1)
    if inside.sum() < 12:
        return
    density = _density(fan.bins[inside])
    ratio = np.log((fan.chest[fan.bins] + _UNKNOWN_FRONT) / (density[fan.bins] + _UNKNOWN_INSIDE))
    evidence = cv2.blur(np.where(cloth, np.clip(ratio, -3, 3), 0).astype(np.float32), (3, 3))
    fan.front = np.where(cloth, evidence, 0)


def _bins(colours: Array) -> Array:
    quantised = (np.clip(colours, 0, 255).astype(np.int32) * _BINS) // 256
    return np.asarray((quantised[..., 0] * _BINS + quantised[..., 1]) * _BINS + quantised[..., 2])


def _density(bins: Array) -> Array:
    """Smoothed Lab histogram, flattened."""
    counts = np.bincount(bins.reshape(-1), minlength=_BINS**3).astype(np.float32).reshape(_BINS, _BINS, _BINS)
    kernel = np.array([0.06, 0.24, 0.40, 0.24, 0.06], np.float32)
    for axis in range(3):
        moved = np.pad(np.moveaxis(counts, axis, 0), ((2, 2), (0, 0), (0, 0)))
        counts = np.moveaxis(sum(kernel[i] * moved[i : i + _BINS] for i in range(5)), 0, axis)
    out: Array = (counts / counts.sum()).reshape(-1)
    return out


def _evidence(fan: _Fan, path: Array) -> float:
    """Mean evidence per cell, on both sides of the path, that the path parts inside from front."""
    columns, clothed = np.arange(_RADII)[None], fan.inside
    above = clothed & (columns < path[:, None])
    below = clothed & (columns >= path[:, None]) & (columns < path[:, None] + 12)
    if above.sum() < 40 or below.sum() < 40:
        return 0.0
    return float(min(-fan.front[above].mean(), fan.front[below].mean()))


def _band(fan: _Fan, radii: Array, sure: bool) -> float:
    """Width of a collar's ribbing above the line, in half neck widths: up to a second edge that runs along it."""
    offsets = np.arange(0.05, 0.24, 0.015)
    spacing = fan.radii[1] - fan.radii[0]
    rays = np.arange(8, _ANGLES - 8)
    strengths = []
    for offset in offsets:
        column = np.clip(np.round((radii[rays] - offset * fan.half - fan.radii[0]) / spacing), 0, _RADII - 1).astype(
            int
        )
        strengths.append(float(np.median(fan.gradient[rays, column])))
    best = int(np.argmax(strengths))
    if sure and strengths[best] < 8.0:
        return -0.04  # no ribbing: the lining's own edge goes as well
    return float(offsets[best]) - 0.02 if strengths[best] >= 8.0 else _COLLAR_BAND


def _strongest_path(fan: _Fan) -> Array:
    """Radius index per angle. An inner arc that is strong all along beats the edge of a print further down."""
    relative, cost, coloured = fan.radii / fan.half, _cost(fan), bool(fan.front.any())
    candidate = _cheapest_path(cost, coloured)
    if _evidence(fan, candidate) > _SURE:
        return candidate
    best_strength, best = _strength(fan, candidate), candidate
    for _ in range(4):
        limit = np.maximum(candidate - 4, 1)
        inner = _cheapest_path(cost + np.where(np.arange(_RADII)[None, :] > limit[:, None], 60.0, 0), coloured)
        if (inner < candidate - 2).mean() < 0.8:
            break
        strength, depth = _strength(fan, inner), relative[inner[_ANGLES // 2]]
        if strength > best_strength * 1.25 + 1 and depth > 0.25:
            best_strength, best = strength, inner
        candidate = inner
    return best


def _cost(fan: _Fan) -> Array:
    """Price of each cell: low on strong edges where the colours change sides, high far from where necklines run."""
    bend = np.sin(fan.angles)[:, None]
    # a wide neck is no deeper for it: then the usual line is an ellipse
    relative = fan.radii / fan.half * np.hypot(np.cos(fan.angles)[:, None], bend / fan.flatness)
    reach = 1.7 if fan.front.any() else 1.2  # colours tell a deep V from a print
    penalty = np.where(relative < 1 - 0.45 * bend, 8.0, 0) + np.where(relative > 1 + reach * bend**1.5, 8.0, 0)
    penalty += np.where(relative > 1 + 2.2 * bend, 60.0, 0)  # nor do colours lead out over the shoulders
    penalty += 1.2 * np.abs(relative - (1 + 0.12 * bend))
    out: Array = 4 * penalty - np.minimum(fan.gradient, _CLEAR_EDGE) + _region_price(fan)
    return out


def _strength(fan: _Fan, path: Array) -> float:
    edge = fan.gradient[np.arange(_ANGLES), path][8:-8]
    return float(np.percentile(np.minimum(edge, 30), 30))


def _cheapest_path(cost: Array, coloured: bool) -> Array:
    """Dynamic programming over the fan with a quadratic price for jumps."""
    total, origin = cost.astype(np.float64).copy(), np.zeros((_ANGLES, _RADII), int)
    columns = np.arange(_RADII)
    step, jump_price = _JUMP[coloured]
    jumps = np.arange(-step, step + 1)
    sources = columns[None] + jumps[:, None]
    usable = (sources >= 0) & (sources < _RADII)
    sources = np.clip(sources, 0, _RADII - 1)
    price = jump_price * jumps[:, None] ** 2
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


def _smooth_radii(fan: _Fan, path: Array, edge: Array, pointed: bool = False) -> Array:
    """A fit of a few terms through the path, robust against its outliers; the path itself when the fit is poor.

    ``pointed``: it may have a corner in the middle, as a V has.
    """
    sine, cosine = np.sin(fan.angles), np.cos(fan.angles)
    terms = [np.ones(_ANGLES), sine, sine**2, sine**3, cosine * sine, cosine * sine**2]
    basis = np.stack([*terms, np.abs(cosine)] if pointed else terms, 1)
    wanted = fan.radii[path] / fan.half
    weight, residual, fitted = np.clip(edge, 1, 20), np.zeros(_ANGLES), wanted
    for _ in range(4):
        weighted = (basis * weight[:, None]).T
        fitted = basis @ np.linalg.solve(weighted @ basis + 1e-2 * np.eye(basis.shape[1]), weighted @ wanted)
        residual = np.abs(wanted - fitted)
        weight = np.clip(edge, 1, 20) / (1 + (residual / 0.08) ** 2)
    if np.median(residual) < 0.12:
        return np.clip(fitted, 0.3, _FARTHEST) * fan.half
    out: Array = fan.radii[path]
    return out
