"""Real photos: every category, refusals, and how close the colours stay. The pictures are not part of the project."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.local_engine import drawn
from tryon import local_engine
from tryon.errors import TryOnError
from tryon.local_engine import garment as garments
from tryon.local_engine import person as persons
from tryon.local_engine.imaging import decode

pytestmark = pytest.mark.usefixtures("models")


@pytest.mark.parametrize(
    ("person_name", "garment_name", "category"),
    [
        ("p01_tank_f", "u10_tee_green", "upper"),
        ("p06_longsleeve", "u01_tee_purple", "upper"),
        ("p09_plus", "c04_long_red", "upper"),
        ("p04_full_f", "l02_flare", "lower"),
        ("p04_full_f", "c08_skirt", "lower"),
        ("p04_full_f", "f01_leopard", "full"),
    ],
)
def test_every_category(
    person_photos: dict[str, bytes],
    garment_photos: dict[str, bytes],
    person_name: str,
    garment_name: str,
    category: str,
) -> None:
    photo, garment = person_photos[person_name], garment_photos[garment_name]
    result = local_engine.try_on(photo, garment)
    assert result.category == category
    before, after = drawn.unpack(photo), drawn.unpack(result.data)
    assert after.shape == before.shape
    person = persons.analyse(before)
    near = np.zeros(before.shape[:2], np.uint8)
    x, y = person.origin
    near[y : y + person.shape[0], x : x + person.shape[1]] = person.matte > 0.02
    margin = int((0.35 if category == "upper" else 1.4) * person.shoulder_width) | 1  # skirts swing out
    away = cv2.dilate(near, np.ones((margin, margin), np.uint8)) == 0
    difference = np.abs(after.astype(int) - before).max(-1)
    assert np.percentile(difference[away], 99.5) < 14, "the background changed"
    assert person.parts is not None
    face = cv2.resize(person.parts.face, (person.shape[1], person.shape[0])) > 0.9
    assert np.percentile(difference[y : y + face.shape[0], x : x + face.shape[1]][face], 99) < 14, "the face changed"
    inside = difference[near > 0] > 20
    assert inside.mean() > 0.12, "nothing was put on"
    cloth = garments.analyse(*decode(garment), is_worn=False)
    wanted = np.median(cv2.cvtColor(cloth.picture, cv2.COLOR_RGB2LAB)[cloth.alpha > 0.9].astype(float), 0)
    changed = (near > 0) & (difference > 20)
    found = np.median(cv2.cvtColor(after, cv2.COLOR_RGB2LAB)[changed].astype(float), 0)
    assert np.abs(found[1:] - wanted[1:]).max() < 16, "the colours are not the garment's"


def test_the_same_photo_gives_the_same_bytes(person_photos: dict[str, bytes], garment_photos: dict[str, bytes]) -> None:
    first, second = (
        local_engine.try_on(person_photos["p07_tee_hips"], garment_photos["c05_shirt_check"]).data for _ in range(2)
    )
    assert first == second


def _code(photo: drawn.Picture, garment: bytes) -> str:
    with pytest.raises(TryOnError) as caught:
        local_engine.try_on(drawn.png(photo), garment)
    return caught.value.code


def test_legs_are_needed_below_the_waist(person_photos: dict[str, bytes], garment_photos: dict[str, bytes]) -> None:
    trousers = garment_photos["l01_jeans_pink"]
    assert _code(drawn.unpack(person_photos["p01_tank_f"]), trousers) == "legs_not_visible"
    assert _code(drawn.unpack(person_photos["p10_seated"]), trousers) == "legs_not_visible", "seated"
    assert local_engine.check_person(person_photos["p01_tank_f"]).categories == ("upper",)
    assert local_engine.check_person(person_photos["p04_full_f"]).categories == ("upper", "lower", "full")


def test_refused_photos(person_photos: dict[str, bytes], garment_photos: dict[str, bytes]) -> None:
    tee = garment_photos["u10_tee_green"]
    one, other = drawn.unpack(person_photos["p01_tank_f"]), drawn.unpack(person_photos["p15_black_tee"])
    assert _code(np.hstack([one, other]), tee) == "several_people"
    assert _code(np.rot90(one).copy(), tee) in ("not_upright", "no_person", "face_only")
    assert _code(one[::-1].copy(), tee) in ("not_upright", "no_person", "face_only")
    assert _code(one[90:400, 230:550].copy(), tee) == "face_only"


def test_a_garment_worn_by_somebody_is_taken_with_a_warning(
    person_photos: dict[str, bytes], garment_photos: dict[str, bytes]
) -> None:
    result = local_engine.try_on(person_photos["p03_tank_m2"], garment_photos["m01_onmodel_tee"])
    assert "garment_worn_by_model" in result.warnings
    assert result.category == "upper"
