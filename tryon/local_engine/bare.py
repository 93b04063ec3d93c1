"""Skin where the old top covered it and the new garment does not: neck, shoulders, arms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .dressed import Invented
from .geometry import grid, polygon_mask, smoothstep
from .imaging import Array, Shape, blur, closing, connected_to, dilate, drop_specks, ellipse, extent, opening, spread
from .joints import SIDES
from .mesh import MeshPart, under
from .parsing import without_specks
from .person import LONG_SLEEVE
from .scene import Scene
from .shading import over

_UNLIKE_WALL = 6  # grey levels
_TILE = 512  # pixels of a side of the repeated noise


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
        if sleeve <= LONG_SLEEVE and parts.hem is not None:  # what is beside the hip can't be the sleeve of this arm
            worn &= ~((zones.axial > parts.hem + 0.08) & (nearest < 1.6))
        if sleeve <= 0.02:
            upper_half = (zone.upper < 1.15) & (zone.upper_along > 0.35)
            worn &= ~(((np.minimum(zone.lower, zone.hand) < 1.2) | upper_half) & (parts.skin_likelihood > 0.05))
        if sleeve > LONG_SLEEVE:  # long sleeves in the colour of the trousers
            on_arm = (nearest < 1.3) & (nearest < 0.9 * zones.leg)
            like_trousers = parts.lower & on_arm & (along < sleeve + 0.08) & beside
            worn |= like_trousers & (parts.skin_likelihood < 0.35)
        if sleeve > 0:
            worn &= ~((nearest < 1.35) & (along > sleeve + 0.10) & (parts.skin_likelihood > 0.05))
    worn = drop_specks(without_specks(worn), 0.01)
    soft = dilate(scene.enlarge(worn) * 255, max(2, int(0.012 * scene.width))).astype(np.float32) / 255
    soft = blur(soft, 0.7 / scene.person.scale)
    return np.asarray(soft * (1 - np.clip(scene.hair * 1.5, 0, 1)) * (1 - np.clip(scene.face * 2, 0, 1)))


@dataclass(frozen=True, slots=True)
class Removed:
    """What taking off the old top has changed."""

    removed: Array  # the old top
    gone: Array  # where there is background now
    invented: Invented


def without_top(scene: Scene, canvas: Array, garment: Array, old: Array, arms: Array, hem: float) -> Removed:
    """Remove the old top where the new garment does not cover it; changes ``canvas``.

    ``arms``: bare skin that stays.
    """
    # below a short new hem the old top stays, like a layer underneath
    kept = (scene.axial > hem - 0.02) & (scene.lateral < 0.55) & (scene.arm > 1.0)
    if max(scene.sleeve_worn(side) for side in SIDES) > LONG_SLEEVE:  # a wide cuff beside the hip is no layer
        kept &= (scene.arm > 1.7) | (scene.leg < 0.9)
    here = np.clip(blur(dilate(scene.person.matte > 0.1, 2).astype(np.float32), 1.0), 0, 1)
    removed = np.clip(old * 1.35, 0, 1) * ~kept * here
    need = removed * np.clip(1 - garment, 0, 1)
    box = extent(need)
    if box is None:
        return Removed(removed, np.zeros_like(need), Invented())
    skin, shape = _upper_body_skin(scene, need)
    shape = np.maximum(shape, _beside_the_neck(scene, np.maximum(shape, garment)))
    need *= 1 - arms * (1 - shape)  # the old top's margin reaches into the arms beside it
    shape *= 1 - _slim_skin(scene, need * shape)
    if scene.plain_background:
        scraps = _scraps(scene, old) * np.clip(1 - garment, 0, 1)
        shape *= 1 - scraps * (1 - need)
        need, removed = np.maximum(need, scraps), np.maximum(removed, scraps)
        box = extent(need) or box
    filled = skin[box] * shape[box][..., None] + scene.background[box] * (1 - shape[box][..., None])
    filled += grain(scene)[box] * shape[box][..., None]
    canvas[box] += (filled - canvas[box]) * need[box][..., None]
    area, gone = max(1.0, float(scene.person.matte.sum())), need * (1 - shape)
    return Removed(removed, gone, Invented(float((need * shape).sum()) / area, float(gone.sum()) / area))


def _slim_skin(scene: Scene, painted: Array) -> Array:
    """Soft mask of painted skin that would look out as a mere line beside the new garment, away from real skin."""
    slim = np.zeros(scene.shape, np.float32)
    box = extent(painted > 0.3, round(0.05 * scene.width))
    if box is not None:
        shown = painted[box] > 0.3
        broad = dilate(opening(shown, ellipse(max(3, round(0.02 * scene.width) | 1))), 2)
        real = dilate(scene.skin[box] > 0.5, max(2, round(0.03 * scene.width)))
        found = shown & (broad == 0) & (real == 0)
        slim[box] = blur(dilate(found, 2).astype(np.float32), 0.9) * (broad == 0)
    return slim


def _scraps(scene: Scene, old: Array) -> Array:
    """Soft mask of what is left of the old top beside its outline: trims and edges that were taken for background."""
    scraps, reach = np.zeros(scene.shape, np.float32), max(3, round(0.05 * scene.width))
    box = extent(old > 0.5, reach + 3)
    if box is None:
        return scraps
    own = dilate(scene.enlarge(scene.parts.lower)[box] > 0.3, 2)
    # beside skin and hair the photo's own sharpening draws a halo, which stays
    bare = np.maximum(np.maximum(scene.skin[box], scene.hair[box]), scene.face[box])
    own |= dilate(bare > 0.25, max(3, round(0.02 * scene.width)))
    around = (dilate(old[box] > 0.5, reach) > 0) & (own == 0)
    unlike = np.abs(scene.photo[box] - scene.background[box]).max(-1)
    seen = around & (unlike > _UNLIKE_WALL)  # a faint rim only beside what is certain: a wall has shades too
    found = closing(connected_to(seen, unlike > 3 * _UNLIKE_WALL), ellipse(5)) & around
    scraps[box] = blur(dilate(found, 2).astype(np.float32), 0.9) * (own == 0)
    return scraps


def _beside_the_neck(scene: Scene, solid: Array) -> Array:
    """Soft mask of the narrow gap between the neck and a new collar: there the shoulder rises, no background shows."""
    around = np.zeros(scene.shape, np.uint8)
    x, y = scene.body.at(-0.25, scene.body.neck_shift)
    radius = 0.42 * scene.width
    box = np.s_[max(0, int(y - radius)) : int(y + radius), max(0, int(x - radius)) : int(x + radius)]
    seen = (np.maximum(solid, np.maximum(scene.skin, scene.face))[box] > 0.5).astype(np.uint8)
    if not seen.size:
        return around.astype(np.float32)
    kernel = ellipse(max(3, int(0.075 * scene.width) | 1))
    around[box] = closing(seen, kernel) * (scene.axial[box] > -0.62)
    return blur(around.astype(np.float32), 0.8)


def grain(scene: Scene) -> Array:
    """Fixed film grain and faint mottling, so that painted skin is not smoother than the photo."""
    fine, rough = _noise()
    coarse = blur(rough, 0.022 * scene.width)
    tile = 1.5 * fine + coarse * (1.6 / max(float(coarse.std()), 1e-6))
    height, width = scene.shape
    return np.tile(tile, (-(-height // _TILE), -(-width // _TILE)))[:height, :width, None]


@cache
def _noise() -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    return random.standard_normal((_TILE, _TILE), np.float32), random.standard_normal((_TILE, _TILE), np.float32)


def _arm_light(u: Array, v: Array) -> Array:
    """A bare arm's form: darker towards the body, a soft light along the bone, the hollow of the elbow."""
    light = 1.07 - 0.33 * np.abs(u) ** 2.2 - 0.07 * u
    elbow = np.exp(-(((v - 0.53) / 0.045) ** 2) - ((u + 0.15) / 0.5) ** 2)
    ridge = np.exp(-(((u + 0.28) / 0.3) ** 2)) * smoothstep(0.05, 0.25, v)
    return np.asarray(light - 0.05 * elbow + 0.035 * ridge)


