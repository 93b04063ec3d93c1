"""Landmarks of tops and dresses: neck points, shoulders, armpits, sleeves, sides, hem."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .geometry import resample
from .imaging import Array
from .outline import Outline, Silhouette, arc, row_runs

SIDE_ROWS = 40
SLEEVE_ROWS = 24
_OUTWARDS = {"L": -1, "R": 1}


@dataclass(slots=True)
class Sleeve:
    under: Array  # (24, 2) armpit to cuff
    over: Array  # (24, 2) shoulder to cuff
    length: float


@dataclass(slots=True)
class Collar:
    """A collar that stands up: turtleneck, shirt."""

    base: float
    top: float


@dataclass(slots=True)
class TopLandmarks:
    chest: float  # width between the armpits, pixels
    centre_x: float
    neck: dict[str, Array]  # highest point of each shoulder, at the neck
    shoulder: dict[str, Array]
    armpit: dict[str, Array]
    sides: dict[str, Array]  # (40, 2) armpit to hem; row i on the left faces row i on the right
    hem_middle: float
    neck_opening: float  # y of the silhouette at the middle of the neck
    collar: Collar | None = None
    sleeves: dict[str, Sleeve] = field(default_factory=dict)
    low_armpits: bool = False  # a sleeve lies on the body: the outline shows no real armpit
    neckline: Array | None = None  # (n, 2) front neckline
    inside_back: Array | None = None  # polygon of the visible inside back, to be cut away

    @property
    def hem(self) -> float:
        return float((self.sides["L"][-1, 1] + self.sides["R"][-1, 1]) / 2)

    @property
    def length(self) -> float:
        return self.hem - float(self.shoulder["L"][1] + self.shoulder["R"][1]) / 2

    @property
    def flatness(self) -> float:
        """1 = spread out flat, 0 = on an invisible mannequin."""
        return float(np.clip((2.05 - self.length / self.chest) / 0.55, 0, 1))


@dataclass(slots=True)
class _Profile:
    """The upper edge of the cloth around the chest."""

    xs: Array
    top: Array  # y per x, nan where there is no cloth

    def at(self, x: float) -> float:
        return float(self.top[np.argmin(np.abs(self.xs - x))])


def find_top_landmarks(silhouette: Silhouette, outline: Outline) -> TopLandmarks:
    chest, centre = _chest(silhouette, outline)
    left, _, right, _ = silhouette.box
    xs = np.arange(int(max(left, centre - 0.62 * chest)), int(min(right, centre + 0.62 * chest)) + 1)
    columns = silhouette.mask[:, xs] > 0
    top = np.where(columns.any(0), columns.argmax(0), np.nan).astype(float)
    profile = _Profile(xs, top)
    neck = {side: _neck_point(silhouette, profile, centre, chest, side) for side in _OUTWARDS}
    near_middle = profile.top[np.abs(xs - centre) < 0.03 * chest]
    opening = float(np.nanmedian(near_middle)) if np.isfinite(near_middle).any() else float(silhouette.box[1])
    collar = _standing_collar(silhouette, profile, opening, chest, neck)
    marks = TopLandmarks(chest, centre, neck, {}, {}, {}, 0.0, opening, collar)
    real_armpits = {}
    for side in _OUTWARDS:
        armpit_index = outline.armpit[side] if outline.sleeved else None
        if armpit_index is not None:
            real_armpits[side] = _sleeved_side(silhouette, outline, profile, marks, side, armpit_index)
        else:
            marks.armpit[side] = _armhole_bottom(silhouette, side, chest)
    bare = [side for side in _OUTWARDS if side not in marks.sleeves]
    if len(bare) == 2:  # an armhole read too high crosses its strap: both take the lower one's height
        low = int(max(marks.armpit[side][1] for side in bare))
        marks.armpit = {side: np.array([_outer_edge(silhouette, low, side), low], float) for side in bare}
    for side in bare:
        marks.shoulder[side] = _strap_end(silhouette, neck[side], marks.armpit[side], chest, side)
    if len(marks.sleeves) == 2:
        _mirror_misread_sleeve(marks, real_armpits)
    for side in _OUTWARDS:
        marks.sides[side] = _side_edge(outline, marks, side, real_armpits.get(side))
    marks.hem_middle = _hem_at_middle(silhouette, marks)
    return marks


def _chest(silhouette: Silhouette, outline: Outline) -> tuple[float, float]:
    """-> (width, centre x)."""
    left, right = outline.armpit["L"], outline.armpit["R"]
    if left is not None and right is not None:
        a, b = outline.points[left, 0], outline.points[right, 0]
        return max(8.0, float(b - a)), float((a + b) / 2)
    widest = [
        max(runs, key=lambda run: run[1] - run[0])
        for y in silhouette.rows(0.3, 0.5)
        if len(runs := row_runs(silhouette.mask, y))
    ]
    widths = [run[1] - run[0] for run in widest]
    return max(8.0, float(np.median(widths))), float(np.median([(run[0] + run[1]) / 2 for run in widest]))


def _neck_point(silhouette: Silhouette, profile: _Profile, centre: float, chest: float, side: str) -> Array:
    """The highest point beside the neck; among nearly equal heights the one at the usual distance."""
    outwards = _OUTWARDS[side]
    away = outwards * (profile.xs - centre)
    usable = (away > 0.08 * chest) & (away < 0.46 * chest) & ~np.isnan(profile.top)
    if not usable.any():
        return np.array([centre + outwards * 0.2 * chest, silhouette.box[1]], float)
    xs, ys = profile.xs[usable], profile.top[usable]
    step = max(2.0, 0.006 * silhouette.height)
    best = np.lexsort((np.abs(np.abs(xs - centre) - 0.2 * chest), np.round(ys / step)))[0]
    return np.array([xs[best], ys[best]], float)


def _standing_collar(
    silhouette: Silhouette, profile: _Profile, opening: float, chest: float, neck: dict[str, Array]
) -> Collar | None:
    """Narrow cloth above the shoulders. Moves the neck points down to the collar's base."""
    top = float(np.nanmin(profile.top))
    if opening - top >= 0.05 * chest:
        return None
    narrow = []
    for y in np.linspace(top + 0.01 * silhouette.height, top + 0.35 * chest, 18).astype(int):
        runs = row_runs(silhouette.mask, min(int(y), silhouette.box[3]))
        if len(runs) == 0 or np.ptp(runs) < 0.5 * chest:
            narrow.append(int(y))
    if not narrow or narrow[-1] - top <= 0.07 * chest:
        return None
    base = narrow[-1]
    runs = row_runs(silhouette.mask, base)
    if not len(runs):
        return None
    neck["L"], neck["R"] = np.array([runs.min(), base], float), np.array([runs.max(), base], float)
    return Collar(float(base), top)


