"""Warnings about dark and blurry photos."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageFilter

from tryon.images import quality
from tryon.images.intake import intake

from . import factory

PEOPLE = sorted((factory.SHARED / "images/person").glob("*.jpg"))
needs_people = pytest.mark.skipif(
    not PEOPLE, reason=f"THRESHOLDS ARE NOT TESTED: {factory.SHARED}/images/person is missing"
)


def warnings_for(im: Image.Image) -> tuple[str, ...]:
    return intake(factory.encode(im, quality=92)).warnings


def darker(im: Image.Image, light: float) -> Image.Image:
    return im.point(lambda value: int(value * light))


def blurred(im: Image.Image, share: float) -> Image.Image:
    return im.filter(ImageFilter.GaussianBlur(max(im.size) * share))


@needs_people
@pytest.mark.parametrize("photo", PEOPLE, ids=lambda path: path.stem)
def test_real_photos(photo: Any) -> None:
    im = Image.open(photo).convert("RGB")
    assert warnings_for(im) == ()
    assert warnings_for(darker(im, 0.55)) == ()
    assert warnings_for(darker(im, 0.25)) == ("photo_dark",)
    assert warnings_for(blurred(im, 0.001)) == ()
    assert warnings_for(blurred(im, 0.006)) == ("photo_blurry",)


@needs_people
def test_a_large_photo_is_judged_like_the_same_photo_small() -> None:
    im = Image.open(PEOPLE[0]).convert("RGB")
    large = im.resize((im.width * 3, im.height * 3), Image.Resampling.LANCZOS)
    assert warnings_for(large) == ()
    assert warnings_for(blurred(large, 0.006)) == ("photo_blurry",)


def test_made_pictures() -> None:
    sharp = factory.scene()
    assert warnings_for(sharp) == ()
    assert warnings_for(darker(sharp, 0.2)) == ("photo_dark",)
    assert warnings_for(blurred(sharp, 0.02)) == ("photo_blurry",)
    assert warnings_for(Image.new("RGB", (400, 500))) == ("photo_dark",)


def test_a_dark_backdrop_is_not_a_dark_photo() -> None:
    im = Image.new("RGB", (400, 500), (12, 12, 12))
    im.paste(factory.scene(160, 300), (120, 100))
    assert warnings_for(im) == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 40), (7, 5), (512, 6)])
def test_tiny_pictures_do_not_break_the_statistics(size: tuple[int, int]) -> None:
    assert set(quality.warnings(Image.new("RGB", size, "white"))) <= {"photo_blurry"}
