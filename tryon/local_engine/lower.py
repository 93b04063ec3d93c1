"""Dress a person in trousers, shorts or a skirt."""

from __future__ import annotations

import numpy as np

from .bare import without_bottom
from .garment import Garment
from .geometry import grid, smoothstep
from .imaging import Array, blur, dilate, to_lab
from .lower_warp import legs_without_arms, plan_lower
from .mesh import render
from .person import Person
from .scene import Scene
from .shading import over, paint, photo_light, shadow_of


def dress_lower(person: Person, garment: Garment) -> Array:
    """-> the person's crop, uint8. Hips and knees must be visible."""
    scene = Scene(person)
    width = scene.width
    one_piece = _wears_one_piece(scene)
    waist = _waist(scene, one_piece)
    layers = [
        render(part, garment.picture, garment.alpha, scene.shape) for part in plan_lower(scene.body, garment, waist)
    ]
    for layer in layers:
        if layer.part.name != "skirt":
            layer.alpha *= _beside_hands(scene)
    covered = layers[0].alpha
    for layer in layers[1:]:
        covered = np.maximum(covered, layer.alpha)
    hands = scene.skin * ((scene.hand < 1.15) | (scene.arm < 1.2)) * (scene.axial < 1.75)
    out = scene.photo.copy()
    if not person.drawn:
        out = without_bottom(scene, out, covered, waist + 0.06, hands)
    below = shadow_of(covered, 0.02 * width, 0.022 * width) * (1 - covered)
    out *= 1 - 0.3 * (below * person.matte)[..., None]
    light = photo_light(scene, "lower", 0.7)
    for layer in layers:
        if layer.part.name == "hips":
            form = 1 - 0.14 * np.clip(np.abs(layer.u), 0, 1.1) ** 4
        else:
            form = 1.03 - 0.22 * np.clip(np.abs(layer.u), 0, 1.1) ** 2.8
        out = paint(out, layer, form * light)
    in_front = np.maximum(np.maximum(_top_over_waist(scene, waist, one_piece), hands), scene.hair)
    cast = shadow_of(in_front, 0.015 * width, 0.02 * width) * (1 - in_front) * (covered > 0.3)
    out *= 1 - 0.25 * cast[..., None]
    out = over(out, scene.photo, in_front)
    return np.clip(out, 0, 255).astype(np.uint8)


def _beside_hands(scene: Scene) -> Array:
    """0 where a trouser hip would stick out beyond a hand that hangs in front of it, else 1."""
    reach = dilate(legs_without_arms(scene.person), max(2, int(0.08 * scene.width * scene.person.scale)))
    allowed = np.maximum(scene.enlarge(reach), smoothstep(1.4, 1.5, scene.axial))
    return blur(allowed, 1.2)


def _waist(scene: Scene, one_piece: bool) -> float:
    """Axial position of the new waist: a little above the border between the clothes worn now, hidden by the top."""
    if one_piece:
        return 0.77
    hems = [hem for hem in (scene.parts.hem, *_hems_beside_the_middle(scene)) if hem is not None and hem < 1.15]
    return float(np.clip(min(hems, default=0.86), 0.66, 1.02)) - 0.07


def _hems_beside_the_middle(scene: Scene) -> list[float]:
    """The old bottom's upper edge left and right of the middle: a top does not end at one height everywhere."""
    zones, person = scene.zones, scene.person
    xs, ys = grid((person.mask.shape[0], person.mask.shape[1]))
    centre = person.shoulder_centre * person.scale
    u = (xs - centre[0]) * person.across[0] + (ys - centre[1]) * person.across[1]
    middle = scene.parts.hem or 0.86
    clear = (
        (person.mask > 0.5) & (zones.arm > 0.9) & (zones.hand > 1.1) & (zones.lateral > 0.12) & (zones.lateral < 0.36)
    )
    found = []
    for band in (clear & (u < 0), clear & (u > 0)):
        for axial in np.arange(middle - 0.12, middle, 0.02):
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
    top = scene.soft(scene.parts.upper)
    if one_piece:
        top = np.maximum(top, scene.soft(scene.parts.lower)) * (1 - smoothstep(waist + 0.02, waist + 0.05, scene.axial))
    hem = scene.parts.hem or waist
    return np.clip(top, 0, 1) * (scene.axial < min(1.6, hem + 0.5))
