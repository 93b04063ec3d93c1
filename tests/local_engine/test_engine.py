"""The public operations on drawn inputs: a mannequin and drawn garments."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.errors import TryOnError
from tryon.local_engine import mannequin as drawn_people
from tryon.local_engine.catalogue import FOLDER

KEYS = [figure.key for figure in local_engine.mannequins()]
TEE = drawn.png(drawn.tee())


def _lab(picture: drawn.Picture, mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[mask].astype(float), 0))


def test_mannequins_differ_in_size_and_tone() -> None:
    figures = local_engine.mannequins()
    assert len(figures) >= 8
    assert len({figure.skin_tone for figure in figures}) >= 4
    assert {"XS", "S", "M", "L", "XL", "2XL", "3XL", "4XL"} == {figure.size for figure in figures}
    assert {figure.pose for figure in figures} >= {"straight", "hand_on_hip", "walking", "relaxed"}
    assert {"f", "m"} <= {figure.body for figure in figures}
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert local_engine.mannequin_picture(figure.key) == figure.picture.read_bytes()
    widths = []
    for key in ("f-s-light", "f-m-tan", "f-l-dark", "f-2xl-medium"):
        person = drawn_people.recognise(drawn.unpack(local_engine.mannequin_picture(key)))
        assert person is not None
        waist = int(person.shoulder_centre[1] + 0.62 * person.torso)
        widths.append(float((person.matte[waist] > 0.5).sum() / person.shoulder_width))
    assert widths == sorted(set(widths))


def test_shipped_pictures_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


@pytest.mark.parametrize("keys", first(1, [KEYS[:2], KEYS[2:]]), ids=["two", "others"])
def test_only_the_mannequins_own_picture_is_recognised(keys: list[str]) -> None:
    for key in keys:
        picture = drawn.unpack(local_engine.mannequin_picture(key))
        smaller = cv2.resize(picture, (320, 480), interpolation=cv2.INTER_AREA)
        assert drawn_people.recognise(smaller) is not None
    assert drawn_people.recognise(np.full((480, 320, 3), 240, np.uint8)) is None


@pytest.mark.parametrize(
    ("picture", "category", "colour", "axial"),
    first(
        2,
        [
            (drawn.trousers(), "lower", drawn.BLUE, 1.0),
            (drawn.dress(), "full", drawn.RED, 1.2),
            (drawn.tee(), "upper", drawn.GREEN, 0.6),
            (drawn.skirt(), "lower", drawn.RED, 1.2),
        ],
    ),
    ids=["trousers", "dress", "tee", "skirt"],
)
def test_garment_on_a_mannequin(
    models: None, picture: drawn.Picture, category: str, colour: tuple[int, int, int], axial: float
) -> None:
    person_bytes = local_engine.mannequin_picture("f-m-tan")
    result = local_engine.try_on(person_bytes, drawn.png(picture))
    assert (result.category, result.mime, result.quality) == (category, "image/png", "full")
    assert result.version == local_engine.ENGINE_VERSION
    out = drawn.unpack(result.data)
    assert (result.height, result.width) == out.shape[:2] == (1024, 683)
    before = cv2.resize(drawn.unpack(person_bytes), (683, 1024), interpolation=cv2.INTER_AREA)
    person = drawn_people.recognise(before)
    assert person is not None
    changed = np.abs(out.astype(int) - before).max(-1) > 25
    head = slice(0, int(person.shoulder_centre[1] - 0.45 * person.shoulder_width))
    assert not changed[head].any(), "the head must not change"
    assert not changed[:, :60].any()
    assert not changed[:, -60:].any()
    x, y = (int(v) for v in person.shoulder_centre + np.array([0, axial * person.torso]))
    patch = np.zeros(changed.shape, bool)
    patch[y - 12 : y + 12, x - 12 : x + 12] = True
    assert changed[patch].mean() > 0.95
    wanted = cv2.cvtColor(np.array([[colour]], np.uint8), cv2.COLOR_RGB2LAB)[0, 0].astype(float)
    found = _lab(out, patch)
    assert np.abs(found[1:] - wanted[1:]).max() < 14  # shading takes some chroma with it
    assert abs(found[0] - wanted[0]) < 30


def test_a_tee_leaves_legs_and_background_alone(models: None) -> None:
    person_bytes = local_engine.mannequin_picture("m-m-brown")
    out = drawn.unpack(local_engine.try_on(person_bytes, TEE).data)
    before = cv2.resize(drawn.unpack(person_bytes), (683, 1024), interpolation=cv2.INTER_AREA)
    person = drawn_people.recognise(before)
    assert person is not None
    changed = np.abs(out.astype(int) - before).max(-1) > 25
    knees = int(person.shoulder_centre[1] + 1.5 * person.torso)
    assert not changed[knees:].any()
    away = cv2.dilate((person.matte > 0.02).astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert not changed[away].any()


def test_the_same_inputs_give_the_same_bytes_also_in_parallel(models: None) -> None:
    shirt = drawn.png(drawn.tee(background=(200, 190, 180)))

    def run(key: str) -> bytes:
        return local_engine.model_shot(shirt, mannequin=key).data

    alone = [run(key) for key in KEYS[:2]]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, KEYS[:2]))
    assert together == alone
    assert len(set(alone)) == 2


def test_model_shot_takes_width_and_background(models: None) -> None:
    result = local_engine.model_shot(TEE, mannequin="f-s-light", background=(90, 120, 200), width=500)
    out = drawn.unpack(result.data)
    assert (result.width, result.height) == (500, 625)
    assert out.shape == (625, 500, 3)
    assert out[20, 20] == pytest.approx([90, 120, 200], abs=14)
    whole = local_engine.model_shot(drawn.png(drawn.trousers()), mannequin="f-s-light")
    assert whole.height > whole.width * 1.4


def test_misuse_is_an_error(models: None) -> None:
    with pytest.raises(KeyError, match="no mannequin 'nobody'; known: f-xs-medium"):
        local_engine.model_shot(TEE, mannequin="nobody")
    with pytest.raises(ValueError, match="unknown category 'hat'"):
        local_engine.try_on(local_engine.mannequin_picture(KEYS[0]), TEE, category="hat")
    with pytest.raises(ValueError, match="width"):
        local_engine.model_shot(TEE, mannequin=KEYS[0], width=10)


@pytest.mark.parametrize(
    ("person", "garment", "code"),
    [
        (b"not a picture", TEE, "malformed_image"),
        (drawn.png(np.full((700, 500, 3), 200, np.uint8)), TEE, "no_person"),
        (drawn.png(drawn.tee()), TEE, "no_person"),
        (drawn.png(drawn.tee()[:, :200].copy()), TEE, "image_too_small"),
        (None, b"not a picture", "garment_unsuitable"),
        (None, drawn.png(np.full((300, 300, 3), 128, np.uint8)), "garment_unsuitable"),
    ],
    ids=["broken person", "blank", "no person but a shirt", "small", "broken garment", "blank garment"],
)
def test_refusals(models: None, person: bytes | None, garment: bytes, code: str) -> None:
    with pytest.raises(TryOnError) as caught:
        local_engine.try_on(person or local_engine.mannequin_picture(KEYS[0]), garment)
    assert caught.value.code == code


def test_too_small_names_the_limit(models: None) -> None:
    with pytest.raises(TryOnError) as caught:
        local_engine.try_on(drawn.png(np.zeros((200, 200, 3), np.uint8)), TEE)
    assert caught.value.params["limit"] == 256
