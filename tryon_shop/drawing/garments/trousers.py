"""Jeans, tailored trousers and drawstring shorts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, Rgb, cloth, lightness, rgb
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Field, join, offset, on_side, spline
from tryon_shop.drawing.notions import button, rivet
from tryon_shop.drawing.prints import Ink
from tryon_shop.drawing.relief import Fold, smoothstep
from tryon_shop.drawing.sewing import edge, panel_edge_shadow, seam, stitch

from .legs import LEG_BODY, Legs, finish_leg, fly, front_outline, inner_leg, leg_folds, leg_hem, outer_leg
from .waists import Waist, belt_loop, elastic_gathers, stitch_band, waist_inside, waist_line, waistband

JEANS = Legs(
    Waist(top=112, half_width=156, dip=15, band=46),
    hip=(194, 310),
    crotch=440,
    knee=(200, 715),
    knee_in=(40, 715),
    cuff_out=(208, 1142),
    cuff_in=(76, 1150),
)


TAILORED = Legs(
    waist=Waist(top=112, half_width=148, dip=15, band=44),
    hip=(202, 330),
    crotch=456,
    knee=(214, 720),
    knee_in=(44, 720),
    cuff_out=(226, 1146),
    cuff_in=(84, 1154),
)


SHORTS = Legs(
    waist=Waist(top=228, half_width=238, dip=14, band=64),
    hip=(308, 500),
    crotch=676,
    knee=(336, 770),
    knee_in=(16, 770),
    cuff_out=(362, 954),
    cuff_in=(36, 992),
)


def jeans(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Straight five-pocket jeans."""
    legs, denim = JEANS, cloth(design.cloth, way.colour)
    thread = rgb(way.thread or "#b9803f")
    dark = lightness(denim.colour) < 0.3
    waist_inside(canvas, legs.waist, denim)
    front = canvas.lay(
        front_outline(legs),
        denim,
        folds=leg_folds(canvas, legs, 1.1),
        body=LEG_BODY,
        drape=0.7,
        crumple=1.1,
        wear=_faded(legs, 0.16 if dark else 0.34, canvas),
    )
    for sign in (1, -1):
        _jeans_pocket(canvas, legs, sign, denim, thread, front)
        inner, outer = inner_leg(legs), outer_leg(legs)
        stitch(canvas, front, on_side(sign, offset(inner, -7)), thread, pucker=0.9, strength=0.8)
        panel_edge_shadow(canvas, front, on_side(sign, offset(inner, -3)), 2.0, 0.12)
        seam(canvas, front, on_side(sign, offset(outer, 9)), depth=0.5, pucker=1.1, dark=0.08)
        finish_leg(canvas, legs, front, sign, thread, 22)
    fly(canvas, legs, front, thread)
    stitch_band(canvas, legs.waist, waistband(canvas, legs.waist, denim), thread)
    for x in (-128, -74, 74, 128):
        belt_loop(canvas, legs.waist, x, denim, thread)
    metal = rgb("#8f8577")
    rivet(canvas, (0, legs.waist.middle + 0.5 * legs.waist.band), 11.0, metal)


def _faded(legs: Legs, amount: float, canvas: Canvas) -> Callable[[Field, Field], Field]:
    """Brightness of washed denim: worn on the thighs and knees, dark along the seams."""
    phase = canvas.rng.uniform(0, 6, 2)

    def wear(x: Field, y: Field) -> Field:
        down = np.clip((y - legs.crotch) / (legs.cuff_out[1] - legs.crotch), -1, 1)
        middle = 0.5 * (legs.hip[0] + 6) + np.clip(down, 0, 1) * (0.5 * (legs.cuff_out[0] + legs.cuff_in[0]) - 100)
        across_leg = (np.abs(x) - middle) / 62
        thigh = np.exp(-(across_leg**2)) * np.exp(-(((y - legs.crotch - 60) / 190) ** 2))
        knee = 0.6 * np.exp(-(across_leg**2)) * np.exp(-(((y - legs.knee[1] - 20) / 120) ** 2))
        whiskers = np.sin((y + 0.42 * np.abs(x)) / 7.5 + phase[0]) * np.sin((y - 0.2 * x) / 23 + phase[1])
        whiskers = whiskers * np.exp(-(((y - legs.crotch + 30) / 62) ** 2)) * smoothstep(20, 90, np.abs(x))
        result: Field = (1 + amount * (thigh + knee + 0.22 * whiskers - 0.12)).astype(np.float32)
        return result

    return wear


