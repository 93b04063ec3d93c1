"""Product photos: cut-out, category and landmarks on drawn garments, whose corners are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon.errors import TryOnError
from tryon.local_engine import garment as garments
from tryon.local_engine.cutout import _only_near
from tryon.local_engine.imaging import decode
from tryon.local_engine.straighten import turned


@pytest.mark.parametrize(
    ("picture", "category"),
    [(drawn.tee(), "upper"), (drawn.trousers(), "lower"), (drawn.skirt(), "lower"), (drawn.dress(), "full")],
    ids=["tee", "trousers", "skirt", "dress"],
)
def test_category_is_read_from_the_outline(picture: drawn.Picture, category: str) -> None:
    assert garments.analyse(picture, None, is_worn=False).category == category


def test_shop_category_wins() -> None:
    garment = garments.analyse(drawn.tee(), None, category="full", is_worn=False)
    assert garment.category == "full"


def test_landmarks_of_a_tee() -> None:
    marks = garments.analyse(drawn.tee(), None, is_worn=False).top
    assert marks is not None
    for index, side in enumerate("LR"):
        for name in ("neck", "shoulder", "armpit"):
            found, expected = getattr(marks, name)[side], np.array(drawn.TEE[name][index])
            tolerance = 26 if name == "shoulder" else 12  # the shoulder end is defined by the armpit, not by a corner
            assert np.hypot(*(found - expected)) < tolerance, (name, side, found)
        assert np.hypot(*(marks.sides[side][-1] - np.array(drawn.TEE["hem"][index]))) < 12
    assert marks.chest == pytest.approx(260, abs=10)
    assert set(marks.sleeves) == {"L", "R"}
    assert marks.inside_back is not None, "the visible inside of the back must be cut away"


def test_alpha_of_a_plain_background_is_exact() -> None:
    picture = drawn.tee()
    cloth = np.linalg.norm(picture.astype(float) - 255, axis=-1) > 60
    found = garments.analyse(picture, None, is_worn=False).alpha > 0.5
    assert (found & cloth).sum() / (found | cloth).sum() > 0.985


def test_white_garment_on_nearly_white_background() -> None:
    picture = drawn.tee(colour=(255, 255, 255), background=(236, 236, 238))
    cloth = drawn.tee().min(-1) < 200
    found = garments.analyse(picture, None, is_worn=False).alpha > 0.5
    assert (found & cloth).sum() / (found | cloth).sum() > 0.97


def test_transparent_png_uses_its_own_alpha() -> None:
    picture = drawn.tee(background=(0, 0, 0))
    alpha = np.where(drawn.tee().min(-1) < 200, 255, 0).astype(np.uint8)
    garment = garments.analyse(picture, alpha, is_worn=False)
    assert garment.category == "upper"
    assert ((garment.alpha > 0.5) == (alpha > 127)).mean() > 0.995


def test_trousers_have_a_crotch_and_two_legs() -> None:
    marks = garments.analyse(drawn.trousers(), None, is_worn=False).bottom
    assert marks is not None
    assert marks.crotch is not None
    assert marks.crotch[0] == pytest.approx(300, abs=4)
    assert 285 < marks.crotch[1] < 356, "the gap is only a few pixels wide where it begins"
    assert marks.waist_width == pytest.approx(180, abs=8)
    assert (marks.inner["L"][-5:] < marks.crotch[0] - 5).all()


def _noise() -> drawn.Picture:
    return np.random.default_rng(1).integers(0, 255, (400, 300, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (_noise(), "too busy"),
        (np.full((400, 300, 3), 250, np.uint8), "no garment"),
        (drawn.tee()[::8, ::8].copy(), "too small"),
        (drawn.tee()[180:600, 175:425].copy(), "cut off|no garment|background"),
    ],
    ids=["noise", "blank", "tiny", "cropped"],
)
def test_unsuitable_pictures_are_refused_with_a_reason(picture: drawn.Picture, reason: str) -> None:
    with pytest.raises(TryOnError, match=reason) as caught:
        garments.analyse(picture, None, is_worn=False)
    assert caught.value.code == "garment_unsuitable"


SHAPES = [(drawn.tee(), "upper"), (drawn.trousers(), "lower"), (drawn.skirt(), "lower"), (drawn.dress(), "full")]


@pytest.mark.parametrize("angle", first(1, [-8, 6]))
@pytest.mark.parametrize(("picture", "category"), first(2, SHAPES), ids=["tee", "trousers", "skirt", "dress"])
def test_a_tilted_garment_is_turned_upright(picture: drawn.Picture, category: str, angle: int) -> None:
    garment = garments.analyse(turned(picture, angle), None, is_worn=False)
    assert garment.tilt == pytest.approx(-angle, abs=1)
    assert garment.category == category
    if garment.top is not None:
        left, right = garment.top.sides["L"][-1], garment.top.sides["R"][-1]
        assert abs(left[1] - right[1]) < 0.03 * abs(left[0] - right[0]), "the hem is level"


@pytest.mark.parametrize(("picture", "category"), SHAPES, ids=["tee", "trousers", "skirt", "dress"])
def test_an_upright_garment_keeps_its_pixels(picture: drawn.Picture, category: str) -> None:
    garment = garments.analyse(picture, None, is_worn=False)
    inside = cv2.erode((garment.alpha > 0.99).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert garment.tilt == 0
    assert (garment.picture[inside] == picture[inside]).all()


def test_a_belt_between_loops_is_no_neck() -> None:
    picture = np.full((800, 600, 3), 250, np.uint8)
    waist = [(205, 190), (232, 190), (240, 206), (360, 206), (368, 190), (395, 190)]
    cv2.fillPoly(picture, [np.array([*waist, (560, 620), (40, 620)])], drawn.RED, cv2.LINE_AA)
    assert garments.analyse(picture, None, is_worn=False).category == "lower"


def test_a_faint_wide_neckline_is_found_above_a_strong_print(garment_photos: dict[str, bytes]) -> None:
    """White on white: the front's edge is hardly darker than what is around it, the print is black and large."""
    garment = garments.analyse(*decode(garment_photos["u07_tee_white"]), is_worn=False)
    assert garment.top is not None
    assert garment.top.inside_back is not None
    assert 190 < garment.top.inside_back[:, 1].max() < 225  # the neckline's edge is at 200, the print begins at 234


def test_a_rim_of_ground_goes_and_a_pale_stripe_that_reaches_the_edge_stays() -> None:
    cloth = np.zeros((200, 200), bool)
    cloth[40:160, 40:160] = True
    near = cv2.dilate((~cloth).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    rim, stripe = np.zeros_like(cloth), np.zeros_like(cloth)
    rim[157:160, 60:140], stripe[80:92, 40:160] = True, True
    assert np.array_equal(_only_near(rim | stripe, near), rim)
