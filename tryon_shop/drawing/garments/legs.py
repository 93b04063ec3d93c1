"""Trouser legs: outline, folds, hems and the fly."""

from __future__ import annotations

from dataclasses import dataclass

from tryon_shop.drawing.canvas import Canvas, Layer, Rgb
from tryon_shop.drawing.geometry import Points, both_sides, join, mirror, spline
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import edge, hem, seam, stitch

from .waists import Waist, waist_line

LEG_BODY = ((1.8, 1.5), (7.0, 2.2), (28.0, 8.0), (60.0, 14.0))


@dataclass(frozen=True)
class Legs:
    """Key points of trousers, right half."""

    waist: Waist
    hip: tuple[float, float]
    crotch: float
    knee: tuple[float, float]
    knee_in: tuple[float, float]
    cuff_out: tuple[float, float]
    cuff_in: tuple[float, float]


def outer_leg(legs: Legs) -> Points:
    """From the waist to the hem, right leg."""
    (hx, hy), (kx, ky), (ox, oy) = legs.hip, legs.knee, legs.cuff_out
    return spline(
        (legs.waist.half_width, legs.waist.top),
        (0.55 * legs.waist.half_width + 0.45 * hx, 0.55 * legs.waist.top + 0.45 * hy),
        (hx, hy),
        (0.4 * hx + 0.6 * kx, 0.6 * hy + 0.4 * ky),
        (kx, ky),
        (0.5 * (kx + ox), 0.5 * (ky + oy)),
        (ox, oy),
    )


def inner_leg(legs: Legs) -> Points:
    """From the crotch to the hem."""
    (kx, ky), (ix, iy) = legs.knee_in, legs.cuff_in
    return spline(
        (0, legs.crotch),
        (0.22 * kx, legs.crotch + 0.10 * (ky - legs.crotch)),
        (0.55 * kx, legs.crotch + 0.42 * (ky - legs.crotch)),
        (kx, ky),
        (0.52 * (kx + ix), 0.5 * (ky + iy)),
        (ix, iy),
    )


def leg_hem(legs: Legs) -> Points:
    """From the outer to the inner end, right leg."""
    (ox, oy), (ix, iy) = legs.cuff_out, legs.cuff_in
    return spline((ox, oy), (0.5 * (ox + ix), 0.5 * (oy + iy) + 6), (ix, iy))


def front_outline(legs: Legs) -> Points:
    """Closed outline of both legs."""
    waist = waist_line(legs.waist)
    return both_sides(join(waist[len(waist) // 2 :], outer_leg(legs), leg_hem(legs), inner_leg(legs)[::-1]))


def leg_folds(canvas: Canvas, legs: Legs, strength: float, *, knees: float = 1.0) -> list[Fold]:
    """Whiskers at the crotch, breaks behind the knee, stacking above the hem, slack along the leg."""
    rng, folds = canvas.rng, []
    hx, (kx, ky), nx, (ox, oy), ix = legs.hip[0], legs.knee, legs.knee_in[0], legs.cuff_out, legs.cuff_in[0]
    for sign in (-1, 1):
        for n in range(4):
            y = legs.crotch - 34 + 17 * n + rng.normal(0, 5)
            end = (sign * hx * rng.uniform(0.5, 0.9), y - 70 + 52 * n + rng.normal(0, 14))
            path = spline((sign * 8, y), (0.5 * end[0], 0.5 * (y + end[1]) + rng.uniform(2, 12)), end)
            folds.append(Fold(path, rng.uniform(7, 12), strength * rng.uniform(0.9, 2.4), head=0.12, tail=0.75))
        for n in range(4):
            y = ky - 70 + 46 * n + rng.normal(0, 12)
            a = nx + rng.uniform(0.0, 0.25) * (kx - nx)
            b = a + rng.uniform(0.35, 0.7) * (kx - nx)
            slant = rng.uniform(-26, 26)
            path = spline((sign * a, y), (sign * 0.5 * (a + b), y + 0.4 * slant + 6), (sign * b, y + slant))
            folds.append(Fold(path, rng.uniform(8, 13), knees * strength * rng.uniform(0.6, 1.9), head=0.35, tail=0.5))
        x = 0.5 * (ox + ix) + rng.normal(0, 12)
        path = spline(
            (sign * x, oy), (sign * (x - 12), 0.5 * (oy + ky)), (sign * (0.5 * (kx + nx) + rng.normal(0, 12)), ky + 20)
        )
        folds.append(
            Fold(
                path,
                rng.uniform(22, 32),
                strength * rng.uniform(1.2, 3.0),
                head=0.1,
                tail=0.6,
                lean=rng.uniform(-0.5, 0.5),
                sharpness=0.2,
            )
        )
    return folds


def fly(canvas: Canvas, legs: Legs, front: Layer, thread: Rgb | None, *, rows: int = 2, depth: float = 190.0) -> None:
    """Centre seam and the curved stitching of the fly, on the wearer's left."""
    y = legs.waist.middle + legs.waist.band
    centre = spline((2, y), (3, y + 0.6 * depth), (0, legs.crotch - 2))
    edge(canvas, front, centre[::-1], dark=0.30, softness=3.0)
    seam(canvas, front, centre, depth=0.8, pucker=0.7, dark=0.15)
    for row in range(rows):
        x = 38 - 6 * row
        stitch(
            canvas,
            front,
            spline((x, y + 1), (x, y + 0.62 * depth), (0.74 * x, y + 0.88 * depth), (4, y + depth + 8 - 4 * row)),
            thread,
            pucker=0.5,
        )


def finish_leg(canvas: Canvas, legs: Legs, front: Layer, sign: int, thread: Rgb | None, depth: float) -> None:
    """Stitched hem of one leg."""
    line = leg_hem(legs)[::-1] if sign > 0 else mirror(leg_hem(legs))
    hem(canvas, front, line, thread, depth=depth, rows=1)
