"""Waistbands of trousers and skirts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, Rgb
from tryon_shop.drawing.geometry import Points, across, join, offset, spline
from tryon_shop.drawing.notions import neck_label
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import stitch

BAND_BODY = ((1.6, 1.4), (6.0, 2.4), (60.0, 13.0))


@dataclass(frozen=True)
class Waist:
    """A waistband: ``top`` is the height of its ends; its middle hangs lower by ``dip``."""

    top: float
    half_width: float
    dip: float
    band: float

    @property
    def middle(self) -> float:
        """Height of the upper edge in the middle."""
        return self.top + self.dip


def waist_line(waist: Waist) -> Points:
    """Upper edge of the front from left to right."""
    w, y = waist.half_width, waist.top
    return across(spline((0, waist.middle), (0.55 * w, y + 0.7 * waist.dip), (w, y)))


def waist_inside(canvas: Canvas, waist: Waist, fabric: Cloth) -> None:
    """The inside of the back waistband with its label, seen above the front; laid first."""
    w, y = waist.half_width, waist.top
    upper = across(spline((0, y - 4), (0.6 * w, y - 6), (w - 2, y - 2)))
    low = across(spline((0, waist.middle + 14), (w - 2, y + 12)))
    body = ((1.6, 1.2), (8, 3.0))
    canvas.lay(join(upper, low[::-1]), fabric.inside(), grain=Grain(path=upper), body=body, drape=0.2, dim=0.58)
    neck_label(canvas, (0, y + 6), (44, 13), fabric.colour)


def waistband(canvas: Canvas, waist: Waist, fabric: Cloth, folds: Sequence[Fold] = ()) -> Layer:
    """The front of the waistband."""
    line = waist_line(waist)
    outline = join(line, offset(line, waist.band)[::-1])
    return canvas.lay(
        outline, fabric, grain=Grain(path=line), folds=folds, body=BAND_BODY, drape=0.25, crumple=0.6, cast=(4.0, 0.25)
    )


def stitch_band(canvas: Canvas, waist: Waist, band: Layer, thread: Rgb | None = None) -> None:
    """A row of stitches along each edge of the waistband."""
    for distance in (5.0, waist.band - 5):
        stitch(canvas, band, offset(waist_line(waist), distance), thread)


def elastic_gathers(canvas: Canvas, waist: Waist, count: int, height: tuple[float, float]) -> list[Fold]:
    """Small folds across a waistband which an elastic draws in."""
    rng = canvas.rng
    places = (np.linspace(-0.97, 0.97, count) + rng.normal(0, 0.013, count)) * waist.half_width
    return [
        Fold(
            spline((x, waist.top - 10), (x * 1.004, waist.middle + waist.band + 10)),
            rng.uniform(4, 6),
            rng.uniform(*height),
            head=0.05,
            tail=0.05,
            spread=0.0,
            lean=rng.uniform(-0.4, 0.4),
        )
        for x in places
    ]


def belt_loop(canvas: Canvas, waist: Waist, x: float, fabric: Cloth, thread: Rgb | None) -> None:
    """A belt loop at x, a little longer than the band is wide."""
    y = waist.top + waist.dip * (1 - (abs(x) / waist.half_width) ** 2) - 5
    lean = 0.03 * x
    w = 7.0
    outline = np.array(
        [[x - w, y], [x + w, y], [x + w + lean, y + waist.band + 12], [x - w + lean, y + waist.band + 12]]
    )
    loop = canvas.lay(outline, fabric, body=((1.4, 1.8), (4.0, 3.0)), drape=0.1, crumple=0.4, cast=(4.0, 0.40))
    for k in (-3.5, 3.5):
        stitch(
            canvas, loop, spline((x + k, y + 3), (x + k + lean, y + waist.band + 9)), thread, pucker=0.0, strength=0.8
        )