def _upper_body_skin(scene: Scene, need: Array) -> tuple[Array, Array]:
    """-> (skin picture, soft shape of neck, shoulders, chest and arms), right where ``need`` is above 0."""
    skin = scene.enlarge(_chest_colour(scene))
    shape = polygon_mask(scene.shape, _neck_and_chest(scene))
    painted, total = np.zeros_like(skin), np.zeros(scene.shape, np.float32)
    for side in SIDES:
        if scene.person.arm_visible(side) < 0.3:
            continue
        box = _arm_box(scene, side)
        if not (need[box] > 0.02).any():
            continue
        arm_shape, colour, weight = _bare_arm(scene, side, box)
        shape[box] = np.maximum(shape[box], arm_shape)
        painted[box] += colour * weight[..., None]
        total[box] += weight
    mixed = painted / np.maximum(total, 1e-3)[..., None]
    skin = over(skin, mixed, np.clip(total, 0, 1))
    return skin, blur(shape, 1.1)


def _chest_colour(scene: Scene) -> Array:
    """The neck's skin, and lower down that of the arms: the neck lies in the chin's shadow, the chest does not.

    Analysis size: it is smooth.
    """
    colours, axial = scene.colours, scene.zones.axial
    neck = colours.neck_field * (1 - 0.10 * np.exp(-(((axial + 0.2) / 0.12) ** 2)))[..., None]  # the chin's shadow
    seen = [colours.arm[side] for side in SIDES if colours.arm_masks[side].sum() > 80]
    if not seen:
        return np.asarray(neck)
    lower = smoothstep(-0.16, 0.08, axial)[..., None]
    chest = neck * (1 - 0.7 * lower) + np.mean(seen, 0).astype(np.float32) * (0.7 * lower)
    # beside skin that shows, its own colours go on, or the border would be seen
    known = colours.certain * (dilate(scene.parts.face > 0.5, 2) == 0)
    near = np.clip(blur(known, 0.16 * scene.width * scene.person.scale) * 3.0, 0, 0.92)
    local = spread(scene.person.small, known)
    return np.asarray(chest + (local - chest) * near[..., None])


