"""Jumpers: knitted body and sleeves with deep ribbed trims and a rolled collar."""

from __future__ import annotations

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, cloth
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Points, across, join, mirror, offset, on_side, spline
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import panel_edge_shadow, seam

from .bodice import (
    set_in_seams,
    torso_folds,
    torso_outline,
)
from .sleeves import sleeves
from .top import Top

JUMPER = Top(
    neck_width=98,
    neck_top=206,
    front_drop=66,
    band=4,
    shoulder=(258, 262),
    armpit=(240, 486),
    waist=(242, 740),
    hem=(236, 1062),
    hem_sag=10,
    elbow=(384, 650),
    cuff_out=(410, 1022),
    cuff_in=(326, 1036),
)
JUMPER_BODY = ((2.4, 2.4), (9.0, 3.6), (34.0, 9.0), (100.0, 24.0))
RIB_DEPTH = 66.0


def roll_neck(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Roll-neck jumper."""
    top, knit, rib = JUMPER, cloth(design.cloth, way.colour), cloth("rib", way.trim or way.colour)
    laid = sleeves(canvas, top, knit, strength=1.25, crumple=0.3)
    for layer, sign in laid:
        panel_edge_shadow(canvas, layer, _cuff_top(top, sign), 5.0, 0.10)
        _cuff(canvas, top, sign, rib)
    neck = spline((0, top.neck_top + 34), (60, top.neck_top + 24), (top.neck_width, top.neck_top + 6))
    folds = torso_folds(canvas, top, 1.1)
    torso = canvas.lay(torso_outline(top, neck), knit, grain=Grain(bow=6), folds=folds, body=JUMPER_BODY)
    set_in_seams(canvas, top, torso, laid)
    _welt(canvas, top, rib)
    _collar(canvas, top, rib)
    seam(
        canvas,
        torso,
        across(spline((0, top.neck_top + 62), (50, top.neck_top + 53), (88, top.neck_top + 30))),
        depth=0.5,
        pucker=0.8,
        dark=0.10,
    )


def _cuff_top(top: Top, sign: int) -> Points:
    (ox, oy), (ix, iy) = top.cuff_out, top.cuff_in
    line = spline(
        (ox - 3, oy - RIB_DEPTH + 4), (0.5 * (ox + ix), 0.5 * (oy + iy) - RIB_DEPTH + 8), (ix - 1, iy - RIB_DEPTH + 2)
    )
    return on_side(sign, line)


def _cuff(canvas: Canvas, top: Top, sign: int, rib: Cloth) -> None:
    (ox, oy), (ix, iy) = top.cuff_out, top.cuff_in
    upper = _cuff_top(top, 1)
    out = spline((ix - 1, iy - RIB_DEPTH + 2), (ix + 1, iy - 0.6 * RIB_DEPTH), (ix + 3, iy + 8))
    lower = spline((ix + 3, iy + 8), (0.5 * (ox + ix) + 2, 0.5 * (oy + iy) + 13), (ox - 3, oy + 6))
    back = spline((ox - 3, oy + 6), (ox - 1, oy - 0.6 * RIB_DEPTH), (ox - 3, oy - RIB_DEPTH + 4))
    outline = join(upper, out, lower, back)
    canvas.lay(
        on_side(sign, outline),
        rib,
        grain=Grain(anchor=(sign * ox, oy), angle=-sign * 5.0),
        body=((2.0, 2.2), (8.0, 5.0), (24.0, 6.0)),
        drape=0.25,
        cast=(3.0, 0.12),
    )


def _welt(canvas: Canvas, top: Top, rib: Cloth) -> None:
    """The ribbed border at the hem, drawn in a little."""
    hx, hy = top.hem
    upper = across(spline((0, hy - RIB_DEPTH + 14), (0.6 * hx, hy - RIB_DEPTH + 12), (hx, hy - RIB_DEPTH)))
    right = spline((hx, hy - RIB_DEPTH), (hx - 2, hy - 30), (hx - 3, hy + 4))
    low = across(spline((0, hy + top.hem_sag + 4), (0.6 * hx, hy + 0.8 * top.hem_sag + 4), (hx - 3, hy + 4)))
    outline = join(upper, right, low[::-1], mirror(right)[::-1])
    folds = [
        Fold(
            spline((x, hy + 20), (x * 1.01, hy - 40), (x * 0.99, hy - RIB_DEPTH)),
            26,
            canvas.rng.uniform(0.8, 2.2),
            tail=0.4,
        )
        for x in canvas.rng.uniform(-0.85, 0.85, 5) * hx
    ]
    canvas.lay(
        outline,
        rib,
        grain=Grain(bow=5),
        folds=folds,
        body=((2.2, 2.6), (8.0, 4.0), (100.0, 20.0)),
        drape=0.3,
        cast=(3.5, 0.16),
    )


def _collar(canvas: Canvas, top: Top, rib: Cloth) -> None:
    """Inside of the far side, the standing tube and its turned-down half."""
    w, y = top.neck_width, top.neck_top
    opening = across(spline((0, y - 70), (0.6 * w, y - 72), (w - 9, y - 84)))
    rim = across(spline((0, y - 48), (0.55 * w, y - 54), (w - 9, y - 80)))
    canvas.lay(join(opening, offset(rim, 5)[::-1]), rib, body=((2.0, 1.5), (14, 8.0)), drape=0.2, dim=0.58)
    right = spline((w - 9, y - 82), (w - 2, y - 50), (w + 4, y - 14), (w + 9, y + 13))
    low = across(spline((0, y + 58), (0.5 * w, y + 48), (0.86 * w, y + 27), (w + 9, y + 13)))
    outline = join(rim, right, low[::-1], mirror(right)[::-1])
    rng = canvas.rng
    folds = [
        Fold(
            spline((-w, y - 12 + k), (rng.normal(0, 20), y + 16 + k + rng.normal(0, 5)), (w, y - 16 + k)),
            9,
            rng.uniform(0.8, 2.0),
            head=0.4,
            tail=0.4,
        )
        for k in (-30, 2)
    ]
    canvas.lay(
        outline,
        rib,
        grain=Grain(anchor=(0, y), bow=60),
        folds=folds,
        body=((2.4, 3.0), (9.0, 7.0), (36.0, 16.0)),
        drape=0.4,
        cast=(6.0, 0.28),
    )
