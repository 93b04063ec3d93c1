"""Tops with a turned-down collar: polo and button-down shirt."""

from __future__ import annotations

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, Rgb, cloth, rgb
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import across, join, mirror, offset, on_side, spline
from tryon_shop.drawing.notions import button, buttonhole
from tryon_shop.drawing.prints import Ink
from tryon_shop.drawing.sewing import edge, hem, panel_edge_shadow, seam, stitch

from .bodice import FLAT_TRIM, TORSO_BODY, set_in_seams, shoulder_seams, torso_folds
from .collars import Collar, collar_inside, collar_leaf, collared_torso, placket
from .sleeves import sleeves
from .top import Top, armhole, cuff_line, hem_line

POLO = Top(
    shoulder=(264, 238), armpit=(250, 470), waist=(240, 740), hem=(252, 1060), cuff_out=(404, 500), cuff_in=(286, 552)
)


SHIRT = Top(
    shoulder=(246, 226),
    armpit=(232, 446),
    waist=(222, 700),
    hem=(238, 985),
    hem_sag=70,
    elbow=(358, 620),
    cuff_out=(404, 950),
    cuff_in=(318, 968),
)


def polo(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Pique polo with a knitted collar and sleeve bands."""
    top, collar = POLO, Collar()
    fabric, rib = cloth(design.cloth, way.colour), cloth("fine_rib", way.trim or way.colour)
    collar_inside(canvas, collar, fabric, rib)
    laid = sleeves(canvas, top, fabric, strength=0.9)
    for layer, sign in laid:
        _sleeve_band(canvas, top, layer, sign, rib)
    torso = canvas.lay(
        collared_torso(top, collar), fabric, grain=Grain(bow=10), folds=torso_folds(canvas, top, 0.9), body=TORSO_BODY
    )
    set_in_seams(canvas, top, torso, laid)
    shoulder_seams(canvas, top, torso)
    strip = placket(canvas, fabric, 238, 440, 19, None, torso)
    stitch(canvas, strip, spline((-17, 424), (17, 424)), strength=0.8)
    stitch(canvas, strip, spline((-17, 434), (17, 434)), strength=0.8)
    tone = rgb(way.button) if way.button else fabric.colour * 0.5 + 0.42
    for y in (318, 384):
        buttonhole(canvas, strip, (0, y), 19)
        button(canvas, (0, y), 8.0, tone.astype(np.float32))
    for sign in (1, -1):
        collar_leaf(canvas, collar, sign, rib, None, soft=3)
    button(canvas, (0, 262), 8.0, tone.astype(np.float32))
    hem(canvas, torso, hem_line(top), None, depth=26)


def _sleeve_band(canvas: Canvas, top: Top, sleeve: Layer, sign: int, rib: Cloth) -> None:
    line = cuff_line(top)
    upper = offset(line, 30)
    outline = join(line, upper[::-1])
    path = on_side(sign, line)
    canvas.lay(
        on_side(sign, outline),
        rib,
        grain=Grain(path=path),
        body=FLAT_TRIM,
        drape=0.2,
        cast=(0.0, 0.0),
        within=sleeve.mask,
    )
    panel_edge_shadow(canvas, sleeve, on_side(sign, upper), 2.0, 0.2)


def oxford_shirt(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Long-sleeved shirt with chest pocket, cuffs and a curved hem."""
    top = SHIRT
    collar = Collar(top=134, half_width=84, spread=(122, 206), tip=(98, 302), meeting=(8, 226), open_to=226)
    ink = Ink(way.print) if way.print else None
    fabric, thread = cloth(design.cloth, way.colour, ink), rgb(way.thread) if way.thread else None
    tone = rgb(way.button or "#ece8df")
    collar_inside(canvas, collar, fabric, fabric)
    laid = sleeves(canvas, top, fabric, strength=1.1, crumple=1.2)
    for _, sign in laid:
        _shirt_cuff(canvas, top, sign, fabric, thread, tone)
    low = spline(
        top.hem,
        (0.93 * top.hem[0], top.hem[1] + 14),
        (0.62 * top.hem[0], top.hem[1] + 60),
        (0.3 * top.hem[0], top.hem[1] + 82),
        (0, top.hem[1] + 86),
    )
    folds = torso_folds(canvas, top, 1.1)
    torso = canvas.lay(
        collared_torso(top, collar, low), fabric, grain=Grain(bow=7), folds=folds, body=TORSO_BODY, crumple=1.2
    )
    set_in_seams(canvas, top, torso, laid)
    for line in (armhole(top), mirror(armhole(top))):
        stitch(canvas, torso, offset(line, 8 if line[0, 0] > 0 else -8), thread, pucker=0.4, strength=0.7)
    _yoke(canvas, top, torso, thread)
    strip = placket(canvas, fabric, 232, top.hem[1] + 110, 20, thread, torso)
    _chest_pocket(canvas, fabric, thread)
    border = across(low[::-1])
    stitch(canvas, torso, offset(border, -10), thread, pucker=0.6)
    for y in np.linspace(330, 930, 6):
        buttonhole(canvas, strip, (0, y), 17)
        button(canvas, (0, y + 1), 7.2, tone)
    for sign in (1, -1):
        collar_leaf(canvas, collar, sign, fabric, thread, soft=1)
        button(canvas, (sign * 90, 288), 4.6, tone, holes=2)
    button(canvas, (0, 240), 6.6, tone)


def _yoke(canvas: Canvas, top: Top, torso: Layer, thread: Rgb | None) -> None:
    line = spline((96, 214), (0.5 * (96 + top.shoulder[0]), 236), (top.shoulder[0] - 10, top.shoulder[1] + 20))
    for path in (line, mirror(line)):
        seam(canvas, torso, path, depth=0.5, pucker=0.5, dark=0.12)
        stitch(canvas, torso, offset(path, 5 if path[0, 0] > 0 else -5), thread, strength=0.6)


def _chest_pocket(canvas: Canvas, fabric: Cloth, thread: Rgb | None) -> None:
    """A patch pocket on the wearer's left, which is on the right of the picture."""
    x0, x1, y0, y1 = 74.0, 174.0, 372.0, 490.0
    outline = join(
        spline((x0, y0), (x1, y0 - 2)),
        spline((x1, y0 - 2), (x1 + 1, y1 - 20)),
        spline((x1 + 1, y1 - 20), (0.5 * (x0 + x1), y1)),
        spline((0.5 * (x0 + x1), y1), (x0, y1 - 18)),
        spline((x0, y1 - 18), (x0, y0)),
    )
    patch = canvas.lay(
        outline, fabric, grain=Grain(bow=7), body=((1.3, 0.9), (8.0, 1.6)), drape=0.25, crumple=0.7, cast=(3.0, 0.22)
    )
    stitch(canvas, patch, offset(outline[len(outline) // 5 :], 4), thread, pucker=0.4, strength=0.8)
    stitch(canvas, patch, spline((x0 + 3, y0 + 20), (x1 - 3, y0 + 18)), thread, strength=0.8)


def _shirt_cuff(canvas: Canvas, top: Top, sign: int, fabric: Cloth, thread: Rgb | None, tone: Rgb) -> None:
    (ox, oy), (ix, iy) = top.cuff_out, top.cuff_in
    upper = spline((ox - 3, oy - 10), (0.5 * (ox + ix) + 1, 0.5 * (oy + iy) - 5), (ix + 1, iy - 8))
    lower = spline((ix + 5, iy + 58), (0.5 * (ox + ix) + 8, 0.5 * (oy + iy) + 62), (ox + 5, oy + 56))
    outline = join(
        upper,
        spline((ix + 1, iy - 8), (ix + 2, iy + 26), (ix + 5, iy + 58)),
        lower,
        spline((ox + 5, oy + 56), (ox + 3, oy + 20), (ox - 3, oy - 10)),
    )
    cuff = canvas.lay(
        on_side(sign, outline),
        fabric,
        grain=Grain(anchor=(sign * ox, oy), angle=-sign * 5.0),
        body=((1.8, 1.8), (8.0, 3.4), (22, 5.0)),
        drape=0.2,
        crumple=0.5,
        cast=(3.0, 0.18),
    )
    for path, d in ((upper, 5.0), (lower, 5.0)):
        stitch(canvas, cuff, on_side(sign, offset(path, -d if path is upper else d)), thread, strength=0.7)
    edge(canvas, cuff, on_side(sign, spline((ix + 26, iy - 6), (ix + 31, iy + 58))), dark=0.2)
    button(canvas, (sign * (ix + 17), iy + 26), 6.0, tone)
