"""What the person wears now: where the sleeves and the top end. Analysis size."""

from __future__ import annotations

import numpy as np

from .imaging import Array
from .joints import ARMS
from .person import Person, Zones

_SAMPLES = 24
_LOWER = 3  # index of the class in parsing.CLASSES


def sleeve_worn(person: Person, side: str, bare_share: Array) -> float | None:
    """Sleeve length from 0 (bare arm) to 1 (to the wrist): the best single switch from cloth to skin along the arm.

    None when too little of the arm is in the picture.
    """
    arm, scale = ARMS[side], person.scale
    shoulder, elbow, wrist = (person.joints[i] * scale for i in (arm.shoulder, arm.elbow, arm.wrist))
    upper, lower = float(np.hypot(*(elbow - shoulder))), float(np.hypot(*(wrist - elbow)))
    radius = max(2, int(0.06 * person.shoulder_width * scale))
    bare = np.full(_SAMPLES, np.nan)
    for i, t in enumerate(np.linspace(0.06, 1, _SAMPLES)):
        distance = t * (upper + lower)
        if distance < upper:
            point = shoulder + (elbow - shoulder) * distance / upper
        else:
            point = elbow + (wrist - elbow) * (distance - upper) / max(lower, 1e-3)
        x, y = (int(v) for v in np.round(point))
        region = slice(max(0, y - radius), max(0, y + radius + 1)), slice(max(0, x - radius), max(0, x + radius + 1))
        inside = person.mask[region] > 0.5
        if inside.size and inside.sum() >= 4:
            bare[i] = float(np.mean(bare_share[region][inside] > 0.5))
    if (~np.isnan(bare)).sum() < 4:
        return None
    costs = [float(np.nansum(bare[:k]) + np.nansum(1 - bare[k:])) for k in range(_SAMPLES + 1)]
    switch = int(np.argmin(costs))
    return 0.0 if switch == 0 else min(1.0, 0.06 + 0.94 * (switch - 0.5) / (_SAMPLES - 1))


def hem_worn(person: Person, label: Array, zones: Zones) -> float | None:
    """Axial position where the bottom garment begins along the mid line; None for one piece or a cropped photo."""
    middle = (person.mask > 0.5) & (zones.lateral < 0.3) & (zones.arm > 0.9) & (zones.hand > 1.1)
    for axial in np.arange(0.5, 1.7, 0.03):
        row = middle & (np.abs(zones.axial - axial) < 0.02)
        if row.sum() > 5 and (label[row] == _LOWER).mean() > 0.5:
            return float(axial)
    return None
