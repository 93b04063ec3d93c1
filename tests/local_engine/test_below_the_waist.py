"""Faults seen on trousers, skirts and dresses: old waistbands and hems, bare ankles, fanned-out pleats, wide necks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

from tests.local_engine import drawn
from tryon.local_engine import garment as garments
from tryon.local_engine import person as persons
from tryon.local_engine.body import Body
from tryon.local_engine.border import straighten_hem
from tryon.local_engine.compose import dress
from tryon.local_engine.fit import fit_top
from tryon.local_engine.imaging import Array, grow
from tryon.local_engine.joints import L_ANKLE, L_HIP, L_KNEE, R_ANKLE, R_HIP, R_KNEE
from tryon.local_engine.person import ArmZone, Person, Zones

UPPER, LOWER = 2, 3
HEM = 160  # y of the top's hem in the drawn trunk


def _trunk() -> tuple[Person, Zones, Array, Array, Array]:
    """A white top over pale jeans whose waistband was read as part of the top; shoulders at y 40, hips at 200."""
    lab = np.zeros((300, 240, 3), np.uint8)
    lab[:HEM], lab[HEM:] = (228, 128, 127), (196, 126, 117)
    noise = np.random.default_rng(5).normal(0, 3, lab.shape)
    lab = np.clip(lab + noise, 0, 255).astype(np.uint8)
    label = np.full(lab.shape[:2], -1)
    label[20:, 60:180] = UPPER
    label[HEM + 12 :, 60:180] = LOWER
    posterior = np.zeros((4, *label.shape), np.float32)
    posterior[UPPER], posterior[LOWER] = np.where(label == LOWER, 0.1, 0.9), np.where(label == LOWER, 0.9, 0.1)
    ys, xs = np.mgrid[0:300, 0:240].astype(np.float32)
    far = np.full(label.shape, 9.0, np.float32)
    hand = np.hypot(xs - 66, ys - 215) / 14
    arms = {"R": ArmZone(far, far, far, far, hand), "L": ArmZone(far, far, far, far, far)}
    zones = Zones((ys - 40) / 160, np.abs(xs - 120) / 110, arms, far)
    person = SimpleNamespace(
        scale=1.0, shoulder_width=110.0, torso=160.0, shoulder_centre=np.array([120.0, 40.0]),
        down=np.array([0.0, 1.0]), across=np.array([1.0, 0.0]),
    )  # fmt: skip
    return cast(Person, person), zones, label, posterior, lab


def test_a_pale_waistband_is_no_part_of_a_white_top() -> None:
    person, zones, label, posterior, lab = _trunk()
    found = straighten_hem(person, zones, label, posterior, lab, {"L": 0.0, "R": 0.0})
    middle = slice(80, 160)
    assert (found[HEM + 4 : HEM + 12, middle] == LOWER).mean() > 0.95
    assert (found[HEM - 20 : HEM - 3, middle] == UPPER).mean() > 0.95


@pytest.mark.parametrize(("sleeve", "expected"), [(0.0, LOWER), (1.0, UPPER)], ids=["bare arm", "long sleeve"])
def test_the_hip_beside_the_hand_is_a_top_only_if_a_sleeve_can_be_there(sleeve: float, expected: int) -> None:
    person, zones, label, posterior, lab = _trunk()
    beside = (zones.hand < 1.0) & (label == LOWER)
    label[beside] = UPPER
    lab[beside] = (228, 128, 127)
    found = straighten_hem(person, zones, label, posterior, lab, {"L": sleeve, "R": sleeve})
    assert (found[beside] == expected).mean() > 0.9


def _recoloured(photo: Array, where: Array, lab: tuple[int, int, int]) -> Array:
    out = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    light = out[..., 0][where].astype(int)
    out[where] = lab
    out[..., 0][where] = np.clip(lab[0] + (light - np.median(light)) * 0.3, 0, 255)
    return cv2.cvtColor(out, cv2.COLOR_LAB2RGB)


def _at(person: Person, mask: Array) -> Array:
    """A mask of the analysis size in the whole photo."""
    out = np.zeros(person.photo.shape[:2], bool)
    x, y = person.origin
    out[y : y + person.shape[0], x : x + person.shape[1]] = grow(mask, person.shape) > 0.5
    return out


def test_bare_ankles_have_the_colour_of_the_legs(person_photos: dict[str, bytes], models: None) -> None:
    """The skin between shoe and old hem lies in the trousers' shade: under a skirt it looked like a brown sock."""
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    after = dress(person, garments.analyse(drawn.skirt(), None, is_worn=False)).picture
    ankle, knee = person.joints[R_ANKLE], person.joints[R_KNEE]

    def light(point: Array) -> float:
        x, y = (int(v) for v in point)
        return float(np.median(after[y - 2 : y + 3, x - 3 : x + 4]))

    painted = light(ankle + (knee - ankle) * 0.06)
    for up in (0.015, 0.03, 0.045):
        assert light(ankle + (knee - ankle) * up) > 0.8 * painted


