"""Second looks at the parsed parts: where the top ends over the bottom, and bare skin beside a pale top."""

from __future__ import annotations

import cv2
import numpy as np

from .geometry import grid, smooth
from .imaging import Array, blur, connected_to, magnitude
from .person import Person, Zones

_SKIN, _UPPER, _LOWER = 0, 2, 3  # indices in parsing.CLASSES
_AXIAL = np.linspace(0.50, 1.75, 90)
_U = np.linspace(-0.75, 0.75, 61)
_PRICE = 2.5  # of one step of the line between neighbouring columns


def straighten_hem(person: Person, zones: Zones, label: Array, posterior: Array) -> Array:
    """One line from side to side parts top and bottom: specks of either class on the other's side change over.

    The line is found by dynamic programming over the columns of the body frame; arms and hands do not count.
    """
    scale, width, torso = person.scale, person.shoulder_width * person.scale, person.torso * person.scale
    centre = person.shoulder_centre * scale
    places = centre + person.down * (_AXIAL[:, None, None] * torso) + person.across * (_U[None, :, None] * width)
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    cloth = ((label == _UPPER) | (label == _LOWER)) & (zones.arm > 1.05) & (zones.hand > 1.15)
    weight = cv2.remap(cloth.astype(np.float32), x, y, cv2.INTER_LINEAR, borderValue=0)
    share = posterior[_LOWER] / (posterior[_UPPER] + posterior[_LOWER] + 1e-6)
    low = cv2.remap(share.astype(np.float32), x, y, cv2.INTER_LINEAR, borderValue=0)
    seen = weight.sum(0) > 6
    if seen.sum() < 12 or not (label[cloth] == _LOWER).any():
        return label
    wrong_above = np.vstack([np.zeros(len(_U)), np.cumsum(weight * low, 0)])
    total = (weight * (1 - low)).sum(0)
    wrong_below = total - np.vstack([np.zeros(len(_U)), np.cumsum(weight * (1 - low), 0)])
    states = _cheapest(wrong_above + wrong_below)
    line = smooth(np.append(_AXIAL, _AXIAL[-1])[states], 7)
    found = np.flatnonzero(seen)
    line[: found[0]], line[found[-1] + 1 :] = line[found[0]], line[found[-1]]
    xs, ys = grid((label.shape[0], label.shape[1]))
    u = ((xs - centre[0]) * person.across[0] + (ys - centre[1]) * person.across[1]) / width
    border = np.interp(u, _U, line)
    trunk = cloth & (np.abs(u) < 0.9)
    below, above = zones.axial > border + 0.015, zones.axial < border - 0.015
    label = np.where(trunk & below & (label == _UPPER), _LOWER, label)
    return np.asarray(np.where(trunk & above & (label == _LOWER), _UPPER, label))


def _cheapest(cost: Array) -> Array:
    """Index per column of the cheapest connected line."""
    states, columns = cost.shape
    jump = np.abs(np.arange(states)[:, None] - np.arange(states)[None]) * _PRICE
    value, back = cost[:, 0], np.zeros((states, columns), int)
    for column in range(1, columns):
        through = value[None] + jump
        back[:, column] = through.argmin(1)
        value = through.min(1) + cost[:, column]
    path = np.empty(columns, int)
    path[-1] = int(value.argmin())
    for column in range(columns - 1, 0, -1):
        path[column - 1] = back[path[column], column]
    return path


def bare_chest(person: Person, zones: Zones, label: Array, lab: Array, neck_zone: Array) -> Array:
    """Skin of chest and shoulders that was taken for a top: nearer to the neck's own colour than to the top's."""
    values = lab.astype(np.float32)
    neck = (label == _SKIN) & neck_zone & (zones.axial > -0.34) & (zones.axial < 0.05)
    top = (label == _UPPER) & (zones.axial > 0.28) & (zones.axial < 0.75) & (zones.arm > 1.1) & (zones.lateral < 0.4)
    if neck.sum() < 40 or top.sum() < 200:
        return label
    scales = np.array([0.18, 1.0, 1.0], np.float32)
    skin, cloth = np.median(values[neck], 0), np.median(values[top], 0)
    spread = float(np.median(magnitude((values[top] - cloth) * scales)))
    apart = float(np.linalg.norm((skin - cloth) * scales))
    if apart < 7 or spread > 0.45 * apart:  # alike, or a pattern of many colours
        return label
    small = blur(values, 1.0)
    to_skin = magnitude((small - skin) * scales)
    to_cloth = magnitude((small - cloth) * scales)
    near = (zones.axial < 0.42) & (zones.axial > -0.35) & (zones.lateral < 0.62)
    bare = (label == _UPPER) & near & (to_skin < 0.8 * to_cloth) & (to_skin < 0.75 * apart)
    skin_seen = label == _SKIN
    label = np.where(bare & connected_to(bare | skin_seen, skin_seen), _SKIN, label)
    upper = label == _UPPER
    loose = upper & near & ~connected_to(upper, top) & (to_skin < 1.3 * to_cloth)
    return np.asarray(np.where(loose, _SKIN, label))
