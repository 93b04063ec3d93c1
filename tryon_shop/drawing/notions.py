"""Buttons, rivets, buttonholes and woven labels."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Canvas, Layer, Rgb, Window, lightness, rgb, rule, shade
from .geometry import Field, Points
from .relief import blur, light, noise
from .sewing import darken, emboss


def _around(canvas: Canvas, centre: tuple[float, float], reach: int) -> tuple[Window, Field, Field]:
    """-> the window, and the offsets of its pixels from the centre."""
    cx, cy = canvas.place(np.array([centre]))[0]
    y0, x0 = int(cy) - reach, int(cx) - reach
    ys, xs = np.mgrid[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach].astype(np.float32)
    return (
        (slice(y0, y0 + 2 * reach), slice(x0, x0 + 2 * reach)),
        (xs - cx).astype(np.float32),
        (ys - cy).astype(np.float32),
    )


def button(canvas: Canvas, centre: tuple[float, float], radius: float, colour: Rgb, *, holes: int = 4) -> None:
    """A sewn button with a rim, holes and a small shadow."""
    window, dx, dy = _around(canvas, centre, int(radius * 3) + 4)
    r = np.hypot(dx, dy)
    disc = np.clip(radius - r + 0.5, 0, 1)
    shadow = np.clip(1 - (np.hypot(dx - 1.0, dy - 2.0) - radius) / 4.5, 0, 1)
    image = canvas.image[window]
    image *= 1 - (0.36 * shadow * (1 - disc))[..., None]
    relief = 1.3 * np.exp(-(((r - radius * 0.84) / (radius * 0.16)) ** 2)) + 0.5 * np.clip(1 - r / radius, 0, 1)
    brightness, _ = light(relief.astype(np.float32), 1.5)
    gloss = np.clip(-(dx + 1.3 * dy) / (radius * 1.7), 0, 1) ** 2 * 0.14
    face = shade(np.broadcast_to(colour, (*r.shape, 3)).astype(np.float32), brightness, 0.1) + gloss[..., None]
    turn = canvas.rng.uniform(0, np.pi / 2)
    for k in range(holes):
        a = turn + 2 * np.pi * k / holes
        hx, hy = radius * 0.27 * np.cos(a), radius * 0.27 * np.sin(a)
        face *= 1 - 0.62 * np.clip(radius * 0.15 + 0.5 - np.hypot(dx - hx, dy - hy), 0, 1)[..., None]
    image += (face - image) * disc[..., None]


def rivet(canvas: Canvas, centre: tuple[float, float], radius: float, colour: Rgb) -> None:
    """A metal rivet or snap."""
    button(canvas, centre, radius, colour, holes=0)
    button(canvas, centre, radius * 0.45, np.clip(colour * 1.25, 0, 1).astype(np.float32), holes=0)


def buttonhole(
    canvas: Canvas, layer: Layer, centre: tuple[float, float], length: float, *, upright: bool = True
) -> None:
    """Two close rows of thread around a slit."""
    half = np.array([0.0, length / 2]) if upright else np.array([length / 2, 0.0])
    side = np.array([1.5, 0.0]) if upright else np.array([0.0, 1.5])
    slit: Points = np.stack([np.array(centre) - half, np.array(centre) + half])
    window = canvas.window(slit, 10)
    threads = canvas.line(slit - side, 1.0, window) + canvas.line(slit + side, 1.0, window)
    emboss(canvas, layer, window, 1.6 * blur(threads, 0.6))
    darken(canvas, layer, window, 0.5 * blur(canvas.line(slit, 1.0, window), 0.6))


def label(canvas: Canvas, centre: tuple[float, float], size: tuple[float, float], colour: Rgb, letters: Rgb) -> None:
    """A woven neck label with a word-like line and the size below it."""
    window, dx, dy = _around(canvas, centre, int(max(size)) + 8)
    w, h = size
    x, y = -float(dx[0, 0]), -float(dy[0, 0])
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 + [x, y] + canvas.rng.normal(0, 0.5, (4, 2))
    mask = np.zeros(dx.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.6)
    shadow = cv2.warpAffine(cover, np.array([[1, 0, 0.5], [0, 1, 2.5]], np.float32), cover.shape[::-1])
    image = canvas.image[window]
    image *= 1 - (0.35 * blur(shadow, 2.5))[..., None]
    weave = 0.94 + 0.05 * noise(canvas.rng, cover.shape, 1.2, 0.6) - 0.12 * dy / h
    face = colour * weave[..., None].astype(np.float32)
    strokes, pen = [], x - w * 0.30
    while pen < x + w * 0.28:
        rise = canvas.rng.uniform(3, 7)
        strokes.append(np.array([[pen, y - h * 0.08], [pen + canvas.rng.uniform(-1, 2), y - h * 0.08 - rise]]))
        pen += canvas.rng.uniform(2.6, 4.6)
    text = rule(strokes, 1.0, (slice(0, dx.shape[0]), slice(0, dx.shape[1])))
    face += (letters - face) * (0.75 * text)[..., None]
    image += (face - image) * cover[..., None]


def neck_label(canvas: Canvas, centre: tuple[float, float], size: tuple[float, float], cloth: Rgb) -> None:
    """The shop's label on cloth of a colour: dark on light cloth, light on dark cloth."""
    pale, dark = rgb("#e9e5dc"), rgb("#26282d")
    if lightness(cloth) > 0.5:
        label(canvas, centre, size, dark, pale)
    else:
        label(canvas, centre, size, pale, dark)
