"""Skin, hair, top and bottom: colour models seeded by the pose, weighted with where each part can be.

Method: per class a smoothed Lab histogram from certain pixels, times a positional prior, smoothed along picture
edges, re-estimated twice. Everything here works at analysis size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .border import bare_chest, straighten_hem
from .geometry import capsule, grid, polygon_mask
from .imaging import Array, Shape, connected_to, dilate, erode, grey, guided_filter, magnitude, opening, to_lab
from .joints import ARMS, L_HIP, L_SHOULDER, LEGS, NOSE, R_HIP, R_SHOULDER
from .nets import FACE_OVAL
from .person import ArmZone, Head, Parts, Person, Zones, spine_unit
from .worn import hem_worn, sleeve_worn

CLASSES = ("skin", "hair", "upper", "lower")
_NOT_SKIN = (  # eyes, lips, brows of the face mesh
    [33, 160, 158, 133, 153, 144], [362, 385, 387, 263, 373, 380], [61, 39, 0, 269, 291, 405, 17, 181],
    [70, 63, 105, 66, 107], [336, 296, 334, 293, 300],
)  # fmt: skip
_BINS = 20
_SHARPNESS = 0.6  # exponent of the colours against the places


@dataclass(slots=True)
class _Face:
    """Face geometry in analysis pixels."""

    oval: Array
    seed: Array
    chin: Array
    centre: Array
    width: float
    height: float


@dataclass(slots=True)
class _Skin:
    likelihood: Array
    median: Array
    sure: Array


@dataclass(slots=True)
class _Geometry:
    zones: Zones
    torso: Array  # bool, core of the torso
    shin: Array
    neck: Array
    head: Array
    above: Array  # bool, above the middle of the face
    neck_zone: Array  # bool


def parse(person: Person, mesh: Array | None) -> None:
    """Fill ``person.head``, ``zones`` and ``parts``. ``mesh`` is the (468, 2) face mesh or None."""
    face = _face_geometry(person, mesh)
    scale = person.scale
    person.head = Head(face.width / scale, face.height / scale, face.chin / scale, face.centre / scale)
    geometry = _geometry(person, face)
    lab = to_lab(person.small)
    skin = _skin_model(person, face, lab, geometry.neck_zone)
    person.zones = geometry.zones
    seeds = _seeds(person, face, skin, geometry)
    posterior = _posterior(person, lab, skin, seeds, _priors(face, skin, geometry), geometry.neck_zone)
    label = np.where(person.mask > 0.5, posterior.argmax(0), -1)
    near_seed = seeds["hair"] | (cv2.dilate(seeds["hair"].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    loose = (label == 1) & ~connected_to(label == 1, near_seed)
    # dark skin in the chin's shadow reads as hair: in the neck it is skin unless it clearly looks like cloth
    neck_skin = geometry.neck_zone & (skin.likelihood > 0.03) & (3 * posterior[0] > posterior[2])
    label = np.where(loose, np.where(neck_skin, 0, 2), label)
    label = _right_the_border(label, lab, skin, seeds, geometry)
    label = bare_chest(person, geometry.zones, label, lab, geometry.neck_zone)
    bare_share = posterior[0] / (posterior[0] + posterior[2] + 1e-6)
    sleeves = {side: sleeve_worn(person, side, bare_share) for side in ARMS}
    label = straighten_hem(person, geometry.zones, label, posterior, lab, sleeves)
    person.parts = Parts(
        skin=label == 0, hair=label == 1, upper=label == 2, lower=label == 3, face=face.oval,
        skin_likelihood=skin.likelihood, skin_lab=skin.median,
        sleeve=sleeves, hem=hem_worn(person, label, geometry.zones),
    )  # fmt: skip


def _right_the_border(label: Array, lab: Array, skin: _Skin, seeds: dict[str, Array], geometry: _Geometry) -> Array:
    """Bare chest that was taken for a pale top, and a dark collar that was taken for hair."""
    zones, values = geometry.zones, lab.astype(np.float32)
    top_like_skin = skin.likelihood[seeds["upper"]].mean() if seeds["upper"].any() else 1.0
    if top_like_skin < 0.08:
        chest = (label == 2) & (skin.likelihood > 0.15) & (zones.axial < 0.5) & (zones.axial > -0.3)
        on_skin = label == 0
        label = np.where(chest & connected_to(chest | on_skin, on_skin), 0, label)
    if seeds["hair"].sum() > 60 and seeds["upper"].sum() > 60:
        hair, top = (np.median(values[seeds[name]], 0) for name in ("hair", "upper"))
        low = (label == 1) & (zones.axial > -0.22) & (zones.lateral < 0.6)
        to_hair, to_top = (magnitude((values - c)[..., 1:]) for c in (hair, top))
        label = np.where(low & (to_hair > 12) & (to_top < to_hair - 6), 2, label)
    return label


def _face_geometry(person: Person, mesh: Array | None) -> _Face:
    shape: Shape = (person.mask.shape[0], person.mask.shape[1])
    if mesh is not None:
        points = mesh * person.scale
        oval = polygon_mask(shape, points[FACE_OVAL])
        holes = np.zeros(shape, np.float32)
        for part in _NOT_SKIN:
            centre = points[part].mean(0)
            holes = np.maximum(holes, polygon_mask(shape, centre + (points[part] - centre) * 1.35))
        chin, top = points[152], points[10]
        width = float(np.linalg.norm(points[234] - points[454]))
        seed = erode(oval * 255, int(width * 0.06)).astype(np.float32) / 255 * (1 - holes)
        return _Face(oval, seed, chin, (chin + top) / 2, width, float(np.linalg.norm(chin - top)))
    width = 0.55 * person.shoulder_width * person.scale
    height = width * 1.3
    up = spine_unit(person)
    nose_seen = person.visibility[NOSE] > 0.3
    centre = (
        person.joints[NOSE] * person.scale if nose_seen else person.shoulder_centre * person.scale + up * height * 1.1
    )
    chin, top = centre - up * height * 0.5, centre + up * height * 0.5
    distance, _ = capsule(shape, chin * 0.2 + centre * 0.8, top * 0.2 + centre * 0.8, width * 0.45, width * 0.45)
    oval = (distance < 1).astype(np.float32) * float(nose_seen)
    return _Face(oval, (distance < 0.7) * oval, chin, centre, width, height)


def arm_zones(person: Person, hand_reach: float = 1.9) -> dict[str, ArmZone]:
    shape: Shape = (person.mask.shape[0], person.mask.shape[1])
    joints, width = person.joints * person.scale, person.shoulder_width * person.scale
    zones = {}
    for side, arm in ARMS.items():
        upper, upper_along = capsule(shape, joints[arm.shoulder], joints[arm.elbow], 0.21 * width, 0.165 * width)
        lower, lower_along = capsule(shape, joints[arm.elbow], joints[arm.wrist], 0.165 * width, 0.125 * width)
        palm = (joints[arm.index_finger] + joints[arm.little_finger]) / 2
        tip = joints[arm.wrist] + (palm - joints[arm.wrist]) * hand_reach
        hand, _ = capsule(shape, joints[arm.wrist], tip, 0.15 * width, 0.17 * width)
        zones[side] = ArmZone(upper, upper_along, lower, lower_along, hand)
    return zones


def body_zones(person: Person) -> Zones:
    """Fields that follow from the joints alone; analysis size."""
    shape: Shape = (person.mask.shape[0], person.mask.shape[1])
    joints, scale = person.joints * person.scale, person.scale
    xs, ys = grid(shape)
    centre = person.shoulder_centre * scale
    torso, down, across = person.torso * scale, person.down, person.across
    width, hips = person.shoulder_width * scale, person.hip_width * scale
    axial = ((xs - centre[0]) * down[0] + (ys - centre[1]) * down[1]) / torso
    lateral = np.abs((xs - centre[0]) * across[0] + (ys - centre[1]) * across[1]) / width
    leg = np.full(shape, 9.0, np.float32)
    for joint in LEGS.values():
        radii = 0.36 * hips + 0.14 * width, 0.2 * width + 0.05 * hips
        leg = np.minimum(leg, capsule(shape, joints[joint.hip], joints[joint.knee], *radii)[0])
    return Zones(axial.astype(np.float32), lateral.astype(np.float32), arm_zones(person), leg)


def _geometry(person: Person, face: _Face) -> _Geometry:
    shape: Shape = (person.mask.shape[0], person.mask.shape[1])
    joints, scale = person.joints * person.scale, person.scale
    xs, ys = grid(shape)
    up, across = spine_unit(person), person.across
    centre, torso, width = person.shoulder_centre * scale, person.torso * scale, person.shoulder_width * scale
    core = polygon_mask(shape, np.array([
        joints[R_SHOULDER] + across * 0.12 * width - up * 0.12 * torso,
        joints[L_SHOULDER] - across * 0.12 * width - up * 0.12 * torso,
        joints[L_HIP] - across * 0.02 * width + up * 0.12 * torso,
        joints[R_HIP] + across * 0.02 * width + up * 0.12 * torso,
    ]))  # fmt: skip
    shin = np.full(shape, 9.0, np.float32)
    for leg in LEGS.values():
        shin = np.minimum(shin, capsule(shape, joints[leg.knee], joints[leg.ankle], 0.2 * width, 0.16 * width)[0])
    collar = centre + up * 0.02 * torso
    return _Geometry(
        zones=body_zones(person),
        torso=core > 0.5,
        shin=shin,
        neck=capsule(shape, face.chin, collar, 0.30 * width, 0.34 * width)[0],
        head=np.hypot((xs - face.centre[0]) / (face.width * 0.95), (ys - face.centre[1]) / (face.height * 0.95)),
        above=((xs - face.centre[0]) * -up[0] + (ys - face.centre[1]) * -up[1]) < -0.12 * face.height,
        neck_zone=capsule(shape, face.chin, collar, 0.27 * width, 0.36 * width)[0] < 1,
    )


def _mahalanobis(difference: Array, inverse: Array) -> Array:
    """Squared distance per pixel."""
    turned: Array = cv2.transform(difference, np.linalg.cholesky(inverse).T)
    return np.asarray(np.einsum("hwi,hwi->hw", turned, turned))


def _skin_model(person: Person, face: _Face, lab: Array, neck_zone: Array) -> _Skin:
    """Gaussian skin colour from the face; lightness hardly counts on the neck, which lies in the chin's shadow."""
    values = lab.astype(np.float32)
    sure = (face.seed > 0.5) & (person.mask > 0.5)
    if sure.sum() > 40:
        sample = values[sure]
        distance = np.abs(sample[:, 1:] - np.median(sample, 0)[1:]).sum(1)
        sample = sample[distance < np.percentile(distance, 75)]
    else:
        sample = _hand_colours(person, values)
    median = np.median(sample, 0)
    covariance = np.cov(sample.T) if len(sample) > 20 else np.diag([400.0, 30, 30])
    covariance = covariance + np.diag([500.0, 12, 16])
    difference = values - median
    likelihood = np.exp(-0.5 * np.maximum(0, _mahalanobis(difference, np.linalg.inv(covariance)) - 1.5))
    chroma = _mahalanobis(difference[..., 1:], np.linalg.inv(covariance[1:, 1:] + np.diag([8.0, 10.0])))
    lightness = values[..., 0] / max(1.0, float(median[0]))
    on_neck = np.exp(-0.5 * np.maximum(0, chroma - 1.2))
    on_neck *= np.clip((lightness - 0.28) / 0.2, 0, 1) * np.clip((1.22 - lightness) / 0.1, 0, 1)
    likelihood = np.where(neck_zone, np.maximum(likelihood, on_neck), likelihood)
    return _Skin(likelihood.astype(np.float32), median, sure)


