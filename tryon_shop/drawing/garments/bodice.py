"""The parts which tops and dresses share: torso, sleeves, round neck, and the folds they get on a body form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..canvas import Canvas, Cloth, Grain, Layer, Rgb, rgb
from ..geometry import Points, across, both_sides, join, mirror, offset, part, spline
from ..notions import contrast_with, label
from ..relief import Fold
from ..sewing import hem, panel_edge_shadow, seam, stitch

TORSO_BODY = ((1.8, 1.3), (7.0, 1.6), (34.0, 8.0), (100.0, 24.0))
SLEEVE_BODY = ((1.8, 1.3), (7.0, 1.8), (34.0, 11.0))
FLAT_TRIM = ((1.4, 1.1), (5.0, 1.6))


@dataclass(frozen=True)
class Top:
    """Key points of a top, right half, in drawing coordinates."""

    neck_width: float = 112.0
    neck_top: float = 170.0
    front_drop: float = 104.0
    back_drop: float = 24.0
    band: float = 21.0
    shoulder: tuple[float, float] = (262.0, 228.0)
    armpit: tuple[float, float] = (240.0, 470.0)
    waist: tuple[float, float] = (226.0, 740.0)
    hem: tuple[float, float] = (240.0, 1072.0)
    hem_sag: float = 14.0
    cuff_out: tuple[float, float] = (398.0, 500.0)
    cuff_in: tuple[float, float] = (284.0, 552.0)
    elbow: tuple[float, float] | None = None  # outer elbow of a long sleeve

    @property
    def neck_point(self) -> tuple[float, float]:
        return self.neck_width + self.band * 0.96, self.neck_top + 5.0


def neck_edge(top: Top) -> Points:
    """Front opening, from the middle to the right shoulder."""
    w, y, d = top.neck_width, top.neck_top, top.front_drop
    return spline((0, y + d), (0.36 * w, y + 0.945 * d), (0.69 * w, y + 0.71 * d), (0.91 * w, y + 0.35 * d), (w, y))


def armhole(top: Top) -> Points:
    """From the shoulder down to the armpit."""
    (sx, sy), (ax, ay) = top.shoulder, top.armpit
    return spline((sx, sy), (sx - 0.098 * (ay - sy), sy + 0.32 * (ay - sy)), (ax - 13, sy + 0.68 * (ay - sy)), (ax, ay))


def side(top: Top) -> Points:
    """From the armpit to the corner of the hem."""
    (ax, ay), (wx, wy), (hx, hy) = top.armpit, top.waist, top.hem
    return spline((ax, ay), (ax - 4, ay + 30), (wx, wy), (0.35 * wx + 0.65 * hx, 0.45 * wy + 0.55 * hy), (hx, hy))


def hem_line(top: Top) -> Points:
    """Whole hem from left to right."""
    hx, hy = top.hem
    return across(spline((0, hy + top.hem_sag), (0.55 * hx, hy + 0.8 * top.hem_sag), (hx, hy)))


def torso_outline(top: Top, neck: Points) -> Points:
    """Closed outline of the front under a neck line given from the middle outwards."""
    shoulder = spline(tuple(neck[-1]), (0.5 * (neck[-1][0] + top.shoulder[0]), 0.5 * (neck[-1][1] + top.shoulder[1]) - 2.5), top.shoulder)  # fmt: skip
    return both_sides(join(neck, shoulder, armhole(top), side(top), hem_line(top)[::-1][: len(hem_line(top)) // 2]))


def torso_folds(canvas: Canvas, top: Top, strength: float = 1.0) -> list[Fold]:
    """Drag lines from the armpits, slack at the waist and soft waves rising from the hem; no two sides alike."""
    rng, folds = canvas.rng, []
    (ax, ay), (wx, wy), (hx, hy) = top.armpit, top.waist, top.hem

    def near(x: float, y: float, spread: float = 10) -> tuple[float, float]:
        return x + rng.normal(0, spread), y + rng.normal(0, spread)

    for sign in (-1, 1):
        for n in range(rng.integers(2, 4)):
            end = near(sign * ax * rng.uniform(0.25, 0.55), ay + rng.uniform(60, 250) - 40 * n, 14)
            mid = near(sign * (0.62 * ax + 0.3 * abs(end[0])), ay + 0.30 * (end[1] - ay) + 4, 8)
            path = spline((sign * (ax - 6), ay + 8 + 16 * n), mid, end)
            height = strength * rng.uniform(0.5, 1.9)
            folds.append(Fold(path, rng.uniform(8, 19), height, head=0.3, tail=0.7, lean=sign * 0.3, sharpness=0.3))
        x = sign * rng.uniform(0.45, 0.6) * top.shoulder[0]
        path = spline(near(x, top.shoulder[1] + 30), near(sign * 0.72 * ax, 0.5 * (top.shoulder[1] + ay)), near(sign * 0.82 * ax, ay - 20))
        folds.append(Fold(path, rng.uniform(14, 22), strength * rng.uniform(0.6, 1.8), head=0.5, tail=0.5))
        for _ in range(rng.integers(1, 3)):
            y = wy + rng.uniform(-70, 110)
            path = spline((sign * wx, y), near(sign * wx * 0.72, y + rng.uniform(8, 34), 5), near(sign * wx * 0.4, y + rng.uniform(10, 60), 8))
            folds.append(Fold(path, rng.uniform(10, 16), strength * rng.uniform(0.5, 1.5), head=0.15, tail=0.8))
    for x in np.linspace(-0.72, 0.72, rng.integers(4, 6)):
        x0 = (x + rng.normal(0, 0.07)) * hx
        rise = rng.uniform(0.22, 0.62) * (hy - ay)
        path = spline((x0, hy + top.hem_sag), (x0 * 0.97 + rng.normal(0, 7), hy - 0.5 * rise), (x0 * 0.9 + rng.normal(0, 16), hy - rise))
        folds.append(Fold(path, rng.uniform(20, 34), strength * rng.uniform(0.9, 2.6), head=0.06, tail=0.85, spread=0.2, lean=rng.uniform(-0.5, 0.5), sharpness=0.25))
    return folds


def sleeve_outline(top: Top) -> Points:
    """Right sleeve; its upper end lies under the torso."""
    (sx, sy), (ax, ay), (ox, oy), (ix, iy) = top.shoulder, top.armpit, top.cuff_out, top.cuff_in
    inside = [(ax - 46, ay - 30), (sx - 46, sy + 40), (sx - 40, sy - 17.0)]
    if top.elbow is None:
        outer = spline((sx - 40, sy - 17), (sx, sy), (sx + 0.34 * (ox - sx), sy + 0.17 * (oy - sy)), (sx + 0.72 * (ox - sx), sy + 0.56 * (oy - sy)), (ox, oy))  # fmt: skip
        inner = spline((ix, iy), (ax + 0.46 * (ix - ax), ay + 0.42 * (iy - ay)), (ax, ay), (ax - 16, ay - 14))
    else:
        ex, ey = top.elbow
        outer = spline((sx - 40, sy - 17), (sx, sy), (sx + 0.42 * (ex - sx), sy + 0.16 * (ey - sy)), (sx + 0.80 * (ex - sx), sy + 0.52 * (ey - sy)), (ex, ey), (0.42 * ex + 0.58 * ox, 0.45 * ey + 0.55 * oy), (ox, oy))  # fmt: skip
        wide = 0.5 * (np.hypot(ox - ix, oy - iy) + 118)
        inner = spline((ix, iy), (0.5 * (ix + ex - wide) + 3, 0.5 * (iy + ey) + 14), (ex - wide, ey + 6), (ax + 0.5 * (ex - wide - ax), ay + 0.42 * (ey - ay)), (ax, ay), (ax - 16, ay - 14))  # fmt: skip
    cuff = spline((ox, oy), (0.5 * (ox + ix) + 3, 0.5 * (oy + iy) + 4), (ix, iy))
    return join(outer, cuff, inner, np.array(inside))


def cuff_line(top: Top) -> Points:
    """From the outer to the inner end, right sleeve."""
    (ox, oy), (ix, iy) = top.cuff_out, top.cuff_in
    return spline((ox, oy), (0.5 * (ox + ix) + 3, 0.5 * (oy + iy) + 4), (ix, iy))


def sleeve_angle(top: Top) -> float:
    """Direction of the right sleeve in degrees from straight down (negative: to the right)."""
    middle = np.add(top.cuff_out, top.cuff_in) / 2
    start = np.array([0.5 * (top.shoulder[0] + top.armpit[0]) + 8, 0.45 * top.shoulder[1] + 0.55 * top.armpit[1]])
    return float(-np.degrees(np.arctan2(middle[0] - start[0], middle[1] - start[1])))


def sleeve_folds(canvas: Canvas, top: Top, strength: float = 1.0) -> list[Fold]:
    """Right sleeve: folds fanning out of the armpit; on a long sleeve also across the bend and above the cuff."""
    rng, folds = canvas.rng, []
    (sx, sy), (ax, ay), (ox, oy), (ix, iy) = top.shoulder, top.armpit, top.cuff_out, top.cuff_in
    reach = 1.0 if top.elbow is None else 0.42
    for n in range(3):
        f = np.clip(0.12 + 0.3 * n + rng.normal(0, 0.05), 0.05, 0.9)
        end = (sx + f * reach * (ox - sx) + 6, sy + f * reach * (oy - sy) + 34)
        mid = (0.55 * ax + 0.45 * end[0] + rng.normal(0, 5), 0.5 * ay + 0.5 * end[1] + 12)
        path = spline((ax + 2, ay - 4), mid, end)
        folds.append(Fold(path, rng.uniform(9, 15), strength * rng.uniform(0.8, 2.2), head=0.15, tail=0.7))
    x0, x1 = 0.6 * ox + 0.4 * ix, 0.55 * sx + 0.45 * ox
    path = spline((x0, 0.5 * (oy + iy)), (0.5 * (x0 + x1) + 4, 0.6 * oy + 0.4 * sy), (x1 - 6, 0.35 * oy + 0.65 * sy))
    folds.append(Fold(path, rng.uniform(16, 24), strength * rng.uniform(1.2, 2.6), head=0.1, tail=0.7))
    if top.elbow is not None:
        folds += _long_sleeve_folds(canvas, top, strength)
    return folds


def _long_sleeve_folds(canvas: Canvas, top: Top, strength: float) -> list[Fold]:
    rng, folds = canvas.rng, []
    assert top.elbow is not None  # noqa: S101 - narrows the type
    (ex, ey), (ox, oy), (ix, iy) = top.elbow, top.cuff_out, top.cuff_in
    for n in range(6):
        f = n / 5
        y = ey - 60 + f * (iy - 26 - ey + 60) + rng.normal(0, 9)
        g = np.clip((y - ey) / (oy - ey), -0.3, 1)
        outer, inner = ex + g * (ox - ex), ex - 112 + g * (ix - ex + 112)
        slant = rng.choice([-1, 1]) * rng.uniform(14, 36)
        a, b = sorted(rng.uniform(0.02, 0.98, 2))
        b = max(b, a + 0.45)
        path = spline((inner + a * (outer - inner), y - slant), (inner + 0.5 * (a + b) * (outer - inner), y + 5), (inner + b * (outer - inner), y + slant))
        folds.append(Fold(path, rng.uniform(7, 12), strength * rng.uniform(1.4, 3.6), head=0.35, tail=0.45, lean=rng.uniform(-0.4, 0.4)))
    return folds


def mirrored(folds: list[Fold]) -> list[Fold]:
    return [replace(fold, path=mirror(fold.path), lean=-fold.lean) for fold in folds]


def sleeves(canvas: Canvas, top: Top, cloth: Cloth, *, strength: float = 1.0, crumple: float = 1.0) -> list[tuple[Layer, int]]:
    """Both sleeves, laid before the torso -> [(layer, side)], side -1 is left on the picture."""
    laid = []
    for sign in (-1, 1):
        folds = sleeve_folds(canvas, top, strength)
        outline = sleeve_outline(top)
        angle = sleeve_angle(top)
        grain = Grain(anchor=(sign * top.shoulder[0], top.shoulder[1]), angle=sign * angle)
        layer = canvas.lay(
            outline if sign > 0 else mirror(outline), cloth, grain=grain,
            folds=folds if sign > 0 else mirrored(folds), body=SLEEVE_BODY, drape=0.55, crumple=crumple,
            hang=-sign * angle, cast=(6.0, 0.0),
        )  # fmt: skip
        laid.append((layer, sign))
    return laid


def set_in_seams(canvas: Canvas, top: Top, torso: Layer, laid: list[tuple[Layer, int]]) -> None:
    """Armhole seams: a groove on the torso side and the shadow of the torso on the sleeve."""
    for layer, sign in laid:
        line = armhole(top) if sign > 0 else mirror(armhole(top))
        panel_edge_shadow(canvas, layer, line, 9.0, 0.10)
        seam(canvas, torso, offset(line, 1.0 * sign), depth=0.5, pucker=0.6, dark=0.10)


def round_neck_inside(canvas: Canvas, top: Top, cloth: Cloth, trim: Cloth) -> None:
    """The inside of the back with its neck band and label; laid first."""
    w, y, b = top.neck_width, top.neck_top, top.band
    edge = across(spline((0, y + top.back_drop - 8), (0.45 * w, y + 0.74 * top.back_drop - 8), (0.85 * w, y - 1), (w + 0.5 * b, y - 4)))
    low = across(spline((0, y + top.front_drop + 14), (w, y + 40), (w + 0.5 * b, y + 8)))
    back = canvas.lay(join(edge, low[::-1]), cloth.plain(0.80), body=((2, 1.5), (40, 26.0)), drape=0.4, dim=0.92)
    inner = offset(edge, b + 5)
    band = canvas.lay(join(edge, inner[::-1]), trim, grain=Grain(path=edge), body=FLAT_TRIM, drape=0.1, crumple=0.2, dim=0.86, cast=(5, 0.3))
    stitch(canvas, back, offset(edge, b + 9), pucker=0.3, strength=0.8)
    light_tone, dark_tone = rgb("#ece8e0"), rgb("#24262b")
    tone = contrast_with(cloth.colour, light_tone, dark_tone)
    label(canvas, (0, y + top.back_drop - 8 + b + 24), (50, 30), tone, contrast_with(tone, light_tone, dark_tone))
    del band


def round_neck_band(canvas: Canvas, top: Top, torso: Layer, trim: Cloth) -> None:
    """The ribbed band round the front of the neck, laid on the torso."""
    inner = across(neck_edge(top))
    outer = offset(inner, top.band)
    # the band turns over the shoulder to the back
    ends = spline(tuple(inner[-1]), (top.neck_width + 0.5 * top.band, top.neck_top - 3), tuple(outer[-1]))
    outline = join(inner, ends, outer[::-1], mirror(ends)[::-1])
    band = canvas.lay(outline, trim, grain=Grain(path=outer), body=((1.5, 1.0), (6.0, 2.4)), drape=0.15, crumple=0.2, cast=(4.0, 0.28))
    seam(canvas, torso, offset(outer, 1.0), depth=0.7, pucker=0.7, dark=0.22)
    stitch(canvas, torso, offset(outer, 7.0), pucker=0.5, strength=0.7)
    del band


def finish_hems(canvas: Canvas, top: Top, torso: Layer, laid: list[tuple[Layer, int]], thread: Rgb | None = None) -> None:
    """Double-stitched hems of body and sleeves."""
    hem(canvas, torso, hem_line(top), thread, depth=24)
    for layer, sign in laid:
        line = cuff_line(top)[::-1] if sign > 0 else mirror(cuff_line(top))
        hem(canvas, layer, line, thread, depth=20)


def shoulder_seams(canvas: Canvas, top: Top, torso: Layer) -> None:
    """The shoulder seam lies just behind the ridge: a hint of it shows near the neck."""
    line = spline((top.neck_width + top.band, top.neck_top + 9), (0.5 * (top.neck_width + top.shoulder[0]), 0.5 * (top.neck_top + top.shoulder[1]) + 4), (top.shoulder[0] - 8, top.shoulder[1] + 4))
    for path in (line, mirror(line)):
        seam(canvas, torso, part(path, 0.02, 0.98), depth=0.5, pucker=0.3, dark=0.08)
