"""What stands behind a figure or a cut-out garment: a plain colour, a drawn studio, or a picture of the shop's own."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .geometry import smoothstep
from .imaging import Array, Shape, blur, decode

Background = tuple[int, int, int] | str | bytes  # a colour, one of THEMES, an encoded picture
PLAIN = (246, 245, 243)


def paint(shape: Shape, background: Background, floor: float | None = None) -> Array:
    """RGB float32. ``floor``: share of the height at which the floor begins, None when it is not in the picture.

    Raises KeyError for an unknown theme and ValueError for bytes that are no picture.
    """
    if isinstance(background, bytes):
        return _filling(decode(background)[0], shape)
    if isinstance(background, str):
        return np.clip(_DRAWN[background](_Stage(shape, floor)), 0, 255).astype(np.float32)
    return _plain(_Stage(shape, floor), background)


def contact_shadow(alpha: Array, feet: list[tuple[float, float, float]], depth: float = 0.42) -> Array:
    """Light factor of the shadows under ``feet``, each (x, y, half width) in pixels: dark below, soft beyond.

    Without feet the shadow is that of a thing that lies or hangs close to what is behind it.
    """
    shape: Shape = (alpha.shape[0], alpha.shape[1])
    factor = np.ones(shape, np.float32)
    if not feet:
        unit = 0.012 * max(shape)
        for down, spread, share in ((0.5, 0.5, 0.16), (1.6, 1.8, 0.14)):
            factor *= 1 - share * blur(_moved(alpha, round(down * unit)), spread * unit)
        return factor
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    for x, y, half in feet:
        for spread, share in ((1.0, 1.0), (2.6, 0.45)):
            away = ((xs - x) / (spread * half * 1.25)) ** 2 + ((ys - y) / (spread * half * 0.30)) ** 2
            factor *= 1 - depth * share * np.exp(-away)
    return factor


def _moved(alpha: Array, down: int) -> Array:
    out = np.zeros_like(alpha)
    out[max(1, down) :] = alpha[: -max(1, down)]
    return out


def _filling(picture: Array, shape: Shape) -> Array:
    """``picture`` cut and scaled to fill ``shape`` around its middle."""
    scale = max(shape[0] / picture.shape[0], shape[1] / picture.shape[1])
    width, height = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (max(width, shape[1]), max(height, shape[0])), interpolation=interpolation)
    top, left = (scaled.shape[0] - shape[0]) // 2, (scaled.shape[1] - shape[1]) // 2
    return np.ascontiguousarray(scaled[top : top + shape[0], left : left + shape[1]]).astype(np.float32)


# ---- drawn studios


class _Stage:
    """Coordinates of one picture: ``x`` from -1 to 1 by half the height, ``y`` from 0 to 1 down, the floor's edge."""

    def __init__(self, shape: Shape, floor: float | None) -> None:
        self.shape = shape
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        self.x = (columns - shape[1] / 2) / (shape[0] / 2)
        self.y = rows / shape[0]
        self.floor = 2.0 if floor is None else floor

    def noise(self, size: float, seed: int, stretch: float = 1.0) -> Array:
        """Smooth noise of about unit spread. ``size``: its grains' share of the height; ``stretch``: sideways."""
        cells = max(2, round(1 / size))
        columns = max(2, round(cells * self.shape[1] / self.shape[0] / stretch))
        small = np.random.default_rng(seed).normal(0, 1, (cells, columns)).astype(np.float32)
        out: Array = cv2.resize(small, (self.shape[1], self.shape[0]), interpolation=cv2.INTER_CUBIC)
        return out

    def grain(self, depth: float = 0.8) -> Array:
        """Fine and fixed, so that gradients show no steps."""
        return np.random.default_rng(7).normal(0, depth, self.shape).astype(np.float32)[..., None]

    def rounded(self, sharp: float = 0.02) -> Array:
        """0 on the wall, 1 on the floor, a soft turn between."""
        return smoothstep(self.floor - sharp, self.floor + sharp, self.y)

    def lit(self, x: float, y: float, reach: float, fall: float) -> Array:
        """Light factor that falls off around a place."""
        away = np.hypot(self.x - x, (self.y - y) * 2) / reach
        return np.asarray(1 - fall * smoothstep(0.1, 1.6, away))


