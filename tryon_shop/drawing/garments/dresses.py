"""A jersey T-shirt dress and a satin slip dress."""

from __future__ import annotations

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, cloth
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Points, across, both_sides, join, offset, on_side, spline
from tryon_shop.drawing.notions import neck_label
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import panel_edge_shadow, seam, stitch

from .skirts import Skirt, hanging_folds
from .tees import jersey_top, printed
from .top import Top
from .waists import Waist

DRESS_BODY = ((1.8, 1.4), (7.0, 2.0), (34.0, 9.0), (90.0, 24.0))


TEE_DRESS = Top(
    neck_width=84,
    neck_top=96,
    front_drop=76,
    band=16,
    back_drop=18,
    shoulder=(196, 140),
    armpit=(178, 322),
    waist=(168, 560),
    hem=(206, 1140),
    hem_sag=18,
    cuff_out=(300, 356),
    cuff_in=(212, 392),
)


def tee_dress(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Midi T-shirt dress."""
    jersey_top(canvas, TEE_DRESS, printed(design, way), cloth("fine_rib", way.trim or way.colour), bow=12, strength=1.1)


def slip_dress(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Bias-cut satin slip dress with thin straps."""
    satin = cloth(design.cloth, way.colour)
    _slip_back(canvas, satin)
    for sign in (1, -1):
        _strap(canvas, on_side(sign, spline((117, 252), (109, 180), (93, 102))), satin, 1.0)
    neck = spline((0, 330), (30, 318), (78, 272), (116, 236))
    arm = spline((116, 236), (128, 262), (148, 318), (182, 356))
    right = spline((182, 356), (176, 430), (158, 548), (178, 680), (206, 800), (236, 980), (262, 1130))
    low = across(spline((0, 1152), (140, 1149), (262, 1130)))
    skirt = Skirt(Waist(top=520, half_width=158, dip=13, band=44), hip=(206, 800), hem=(262, 1130), sag=22)
    folds = _slip_folds(canvas)
    folds += hanging_folds(canvas, skirt, 7, 4.6, start=120, width=48, sharpness=0.0)
    outline = both_sides(join(neck, arm, right, low[::-1][: len(low) // 2]))
    front = canvas.lay(outline, satin, folds=folds, body=DRESS_BODY, drape=1.3, crumple=0.5, grain=Grain(angle=38.0))
    for sign in (1, -1):
        border = join(neck, arm)
        stitch(canvas, front, offset(on_side(sign, border), 7 * sign), pucker=0.6, strength=0.6)
        seam(canvas, front, on_side(sign, offset(right, 5)), depth=0.4, pucker=0.6, dark=0.05)
        dart = spline((150, 400), (118, 384), (84, 372))
        panel_edge_shadow(canvas, front, on_side(sign, dart), 2.0, 0.14)
    stitch(canvas, front, offset(low, -12), pucker=0.6, strength=0.7)


def _slip_folds(canvas: Canvas) -> list[Fold]:
    """Soft folds from the bust and the waist and the cowl between the straps."""
    rng = canvas.rng
    folds = []
    for sign in (-1, 1):
        for n in range(4):
            start = (sign * rng.uniform(60, 118), 262 + 16 * n)
            path = spline(
                start, (sign * rng.uniform(54, 100), 380 + 20 * n), (sign * rng.uniform(10, 60), 470 + 30 * n)
            )
            folds.append(Fold(path, rng.uniform(12, 22), rng.uniform(1.4, 3.4), head=0.2, tail=0.7))
        for _ in range(3):
            y = rng.uniform(500, 640)
            path = spline(
                (sign * 156, y),
                (sign * 100, y + rng.uniform(10, 50)),
                (sign * rng.uniform(0, 50), y + rng.uniform(60, 160)),
            )
            folds.append(Fold(path, rng.uniform(14, 24), rng.uniform(1.5, 3.6), head=0.15, tail=0.8))
    for n in range(3):
        dip = 356 + 34 * n
        folds.append(
            Fold(
                spline((-92, 300 + 26 * n), (0, dip + rng.normal(0, 6)), (92, 296 + 26 * n)),
                rng.uniform(11, 16),
                rng.uniform(1.6, 3.2),
                head=0.4,
                tail=0.4,
                spread=0.0,
            )
        )
    return folds


def _slip_back(canvas: Canvas, satin: Cloth) -> None:
    """Straps over the shoulder and the low back, seen through the neck opening."""
    for sign in (1, -1):
        _strap(canvas, on_side(sign, spline((93, 103), (103, 180), (110, 300))), satin, 0.74)
    edge_line = across(spline((0, 290), (60, 288), (110, 286), (172, 352)))
    low = across(spline((0, 430), (120, 420), (172, 360)))
    canvas.lay(join(edge_line, low[::-1]), satin, body=((2, 1.4), (30, 12.0)), drape=0.4, dim=0.68)
    neck_label(canvas, (0, 306), (34, 18), satin.colour)


def _strap(canvas: Canvas, line: Points, satin: Cloth, dim: float) -> None:
    outline = join(offset(line, 6.5), offset(line, -6.5)[::-1])
    canvas.lay(
        outline,
        satin,
        grain=Grain(path=line),
        body=((1.8, 1.5), (4.0, 1.2)),
        drape=0.0,
        crumple=0.0,
        dim=dim,
        cast=(4.0, 0.3),
    )
