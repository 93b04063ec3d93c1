"""Skin where the old clothes covered it and the new ones do not: neck, shoulders, arms, legs."""

from __future__ import annotations

import numpy as np

from .geometry import capsule, grid, polygon_mask, smoothstep
from .imaging import Array, blur, dilate, drop_specks, erode, grow, push_pull, to_lab
from .joints import LEGS, SIDES
from .mesh import MeshPart, rasterise
from .parsing import without_specks
from .scene import Scene
from .shading import over


def old_top(scene: Scene) -> Array:
    """Soft full-size mask of the top worn now, slightly enlarged, without head and bare arms."""
    parts, zones = scene.parts, scene.zones
    worn = parts.upper.copy()
    if parts.hem is not None:
        worn &= ~((zones.axial > parts.hem + 0.16) & (zones.arm > 1.25))
    half = (scene.body.half_at("L", zones.axial) + scene.body.half_at("R", zones.axial)) / 2
    beside = zones.lateral > half - 0.02
    for side in SIDES:
        sleeve, zone = scene.sleeve_worn(side), scene.arm_zone(side)
        along, nearest = scene.along_arm(side), np.minimum(zone.distance, zone.hand)
        if sleeve <= 0.02:
            upper_half = (zone.upper < 1.15) & (zone.upper_along > 0.35)
            worn &= ~((np.minimum(zone.lower, zone.hand) < 1.2) | upper_half)
        if sleeve > 0.6:  # long sleeves in the colour of the trousers
            like_trousers = parts.lower & (nearest < 1.3) & (along < sleeve + 0.08) & beside
            worn |= like_trousers & (parts.skin_likelihood < 0.35)
        if sleeve > 0:
            worn &= ~((nearest < 1.35) & (along > sleeve + 0.10))
    worn = drop_specks(without_specks(worn), 0.04)
    soft = dilate(scene.enlarge(worn) * 255, max(2, int(0.012 * scene.width))).astype(np.float32) / 255
    soft = blur(soft, 0.7 / scene.person.scale)
    return np.asarray(soft * (1 - np.clip(scene.hair * 1.5, 0, 1)) * (1 - np.clip(scene.face * 2, 0, 1)))


def without_top(scene: Scene, canvas: Array, garment: Array, old: Array, hem: float) -> tuple[Array, Array]:
    """Remove the old top where the new garment does not cover it. -> (canvas, removed area)."""
    skin, shape = _upper_body_skin(scene)
    filled = skin * shape[..., None] + scene.background * (1 - shape[..., None])
    # below a short new hem the old top stays, like a layer underneath
    kept = (scene.axial > hem - 0.02) & (scene.lateral < 0.55) & (scene.arm > 1.0)
    here = np.clip(blur(dilate(scene.person.matte > 0.1, 2).astype(np.float32), 1.0), 0, 1)
    removed = np.clip(old * 1.35, 0, 1) * ~kept * here
    need = removed * np.clip(1 - garment, 0, 1)
    return over(canvas, filled + _grain(scene), need), removed


def _grain(scene: Scene) -> Array:
    """Fixed film grain, so that painted skin is not smoother than the photo."""
    return np.random.default_rng(0).normal(0, 1.6, (*scene.shape, 1)).astype(np.float32)


def _upper_body_skin(scene: Scene) -> tuple[Array, Array]:
    """-> (skin picture, soft shape of neck, shoulders, chest and arms)."""
    skin = grow(scene.colours.neck_field, scene.shape)
    skin *= (1 - 0.10 * np.exp(-(((scene.axial + 0.2) / 0.12) ** 2)))[..., None]  # the chin's shadow
    shape = polygon_mask(scene.shape, _neck_and_chest(scene))
    painted, total = np.zeros_like(skin), np.zeros(scene.shape, np.float32)
    for side in SIDES:
        if scene.person.arm_visible(side) < 0.3:
            continue
        arm_shape, colour, weight = _bare_arm(scene, side)
        shape = np.maximum(shape, arm_shape)
        painted += colour * weight[..., None]
        total += weight
    mixed = painted / np.maximum(total, 1e-3)[..., None]
    skin = over(skin, mixed, np.clip(total, 0, 1))
    return skin, blur(shape, 1.1)


