"""A garment that was photographed at a tilt is turned upright: its axis is the one it mirrors best about."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .imaging import Array

_SIDE = 128  # pixels of the long side that the mask is looked at in
_FARTHEST = 24  # degrees
_LEAST = 1.0  # degrees: less is not seen
_EVEN = 0.82  # the mirror image must cover this much, or the garment has no axis
_GAIN = 0.012  # and so much more than as photographed


def tilt(mask: Array) -> float:
    """Degrees, counter-clockwise, by which the picture has to be turned; 0 when it is upright or cannot be told."""
    scale = _SIDE / max(mask.shape)
    small = cv2.resize(mask.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    known: dict[int, float] = {}

    def evenness(angle: int) -> float:
        if angle not in known:
            known[angle] = _evenness(small, angle)
        return known[angle]

    best = max(range(-_FARTHEST, _FARTHEST + 1, 4), key=evenness)
    best = max(range(best - 3, best + 4), key=evenness)
    if known[best] < _EVEN or known[best] < evenness(0) + _GAIN or abs(best) < _LEAST:
        return 0.0
    before, after = evenness(best - 1), evenness(best + 1)
    bend = before - 2 * known[best] + after
    return best + (0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5)))


def _evenness(mask: Array, angle: float) -> float:
    """Share of the turned mask and its mirror image that both cover."""
    upright = turned(mask, angle, cv2.BORDER_CONSTANT)
    columns = upright.sum(0)
    middle = float((columns * np.arange(len(columns))).sum() / max(1e-6, columns.sum()))
    best, width = 0.0, mask.shape[1]
    for share in (-0.02, -0.01, 0.0, 0.01, 0.02):  # an uneven sleeve moves the centre of mass off the axis
        flip = np.array([[-1, 0, 2 * (middle + share * width)], [0, 1, 0]])
        mirrored = cv2.warpAffine(upright, flip, upright.shape[::-1])
        both, either = np.minimum(upright, mirrored).sum(), np.maximum(upright, mirrored).sum()
        best = max(best, float(both / max(1e-6, either)))
    return best


def turned(picture: Array, angle: float, border: int = cv2.BORDER_REPLICATE) -> Array:
    """Turned about its middle by ``angle`` degrees counter-clockwise, on a canvas that holds all of it."""
    if angle == 0.0:
        return picture
    height, width = picture.shape[:2]
    cosine, sine = math.cos(math.radians(angle)), abs(math.sin(math.radians(angle)))
    size = math.ceil(width * cosine + height * sine), math.ceil(height * cosine + width * sine)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    out: Array = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
    return out
