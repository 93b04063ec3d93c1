"""The table on which a garment is laid piece by piece: each piece gets cloth, folds, light and a shadow on what is below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .fabrics import FABRICS, Fabric, sample
from .geometry import FRAME_HEIGHT, FRAME_WIDTH, Field, Irregularity, Points, curve_coordinates, resample
from .prints import Ink, paint
from .relief import Fold, blur, creases, fold_relief, light, noise, volume

BACKGROUND = np.array([244, 243, 241], np.float32) / 255
Rgb = NDArray[np.float32]
MARGIN = 6


@dataclass(frozen=True)
class Cloth:
    """A fabric in a colour, with an optional print."""

    fabric: Fabric
    colour: Rgb
    ink: Ink | None = None

    def plain(self, scale: float = 1.0) -> Cloth:
        """The unprinted cloth, brighter or darker."""
        return Cloth(self.fabric, np.clip(self.colour * np.float32(scale), 0, 1).astype(np.float32))


Window = tuple[slice, slice]


def rule(lines: Sequence[Points], width: float, window: Window) -> Field:
    """Anti-aliased mask of lines given in pixels of the frame."""
    mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.uint8)
    corner = np.array([window[1].start, window[0].start])
    points = [np.round((line - corner) * 16).astype(np.int32) for line in lines]
    cv2.polylines(mask, points, False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def rgb(colour: str) -> Rgb:
    """``#rrggbb`` as three numbers 0..1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def cloth(fabric: str, colour: str, ink: Ink | None = None) -> Cloth:
    return Cloth(FABRICS[fabric], rgb(colour), ink)


def lightness(colour: Rgb) -> float:
    return float(colour @ np.array([0.3, 0.59, 0.11], np.float32))


@dataclass(frozen=True)
class Grain:
    """Where the cloth's own coordinates lie on a piece.

    Straight grain: turned by ``angle`` degrees about ``anchor``. With ``path`` the cloth runs along a curve instead
    (collars, cuffs, waistbands). ``bow`` bends the crosswise threads down at the sides, in pixels at 250 px from the
    middle, as on a body.
    """

    anchor: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    path: Points | None = None
    bow: float = 0.0


@dataclass(frozen=True)
class Layer:
    """What was laid: its mask over the whole frame, to draw seams and stitches on."""

    mask: Field


