"""Second looks at the parsed parts: where the top ends over the bottom, and bare skin beside a pale top."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import grid, smooth
from .imaging import Array, blur, connected_to, magnitude
from .person import LONG_SLEEVE, Person, Zones

_SKIN, _UPPER, _LOWER = 0, 2, 3  # indices in parsing.CLASSES
_AXIAL = np.linspace(0.50, 1.75, 90)
_U = np.linspace(-0.75, 0.75, 61)
_PRICE = 2.5  # of one step of the line between neighbouring columns
_SECOND_REACH = 11  # rows by which the second look may move the line
_TOLD_APART = 3.2  # squared distance of two colours in standard deviations
_WELL_APART = 9.0
_RAGGED = 0.05  # axial distance to the line within which each pixel's colour decides


def straighten_hem(
    person: Person, zones: Zones, label: Array, posterior: Array, lab: Array, sleeves: dict[str, float | None]
) -> Array:
    """One line from side to side parts top and bottom: specks of either class on the other's side change over.

    The line is found by dynamic programming over the columns of the body frame; arms and hands do not count. A second
    look goes by the clothes' own colours a little above and below the first line, which tell a pale waistband from a
    white top where the coarse colour model does not. ``sleeves``: lengths as in Parts.
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
    states = _cheapest(_costs(weight, low))
    line = _along_columns(states, seen)
    colours = cv2.remap(lab, x, y, cv2.INTER_LINEAR).astype(np.float32)
    telling = _telling_colours(colours, weight > 0.5, np.arange(len(_AXIAL))[:, None] - states[None])
    if telling is not None:
        costs = _costs(weight, telling.share_below(colours))
        far = np.abs(np.arange(len(costs))[:, None] - states[None]) > _SECOND_REACH
        line = _along_columns(_cheapest(costs + 1e3 * far), seen)
    xs, ys = grid((label.shape[0], label.shape[1]))
    u = ((xs - centre[0]) * person.across[0] + (ys - centre[1]) * person.across[1]) / width
    border = np.interp(u, _U, line)
    trunk = cloth & (np.abs(u) < 0.9)
    below, above = zones.axial > border + 0.015, zones.axial < border - 0.015
    beside = (label == _UPPER) & below & ~cloth & (zones.axial < border + 0.6)
    label = np.where(trunk & below & (label == _UPPER), _LOWER, label)
    label = np.where(trunk & above & (label == _LOWER), _UPPER, label)
    if telling is not None and telling.apart > _WELL_APART:  # the hem need not be smooth
        close = trunk & (label != _SKIN) & (np.abs(zones.axial - border) < _RAGGED)
        label[close] = np.where(telling.share_below(lab[close].astype(np.float32)) > 0.5, _LOWER, _UPPER)
    # a hip beside the hand of a bare arm is no top, beside a sleeve the colour decides
    hip = beside & _by_a_bare_arm(zones, sleeves)
    if telling is not None:
        hip[beside] |= telling.share_below(lab[beside].astype(np.float32)) > 0.5
    return np.asarray(np.where(hip, _LOWER, label))


def _by_a_bare_arm(zones: Zones, sleeves: dict[str, float | None]) -> Array:
    near = np.zeros(zones.axial.shape, bool)
    for side, zone in zones.arms.items():
        length = sleeves[side]
        if length is not None and length <= LONG_SLEEVE:
            near |= np.minimum(zone.distance, zone.hand) < 1.6
    return near


def _costs(weight: Array, low: Array) -> Array:
    """(rows + 1, columns) what is wrong when the border of a column lies above a row; ``low``: share of the bottom."""
    nothing = np.zeros((1, weight.shape[1]))
    wrong_above = np.vstack([nothing, np.cumsum(weight * low, 0)])
    upper = weight * (1 - low)
    return np.asarray(wrong_above + upper.sum(0) - np.vstack([nothing, np.cumsum(upper, 0)]))


def _along_columns(states: Array, seen: Array) -> Array:
    """Axial position of the border per column, level beyond the columns that show any cloth."""
    line = smooth(np.append(_AXIAL, _AXIAL[-1])[states], 7)
    found = np.flatnonzero(seen)
    line[: found[0]], line[found[-1] + 1 :] = line[found[0]], line[found[-1]]
    return line


@dataclass(frozen=True, slots=True)
class _Telling:
    """The straight border in colour space that best parts top and bottom."""

    direction: Array
    middle: float
    apart: float  # squared distance in standard deviations

    def share_below(self, colours: Array) -> Array:
        """How much each colour belongs to the bottom, 0 to 1."""
        return np.asarray(1 / (1 + np.exp(-np.clip(colours @ self.direction - self.middle, -8, 8))))


def _telling_colours(colours: Array, cloth: Array, below: Array) -> _Telling | None:
    """From the cloth a little above and below a first border; None where both look alike. ``below``: in rows."""
    top = colours[cloth & (below > -26) & (below < -6)]
    bottom = colours[cloth & (below > 6) & (below < 30)]
    if min(len(top), len(bottom)) < 100:
        return None
    spread = (np.cov(top.T) + np.cov(bottom.T)) / 2 + np.diag([60.0, 4.0, 4.0])
    difference = np.median(bottom, 0) - np.median(top, 0)
    direction = np.linalg.solve(spread, difference)
    apart, middle = float(direction @ difference), float(direction @ (np.median(bottom, 0) + np.median(top, 0)) / 2)
    return _Telling(direction.astype(np.float32), middle, apart) if apart > _TOLD_APART else None


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