def test_a_sleeve_in_the_colour_of_the_trousers_stays(person_photos: dict[str, bytes], models: None) -> None:
    photo = drawn.unpack(person_photos["p04_full_f"])
    person = persons.analyse(photo)
    assert person.parts is not None
    assert person.zones is not None
    arms = person.parts.skin & (person.zones.arm < 1.6) & (person.zones.axial > 0)
    navy = photo
    for cloth in (person.parts.upper | arms, person.parts.lower & (person.zones.axial < 2.2)):
        navy = _recoloured(navy, _at(person, cloth.astype(np.float32)), (45, 128, 118))
    dressed = persons.analyse(navy)
    assert dressed.parts is not None
    assert min(dressed.parts.sleeve[side] or 0.0 for side in "LR") > 0.6
    after = dress(dressed, garments.analyse(drawn.trousers((200, 60, 60)), None, is_worn=False)).photo
    for elbow, wrist in ((13, 15), (14, 16)):
        for share in (0.3, 0.6, 0.85):
            point = person.joints[elbow] + (person.joints[wrist] - person.joints[elbow]) * share + person.origin
            x, y = (int(v) for v in point)
            assert np.abs(after[y, x].astype(int) - navy[y, x]).max() < 30, "the sleeve was taken away"


def test_the_neck_goes_with_the_chin(person_photos: dict[str, bytes], models: None) -> None:
    """A background in the colour of skin beside the neck must not pull a neckline to its side."""
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    before = Body(person).neck_shift
    ys, xs = np.mgrid[0 : person.mask.shape[0], 0 : person.mask.shape[1]]
    centre = person.shoulder_centre * person.scale
    unit = person.shoulder_width * person.scale
    beside = (xs < centre[0]) & (xs > centre[0] - 0.45 * unit) & (ys < centre[1]) & (ys > centre[1] - 0.45 * unit)
    person.mask[beside] = 1
    assert person.parts is not None
    person.parts.hair[beside] = False
    assert abs(Body(person).neck_shift - before) < 0.08


def _off_the_shoulder() -> drawn.Picture:
    canvas = np.full((800, 600, 3), 252, np.uint8)
    outline = [(205, 120), (215, 180), (300, 200), (385, 180), (395, 120), (440, 130), (490, 300), (415, 310),
               (395, 230), (395, 330), (450, 760), (150, 760), (205, 330), (205, 230), (185, 310), (110, 300),
               (160, 130)]  # fmt: skip
    cv2.fillPoly(canvas, [np.array(outline, np.int32)], drawn.RED, cv2.LINE_AA)
    return canvas


def test_a_neck_as_wide_as_the_chest_leaves_the_shoulders_bare(person_photos: dict[str, bytes], models: None) -> None:
    body = Body(persons.analyse(drawn.unpack(person_photos["p04_full_f"])))
    wide = garments.analyse(_off_the_shoulder(), None, "full", is_worn=False)
    assert wide.top is not None
    assert len(wide.top.sleeves) == 2
    assert fit_top(body, wide, wide.top).neck_u > 0.46
    tee = garments.analyse(drawn.tee(), None, is_worn=False)
    assert tee.top is not None
    assert fit_top(body, tee, tee.top).neck_u < 0.4


def test_fanned_out_pleats_fall_together(person_photos: dict[str, bytes], models: None) -> None:
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    fan = np.full((800, 600, 3), 250, np.uint8)
    cv2.fillPoly(fan, [np.array([(230, 150), (370, 150), (590, 640), (10, 640)], np.int32)], drawn.RED, cv2.LINE_AA)
    layer, _ = dress(person, garments.analyse(fan, None, "lower", is_worn=False)).layers[0]
    widest = (layer.alpha > 0.5).sum(1).max()
    assert widest < 2.6 * person.shoulder_width


def test_a_photo_down_to_the_knees_is_enough(person_photos: dict[str, bytes], models: None) -> None:
    photo = drawn.unpack(person_photos["p04_full_f"])
    joints = persons.analyse(photo)
    hips, knees = (joints.joints[pair, 1].mean() + joints.origin[1] for pair in ([L_HIP, R_HIP], [L_KNEE, R_KNEE]))
    assert joints.joints[L_ANKLE, 1] > joints.joints[L_KNEE, 1]
    for share, enough in ((0.95, True), (0.6, False)):
        cut = persons.analyse(photo[: int(hips + share * (knees - hips))])
        assert cut.thighs_visible is enough
