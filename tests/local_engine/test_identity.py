"""Everything that is neither garment, old clothes nor their shadow keeps the photo's own pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.local_engine import person as persons
from tryon.local_engine.compose import dress
from tryon.local_engine.garment import analyse
from tryon.local_engine.imaging import decode, dilate, grow

pytestmark = pytest.mark.usefixtures("models")
PAIRS = [
    ("p01_tank_f", "u10_tee_green"),
    ("p04_full_f", "l02_flare"),
    ("p04_full_f", "f01_leopard"),
    ("p03_tank_m2", "c03_tee_navy"),
    ("p07_tee_hips", "u05_turtleneck"),
    ("p09_plus", "u08_tee_black"),
    ("p10_seated", "u01_tee_purple"),
]


@pytest.mark.parametrize(("person_name", "garment_name"), first(2, PAIRS))
def test_face_and_surroundings_are_identical(
    person_photos: dict[str, bytes], garment_photos: dict[str, bytes], person_name: str, garment_name: str
) -> None:
    photo = drawn.unpack(person_photos[person_name])
    person = persons.analyse(photo)
    done = dress(person, analyse(*decode(garment_photos[garment_name])))
    assert person.parts is not None
    _, coverage = done.cloth()
    worn = person.parts.upper | person.parts.lower if done.layers else person.parts.upper
    touched = np.maximum(coverage > 0, grow(worn, person.shape) > 0)
    near = dilate(touched, max(3, int(0.12 * person.shoulder_width))) > 0
    same = (done.picture == person.picture).all(-1)
    assert same[~near].all(), f"{(~same[~near]).sum()} pixels away from all cloth changed"
    face = (grow(person.parts.face, person.shape) > 0.99) & (coverage == 0)
    assert face.sum() > 500
    assert same[face].all(), "the face changed"
    x, y = person.origin
    outside = np.ones(photo.shape[:2], bool)
    outside[y : y + person.shape[0], x : x + person.shape[1]] = False
    assert np.array_equal(done.photo[outside], photo[outside])


@pytest.mark.parametrize("name", first(1, ["p01_tank_f", "p15_black_tee", "p03_tank_m2", "p04_full_f"]))
def test_hands_are_identical(person_photos: dict[str, bytes], name: str) -> None:
    person = persons.analyse(drawn.unpack(person_photos[name]))
    done = dress(person, analyse(drawn.tee(), None, is_worn=False))
    assert person.zones is not None
    assert person.parts is not None
    hands = grow(person.parts.skin & (person.zones.hand < 0.8) & (person.zones.axial > 0.9), person.shape) > 0.99
    hands &= done.cloth()[1] == 0
    assert hands.sum() > 300
    assert (done.picture == person.picture).all(-1)[hands].mean() > 0.995


def test_the_file_is_lossless(person_photos: dict[str, bytes], garment_photos: dict[str, bytes]) -> None:
    made = local_engine.try_on(person_photos["p01_tank_f"], garment_photos["u10_tee_green"])
    assert made.mime == "image/png"
    before, after = drawn.unpack(person_photos["p01_tank_f"]), drawn.unpack(made.data)
    assert np.array_equal(before[:260], after[:260]), "the head"
    assert (before == after).all(-1).mean() > 0.6