def _neck_and_chest(scene: Scene) -> Array:
    body, person = scene.body, scene.person
    chin = person.head.chin if person.head is not None else body.at(-0.2, 0.0)
    right_slope = [body.on_shoulder(u, 0.035) for u in (0.20, 0.30, 0.40, 0.50, 0.56)]
    left_slope = [body.on_shoulder(-u, 0.035) for u in (0.56, 0.50, 0.40, 0.30, 0.20)]
    right_side = [body.at(axial, 0.86 * float(body.half_at("L", axial))) for axial in (0.35, 0.6, 0.9)]
    left_side = [body.at(axial, -0.86 * float(body.half_at("R", axial))) for axial in (0.9, 0.6, 0.35)]
    neck = [chin - scene.person.across * 0.17 * scene.width, chin + scene.person.across * 0.17 * scene.width]
    return np.array([*neck, *right_slope, *right_side, *left_side, *left_slope])


def _bare_arm(scene: Scene, side: str) -> tuple[Array, Array, Array]:
    """-> (shape, shaded skin, blending weight) of one arm drawn as a tapering cylinder."""
    body, colours = scene.body, scene.colours
    limb, sleeve = body.arms[side], scene.sleeve_worn(side)
    along = limb.distance / limb.total
    bare = (along > sleeve + 0.06) & (along < 1)
    if bare.sum() > 2:
        build = float(np.clip(np.median((np.minimum(limb.outer, limb.inner) / limb.usual)[bare]), 0.7, 1.12))
    else:
        build = 0.88
    half = limb.usual * build * np.interp(along, [0, 0.1, 1], [0.98, 0.98, 1.0])
    covered = sleeve > 0.1
    outer = np.minimum(half, limb.outer * 0.97) if covered else limb.outer
    inner = np.minimum(half, limb.inner * 0.99) if covered else limb.inner
    edges = limb.centre + limb.normal * outer[:, None], limb.centre - limb.normal * inner[:, None]
    across = np.linspace(0, 1, 9)[None, :, None]
    mesh = edges[0][:, None] * (1 - across) + edges[1][:, None] * across
    uv = np.stack(np.broadcast_arrays(np.linspace(-1, 1, 9)[None], along[:, None]), -1).astype(np.float32)
    raster = rasterise(MeshPart("arm", mesh, mesh, uv), scene.shape)
    u, v = raster.uv[..., 0], raster.uv[..., 1]
    drawn = raster.covered.astype(np.float32)
    if 0 < sleeve < 0.85:
        drawn *= 1 - smoothstep(min(1.0, sleeve + 0.05), min(1.06, sleeve + 0.10), v)
    xs, ys = grid(scene.shape)
    x, y = limb.centre[0] + body.down * 0.035 * scene.width
    shape = np.maximum(drawn, np.clip(0.175 * scene.width - np.hypot(xs - x, ys - y) + 0.5, 0, 1))
    shade = np.where(raster.covered, 1.04 - 0.24 * np.abs(u) ** 2.4, 0.97).astype(np.float32)
    colour = np.broadcast_to(colours.arm[side], scene.photo.shape)
    if colours.arm_masks[side].sum() > 80:
        local = blur(grow(push_pull(scene.person.small, colours.arm_masks[side]), scene.shape), 0.06 * scene.width)
        colour = 0.45 * colour + 0.55 * local
    weight = shape * np.where(raster.covered, smoothstep(0.02, 0.2, v), 0.12)
    weight = blur(weight.astype(np.float32), 0.02 * scene.width) * shape
    return shape, colour * shade[..., None], weight


