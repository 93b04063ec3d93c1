"""Prints and woven patterns in cloth coordinates, so that they follow grain and folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .catalogue import Print
from .geometry import Field

Rgb = NDArray[Any]
REPEAT = 360
WOVEN = ("breton", "pinstripe", "shirt_stripe", "check", "gingham")  # seen on both sides of the cloth


@dataclass(frozen=True)
class Ink:
    """A print of the catalogue, placed: ``shift`` moves it in cloth coordinates, ``scale`` enlarges it."""

    design: Print
    shift: tuple[float, float] = (0.0, 0.0)


def paint(base: Rgb, ink: Ink | None, u: Field, v: Field) -> Rgb:
    """Colour of the cloth at the coordinates, shape (height, width, 3)."""
    flat = np.broadcast_to(base, (*u.shape, 3)).astype(np.float32)
    if ink is None:
        return flat.copy()
    u = (u + np.float32(ink.shift[0])) / np.float32(ink.design.scale)
    v = (v + np.float32(ink.shift[1])) / np.float32(ink.design.scale)
    return _KINDS[ink.design.kind](flat.copy(), [_rgb(c) for c in ink.design.colours], u, v)


def _rgb(colour: str) -> Rgb:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def _over(image: Rgb, colour: Rgb, cover: Field) -> Rgb:
    result: Rgb = image + (colour - image) * cover[..., None].astype(np.float32)
    return result


def _band(x: Field, period: float, width: float, centre: float = 0.0, soft: float = 0.9) -> Field:
    """1 inside bands of the given width around centre + n * period."""
    distance = np.abs(np.mod(x - centre + period / 2, period) - period / 2)
    return np.clip((width / 2 - distance) / soft + 0.5, 0, 1)


def _breton(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    return _over(image, colours[0], _band(v, 46, 17))


def _pinstripe(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    broken = 0.55 + 0.25 * np.cos(2 * np.pi * v / 3)
    return _over(image, colours[0], _band(u, 22, 1.3) * broken)


def _shirt_stripe(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    return _over(image, colours[0], 0.9 * _band(u, 13, 5.5))


def _check(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    """Woven check: where warp and weft stripes cross, both colours show."""
    twill = 0.06 * np.cos(2 * np.pi * (u + v) / 3)
    for x in (u, v):
        image = _over(image, colours[0], (0.52 + twill) * _band(x, 84, 40))
        image = _over(image, colours[1], (0.62 + twill) * _band(x, 84, 4, 42))
        if len(colours) > 2:
            image = _over(image, colours[2], (0.5 + twill) * _band(x, 84, 3, 0))
    return image


def _gingham(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    for x in (u, v):
        image = _over(image, colours[0], 0.55 * _band(x, 26, 13))
    return image


def _from_tile(kind: str, image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    """Each channel of the tile is the cover of one ink colour, printed in turn."""
    stack = _tile(kind)
    mu, mv = np.mod(u * 2, REPEAT * 2).astype(np.float32), np.mod(v * 2, REPEAT * 2).astype(np.float32)
    for n in range(min(stack.shape[2], len(colours))):
        cover = cv2.remap(np.ascontiguousarray(stack[..., n]), mu, mv, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        image = _over(image, colours[n], 0.96 * cover)
    return image


def _floral(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    return _from_tile("floral", image, colours, u, v)


def _ditsy(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    return _from_tile("ditsy", image, colours, u, v)


def _dots(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    row = np.floor(v / 22)
    x, y = np.mod(u + 19 * np.mod(row, 2), 38) - 19, np.mod(v, 22) - 11
    return _over(image, colours[0], np.clip(4.6 - np.hypot(x, y) + 0.5, 0, 1))


def _sunset(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    """A chest print: a sun cut by bars that widen downwards, over three lines of waves. Centred on (0, 0)."""
    worn = np.float32(0.93)
    disc = np.clip(104 - np.hypot(u, v) + 0.5, 0, 1)
    height = (v + 104) / 208
    bars = np.mod(height * 9, 1)
    open_share = np.clip((height - 0.38) * 0.75, 0, 0.6)
    printed = np.clip(np.minimum(bars - open_share, 1 - bars) * 23 + 0.5, 0, 1)
    disc = disc * np.where(open_share > 0.02, printed, 1)
    place = np.clip(height * (len(colours) - 1), 0, len(colours) - 1.001)
    low = np.floor(place).astype(int)
    inks = np.stack(colours)
    share = np.clip((place - low) * 1.6 - 0.3, 0, 1)[..., None]
    ink = inks[low] * (1 - share) + inks[low + 1] * share
    image = image + (ink - image) * (worn * disc)[..., None].astype(np.float32)
    for n in range(3):
        wave = v - 134 - 17 * n - 6.5 * np.sin(u / 17 + 0.9 * n)
        reach = np.clip((128 - 16 * n - np.abs(u)) / 50, 0, 1)
        image = _over(
            image,
            colours[-1],
            worn * np.clip(3.0 * np.sqrt(reach) - np.abs(wave) + 0.5, 0, 1) * np.clip(reach * 20, 0, 1),
        )
    return image


class _Stamps:
    """Draws shapes on a repeating tile at twice the print's size; every shape is wrapped round the edges."""

    def __init__(self, inks: int) -> None:
        self.side = REPEAT * 2
        self.layers = np.zeros((inks, self.side * 2, self.side * 2), np.uint8)

    def polygon(self, ink: int, points: NDArray[Any]) -> None:
        """Colour one layer and cut the shape out of the layers printed later, so that shapes cover each other."""
        for dx in (0, self.side):
            for dy in (0, self.side):
                at = [np.round((points * 2 + [dx, dy]) * 16).astype(np.int32)]
                for n in range(len(self.layers)):
                    cv2.fillPoly(self.layers[n], at, 255 if n == ink else 0, cv2.LINE_AA, 4)

    def cover(self) -> NDArray[Any]:
        # a shape placed near the lower right corner of one copy reaches into the next: read the tile in the middle
        half = self.side // 2
        crop = self.layers[:, half : half + self.side, half : half + self.side].astype(np.float32) / 255
        return np.roll(crop, (half, half), (1, 2)).transpose(1, 2, 0).copy()


