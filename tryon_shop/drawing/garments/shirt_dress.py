"""Belted shirt dress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, rgb
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import across, both_sides, join, offset, on_side, spline
from tryon_shop.drawing.notions import button, buttonhole
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import hem, stitch

from .bodice import set_in_seams, torso_folds
from .collars import Collar, collar_inside, collar_leaf, placket
from .dresses import DRESS_BODY
from .skirts import Skirt, hanging_folds
from .sleeves import sleeve_end, sleeves
from .tees import printed
from .ties import knot, sash, tie_end
from .top import Top, armhole, hem_line
from .waists import Waist

SHIRT_DRESS = Top(
    shoulder=(192, 148),
    armpit=(172, 318),
    waist=(150, 520),
    hem=(252, 1110),
    hem_sag=26,
    cuff_out=(290, 366),
    cuff_in=(204, 400),
)


def shirt_dress(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Belted linen shirt dress with short sleeves."""
    top, fabric = SHIRT_DRESS, printed(design, way)
    collar = Collar(top=84, half_width=62, spread=(92, 136), tip=(76, 206), meeting=(6, 166), open_to=168)
    collar_inside(canvas, collar, fabric, fabric)
    laid = sleeves(canvas, top, fabric, strength=1.0)
    (wx, wy), (hx, hy) = top.waist, top.hem
    right = spline(top.armpit, (170, 350), (wx, wy), (0.62 * wx + 0.38 * hx, 0.65 * wy + 0.35 * hy), (hx, hy))
    sx, sy = collar.spread
    neck = spline((0, collar.open_to + 6), (36, collar.open_to - 32), (sx - 12, sy - 16))
    low = hem_line(top)
    outline = both_sides(
        join(neck, spline((sx - 12, sy - 16), top.shoulder), armhole(top), right, low[::-1][: len(low) // 2])
    )
    front = canvas.lay(outline, fabric, grain=Grain(bow=6), folds=_dress_folds(canvas, top), body=DRESS_BODY)
    set_in_seams(canvas, top, front, laid)
    for layer, sign in laid:
        hem(canvas, layer, sleeve_end(top, sign), depth=24, rows=1)
    strip = placket(canvas, fabric, 172, hy + top.hem_sag + 30, 16, None, front)
    hem(canvas, front, low, None, depth=26, rows=1)
    _dress_pockets(canvas, fabric)
    tone = rgb(way.button or "#d9cfbd")
    for y in (232, 300, 368, 436, 600, 678, 756, 834, 912):
        buttonhole(canvas, strip, (0, y), 15)
        button(canvas, (0, y), 6.4, tone)
    for sign in (1, -1):
        collar_leaf(canvas, collar, sign, fabric, None, soft=1)
    button(canvas, (0, 180), 5.8, tone)
    _belt(canvas, fabric, wx, wy)


def _dress_folds(canvas: Canvas, top: Top) -> list[Fold]:
    """Folds of the bodice, of the skirt, and the gathers above and below the belt."""
    rng, (wx, wy) = canvas.rng, top.waist
    waist = Waist(top=wy - 6, half_width=wx, dip=13, band=6)
    folds = hanging_folds(canvas, Skirt(waist, (200, 760), top.hem, top.hem_sag), 8, 6.0, start=60, width=26)
    folds += torso_folds(canvas, replace(top, waist=(152, 470), hem=(150, 516), hem_sag=14))
    for x in np.linspace(-0.92, 0.92, 16) + rng.normal(0, 0.03, 16):
        for down in (1, -1):
            far = wy + down * rng.uniform(80, 170)
            path = spline((x * wx, wy), (x * wx * 1.06, wy + down * 50), (x * wx * 1.12, far))
            folds.append(Fold(path, rng.uniform(5, 9), rng.uniform(0.8, 2.4), head=0.03, tail=0.9, spread=1.0))
    return folds


def _dress_pockets(canvas: Canvas, fabric: Cloth) -> None:
    for sign in (1, -1):
        shape = join(
            spline((58, 262), (126, 260)),
            spline((126, 260), (128, 334)),
            spline((128, 334), (93, 350)),
            spline((93, 350), (58, 336)),
            spline((58, 336), (58, 262)),
        )
        patch = canvas.lay(on_side(sign, shape), fabric, body=((1.3, 0.9), (8.0, 1.6)), drape=0.25, cast=(3.0, 0.24))
        stitch(canvas, patch, on_side(sign, offset(shape[18:], 4)), pucker=0.3)
        stitch(canvas, patch, on_side(sign, spline((60, 276), (125, 274))), strength=0.8)


def _belt(canvas: Canvas, fabric: Cloth, wx: float, wy: float) -> None:
    line = across(spline((0, wy - 8), (0.6 * wx, wy - 11), (wx + 2, wy - 18)))
    band = sash(canvas, fabric, line, 34)
    for distance in (4.0, 30.0):
        stitch(canvas, band, offset(line, distance), pucker=0.3)
    tie_end(canvas, fabric, spline((-14, wy + 8), (-30, wy + 80), (-26, wy + 190)), 14)
    tie_end(canvas, fabric, spline((8, wy + 8), (22, wy + 90), (38, wy + 160)), 13)
    knot(canvas, fabric, (0, wy + 4), 22, 21)
