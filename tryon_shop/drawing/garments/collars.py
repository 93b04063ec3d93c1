"""Turned-down collars and the placket below them."""

from __future__ import annotations

from dataclasses import dataclass

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, Rgb
from tryon_shop.drawing.geometry import Points, across, both_sides, join, offset, on_side, spline
from tryon_shop.drawing.notions import neck_label
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import stitch

from .top import Top, armhole, hem_line, side

COLLAR_BODY = ((1.8, 1.6), (7.0, 3.0), (22.0, 5.0))


@dataclass(frozen=True)
class Collar:
    """Key points of a turned-down collar, right half."""

    top: float = 146.0  # height of the fold at the neck's side
    half_width: float = 86.0
    spread: tuple[float, float] = (124.0, 214.0)  # where the leaf meets the shoulder
    tip: tuple[float, float] = (86.0, 300.0)
    meeting: tuple[float, float] = (9.0, 246.0)  # where the leaf starts at the front
    open_to: float = 246.0


def collared_torso(top: Top, collar: Collar, low: Points | None = None) -> Points:
    """Front outline whose neck disappears under the collar."""
    sx, sy = collar.spread
    neck = spline((0, collar.open_to + 6), (46, collar.open_to - 44), (sx - 14, sy - 22))
    shoulder = spline(
        (sx - 14, sy - 22), (0.5 * (sx + top.shoulder[0]), 0.5 * (sy - 16 + top.shoulder[1]) - 2), top.shoulder
    )
    bottom = hem_line(top)[::-1][: len(hem_line(top)) // 2] if low is None else low
    return both_sides(join(neck, shoulder, armhole(top), side(top), bottom))


def collar_inside(canvas: Canvas, collar: Collar, fabric: Cloth, trim: Cloth) -> None:
    """Inside of the back, the inner side of the collar behind the neck, and the label."""
    w, y = collar.half_width, collar.top
    sx, sy = collar.spread
    ridge = across(spline((0, y + 3), (0.6 * w, y + 2), (w, y)))
    back = join(
        ridge, spline((w, y), (sx - 10, sy - 20)), across(spline((0, collar.open_to + 30), (sx - 10, sy - 16)))[::-1]
    )
    canvas.lay(back, fabric.inside(), body=((2, 1.5), (30, 20.0)), drape=0.3, dim=0.62)
    low = across(spline((0, y + 52), (0.6 * w, y + 48), (w + 4, y + 34)))
    band = canvas.lay(
        join(ridge, low[::-1]),
        trim,
        grain=Grain(path=low),
        body=((1.8, 1.4), (10.0, 7.0)),
        drape=0.2,
        dim=0.88,
        cast=(6, 0.35),
    )
    stitch(canvas, band, offset(low, -6), pucker=0.2, strength=0.7)
    neck_label(canvas, (0, y + 34), (46, 25), fabric.colour)


def collar_leaf(canvas: Canvas, collar: Collar, sign: int, trim: Cloth, thread: Rgb | None, soft: float) -> Layer:
    """One half of the turned-down collar."""
    w, y = collar.half_width, collar.top
    (sx, sy), (tx, ty), (mx, my) = collar.spread, collar.tip, collar.meeting
    outer = spline((w - 3, y - 1), (w + 12, y + 18), (sx - 6, sy - 22), (sx, sy))
    fall = spline((sx, sy), (0.5 * (sx + tx) + 5, 0.5 * (sy + ty) + 2), (tx, ty))
    front = spline((tx, ty), (0.5 * (tx + mx) + 2, 0.5 * (ty + my) + 2 + soft), (mx, my))
    opening = spline((mx, my), (0.42 * w, my - 34), (0.80 * w, y + 34), (w - 3, y - 1))
    outline = join(outer, fall, front, opening)
    roll = spline((0.86 * w, y + 18), (0.72 * w, y + 60), (0.45 * w, my - 14))
    folds = [Fold(on_side(sign, roll), 10, 1.6, head=0.2, tail=0.4)]
    grain = (
        Grain(path=on_side(sign, fall))
        if trim.fabric.texture in ("rib", "fine_rib")
        else Grain(anchor=(sign * tx, ty), angle=-sign * 28.0)
    )
    leaf = canvas.lay(
        on_side(sign, outline),
        trim,
        grain=grain,
        folds=folds,
        body=COLLAR_BODY,
        drape=0.25,
        crumple=0.6,
        cast=(6.0, 0.34),
    )
    border = join(fall, front)
    stitch(canvas, leaf, on_side(sign, offset(border, 6)), thread, pucker=0.15, strength=0.75)
    return leaf


def placket(
    canvas: Canvas, fabric: Cloth, top_y: float, bottom_y: float, half: float, thread: Rgb | None, front: Layer
) -> Layer:
    """A strip down the middle of the front with stitched edges."""
    outline = join(
        spline((-half, top_y), (half, top_y)),
        spline((half, top_y), (half + 1, 0.5 * (top_y + bottom_y)), (half, bottom_y)),
        spline((half, bottom_y), (-half, bottom_y)),
        spline((-half, bottom_y), (-half - 0.5, 0.5 * (top_y + bottom_y)), (-half, top_y)),
    )
    strip = canvas.lay(
        outline, fabric, body=((1.4, 1.0), (6.0, 1.6)), drape=0.25, crumple=0.7, cast=(3.5, 0.20), within=front.mask
    )
    for x in (-half + 4.5, half - 4.5):
        stitch(canvas, strip, spline((x, top_y + 6), (x, bottom_y - 3)), thread, pucker=0.4, strength=0.7)
    return strip
