"""Landmarks of trousers, shorts and skirts: waist, crotch, sides and inner leg edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .imaging import Array
from .outline import Guess, Kind, Silhouette, row_runs

ROWS = 60


@dataclass(slots=True)
class BottomLandmarks:
    kind: Kind
    waist: tuple[Array, Array]  # left and right end
    rows: Array  # (60,) y from waist to hem
    sides: dict[str, Array]  # x of the outer edge per row
    inner: dict[str, Array]  # x of the inner leg edge per row (trousers only)
    crotch: Array | None  # None for skirts
    crotch_guessed: bool = False

    @property
    def waist_width(self) -> float:
        return float(np.hypot(*(self.waist[1] - self.waist[0])))

    @property
    def height(self) -> float:
        return float(self.rows[-1] - self.rows[0])


def find_bottom_landmarks(silhouette: Silhouette, guess: Guess) -> BottomLandmarks:
    _, top, _, bottom = silhouette.box
    runs = {y: row_runs(silhouette.mask, y) for y in range(top, bottom + 1)}
    waist_y = _waist_row(silhouette, runs)
    waist = runs[waist_y]
    left, right = np.array([waist.min(), waist_y], float), np.array([waist.max(), waist_y], float)
    aspect = silhouette.height / silhouette.width
    kind = guess.kind
    if kind in ("sleeved", "sleeveless"):  # the shop says "lower" where the outline looks like a top
        kind = "pants" if guess.leg_gap > 0.12 else "skirt"
    crotch, guessed = None, False
    if kind != "skirt":
        crotch = _crotch(silhouette, runs)
        if crotch is None and aspect > 1.75:
            crotch, guessed = np.array([silhouette.centre_x, top + 0.36 * silhouette.height]), True
    rows = np.linspace(waist_y, bottom - 1, ROWS)
    sides, inner = _edges(runs, rows, crotch)
    return BottomLandmarks(kind, (left, right), rows, sides, inner, crotch, guessed)


def _waist_row(silhouette: Silhouette, runs: dict[int, Array]) -> int:
    """The first row that is nearly as wide as the waistband a little lower."""
    top, tall = silhouette.box[1], silhouette.height
    usual = np.median([np.ptp(runs[y]) for y in silhouette.rows(0.06, 0.1) if len(runs[y])] or [0])
    for y in range(top, top + max(1, int(0.06 * tall))):
        if len(runs[y]) and np.ptp(runs[y]) > 0.75 * usual:
            return y
    return next(y for y in runs if len(runs[y]))


def _crotch(silhouette: Silhouette, runs: dict[int, Array]) -> Array | None:
    """The upper end of the gap between the legs."""
    found: Array | None = None
    bottom, tall = silhouette.box[3], silhouette.height
    for y in range(bottom - int(0.02 * tall), silhouette.box[1], -1):
        row = runs[y]
        centres = [(a[1] + b[0]) / 2 for a, b in pairwise(row)]
        central = [x for x in centres if abs(x - silhouette.centre_x) < 0.15 * silhouette.width]
        if central:
            found = np.array([central[0], y], float)
        elif found is not None and y < found[1] - 0.03 * tall:
            break
    return found


def _edges(runs: dict[int, Array], rows: Array, crotch: Array | None) -> tuple[dict[str, Array], dict[str, Array]]:
    outer = {"L": np.full(ROWS, np.nan), "R": np.full(ROWS, np.nan)}
    middle = np.nan if crotch is None else float(crotch[0])
    inner = {"L": np.full(ROWS, middle), "R": np.full(ROWS, middle)}
    for i, y in enumerate(rows):
        row = runs[int(y)]
        if not len(row):
            continue
        outer["L"][i], outer["R"][i] = row.min(), row.max()
        if crotch is None or y < crotch[1]:
            continue
        left_leg = [run for run in row if run.mean() < crotch[0]]
        right_leg = [run for run in row if run.mean() >= crotch[0]]
        if left_leg and right_leg:
            inner["L"][i], inner["R"][i] = max(r[1] for r in left_leg), min(r[0] for r in right_leg)
    if crotch is not None:
        for side in outer:
            _straighten_hem(outer[side], inner[side], rows >= crotch[1])
    return {side: _steady(values) for side, values in outer.items()}, inner


def _straighten_hem(outer: Array, inner: Array, on_leg: Array) -> None:
    """Continue both edges of a leg past the row where its rounded or slanting hem begins; in place."""
    leg = np.flatnonzero(on_leg & ~np.isnan(outer))
    if len(leg) < 12:
        return
    width = np.abs(outer - inner)
    low = leg[-max(8, len(leg) // 4) :]
    usual = float(np.median(width[low]))
    ragged = [i for i in leg[-max(4, len(leg) // 6) :] if width[i] < 0.9 * usual]
    last = min([*ragged, leg[-1]]) - 1
    fit = np.arange(max(leg[0], last - 7), last + 1)
    beyond = np.arange(last + 1, len(outer))
    for edge in (outer, inner):
        slope, offset = np.polyfit(fit, edge[fit], 1)
        edge[beyond] = slope * beyond + offset


def _steady(values: Array) -> Array:
    known = np.flatnonzero(~np.isnan(values))
    filled = np.interp(np.arange(len(values)), known, values[known]) if len(known) else np.zeros(len(values))
    return np.convolve(np.pad(filled, 2, mode="edge"), np.ones(5) / 5, "valid")