def without_bottom(scene: Scene, canvas: Array, garment: Array, start: float, hands: Array) -> Array:
    """Bare legs or background where old trousers or an old skirt would stick out below axial ``start``."""
    parts, zones = scene.parts, scene.zones
    worn = parts.lower | (parts.upper & (zones.axial > start + 0.02) & (zones.arm > 1.2))
    old = np.clip(dilate(scene.enlarge(worn) * 255, 3).astype(np.float32) / 255 * 1.4, 0, 1)
    old *= (1 - np.clip(hands * 1.5, 0, 1)) * (1 - _feet(scene))
    shape, shade = _leg_shape(scene)
    legs = _leg_skin(scene) * (shade * shape)[..., None] + scene.background * (1 - shape[..., None])
    need = old * (1 - np.clip(garment, 0, 1)) * (scene.axial > start)
    return over(canvas, legs, need)


def _leg_skin(scene: Scene) -> Array:
    zones, certain, small = scene.zones, scene.colours.certain, scene.person.small
    on_legs = certain * ((zones.leg < 1.3) & (zones.axial > 1.2) & (zones.hand > 1.3) & (zones.arm > 1.3))
    source = on_legs if on_legs.sum() > 150 else certain * (erode(scene.parts.face > 0.5, 2) == 0)
    if source.sum() < 60:
        source = certain
    base = np.median(small[source > 0], 0) if (source > 0).sum() > 20 else np.array([190.0, 150, 130])
    if source.sum() <= 60:
        return np.broadcast_to(base.astype(np.float32), scene.photo.shape)
    local = blur(grow(push_pull(small, source), scene.shape), 0.08 * scene.width)
    return 0.5 * base.astype(np.float32) + 0.5 * local


def _leg_shape(scene: Scene) -> tuple[Array, Array]:
    """-> (soft shape, cylinder shading): thigh, calf and shin as tapering capsules."""
    width, joints = scene.width, scene.person.joints
    shape, nearest = np.zeros(scene.shape, np.float32), np.full(scene.shape, 9.0, np.float32)
    for leg in LEGS.values():
        hip, knee, ankle = joints[leg.hip], joints[leg.knee], joints[leg.ankle]
        calf, heel = knee + (ankle - knee) * 0.35, knee + (ankle - knee) * 1.06
        for start, end, thick, thin in (
            (hip, knee, 0.29, 0.155), (knee, calf, 0.15, 0.152), (calf, heel, 0.152, 0.088)
        ):  # fmt: skip
            distance, _ = capsule(scene.shape, start, end, thick * width, thin * width)
            shape = np.maximum(shape, np.clip((1 - distance) * thin * width / 1.5, 0, 1))
            nearest = np.minimum(nearest, distance)
    return shape, 1.04 - 0.26 * np.clip(nearest, 0, 1) ** 2.6


def _feet(scene: Scene) -> Array:
    """Shoes stay. A pixel in the colour of the trousers counts as shoe only well below the ankle."""
    feet = np.zeros(scene.shape, np.float32)
    person, zones, width = scene.person, scene.zones, scene.width
    if not person.ankles_visible:
        return feet
    lab = to_lab(person.small).astype(np.float32)
    thigh = scene.parts.lower & (zones.axial > 1.2) & (zones.leg < 1.0)
    alike = np.zeros(scene.shape, np.float32)
    if thigh.sum() > 60:
        difference = (lab - np.median(lab[thigh], 0)) * np.array([0.4, 1.5, 1.5])
        alike = scene.enlarge(np.exp(-0.5 * (difference**2).sum(-1) / 15**2))
    xs, ys = grid(scene.shape)
    for leg in LEGS.values():
        ankle = person.joints[leg.ankle]
        shin = ankle - person.joints[leg.knee]
        shin = shin / (np.hypot(*shin) + 1e-6)
        below = (xs - ankle[0]) * shin[0] + (ys - ankle[1]) * shin[1]
        trousers_like = smoothstep(0.15 * width, 0.20 * width, below)
        shoe = np.where(alike > 0.45, trousers_like, smoothstep(0.02 * width, 0.07 * width, below))
        feet = np.maximum(feet, shoe * (np.hypot(xs - ankle[0], ys - ankle[1]) < 0.75 * width))
    return feet
