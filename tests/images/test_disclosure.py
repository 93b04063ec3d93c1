"""The mark "made with AI", read back by Pillow and by an XML parser."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from tryon.images.disclosure import COMPOSITE, GENERATED, SOURCE_TYPES, is_marked, mark_ai, with_packet, xmp_packet
from tryon.images.intake import Limits, Picture, intake
from tryon.images.renditions import SIZES, renditions

from . import factory

EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
FILES = {
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg without JFIF": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGB", {}),
    "png alpha": ("PNG", "RGBA", {}),
    "webp": ("WEBP", "RGB", {}),
    "webp lossless": ("WEBP", "RGB", {"lossless": True}),
    "webp alpha": ("WEBP", "RGBA", {}),
    "webp lossless alpha": ("WEBP", "RGBA", {"lossless": True}),
}


def picture_of(kind: str, mode: str, options: dict[str, bool]) -> Picture:
    im = factory.scene(301, 203).convert(mode)
    if mode == "RGBA":
        im.putalpha(77)
    return Picture.of(factory.encode(im, kind, **options), f"image/{kind.lower()}", im.size)


@pytest.mark.parametrize("name", FILES)
def test_mark(name: str) -> None:
    plain = picture_of(*FILES[name])
    assert not is_marked(plain.data)
    marked = mark_ai(plain, provider='Some <AI> & "Sons"\0')
    assert is_marked(marked.data)
    assert marked.sha256 != plain.sha256
    with Image.open(io.BytesIO(marked.data)) as im:
        packet = im.info["xmp"]
        im.load()
        assert im.convert("RGBA").tobytes() == factory.opened(plain.data).convert("RGBA").tobytes(), "pixels changed"
        assert im.mode == factory.opened(plain.data).mode
    assert packet == xmp_packet(marked.data)
    tree = ElementTree.fromstring(packet)  # noqa: S314 - our own text
    assert [each.text for each in tree.iter(EXT + "DigitalSourceType")] == [SOURCE_TYPES + COMPOSITE]
    assert [each.text for each in tree.iter(EXT + "AISystemUsed")] == ['Some <AI> & "Sons"']


def test_the_other_source_type() -> None:
    marked = mark_ai(picture_of("JPEG", "RGB", {}), source_type=GENERATED)
    packet = xmp_packet(marked.data)
    assert packet is not None
    assert f">{SOURCE_TYPES}{GENERATED}<".encode() in packet
    assert b"AISystemUsed" not in packet
    assert is_marked(marked.data)


def test_a_mark_is_set_once() -> None:
    marked = mark_ai(picture_of("PNG", "RGB", {}), provider="first")
    assert mark_ai(marked, provider="second") is marked


def test_what_can_not_be_marked() -> None:
    with pytest.raises(ValueError, match="not an AI source type"):
        mark_ai(picture_of("JPEG", "RGB", {}), source_type="digitalCapture")
    with pytest.raises(ValueError, match="no place"):
        mark_ai(Picture.of(b"GIF89a", "image/gif", (1, 1)))


def test_other_xmp_is_not_a_mark() -> None:
    plain = picture_of("JPEG", "RGB", {})
    other = with_packet(
        plain, b"<x><DigitalSourceType>" + SOURCE_TYPES.encode() + b"digitalCapture</DigitalSourceType></x>"
    )
    assert not is_marked(other.data)
    assert not is_marked(plain.data + (SOURCE_TYPES + COMPOSITE).encode())
    for data in (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"text"):
        assert not is_marked(data)


def test_every_rendition_keeps_the_mark() -> None:
    source = intake(factory.encode(factory.scene(1200, 1600)))
    for picture in renditions(mark_ai(source, provider="engine")).values():
        assert is_marked(picture.data)
        assert b"engine" in (xmp_packet(picture.data) or b"")
    for picture in renditions(source).values():
        assert not is_marked(picture.data)
        factory.assert_nothing_but_pixels(picture.data)


@pytest.mark.parametrize(
    ("size", "thumb", "card"),
    [
        ((1200, 1600), (240, 320), (600, 800)),
        ((500, 400), (320, 256), (500, 400)),
        ((2048, 900), (320, 141), (800, 352)),
    ],
)
def test_rendition_sizes(size: tuple[int, int], thumb: tuple[int, int], card: tuple[int, int]) -> None:
    made = renditions(intake(factory.encode(factory.scene(*size))))
    assert set(made) == set(SIZES) == {"thumb", "card"}
    assert (made["thumb"].width, made["thumb"].height) == thumb
    assert (made["card"].width, made["card"].height) == card
    for picture in made.values():
        im = factory.opened(picture.data)
        assert (im.width, im.height, im.get_format_mimetype()) == (picture.width, picture.height, "image/jpeg")
        assert factory.corners(im) == "RG?B"


def test_renditions_of_a_transparent_garment_are_on_white() -> None:
    im = Image.new("RGBA", (900, 900), (255, 0, 0, 0))
    im.paste((0, 0, 255, 255), (0, 0, 450, 900))
    source = intake(factory.encode(im, "PNG"), limits=Limits(keep_alpha=True))
    assert source.mime == "image/png"
    for picture in renditions(source).values():
        small = factory.opened(picture.data)
        assert factory.corners(small)[0] == "B"
        assert min(small.getpixel((small.width - 5, 5))) > 250