def _hand_colours(person: Person, values: Array) -> Array:
    """A photo without a face: the hands tell the skin colour, else a middle tone does."""
    shape: Shape = (values.shape[0], values.shape[1])
    width, joints = person.shoulder_width * person.scale, person.joints * person.scale
    hands = np.zeros(shape, bool)
    for arm in ARMS.values():
        if person.visibility[arm.wrist] > 0.5:
            hands |= capsule(shape, joints[arm.wrist], joints[arm.index_finger], 0.1 * width, 0.1 * width)[0] < 1
    hands &= person.mask > 0.5
    return values[hands] if hands.sum() > 30 else np.array([[170, 143, 147]], np.float32)


def _seeds(person: Person, face: _Face, skin: _Skin, geometry: _Geometry) -> dict[str, Array]:
    """Pixels that certainly belong to a class."""
    body, zones = person.mask > 0.5, geometry.zones
    around_face = dilate(face.oval * 255, int(0.05 * face.width)) > 25
    arm, hand = zones.arm, zones.hand
    hair = body & ~around_face & geometry.above & (geometry.head < 1.35) & (skin.likelihood < 0.35)
    upper = body & geometry.torso & (hand > 1.1) & (zones.axial > 0.12) & (zones.axial < 0.72)
    upper &= ~((arm < 0.75) & (skin.likelihood > 0.5))
    thigh = (zones.leg < 0.6) & (zones.axial > 1.22)
    lower = body & (thigh | ((np.abs(zones.axial - 1.2) < 0.12) & (zones.leg < 0.7)))
    return {"skin": skin.sure, "hair": hair, "upper": upper, "lower": lower}