def _jeans_pocket(canvas: Canvas, legs: Legs, sign: int, denim: Cloth, thread: Rgb, front: Layer) -> None:
    y = legs.waist.top + legs.waist.band
    opening = spline((88, y + 10), (95, y + 62), (126, y + 98), (190, y + 112))
    inside = join(opening, spline((190, y + 112), (170, y)), spline((170, y), (88, y + 10)))
    bag = canvas.lay(
        on_side(sign, inside),
        denim,
        body=((2.0, 1.0), (8, 1.5)),
        drape=0.2,
        dim=0.90,
        cast=(2.0, 0.05),
        within=front.mask,
    )
    if sign < 0:
        patch = spline((104, y + 40), (140, y + 38), (172, y + 40))
        stitch(canvas, bag, on_side(sign, patch), thread, pucker=0.2)
        stitch(canvas, bag, on_side(sign, offset(patch, 6)), thread, pucker=0.2)
    edge(canvas, front, opening[::-1] if sign < 0 else opening, dark=0.0)
    border = on_side(sign, opening)
    panel_edge_shadow(canvas, front, on_side(sign, offset(opening, -4)), 3.5, 0.30)
    stitch(canvas, front, offset(border, 5 * sign), thread, pucker=0.5)
    stitch(canvas, front, offset(border, 11 * sign), thread, pucker=0.3)
    for x, yy in ((97, y + 20), (180, y + 120)):
        rivet(canvas, (sign * x, yy), 4.6, rgb("#96774e"))


