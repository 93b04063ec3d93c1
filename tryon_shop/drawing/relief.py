"""Height fields of cloth: folds along curves, drape and creases from noise, and the light that falls on them.

Heights are in pixels towards the viewer; fields are float32 of shape (height, width).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import Field, Points, curve_coordinates, resample

# One large soft box up to the left of the camera.
LIGHT = np.array([-0.34, -0.52, 0.78], np.float32)


@dataclass(frozen=True)
class Fold:
    """A ridge of cloth along a curve: ``width`` is its half width and ``height`` its height at the strongest place."""

    path: Points
    width: float
    height: float
    head: float = 0.25  # share of the length over which it rises
    tail: float = 0.6  # ... and over which it dies away
    spread: float = 0.5  # widening towards the end
    sharpness: float = 0.5  # 0 soft wave, 1 pressed edge
    lean: float = 0.3  # one flank steeper than the other, -0.8 .. 0.8


def blur(field: Field, sigma_x: float, sigma_y: float | None = None) -> Field:
    """Gaussian blur which works on a smaller copy when the blur is wide."""
    sigma_y = sigma_x if sigma_y is None else sigma_y
    shrink = int(max(1, min(sigma_x, sigma_y) // 6))
    if shrink == 1:
        result: Field = cv2.GaussianBlur(field, (0, 0), sigma_x, sigmaY=sigma_y, borderType=cv2.BORDER_REPLICATE)
        return result
    height, width = field.shape[:2]
    small = cv2.resize(field, (max(4, width // shrink), max(4, height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_x / shrink, sigmaY=sigma_y / shrink, borderType=cv2.BORDER_REPLICATE)
    return _enlarge(small, (height, width), shrink)


def _enlarge(small: Field, shape: tuple[int, int], shrink: float) -> Field:
    """Resize without the faint grid that interpolation leaves in the slopes."""
    large = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    result: Field = cv2.GaussianBlur(large, (0, 0), 0.8 * shrink, borderType=cv2.BORDER_REPLICATE)
    return result


def noise(rng: np.random.Generator, shape: tuple[int, int], across: float, along: float, angle: float = 0.0) -> Field:
    """Smooth noise of unit variance; ``along`` is its scale in the direction ``angle`` (degrees from straight down)."""
    height, width = shape
    shrink = max(1.0, min(across, along) / 5)
    side = int(np.hypot(height, width) / shrink) + 8
    field = rng.standard_normal((side, side)).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), across / shrink, sigmaY=along / shrink)
    field *= np.sqrt(4 * np.pi * across * along) / shrink
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    turn[:, 2] += np.array([width / shrink - side, height / shrink - side]) / 2
    turn *= shrink
    field = cv2.warpAffine(field, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    if shrink > 1:
        field = cv2.GaussianBlur(field, (0, 0), 0.8 * shrink)  # interpolation leaves a faint grid in the slopes
    result: Field = field.astype(np.float32)
    return result


def creases(rng: np.random.Generator, shape: tuple[int, int], scale: float, angle: float = 0.0) -> Field:
    """Crumpled look: the sharp valleys of folded noise, bent by more noise so that no two run parallel."""
    a = noise(rng, shape, scale, scale * 2.2, angle)
    b = noise(rng, shape, scale * 1.7, scale * 1.7)
    bent = a + 0.6 * b
    return (np.sqrt(bent * bent + 0.02) - 0.8).astype(np.float32) * scale * 0.12


def fold_relief(folds: list[Fold], shape: tuple[int, int], origin: tuple[float, float]) -> Field:
    """The sum of the folds over a field whose first pixel lies at ``origin``; computed at half size."""
    small_shape = (shape[0] // 2 + 1, shape[1] // 2 + 1)
    total = np.zeros(small_shape, np.float32)
    for fold in folds:
        path = (resample(fold.path, 14.0) - np.array(origin)) / 2
        reach = fold.width * (1 + fold.spread) * 1.9 / (1 - abs(fold.lean))
        x0, y0 = np.maximum(np.floor(path.min(0) - reach), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(path.max(0) + reach), [small_shape[1], small_shape[0]]).astype(int)
        if x1 <= x0 or y1 <= y0:
            continue
        t, d = curve_coordinates(path, (y1 - y0, x1 - x0), (float(x0), float(y0)))
        total[y0:y1, x0:x1] += _profile(fold, t, d * 2)
    large = (small_shape[0] * 2, small_shape[1] * 2)
    return _enlarge(total, large, 2.0)[: shape[0], : shape[1]]


def _profile(fold: Fold, t: Field, d: Field) -> Field:
    width = fold.width * (1 + fold.spread * t)
    x = d / width
    x = np.where(x > 0, x * (1 + fold.lean), x * (1 - fold.lean))
    rounded = np.exp(-x * x)
    pressed = np.exp(-1.7 * (np.sqrt(x * x + 0.09) - 0.3))
    ridge = rounded + fold.sharpness * (pressed - rounded)
    valley = 0.45 * np.exp(-(((np.abs(x) - 1.75) / 0.7) ** 2))
    rise = _smooth(t / max(fold.head, 1e-3)) * _smooth((1 - t) / max(fold.tail, 1e-3))
    return (fold.height * rise * (ridge - valley)).astype(np.float32)


def _smooth(x: Field) -> Field:
    x = np.clip(x, 0, 1)
    result: Field = x * x * (3 - 2 * x)
    return result


def smoothstep(low: float, high: float, x: Field) -> Field:
    return _smooth((x - np.float32(low)) / np.float32(high - low))


def volume(mask: Field, *layers: tuple[float, float]) -> Field:
    """A body under the cloth: the mask blurred by each sigma, weighted by each height; soft, without a middle ridge."""
    total = np.zeros_like(mask)
    for sigma, height in layers:
        total += np.float32(height) * blur(mask, sigma)
    return total


def light(relief: Field, gain: float = 1.0) -> tuple[Field, Field]:
    """-> (brightness relative to flat cloth facing the camera, cosine between surface and viewer)."""
    gx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    gy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    facing = 1 / np.sqrt(1 + gx * gx + gy * gy)
    lambert = (LIGHT[2] - LIGHT[0] * gx - LIGHT[1] * gy) * facing / LIGHT[2]
    return (1 + np.float32(gain) * (lambert - 1)).astype(np.float32), facing.astype(np.float32)
