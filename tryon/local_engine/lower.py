"""Dress a person in trousers, shorts or a skirt."""

from __future__ import annotations

import cv2
import numpy as np

from .body import without_arms
from .dressed import Dressed, Invented
from .garment import Garment
from .geometry import grid, smoothstep
from .imaging import Array, blur, dilate, drop_specks, erode, extent, push_pull, to_lab, to_picture
from .joints import SIDES
from .legs import without_bottom
from .lower_warp import plan_lower
from .mesh import Cloth, render
from .person import Person
from .scene import Scene
from .shading import exposure, over, paint, photo_light, shadow_of

_INSIDE = 0.72  # of its light reaches what is seen of a waistband below the top's hem


def dress_lower(person: Person, garment: Garment) -> Dressed:
    """Hips and knees must be visible."""
    scene = Scene(person)
    width = scene.width
    one_piece = _wears_one_piece(scene)
    waist = _waist(scene, one_piece)
    parts = plan_lower(scene.body, garment, waist)
    cloth = Cloth(garment.picture, garment.alpha, garment.detail)
    layers = [render(part, cloth, scene.shape) for part in parts]
    room = _room(scene, waist, layers[0].part.name == "skirt", one_piece or person.drawn)
    for layer in layers:
        layer.alpha *= room
    covered = layers[0].alpha
    for layer in layers[1:]:
        covered = np.maximum(covered, layer.alpha)
    hands = scene.skin * ((scene.hand < 1.15) | (scene.arm < 1.2)) * (scene.axial < 1.75)
    out, gone = scene.photo.copy(), np.zeros(scene.shape, np.float32)
    if not person.drawn:
        hems = {side: next((p.hem_axial for p in parts if p.name.endswith(side)), parts[0].hem_axial) for side in SIDES}
        sleeves = scene.long_sleeves(1.1)
        stays = np.maximum(hands, scene.soft(sleeves)) if sleeves.any() else hands
        out, gone = without_bottom(scene, out, covered, waist + (0.02 if one_piece else -0.03), stays, hems)
        gap = _gap_at_the_waist(scene, covered, waist) * (1 - np.clip(stays * 1.5, 0, 1))
        gone = gone * (1 - gap)
    below = shadow_of(covered, 0.02 * width, 0.022 * width) * (1 - covered)
    out *= 1 - 0.3 * (below * person.matte)[..., None]
    light = photo_light(scene, "lower", 0.6, 0.18) * exposure(scene)  # faded thighs are colour, not light
    for layer in layers:
        form = 1.03 - 0.22 * np.clip(np.abs(layer.u), 0, 1.1) ** 2.8
        out = paint(out, layer, form * light)
    if not person.drawn and (box := extent(gap, round(0.2 * width))) is not None:
        inside = push_pull(out[box], (covered[box] > 0.9).astype(np.float32), levels=6) * _INSIDE
        out[box] = over(out[box], inside, gap[box])
    in_front = np.maximum(np.maximum(_top_over_waist(scene, waist, one_piece), hands * scene.solid), scene.hair)
    cast = shadow_of(in_front, 0.015 * width, 0.02 * width) * (1 - in_front) * (covered > 0.3)
    out *= 1 - 0.25 * cast[..., None]
    out = over(out, scene.photo, in_front)
    shown = [(layer, 1 - in_front) for layer in layers]
    invented = Invented(background=float(gone.sum()) / max(1.0, float(person.matte.sum())))
    return Dressed(scene.body, to_picture(out), shown, invented, gone)


