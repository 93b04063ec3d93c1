"""Where a top ends at the arms and beside the body: one clean hem, no scraps of the old top, bare arms as they were."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon.local_engine import person as persons
from tryon.local_engine.body import Body
from tryon.local_engine.compose import dress
from tryon.local_engine.garment import Garment, analyse
from tryon.local_engine.imaging import decode, dilate, erode, grow
from tryon.local_engine.joints import ARMS
from tryon.local_engine.person import Person
from tryon.local_engine.scene import Scene
from tryon.local_engine.warp import plan_top

pytestmark = pytest.mark.usefixtures("models")
WHITE_TEE, CRUMPLED_TEE = "u07_tee_white", "c02_tee_stripe"


@pytest.fixture(scope="module")
def in_a_boxy_tee(person_photos: dict[str, bytes]) -> Person:
    """Wide dropped shoulders, trims on them, wide sleeves, slim arms at its sides."""
    return persons.analyse(drawn.unpack(person_photos["p15_black_tee"]))


@pytest.fixture(scope="module")
def white_tee(garment_photos: dict[str, bytes]) -> Garment:
    return analyse(*decode(garment_photos[WHITE_TEE]))


@pytest.mark.parametrize("name", first(1, ["p15_black_tee", "p07_tee_hips"]))
def test_the_arm_goes_on_under_the_old_sleeve_as_it_comes_out(person_photos: dict[str, bytes], name: str) -> None:
    person = persons.analyse(drawn.unpack(person_photos[name]))
    assert person.parts is not None
    body = Body(person)
    outline = person.matte > 0.5
    for side in ARMS:
        limb, sleeve = body.arms[side], person.parts.sleeve[side] or 0.0
        assert 0.1 < sleeve < 0.5
        along = limb.distance / limb.total
        edge = limb.centre + limb.normal * limb.outer[:, None]
        below_hem = (along > sleeve + 0.06) & (along < sleeve + 0.2)
        margin = limb.normal * 0.02 * person.shoulder_width
        for point, outwards in zip(edge[below_hem], margin[below_hem], strict=True):
            x, y = np.round(point + outwards).astype(int)
            assert not outline[y, x], f"{side}: an arm as slim as this ends before {x}, {y}"
            x, y = np.round(point - outwards).astype(int)
            assert outline[y, x], f"{side}: the arm reaches beyond {x}, {y}"
        wide = (limb.outer + limb.inner)[along < sleeve]
        assert np.abs(np.diff(limb.outer)).max() < 0.02 * person.shoulder_width, "a step"
        assert wide.max() < 0.32 * person.shoulder_width, "the old sleeve, not the arm"


def test_bare_arms_beside_the_old_top_stay(in_a_boxy_tee: Person, white_tee: Garment) -> None:
    done = dress(in_a_boxy_tee, white_tee)
    assert in_a_boxy_tee.parts is not None
    assert in_a_boxy_tee.zones is not None
    zones = in_a_boxy_tee.zones
    arms = in_a_boxy_tee.parts.skin & (zones.arm < 1.1) & (zones.axial > 0.65) & (zones.axial < 0.95)
    certain = erode(grow(arms, in_a_boxy_tee.shape) > 0.99, 1) > 0
    assert certain.sum() > 5000
    brighter = done.picture.astype(int).max(-1) - in_a_boxy_tee.picture.max(-1)
    assert (brighter[certain] > 20).sum() == 0, "a line of background inside the arm"


def test_nothing_of_the_old_shoulders_is_left_on_the_wall(in_a_boxy_tee: Person, white_tee: Garment) -> None:
    """The trims on them were taken for the pale wall."""
    done = dress(in_a_boxy_tee, white_tee)
    assert in_a_boxy_tee.parts is not None
    scene = Scene(in_a_boxy_tee)
    parts = in_a_boxy_tee.parts
    own = dilate(np.maximum(np.maximum(scene.skin, scene.hair), scene.face) > 0.1, 8) > 0
    beside = (dilate(grow(parts.upper, scene.shape) > 0.5, 14) > 0) & (scene.axial < 0.25) & ~own
    beside &= scene.lateral > 0.38  # not the neck, which is painted
    beside &= dilate(done.cloth()[1] > 0.02, 2) == 0
    assert beside.sum() > 2000
    wall = float(np.median(in_a_boxy_tee.picture[:100, :100]))
    darker = wall - done.picture[beside].min(-1)
    assert np.percentile(darker, 99.9) < 20
    assert (darker > 60).sum() < 12


def test_a_textured_wall_is_not_taken_for_a_plain_one(person_photos: dict[str, bytes]) -> None:
    assert not Scene(persons.analyse(drawn.unpack(person_photos["p12_hopper"]))).plain_background


@pytest.mark.parametrize("garment_name", first(1, [CRUMPLED_TEE, "c03_tee_navy", WHITE_TEE]))
@pytest.mark.parametrize("person_name", first(1, ["p01_tank_f", "p15_black_tee"]))
def test_a_short_sleeve_does_not_fold_over_itself(
    person_photos: dict[str, bytes], garment_photos: dict[str, bytes], person_name: str, garment_name: str
) -> None:
    """A sleeve shorter than the armhole is deep had its hem above the armpit: flags hung out below it."""
    body = Body(persons.analyse(drawn.unpack(person_photos[person_name])))
    parts, fit = plan_top(body, analyse(*decode(garment_photos[garment_name])))
    for part in parts[1:]:
        assert part.side is not None
        arm = body.arms[part.side]
        way = arm.at(np.array([0.0, part.reach]))[0]
        down = (way[1] - way[0]) / np.hypot(*(way[1] - way[0]))
        beneath = part.target[:, -2] @ down
        assert np.diff(beneath).min() > -0.01 * body.width, "the underside turns back"
        hem = part.target[-2] @ down
        armpit = max(float(point @ down) for point in fit.armpit.values())
        assert hem.min() > armpit - 0.06 * body.width
        assert np.ptp(hem) < 0.2 * body.width, "one edge across the arm"