def tailored_trousers(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Wool trousers with a pressed crease, slanted pockets and one pleat."""
    legs, suiting = TAILORED, cloth(design.cloth, way.colour, Ink(way.print) if way.print else None)
    waist_inside(canvas, legs.waist, suiting)
    folds = leg_folds(canvas, legs, 0.55, knees=0.6)
    (ox, _), (ix, iy), (kx, ky), (nx, _) = legs.cuff_out, legs.cuff_in, legs.knee, legs.knee_in
    for sign in (-1, 1):
        crease = spline(
            (sign * 84, legs.waist.top + legs.waist.band + 26),
            (sign * 97, legs.crotch - 40),
            (sign * 0.5 * (kx + nx), ky),
            (sign * 0.5 * (ox + ix), iy + 6),
        )
        folds.append(Fold(crease, 8, 1.5, head=0.10, tail=0.02, spread=0.15, sharpness=1.0, lean=0.0))
        folds.append(Fold(crease, 40, 2.4, head=0.2, tail=0.05, spread=0.1, sharpness=0.2, lean=0.0))
        pleat = spline(
            (sign * 62, legs.waist.top + legs.waist.band + 4),
            (sign * 70, legs.waist.top + 150),
            (sign * 82, legs.waist.top + 260),
        )
        folds.append(Fold(pleat, 9, 3.0, head=0.04, tail=0.85, sharpness=0.9, lean=sign * 0.5))
    front = canvas.lay(front_outline(legs), suiting, folds=folds, body=LEG_BODY, drape=0.8, crumple=0.5)
    for sign in (1, -1):
        pocket = spline(
            (120, legs.waist.top + legs.waist.band + 4), (150, legs.waist.top + 120), (196, legs.waist.top + 222)
        )
        panel_edge_shadow(canvas, front, on_side(sign, offset(pocket, -3)), 3.0, 0.30)
        seam(canvas, front, on_side(sign, pocket), depth=0.9, pucker=0.3, dark=0.3)
        stitch(canvas, front, offset(on_side(sign, pocket), 6 * sign), pucker=0.2, strength=0.5)
        pleat = spline((62, legs.waist.top + legs.waist.band + 2), (66, legs.waist.top + 106))
        panel_edge_shadow(canvas, front, on_side(sign, pleat), 2.0, 0.28)
        panel_edge_shadow(canvas, front, on_side(sign, leg_hem(legs) - np.array([0.0, 44.0])), 5.0, 0.05)
    fly(canvas, legs, front, None, rows=1, depth=200)
    band = waistband(canvas, legs.waist, suiting)
    edge(
        canvas,
        band,
        spline((46, legs.waist.top + 4), (46, legs.waist.top + legs.waist.band + legs.waist.dip))[::-1],
        dark=0.3,
    )
    for x in (-112, 112, -60, 78):
        belt_loop(canvas, legs.waist, x, suiting, None)
    button(
        canvas, (30, legs.waist.middle + 0.5 * legs.waist.band), 8.5, (suiting.colour * 0.6 + 0.1).astype(np.float32)
    )


def drawstring_shorts(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Linen shorts with an elastic waist and a tied cord."""
    legs, linen = SHORTS, cloth(design.cloth, way.colour)
    rng = canvas.rng
    waist_inside(canvas, legs.waist, linen)
    folds = leg_folds(canvas, legs, 1.2, knees=0.5)
    top = legs.waist.top + legs.waist.band
    for x in np.linspace(-0.93, 0.93, 21):
        x0 = (x + rng.normal(0, 0.02)) * legs.waist.half_width
        path = spline((x0, top), (1.05 * x0, top + 60), (1.15 * x0 + rng.normal(0, 8), top + rng.uniform(110, 300)))
        folds.append(Fold(path, rng.uniform(5, 9), rng.uniform(1.0, 2.8), head=0.03, tail=0.9, spread=1.2))
    front = canvas.lay(front_outline(legs), linen, folds=folds, body=LEG_BODY, drape=0.9, crumple=1.0)
    for sign in (1, -1):
        pocket = spline((178, top + 8), (216, top + 110), (282, top + 214))
        panel_edge_shadow(canvas, front, on_side(sign, offset(pocket, -3)), 3.5, 0.28)
        seam(canvas, front, on_side(sign, pocket), depth=0.9, pucker=0.6, dark=0.25)
        stitch(canvas, front, offset(on_side(sign, pocket), 7 * sign), pucker=0.4, strength=0.8)
        seam(canvas, front, on_side(sign, offset(outer_leg(legs), 7)), depth=0.4, pucker=0.9, dark=0.06)
        finish_leg(canvas, legs, front, sign, None, 40)
    seam(canvas, front, spline((0, top), (2, legs.crotch - 3)), depth=0.9, pucker=0.9, dark=0.25)
    stitch(canvas, front, spline((7, top), (8, legs.crotch - 12)), strength=0.7)
    gathers = elastic_gathers(canvas, legs.waist, 38, (1.2, 3.0))
    band = waistband(canvas, legs.waist, linen, gathers)
    for d in (9.0, 30.0, legs.waist.band - 6):
        stitch(canvas, band, offset(waist_line(legs.waist), d), pucker=0.8, strength=0.9)
    drawstring(canvas, (0.0, legs.waist.middle + 0.52 * legs.waist.band), cloth("jersey", way.trim or "#e9e3d6"))


def drawstring(canvas: Canvas, at: tuple[float, float], cord: Cloth) -> None:
    """A cord that leaves two eyelets and hangs down in two ends with knots."""
    x, y = at
    for sign in (-1, 1):
        line = spline(
            (x + sign * 22, y),
            (x + sign * 12, y + 6),
            (x + sign * 7, y + 30),
            (x + sign * 20, y + 96),
            (x + sign * (26 if sign > 0 else 17), y + 152),
        )
        canvas.lay(
            join(offset(line, 4.2), offset(line, -4.2)[::-1]),
            cord,
            grain=Grain(path=line),
            body=((1.6, 3.0), (3.0, 3.0)),
            drape=0.0,
            crumple=0.0,
            cast=(5.0, 0.4),
        )
        button(canvas, tuple(line[-4]), 6.5, cord.colour, holes=0)
        button(canvas, (x + sign * 24, y), 5.0, rgb("#8a857c"), holes=0)
    knot = spline((x - 13, y + 6), (x, y + 12), (x + 13, y + 5))
    canvas.lay(
        join(offset(knot, 7), offset(knot, -7)[::-1]),
        cord,
        body=((2.0, 4.0), (4.0, 3.0)),
        drape=0.0,
        crumple=0.0,
        cast=(4.0, 0.35),
    )