class Canvas:
    """Pieces are laid from the back to the front; ``finish`` gives the picture."""

    def __init__(self, rng: np.random.Generator, irregularity: float = 1.0) -> None:
        self.rng = rng
        self.image = np.tile(BACKGROUND, (FRAME_HEIGHT, FRAME_WIDTH, 1)).astype(np.float32)
        self.alpha = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), np.float32)
        self._irregular = Irregularity(rng, irregularity)

    def place(self, path: Points) -> Points:
        """Drawing coordinates -> pixels of the frame, with the irregularity of this garment."""
        return self._irregular(path) + np.array([FRAME_WIDTH / 2, 0.0])

    def fill(self, outline: Points) -> Field:
        """Soft-edged mask of a closed outline given in drawing coordinates."""
        mask = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), np.uint8)
        cv2.fillPoly(mask, [np.round(self.place(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.6)

    def window(self, path: Points, margin: int) -> Window:
        """The part of the frame around a path."""
        placed = self.place(path)
        x0, y0 = np.maximum(np.floor(placed.min(0)) - margin, 0).astype(int)
        x1, y1 = np.minimum(np.ceil(placed.max(0)) + margin, [FRAME_WIDTH, FRAME_HEIGHT]).astype(int)
        return slice(y0, y1), slice(x0, x1)

    def line(self, path: Points, width: float, window: Window) -> Field:
        """Anti-aliased mask of a line within a window."""
        return rule([self.place(path)], width, window)

    def lay(
        self,
        outline: Points,
        cloth: Cloth,
        *,
        grain: Grain = Grain(),  # noqa: B008 - immutable
        folds: Sequence[Fold] = (),
        body: Sequence[tuple[float, float]] = ((3.0, 3.0), (12.0, 5.0), (60.0, 16.0)),
        drape: float = 1.0,
        crumple: float = 1.0,
        hang: float = 0.0,
        cast: tuple[float, float] = (7.0, 0.30),
        dim: float = 1.0,
        gain: float = 1.0,
        wear: Callable[[Field, Field], Field] | None = None,
        within: Field | None = None,
    ) -> Layer:
        """Lay one piece.

        body: (sigma, height) of the roundness under the cloth; drape and crumple scale the fabric's own; hang: direction
        of the drape in degrees; cast: (blur, strength) of the shadow on the pieces below; dim: overall brightness;
        wear(x, y): brightness factor over drawing coordinates (fading of denim); within: mask that cuts the piece.
        """
        mask = self.fill(outline) if within is None else self.fill(outline) * within
        ys, xs = np.nonzero(mask > 0.004)
        y0, x0 = max(ys.min() - MARGIN, 0), max(xs.min() - MARGIN, 0)
        box = (slice(y0, min(ys.max() + MARGIN, FRAME_HEIGHT)), slice(x0, min(xs.max() + MARGIN, FRAME_WIDTH)))
        local = mask[box]
        shape, origin = local.shape, (float(x0), float(y0))
        placed = [Fold(**{**fold.__dict__, "path": self.place(fold.path)}) for fold in folds]
        waves = fold_relief(placed, shape, origin) if placed else np.zeros(shape, np.float32)
        waves += self._drape(shape, cloth.fabric, drape, crumple, hang)
        u, v, across = self._cloth_coordinates(grain, shape, origin)
        u, v = u + 0.35 * waves, v - 0.75 * waves
        texture = sample(cloth.fabric.texture, u, v)
        relief = volume(_padded(local), *body)[40:-40, 40:-40] + waves + cloth.fabric.bump * texture
        brightness, facing = light(relief, gain)
        brightness *= 1 - 0.6 * (1 - facing)
        brightness *= 1 - 0.018 * np.clip(blur(waves, 14) - waves, -3, 6)
        fibres = self.rng.standard_normal(shape).astype(np.float32)
        fibres = cv2.GaussianBlur(fibres, (0, 0), 0.9, sigmaY=0.6) * 1.8
        brightness *= 1 + cloth.fabric.contrast * texture + cloth.fabric.melange * fibres
        if wear is not None:
            brightness *= wear(*self._positions(shape, origin))
        colour = paint(cloth.colour, cloth.ink, u, v, self.rng) * np.float32(dim)
        colour = shade(colour, brightness, cloth.fabric.fuzz)
        if cloth.fabric.sheen:
            colour += _sheen(relief, cloth, across)[..., None] * (0.35 + 0.65 * cloth.colour)
        self._cast_shadow(mask, *cast)
        part = local[..., None]
        self.image[box] = self.image[box] * (1 - part) + np.clip(colour, 0, 1) * part
        self.alpha = np.maximum(self.alpha, mask)
        return Layer(mask)

    def _drape(self, shape: tuple[int, int], fabric: Fabric, drape: float, crumple: float, hang: float) -> Field:
        large, small = fabric.drape * drape, fabric.crumple * crumple
        waves = 3.0 * large * noise(self.rng, shape, 62, 190, hang + self.rng.normal(0, 6))
        waves += 0.9 * large * noise(self.rng, shape, 26, 74, hang + self.rng.normal(0, 14))
        where = np.clip(0.45 + 0.55 * noise(self.rng, shape, 110, 110), 0, 1.6)
        waves += small * where * 0.26 * creases(self.rng, shape, 34, hang + self.rng.uniform(-50, 50))
        waves += small * 0.10 * noise(self.rng, shape, 7, 11, hang)
        return waves.astype(np.float32)

    def _positions(self, shape: tuple[int, int], origin: tuple[float, float]) -> tuple[Field, Field]:
        ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        return xs + np.float32(origin[0] - FRAME_WIDTH / 2), ys + np.float32(origin[1])

    def _cloth_coordinates(
        self, grain: Grain, shape: tuple[int, int], origin: tuple[float, float]
    ) -> tuple[Field, Field, Field]:
        xs, ys = self._positions(shape, origin)
        if grain.path is not None:
            path = resample(self.place(grain.path), 8.0)
            length = float(np.hypot(*np.diff(path, axis=0).T).sum())
            t, d = curve_coordinates(path, shape, origin)
            return t * np.float32(length), d, xs
        dx, dy = xs - np.float32(grain.anchor[0]), ys - np.float32(grain.anchor[1])
        cos, sin = np.float32(np.cos(np.radians(grain.angle))), np.float32(np.sin(np.radians(grain.angle)))
        u, v = cos * dx + sin * dy, -sin * dx + cos * dy
        return u, v - np.float32(grain.bow) * (u / 250) ** 2, xs

    def _cast_shadow(self, mask: Field, sigma: float, strength: float) -> None:
        if strength <= 0:
            return
        shift = np.array([[1, 0, 0.25 * sigma], [0, 1, 0.5 * sigma]], np.float32)
        shadow = blur(cv2.warpAffine(mask, shift, (FRAME_WIDTH, FRAME_HEIGHT)), sigma)
        self.image *= 1 - np.float32(strength) * shadow[..., None]

    def finish(self) -> NDArray[np.uint8]:
        """The picture: garment, contact shadow, plain background; RGB."""
        alpha = np.clip(self.alpha, 0, 1)
        tight = blur(cv2.warpAffine(alpha, np.array([[1, 0, 0.8], [0, 1, 2.2]], np.float32), alpha.shape[::-1]), 3.0)
        wide = blur(cv2.warpAffine(alpha, np.array([[1, 0, 2.0], [0, 1, 6.0]], np.float32), alpha.shape[::-1]), 9.0)
        floor = BACKGROUND * (1 - 0.16 * tight - 0.05 * wide)[..., None]
        picture = floor * (1 - alpha[..., None]) + self.image * alpha[..., None]
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45)
        grain = self.rng.normal(0, 0.0035, alpha.shape).astype(np.float32)
        picture += (grain * alpha)[..., None]
        return np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)


def shade(colour: Rgb, brightness: Field, fuzz: float) -> Rgb:
    """Light on cloth: shadows grow more saturated (light bounces between fibres), dark cloth keeps a visible relief."""
    b = np.clip(brightness, 0.12, 1.9)[..., None]
    lit = colour * np.power(b, 1.22 - 0.36 * colour)
    return (lit + np.float32(fuzz) * 1.1 * np.clip(b - 1, -0.35, 0.6) * (1 - colour) ** 2).astype(np.float32)


def _padded(mask: Field) -> Field:
    return cv2.copyMakeBorder(mask, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=0)


def _sheen(relief: Field, cloth: Cloth, across: Field) -> Field:
    """Soft gloss of satin: bright along the flanks of folds which face the lamp."""
    smooth = blur(relief, 2.2)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    tilt = -0.75 * gx - 0.45 * gy
    gloss = np.exp(-(((tilt - 0.16) / 0.11) ** 2)) - 0.35 * np.exp(-(((tilt + 0.15) / 0.12) ** 2))
    return (np.float32(cloth.fabric.sheen) * gloss).astype(np.float32)