def _priors(face: _Face, skin: _Skin, geometry: _Geometry) -> dict[str, Array]:
    """How likely each class is at each place, before looking at colours. Later lines refine earlier ones."""
    zones, torso, head = geometry.zones, geometry.torso, geometry.head
    axial, arm, hand, on_face = zones.axial, zones.arm, zones.hand, face.oval > 0.5
    bare = np.full(axial.shape, 0.02, np.float32)
    bare = np.where(geometry.neck < 1, 0.5, bare)
    bare = np.where(torso & (axial < 0.3) & (axial > -0.1), np.maximum(bare, 0.18), bare)
    bare = np.where(arm < 1.25, np.maximum(bare, 0.5), bare)
    bare = np.where(hand < 1.15, np.maximum(bare, 0.75), bare)
    bare = np.where((zones.leg < 1.2) & (axial > 1.15) | (geometry.shin < 1.3), np.maximum(bare, 0.4), bare)
    bare = np.where(on_face, 0.97, bare)
    bare = np.where((head < 1.15) & ~on_face, np.maximum(bare, 0.2), bare)
    bare = np.where(torso & (axial > 0.55) & (axial < 1.1) & (hand > 1.2) & (arm > 1.2), 0.12, bare)
    hair = np.where(head < 1.5, 0.5, 0.0)
    falling = 0.22 * np.clip(1 - (axial + 0.1) / 0.95, 0, 1)
    hair = np.maximum(hair, np.where((axial < 0.7) & (zones.lateral < 0.62), falling, 0))
    hair = np.where(on_face, np.where(geometry.above, 0.12, 0.01), hair)
    below = np.clip(0.5 - (axial - 1.15) * 1.2, 0.03, 0.5)
    upper = np.where((axial > -0.28) & (axial < 1.15), 0.5, np.where(axial <= -0.28, 0.02, below))
    upper = np.where(arm < 1.3, np.maximum(upper, 0.45), upper)
    upper = np.where(on_face, 0.005, upper)
    upper = np.where((head < 1.2) & (axial < -0.2), 0.02, upper)
    lower = np.clip((axial - 0.62) * 1.2, 0, 0.6)
    lower = np.where((hand < 1) & (skin.likelihood > 0.3), lower * 0.4, lower)
    lower = np.where((arm < 0.8) & (axial < 1.0), lower * 0.3, lower)
    return {"skin": bare, "hair": hair, "upper": upper, "lower": lower}


