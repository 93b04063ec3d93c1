"""Jersey tops with a round neck: tees, a striped long sleeve, a ribbed tank."""

from __future__ import annotations

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, cloth
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Points, across, both_sides, join, offset, on_side, spline
from tryon_shop.drawing.prints import Ink
from tryon_shop.drawing.sewing import seam, stitch

from .bodice import (
    TORSO_BODY,
    finish_hems,
    round_neck_band,
    round_neck_inside,
    set_in_seams,
    shoulder_seams,
    torso_folds,
    torso_outline,
)
from .sleeves import sleeves
from .top import Top, hem_line, side, under_band

TEE = Top()
BOXY_TEE = Top(
    shoulder=(282, 236),
    armpit=(268, 486),
    waist=(266, 740),
    hem=(274, 1040),
    cuff_out=(436, 530),
    cuff_in=(318, 586),
    neck_width=104,
    front_drop=92,
    band=26,
)
LONG_SLEEVE = Top(
    neck_top=150,
    neck_width=122,
    front_drop=84,
    band=15,
    shoulder=(240, 202),
    armpit=(222, 420),
    waist=(206, 680),
    hem=(224, 1030),
    elbow=(346, 600),
    cuff_out=(400, 985),
    cuff_in=(318, 1004),
)


def jersey_top(
    canvas: Canvas, top: Top, fabric: Cloth, trim: Cloth, *, bow: float = 16, strength: float = 1.0
) -> Layer:
    """A whole round-necked top with set-in sleeves and stitched hems."""
    round_neck_inside(canvas, top, fabric, trim)
    laid = sleeves(canvas, top, fabric, strength=strength)
    neck = under_band(top)
    folds = torso_folds(canvas, top, strength)
    torso = canvas.lay(torso_outline(top, neck), fabric, grain=Grain(bow=bow), folds=folds, body=TORSO_BODY)
    set_in_seams(canvas, top, torso, laid)
    shoulder_seams(canvas, top, torso)
    round_neck_band(canvas, top, torso, trim)
    finish_hems(canvas, top, torso, laid)
    return torso


def printed(design: GarmentDesign, way: Colourway) -> Cloth:
    return cloth(design.cloth, way.colour, Ink(way.print) if way.print else None)


def crew_tee(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Short-sleeved tee."""
    jersey_top(canvas, TEE, printed(design, way), cloth("fine_rib", way.trim or way.colour))


def graphic_tee(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Boxy tee of heavier jersey with a print on the chest only."""
    top, plain = BOXY_TEE, cloth(design.cloth, way.colour)
    trim = cloth("fine_rib", way.trim or way.colour)
    round_neck_inside(canvas, top, plain, trim)
    laid = sleeves(canvas, top, plain, strength=0.9)
    neck = under_band(top)
    folds = torso_folds(canvas, top, 0.9)
    front = cloth(design.cloth, way.colour, Ink(way.print, shift=(0, -505)) if way.print else None)
    torso = canvas.lay(torso_outline(top, neck), front, folds=folds, body=TORSO_BODY)
    set_in_seams(canvas, top, torso, laid)
    shoulder_seams(canvas, top, torso)
    round_neck_band(canvas, top, torso, trim)
    finish_hems(canvas, top, torso, laid)


def striped_long_sleeve(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Breton top with a wide neck and long sleeves."""
    jersey_top(canvas, LONG_SLEEVE, printed(design, way), cloth("jersey", way.trim or way.colour), bow=10, strength=0.9)


def ribbed_tank(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Close-fitting tank with bound neck and armholes."""
    fabric, binding = cloth(design.cloth, way.colour), cloth("jersey", way.trim or way.colour)
    top = Top(
        neck_width=112,
        neck_top=150,
        front_drop=210,
        back_drop=120,
        band=17,
        shoulder=(194, 178),
        armpit=(240, 420),
        waist=(202, 720),
        hem=(238, 1070),
    )
    _tank_back(canvas, top, fabric, binding)
    neck = under_band(top)
    arm = _tank_armhole(top)
    outline = both_sides(join(neck, arm, side(top), hem_line(top)[::-1][: len(hem_line(top)) // 2]))
    body = (*TORSO_BODY, (60.0, 10.0))
    torso = canvas.lay(outline, fabric, grain=Grain(bow=10), folds=torso_folds(canvas, top, 0.7), body=body)
    round_neck_band(canvas, top, torso, binding)
    for sign in (1, -1):
        line = on_side(sign, arm)
        _binding(canvas, torso, line, sign * 15, binding)
    line = hem_line(top)
    stitch(canvas, torso, offset(line, -20), pucker=0.5)
    stitch(canvas, torso, offset(line, -26), pucker=0.2)


def _tank_armhole(top: Top) -> Points:
    (sx, sy), (ax, ay) = top.shoulder, top.armpit
    return spline((sx, sy), (sx - 7, sy + 70), (sx - 9, sy + 150), (sx + 6, sy + 218), (ax, ay))


def _binding(canvas: Canvas, torso: Layer, line: Points, width: float, cloth: Cloth) -> None:
    inner = offset(line, width)
    band = canvas.lay(
        join(line, inner[::-1]),
        cloth,
        grain=Grain(path=line),
        body=((1.5, 1.0), (5.0, 2.2)),
        drape=0.1,
        crumple=0.2,
        cast=(3.0, 0.2),
    )
    seam(canvas, torso, inner, depth=0.6, pucker=0.6, dark=0.15)
    stitch(canvas, band, offset(line, width * 0.75), pucker=0.2, strength=0.5)


def _tank_back(canvas: Canvas, top: Top, fabric: Cloth, binding: Cloth) -> None:
    """Inside of the back: a shallower scoop with its binding."""
    w, y, b = top.neck_width, top.neck_top, top.band
    edge = across(
        spline(
            (0, y + top.back_drop),
            (0.4 * w, y + 0.92 * top.back_drop),
            (0.82 * w, y + 0.5 * top.back_drop),
            (w + 4, y + 6),
        )
    )
    low = across(spline((0, y + top.front_drop + 50), (0.6 * w, y + top.front_drop), (w + 40, y + 60), (w + 30, y + 6)))
    canvas.lay(join(edge, low[::-1]), fabric, body=((2, 1.5), (40, 26.0)), drape=0.4, dim=0.72)
    inner = offset(edge, b)
    canvas.lay(
        join(edge, inner[::-1]),
        binding,
        grain=Grain(path=edge),
        body=((1.4, 1.1), (5.0, 1.6)),
        drape=0.1,
        crumple=0.2,
        dim=0.84,
        cast=(4, 0.3),
    )
