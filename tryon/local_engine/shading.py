"""Light for the new garment: folds and form of the clothes in the photo, shadows between the layers."""

from __future__ import annotations

import numpy as np

from .imaging import Array, blur, erode, extent, magnitude, to_lab
from .mesh import Layer
from .scene import Scene


def photo_light(scene: Scene, part: str, fold_strength: float = 0.8, form_strength: float = 0.42) -> Array:
    """Factor per pixel from the clothes worn in the photo (``part``: "upper" or "lower").

    Made at analysis size: folds are soft. Only plain clothes tell the light: the more pattern, the weaker the factor.
    """
    person = scene.person
    if person.light is not None:
        return person.light
    width, lab = scene.width * person.scale, to_lab(person.small).astype(np.float32)
    worn = getattr(scene.parts, part)
    cloth = erode(worn, 1).astype(np.float32)
    if cloth.sum() <= 50:
        return np.ones(scene.shape, np.float32)
    wide = 0.11 * width
    weight = blur(cloth, wide) + 1e-3
    lightness = np.log(lab[..., 0] + 8)
    low = blur(lightness * cloth, wide) / weight
    folds = (blur(lightness, 0.012 * width) - low) * cloth
    on_cloth = cloth > 0
    chroma = blur(lab[..., 1:] * cloth[..., None], wide) / weight[..., None]
    pattern = float(magnitude(lab[..., 1:] - chroma)[on_cloth].mean())
    plainness = float(np.clip(1.6 - pattern / 4, 0, 1) * np.clip(2.2 - float(folds[on_cloth].std()) / 0.06, 0, 1))
    fold = np.exp(np.clip(folds, -0.22, 0.16) * fold_strength * plainness)
    form = np.exp(np.clip((low - np.median(low[on_cloth])) * cloth, -0.3, 0.18) * form_strength * max(0.35, plainness))
    form = blur(np.where(on_cloth, form, 1).astype(np.float32), 0.03 * width)
    inner = blur(erode(worn, max(1, int(0.035 * width))).astype(np.float32), 0.03 * width)
    return scene.enlarge(1 + (np.where(on_cloth, fold, 1) * form - 1) * inner)


def exposure(scene: Scene) -> float:
    """A dim photo gets a dimmer garment. Dark clothes in a bright room do not make a photo dim."""
    if scene.person.drawn:
        return 1.0
    brightest = float(np.percentile(to_lab(scene.person.small[::2, ::2])[..., 0], 98))
    if brightest < 150:  # nothing in the picture is bright: it is the light
        return float(np.clip(brightest / 200, 0.5, 0.82))
    return float(np.clip(brightest / 235, 0.82, 1.0))


def shadow_of(mask: Array, drop: float, spread: float) -> Array:
    """Soft shadow of ``mask`` cast ``drop`` pixels down."""
    shifted = np.zeros_like(mask)
    pixels = max(0, int(drop))
    shifted[pixels:] = mask[: mask.shape[0] - pixels]
    return np.clip(blur(shifted, spread) * 1.03 - 0.03, 0, 1)  # it ends somewhere


def over(below: Array, colour: Array, alpha: Array) -> Array:
    """``colour`` on top of ``below``; changes and returns ``below``."""
    box = extent(alpha)
    if box is not None:
        below[box] += (colour[box] - below[box]) * alpha[box][..., None]
    return below


def paint(below: Array, layer: Layer, factor: Array) -> Array:
    """A lit garment layer on top of ``below``; changes and returns ``below``."""
    box = extent(layer.alpha)
    if box is not None:
        lit = np.clip(layer.colour[box] * factor[box][..., None], 0, 255)
        below[box] += (lit - below[box]) * layer.alpha[box][..., None]
    return below
