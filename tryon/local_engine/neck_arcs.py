"""Even arcs that the front of a round neck may follow, for pictures whose colours do not part inside and front.

Two things are looked for among them: a ribbing of one colour on patterned cloth, and the arc nearest to a path that a
label or a seam pulled out of shape.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .imaging import Array

_ENDS = 4  # rays at either end where shoulders and seams are
_RIBBINGS = (4, 6, 8, 10)  # widths in cells
_BESIDE = 6  # cells on either side that a ribbing is compared with
_EVEN = 9.0  # colour differences inside a ribbing, at most
_PATTERN = 16.0  # colour differences of the cloth around it, at least, in every quarter of the arc
_CLEARER = 3.5  # times: how much more its surroundings differ from a ribbing than it does from itself
_STRANGE = 0.12  # share of rays on which the rim of a ribbing may have another colour
_LEAST = 6.0  # difference that every picture has
_FAR = 0.12  # of the half neck width: a path that far off an arc may be anywhere
_NEAR = 0.05  # mean distance up to which a path is an arc pulled out of shape
_FAINT = 6.0  # step of lightness that counts as a whole one
_STEP_WEIGHT = 0.06  # worth of a step all along the arc, in half neck widths of distance


@cache
def _arcs(rays: int, first: float, widest: float) -> Array:
    """(n, rays) radii in half neck widths at even angles from ``first``: scoops between parabola and ellipse."""
    angles, across = np.linspace(first, np.pi - first, rays), np.linspace(-1, 1, 161)
    found = []
    for reach in np.arange(0.80, widest + 0.01, 0.04):
        for depth in np.linspace(0.33, 1.5, 40):
            for power in (0.5, 0.7, 0.9):
                for aside in (-0.12, -0.06, 0.0, 0.06, 0.12):  # of its lowest point
                    fall = (1 - across**2) ** power
                    x, y = reach * across + aside * fall, depth * fall
                    found.append(np.interp(angles, np.arctan2(y, -x), np.hypot(x, y)))
    return np.array(found)


def straightened(path: Array, brighter: Array, radii: Array, half: float, first: float) -> Array | None:
    """The arc nearest to ``path``, rather one along which it gets lighter or darker throughout. None: no arc is near.

    ``path`` holds a radius for each ray, ``brighter`` the step of lightness outwards per ray and cell.
    """
    arcs = _arcs(len(path), first, 1.0)
    distance = np.minimum(np.abs(arcs - path / half), _FAR)
    steps = np.clip(brighter[np.arange(len(path)), _cells(arcs * half, radii)], -_FAINT, _FAINT) / _FAINT
    inner = slice(_ENDS, -_ENDS)
    price = distance[:, inner].mean(1) - _STEP_WEIGHT * np.abs(steps[:, inner].mean(1))
    best = int(price.argmin())
    return arcs[best] * half if distance[best, inner].mean() < _NEAR else None


def ribbing(colours: Array, cloth: Array, radii: Array, half: float, first: float) -> Array | None:
    """Radii of the inner edge of a collar that has one colour all along, while stripes or flowers lie around it.

    ``colours`` (rays, cells, 3) and ``cloth``, bool, are samples of a fan.
    """
    rays = np.arange(_ENDS, len(colours) - _ENDS, 2)
    if not _patterned(colours[rays], np.full(len(rays), np.searchsorted(radii, half)), len(radii) // 3):
        return None
    arcs = _arcs(len(colours), first, 1.16)
    start = _cells(arcs[:, rays] * half, radii) + 1
    sums = _Sums(colours[rays], cloth[rays])
    best: tuple[float, int, int, Array] | None = None
    for wide in _RIBBINGS:
        cells, mean, inside = sums.within(start, start + wide - 1)
        even = np.sqrt(inside)
        outer = sums.away(start + wide + 1, start + wide + 1 + _BESIDE, mean)
        above = sums.away(start - _BESIDE - 1, start - 1, mean)
        # the inside has often just one stripe of another colour
        clearer = np.sqrt(np.minimum(outer, 4 * above)) / (even + _LEAST)
        clearer[(cells < 0.9 * (wide - 1) * len(rays)) | (even > _EVEN)] = 0
        i = int(clearer.argmax())
        if clearer[i] > _CLEARER and (best is None or clearer[i] > 1.02 * best[0]):
            best = (float(clearer[i]), i, wide, mean[i])
    if best is None:
        return None
    _, i, wide, colour = best
    if not _patterned(colours[rays], start[i] + wide + 1, _BESIDE + 2):
        return None
    more = 0  # the widest even band may still be narrower than the ribbing
    while more < _RIBBINGS[-1] - wide:
        rim = colours[rays, np.maximum(start[i] - more, 0)]
        if (np.linalg.norm(rim - colour, axis=1) > 2 * _EVEN).mean() > _STRANGE:
            break
        more += 1
    return np.asarray(arcs[i] * half + (1.5 - more) * (radii[1] - radii[0]))


def _patterned(colours: Array, start: Array, count: int) -> bool:
    """Whether ``count`` cells from ``start`` on hold different colours in every quarter of the rays."""
    cells = np.minimum(start[:, None] + np.arange(count), colours.shape[1] - 1)
    around = np.take_along_axis(colours, cells[..., None], 1)
    spreads = [np.sqrt(quarter.reshape(-1, 3).var(0).sum()) for quarter in np.array_split(around, 4)]
    return bool(min(spreads) >= _PATTERN)


def _cells(wanted: Array, radii: Array) -> Array:
    """Index of the nearest of the fan's radii."""
    out: Array = np.clip(np.round((wanted - radii[0]) / (radii[1] - radii[0])), 0, len(radii) - 1).astype(int)
    return out


class _Sums:
    """Means and spreads of a fan's colours between two arcs, for many arcs at once."""

    def __init__(self, colours: Array, cloth: Array) -> None:
        self.last, self._all = cloth.shape[1], np.arange(len(cloth))
        known = np.where(cloth[..., None], colours, 0).astype(np.float64)
        table = np.dstack([cloth, known, (known**2).sum(-1)])
        self._table = np.pad(table.cumsum(1), ((0, 0), (1, 0), (0, 0)))

    def _between(self, start: Array, end: Array) -> Array:
        """(n, 5): cells, colour sums and sum of squares."""
        low, high = np.clip(start, 0, self.last), np.clip(end, 0, self.last)
        part = self._table[self._all, high] - self._table[self._all, low]
        return np.asarray(part.sum(1))

    def within(self, start: Array, end: Array) -> tuple[Array, Array, Array]:
        """-> (cells, mean colour, mean squared distance from it)."""
        part = self._between(start, end)
        cells = np.maximum(part[:, 0], 1)
        mean = part[:, 1:4] / cells[:, None]
        return part[:, 0], mean, np.maximum(part[:, 4] / cells - (mean**2).sum(1), 0)

    def away(self, start: Array, end: Array, colour: Array) -> Array:
        """Mean squared distance from ``colour``, 0 where there is hardly any cloth."""
        cells, mean, spread = self.within(start, end)
        return np.where(cells > len(self._all), spread + ((mean - colour) ** 2).sum(1), 0)
