"""The garment's outline: corners, hem, armpits, and from them the category."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from .geometry import resample
from .imaging import Array

POINTS = 720  # samples of the closed outline, clockwise on the screen
Kind = Literal["sleeved", "sleeveless", "pants", "shorts", "skirt"]


@dataclass(slots=True)
class Silhouette:
    mask: Array  # uint8
    box: tuple[int, int, int, int]  # left, top, right, bottom, inclusive
    centre_x: float

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0] + 1

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1] + 1

    def rows(self, start: float, stop: float) -> range:
        """Picture rows between two shares of the garment's height, at least one."""
        first = int(self.box[1] + start * self.height)
        return range(first, max(first + 1, int(self.box[1] + stop * self.height)))


@dataclass(slots=True)
class Outline:
    points: Array  # (720, 2)
    turning: Array  # degrees; above 0 convex, below 0 concave
    hem: dict[str, int]  # index of the hem corner per side
    armpit: dict[str, int | None]

    @property
    def sleeved(self) -> bool:
        return self.armpit["L"] is not None and self.armpit["R"] is not None


@dataclass(slots=True)
class Guess:
    category: str
    kind: Kind
    leg_gap: float  # share of the height that is split into two legs


def row_runs(mask: Array, y: int) -> Array:
    """(n, 2) start and end of each run of set pixels in one row."""
    return np.flatnonzero(np.diff(np.concatenate([[0], mask[y].astype(np.int8), [0]]))).reshape(-1, 2)


def _gaps(runs: Array) -> list[tuple[int, int]]:
    return [(int(a[1]), int(b[0])) for a, b in pairwise(runs)]


def arc(points: Array, start: int, end: int) -> Array:
    """Outline points from index ``start`` to ``end`` walking forward."""
    count = len(points)
    out: Array = points[np.arange(start, end + 1 if end >= start else end + count + 1) % count]
    return out


