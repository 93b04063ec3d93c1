"""Set-in sleeves, short and long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer
from tryon_shop.drawing.geometry import Points, join, mirror, on_side, spline
from tryon_shop.drawing.relief import Fold

from .top import Top, cuff_line

SLEEVE_BODY = ((1.8, 1.3), (7.0, 1.8), (34.0, 11.0))


def sleeve_outline(top: Top) -> Points:
    """Right sleeve; its upper end lies under the torso."""
    (sx, sy), (ax, ay), (ox, oy), (ix, iy) = top.shoulder, top.armpit, top.cuff_out, top.cuff_in
    (nx, ny) = top.neck_point
    hidden = (sx - 40, sy - 40 * (sy - ny) / (sx - nx) + 9)  # just under the shoulder line of the torso
    inside = [(ax - 46, ay - 30), (sx - 46, sy + 40), hidden]
    if top.elbow is None:
        outer = spline(
            hidden,
            (sx, sy),
            (sx + 0.34 * (ox - sx), sy + 0.17 * (oy - sy)),
            (sx + 0.72 * (ox - sx), sy + 0.56 * (oy - sy)),
            (ox, oy),
        )
        inner = spline((ix, iy), (ax + 0.46 * (ix - ax), ay + 0.42 * (iy - ay)), (ax, ay), (ax - 16, ay - 14))
    else:
        ex, ey = top.elbow
        outer = spline(
            hidden,
            (sx, sy),
            (sx + 0.42 * (ex - sx), sy + 0.16 * (ey - sy)),
            (sx + 0.80 * (ex - sx), sy + 0.52 * (ey - sy)),
            (ex, ey),
            (0.42 * ex + 0.58 * ox, 0.45 * ey + 0.55 * oy),
            (ox, oy),
        )
        wide = 0.5 * (np.hypot(ox - ix, oy - iy) + 118)
        inner = spline(
            (ix, iy),
            (0.5 * (ix + ex - wide) + 3, 0.5 * (iy + ey) + 14),
            (ex - wide, ey + 6),
            (ax + 0.5 * (ex - wide - ax), ay + 0.42 * (ey - ay)),
            (ax, ay),
            (ax - 16, ay - 14),
        )
    cuff = spline((ox, oy), (0.5 * (ox + ix) + 3, 0.5 * (oy + iy) + 4), (ix, iy))
    return join(outer, cuff, inner, np.array(inside))


def sleeve_end(top: Top, sign: int) -> Points:
    """The edge of a sleeve, with the sleeve on the left-hand side of its direction."""
    line = cuff_line(top)
    return line[::-1] if sign > 0 else mirror(line)


def sleeve_angle(top: Top) -> float:
    """Direction of the right sleeve in degrees from straight down (negative: to the right)."""
    middle = np.add(top.cuff_out, top.cuff_in) / 2
    start = np.array([0.5 * (top.shoulder[0] + top.armpit[0]) + 8, 0.45 * top.shoulder[1] + 0.55 * top.armpit[1]])
    return float(-np.degrees(np.arctan2(middle[0] - start[0], middle[1] - start[1])))


def sleeve_folds(canvas: Canvas, top: Top, strength: float = 1.0) -> list[Fold]:
    """Right sleeve: folds fanning out of the armpit; on a long sleeve also across the bend and above the cuff."""
    rng, folds = canvas.rng, []
    (sx, sy), (ax, ay), (ox, oy), (ix, iy) = top.shoulder, top.armpit, top.cuff_out, top.cuff_in
    reach = 1.0 if top.elbow is None else 0.42
    for n in range(3):
        f = np.clip(0.12 + 0.3 * n + rng.normal(0, 0.05), 0.05, 0.9)
        end = (sx + f * reach * (ox - sx) + 6, sy + f * reach * (oy - sy) + 34)
        mid = (0.55 * ax + 0.45 * end[0] + rng.normal(0, 5), 0.5 * ay + 0.5 * end[1] + 12)
        path = spline((ax + 2, ay - 4), mid, end)
        folds.append(Fold(path, rng.uniform(9, 15), strength * rng.uniform(0.8, 2.2), head=0.15, tail=0.7))
    x0, x1 = 0.6 * ox + 0.4 * ix, 0.55 * sx + 0.45 * ox
    path = spline((x0, 0.5 * (oy + iy)), (0.5 * (x0 + x1) + 4, 0.6 * oy + 0.4 * sy), (x1 - 6, 0.35 * oy + 0.65 * sy))
    folds.append(Fold(path, rng.uniform(16, 24), strength * rng.uniform(1.2, 2.6), head=0.1, tail=0.7))
    if top.elbow is not None:
        folds += _long_sleeve_folds(canvas, top, strength)
    return folds


def _long_sleeve_folds(canvas: Canvas, top: Top, strength: float) -> list[Fold]:
    rng, folds = canvas.rng, []
    assert top.elbow is not None  # noqa: S101 - narrows the type
    (ex, ey), (ox, oy), (ix, iy) = top.elbow, top.cuff_out, top.cuff_in
    for n in range(6):
        f = n / 5
        y = ey - 60 + f * (iy - 26 - ey + 60) + rng.normal(0, 9)
        g = np.clip((y - ey) / (oy - ey), -0.3, 1)
        outer, inner = ex + g * (ox - ex), ex - 112 + g * (ix - ex + 112)
        slant = rng.choice([-1, 1]) * rng.uniform(14, 36)
        a, b = sorted(rng.uniform(0.02, 0.98, 2))
        b = max(b, a + 0.45)
        path = spline(
            (inner + a * (outer - inner), y - slant),
            (inner + 0.5 * (a + b) * (outer - inner), y + 5),
            (inner + b * (outer - inner), y + slant),
        )
        folds.append(
            Fold(
                path,
                rng.uniform(9, 15),
                strength * rng.uniform(0.9, 2.6),
                head=0.35,
                tail=0.45,
                lean=rng.uniform(-0.4, 0.4),
            )
        )
    return folds


def mirrored(folds: list[Fold]) -> list[Fold]:
    return [replace(fold, path=mirror(fold.path), lean=-fold.lean) for fold in folds]


def sleeves(
    canvas: Canvas, top: Top, cloth: Cloth, *, strength: float = 1.0, crumple: float = 1.0
) -> list[tuple[Layer, int]]:
    """Both sleeves, laid before the torso -> [(layer, side)], side -1 is left on the picture."""
    laid = []
    for sign in (-1, 1):
        folds = sleeve_folds(canvas, top, strength)
        outline = sleeve_outline(top)
        angle = sleeve_angle(top)
        grain = Grain(anchor=(sign * top.shoulder[0], top.shoulder[1]), angle=sign * angle)
        layer = canvas.lay(
            on_side(sign, outline),
            cloth,
            grain=grain,
            folds=folds if sign > 0 else mirrored(folds),
            body=SLEEVE_BODY,
            drape=0.55,
            crumple=crumple,
            hang=-sign * angle,
            cast=(6.0, 0.0),
        )
        laid.append((layer, sign))
    return laid
