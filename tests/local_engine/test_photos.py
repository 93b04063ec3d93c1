"""Real photos: every category, refusals, and how close the colours stay. The pictures are not part of the project."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.errors import TryOnError
from tryon.local_engine import garment as garments
from tryon.local_engine import nets as networks
from tryon.local_engine import person as persons
from tryon.local_engine.imaging import decode

pytestmark = pytest.mark.usefixtures("models")


@pytest.mark.parametrize(
    ("person_name", "garment_name", "category"),
    first(
        2,
        [
            ("p09_plus", "c04_long_red", "upper"),
            ("p04_full_f", "f01_leopard", "full"),
            ("p04_full_f", "l02_flare", "lower"),
            ("p01_tank_f", "u10_tee_green", "upper"),
            ("p06_longsleeve", "u01_tee_purple", "upper"),
            ("p04_full_f", "c08_skirt", "lower"),
        ],
    ),
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


@pytest.mark.prove
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


# ---------------------------------------------------------------- a hidden face


def _hide(photo: drawn.Picture, grown: float, *, features: bool) -> drawn.Picture:
    """An oval of one colour over the face; with ``features`` as the widget draws them, else cut out plainly."""
    face = max(networks.find_faces(networks.load(None), photo), key=lambda found: found.score)
    (x0, y0, x1, y1), out = face.box, photo.copy()
    tall = grown * (y1 - y0) / 2
    mean = photo[int(y0) : int(y1), int(x0) : int(x1)].reshape(-1, 3).mean(0)

    def paint(across: float, down: float, width: float, height: float, *strength: float) -> None:
        centre = (int((x0 + x1) / 2 + across * 0.75 * tall), int((y0 + y1) / 2 + down * tall))
        axes = (max(1, int(width * 0.75 * tall)), max(1, int(height * tall)))
        cv2.ellipse(out, centre, axes, 0, 0, 360, [int(c) for c in mean * strength], -1, cv2.LINE_AA)

    paint(0, 0, 1, 1, 1)
    for side in (-0.32, 0.32) if features else ():
        paint(side, -0.13, 0.19, 0.02, 0.35)
        paint(side, 0.02, 0.14, 0.06, 0.35)
    if features:
        paint(0, 0.17, 0.11, 0.035, 0.8)
        paint(0, 0.34, 0.27, 0.06, 0.75, 0.45, 0.45)
    return out


@pytest.mark.parametrize(
    ("features", "sizes", "names"),
    [
        (True, (1.5, 2.0), ("p04_full_f", "p07_tee_hips", "p09_plus")),
        (False, (1.5,), ("p01_tank_f", "p04_full_f", "p07_tee_hips")),
    ],
    ids=["drawn", "cut out"],
)
def test_a_hidden_face_is_no_obstacle_when_the_body_is_clear(
    person_photos: dict[str, bytes], features: bool, sizes: tuple[float, ...], names: tuple[str, ...]
) -> None:
    for name in names:
        photo = drawn.unpack(person_photos[name])
        for grown in sizes:  # who covers more than the face is not taken for a child
            hidden = drawn.png(_hide(photo, grown, features=features))
            assert "upper" in local_engine.check_person(hidden).categories, (name, grown)


def test_a_face_is_only_called_drawn_when_it_is(person_photos: dict[str, bytes]) -> None:
    nets = networks.load(None)
    for name in ("p04_full_f", "p09_plus", "p11_astronaut"):
        photo = drawn.unpack(person_photos[name])
        for picture, expected in ((photo, False), (_hide(photo, 1.5, features=True), True)):
            face = max(networks.find_faces(nets, picture), key=lambda found: found.score)
            assert persons.is_drawn(picture, face) is expected, name


def test_a_garment_without_a_person_stays_refused(garment_photos: dict[str, bytes]) -> None:
    for name in ("u07_tee_white", "u08_tee_black", "f02_blue_dress"):  # what the pose network half believes in
        with pytest.raises(TryOnError) as caught:
            local_engine.check_person(garment_photos[name])
        assert caught.value.code in ("no_person", "turned_away"), name
