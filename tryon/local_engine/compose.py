"""Dress a person in a top or a dress: old garment away, new one on, hands, hair and face back in front."""

from __future__ import annotations

import cv2
import numpy as np

from tryon.errors import TryOnError

from .bare import old_top, without_top
from .dressed import Dressed, Invented
from .fit import Fit
from .garment import Garment
from .geometry import grid, polygon_mask, smoothstep
from .imaging import Array, blur, closing, dilate, drop_specks, ellipse, erode, extent, push_pull, spread, to_picture
from .joints import ARMS, OTHER, SIDES
from .legs import without_bottom
from .mesh import Cloth, Layer, render
from .person import Person, sits, thighs_hang
from .scene import Scene
from .shading import exposure, over, paint, photo_light, shadow_of
from .warp import plan_top

_ROUNDING = 0.035  # of the shoulder width: how far the outline of a shoulder is evened out
_EDGE = 1.6  # steepness of its edge


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
    """Hips and knees, or nearly, are in the picture and the thighs hang down: garments below the waist can be shown."""
    return person.hips_visible and (person.knees_visible or person.thighs_visible) and thighs_hang(person)


def dress_top(person: Person, garment: Garment) -> Dressed:
    scene = Scene(person)
    parts, fit = plan_top(scene.body, garment)
    cloth = Cloth(garment.picture, visible_alpha(garment), garment.detail)
    torso, *sleeves = (render(part, cloth, scene.shape) for part in parts)
    _tuck_behind_torso(scene, sleeves, fit)
    for layer in sleeves:  # crumpled cuffs leave scraps on the arm
        layer.alpha *= drop_specks(layer.alpha > 0.2, 0.3)
    if garment.category == "upper" and sits(person):
        _end_at_the_lap(scene, torso)
    for layer in sleeves:
        _round_shoulder(scene, torso, layer, fit)
    covered = torso.alpha
    for layer in sleeves:
        covered = np.maximum(covered, layer.alpha)
    arms, hands, head = _arms_in_front(scene, sleeves), _hands(scene), np.maximum(scene.face, scene.hair)
    canvas, removed, invented, gone = _undressed(scene, garment, covered, arms, fit.hem_axial)
    body = np.maximum(scene.person.matte, removed > 0.3) * (1 - gone)
    out = _dressed(scene, canvas.copy(), torso, sleeves, covered, body, arms)
    _close_armpits(scene, out, covered, sleeves, fit)
    if any(layer.part.reach > 0.6 * scene.body.arms[layer.part.side or "L"].total for layer in sleeves):
        _close_slits(scene, out, covered)
    out = over(out, canvas, hands)
    out = over(out, scene.photo, head)
    shown = (1 - hands) * (1 - head)
    visible = [(torso, shown * (1 - arms)), *((layer, shown) for layer in sleeves)]
    return Dressed(scene.body, to_picture(out), visible, invented, gone)


def visible_alpha(garment: Garment) -> Array:
    """The garment's alpha without the visible inside back."""
    if garment.top is None or garment.top.inside_back is None:
        return garment.alpha
    shape = (garment.alpha.shape[0], garment.alpha.shape[1])
    return np.asarray(garment.alpha * (1 - blur(polygon_mask(shape, garment.top.inside_back), 0.8)))


def _end_at_the_lap(scene: Scene, torso: Layer) -> None:
    """On somebody who sits the new top ends where the old one does, as if it were tucked in."""
    old = scene.parts.hem
    limit = 0.93 if old is None else min(old + 0.05, 1.0)
    torso.alpha *= 1 - smoothstep(limit - 0.01, limit + 0.015, scene.axial)


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