def trace(silhouette: Silhouette) -> Outline:
    found = cv2.findContours(silhouette.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    raw = max(found, key=cv2.contourArea)[:, 0].astype(float)
    following = np.roll(raw, -1, 0)
    if np.sum(raw[:, 0] * following[:, 1] - following[:, 0] * raw[:, 1]) < 0:
        raw = raw[::-1]
    half = max(2, int(0.0022 * len(raw)))
    kernel = np.hanning(2 * half + 3)[1:-1]
    kernel /= kernel.sum()
    looped = np.concatenate([raw[-half:], raw, raw[:half]])
    smoothed = np.stack([np.convolve(looped[:, axis], kernel, "valid") for axis in (0, 1)], 1)
    points = resample(np.vstack([smoothed, smoothed[:1]]), POINTS + 1)[:-1]
    coarse, fine = _turning(points, max(6, int(0.018 * POINTS))), _turning(points, max(4, int(0.008 * POINTS)))
    turning = np.where(fine < -70, np.minimum(coarse, fine + 25), coarse)
    hem, notches = _hem_corners(silhouette, points)
    outline = Outline(points, turning, hem, {"L": None, "R": None})
    for side in ("L", "R"):
        outline.armpit[side] = _armpit(silhouette, outline, side, notches.get(side))
    _mirror_single_armpit(silhouette, outline)
    return outline


def _mirror_single_armpit(silhouette: Silhouette, outline: Outline) -> None:
    """One clear armpit and none on the other side: take the outline's most concave point near its mirror image."""
    found = [side for side in ("L", "R") if outline.armpit[side] is not None]
    if len(found) != 1:
        return
    other = "R" if found[0] == "L" else "L"
    x, y = outline.points[outline.armpit[found[0]]]
    distance = np.hypot(*(outline.points - np.array([2 * silhouette.centre_x - x, y])).T)
    near = np.flatnonzero((distance < 0.08 * silhouette.width) & (outline.turning < -12))
    if len(near):
        outline.armpit[other] = int(near[np.argmin(outline.turning[near])])


def _turning(points: Array, step: int) -> Array:
    before, after = points - np.roll(points, step, 0), np.roll(points, -step, 0) - points
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return np.asarray(np.degrees(np.arctan2(cross, (before * after).sum(1))))


def _hem_corners(silhouette: Silhouette, points: Array) -> tuple[dict[str, int], dict[str, int]]:
    """Walk out from the bottom centre until the outline turns up, or down along a sleeve that hangs lower.

    -> (hem corner per side, armpit per side where the second case ended the walk)
    """
    centre, wide, tall = silhouette.centre_x, silhouette.width, silhouette.height
    lateral = np.abs(points[:, 0] - centre)
    bottom = int(np.argmax(points[:, 1] - 2.2 * lateral * (lateral > 0.12 * wide)))
    look = max(4, int(0.007 * POINTS))
    hem, notches = {}, {}
    for side, step in (("L", 1), ("R", -1)):
        corner = (bottom + step * int(0.1 * POINTS)) % POINTS
        for walked in range(3, int(0.42 * POINTS)):
            at = (bottom + step * walked) % POINTS
            ahead = points[(at + step * look) % POINTS] - points[at]
            angle = np.degrees(np.arctan2(-ahead[1], abs(ahead[0])))
            beyond = points[(at + 4 * step * look) % POINTS] - points[at]
            if angle > 48 and lateral[at] > 0.1 * wide and -beyond[1] > 0.5 * np.hypot(*beyond):  # no ruffle's tooth
                corner = at
                break
            drop = points[(at + step * int(0.03 * POINTS)) % POINTS, 1] - points[at, 1]
            if angle < -48 and lateral[at] > 0.12 * wide and drop > 0.03 * tall:
                corner, notches[side] = at, (at + step * 2) % POINTS
                break
        hem[side] = corner
    return hem, notches


def _armpit(silhouette: Silhouette, outline: Outline, side: str, notch: int | None) -> int | None:
    """The strongest concave corner between hem and shoulder with cloth protruding outside it."""
    points, centre = outline.points, silhouette.centre_x
    wide, tall, top = silhouette.width, silhouette.height, silhouette.box[1]
    step, outwards = (1, -1) if side == "L" else (-1, 1)
    summit = int(np.argmin(points[:, 1] + 0.9 * np.abs(points[:, 0] - (centre + outwards * 0.17 * wide))))
    hem = outline.hem[side]
    count = ((summit - hem) * step) % POINTS
    path = (hem + step * np.arange(count)) % POINTS
    best: tuple[float, int] | None = None
    for walked in range(max(2, int(0.008 * count)), int(0.97 * count)):
        at = int(path[walked])
        relative = (points[at, 1] - top) / tall
        too_central = outwards * (points[at, 0] - centre) < 0.09 * wide
        if not 0.08 < relative < 0.97 or too_central or outline.turning[at] > -36:
            continue
        rest = points[path[walked + 1 :]]
        if not len(rest):
            continue
        protrusion = float((outwards * (rest[:, 0] - points[at, 0])).max())
        reach = float(np.hypot(*(rest - points[at]).T).max())
        if protrusion < 0.03 * wide and not (reach > 0.3 * tall and protrusion > 0.01 * wide):
            continue
        value = float(-outline.turning[at] - 30 * max(0.0, relative - 0.45))
        if best is None or value > best[0]:
            best = (value, at)
    return best[1] if best is not None else notch


def _width(silhouette: Silhouette, start: float, stop: float) -> float:
    widths = [np.ptp(runs) for y in silhouette.rows(start, stop) if len(runs := row_runs(silhouette.mask, y))]
    return float(np.median(widths)) if widths else 0.0


def _leg_gap(silhouette: Silhouette) -> float:
    centre, wide, tall = silhouette.centre_x, silhouette.width, silhouette.height
    split, bottom = 0, silhouette.box[3]
    for y in range(int(bottom - 0.02 * tall), silhouette.box[1], -1):
        runs = row_runs(silhouette.mask, y)
        wide_enough = max(2, 0.006 * wide)
        central = any(abs((a + b) / 2 - centre) < 0.13 * wide and b - a >= wide_enough for a, b in _gaps(runs))
        if len(runs) <= 3 and central:
            split += 1
        elif y < bottom - 0.08 * tall or split > 0:
            break
    return split / tall


def _neck_notch(silhouette: Silhouette) -> tuple[float, float]:
    """-> (depth, width) of the gap at the top centre, as shares of the height and of the row's width."""
    widths = []
    for y in range(silhouette.box[1] + 2, int(silhouette.box[1] + 0.16 * silhouette.height)):
        runs = row_runs(silhouette.mask, y)
        around = [(a, b) for a, b in _gaps(runs) if a < silhouette.centre_x < b]
        if around:
            widths.append((around[0][1] - around[0][0]) / max(1, int(np.ptp(runs))))
    return len(widths) / silhouette.height, float(np.median(widths)) if widths else 0.0


def classify(silhouette: Silhouette, outline: Outline) -> Guess:
    """Category from the proportions: legs, neck, sleeves, length and flare."""
    points, sleeved = outline.points, outline.sleeved
    aspect = silhouette.height / silhouette.width
    gap, (notch, notch_width) = _leg_gap(silhouette), _neck_notch(silhouette)
    top, high, middle, low = (
        _width(silhouette, a, b) for a, b in ((0, 0.02), (0.04, 0.08), (0.45, 0.55), (0.88, 0.97))
    )
    left, right = outline.armpit["L"], outline.armpit["R"]
    if left is not None and right is not None:
        chest = abs(points[right, 0] - points[left, 0])
    else:
        chest = _width(silhouette, 0.3, 0.45)
    ratio, slender = silhouette.height / max(1.0, chest), silhouette.height / max(1.0, high)
    flare = abs(points[outline.hem["R"], 0] - points[outline.hem["L"], 0]) / max(1.0, chest)
    # a waistband between two belt loops is no neck: the cloth widens all the way down
    waistband = notch < 0.05 and notch_width > 0.6 and high < 0.75 * middle and low > 1.1 * middle
    has_neck = notch >= 0.006 and 0.2 < notch_width < 0.72 and not waistband
    if gap > 0.25 and not (notch > 0.04 and 0.12 < notch_width < 0.7 and gap < 0.3):
        return Guess("lower", "pants" if aspect > 1.15 else "shorts", gap)
    bare_top = not has_neck and not sleeved
    column = high < 1.08 * middle and aspect > 1.9 and slender > 2.2 and low > 0.5 * high and top > 0.55 * high
    if bare_top and notch < 0.03 and column:
        return Guess("lower", "pants", gap)
    widening = 0.35 * middle < high < 1.05 * middle <= 1.05 * 1.05 * low and aspect < 1.9
    if bare_top and (notch < 0.025 or notch_width > 0.72 or waistband) and top > 0 and widening:
        return Guess("lower", "skirt", gap)
    category = "full" if ratio > 2.62 or (ratio > 1.75 and flare > 1.33) else "upper"
    return Guess(category, "sleeved" if sleeved else "sleeveless", gap)