def _neck_and_chest(scene: Scene) -> Array:
    body, person = scene.body, scene.person
    chin = person.head.chin if person.head is not None else body.at(-0.2, 0.0)
    right_slope = [body.on_shoulder(u, 0.035) for u in (0.20, 0.30, 0.40, 0.50, 0.56)]
    left_slope = [body.on_shoulder(-u, 0.035) for u in (0.56, 0.50, 0.40, 0.30, 0.20)]
    right_side = [body.at(axial, 0.86 * float(body.half_at("L", axial))) for axial in (0.35, 0.6, 0.9)]
    left_side = [body.at(axial, -0.86 * float(body.half_at("R", axial))) for axial in (0.9, 0.6, 0.35)]
    neck = [chin - scene.person.across * 0.17 * scene.width, chin + scene.person.across * 0.17 * scene.width]
    return np.array([*neck, *right_slope, *right_side, *left_side, *left_slope])


def _arm_box(scene: Scene, side: str) -> tuple[slice, slice]:
    """Rows and columns that hold the arm with room for its blurred edge."""
    limb, margin = scene.body.arms[side], int(0.12 * scene.width) + 4
    reach = max(float(limb.outer.max()), float(limb.inner.max())) + margin
    low, high = limb.centre.min(0) - reach, limb.centre.max(0) + reach
    top, bottom = (int(np.clip(value, 0, scene.shape[0])) for value in (low[1], high[1]))
    left, right = (int(np.clip(value, 0, scene.shape[1])) for value in (low[0], high[0]))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _bare_arm(scene: Scene, side: str, box: tuple[slice, slice]) -> tuple[Array, Array, Array]:
    """-> (shape, shaded skin, blending weight) of one arm drawn as a tapering cylinder; the pixels of ``box``."""
    body, colours = scene.body, scene.colours
    rows, columns = box
    part: Shape = (rows.stop - rows.start, columns.stop - columns.start)
    limb, sleeve = body.arms[side], scene.sleeve_worn(side)
    along = limb.distance / limb.total
    bare = (along > sleeve + 0.12) & (along < min(1.0, sleeve + 0.30))
    outer, inner = limb.outer, limb.inner
    if sleeve > 0.1 and not limb.seen:  # under the sleeve the arm goes on as wide as it comes out of it
        build = [np.median((width / limb.usual)[bare]) if bare.sum() > 2 else 0.88 for width in (outer, inner)]
        outer, inner = (
            np.minimum(limb.usual * float(np.clip(share, 0.7, 1.35)), width)
            for share, width in zip(build, (outer, inner), strict=True)
        )
    start = np.array([columns.start, rows.start])
    centre = limb.centre - start
    edges = centre + limb.normal * outer[:, None], centre - limb.normal * inner[:, None]
    across = np.linspace(0, 1, 9)[None, :, None]
    mesh = edges[0][:, None] * (1 - across) + edges[1][:, None] * across
    uv = np.stack(np.broadcast_arrays(np.linspace(-1, 1, 9)[None], along[:, None]), -1).astype(np.float32)
    u, v, covered = under(MeshPart("arm", mesh, mesh, uv), part)
    drawn = covered.astype(np.float32)
    if 0 < sleeve < 0.85:
        drawn *= 1 - smoothstep(min(1.0, sleeve + 0.05), min(1.06, sleeve + 0.10), v)
    xs, ys = grid(part)
    x, y = centre[0] + body.down * 0.035 * scene.width
    round_end = min(0.175 * scene.width, float(outer[0]))
    shape = np.maximum(drawn, np.clip(round_end - np.hypot(xs - x, ys - y) + 0.5, 0, 1))
    shade = np.where(covered, _arm_light(u, v), 0.97).astype(np.float32)
    colour = np.broadcast_to(colours.arm[side], (*part, 3))
    if colours.arm_masks[side].sum() > 80:
        seen = blur(spread(scene.person.small, colours.arm_masks[side]), 0.06 * scene.width * scene.person.scale)
        colour = 0.45 * colour + 0.55 * scene.enlarge(seen)[box]
    weight = shape * np.where(covered, smoothstep(-0.05, 0.14, v), 0.3)
    if sleeve <= 0.1:  # nothing to invent: the skin around goes on
        weight = weight * 0.2
    weight = blur(weight.astype(np.float32), 0.02 * scene.width) * shape
    return shape, colour * shade[..., None], weight
