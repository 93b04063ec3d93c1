"""Prints and woven patterns in cloth coordinates, so that they follow grain and folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .catalogue import Print
from .geometry import Field

Rgb = NDArray[np.float32]
REPEAT = 360


@dataclass(frozen=True)
class Ink:
    """A print of the catalogue, placed: ``shift`` moves it in cloth coordinates, ``scale`` enlarges it."""

    design: Print
    shift: tuple[float, float] = (0.0, 0.0)


def paint(base: Rgb, ink: Ink | None, u: Field, v: Field, rng: np.random.Generator) -> Rgb:
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
    return image + (colour - image) * cover[..., None].astype(np.float32)


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


def _block_stripe(image: Rgb, colours: list[Rgb], u: Field, v: Field) -> Rgb:
    for n, colour in enumerate(colours):
        image = _over(image, colour, _band(v, 150, 24, 50.0 * n))
    return image


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


class _Stamps:
    """Draws shapes on a repeating tile at twice the print's size; every shape is wrapped round the edges."""

    def __init__(self, inks: int) -> None:
        self.side = REPEAT * 2
        self.layers = np.zeros((inks, self.side * 2, self.side * 2), np.uint8)

    def polygon(self, ink: int, points: NDArray[np.float64]) -> None:
        """Colour one layer and cut the shape out of the layers printed later, so that shapes cover each other."""
        for dx in (0, self.side):
            for dy in (0, self.side):
                at = [np.round((points * 2 + [dx, dy]) * 16).astype(np.int32)]
                for n in range(len(self.layers)):
                    cv2.fillPoly(self.layers[n], at, 255 if n == ink else 0, cv2.LINE_AA, 4)

    def cover(self) -> NDArray[np.float32]:
        # a shape placed near the lower right corner of one copy reaches into the next: read the tile in the middle
        half = self.side // 2
        crop = self.layers[:, half : half + self.side, half : half + self.side].astype(np.float32) / 255
        return np.roll(crop, (half, half), (1, 2)).transpose(1, 2, 0).copy()


def _petals(centre: NDArray[np.float64], radius: float, count: int, turn: float, depth: float) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    r = radius * (1 - depth + depth * np.abs(np.cos(count * angle / 2)) ** 0.6)
    r *= 1 + 0.07 * np.sin(2 * angle + turn * 3)
    return centre + r[:, None] * np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1)


def _leaf(base: NDArray[np.float64], length: float, turn: float, width: float) -> NDArray[np.float64]:
    t = np.linspace(0, 1, 18)
    half = width * np.sin(np.pi * t**0.8)
    x, y = np.concatenate([t, t[::-1]]) * length, np.concatenate([half, -half[::-1]])
    y = y + 0.12 * length * np.concatenate([t, t[::-1]]) ** 2
    c, s = np.cos(turn), np.sin(turn)
    return base + np.stack([c * x - s * y, s * x + c * y], 1)


def _scatter(rng: np.random.Generator, count: int, distance: float) -> list[NDArray[np.float64]]:
    """Positions on the tile which keep a distance, also round the edges."""
    chosen: list[NDArray[np.float64]] = []
    for _ in range(count * 60):
        p = rng.uniform(0, REPEAT, 2)
        gaps = [np.hypot(*(np.mod(p - q + REPEAT / 2, REPEAT) - REPEAT / 2)) for q in chosen]
        if not gaps or min(gaps) > distance:
            chosen.append(p)
        if len(chosen) == count:
            break
    return chosen


@cache
def _tile(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(len(kind) * 7 + 4)
    stamps = _Stamps(4)
    if kind == "floral":
        _draw_floral(stamps, rng)
    else:
        _draw_ditsy(stamps, rng)
    return stamps.cover()


def _draw_floral(stamps: _Stamps, rng: np.random.Generator) -> None:
    """Inks: 0 leaves, 1 petals, 2 second petals, 3 hearts."""
    for n, p in enumerate(_scatter(rng, 26, 54)):
        turn, large = rng.uniform(0, 2 * np.pi), n % 3 != 2
        for k in range(3):
            stamps.polygon(0, _leaf(p, rng.uniform(26, 38), turn + k * 2.1 + rng.normal(0, 0.3), rng.uniform(3.4, 5)))
        radius = rng.uniform(15, 20) if large else rng.uniform(9, 12)
        stamps.polygon(1 if large else 2, _petals(p, radius, 5 if large else 6, turn, 0.42))
        if large:
            stamps.polygon(2, _petals(p, radius * 0.52, 5, turn + 0.6, 0.35))
        stamps.polygon(3, _petals(p, radius * 0.22, 7, turn, 0.2))
    for p in _scatter(rng, 46, 30):
        stamps.polygon(0, _leaf(p, rng.uniform(9, 15), rng.uniform(0, 2 * np.pi), 2.2))


def _draw_ditsy(stamps: _Stamps, rng: np.random.Generator) -> None:
    for n, p in enumerate(_scatter(rng, 72, 33)):
        turn = rng.uniform(0, 2 * np.pi)
        stamps.polygon(0, _leaf(p, rng.uniform(13, 18), turn, 1.9))
        stamps.polygon(0, _leaf(p, rng.uniform(11, 15), turn + 2.2, 1.8))
        stamps.polygon(1 if n % 4 else 2, _petals(p, rng.uniform(6.5, 8.5), 5, turn, 0.5))
        stamps.polygon(3, _petals(p, 1.9, 5, turn, 0.1))


_KINDS = {
    "breton": _breton, "pinstripe": _pinstripe, "shirt_stripe": _shirt_stripe, "block_stripe": _block_stripe,
    "check": _check, "gingham": _gingham, "floral": _floral, "ditsy": _ditsy, "dots": _dots,
}  # fmt: skip