def _petals(centre: NDArray[Any], radius: float, count: int, turn: float, depth: float) -> NDArray[Any]:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    r = radius * (1 - depth + depth * np.abs(np.cos(count * angle / 2)) ** 0.6)
    r *= 1 + 0.07 * np.sin(2 * angle + turn * 3)
    result: NDArray[Any] = centre + r[:, None] * np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1)
    return result


def _leaf(base: NDArray[Any], length: float, turn: float, width: float) -> NDArray[Any]:
    t = np.linspace(0, 1, 18)
    half = width * np.sin(np.pi * t**0.8)
    x, y = np.concatenate([t, t[::-1]]) * length, np.concatenate([half, -half[::-1]])
    y = y + 0.12 * length * np.concatenate([t, t[::-1]]) ** 2
    c, s = np.cos(turn), np.sin(turn)
    result: NDArray[Any] = base + np.stack([c * x - s * y, s * x + c * y], 1)
    return result


def _scatter(rng: np.random.Generator, count: int, distance: float) -> list[NDArray[Any]]:
    """Positions on the tile which keep a distance, also round the edges."""
    chosen: list[NDArray[Any]] = []
    for _ in range(count * 60):
        p = rng.uniform(0, REPEAT, 2)
        gaps = [np.hypot(*(np.mod(p - q + REPEAT / 2, REPEAT) - REPEAT / 2)) for q in chosen]
        if not gaps or min(gaps) > distance:
            chosen.append(p)
        if len(chosen) == count:
            break
    return chosen


@cache
def _tile(kind: str) -> NDArray[Any]:
    rng = np.random.default_rng(len(kind) * 7 + 4)
    stamps = _Stamps(4)
    if kind == "floral":
        _draw_floral(stamps, rng)
    else:
        _draw_ditsy(stamps, rng)
    return stamps.cover()


