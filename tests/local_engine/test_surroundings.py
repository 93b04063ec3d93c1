"""What is behind a garment or a person: taken away or replaced."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import first
from tests.local_engine import drawn
from tryon import local_engine
from tryon.errors import TryOnError
from tryon.local_engine import backdrop

pytestmark = pytest.mark.usefixtures("models")
CREAM = (216, 206, 192)
WHITE, INDIGO = (255, 255, 255), (60, 70, 120)


def _channels(data: bytes) -> drawn.Picture:
    out = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert out is not None
    assert out.shape[2] == 4
    return np.asarray(out, np.uint8)


def _outline(scale: float = 1) -> np.ndarray:
    """The drawn tee as it really is."""
    plain = drawn.tee(background=(255, 0, 255))
    if scale != 1:
        plain = cv2.resize(plain, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return ~((plain[..., 0] > 128) & (plain[..., 1] < 100) & (plain[..., 2] > 128))


@pytest.mark.parametrize("background", first(1, [(CREAM,), (WHITE,), (INDIGO,)]))
def test_the_garment_alone(background: tuple[int, int, int]) -> None:
    made = local_engine.remove_background(drawn.png(drawn.tee(background=background)))
    assert (made.mime, made.width, made.height, made.version) == ("image/png", 600, 800, local_engine.ENGINE_VERSION)
    alpha = _channels(made.data)[..., 3]
    truth = _outline()
    assert ((alpha > 127) & truth).sum() / ((alpha > 127) | truth).sum() > 0.985
    core = cv2.erode(truth.astype(np.uint8), np.ones((13, 13)))
    assert alpha[core > 0].min() == 255
    assert alpha[cv2.dilate(truth.astype(np.uint8), np.ones((13, 13))) == 0].max() == 0


def test_no_old_background_at_the_edge() -> None:
    blue = (40, 60, 200)
    out = _channels(local_engine.remove_background(drawn.png(drawn.tee(background=blue))).data)
    edge = (out[..., 3] > 25) & (out[..., 3] < 230)
    assert edge.sum() > 200
    hue = out[..., 0][edge].astype(int) - out[..., 1][edge]  # blue less green: the garment is green
    assert np.percentile(hue, 95) < 20


def test_cropped_to_the_garment() -> None:
    out = _channels(local_engine.remove_background(drawn.png(drawn.tee()), crop=True).data)
    ys, xs = np.nonzero(out[..., 3] > 127)
    for margin in (ys.min(), xs.min(), out.shape[0] - 1 - ys.max(), out.shape[1] - 1 - xs.max()):
        assert 5 < margin < 40


def test_a_large_picture_keeps_its_size_and_a_sharp_edge() -> None:
    large = cv2.resize(drawn.tee(), (1536, 2048), interpolation=cv2.INTER_CUBIC)
    made = local_engine.remove_background(drawn.png(large))
    assert (made.width, made.height) == (1536, 2048)
    alpha, truth = _channels(made.data)[..., 3], _outline(2.56)
    assert ((alpha > 127) & truth).sum() / ((alpha > 127) | truth).sum() > 0.985
    assert ((alpha > 20) & (alpha < 235)).sum() < 12 * 4000, "the outline is some 4,000 pixels long"
    smaller = local_engine.remove_background(drawn.png(large), size=1024)
    assert (smaller.width, smaller.height) == (768, 1024)


def test_own_transparency_is_kept() -> None:
    picture = drawn.tee()
    alpha = (_outline() * 255).astype(np.uint8)
    out = _channels(local_engine.remove_background(drawn.png(picture, alpha)).data)
    assert np.abs(out[..., 3].astype(int) - alpha).max() < 3


@pytest.mark.parametrize("data", [drawn.png(np.full((400, 400, 3), 128, np.uint8)), b"no picture"])
def test_nothing_to_cut_out_is_refused(data: bytes) -> None:
    for work in (local_engine.remove_background, local_engine.replace_background):
        with pytest.raises(TryOnError) as caught:
            work(data)
        assert caught.value.code == "garment_unsuitable"


def test_a_colour_behind_the_garment() -> None:
    before = drawn.tee(background=CREAM)
    out = drawn.unpack(local_engine.replace_background(drawn.png(before), background=(90, 120, 200)).data)
    assert out.shape == before.shape
    assert out[30, 30] == pytest.approx([90, 120, 200], abs=16)
    core = cv2.erode(_outline().astype(np.uint8), np.ones((15, 15))) > 0
    change = np.abs(out.astype(int) - before)[core]
    assert change.max() < 16, "the garment changed"
    assert change.mean() < 2


def test_the_shadow_is_soft_below_the_garment_and_can_be_left_out() -> None:
    data = drawn.png(drawn.tee())
    plain = drawn.unpack(local_engine.replace_background(data, shadow=False).data).astype(int)
    with_shadow = drawn.unpack(local_engine.replace_background(data).data).astype(int)
    darker = (plain - with_shadow).mean(-1)
    assert 8 < darker[686:690, 250:350].mean() < 70
    assert darker[:40].max() < 4
    steps = np.abs(np.diff(darker[690:760, 300]))
    assert steps.max() < 6, "a hard border"


@pytest.mark.parametrize("theme", first(3, local_engine.THEMES))
def test_every_theme_can_be_drawn_at_every_size(theme: str) -> None:
    for shape, floor in (((480, 320), 0.9), ((300, 600), None), ((512, 512), 0.8)):
        wall = backdrop.paint(shape, theme, floor)
        assert wall.shape == (*shape, 3)
        assert 0 <= wall.min() < wall.max() <= 255
        assert wall.std() > 1
        assert np.array_equal(wall, backdrop.paint(shape, theme, floor))
    assert not np.array_equal(backdrop.paint((480, 320), theme, 0.9), backdrop.paint((480, 320), theme))


def test_a_picture_fills_the_background_without_being_stretched() -> None:
    wide = np.zeros((200, 900, 3), np.uint8)
    wide[:, 350:550] = (200, 30, 30)
    wall = backdrop.paint((400, 400), drawn.png(wide))
    assert np.all(wall[200, 150:250, 0] > 150), "its middle"
    assert np.ptp(wall[:, 200, 0]) < 2
    with pytest.raises(ValueError, match="decoded"):
        backdrop.paint((400, 400), b"none")
    with pytest.raises(ValueError, match="unknown theme 'moon'"):
        local_engine.replace_background(drawn.png(drawn.tee()), background="moon")


def test_a_person_in_front_of_another_wall(person_photos: dict[str, bytes], garment_photos: dict[str, bytes]) -> None:
    photo, tee = person_photos["p04_full_f"], garment_photos["u10_tee_green"]
    usual = drawn.unpack(local_engine.try_on(photo, tee).data).astype(int)
    moved = drawn.unpack(local_engine.try_on(photo, tee, background=(200, 60, 60)).data).astype(int)
    assert moved[20, 20] == pytest.approx([200, 60, 60], abs=20)
    difference = np.abs(moved - usual).max(-1)
    x, y = 384, 300  # the middle of the top
    assert difference[y : y + 60, x - 20 : x + 20].max() < 3
    red = (moved[..., 0] > 140) & (moved[..., 1] < 90)
    assert 0.5 < red.mean() < 0.9
    feet = moved[1000:1020, 330:420].mean(-1)
    assert feet.min() < moved[1000:1020, 20:60].mean(-1).min() - 12, "no shadow below the shoes"


def test_a_model_in_a_garment_picture_is_cut_out_whole(garment_photos: dict[str, bytes]) -> None:
    out = _channels(local_engine.remove_background(garment_photos["m01_onmodel_tee"]).data)
    height, width = out.shape[:2]
    assert out[int(0.12 * height), width // 2, 3] > 250, "the head"
    assert out[int(0.6 * height), width // 2, 3] > 250
    assert out[10, 10, 3] == 0
