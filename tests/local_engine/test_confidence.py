"""How sure the engine is, and what it refuses for not being sure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.errors import ERRORS, TryOnError
from tryon.local_engine import garment as garments
from tryon.local_engine import person as persons
from tryon.local_engine.compose import dress
from tryon.local_engine.confidence import garment_factors, judge, symmetry

pytestmark = pytest.mark.usefixtures("models")
TEE = drawn.png(drawn.tee())


def _code(person: bytes, garment: bytes = TEE, **options: object) -> str:
    with pytest.raises(TryOnError) as caught:
        local_engine.try_on(person, garment, **options)  # type: ignore[arg-type]
    assert caught.value.code in ERRORS
    return caught.value.code


def test_an_easy_pair_is_sure_and_says_so(person_photos: dict[str, bytes]) -> None:
    assert local_engine.model_shot(TEE, mannequin="f-m-tan").confidence > 0.9
    made = local_engine.try_on(person_photos["p01_tank_f"], TEE)
    assert made.confidence > 0.9
    assert made.quality == "full"


@pytest.mark.prove
def test_difficult_photos_are_less_sure(person_photos: dict[str, bytes]) -> None:
    easy, sleeves, seated = (
        local_engine.try_on(person_photos[name], TEE).confidence
        for name in ("p01_tank_f", "p06_longsleeve", "p10_seated")
    )
    assert easy > sleeves > seated > 0.35


@pytest.mark.prove  # the rule itself is tried with the provider in every run
def test_bulky_clothes_are_refused_by_default_and_the_shop_may_allow_them(person_photos: dict[str, bytes]) -> None:
    space_suit = person_photos["p11_astronaut"]
    assert _code(space_suit) == "low_confidence"
    made = local_engine.try_on(space_suit, TEE, min_confidence=0)
    assert made.confidence < 0.35
    assert made.quality == "reduced"


def test_the_limit_is_the_shops(person_photos: dict[str, bytes]) -> None:
    photo = person_photos["p06_longsleeve"]
    sure = local_engine.try_on(photo, TEE).confidence
    assert _code(photo, min_confidence=sure + 0.02) == "low_confidence"
    assert local_engine.try_on(photo, TEE, min_confidence=sure - 0.02).confidence == sure


def test_a_weak_garment_is_the_garments_fault() -> None:
    lopsided = drawn.tee()
    lopsided[100:400, 300:] = 255  # one shoulder and sleeve are missing
    found = garments.analyse(lopsided, None, "upper", is_worn=False)
    assert symmetry(found) < 0.8
    assert min(garment_factors(found).values()) < 0.8
    cut_off = drawn.tee()[:, 120:480].copy()
    assert garment_factors(garments.analyse(cut_off, None, "upper", is_worn=False))["cut off by the frame"] < 0.8
    with pytest.raises(TryOnError) as caught:
        local_engine.model_shot(drawn.png(lopsided), mannequin="f-m-tan", category="upper", min_confidence=0.95)
    assert caught.value.code == "garment_unsuitable"
    assert "confidence" in caught.value.detail


def test_reasons_name_what_lowered_it(person_photos: dict[str, bytes]) -> None:
    person = persons.analyse(drawn.unpack(person_photos["p10_seated"]))
    judgement = judge(dress(person, garments.analyse(drawn.tee(), None, is_worn=False)), garments.analyse(
        drawn.tee(), None, is_worn=False))  # fmt: skip
    assert "seated" in judgement.reasons
    assert not judgement.garment_is_weak


def _with_a_childs_body(photo: drawn.Picture, chin: int, shrink: float) -> drawn.Picture:
    """Everything below the chin shrunk towards the middle, the head as it was."""
    height, width = photo.shape[:2]
    middle = width // 2
    body = cv2.resize(photo[chin:], None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    wall = np.tile(photo[chin : chin + 1, :1], (height, width, 1))
    left = middle - body.shape[1] // 2
    wall[:chin] = photo[:chin]
    wall[chin : chin + body.shape[0], left : left + body.shape[1]] = body
    return wall


def test_a_childs_proportions_are_the_shops_rule(person_photos: dict[str, bytes]) -> None:
    adult = drawn.unpack(person_photos["p04_full_f"])
    child = drawn.png(_with_a_childs_body(adult, 148, 0.62))
    assert _code(child) == "child_sized"
    assert "child_sized" in local_engine.try_on(child, TEE, child_sized="warn", min_confidence=0).warnings
    assert "child_sized" not in local_engine.try_on(child, TEE, child_sized="allow", min_confidence=0).warnings
    with pytest.raises(TryOnError):
        local_engine.check_person(child)
    assert local_engine.check_person(child, child_sized="allow").categories
    with pytest.raises(ValueError, match="unknown rule"):
        local_engine.try_on(child, TEE, child_sized="perhaps")


@pytest.mark.parametrize("among", first(1, [3, 1000]))
def test_no_adult_is_taken_for_a_child(person_photos: dict[str, bytes], among: int) -> None:
    for name, photo in list(person_photos.items())[:among]:
        assert "child_sized" not in local_engine.check_person(photo, child_sized="warn").warnings, name