def _draw_floral(stamps: _Stamps, rng: np.random.Generator) -> None:
    """Inks: 0 leaves, 1 petals, 2 lights on the petals and small flowers, 3 hearts."""
    places = _scatter(rng, 30, 52)
    for p in places:
        turn = rng.uniform(0, 2 * np.pi)
        for k in range(2):
            stem = turn + k * rng.uniform(2.2, 3.6)
            stamps.polygon(0, _leaf(p, rng.uniform(32, 44), stem, 1.1))
            for along in (14, 21, 28):
                base = p + along * np.array([np.cos(stem), np.sin(stem)]) + np.array([0, 0.002 * along * along])
                stamps.polygon(
                    0, _leaf(base, rng.uniform(9, 14), stem + rng.choice([-1, 1]) * rng.uniform(0.6, 1.1), 2.6)
                )
    for n, p in enumerate(places):
        turn, large = rng.uniform(0, 2 * np.pi), n % 5 < 3
        radius = rng.uniform(14, 19) if large else rng.uniform(8, 11)
        _flower(stamps, rng, p, radius, turn, large)
    for p in _scatter(rng, 40, 34):
        if min(np.hypot(*(np.mod(p - q + REPEAT / 2, REPEAT) - REPEAT / 2)) for q in places) > 27:
            stamps.polygon(2, _petals(p, 3.6, 5, rng.uniform(0, 6), 0.4))


def _flower(
    stamps: _Stamps, rng: np.random.Generator, p: NDArray[Any], radius: float, turn: float, large: bool
) -> None:
    """Five uneven petals with streaks of light, a heart and stamens."""
    squash = rng.uniform(0.72, 1.0)  # seen a little from the side
    tilt = rng.uniform(0, np.pi)
    c, s = np.cos(tilt), np.sin(tilt)
    flat = np.array([[c, -s], [s, c]]) @ np.diag([1, squash]) @ np.array([[c, s], [-s, c]])
    for k in range(5):
        a = turn + k * 2 * np.pi / 5 + rng.normal(0, 0.12)
        out, side = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        angle = np.linspace(0, 2 * np.pi, 26, endpoint=False)
        r = 1 + 0.08 * np.sin(3 * angle + rng.uniform(0, 6))
        long, wide = radius * rng.uniform(0.48, 0.56), radius * rng.uniform(0.36, 0.44)
        petal = (
            0.52 * radius * out + (r * long * np.cos(angle))[:, None] * out + (r * wide * np.sin(angle))[:, None] * side
        )
        stamps.polygon(1 if large else 2, p + petal @ flat.T)
        for shift in (-0.16, 0.02, 0.18) if large else ():
            streak = _leaf(np.zeros(2), radius * rng.uniform(0.5, 0.8), a + shift, radius * 0.045)
            stamps.polygon(2, p + streak @ flat.T)
    stamps.polygon(3, _petals(p, radius * 0.2, 7, turn, 0.25))
    for k in range(6 if large else 0):
        a = turn + k * 1.05 + rng.normal(0, 0.15)
        tip = p + flat @ (radius * 0.36 * np.array([np.cos(a), np.sin(a)]))
        stamps.polygon(3, _petals(tip, 1.1, 5, 0.0, 0.1))


def _draw_ditsy(stamps: _Stamps, rng: np.random.Generator) -> None:
    """The same inks as the larger floral; only sprigs."""
    places = _scatter(rng, 84, 30)
    for p in places:
        turn = rng.uniform(0, 2 * np.pi)
        stamps.polygon(0, _leaf(p, rng.uniform(13, 18), turn, 1.7))
        stamps.polygon(0, _leaf(p, rng.uniform(11, 15), turn + rng.uniform(1.8, 3), 1.6))
    for n, p in enumerate(places):
        turn, radius = rng.uniform(0, 2 * np.pi), rng.uniform(5.2, 8.2)
        stamps.polygon(1 if n % 4 else 2, _petals(p + rng.normal(0, 0.6, 2), radius, 5, turn, 0.5))
        stamps.polygon(3, _petals(p, radius * 0.24, 5, turn, 0.1))


_KINDS = {
    "breton": _breton, "pinstripe": _pinstripe, "shirt_stripe": _shirt_stripe,
    "check": _check, "gingham": _gingham, "floral": _floral, "ditsy": _ditsy, "dots": _dots,
    "sunset": _sunset,
}  # fmt: skip
