"""Skin where the old top covered it and the new garment does not: neck, shoulders, arms."""

from __future__ import annotations

import numpy as np

from .geometry import grid, polygon_mask, smoothstep
from .imaging import Array, blur, dilate, drop_specks, grow, push_pull
from .joints import SIDES
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
            worn &= ~(((np.minimum(zone.lower, zone.hand) < 1.2) | upper_half) & (parts.skin_likelihood > 0.05))
        if sleeve > 0.6:  # long sleeves in the colour of the trousers
            like_trousers = parts.lower & (nearest < 1.3) & (along < sleeve + 0.08) & beside
            worn |= like_trousers & (parts.skin_likelihood < 0.35)
        if sleeve > 0:
            worn &= ~((nearest < 1.35) & (along > sleeve + 0.10) & (parts.skin_likelihood > 0.05))
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
    return over(canvas, filled + grain(scene) * shape[..., None], need), removed


def grain(scene: Scene) -> Array:
    """Fixed film grain, so that painted skin is not smoother than the photo."""
    return np.random.default_rng(0).normal(0, 1.4, (*scene.shape, 1)).astype(np.float32)


def _upper_body_skin(scene: Scene) -> tuple[Array, Array]:
    """-> (skin picture, soft shape of neck, shoulders, chest and arms)."""
    skin = _chest_colour(scene)
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


def _chest_colour(scene: Scene) -> Array:
    """The neck's skin, and lower down that of the arms: the neck lies in the chin's shadow, the chest does not."""
    colours = scene.colours
    neck = grow(colours.neck_field, scene.shape)
    neck *= (1 - 0.10 * np.exp(-(((scene.axial + 0.2) / 0.12) ** 2)))[..., None]  # the chin's shadow
    seen = [colours.arm[side] for side in SIDES if colours.arm_masks[side].sum() > 80]
    if not seen:
        return neck
    lower = smoothstep(-0.16, 0.08, scene.axial)[..., None]
    chest = neck * (1 - 0.7 * lower) + np.mean(seen, 0).astype(np.float32) * (0.7 * lower)
    # beside skin that shows, its own colours go on, or the border would be seen
    known = colours.certain * (dilate(scene.parts.face > 0.5, 2) == 0)
    near = np.clip(blur(known, 0.16 * scene.width * scene.person.scale) * 3.0, 0, 0.92)
    local = grow(push_pull(scene.person.small, known), scene.shape)
    return np.asarray(chest + (local - chest) * grow(near, scene.shape)[..., None])


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
    bare = (along > sleeve + 0.06) & (along < min(1.0, sleeve + 0.40))
    outer, inner = limb.outer, limb.inner
    if sleeve > 0.1:  # under the sleeve the arm goes on as wide as it comes out of it
        build = [np.median((width / limb.usual)[bare]) if bare.sum() > 2 else 0.88 for width in (outer, inner)]
        outer, inner = (
            np.minimum(limb.usual * float(np.clip(share, 0.7, 1.15)), width * 0.95)
            for share, width in zip(build, (outer, inner), strict=True)
        )
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
    weight = shape * np.where(raster.covered, smoothstep(-0.05, 0.14, v), 0.3)
    if sleeve <= 0.1:  # nothing to invent: the skin around goes on
        weight = weight * 0.2
    weight = blur(weight.astype(np.float32), 0.02 * scene.width) * shape
    return shape, colour * shade[..., None], weight