def _sleeved_side(
    silhouette: Silhouette, outline: Outline, profile: _Profile, marks: TopLandmarks, side: str, armpit_index: int
) -> Array | None:
    """Shoulder, armpit and sleeve of one side. -> the outline's armpit where a higher, virtual one replaced it."""
    points, chest, outwards = outline.points, marks.chest, _OUTWARDS[side]
    armpit = points[armpit_index].copy()
    x = armpit[0] - outwards * 0.012 * chest
    shoulder = np.array([profile.xs[np.argmin(np.abs(profile.xs - x))], profile.at(x)], float)
    if not shoulder[1] <= armpit[1] - 0.08 * chest:
        x = marks.neck[side][0] + outwards * 0.22 * chest
        shoulder = np.array([x, profile.at(x)])
    if np.isnan(shoulder[1]):
        shoulder[1] = marks.neck[side][1]
    shoulder_index = int(np.argmin(np.hypot(*(points - shoulder).T)))
    if side == "L":
        path = arc(points, armpit_index, shoulder_index)
    else:
        path = arc(points, shoulder_index, armpit_index)[::-1]
    flat = float(np.clip((2.05 - silhouette.height / chest) / 0.55, 0, 1))
    depth = 0.64 - 0.16 * flat
    virtual = armpit[1] - shoulder[1] > (depth + 0.10) * chest
    path = resample(path, 120)
    inner, outer = _cuff(path, armpit, shoulder, chest)
    under = path[: inner + 1]
    real = None
    if virtual:
        real = armpit
        armpit = np.array([armpit[0] - outwards * 0.01 * chest, shoulder[1] + depth * chest])
        under = np.vstack([armpit[None], under])
        marks.low_armpits = True
    cuff_middle, seam_middle = (path[inner] + path[outer]) / 2, (armpit + shoulder) / 2
    marks.shoulder[side], marks.armpit[side] = shoulder, armpit
    marks.sleeves[side] = Sleeve(
        resample(under, SLEEVE_ROWS), resample(path[outer:][::-1], SLEEVE_ROWS),
        float(np.hypot(*(cuff_middle - seam_middle))),
    )  # fmt: skip
    return real


def _mirror_misread_sleeve(marks: TopLandmarks, real_armpits: dict[str, Array | None]) -> None:
    """Two sleeves of very different length: one was misread, so it takes the other's pixels and mirrored points."""
    lengths = {side: sleeve.length for side, sleeve in marks.sleeves.items()}
    if max(lengths.values()) < 1.4 * max(1.0, min(lengths.values())):
        return
    uncertain = [side for side in _OUTWARDS if real_armpits.get(side) is not None]
    poor = uncertain[0] if len(uncertain) == 1 else max(lengths, key=lambda side: lengths[side])
    good = "R" if poor == "L" else "L"
    marks.sleeves[poor] = marks.sleeves[good]
    for points in (marks.armpit, marks.shoulder):
        points[poor] = np.array([2 * marks.centre_x - points[good][0], points[good][1]])


