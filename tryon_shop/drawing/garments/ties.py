"""Tie belts: the band round the waist, its knot, bow and hanging ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer
from tryon_shop.drawing.geometry import Points, join, offset, spline
from tryon_shop.drawing.relief import Fold


def sash(canvas: Canvas, fabric: Cloth, line: Points, width: float, folds: Sequence[Fold] = ()) -> Layer:
    """The band of a belt round the waist; the line is its upper edge from left to right."""
    outline = join(line, offset(line, width)[::-1])
    body = ((1.7, 2.1), (7, 4), (50, 12))
    return canvas.lay(outline, fabric, grain=Grain(path=line), folds=folds, body=body, drape=0.25, cast=(5, 0.32))


def tie_end(canvas: Canvas, fabric: Cloth, line: Points, half_width: float) -> None:
    """A strip of cloth that hangs down along a line."""
    outline = join(offset(line, half_width), offset(line, -half_width)[::-1])
    folds = [Fold(line, 6, 1.8, head=0.05, tail=0.4, spread=0.5)]
    canvas.lay(
        outline, fabric, grain=Grain(angle=5.0), folds=folds, body=((1.6, 2.0), (6, 4)), drape=0.3, cast=(6, 0.36)
    )


def bow_loop(canvas: Canvas, fabric: Cloth, centre: tuple[float, float], sign: int) -> None:
    """One loop of a bow, to the right (1) or the left (-1) of its knot."""

    def at(*knots: tuple[float, float]) -> Points:
        result: Points = np.array(centre) + np.array([sign, 1]) * spline(*knots)
        return result

    outline = at((0, 0), (30, -22), (60, -18), (66, 4), (52, 22), (24, 12), (0, 6))
    folds = [Fold(at((4, 0), (30, 0), (56, 2)), 7, -2.6, head=0.1, tail=0.4)]
    grain = Grain(angle=sign * 20.0)
    canvas.lay(outline, fabric, grain=grain, folds=folds, body=((2.0, 3.0), (8, 7)), drape=0.2, cast=(6, 0.36))


def knot(canvas: Canvas, fabric: Cloth, centre: tuple[float, float], half_width: float, half_height: float) -> None:
    """The knot of a tie."""
    x, y = centre
    w, h = half_width, half_height
    outline = spline(
        (x - w, y - 0.7 * h),
        (x, y - h),
        (x + w, y - 0.6 * h),
        (x + w, y + 0.7 * h),
        (x, y + h),
        (x - w, y + 0.7 * h),
        (x - w, y - 0.7 * h),
    )
    folds = [
        Fold(
            spline((x - 0.9 * w, y - 0.5 * h), (x + 0.1 * w, y), (x + 0.8 * w, y + 0.7 * h)), 5, 2.2, head=0.2, tail=0.3
        )
    ]
    canvas.lay(outline, fabric, folds=folds, body=((2.2, 3.4), (7, 6)), drape=0.2, cast=(5, 0.4))