def _round_shoulder(scene: Scene, torso: Layer, sleeve: Layer, fit: Fit) -> None:
    """Where the two meet on top of the shoulder, one even outline: no corner stands out and no notch is left."""
    if sleeve.part.side is None:
        return
    x, y = fit.shoulder[OTHER[sleeve.part.side]]
    radius, sigma = 0.26 * scene.width, _ROUNDING * scene.width
    rows, columns = (slice(max(0, int(c - radius)), max(0, int(c + radius))) for c in (y, x))
    box = rows, columns
    both = np.maximum(torso.alpha[box], sleeve.alpha[box])
    if both.size == 0 or not both.any():
        return
    xs, ys = grid((both.shape[0], both.shape[1]))
    near = 1 - smoothstep(0.65, 1.0, np.hypot(xs + columns.start - x, ys + rows.start - y) / radius)
    even = np.clip((blur(both, sigma) - 0.5) * (sigma * _EDGE) + 0.5, 0, 1)
    wanted = both + (even - both) * near
    less = wanted / np.maximum(both, 1e-3)
    added = wanted > both + 0.02
    if added.any():  # the sleeve's cloth goes on
        known = (sleeve.alpha[box] > 0.9).astype(np.float32)
        fill = added & (sleeve.alpha[box] < 0.5)
        place = np.dstack([sleeve.u[box], sleeve.v[box], np.zeros_like(both)])
        colour, place = spread(sleeve.colour[box], known)[fill], spread(place, known)[fill]
        sleeve.colour[box][fill], sleeve.u[box][fill], sleeve.v[box][fill] = colour, place[:, 0], place[:, 1]
        sleeve.alpha[box] = np.where(added, wanted, sleeve.alpha[box])
    for layer in (torso, sleeve):
        layer.alpha[box] *= np.minimum(less, 1)


def _undressed(
    scene: Scene, garment: Garment, covered: Array, arms: Array, hem: float
) -> tuple[Array, Array, Invented, Array]:
    """-> (photo without the old clothes that would show, where something was removed, how much was made up, where
    there is background now)."""
    canvas = scene.photo.copy()
    if scene.person.drawn:
        nothing = np.zeros(scene.shape, np.float32)
        return canvas, nothing, Invented(), nothing
    gone = np.zeros(scene.shape, np.float32)
    if garment.category == "full":
        hands = np.clip(scene.skin * ((scene.hand < 1.15) | (scene.arm < 1.2)), 0, 1)
        canvas, gone = without_bottom(scene, canvas, covered, 0.85, hands, dict.fromkeys(SIDES, hem))
    old = old_top(scene)
    if garment.category == "upper":
        old = np.maximum(old, _hip_beside(scene, covered, hem))
    bare = without_top(scene, canvas, covered, old, arms, hem)
    return canvas, bare.removed, bare.invented, np.maximum(gone, bare.gone)


