"""Things sewn on laid cloth: seams, stitching, hems, folded edges. Each is lit like the cloth around it."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Canvas, Layer, Rgb, Window, rule, shade
from .geometry import Field, Points, arc_lengths, offset
from .relief import blur, light, noise

MARGIN = 22


def emboss(canvas: Canvas, layer: Layer, window: Window, relief: Field, fuzz: float = 0.08) -> None:
    """Relight a part of the layer with additional height."""
    brightness, _ = light(relief)
    image = canvas.image[window]
    image += (shade(image, brightness, fuzz) - image) * layer.mask[window][..., None]


def darken(canvas: Canvas, layer: Layer, window: Window, amount: Field) -> None:
    """Multiply a part of the layer by 1 - amount."""
    canvas.image[window] *= 1 - (np.clip(amount, 0, 0.95) * layer.mask[window])[..., None]


def seam(
    canvas: Canvas, layer: Layer, path: Points, *, depth: float = 1.0, pucker: float = 0.6, dark: float = 0.2
) -> None:
    """A joining seam: a groove, a thin shadow line in it, and slight puckers on both sides."""
    window = canvas.window(path, MARGIN)
    line = canvas.line(path, 1.0, window)
    relief = -depth * 2.2 * blur(line, 1.5)
    if pucker > 0:
        near = blur(line, 7.0)
        relief += pucker * near / (near.max() + 1e-6) * noise(canvas.rng, line.shape, 6.0, 6.0)
    emboss(canvas, layer, window, relief)
    darken(canvas, layer, window, dark * np.clip(blur(line, 0.9) * 1.6, 0, 1))


def edge(canvas: Canvas, layer: Layer, path: Points, *, softness: float = 3.0, dark: float = 0.25) -> None:
    """A folded edge lying on other cloth: the right-hand side of the path is on top and shades the left-hand side."""
    window = canvas.window(path, MARGIN)
    beside = blur(canvas.line(offset(path, -softness * 0.7), softness, window), softness)
    darken(canvas, layer, window, dark * beside)
    emboss(canvas, layer, window, 1.6 * blur(canvas.line(offset(path, 2.0), 2.0, window), 1.6))
    darken(canvas, layer, window, 0.9 * dark * canvas.line(path, 1.0, window))


def stitch(
    canvas: Canvas,
    layer: Layer,
    path: Points,
    colour: Rgb | None = None,
    *,
    length: float = 5.0,
    gap: float = 2.6,
    width: float = 1.0,
    pucker: float = 0.35,
    strength: float = 1.0,
) -> None:
    """A row of stitches; without a colour the thread matches the cloth and shows by its shadow only."""
    window = canvas.window(path, MARGIN)
    line = canvas.line(path, 1.0, window)
    groove = -0.9 * blur(line, 1.7)
    if pucker > 0:
        near = blur(line, 5.0)
        groove += pucker * near / (near.max() + 1e-6) * noise(canvas.rng, line.shape, 4.5, 4.5)
    emboss(canvas, layer, window, groove * np.float32(strength))
    dashes = cv2.GaussianBlur(rule(_dashes(canvas, path, length, gap), width, window), (0, 0), 0.5)
    below = cv2.warpAffine(dashes, np.array([[1, 0, 0.5], [0, 1, 1.1]], np.float32), dashes.shape[::-1])
    darken(canvas, layer, window, 0.30 * strength * below)
    image = canvas.image[window]
    thread = image * np.float32(1.06) + 0.02 if colour is None else np.broadcast_to(colour, image.shape)
    opacity = (0.75 if colour is None else 0.85) * strength
    image += (thread - image) * (opacity * dashes * layer.mask[window])[..., None]


def _dashes(canvas: Canvas, path: Points, length: float, gap: float) -> list[Points]:
    placed = canvas.place(path)
    s = arc_lengths(placed)
    dashes, at = [], 1.0
    while at < s[-1] - length:
        run = length * canvas.rng.uniform(0.85, 1.12)
        ends = [at, at + run]
        dashes.append(np.stack([np.interp(ends, s, placed[:, 0]), np.interp(ends, s, placed[:, 1])], 1))
        at += run + gap
    return dashes


def hem(
    canvas: Canvas,
    layer: Layer,
    path: Points,
    colour: Rgb | None = None,
    *,
    depth: float = 24.0,
    rows: int = 2,
    strength: float = 1.0,
) -> None:
    """Turned-up hem along an edge: stitch rows ``depth`` away from it, on the left-hand side of the path."""
    for row in range(rows):
        pucker = 0.5 if row == 0 else 0.2
        stitch(canvas, layer, offset(path, -depth - 6.0 * row), colour, pucker=pucker, strength=strength)
    window = canvas.window(path, MARGIN + int(depth))
    turned = blur(canvas.line(offset(path, -depth / 2), depth * 0.8, window), 2.5)
    emboss(canvas, layer, window, 1.1 * turned)


def panel_edge_shadow(canvas: Canvas, layer: Layer, path: Points, sigma: float, strength: float) -> None:
    """A soft dark band along a line: the valley between two pieces."""
    window = canvas.window(path, int(sigma * 3) + 4)
    line = blur(canvas.line(path, 2.0, window), sigma)
    darken(canvas, layer, window, strength * line / (line.max() + 1e-6))