def _room(scene: Scene, waist: float, skirt: bool, one_piece: bool) -> Array:
    """0 where the garment would stick out: beside the waist, and trousers beyond a hand that hangs in front of them."""
    body = without_arms(scene.person)
    pixels = scene.width * scene.person.scale
    seen = body if one_piece else body * scene.parts.lower  # at the waist only the old bottom's place is visible
    close = scene.enlarge(dilate(drop_specks(seen, 0.04), max(1, int(0.015 * pixels))))
    if skirt:
        loose = np.ones(scene.shape, np.float32)
    else:
        away = cv2.distanceTransform((body < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        slack = (0.015 + 0.065 * smoothstep(waist + 0.1, waist + 0.45, scene.zones.axial)) * pixels
        near = np.clip(slack - away + 1, 0, 1)
        loose = np.maximum(scene.enlarge(near), smoothstep(1.4, 1.5, scene.axial))
    below = smoothstep(waist + 0.05, waist + 0.14, scene.axial)
    return blur(close * (1 - below) + loose * below, 1.2)


def _gap_at_the_waist(scene: Scene, covered: Array, waist: float) -> Array:
    """Soft mask of where the old bottom would look out between the top and a waistband that hangs or slants."""
    gap = np.zeros(scene.shape, np.float32)
    band = (scene.axial < waist + 0.22) & (scene.axial > waist - 0.12)
    box = extent(band & scene.inside)
    if box is None:
        return gap
    below = slice(box[0].start, box[0].stop + round(0.2 * scene.width)), box[1]
    above = np.maximum.accumulate(covered[below][::-1], axis=0)[::-1][: box[0].stop - box[0].start] > 0.9
    old = (scene.enlarge(scene.parts.lower)[box] > 0.5) & above & band[box] & (scene.person.matte[box] > 0.9)
    gap[box] = blur(dilate(old, 2).astype(np.float32), 0.8) * (1 - covered[box])
    return gap


def _waist(scene: Scene, one_piece: bool) -> float:
    """Axial position of the new waist: a little above the border between the clothes worn now, hidden by the top."""
    if one_piece:
        return 0.77
    hems = [hem for hem in (scene.parts.hem, *_hems_beside_the_middle(scene)) if hem is not None and hem < 1.15]
    return float(np.clip(min(hems, default=0.86), 0.56, 1.02)) - 0.07


def _hems_beside_the_middle(scene: Scene) -> list[float]:
    """The old bottom's upper edge left and right of the middle: a top does not end at one height everywhere."""
    zones, person = scene.zones, scene.person
    xs, ys = grid((person.mask.shape[0], person.mask.shape[1]))
    centre = person.shoulder_centre * person.scale
    u = (xs - centre[0]) * person.across[0] + (ys - centre[1]) * person.across[1]
    middle = scene.parts.hem or 0.86
    clear = (
        (person.mask > 0.5) & (zones.arm > 0.9) & (zones.hand > 1.1) & (zones.lateral > 0.12) & (zones.lateral < 0.42)
    )
    found = []
    for band in (clear & (u < 0), clear & (u > 0)):
        for axial in np.arange(middle - 0.22, middle, 0.02):
            row = band & (np.abs(zones.axial - axial) < 0.015)
            if row.sum() > 5 and scene.parts.lower[row].mean() > 0.4:
                found.append(float(axial))
                break
    return found


def _wears_one_piece(scene: Scene) -> bool:
    """Top and bottom have nearly the same colour: a dress or an overall."""
    lab = to_lab(scene.person.small).astype(np.float32)
    upper, lower = scene.parts.upper, scene.parts.lower & (scene.zones.axial < 1.7)
    if upper.sum() < 80 or lower.sum() < 80:
        return False
    difference = (np.median(lab[upper], 0) - np.median(lab[lower], 0)) * np.array([0.6, 1, 1])
    return float(np.linalg.norm(difference)) < 9


def _top_over_waist(scene: Scene, waist: float, one_piece: bool) -> Array:
    """The part of the top worn now that lies over the new garment."""
    top = scene.soft(erode(drop_specks(scene.parts.upper, 0.05), 1))  # without the rim that mixes both colours
    if one_piece:
        above = 1 - smoothstep(waist + 0.03, waist + 0.038, scene.axial)
        top = np.maximum(top, scene.soft(scene.parts.lower)) * above
    sleeves = scene.long_sleeves(0.75)
    if sleeves.any():
        top = np.maximum(top, scene.soft(sleeves))
    hem = scene.parts.hem or waist
    return np.clip(top, 0, 1) * (scene.axial < min(1.6, hem + 0.5))
