"""Full-size fields of one person that the composing steps share. All float32 unless said otherwise."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .body import Body
from .geometry import smoothstep
from .imaging import (
    Array,
    Shape,
    blur,
    dilate,
    drop_specks,
    erode,
    grey,
    grow,
    guided_filter,
    lab_to_rgb,
    magnitude,
    push_pull,
    resize,
    spread,
    to_lab,
)
from .joints import OTHER, SIDES
from .parsing import certain_skin
from .person import LONG_SLEEVE, ArmZone, Parts, Person, Zones

_PLAIN = 7  # grey levels by which a plain wall may differ from the colours farther off
_ALIKE = 12  # and a single pixel of it


class Scene:
    """One person, ready to be dressed."""

    def __init__(self, person: Person) -> None:
        if person.parts is None or person.zones is None:
            raise ValueError("the person has not been parsed")
        self.person = person
        self.parts: Parts = person.parts
        self.zones: Zones = person.zones
        self.body = Body(person)
        self.shape: Shape = person.shape
        self.width = person.shoulder_width
        self.photo = person.picture.astype(np.float32)
        self.inside: Array = self.enlarge(person.mask) > 0.5  # bool

    def enlarge(self, field: Array) -> Array:
        return grow(field, self.shape)

    def soft(self, mask: Array) -> Array:
        """A part's mask with its border laid on the picture's edges."""
        laid = guided_filter(self._small_guide, mask.astype(np.float32), 2, 6e-4, self._guide)
        return np.clip((laid - 0.12) / 0.76, 0, 1)

    @cached_property
    def _guide(self) -> Array:
        return grey(self.person.picture)

    @cached_property
    def _small_guide(self) -> Array:
        return grey(self.person.small)

    @cached_property
    def skin(self) -> Array:
        return self.soft(self.parts.skin)

    @cached_property
    def arm_skin(self) -> Array:
        """``skin`` in the colours of the arms alone: a pale hem or the shaded side of a top is not an arm."""
        measured = [mask for mask in self.colours.arm_masks.values() if mask.sum() > 80]
        if self.person.drawn or not measured:
            return self.skin
        small = to_lab(self.person.small).astype(np.float32)[..., 1:]
        distance = np.full(small.shape[:2], 99.0, np.float32)
        for mask in measured:
            usual = np.median(small[mask > 0], 0)
            limit = float(np.clip(0.5 * np.hypot(*(usual - 128)), 7, 12))
            distance = np.minimum(distance, magnitude(small - usual) / limit)
        alike = 1 - np.clip((blur(distance, 0.8) - 1) / 0.5, 0, 1)
        return np.asarray(self.skin * self.enlarge(alike))

    @cached_property
    def hair(self) -> Array:
        zones = self.zones
        hangs = self.parts.hair & (zones.axial < 0.95) & (zones.lateral < 0.75)  # as far as hair falls
        return self.soft(drop_specks(hangs, 0.02))

    @cached_property
    def solid(self) -> Array:
        """0 on the rim of the person, which mixes with the background: a halo in front of new cloth."""
        return np.asarray(smoothstep(0.35, 0.8, self.person.matte))

    @cached_property
    def face(self) -> Array:
        return self.enlarge(self.parts.face)

    @cached_property
    def axial(self) -> Array:
        return self.enlarge(self.zones.axial)

    @cached_property
    def lateral(self) -> Array:
        return self.enlarge(self.zones.lateral)

    @cached_property
    def arm(self) -> Array:
        return self.enlarge(self.zones.arm)

    @cached_property
    def hand(self) -> Array:
        return self.enlarge(self.zones.hand)

    @cached_property
    def leg(self) -> Array:
        return self.enlarge(self.zones.leg)

    @cached_property
    def background(self) -> Array:
        """The picture without the person: filled from what is certainly background."""
        known = self._away
        if self.plain_background:  # trims and edges that were taken for background would smear
            known = known & (np.abs(self._half - self._wall).max(-1) < _ALIKE)
        return resize(push_pull(self._half, known.astype(np.float32)), self.shape)

    @cached_property
    def plain_background(self) -> bool:
        """Whether the wall beside the clothes has the colours that lie some way off."""
        worn = resize((self.parts.upper | self.parts.lower).astype(np.float32), self._away.shape) > 0.3
        ring = (dilate(worn, max(2, round(0.06 * self.width))) > 0) & self._away
        if ring.sum() < 200:
            return False
        return bool(np.percentile(np.abs(self._half[ring] - self._wall[ring]).max(-1), 80) < _PLAIN)

    @cached_property
    def _half(self) -> Array:
        """The picture at half size."""
        return resize(self.person.picture, (-(-self.shape[0] // 2), -(-self.shape[1] // 2))).astype(np.float32)

    @cached_property
    def _away(self) -> Array:
        """Bool, half size: background."""
        half: Shape = (self._half.shape[0], self._half.shape[1])
        return np.asarray(dilate(resize(self.person.matte, half) > 0.03, 2) == 0)

    @cached_property
    def _wall(self) -> Array:
        """Half size: filled from some way off the person, where no scrap of the clothes is left."""
        far = dilate(~self._away, max(2, round(0.015 * self.width))) == 0
        return push_pull(self._half, far.astype(np.float32))

    def long_sleeves(self, within: float) -> Array:
        """Bool, analysis size: sleeves worn now that reach down beside the hips, whatever their colour was read as.

        ``within``: farthest from the arm's axis, in radii.
        """
        found = np.zeros(self.zones.arm.shape, bool)
        for side in SIDES:
            sleeve, zone = self.sleeve_worn(side), self.zones.arms[side]
            if sleeve > LONG_SLEEVE:
                found |= (zone.distance < within) & (self.along_arm(side, with_hand=False) < sleeve + 0.04)
        return np.asarray(found & (self.parts.upper | self.parts.lower))

    @cached_property
    def colours(self) -> SkinColours:
        return SkinColours(self)

    def arm_share(self, side: str) -> float:
        """The elbow's place along the arm."""
        limb = self.body.arms[side]
        return limb.to_elbow / limb.total

    def along_arm(self, side: str, with_hand: bool = True) -> Array:
        """Position along the arm, analysis size: 0 shoulder, 1 wrist, 1.05 hand."""
        return self.zones.arms[side].along(self.arm_share(side), with_hand)

    def arm_zone(self, side: str) -> ArmZone:
        return self.zones.arms[side]

    def sleeve_worn(self, side: str) -> float:
        return self.parts.sleeve[side] or 0.0