def _mix(a: tuple[int, int, int], b: tuple[int, int, int], share: Array) -> Array:
    first, second = np.array(a, np.float32), np.array(b, np.float32)
    return np.asarray(first + (second - first) * share[..., None])


def _plain(stage: _Stage, colour: tuple[int, int, int]) -> Array:
    light = stage.lit(0.0, 0.42, 1.15, 0.085)
    light = light * (1 - 0.035 * smoothstep(stage.floor - 0.06, stage.floor + 0.05, stage.y))
    return np.asarray(np.clip(np.array(colour, np.float32) * light[..., None] + stage.grain(0.5), 0, 255))


def _studio(stage: _Stage) -> Array:
    """A paper roll under a large softbox: a bright wall that turns into the floor."""
    wall = _mix((232, 233, 236), (214, 215, 219), smoothstep(-0.2, 1.0, stage.y))
    ground = _mix((222, 223, 226), (238, 239, 241), smoothstep(stage.floor, 1.0, stage.y))
    turn = stage.rounded(0.07)[..., None]
    return np.asarray(
        (wall * (1 - turn) + ground * turn) * stage.lit(-0.15, 0.35, 1.1, 0.13)[..., None] + stage.grain()
    )


def _daylight(stage: _Stage) -> Array:
    """A warm white room; a window out of sight throws slanting panes of light on the wall."""
    wall = _mix((238, 231, 221), (225, 216, 203), smoothstep(0.0, 1.0, stage.y))
    slant = stage.x + 0.55 * (stage.y - 0.3)
    panes = np.zeros(stage.shape, np.float32)
    for left in (-0.72, -0.33):
        across = smoothstep(left - 0.02, left + 0.02, slant) * (1 - smoothstep(left + 0.31, left + 0.35, slant))
        for top in (0.07, 0.34):
            tilted = stage.y + 0.10 * stage.x
            down = smoothstep(top - 0.012, top + 0.012, tilted) * (1 - smoothstep(top + 0.22, top + 0.25, tilted))
            panes = np.maximum(panes, across * down)
    shade = 0.75 + 0.25 * np.clip(0.5 + 0.5 * stage.noise(0.16, 3), 0, 1)
    wall = wall * (0.97 + 0.085 * blur(panes * shade, 0.006 * stage.shape[0]))[..., None]
    boards = _mix((196, 168, 138), (212, 186, 156), np.clip(0.5 + 0.2 * stage.noise(0.006, 4, 30), 0, 1))
    boards = boards * (1 - 0.10 * np.exp(-(((stage.y - stage.floor) / 0.025) ** 2)))[..., None]
    skirting = smoothstep(stage.floor - 0.028, stage.floor - 0.026, stage.y) * (1 - stage.rounded(0.002))
    wall = wall * (1 + 0.035 * skirting)[..., None]
    turn = stage.rounded(0.002)[..., None]
    return np.asarray(wall * (1 - turn) + boards * turn + stage.grain())


def _plaster(stage: _Stage) -> Array:
    """Sand-coloured lime plaster with trowel marks, light from the left."""
    marks = 0.5 * stage.noise(0.13, 11) + 0.3 * stage.noise(0.045, 12) + 0.14 * stage.noise(0.014, 13)
    wall = np.array((214, 194, 171), np.float32) * (1 + 0.020 * marks)[..., None]
    ground = np.array((198, 178, 156), np.float32) * (1 + 0.010 * stage.noise(0.03, 14))[..., None]
    ground = ground * (1 + 0.10 * smoothstep(stage.floor, 1.0, stage.y))[..., None]
    turn = stage.rounded(0.012)[..., None]
    light = stage.lit(-0.45, 0.30, 1.25, 0.17)[..., None]
    return np.asarray((wall * (1 - turn) + ground * turn) * light + stage.grain())