def _cuff(path: Array, armpit: Array, shoulder: Array, chest: float) -> tuple[int, int]:
    """The two corners of the cuff in ``path`` (120 outline samples from armpit over cuff to shoulder).

    Two convex corners joined by a straight chord that crosses the sleeve's axis, far from the seam.
    """
    count = len(path)
    before, after = path[4:-4] - path[:-8], path[8:] - path[4:-4]
    turn = np.zeros(count)
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn[4:-4] = np.degrees(np.arctan2(cross, (before * after).sum(1)))
    if turn.sum() < 0:
        turn = -turn
    seam = (armpit + shoulder) / 2
    reach = np.hypot(*(path - seam).T)
    longest = max(float(np.hypot(*(armpit - shoulder))), 0.3 * chest) * 1.25
    corners = np.flatnonzero(turn >= 14)
    best: tuple[float, int, int] | None = None
    for i in corners[(corners >= 4) & (corners < count - 10)]:
        for j in corners[(corners >= i + 3) & (corners < min(count - 4, i + 60))]:
            chord, axis = path[j] - path[i], (path[i] + path[j]) / 2 - seam
            size, axis_length = float(np.hypot(*chord)), float(np.hypot(*axis)) + 1e-6
            if not 0.05 * chest <= size <= longest:
                continue
            slant = abs(float(chord @ axis)) / (size * axis_length)
            if slant > 0.88:
                continue
            between = path[i : j + 1] - path[i]
            bulge = float(np.abs(between[:, 0] * chord[1] - between[:, 1] * chord[0]).max()) / size**2
            value = min(turn[i], 95) + min(turn[j], 95) - 260 * bulge - 55 * max(0.0, slant - 0.35)
            value -= 130 * max(0.0, 0.93 - float(reach[i : j + 1].max() / reach.max()))
            value -= 90 * max(0.0, 0.8 - axis_length / float(reach.max()))
            if best is None or value > best[0]:
                best = (float(value), int(i), int(j))
    if best is None:
        tip = int(np.argmax(reach))
        return max(3, tip - 4), min(count - 4, tip + 4)
    return best[1], best[2]


def _outer_edge(silhouette: Silhouette, y: int, side: str) -> float:
    runs = row_runs(silhouette.mask, y)
    if not len(runs):
        return np.nan
    return float(runs.min() if side == "L" else runs.max())


def _armhole_bottom(silhouette: Silhouette, side: str, chest: float) -> Array:
    """Sleeveless: where the side first reaches the body's usual width."""
    rows = np.array(silhouette.rows(0.12, 0.5))
    edge = np.array([_outer_edge(silhouette, int(y), side) for y in rows])
    usual = np.nanmedian([_outer_edge(silhouette, y, side) for y in silhouette.rows(0.35, 0.6)])
    reached = np.flatnonzero(np.abs(edge - usual) < 0.035 * chest)
    y = int(rows[reached[0]]) if len(reached) else int(silhouette.box[1] + 0.3 * silhouette.height)
    return np.array([_outer_edge(silhouette, y, side), y], float)


def _strap_end(silhouette: Silhouette, neck: Array, armpit: Array, chest: float, side: str) -> Array:
    """Sleeveless: the outer end of the strap, walking outwards from the neck point until the edge drops."""
    outwards, end = _OUTWARDS[side], neck.copy()
    for x in range(int(neck[0]), int(armpit[0]), outwards):
        cloth = np.flatnonzero(silhouette.mask[:, x])
        if not len(cloth) or cloth[0] - neck[1] > 0.16 * chest + 0.25 * abs(x - neck[0]):
            break
        end = np.array([x, cloth[0]], float)
    return end


def _side_edge(outline: Outline, marks: TopLandmarks, side: str, real_armpit: Array | None) -> Array:
    """(40, 2) points from the armpit down to the hem corner at equal steps of y."""
    points, start = outline.points, marks.armpit[side]
    follow = start if real_armpit is None else real_armpit
    armpit_index, hem_index = int(np.argmin(np.hypot(*(points - follow).T))), outline.hem[side]
    path = arc(points, hem_index, armpit_index)[::-1] if side == "L" else arc(points, armpit_index, hem_index)
    if len(path) > 0.6 * len(points):
        path = np.stack([start, points[hem_index]])
    if real_armpit is not None:
        path = np.vstack([start[None], path])
    falling = np.maximum.accumulate(path[:, 1])
    ys = np.linspace(path[0, 1], max(falling[-1], path[0, 1] + 8), SIDE_ROWS)
    xs = np.interp(ys, falling + np.arange(len(falling)) * 1e-4, path[:, 0])
    xs = np.convolve(np.pad(xs, 2, mode="edge"), np.ones(5) / 5, "valid")
    return np.stack([xs, ys], 1)


def _hem_at_middle(silhouette: Silhouette, marks: TopLandmarks) -> float:
    lowest = []
    for x in range(int(marks.centre_x - 0.1 * marks.chest), int(marks.centre_x + 0.1 * marks.chest)):
        cloth = np.flatnonzero(silhouette.mask[:, min(max(x, 0), silhouette.mask.shape[1] - 1)])
        if len(cloth):
            lowest.append(cloth[-1])
    return float(np.median(lowest)) if lowest else marks.hem
