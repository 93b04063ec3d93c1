"""Key points of tops and the lines between them."""

from __future__ import annotations

from dataclasses import dataclass

from tryon_shop.drawing.geometry import Points, across, offset, spline


@dataclass(frozen=True)
class Top:
    """Key points of a top, right half, in drawing coordinates."""

    neck_width: float = 112.0
    neck_top: float = 170.0
    front_drop: float = 104.0
    back_drop: float = 24.0
    band: float = 21.0
    shoulder: tuple[float, float] = (262.0, 228.0)
    armpit: tuple[float, float] = (252.0, 468.0)
    waist: tuple[float, float] = (243.0, 740.0)
    hem: tuple[float, float] = (256.0, 1056.0)
    hem_sag: float = 14.0
    cuff_out: tuple[float, float] = (412.0, 496.0)
    cuff_in: tuple[float, float] = (292.0, 552.0)
    elbow: tuple[float, float] | None = None  # outer elbow of a long sleeve

    @property
    def neck_point(self) -> tuple[float, float]:
        return self.neck_width + self.band * 0.96, self.neck_top + 5.0


def neck_edge(top: Top) -> Points:
    """Front opening, from the middle to the right shoulder."""
    w, y, d = top.neck_width, top.neck_top, top.front_drop
    return spline((0, y + d), (0.36 * w, y + 0.945 * d), (0.69 * w, y + 0.71 * d), (0.91 * w, y + 0.35 * d), (w, y))


def under_band(top: Top) -> Points:
    """Neck line of the front, which reaches a little under the band so that nothing shines through their seam."""
    return offset(neck_edge(top), top.band - 4)


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


def cuff_line(top: Top) -> Points:
    """From the outer to the inner end, right sleeve."""
    (ox, oy), (ix, iy) = top.cuff_out, top.cuff_in
    return spline((ox, oy), (0.5 * (ox + ix) + 3, 0.5 * (oy + iy) + 4), (ix, iy))
