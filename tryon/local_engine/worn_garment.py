"""A garment that somebody wears in the product photo: keep the cloth pixels of the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import person as persons
from .imaging import (
    Array,
    closing,
    components,
    ellipse,
    fills_border,
    grey,
    guided_filter,
    largest_component,
    opening,
    to_lab,
)
from .joints import ARMS
from .person import Person, Zones


def cut_from_person(picture: Array, category: str | None, models_dir: str | Path | None) -> tuple[Array, str]:
    """-> (alpha uint8 of the garment, category). Raises TryOnError garment_unsuitable."""
    try:
        person = persons.analyse(picture, models_dir, strict=False)
    except TryOnError as error:
        raise TryOnError("garment_unsuitable", f"the person in the product photo cannot be read: {error}") from error
    category = category or "upper"
    mask = largest_component(_smooth(person, _cloth(person, category)))
    mask = _fill_holes(mask)
    if mask.sum() < 200:
        raise TryOnError("garment_unsuitable", "no cloth was found on the person in the product photo")
    height, width = person.shape
    enlarged = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    soft = guided_filter(grey(person.picture), enlarged, max(2, int(2.5 / person.scale)), 6e-4)
    soft = np.clip((soft - 0.2) / 0.6, 0, 1) * person.matte
    alpha = np.zeros(picture.shape[:2], np.uint8)
    x, y = person.origin
    alpha[y : y + height, x : x + width] = (soft * 255).astype(np.uint8)
    return alpha, category


def _cloth(person: Person, category: str) -> Array:
    parts, zones = person.parts, person.zones
    if parts is None or zones is None:
        raise ValueError("the person has not been parsed")
    if category == "lower":
        return parts.lower
    if category == "full":
        mask = parts.upper | parts.lower
    else:
        mask = parts.upper.copy()
        hem = _hem_line(person, zones)
        if hem is not None:
            mask &= ~(zones.axial > hem)
        elif parts.hem is not None:
            mask &= ~((zones.axial > parts.hem + 0.10) & (zones.arm > 1.2))
    for side in ARMS:
        sleeve, arm = parts.sleeve[side], zones.arms[side]
        if sleeve is None or sleeve >= 0.95:
            continue
        joints = person.joints[list(ARMS[side][:3])]
        upper = float(np.hypot(*(joints[1] - joints[0])))
        lower = float(np.hypot(*(joints[2] - joints[1])))
        nearest = np.minimum(arm.distance, arm.hand)
        beyond = arm.along(upper / (upper + lower)) > sleeve + 0.07
        mask &= ~((nearest < 1.35) & beyond & ((zones.lateral > 0.36) | (nearest < 0.9)))
    return mask


def _hem_line(person: Person, zones: Zones) -> float | None:
    """Axial position of the clearest line across the hips: where a top ends over trousers of the same colour."""
    lab = to_lab(person.small).astype(np.float32)
    middle = (person.mask > 0.5) & (zones.lateral < 0.34) & (zones.arm > 1.2) & (zones.hand > 1.3)
    steps = np.arange(0.66, 1.20, 0.01)
    rows = np.full((len(steps), 3), np.nan)
    for i, axial in enumerate(steps):
        row = middle & (np.abs(zones.axial - axial) < 0.008)
        if row.sum() > 8:
            rows[i] = np.median(lab[row], 0)
    reach = 4
    strength = np.zeros(len(steps))
    for i in range(reach, len(steps) - reach):
        window = rows[i - reach : i + reach]
        if not np.isnan(window).any():
            strength[i] = np.linalg.norm(window[:reach].mean(0) - window[reach:].mean(0))
    clear = np.flatnonzero(strength > max(2.0, 0.4 * float(strength.max())))
    if not len(clear):
        return None
    first = clear[0]  # below the hem come belts and pockets
    return float(steps[first + int(np.argmax(strength[first : first + 2 * reach]))])


def _smooth(person: Person, mask: Array) -> Array:
    size = max(3, int(0.05 * person.shoulder_width * person.scale) | 1)
    return opening(closing(mask, np.ones((5, 5), np.uint8)), ellipse(size))


def _fill_holes(mask: Array) -> Array:
    count, labels, stats = components(1 - mask, connectivity=4)
    for i in range(1, count):
        if not fills_border(mask, stats[i]) and stats[i, 4] < 0.05 * mask.sum():
            mask[labels == i] = 1
    return mask
