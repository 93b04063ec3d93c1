"""Bare legs, or background, where old trousers or an old skirt would show beside or below the new garment."""

from __future__ import annotations

import numpy as np

from .bare import grain
from .body import mask_reach, without_arms
from .geometry import grid, interpolate_points, smooth, smooth_points, smoothstep
from .imaging import Array, blur, connected_to, dilate, ellipse, erode, extent, grow, opening, spread, to_lab
from .joints import LEGS, OTHER, SIDES
from .mesh import MeshPart, under
from .scene import Scene

_ROWS = 60
_END = 1.16  # a leg goes on behind the shoe
_COLUMNS = 11
_KNEE = 0.5  # place of the knee along a leg whose thigh and shin are given half each; 1 is the ankle
# half widths of a bare leg in shoulder widths, seen from the front: the calf bulges higher outside than inside
_ALONG = [0.0, 0.20, 0.38, 0.46, 0.50, 0.56, 0.64, 0.70, 0.80, 0.92, 1.0, 1.06]
_OUTER = [0.30, 0.235, 0.180, 0.158, 0.150, 0.146, 0.160, 0.158, 0.126, 0.084, 0.080, 0.088]
_INNER = [0.24, 0.225, 0.180, 0.160, 0.152, 0.142, 0.148, 0.154, 0.132, 0.084, 0.078, 0.084]


def without_bottom(
    scene: Scene, canvas: Array, garment: Array, start: float, hands: Array, hems: dict[str, float]
) -> tuple[Array, Array]:
    """Remove the old bottom below axial ``start`` where the new garment does not cover it.

    -> (canvas, where there is background now)

    ``hems``: axial position per wearer's side from which the legs are bare; above it there is only background.
    """
    parts, zones = scene.parts, scene.zones
    feet, ankles = _feet(scene)
    worn = parts.lower | (parts.upper & (zones.axial > start + 0.08) & (zones.arm > 1.2)) | ankles
    margin = max(3, int(0.016 * scene.width))
    old = np.clip(blur(dilate(scene.enlarge(worn) > 0.4, margin).astype(np.float32), 1.2) * 1.4, 0, 1)
    old *= (1 - np.clip(hands * 1.5, 0, 1)) * (1 - feet)
    skin, shape = _bare_legs(scene, hems)
    need = old * (1 - np.clip(garment, 0, 1)) * (scene.axial > start)
    if (box := extent(need)) is not None:
        own = shape[box][..., None]
        filled = skin[box] * own + scene.background[box] * (1 - own) + grain(scene)[box] * own
        canvas[box] += (filled - canvas[box]) * need[box][..., None]
    return canvas, need * (1 - shape)


def _bare_legs(scene: Scene, hems: dict[str, float]) -> tuple[Array, Array]:
    """-> (shaded skin, soft shape) of both legs below their hems."""
    colour = _leg_colour(scene)
    shape, shade = np.zeros(scene.shape, np.float32), np.ones(scene.shape, np.float32)
    for side in SIDES:
        own_shape, own_shade = _leg(scene, side)
        own_shape = own_shape * (scene.axial > hems[side] - 0.05)
        shade = np.where(own_shape > shape, own_shade, shade)
        shape = np.maximum(shape, own_shape)
    return colour * shade[..., None], shape