def _concrete(stage: _Stage) -> Array:
    """Cast concrete panels with their joints and tie holes."""
    clouds = 0.55 * stage.noise(0.20, 21) + 0.35 * stage.noise(0.06, 22) + 0.2 * stage.noise(0.012, 23)
    wall = np.array((186, 187, 188), np.float32) * (1 + 0.022 * clouds)[..., None]
    wide, tall = 0.62, 0.46
    across = np.abs((stage.x / wide + 0.5) % 1 - 0.5) * wide
    down = np.abs((stage.y / tall + 0.3) % 1 - 0.5) * tall
    joint = np.maximum(np.exp(-((across / 0.0035) ** 2)), np.exp(-((down / 0.0018) ** 2)))
    hole_x = np.abs(np.abs((stage.x / wide + 0.5) % 1 - 0.5) - 0.36) * wide
    hole_y = np.abs(np.abs((stage.y / tall + 0.3) % 1 - 0.5) - 0.30) * tall
    hole = np.exp(-((np.hypot(hole_x / 2, hole_y) / 0.0045) ** 4))
    wall = wall * (1 - 0.14 * joint - 0.30 * hole)[..., None]
    ground = np.array((168, 168, 168), np.float32) * (1 + 0.012 * stage.noise(0.05, 24))[..., None]
    turn = stage.rounded(0.004)[..., None]
    edge = (1 - 0.10 * np.exp(-(((stage.y - stage.floor) / 0.012) ** 2)))[..., None]
    light = stage.lit(0.25, 0.28, 1.2, 0.15)[..., None]
    return np.asarray((wall * (1 - turn) + ground * turn) * edge * light + stage.grain())


def _arch(stage: _Stage) -> Array:
    """Blush walls with a lighter niche whose top is round."""
    half, crown = 0.52, 0.30
    rise = np.hypot(stage.x, (stage.y - crown) * 2) - half
    straight = np.abs(stage.x) - half
    outside = np.where(stage.y < crown, rise, straight)
    inside = 1 - smoothstep(-0.006, 0.006, outside)
    niche = _mix((240, 222, 212), (229, 207, 195), smoothstep(0.0, 1.0, stage.y))
    niche = niche * (1 - 0.13 * np.exp(-np.clip(-outside, 0, 9) / 0.07) * smoothstep(0.4, -0.5, stage.x))[..., None]
    wall = np.array((218, 186, 171), np.float32) * (1 + 0.006 * stage.noise(0.05, 31))[..., None]
    wall = wall * (1 + 0.05 * np.exp(-((outside / 0.012) ** 2)) * (stage.x > 0))[..., None]
    back = wall * (1 - inside[..., None]) + niche * inside[..., None]
    ground = _mix((206, 172, 156), (220, 190, 175), smoothstep(stage.floor, 1.0, stage.y))
    turn = stage.rounded(0.004)[..., None]
    return np.asarray((back * (1 - turn) + ground * turn) * stage.lit(-0.2, 0.35, 1.3, 0.10)[..., None] + stage.grain())


def _garden(stage: _Stage) -> Array:
    """Greenery far out of focus, with discs of light between the leaves."""
    tall = stage.shape[0]
    depth = np.clip(0.5 + 0.30 * stage.noise(0.22, 41) + 0.14 * stage.noise(0.08, 42), 0, 1)
    leaves = _mix((74, 96, 66), (158, 178, 128), depth) * (1.10 - 0.25 * stage.y)[..., None]
    sky = np.exp(-((stage.x - 0.35) ** 2) / 0.30 - ((stage.y - 0.05) / 0.32) ** 2)
    leaves = leaves + (np.array((236, 240, 226), np.float32) - leaves) * (0.75 * sky)[..., None]
    picture, random = leaves, np.random.default_rng(43)
    for _ in range(46):
        x, y = float(random.uniform(-1.0, 1.0)), float(random.uniform(0.0, 0.62))
        radius, strength = float(random.uniform(0.018, 0.060)), float(random.uniform(0.06, 0.26))
        disc = 1 - smoothstep(0.82, 1.0, np.hypot(stage.x - x, (stage.y - y) * 2) / radius)
        picture = picture + (np.array((240, 240, 205), np.float32) - picture) * (disc * strength)[..., None]
    path = _mix((150, 150, 128), (190, 184, 164), smoothstep(stage.floor - 0.02, 1.0, stage.y))
    turn = stage.rounded(0.06)[..., None]
    blended = picture * (1 - turn) + path * turn
    return np.asarray(cv2.GaussianBlur(blended, (0, 0), 0.004 * tall) + stage.grain(1.2))


_DRAWN: dict[str, Callable[[_Stage], Array]] = {
    "studio": _studio,
    "daylight": _daylight,
    "plaster": _plaster,
    "concrete": _concrete,
    "arch": _arch,
    "garden": _garden,
}
