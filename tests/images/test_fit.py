"""Our own pictures made small enough for a provider."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from PIL import Image

from tests.providers.fakes import jpeg
from tryon.errors import TryOnError
from tryon.images.fit import SMALLEST_SIDE, fit
from tryon.images.probe import probe


def noise(width: int, height: int) -> bytes:
    """A picture that no encoder makes small."""
    stream = BytesIO()
    pixels = random.Random(1).randbytes(width * height * 3)
    Image.frombytes("RGB", (width, height), pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def cut_out(width: int, height: int) -> bytes:
    stream = BytesIO()
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (width // 4, height // 4, width // 2, height // 2))
    image.save(stream, "PNG")
    return stream.getvalue()


def test_what_fits_is_not_touched() -> None:
    data = jpeg(600, 800)
    assert fit(data) is data
    assert fit(data, max_edge=800, max_bytes=len(data), max_pixels=600 * 800) is data


@pytest.mark.parametrize(
    ("size", "edge", "expected"),
    [((600, 800), 400, (300, 400)), ((1000, 333), 999, (999, 332)), ((6000, 4000), 1920, (1920, 1280))],
)
def test_edges(size: tuple[int, int], edge: int, expected: tuple[int, int]) -> None:
    assert probe(fit(jpeg(*size), max_edge=edge)) == ("image/jpeg", *expected)


def test_pixels() -> None:
    mime, width, height = probe(fit(jpeg(1000, 1000), max_pixels=250_000))
    assert (mime, width, height) == ("image/jpeg", 500, 500)


def test_bytes_cost_quality_first_and_pixels_then() -> None:
    data = noise(900, 1200)
    less = fit(data, max_bytes=int(len(data) * 0.9))
    assert len(less) <= len(data) * 0.9
    assert probe(less)[1:] == (900, 1200)
    small = fit(data, max_bytes=100_000)
    assert len(small) <= 100_000
    _, width, height = probe(small)
    assert width < 900
    assert abs(width / height - 0.75) < 0.01


def test_transparency_is_kept_until_bytes_forbid_it() -> None:
    data = cut_out(800, 800)
    small = fit(data, max_edge=400)
    assert probe(small) == ("image/png", 400, 400)
    with Image.open(BytesIO(small)) as image:
        assert image.getpixel((0, 0))[3] == 0
    flat = fit(data, max_bytes=len(data) - 1)
    assert probe(flat)[0] == "image/jpeg"
    assert len(flat) < len(data)
    with Image.open(BytesIO(flat)) as image:
        assert min(image.convert("RGB").getpixel((0, 0))) > 250, "on white"


def test_there_is_a_smallest_size() -> None:
    with pytest.raises(TryOnError) as caught:
        fit(noise(200, 200), max_bytes=500)
    assert caught.value.code == "file_size_too_large"
    assert SMALLEST_SIDE == 64
    with pytest.raises(ValueError, match="not a picture"):
        fit(b"GIF89a")
