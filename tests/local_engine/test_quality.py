"""Faults a customer would see: stretched prints, leftovers of old clothes, cloth in the neckline, ragged hems."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.local_engine import garment as garments
from tryon.local_engine import mannequin as drawn_people
from tryon.local_engine import person as persons
from tryon.local_engine.body import Body
from tryon.local_engine.colour import cie_lab, delta_e_2000
from tryon.local_engine.compose import dress, visible_alpha
from tryon.local_engine.imaging import decode, dilate, erode, grab_cut, grow, quick_cut
from tryon.local_engine.joints import L_KNEE, R_KNEE

DEMO = Path(__file__).resolve().parents[2] / "tryon_shop" / "demo_pictures"
KEYS = [figure.key for figure in local_engine.mannequins()]
YELLOW = (250, 220, 30)


def _tee_with_disc(bottom: int = 680) -> drawn.Picture:
    """A green T-shirt with a round print on the chest; ``bottom`` is the y of its hem."""
    picture = drawn.tee()
    picture[bottom:] = 255
    cv2.circle(picture, (300, 330), 62, YELLOW, -1, cv2.LINE_AA)
    return picture


def _disc_shape(picture: drawn.Picture) -> float:
    """Height by width of the yellow disc."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(int)
    yellow = ((lab[..., 2] > 175) & (lab[..., 0] > 130)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(yellow)
    _, _, width, height, area = stats[1:][np.argmax(stats[1:, 4])]
    assert area > 400
    return float(height / width)


@pytest.mark.parametrize("key", first(1, KEYS))
def test_a_round_print_stays_round_on_every_mannequin(models: None, key: str) -> None:
    made = local_engine.model_shot(drawn.png(_tee_with_disc()), mannequin=key)
    assert 0.86 < _disc_shape(drawn.unpack(made.data)) < 1.14


@pytest.mark.parametrize("name", first(1, ["p03_tank_m2", "p01_tank_f", "p06_longsleeve", "p15_black_tee"]))
@pytest.mark.parametrize("bottom", first(1, [680, 560]), ids=["usual", "boxy"])
def test_a_round_print_stays_round(models: None, person_photos: dict[str, bytes], name: str, bottom: int) -> None:
    made = local_engine.try_on(person_photos[name], drawn.png(_tee_with_disc(bottom)), category="upper")
    assert 0.86 < _disc_shape(drawn.unpack(made.data)) < 1.16


def _v_neck() -> drawn.Picture:
    """A tee with a deep V; the darker inside of the back with a label shows above it."""
    picture = drawn.tee()
    inside = np.array([(245, 120), (300, 138), (355, 120), (300, 260)])
    cv2.fillPoly(picture, [inside], tuple(int(c * 0.55) for c in drawn.GREEN), cv2.LINE_AA)
    picture[145:165, 288:312] = (240, 240, 235)
    return picture


def test_the_inside_of_the_back_is_cut_out_of_a_deep_v() -> None:
    garment = garments.analyse(_v_neck(), None, is_worn=False)
    shown = visible_alpha(garment)
    for x, y in ((300, 155), (300, 180), (300, 225), (275, 165), (325, 165)):
        assert shown[y, x] < 0.1, f"cloth in the neckline at {x}, {y}"
    for x, y in ((300, 285), (245, 200), (355, 200), (225, 140), (375, 140)):
        assert shown[y, x] > 0.9, f"the front is missing at {x}, {y}"


@pytest.mark.parametrize("name", first(1, ["oxford-shirt-blue", "pique-polo-burgundy", "shirt-dress-gingham"]))
def test_a_shirt_collar_is_open_at_the_front(name: str) -> None:
    garment = garments.analyse(decode((DEMO / f"{name}.jpg").read_bytes())[0], None, is_worn=False)
    marks = garment.top
    assert marks is not None
    assert marks.inside_back is not None
    top = int(np.flatnonzero(garment.alpha[:, int(marks.centre_x)] > 0.5)[0])
    label = slice(top + 8, top + 24), slice(int(marks.centre_x) - 10, int(marks.centre_x) + 10)
    assert visible_alpha(garment)[label].max() < 0.1
    chest = int(top + 0.5 * marks.chest)
    assert visible_alpha(garment)[chest, int(marks.centre_x)] > 0.9


def test_both_armholes_of_a_vest_end_at_one_height() -> None:
    marks = garments.analyse(decode((DEMO / "rib-tank-black.jpg").read_bytes())[0], None, is_worn=False).top
    assert marks is not None
    assert marks.sleeves == {}
    assert abs(marks.armpit["L"][1] - marks.armpit["R"][1]) < 0.05 * marks.length


@pytest.mark.parametrize("garment_name", first(1, ["shorts", "skirt", "dress"]))
def test_no_denim_is_left_below_a_new_hem(person_photos: dict[str, bytes], models: None, garment_name: str) -> None:
    photo = drawn.unpack(person_photos["p04_full_f"])
    person = persons.analyse(photo)
    assert person.parts is not None
    if garment_name == "shorts":
        picture = decode((DEMO / "linen-shorts-sand.jpg").read_bytes())[0]
    else:
        picture = drawn.skirt() if garment_name == "skirt" else drawn.dress()
    after = dress(person, garments.analyse(picture, None, is_worn=False)).picture
    blue = cv2.cvtColor(after, cv2.COLOR_RGB2LAB)[..., 2] < 116
    worn = grow(person.parts.lower, person.shape) > 0.5
    knees = int(person.joints[25:27, 1].mean())
    below = np.zeros_like(worn)
    below[knees:] = True
    assert (cv2.cvtColor(person.picture, cv2.COLOR_RGB2LAB)[..., 2] < 116)[worn & below].mean() > 0.4
    near = cv2.dilate((worn & below).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (blue & near).sum() < 40, "pixels of the old trousers"


def test_trouser_hems_are_straight_and_legs_have_no_step(person_photos: dict[str, bytes], models: None) -> None:
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    picture = decode((DEMO / "tailored-trousers-camel.jpg").read_bytes())[0]
    done = dress(person, garments.analyse(picture, None, is_worn=False))
    for layer, _ in done.layers:
        solid = layer.alpha > 0.5
        columns = np.flatnonzero(solid.any(0))
        lowest = np.array([np.flatnonzero(solid[:, x])[-1] for x in columns])
        hem = lowest > lowest.max() - 0.25 * person.shoulder_width
        side = len(columns[hem]) // 7  # the edges of the leg slant
        x, y = columns[hem][side:-side], lowest[hem][side:-side]
        assert len(x) > 20
        off_line = y - np.polyval(np.polyfit(x, y, 1), x)
        assert np.abs(off_line).max() < 5
    light = done.picture.astype(np.float32).mean(-1)
    crotch = int(person.hip_centre[1] + 0.17 * person.shoulder_width)
    x = int(person.joints[24, 0])
    column = light[crotch - 40 : crotch + 60, x - 12 : x + 12].mean(1)
    assert np.abs(column[3:] - column[:-3]).max() < 14, "a seam across the thigh"


def test_trousers_stay_inside_the_waist_that_was_seen(person_photos: dict[str, bytes], models: None) -> None:
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    picture = decode((DEMO / "straight-jeans-mid-blue.jpg").read_bytes())[0]
    done = dress(person, garments.analyse(picture, None, is_worn=False))
    _, coverage = done.cloth()
    assert person.parts is not None
    assert person.parts.hem is not None
    rows = slice(0, int(person.shoulder_centre[1] + (person.parts.hem + 0.05) * person.torso))
    beside = cv2.dilate((person.matte > 0.1).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert (coverage[rows] * beside[rows]).sum() < 15


def test_the_old_vest_is_not_taken_for_an_arm(person_photos: dict[str, bytes], models: None) -> None:
    """A white vest's shaded rim beside the arm must not be put back over the new vest."""
    person = persons.analyse(drawn.unpack(person_photos["p01_tank_f"]))
    picture = decode((DEMO / "rib-tank-black.jpg").read_bytes())[0]
    torso, shown = dress(person, garments.analyse(picture, None, is_worn=False)).layers[0]
    chroma = cv2.cvtColor(person.picture, cv2.COLOR_RGB2LAB)[..., 1:].astype(int) - 128
    assert person.zones is not None
    above_the_hips = grow(person.zones.axial, person.shape) < 0.7
    put_back = (torso.alpha > 0.9) & (shown < 0.5) & above_the_hips
    assert (put_back & (np.abs(chroma).max(-1) < 10)).sum() < 200


@pytest.mark.parametrize("key", first(1, KEYS))
def test_a_wide_skirt_is_lit_beside_the_figure(models: None, key: str) -> None:
    person = drawn_people.load(key, "lower")
    done = dress(person, garments.analyse(drawn.skirt(), None, "lower", is_worn=False))
    cloth, coverage = done.cloth()
    solid = erode(coverage > 0.97, 3) > 0
    darkest = done.picture[solid].mean(-1) / np.maximum(cloth[solid].mean(-1), 1)
    assert np.percentile(darkest, 1) > 0.5
    difference = delta_e_2000(cie_lab(cloth[solid]), cie_lab(done.picture[solid]))
    assert np.median(difference) < 5


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
    ],
)
def test_colour_difference_follows_the_published_pairs(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    """Pairs 1, 16 and others of Sharma, Wu and Dalal's test data."""
    assert delta_e_2000(np.array([first]), np.array([second]))[0] == pytest.approx(expected, abs=1e-4)


def test_no_cloth_is_painted_beside_a_sleeve(person_photos: dict[str, bytes], models: None) -> None:
    """Closing the slit at the armpit must not reach out to where the old, wider sleeve was."""
    person = persons.analyse(drawn.unpack(person_photos["p15_black_tee"]))
    done = dress(person, garments.analyse(drawn.tee(), None, is_worn=False))
    _, coverage = done.cloth()
    away = dilate(coverage > 0.02, max(3, int(0.04 * person.shoulder_width))) == 0
    colours = done.picture.astype(int)
    green = (colours[..., 1] > colours[..., 0] + 25) & (colours[..., 1] > colours[..., 2] + 12)
    assert not (green & away).any()


def test_hems_follow_the_legs(person_photos: dict[str, bytes], models: None) -> None:
    """The spine of somebody who stands relaxed points beside the feet."""
    person = persons.analyse(drawn.unpack(person_photos["p04_full_f"]))
    knees = person.joints[[L_KNEE, R_KNEE]].mean(0)
    body = Body(person)
    axial = 1 + float((knees - person.hip_centre) @ person.down) / person.torso
    assert np.hypot(*(body.at(axial, 0.0) - knees)) < 0.06 * person.shoulder_width
    assert np.allclose(body.at(0.5, 0.0), person.shoulder_centre + 0.5 * (person.hip_centre - person.shoulder_centre))


def test_the_quick_cut_is_the_usual_one() -> None:
    random = np.random.default_rng(3)
    picture = np.full((360, 300, 3), (200, 190, 185), np.float32)
    inside = cv2.ellipse(np.zeros((360, 300), np.uint8), (150, 190), (85, 150), 0, 0, 360, 1, -1)
    picture[inside > 0] = (60, 80, 130)
    picture = np.clip(picture + random.normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    trimap = np.full(inside.shape, cv2.GC_PR_BGD, np.uint8)
    trimap[erode(inside, 14) > 0], trimap[dilate(inside, 14) == 0] = cv2.GC_FGD, cv2.GC_BGD
    usual, quick = grab_cut(picture, trimap.copy(), 1), quick_cut(picture, trimap.copy())
    assert usual is not None
    assert quick is not None
    assert (usual != quick).mean() < 0.002
    assert np.array_equal(quick, quick_cut(picture, trimap.copy()))


def test_trousers_are_dim_in_a_dim_photo(person_photos: dict[str, bytes], models: None) -> None:
    photo = drawn.unpack(person_photos["p04_full_f"])
    trousers = garments.analyse(drawn.trousers(), None, is_worn=False)
    lightness = []
    for factor in (1.0, 0.5):
        done = dress(persons.analyse((photo * factor).astype(np.uint8)), trousers)
        lightness.append(float(np.median(done.picture[done.cloth()[1] > 0.97])))
    assert lightness[1] < 0.8 * lightness[0]
