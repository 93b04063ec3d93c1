"""Dress a person in a top or a dress: old garment away, new one on, hands, hair and face back in front."""

from __future__ import annotations

import numpy as np

from tryon.errors import TryOnError

from .bare import old_top, without_top
from .dressed import Dressed
from .fit import Fit
from .garment import Garment
from .geometry import polygon_mask, smoothstep
from .imaging import Array, blur, closing, ellipse, push_pull
from .joints import ARMS, LEGS, OTHER, SIDES
from .legs import without_bottom
from .mesh import Layer, render
from .person import Person
from .scene import Scene
from .shading import exposure, over, paint, photo_light, shadow_of
from .warp import plan_top


def dress(person: Person, garment: Garment) -> Dressed:
    """Raises TryOnError legs_not_visible."""
    from .lower import dress_lower

    if garment.category == "upper":
        return dress_top(person, garment)
    if not standing(person):
        raise TryOnError("legs_not_visible", "hips and knees must be in the picture, with straight legs")
    if garment.category == "lower":
        return dress_lower(person, garment)
    return dress_top(person, garment)


def standing(person: Person) -> bool:
    """Hips and knees are in the picture and the thighs hang down: garments below the waist can be shown."""
    if not (person.hips_visible and person.knees_visible):
        return False
    for leg in LEGS.values():
        thigh = person.joints[leg.knee] - person.joints[leg.hip]
        hanging = float(thigh @ person.down)
        if hanging < 0.82 * float(np.hypot(*thigh)) or hanging < 0.45 * person.torso:
            return False
    return True


def dress_top(person: Person, garment: Garment) -> Dressed:
    scene = Scene(person)
    parts, fit = plan_top(scene.body, garment)
    alpha = visible_alpha(garment)
    torso, *sleeves = (render(part, garment.picture, alpha, scene.shape) for part in parts)
    _tuck_behind_torso(scene, sleeves, fit)
    covered = torso.alpha
    for layer in sleeves:
        covered = np.maximum(covered, layer.alpha)
    canvas, removed = _undressed(scene, garment, covered, fit.hem_axial)
    arms, hands, head = _arms_in_front(scene, sleeves), _hands(scene), np.maximum(scene.face, scene.hair)
    out = _dressed(scene, canvas.copy(), torso, sleeves, covered, removed, arms)
    _close_armpits(scene, out, covered, sleeves, fit)
    out = over(out, canvas, hands)
    out = over(out, scene.photo, head)
    shown = (1 - hands) * (1 - head)
    visible = [(torso, shown * (1 - arms)), *((layer, shown) for layer in sleeves)]
    return Dressed(person, np.clip(out, 0, 255).astype(np.uint8), visible)


def visible_alpha(garment: Garment) -> Array:
    """The garment's alpha without the visible inside back."""
    if garment.top is None or garment.top.inside_back is None:
        return garment.alpha
    shape = (garment.alpha.shape[0], garment.alpha.shape[1])
    return np.asarray(garment.alpha * (1 - blur(polygon_mask(shape, garment.top.inside_back), 0.8)))


def _tuck_behind_torso(scene: Scene, sleeves: list[Layer], fit: Fit) -> None:
    """Where a sleeve meets the garment's body and the arm hangs beside it, the body lies in front."""
    torso = blur(polygon_mask(scene.shape, fit.outline), 1.2)
    body = scene.body
    for layer in sleeves:
        side = layer.part.side
        if side is None:
            continue
        joints, limb = ARMS[side], body.arms[side]
        elbow_axial, elbow_u = body.frame(scene.person.joints[joints.elbow])
        wrist_axial, wrist_u = body.frame(scene.person.joints[joints.wrist])
        if elbow_u * joints.sign <= 0.88 * float(body.half_at(side, elbow_axial)):
            continue  # the elbow is in front of the body
        wrist_outside = wrist_u * joints.sign > 0.80 * float(body.half_at(side, wrist_axial))
        short = layer.part.reach < limb.to_elbow
        limit = limb.total * 1.2 if wrist_outside or short else limb.to_elbow * 0.8
        behind = 1 - smoothstep(limit * 0.9, limit, layer.v * layer.part.reach)
        layer.alpha *= 1 - torso * behind