def _leg(scene: Scene, side: str) -> tuple[Array, Array]:
    """-> (soft shape, light) of one leg from hip to heel."""
    person, width, leg = scene.person, scene.width, LEGS[side]
    hip, knee, ankle = (person.joints[i] for i in leg[:3])
    along = np.linspace(0, _END, _ROWS)
    corners = np.array([0.0, _KNEE, 1.0, _END])
    centre = interpolate_points(along, corners, np.stack([hip, knee, ankle, ankle + (ankle - knee) * 2 * (_END - 1)]))
    centre = smooth_points(centre, 9, mirror=True)
    tangent = np.gradient(centre, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None] + 1e-6
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1) * leg.sign
    outer, inner = (np.interp(along, _ALONG, profile) * width for profile in (_OUTER, _INNER))
    outer, inner = _half_widths(scene, centre, normal, outer), _half_widths(scene, centre, -normal, inner)
    edges = centre + normal * outer[:, None], centre - normal * inner[:, None]
    across = np.linspace(0, 1, _COLUMNS)[None, :, None]
    mesh = edges[0][:, None] * (1 - across) + edges[1][:, None] * across
    uv = np.stack(np.broadcast_arrays(np.linspace(-1, 1, _COLUMNS)[None], along[:, None]), -1).astype(np.float32)
    u, v, covered = under(MeshPart("bare leg", mesh, mesh, uv), scene.shape)
    shape = blur(covered.astype(np.float32), 0.9)
    return shape, np.where(covered, _light(u, v), 0.8).astype(np.float32)


def _light(u: Array, v: Array) -> Array:
    """A leg's form: a cylinder with kneecap, the hollow below it, shin and calf. ``u`` is -1 outside, 1 inside."""
    light = 1.05 - 0.24 * np.abs(u) ** 2.3 - 0.03 * u
    cap = np.exp(-(((v - _KNEE + 0.012) / 0.030) ** 2) - (u / 0.55) ** 2)
    below = np.exp(-(((v - _KNEE - 0.040) / 0.018) ** 2) - (u / 0.65) ** 2)
    beside = np.exp(-(((v - _KNEE + 0.005) / 0.040) ** 2) - ((np.abs(u) - 0.68) / 0.20) ** 2)
    shin = np.exp(-(((u + 0.12) / 0.22) ** 2)) * smoothstep(0.56, 0.64, v) * (1 - smoothstep(0.85, 0.97, v))
    calf = np.exp(-(((v - 0.68) / 0.09) ** 2)) * smoothstep(0.35, 0.9, np.abs(u))
    ankle = np.exp(-(((v - 0.985) / 0.018) ** 2) - ((np.abs(u) - 0.72) / 0.22) ** 2)
    return np.asarray(light + 0.030 * cap - 0.050 * below - 0.045 * beside + 0.025 * shin - 0.045 * calf + 0.03 * ankle)


def _half_widths(scene: Scene, centre: Array, normal: Array, usual: Array) -> Array:
    """Usual half widths to one side, less where close-fitting trousers show that the leg is slimmer."""
    mask, scale = without_arms(scene.person), scene.person.scale
    seen = mask_reach(mask, scale, centre, normal, 0.4 * usual, 2.0 * usual)
    share = np.where(np.isnan(seen), 1.0, seen * 0.95 / usual)
    return smooth(np.clip(share, 0.72, 1.0), 15) * usual


def _leg_colour(scene: Scene) -> Array:
    """Skin colour for the legs: from bare legs, else from the arms, else from the face."""
    zones, certain, small = scene.zones, scene.colours.certain, scene.person.small
    on_legs = certain * ((zones.leg < 1.3) & (zones.axial > 1.2) & (zones.hand > 1.3) & (zones.arm > 1.3))
    on_arms = np.maximum(scene.colours.arm_masks["L"], scene.colours.arm_masks["R"])
    on_face = certain * (erode(scene.parts.face > 0.5, 2) == 0)
    source = next((mask for mask in (on_legs, on_arms, on_face) if (mask > 0).sum() > 150), certain)
    if (source > 0).sum() <= 20:
        return np.broadcast_to(scene.colours.arm["L"].astype(np.float32), scene.photo.shape)
    base = np.median(small[source > 0], 0).astype(np.float32)
    if source is not on_legs:
        return np.broadcast_to(base, scene.photo.shape)
    return 0.5 * base + 0.5 * blur(grow(spread(small, source), scene.shape), 0.08 * scene.width)