def _histogram(bins: Array, weights: Array, spread: float = 1.0) -> Array:
    """Smoothed 20 x 20 x 20 Lab density."""
    counts = np.bincount(bins.reshape(-1), weights=weights.reshape(-1), minlength=_BINS**3)
    density = counts.reshape(_BINS, _BINS, _BINS).astype(np.float32)
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / spread) ** 2)
    kernel /= kernel.sum()
    for axis in range(3):
        moved = np.pad(np.moveaxis(density, axis, 0), ((2, 2), (0, 0), (0, 0)))
        total = np.sum([kernel[i] * moved[i : i + _BINS] for i in range(5)], axis=0)
        density = np.moveaxis(total, 0, axis)
    out: Array = (density / (density.sum() + 1e-6)).astype(np.float32).reshape(-1)
    return out


def _posterior(
    person: Person, lab: Array, skin: _Skin, seeds: dict[str, Array], priors: dict[str, Array], neck_zone: Array
) -> Array:
    """-> (4, height, width) class probabilities in the order of CLASSES."""
    quantised = (lab.astype(np.int32) * _BINS) // 256
    bins = (quantised[..., 0] * _BINS + quantised[..., 1]) * _BINS + quantised[..., 2]
    body = person.mask > 0.5
    overall = _histogram(bins, body.astype(np.float32), 1.4)

    def likelihood(weight: Array) -> Array:
        """Per colour bin."""
        if weight.sum() < 25:
            return np.full(_BINS**3, 1e-5, np.float32)
        return 0.97 * _histogram(bins, weight.astype(np.float32)) + 0.03 * overall

    own = likelihood(seeds["skin"])[bins]
    enough_face = skin.sure.sum() > 40
    level = np.median(own[skin.sure]) if enough_face else np.percentile(overall[bins[body]], 80)
    gaussian = skin.likelihood * level
    own = 0.6 * gaussian + 0.4 * own
    own = np.where(neck_zone, np.maximum(own, gaussian), own)
    weighted = {"skin": np.power(own + 1e-7, _SHARPNESS) * priors["skin"]}
    for name in CLASSES[1:]:
        weighted[name] = np.power(likelihood(seeds[name]) + 1e-7, _SHARPNESS)[bins] * priors[name]
    guide = grey(person.small)
    radius = max(2, int(0.035 * person.shoulder_width * person.scale))
    for last in (False, False, True):
        evidence = cv2.merge([weighted[c].astype(np.float32) for c in CLASSES])
        evidence /= evidence.sum(-1, keepdims=True) + 1e-12
        posterior = np.stack(cv2.split(guided_filter(guide, evidence, radius, 4e-4))).clip(1e-4, 1)
        posterior /= posterior.sum(0)
        if last:
            break
        label, confidence = posterior.argmax(0), posterior.max(0)
        for i, name in enumerate(CLASSES[1:], start=1):
            weight = ((label == i) & (confidence > 0.6) & body) * 0.5 + seeds[name]
            if name == "hair":  # only what hangs together with the head
                weight = connected_to(weight > 0, seeds["hair"])
            if weight.sum() >= 25:
                weighted[name] = np.power(likelihood(weight) + 1e-7, _SHARPNESS)[bins] * priors[name]
    return posterior


def certain_skin(parts: Parts) -> Array:
    """uint8: skin pixels away from borders, good to take colours from."""
    return erode(parts.skin & (parts.skin_likelihood > 0.08), 2)


def without_specks(mask: Array) -> Array:
    return opening(mask, np.ones((3, 3), np.uint8))
