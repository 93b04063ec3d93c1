"""The torso of tops and dresses: its outline, round neck, seams, hems and the folds it gets on a body form."""

from __future__ import annotations

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, Layer, Rgb
from tryon_shop.drawing.geometry import Points, across, both_sides, join, mirror, offset, on_side, part, spline
from tryon_shop.drawing.notions import neck_label
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import hem, panel_edge_shadow, seam, stitch

from .sleeves import sleeve_end
from .top import Top, armhole, hem_line, neck_edge, side

TORSO_BODY = ((1.8, 1.3), (7.0, 1.6), (34.0, 8.0), (100.0, 24.0))


FLAT_TRIM = ((1.4, 1.1), (5.0, 1.6))


def torso_outline(top: Top, neck: Points) -> Points:
    """Closed outline of the front under a neck line given from the middle outwards."""
    shoulder = spline(
        tuple(neck[-1]),
        (0.5 * (neck[-1][0] + top.shoulder[0]), 0.5 * (neck[-1][1] + top.shoulder[1]) - 2.5),
        top.shoulder,
    )
    return both_sides(join(neck, shoulder, armhole(top), side(top), hem_line(top)[::-1][: len(hem_line(top)) // 2]))


def torso_folds(canvas: Canvas, top: Top, strength: float = 1.0) -> list[Fold]:
    """Drag lines from the armpits, slack at the waist and soft waves rising from the hem; no two sides alike."""
    folds = []
    for sign in (-1, 1):
        folds += _drag_lines(canvas, top, sign, strength)
    return folds + _hem_waves(canvas, top, strength)


def _drag_lines(canvas: Canvas, top: Top, sign: int, strength: float) -> list[Fold]:
    rng, folds = canvas.rng, []
    (ax, ay), (wx, wy) = top.armpit, top.waist

    def near(x: float, y: float, spread: float = 10) -> tuple[float, float]:
        return x + rng.normal(0, spread), y + rng.normal(0, spread)

    for n in range(rng.integers(2, 4)):
        end = near(sign * ax * rng.uniform(0.25, 0.55), ay + rng.uniform(60, 250) - 40 * n, 14)
        mid = near(sign * (0.62 * ax + 0.3 * abs(end[0])), ay + 0.30 * (end[1] - ay) + 4, 8)
        path = spline((sign * (ax - 6), ay + 8 + 16 * n), mid, end)
        height = strength * rng.uniform(0.5, 1.9)
        folds.append(Fold(path, rng.uniform(8, 19), height, head=0.3, tail=0.7, lean=sign * 0.3, sharpness=0.3))
    x = sign * rng.uniform(0.45, 0.6) * top.shoulder[0]
    path = spline(
        near(x, top.shoulder[1] + 30),
        near(sign * 0.72 * ax, 0.5 * (top.shoulder[1] + ay)),
        near(sign * 0.82 * ax, ay - 20),
    )
    folds.append(Fold(path, rng.uniform(14, 22), strength * rng.uniform(0.6, 1.8), head=0.5, tail=0.5))
    for _ in range(rng.integers(1, 3)):
        y = wy + rng.uniform(-70, 110)
        path = spline(
            (sign * wx, y),
            near(sign * wx * 0.72, y + rng.uniform(8, 34), 5),
            near(sign * wx * 0.4, y + rng.uniform(10, 60), 8),
        )
        folds.append(Fold(path, rng.uniform(10, 16), strength * rng.uniform(0.5, 1.5), head=0.15, tail=0.8))
    return folds


def _hem_waves(canvas: Canvas, top: Top, strength: float) -> list[Fold]:
    rng, folds = canvas.rng, []
    ay, (hx, hy) = top.armpit[1], top.hem
    for x in np.linspace(-0.72, 0.72, rng.integers(4, 6)):
        x0 = (x + rng.normal(0, 0.07)) * hx
        rise = rng.uniform(0.22, 0.62) * (hy - ay)
        path = spline(
            (x0, hy + top.hem_sag + 40),
            (x0 * 0.97 + rng.normal(0, 7), hy - 0.5 * rise),
            (x0 * 0.9 + rng.normal(0, 16), hy - rise),
        )
        folds.append(
            Fold(
                path,
                rng.uniform(20, 34),
                strength * rng.uniform(0.9, 2.6),
                head=0.1,
                tail=0.85,
                spread=0.2,
                lean=rng.uniform(-0.5, 0.5),
                sharpness=0.25,
            )
        )
    return folds


def set_in_seams(canvas: Canvas, top: Top, torso: Layer, laid: list[tuple[Layer, int]]) -> None:
    """Armhole seams: a groove on the torso side and the shadow of the torso on the sleeve."""
    for layer, sign in laid:
        line = on_side(sign, armhole(top))
        panel_edge_shadow(canvas, layer, line, 9.0, 0.10)
        seam(canvas, torso, offset(line, 1.0 * sign), depth=0.5, pucker=0.6, dark=0.10)


def round_neck_inside(canvas: Canvas, top: Top, cloth: Cloth, trim: Cloth) -> None:
    """The inside of the back with its neck band and label; laid first."""
    w, y, b = top.neck_width, top.neck_top, top.band
    edge = across(
        spline(
            (0, y + top.back_drop - 8),
            (0.45 * w, y + 0.74 * top.back_drop - 8),
            (0.85 * w, y - 1),
            (w + 0.5 * b, y - 4),
        )
    )
    low = across(spline((0, y + top.front_drop + 34), (w, y + 60), (w + 0.5 * b, y + 8)))
    back = canvas.lay(join(edge, low[::-1]), cloth.inside(), body=((2, 1.5), (40, 26.0)), drape=0.4, dim=0.74)
    inner = offset(edge, b + 5)
    canvas.lay(
        join(edge, inner[::-1]),
        trim,
        grain=Grain(path=edge),
        body=FLAT_TRIM,
        drape=0.1,
        crumple=0.2,
        dim=0.86,
        cast=(5, 0.3),
    )
    stitch(canvas, back, offset(edge, b + 9), pucker=0.3, strength=0.8)
    neck_label(canvas, (0, y + top.back_drop - 8 + b + 24), (50, 30), cloth.colour)


def round_neck_band(canvas: Canvas, top: Top, torso: Layer, trim: Cloth) -> None:
    """The ribbed band round the front of the neck, laid on the torso."""
    inner = across(neck_edge(top))
    outer = offset(inner, top.band)
    # the band turns over the shoulder to the back
    ends = spline(tuple(inner[-1]), (top.neck_width + 0.5 * top.band, top.neck_top - 3), tuple(outer[-1]))
    outline = join(inner, ends, outer[::-1], mirror(ends)[::-1])
    canvas.lay(
        outline, trim, grain=Grain(path=outer), body=((1.5, 1.0), (6.0, 2.4)), drape=0.15, crumple=0.2, cast=(4.0, 0.28)
    )
    seam(canvas, torso, offset(outer, 1.0), depth=0.7, pucker=0.7, dark=0.22)
    stitch(canvas, torso, offset(outer, 7.0), pucker=0.5, strength=0.7)


def finish_hems(
    canvas: Canvas, top: Top, torso: Layer, laid: list[tuple[Layer, int]], thread: Rgb | None = None
) -> None:
    """Double-stitched hems of body and sleeves."""
    hem(canvas, torso, hem_line(top), thread, depth=24)
    for layer, sign in laid:
        hem(canvas, layer, sleeve_end(top, sign), thread, depth=20)


def shoulder_seams(canvas: Canvas, top: Top, torso: Layer) -> None:
    """The shoulder seam lies just behind the ridge: a hint of it shows near the neck."""
    line = spline(
        (top.neck_width + top.band, top.neck_top + 9),
        (0.5 * (top.neck_width + top.shoulder[0]), 0.5 * (top.neck_top + top.shoulder[1]) + 4),
        (top.shoulder[0] - 8, top.shoulder[1] + 4),
    )
    for path in (line, mirror(line)):
        seam(canvas, torso, part(path, 0.02, 0.98), depth=0.5, pucker=0.3, dark=0.08)