def _feet(scene: Scene) -> tuple[Array, Array]:
    """-> (shoes and bare feet, which stay: soft, full size; bare ankles between shoe and old hem: bool, analysis size).

    A foot is what lies around the ankle and is not in the colour of the trousers.
    """
    person = scene.person
    width, shape = scene.width * person.scale, (person.mask.shape[0], person.mask.shape[1])
    feet, bare, soles = (np.zeros(shape, bool) for _ in range(3))
    if not person.ankles_visible:
        return np.zeros(scene.shape, np.float32), bare
    xs, ys = grid(shape)
    ankles = {side: person.joints[leg.ankle] * person.scale for side, leg in LEGS.items()}
    away = {side: np.hypot(xs - x, ys - y) for side, (x, y) in ankles.items()}
    unlike = _unlike_trousers(scene, np.minimum(away["L"], away["R"]) / width)
    top = max(0, int(min(y for _, y in ankles.values()) - 0.75 * width))
    like_skin = np.zeros(shape, bool)
    like_skin[top:] = _skin_in_shade(scene, top) & (person.mask[top:] > 0.5)
    for side, leg in LEGS.items():
        ankle, knee = ankles[side], person.joints[leg.knee] * person.scale
        shin = (ankle - knee) / (np.hypot(*(ankle - knee)) + 1e-6)
        below = (xs - ankle[0]) * shin[0] + (ys - ankle[1]) * shin[1]
        near = (away[side] < 0.75 * width) & (away[side] <= away[OTHER[side]])
        foot = near & (below > 0.18 * width)
        candidate = near & (below > -0.25 * width) & (unlike > 0)
        soles |= foot
        feet |= foot | connected_to(candidate | foot, foot)
        skin = opening(near & like_skin & (below > -0.35 * width), ellipse(3)) > 0
        # the shade of the old hem goes with it; a bare foot or a tan boot reaches farther down than an ankle
        bare |= skin & ~connected_to(skin, foot & (below > 0.26 * width)) & (below < 0.24 * width)
    feet = connected_to(opening(feet & ~bare, ellipse(5)) > 0, soles)  # without scraps of the old hem
    return np.clip(blur(scene.enlarge(feet), 1.0) * 1.4 - 0.2, 0, 1), bare


def _skin_in_shade(scene: Scene, top: int) -> Array:
    """Bool, analysis size from row ``top`` on: pixels with the hue of the skin, darker than it shows elsewhere."""
    lab = to_lab(np.ascontiguousarray(scene.person.small[top:])).astype(np.float32)
    skin = scene.parts.skin_lab
    usual = float(np.hypot(*(skin[1:] - 128))) + 1e-6
    colour = lab[..., 1:] - 128
    along = colour @ ((skin[1:] - 128) / usual).astype(np.float32)
    chroma = np.hypot(colour[..., 0], colour[..., 1])
    return np.asarray((along > 0.9 * chroma) & (chroma > 0.35 * usual) & (lab[..., 0] < 0.85 * skin[0]))


def _unlike_trousers(scene: Scene, from_ankle: Array) -> Array:
    """uint8, analysis size: the person's pixels that cannot be the old bottom. ``from_ankle``: in shoulder widths."""
    person, worn = scene.person, scene.parts.lower & (scene.zones.axial > 1.2)
    body = person.mask > 0.5
    lab = to_lab(person.small).astype(np.float32)
    unlike = body.copy()
    # the shin may be in shade where the thigh is faded
    for sample in (worn & (scene.zones.leg < 1.0), worn & (from_ankle > 0.35) & (from_ankle < 0.9)):
        if sample.sum() > 60:
            difference = (lab - np.median(lab[sample], 0)) * np.array([0.45, 1.5, 1.5])
            unlike &= (difference**2).sum(-1) > 19**2
    # a frayed hem has other colours than the cloth it belongs to
    hem = dilate(opening(body & ~unlike, ellipse(5)), max(1, int(0.03 * scene.width * person.scale)))
    return opening(unlike & (hem == 0), ellipse(3))
