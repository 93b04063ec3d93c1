from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.sandbox.client import encoded, garment, opened, person
from tryon.sandbox import drawing
from tryon.sandbox.inputs import inspect, is_forbidden, plain_colour
from tryon.sandbox.sound import wav
from tryon.sandbox.video import mp4, unit


def scene(colour: str, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, "#808080")
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 2, size[1] // 2), fill=colour)
    return picture


@pytest.mark.parametrize(("size", "rate"), [((832, 480), 16), ((1280, 720), 16), ((1920, 1080), 24), ((100, 62), 10)])
def test_a_decoder_plays_the_film(tmp_path: Path, size: tuple[int, int], rate: int) -> None:
    cv2 = pytest.importorskip("cv2", reason="NOT RUN: OpenCV is missing")
    path = tmp_path / "film.mp4"
    path.write_bytes(mp4([scene("#c83232", size), scene("#3232c8", size)], seconds=2, frames_per_second=rate))
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == rate
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1])
    film.release()
    assert len(frames) == 2 * rate
    assert frames[0].shape == (size[1], size[0], 3)
    blue, _, red = (int(value) for value in frames[0][10, 10])
    assert (red, blue) == (pytest.approx(200, abs=6), pytest.approx(50, abs=6))
    blue, _, red = (int(value) for value in frames[-1][10, 10])
    assert (red, blue) == (pytest.approx(50, abs=6), pytest.approx(200, abs=6))
    assert all(abs(int(value) - 128) <= 3 for value in frames[-1][-1, -1])


def test_no_start_code_inside_a_unit() -> None:
    assert unit(0x65, b"\0\0\1") == b"\x65\0\0\3\1"
    assert unit(0x65, b"\0\0\0\0\4") == b"\x65\0\0\3\0\0\4"


@pytest.mark.parametrize("seconds", [5, 30])
def test_sound(seconds: int) -> None:
    with wave.open(io.BytesIO(wav(seconds, seed=3))) as sound:
        assert sound.getnframes() / sound.getframerate() == seconds
        assert len(set(sound.readframes(4000))) > 50


@pytest.mark.parametrize("size", [(64, 64), (300, 2000), (1024, 1024)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_mark_is_seen(size: tuple[int, int], mode: str) -> None:
    picture = Image.new(mode, size, "#808080")
    marked = drawing.marked(picture, "a long label that can not fit into the smallest of pictures")
    strip = marked.convert("RGB").crop((0, size[1] - 20, size[0], size[1]))
    yellow = [pixel for _, pixel in strip.getcolors(size[0] * 20) or [] if pixel[0] > 180 and pixel[2] < 90]  # type: ignore[index]
    assert marked.size == size
    assert yellow


def test_magic_pictures() -> None:
    grey, red = (inspect(encoded(Image.new("RGB", (300, 400), colour))) for colour in ("#777777", "#cc0000"))
    assert plain_colour(grey) == pytest.approx((119, 119, 119), abs=2)
    assert not is_forbidden(grey)
    assert is_forbidden(red)
    assert plain_colour(inspect(person())) is None


def test_cutout_of_a_plain_background() -> None:
    picture = Image.new("RGB", (300, 300), "#f4f4f4")
    ImageDraw.Draw(picture).ellipse((80, 80, 220, 220), fill="#224466")
    alpha = drawing.cutout(picture).getchannel("A")
    assert (alpha.getpixel((5, 5)), alpha.getpixel((150, 150))) == (0, 255)


def test_upscaling_has_an_end() -> None:
    assert drawing.upscaled(opened(garment(300, 300))).size == (1200, 1200)
    assert max(drawing.upscaled(Image.new("RGB", (3000, 1500))).size) == drawing.MAX_UPSCALED
