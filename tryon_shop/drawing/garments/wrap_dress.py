"""Printed wrap dress."""

from __future__ import annotations

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Points, across, join, mirror, offset, spline
from tryon_shop.drawing.notions import neck_label
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import edge, hem, stitch

from .bodice import set_in_seams
from .dresses import DRESS_BODY
from .skirts import Skirt, hanging_folds, skirt_hem, skirt_side
from .sleeves import sleeve_end, sleeves
from .tees import printed
from .ties import bow_loop, knot, sash, tie_end
from .top import Top, armhole, side
from .waists import Waist

WRAP = Top(
    shoulder=(176, 142), armpit=(164, 300), waist=(132, 506), hem=(150, 560), cuff_out=(276, 322), cuff_in=(188, 356)
)


WRAP_SKIRT = Skirt(Waist(top=505, half_width=134, dip=6, band=6), hip=(214, 740), hem=(326, 1128), sag=34)


def wrap_dress(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Printed wrap dress with short sleeves, a tie at the waist and a full skirt."""
    fabric = printed(design, way)
    _wrap_back(canvas, fabric)
    _wrap_bodice(canvas, WRAP, fabric)
    _wrap_skirt(canvas, WRAP_SKIRT, fabric)
    _tie(canvas, fabric)


def _wrap_back(canvas: Canvas, fabric: Cloth) -> None:
    line = across(spline((0, 104), (50, 100), (88, 88)))
    low = across(spline((0, 310), (60, 220), (90, 100)))
    canvas.lay(join(line, low[::-1]), fabric.inside(), body=((2, 1.5), (40, 26.0)), drape=0.4, dim=0.65)
    neck_label(canvas, (0, 124), (42, 24), fabric.colour)


def _front(top: Top, lapel: Points) -> Points:
    """One front, right half, from the shoulder along its edge to the waist and up the side."""
    waist = spline(tuple(lapel[-1]), top.waist)
    return join(lapel, waist, side(top)[::-1][10:], armhole(top)[::-1], spline(top.shoulder, tuple(lapel[0])))


def _wrap_bodice(canvas: Canvas, top: Top, fabric: Cloth) -> None:
    """Sleeves and the two crossing fronts; the wearer's right one, on the left of the picture, lies on top."""
    laid = sleeves(canvas, top, fabric, strength=1.2)
    under = _front(top, spline((88, 96), (74, 160), (0, 276), (-76, 380), (-84, 500)))
    canvas.lay(under, fabric, folds=_wrap_folds(canvas, 1), body=DRESS_BODY, cast=(6, 0.3))
    lapel = spline((88, 96), (76, 158), (0, 274), (-86, 400), (-104, 500))
    over = mirror(_front(top, lapel))
    front = canvas.lay(over, fabric, folds=_wrap_folds(canvas, -1), body=DRESS_BODY, cast=(7, 0.34))
    stitch(canvas, front, offset(mirror(lapel), 8), pucker=0.4, strength=0.7)
    set_in_seams(canvas, top, front, laid)
    for layer, sign in laid:
        hem(canvas, layer, sleeve_end(top, sign), depth=16, rows=1, strength=0.8)


def _wrap_folds(canvas: Canvas, sign: int) -> list[Fold]:
    """The right front in drawing coordinates for sign 1, the left one for sign -1: drawn towards the tie."""
    rng, folds = canvas.rng, []
    for n in range(7):
        y = 210 + 44 * n
        start = (sign * rng.uniform(90, 150), y)
        end = (-sign * rng.uniform(10, 60), 470 + 5 * n)
        path = spline(end, (0.4 * start[0] + 0.6 * end[0], 0.4 * y + 0.6 * end[1] + 10), start)
        folds.append(Fold(path, rng.uniform(9, 15), rng.uniform(1.2, 3.2), head=0.1, tail=0.8))
    return folds


def _wrap_skirt(canvas: Canvas, skirt: Skirt, fabric: Cloth) -> None:
    """Full skirt, gathered at the waist, with the free edge of the upper front."""
    rng = canvas.rng
    phase = rng.uniform(0, 6)
    low = skirt_hem(skirt, 6.0, 8, phase)
    folds = hanging_folds(canvas, skirt, 9, 9.0, start=40, width=30)
    for x in np.linspace(-0.9, 0.9, 15) + rng.normal(0, 0.03, 15):
        path = spline((x * 132, 512), (x * 150, 580), (x * 190 + rng.normal(0, 8), rng.uniform(640, 760)))
        folds.append(Fold(path, rng.uniform(6, 10), rng.uniform(1.4, 3.4), head=0.03, tail=0.9, spread=1.2))
    waist = across(spline((0, 512), (132, 505)))
    right = skirt_side(skirt)
    skirt_layer = canvas.lay(
        join(waist, right, low[::-1], mirror(right)[::-1]), fabric, folds=folds, body=DRESS_BODY, drape=1.2
    )
    opening = spline((-64, 512), (-48, 700), (-20, 920), (-6, float(low[len(low) // 2, 1]) - 1))
    edge(canvas, skirt_layer, opening, dark=0.32, softness=5.0)
    stitch(canvas, skirt_layer, offset(opening, 8), pucker=0.4, strength=0.6)
    stitch(canvas, skirt_layer, offset(low, -14), pucker=0.6, strength=0.6)


def _tie(canvas: Canvas, fabric: Cloth) -> None:
    """The waist tie with a bow at the wearer's left."""
    gathers = [
        Fold(spline((-130, 500 + k), (0, 509 + k), (130, 500 + k)), 4.0, 1.4, head=0.2, tail=0.2, spread=0.0)
        for k in (0, 9, 18)
    ]
    sash(canvas, fabric, across(spline((0, 500), (70, 498), (134, 490))), 30, gathers)
    tie_end(canvas, fabric, spline((84, 516), (102, 600), (96, 690), (118, 780)), 15)
    tie_end(canvas, fabric, spline((80, 516), (72, 600), (84, 680), (70, 750)), 14)
    for sign in (1, -1):
        bow_loop(canvas, fabric, (82, 512), sign)
    knot(canvas, fabric, (84, 513), 14, 16)