def _undressed(scene: Scene, garment: Garment, covered: Array, hem: float) -> tuple[Array, Array]:
    """-> (photo without the old clothes that would show, where something was removed)."""
    canvas = scene.photo.copy()
    if scene.person.drawn:
        return canvas, np.zeros(scene.shape, np.float32)
    if garment.category == "full":
        hands = np.clip(scene.skin * ((scene.hand < 1.15) | (scene.arm < 1.2)), 0, 1)
        canvas = without_bottom(scene, canvas, covered, 0.85, hands, dict.fromkeys(SIDES, hem))
    return without_top(scene, canvas, covered, old_top(scene), hem)


def _dressed(
    scene: Scene, out: Array, torso: Layer, sleeves: list[Layer], covered: Array, removed: Array, arms: Array
) -> Array:
    width, bare = scene.width, out.copy()
    light = photo_light(scene, "upper") * exposure(scene)
    below = (
        shadow_of(covered, 0.018 * width, 0.022 * width) * (1 - covered) * np.maximum(scene.person.matte, removed > 0.3)
    )
    out *= 1 - 0.34 * below[..., None]
    in_front = np.maximum(np.maximum(scene.hair, scene.face), arms)
    u, v = torso.u, torso.v
    form = (1 - 0.17 * np.clip(np.abs(u), 0, 1.05) ** 3.2) * (1 - 0.05 * smoothstep(4.6, 5.0, v))
    for layer in sleeves:
        near = np.clip(blur(layer.alpha, 0.035 * width), 0, 1)
        form *= 1 - 0.26 * near * smoothstep(1.2, 2.2, v) * smoothstep(0.55, 0.95, np.abs(u))
    form *= 1 - 0.22 * shadow_of(in_front, 0.02 * width, 0.03 * width)
    out = paint(out, torso, form * light)
    out = over(out, bare, arms)
    for layer in sleeves:
        round_form = (1.03 - 0.20 * np.clip(np.abs(layer.u), 0, 1.1) ** 2.6) * (
            1 - 0.10 * np.exp(-((layer.v / 0.10) ** 2))
        )
        out = paint(out, layer, round_form * light)
    return out


def _close_armpits(scene: Scene, out: Array, covered: Array, sleeves: list[Layer], fit: Fit) -> None:
    """Slivers between sleeve and torso become cloth in shadow; in place."""
    width = scene.width
    for layer in sleeves:
        side = layer.part.side
        if side is None:
            continue
        x, y = (int(v) for v in fit.armpit[OTHER[side]])
        radius = int(0.28 * width)
        window = np.s_[max(0, y - radius) : y + radius, max(0, x - radius) : x + radius]
        cloth = (covered[window] > 0.5).astype(np.uint8)
        if cloth.size == 0 or not cloth.any():
            continue
        on_sleeve = scene.enlarge(scene.along_arm(side))[window] * scene.body.arms[side].total < layer.part.reach
        gap = closing(cloth, ellipse(max(3, int(0.11 * width) | 1))) & (cloth == 0)
        gap &= on_sleeve & (scene.person.matte[window] > 0.5)
        dark = push_pull(out[window], cloth.astype(np.float32)) * 0.72
        out[window] = over(out[window], dark, blur(gap.astype(np.float32), 0.8) * (1 - covered[window]))


def _arms_in_front(scene: Scene, sleeves: list[Layer]) -> Array:
    """Bare skin of the arms beyond the new cuffs."""
    arms = np.zeros(scene.shape, np.float32)
    reach = {layer.part.side: layer.part.reach for layer in sleeves}
    for side in SIDES:
        zone, limb = scene.arm_zone(side), scene.body.arms[side]
        nearest = scene.enlarge(np.minimum(zone.distance, zone.hand))
        distance = scene.enlarge(np.minimum(scene.along_arm(side), 1.0)) * limb.total
        cuff = reach.get(side, 0.22 * limb.total)
        beyond = smoothstep(cuff - 0.10 * scene.width, cuff - 0.02 * scene.width, distance)
        arms = np.maximum(arms, scene.arm_skin * (nearest < 1.3) * beyond)
    return np.asarray(arms * (1 - np.clip(scene.hair, 0, 1)))


def _hands(scene: Scene) -> Array:
    return np.asarray(np.clip(scene.skin * (scene.hand < 1.0) * (1 - scene.face), 0, 1))
