"""The table on which a garment is laid piece by piece, each with cloth, folds, light and a shadow on what is below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .fabrics import FABRICS, Fabric, sample
from .geometry import FRAME_HEIGHT, FRAME_WIDTH, Field, Irregularity, Points, arc_lengths, curve_coordinates, resample
from .prints import WOVEN, Ink, paint
from .relief import Fold, blur, creases, fold_relief, light, noise, volume

BACKGROUND = np.array([244, 243, 241], np.float32) / 255
Rgb = NDArray[Any]
MARGIN = 6
PAD = 40  # so that the roundness under a piece also falls off at the edge of its window

Effect = Callable[[Field, Field], Field]  # of the drawing coordinates x, y


@dataclass(frozen=True)
class Cloth:
    """A fabric in a colour, with an optional print."""

    fabric: Fabric
    colour: Rgb
    ink: Ink | None = None

    def inside(self) -> Cloth:
        """The wrong side: woven and knitted patterns go through, prints do not."""
        return self if self.ink is None or self.ink.design.kind in WOVEN else replace(self, ink=None)


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


@dataclass(frozen=True)
class _Place:
    """Size of a part of the frame and the pixel it starts at (x, y)."""

    shape: tuple[int, int]
    origin: tuple[float, float]

    def positions(self) -> tuple[Field, Field]:
        """Drawing coordinates x, y of every pixel."""
        ys, xs = np.mgrid[0 : self.shape[0], 0 : self.shape[1]].astype(np.float32)
        return xs + np.float32(self.origin[0] - FRAME_WIDTH / 2), ys + np.float32(self.origin[1])


class Canvas:
    """Pieces are laid from the back to the front; ``finish`` gives the picture."""

    def __init__(self, rng: np.random.Generator, irregularity: float = 1.0) -> None:
        self.rng = rng
        self.image = np.tile(BACKGROUND, (FRAME_HEIGHT, FRAME_WIDTH, 1)).astype(np.float32)
        self.alpha = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), np.float32)
        self._irregular = Irregularity(rng, irregularity)

    def place(self, path: Points) -> Points:
        """Drawing coordinates -> pixels of the frame, with the irregularity of this garment."""
        result: Points = self._irregular(path) + np.array([FRAME_WIDTH / 2, 0.0])
        return result

    def fill(self, outline: Points) -> Field:
        """Soft-edged mask of a closed outline given in drawing coordinates."""
        # drawn three times as large: OpenCV's own anti-aliasing leaves steps in nearly level edges
        mask = np.zeros((FRAME_HEIGHT * 3, FRAME_WIDTH * 3), np.uint8)
        cv2.fillPoly(mask, [np.round((self.place(outline) * 3 + 1) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        mask = cv2.resize(mask, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_AREA)
        result: Field = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.5)
        return result

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
        grain: Grain = Grain(),
        folds: Sequence[Fold] = (),
        body: Sequence[tuple[float, float]] = ((3.0, 3.0), (12.0, 5.0), (60.0, 16.0)),
        drape: float = 1.0,
        crumple: float = 1.0,
        hang: float = 0.0,
        cast: tuple[float, float] = (7.0, 0.30),
        dim: float = 1.0,
        form: Effect | None = None,
        wear: Effect | None = None,
        within: Field | None = None,
    ) -> Layer:
        """Lay one piece.

        body: (sigma, height) of the roundness under the cloth. drape, crumple: scale the fabric's waves and creases;
        hang: direction of the waves in degrees. cast: (blur, strength) of the shadow on the pieces below. dim: overall
        brightness. form: height added (pleats); wear: brightness factor (fading). within: mask that cuts the piece.
        """
        mask = self.fill(outline) if within is None else self.fill(outline) * within
        box = _bounds(mask)
        place = _Place(mask[box].shape, (float(box[1].start), float(box[0].start)))
        waves = fold_relief([replace(fold, path=self.place(fold.path)) for fold in folds], place.shape, place.origin)
        if form is not None:
            waves += blur(form(*place.positions()), 1.1)
        waves += self._drape(place.shape, cloth.fabric, drape, crumple, hang)
        u, v = self._cloth_coordinates(grain, place)
        u, v = u + 0.35 * waves, v - 0.75 * waves  # the print follows the folds, seen a little from above
        texture = sample(cloth.fabric.texture, u, v)
        relief = volume(_padded(mask[box]), *body)[PAD:-PAD, PAD:-PAD] + waves + cloth.fabric.bump * texture
        brightness = self._brightness(relief, waves, texture, cloth.fabric)
        if wear is not None:
            brightness *= blur(wear(*place.positions()), 0.9)
        colour = shade(paint(cloth.colour, cloth.ink, u, v) * np.float32(dim), brightness, cloth.fabric.fuzz)
        if cloth.fabric.sheen:
            colour += _sheen(relief, cloth.fabric)[..., None] * (0.35 + 0.65 * cloth.colour)
        self._cast_shadow(mask, *cast)
        part = mask[box][..., None]
        self.image[box] = self.image[box] * (1 - part) + np.clip(colour, 0, 1) * part
        self.alpha = np.maximum(self.alpha, mask)
        return Layer(mask)

    def _brightness(self, relief: Field, waves: Field, texture: Field, fabric: Fabric) -> Field:
        """Light on the relief, darker where the cloth turns away and in the valleys, times weave and fibres."""
        brightness, facing = light(relief)
        brightness *= 1 - 0.6 * (1 - facing)
        brightness *= 1 - 0.018 * np.clip(blur(waves, 14) - waves, -3, 6)
        fibres = self.rng.standard_normal(relief.shape).astype(np.float32)
        fibres = cv2.GaussianBlur(fibres, (0, 0), 0.9, sigmaY=0.6) * 1.8
        brightness *= 1 + fabric.contrast * texture + fabric.melange * fibres
        return brightness

    def _drape(self, shape: tuple[int, int], fabric: Fabric, drape: float, crumple: float, hang: float) -> Field:
        large, small = fabric.drape * drape, fabric.crumple * crumple
        waves = 3.0 * large * noise(self.rng, shape, 62, 190, hang + self.rng.normal(0, 6))
        waves += 1.15 * large * noise(self.rng, shape, 26, 74, hang + self.rng.normal(0, 14))
        where = np.clip(0.45 + 0.55 * noise(self.rng, shape, 110, 110), 0, 1.6)
        waves += small * where * 0.26 * creases(self.rng, shape, 34, hang + self.rng.uniform(-50, 50))
        waves += small * 0.15 * noise(self.rng, shape, 7, 11, hang)
        return waves.astype(np.float32)

    def _cloth_coordinates(self, grain: Grain, place: _Place) -> tuple[Field, Field]:
        if grain.path is not None:
            path = resample(self.place(grain.path), 8.0)
            t, d = curve_coordinates(path, place.shape, place.origin)
            return t * np.float32(arc_lengths(path)[-1]), d
        xs, ys = place.positions()
        dx, dy = xs - np.float32(grain.anchor[0]), ys - np.float32(grain.anchor[1])
        cos, sin = np.float32(np.cos(np.radians(grain.angle))), np.float32(np.sin(np.radians(grain.angle)))
        u, v = cos * dx + sin * dy, -sin * dx + cos * dy
        return u, v - np.float32(grain.bow) * (u / 250) ** 2

    def _cast_shadow(self, mask: Field, sigma: float, strength: float) -> None:
        if strength <= 0:
            return
        shift = np.array([[1, 0, 0.25 * sigma], [0, 1, 0.5 * sigma]], np.float32)
        shadow = blur(cv2.warpAffine(mask, shift, (FRAME_WIDTH, FRAME_HEIGHT)), sigma)
        self.image *= 1 - np.float32(strength) * shadow[..., None]

    def finish(self) -> NDArray[np.uint8]:
        """The picture: garment, contact shadow, plain background; RGB."""
        alpha = np.clip(self.alpha, 0, 1)
        tight = blur(cv2.warpAffine(alpha, np.array([[1, 0, 0.5], [0, 1, 1.6]], np.float32), alpha.shape[::-1]), 1.7)
        wide = blur(cv2.warpAffine(alpha, np.array([[1, 0, 2.0], [0, 1, 7.0]], np.float32), alpha.shape[::-1]), 11.0)
        # kept faint: a stronger soft shadow would be cut out together with pale garments
        floor = BACKGROUND * (1 - 0.10 * tight - 0.016 * wide)[..., None]
        crisp = self.image + 0.55 * (self.image - cv2.GaussianBlur(self.image, (0, 0), 1.2))
        inner = cv2.erode(alpha, np.ones((5, 5), np.uint8))[..., None]
        self.image += (np.clip(crisp, 0, 1) - self.image) * inner
        picture = floor * (1 - alpha[..., None]) + self.image * alpha[..., None]
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4)
        grain = self.rng.normal(0, 0.0035, alpha.shape).astype(np.float32)
        picture += (grain * alpha)[..., None]
        result: NDArray[np.uint8] = np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)
        return result


def shade(colour: Rgb, brightness: Field, fuzz: float) -> Rgb:
    """Light on cloth: shadows grow more saturated (light bounces between fibres), dark cloth keeps a visible relief."""
    b = np.clip(brightness, 0.12, 1.9)[..., None]
    lit = colour * np.power(b, 1.22 - 0.36 * colour)
    result: Rgb = (lit + np.float32(fuzz) * 1.1 * np.clip(b - 1, -0.35, 0.6) * (1 - colour) ** 2).astype(np.float32)
    return result


def _bounds(mask: Field) -> Window:
    """The part of the frame a mask covers, with a margin."""
    x, y, width, height = cv2.boundingRect((mask > 0.004).astype(np.uint8))
    top, left = max(y - MARGIN, 0), max(x - MARGIN, 0)
    return slice(top, min(y + height + MARGIN, FRAME_HEIGHT)), slice(left, min(x + width + MARGIN, FRAME_WIDTH))


def _padded(mask: Field) -> Field:
    result: Field = cv2.copyMakeBorder(mask, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    return result


def _sheen(relief: Field, fabric: Fabric) -> Field:
    """Soft gloss of satin: bright along the flanks of folds which face the lamp."""
    smooth = blur(relief, 2.2)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    tilt = -0.75 * gx - 0.45 * gy
    gloss = np.exp(-(((tilt - 0.16) / 0.11) ** 2)) - 0.35 * np.exp(-(((tilt + 0.15) / 0.12) ** 2))
    result: Field = (np.float32(fabric.sheen) * gloss).astype(np.float32)
    return result
