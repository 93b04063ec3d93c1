"""Skirts: a buttoned A-line and a pleated midi; the fall of a skirt is shared with the dresses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tryon_shop.drawing.canvas import Canvas, Cloth, Grain, cloth, rgb
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign
from tryon_shop.drawing.geometry import Field, Points, join, mirror, offset, on_side, spline
from tryon_shop.drawing.notions import button, buttonhole
from tryon_shop.drawing.prints import Ink
from tryon_shop.drawing.relief import Fold
from tryon_shop.drawing.sewing import edge, hem, panel_edge_shadow, seam, stitch

from .waists import Waist, elastic_gathers, stitch_band, waist_inside, waist_line, waistband

SKIRT_BODY = ((1.8, 1.5), (7.0, 2.2), (34.0, 9.0), (110.0, 26.0))


@dataclass(frozen=True)
class Skirt:
    """Key points of a skirt, right half; ``sag`` is how much lower the hem is in the middle."""

    waist: Waist
    hip: tuple[float, float]
    hem: tuple[float, float]
    sag: float


A_LINE = Skirt(Waist(top=196, half_width=178, dip=13, band=44), hip=(244, 450), hem=(348, 1010), sag=42)


PLEATED = Skirt(Waist(top=112, half_width=142, dip=13, band=50), hip=(214, 380), hem=(330, 1100), sag=30)


def skirt_side(skirt: Skirt) -> Points:
    """From the waist to the corner of the hem, right side."""
    (hx, hy), (ox, oy) = skirt.hip, skirt.hem
    return spline(
        (skirt.waist.half_width, skirt.waist.top),
        (skirt.waist.half_width + 6, skirt.waist.top + skirt.waist.band),
        (0.5 * skirt.waist.half_width + 0.5 * hx + 3, 0.5 * (skirt.waist.top + hy)),
        (hx, hy),
        (0.5 * (hx + ox) - 4, 0.5 * (hy + oy)),
        (ox, oy),
    )


def skirt_hem(skirt: Skirt, wave: float = 0.0, waves: int = 9, phase: float = 0.0) -> Points:
    """From left to right; ``wave`` lets the edge rise and fall where the cloth undulates."""
    (ox, oy) = skirt.hem
    x = np.linspace(-1, 1, 161)
    y = oy + skirt.sag * np.sqrt(np.clip(1 - 0.96 * x * x, 0, 1)) - 0.2 * skirt.sag
    y += wave * np.sin(np.arcsin(np.clip(0.97 * x, -1, 1)) * waves + phase) * (1 - 0.4 * x * x)
    line = np.stack([x * ox, y], 1)
    line[0, 1] = line[-1, 1] = oy
    return line


def skirt_outline(skirt: Skirt, low: Points) -> Points:
    """Closed outline above a hem given from left to right."""
    waist = waist_line(skirt.waist)
    right = skirt_side(skirt)
    return join(waist, right, low[::-1], mirror(right)[::-1])


def hanging_folds(
    canvas: Canvas,
    skirt: Skirt,
    count: int,
    strength: float,
    *,
    start: float = 0.0,
    width: float = 20.0,
    sharpness: float = 0.4,
) -> list[Fold]:
    """Folds that hang from the waist and open towards the hem."""
    rng, folds = canvas.rng, []
    (ox, oy) = skirt.hem
    top = skirt.waist.top + skirt.waist.band
    for x in np.linspace(-0.9, 0.9, count) + rng.normal(0, 0.05, count):
        y0 = top + start * rng.uniform(0.5, 1.5)
        share = (y0 - top) / (oy - top)
        x0 = x * (skirt.waist.half_width + share * (ox - skirt.waist.half_width))
        x1 = (x + rng.normal(0, 0.02)) * ox
        y1 = oy + skirt.sag + 60  # beyond the edge, so that the fold does not end at the hem
        path = spline((x1, y1), (0.45 * x0 + 0.55 * x1 + rng.normal(0, 5), 0.45 * y0 + 0.55 * y1), (x0, y0))
        folds.append(
            Fold(
                path,
                width * rng.uniform(0.75, 1.3),
                strength * rng.uniform(0.6, 1.3),
                head=0.06,
                tail=0.75,
                spread=-0.5,
                lean=rng.uniform(-0.5, 0.5),
                sharpness=rng.uniform(0, sharpness),
            )
        )
    return folds


def a_line(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """A-line skirt of fine corduroy, buttoned down the front, with patch pockets."""
    skirt, cord = A_LINE, cloth(design.cloth, way.colour)
    waist_inside(canvas, skirt.waist, cord)
    low = skirt_hem(skirt, 1.5, 5, canvas.rng.uniform(0, 6))
    folds = hanging_folds(canvas, skirt, 6, 3.6, start=320, width=34)
    front = canvas.lay(skirt_outline(skirt, low), cord, folds=folds, body=SKIRT_BODY, drape=0.9)
    for sign in (1, -1):
        seam(
            canvas,
            front,
            spline(
                (sign * 92, skirt.waist.top + skirt.waist.band),
                (sign * 128, 440),
                (sign * 196, low[len(low) // 2, 1] - 4),
            ),
            depth=0.5,
            pucker=0.25,
            dark=0.08,
        )
        _patch_pocket(canvas, sign, cord)
    hem(canvas, front, low, depth=34, rows=1)
    middle = float(low[len(low) // 2, 1])
    strip = canvas.lay(
        join(spline((-23, skirt.waist.middle), (23, skirt.waist.middle)), spline((24, middle), (-24, middle))),
        cord,
        body=((1.4, 1.2), (6.0, 2.0)),
        drape=0.3,
        cast=(4.0, 0.25),
    )
    for x in (-18, 18):
        stitch(canvas, strip, spline((x, skirt.waist.middle + 4), (x, middle - 4)), pucker=0.4)
    band = waistband(canvas, skirt.waist, cord)
    stitch_band(canvas, skirt.waist, band)
    edge(
        canvas,
        band,
        spline((24, skirt.waist.top + 8), (24, skirt.waist.top + skirt.waist.band + skirt.waist.dip))[::-1],
        dark=0.3,
    )
    tone = rgb(way.button or "#6b4a33")
    for y in np.linspace(skirt.waist.middle + 22, middle - 130, 7):
        buttonhole(canvas, strip, (0, y), 24)
        button(canvas, (0, y), 11.5, tone)


def _patch_pocket(canvas: Canvas, sign: int, fabric: Cloth) -> None:
    rim = spline((82, 356), (140, 350), (196, 362))
    shape = join(
        rim,
        spline((196, 362), (206, 430), (206, 462)),
        spline((206, 462), (196, 492), (146, 500)),
        spline((146, 500), (104, 494), (92, 468)),
        spline((92, 468), (84, 410), (82, 356)),
    )
    patch = canvas.lay(
        on_side(sign, shape),
        fabric,
        grain=Grain(angle=-sign * 4.0),
        body=((1.4, 1.4), (8.0, 2.4)),
        drape=0.3,
        cast=(4.0, 0.30),
    )
    border = on_side(sign, shape[len(rim) :])
    stitch(canvas, patch, offset(border, 5 * sign), pucker=0.4)
    stitch(canvas, patch, offset(on_side(sign, rim), 17 * sign), pucker=0.3)


class KnifePleats:
    """Pressed pleats which fan out from the waist; fields are over drawing coordinates."""

    def __init__(self, canvas: Canvas, skirt: Skirt, count: int) -> None:
        self._skirt, self._count = skirt, count
        self._side = skirt_side(skirt)
        self._uneven = 0.16 * canvas.rng.standard_normal(count + 3)
        self._bend = float(canvas.rng.normal(0, 0.010))

    def _down(self, y: Field) -> Field:
        waist = self._skirt.waist
        return (y - waist.top - waist.band) / (self._skirt.hem[1] - waist.top)

    def _across(self, x: Field, y: Field) -> Field:
        """Position between the sides, -1..1."""
        result: Field = x / np.interp(y, self._side[:, 1], self._side[:, 0])
        return result

    def _phase(self, x: Field, y: Field) -> Field:
        """Number of the pleat plus the place within it; pleats look narrower towards the sides."""
        down = self._down(y)
        s = np.clip(self._across(x, y), -1.05, 1.05) + self._bend * np.sin(3 * down) * down
        result: Field = (np.arcsin(np.clip(0.93 * s, -1, 1)) / np.arcsin(0.93) + 1) * self._count / 2
        return result

    def tooth(self, x: Field, y: Field) -> Field:
        """Saw tooth over each pleat, 0..1."""
        f = np.mod(self._phase(x, y), 1)
        return np.where(f < 0.82, f / 0.82, (1 - f) / 0.18)

    def height(self, x: Field, y: Field) -> Field:
        number = np.clip(np.floor(self._phase(x, y)).astype(int), -1, self._count + 1) + 1
        narrowing = np.sqrt(np.clip(1 - (0.93 * self._across(x, y)) ** 2, 0.05, 1))
        depth = (2.2 + 6.0 * np.clip(self._down(y), 0, 1)) * (1 + self._uneven[number]) * narrowing
        result: Field = (depth * (self.tooth(x, y) ** 1.25 - 0.5)).astype(np.float32)
        return result

    def shade(self, x: Field, y: Field) -> Field:
        """Brightness: dark where one pleat disappears under the next."""
        f = np.mod(self._phase(x, y), 1)
        hidden = 0.22 * np.exp(-(((f - 0.97) / 0.045) ** 2)) + 0.13 * np.exp(-f / 0.2)
        result: Field = (1 - hidden).astype(np.float32)
        return result


def pleated_midi(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Knife-pleated midi skirt with an elastic waistband."""
    skirt, fabric = PLEATED, cloth(design.cloth, way.colour, Ink(way.print) if way.print else None)
    waist_inside(canvas, skirt.waist, fabric)
    pleats = KnifePleats(canvas, skirt, 15)
    low = skirt_hem(skirt)
    low = np.stack([low[:, 0], low[:, 1] + 11 * (pleats.tooth(low[:, 0], np.full(len(low), skirt.hem[1])) - 0.5)], 1)
    canvas.lay(
        skirt_outline(skirt, low),
        fabric,
        form=pleats.height,
        wear=pleats.shade,
        folds=hanging_folds(canvas, skirt, 5, 2.0, start=200, width=40),
        body=((1.6, 1.2), (34.0, 6.0), (110.0, 24.0)),
        drape=0.55,
        crumple=0.25,
    )
    band = waistband(canvas, skirt.waist, fabric, elastic_gathers(canvas, skirt.waist, 34, (0.5, 1.5)))
    line = waist_line(skirt.waist)
    for distance in (7.0, skirt.waist.band - 7):
        stitch(canvas, band, offset(line, distance), pucker=0.6, strength=0.6)
    panel_edge_shadow(canvas, band, offset(line, skirt.waist.band), 2.5, 0.2)