class SkinColours:
    """Skin colours of the neck and the arms, taken where skin is certainly visible. RGB float32."""

    def __init__(self, scene: Scene) -> None:
        person, parts, zones = scene.person, scene.parts, scene.zones
        self._small = person.small
        self.certain = certain_skin(parts).astype(np.float32)
        off_face = dilate(parts.face > 0.5, 2) == 0
        neck = self.certain * ((zones.axial > -0.45) & (zones.lateral < 0.5) & (zones.arm > 0.9) & (zones.hand > 1.2))
        neck *= erode(parts.face > 0.5, 2) == 0
        from_face = lab_to_rgb(parts.skin_lab)
        neck_median = self._median(neck)
        fallback = from_face * 0.93 if neck_median is None else neck_median
        self.neck_field = spread(self._small, neck) if neck.sum() >= 60 else self._flat(fallback)
        self.arm_masks = {}
        medians = {}
        for side in SIDES:
            zone = zones.arms[side]
            near = (zone.distance < 1.15) | (zone.hand < 1.0)
            self.arm_masks[side] = self.certain * (near & (zones.axial > -0.05) & off_face)
            medians[side] = self._median(self.arm_masks[side])
        self.arm = {}
        for side in SIDES:
            candidates = (medians[side], medians[OTHER[side]], neck_median, from_face * 0.95)
            self.arm[side] = next(colour for colour in candidates if colour is not None)

    def _median(self, mask: Array) -> Array | None:
        if (mask > 0).sum() <= 30:
            return None
        out: Array = np.median(self._small[mask > 0], 0).astype(np.float32)
        return out

    def _flat(self, colour: Array) -> Array:
        return np.broadcast_to(colour.astype(np.float32), self._small.shape).copy()