def _hip_beside(scene: Scene, covered: Array, hem: float) -> Array:
    """Slivers of the trousers that look out beside the new top, above its hem."""
    parts, zones = scene.parts, scene.zones
    lower = parts.lower & (zones.axial < hem - 0.02) & (zones.axial > 0.5) & (parts.skin_likelihood < 0.3)
    if not lower.any():
        return np.zeros(scene.shape, np.float32)
    away = cv2.distanceTransform((covered < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    near = (away < 0.10 * scene.width) & (scene.axial < hem - 0.02)
    near &= np.maximum.accumulate(covered, axis=0) < 0.5  # not below the hem, which may slant
    return np.asarray(blur(dilate(scene.enlarge(lower) > 0.3, 2).astype(np.float32), 0.8) * near)


def _dressed(
    scene: Scene, out: Array, torso: Layer, sleeves: list[Layer], covered: Array, body: Array, arms: Array
) -> Array:
    """``body``: where the garment's shadow falls; none falls on the wall far behind."""
    width, bare = scene.width, out.copy()
    light = photo_light(scene, "upper") * exposure(scene)
    below = shadow_of(covered, 0.018 * width, 0.022 * width) * (1 - covered) * body
    if (box := extent(below)) is not None:
        out[box] *= 1 - 0.34 * below[box][..., None]
    form = _form(scene, torso, sleeves, arms)
    out = paint(out, torso, form * light)
    out = over(out, bare, arms)
    for layer in sleeves:
        box = extent(layer.alpha)
        if box is None:
            continue
        u, v, lit = layer.u[box], layer.v[box], light.copy()
        lit[box] *= (1.03 - 0.20 * np.clip(np.abs(u), 0, 1.1) ** 2.6) * (1 - 0.10 * np.exp(-((v / 0.10) ** 2)))
        out = paint(out, layer, lit)
    return out


def _form(scene: Scene, torso: Layer, sleeves: list[Layer], arms: Array) -> Array:
    """Light factor of the garment's body: darker at its sides, beside the sleeves, under chin, hair and arms."""
    width, form = scene.width, np.ones(scene.shape, np.float32)
    box = extent(torso.alpha)
    if box is None:
        return form
    in_front = np.maximum(np.maximum(scene.hair, scene.face), arms)[box]
    u, v = torso.u[box], torso.v[box]
    part = (1 - 0.17 * np.clip(np.abs(u), 0, 1.05) ** 3.2) * (1 - 0.05 * smoothstep(4.6, 5.0, v))
    low = smoothstep(1.2, 2.2, v) * smoothstep(0.55, 0.95, np.abs(u))
    for layer in sleeves:
        part *= 1 - 0.26 * np.clip(blur(np.ascontiguousarray(layer.alpha[box]), 0.035 * width), 0, 1) * low
    part *= 1 - 0.22 * shadow_of(in_front, 0.02 * width, 0.03 * width)
    form[box] = part
    return form


def _close_armpits(scene: Scene, out: Array, covered: Array, sleeves: list[Layer], fit: Fit) -> None:
    """Slivers between sleeve and torso become cloth in shadow; in place."""
    width = scene.width
    for layer in sleeves:
        side = layer.part.side
        if side is None:
            continue
        x, y = (int(v) for v in fit.armpit[OTHER[side]])
        kernel = ellipse(max(3, int(0.11 * width) | 1))
        radius = int(0.28 * width) + len(kernel)
        window = np.s_[max(0, y - radius) : y + radius, max(0, x - radius) : x + radius]
        cloth = (covered[window] > 0.5).astype(np.uint8)
        if cloth.size == 0 or not cloth.any():
            continue
        along = scene.enlarge(scene.along_arm(side))[window] * scene.body.arms[side].total
        on_sleeve = along < layer.part.reach - 0.06 * width
        gap = closing(cloth, kernel) & (cloth == 0) & _inside(cloth, len(kernel))  # at its rim closing sticks to it
        gap &= on_sleeve & (scene.person.matte[window] > 0.5)
        dark = push_pull(out[window], cloth.astype(np.float32)) * 0.72
        out[window] = over(out[window], dark, blur(gap.astype(np.float32), 0.8) * (1 - covered[window]))


def _inside(window: Array, margin: int) -> Array:
    """uint8: 1 but for a rim of ``margin`` pixels."""
    inner = np.zeros_like(window)
    inner[margin:-margin, margin:-margin] = 1
    return inner


def _close_slits(scene: Scene, out: Array, covered: Array) -> None:
    """A narrow slit between a long sleeve and the trunk, where the photo shows no background: cloth in shadow."""
    cloth = (covered > 0.5).astype(np.uint8)
    gap = closing(cloth, ellipse(max(3, int(0.07 * scene.width) | 1))) & (cloth == 0)
    gap &= (scene.person.matte > 0.6) & (scene.axial > 0.05) & (scene.arm < 1.6) & (scene.hand > 1.0)
    box = extent(gap, round(0.3 * scene.width))
    if box is not None:
        dark = push_pull(out[box], erode(cloth[box], 1).astype(np.float32), levels=6) * 0.62
        over(out[box], dark, np.clip(blur(gap[box].astype(np.float32), 0.9) * 1.3, 0, 1))


def _arms_in_front(scene: Scene, sleeves: list[Layer]) -> Array:
    """Bare skin of the arms beyond the new cuffs."""
    arms = np.zeros(scene.shape, np.float32)
    reach = {layer.part.side: layer.part.reach for layer in sleeves}
    for side in SIDES:
        zone, limb = scene.arm_zone(side), scene.body.arms[side]
        nearest = scene.enlarge(np.minimum(zone.distance, zone.hand))
        distance = scene.enlarge(np.minimum(scene.along_arm(side), 1.0)) * limb.total
        cuff = reach.get(side, 0.22 * limb.total)
        beyond = smoothstep(cuff - 0.05 * scene.width, cuff + 0.01 * scene.width, distance)
        arms = np.maximum(arms, scene.arm_skin * (nearest < 1.3) * beyond)
    return np.asarray(arms * scene.solid * (1 - np.clip(scene.hair, 0, 1)))


def _hands(scene: Scene) -> Array:
    return np.asarray(np.clip(scene.skin * scene.solid * (scene.hand < 1.0) * (1 - scene.face), 0, 1))
