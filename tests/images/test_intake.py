"""What every picture must have become after ``intake``, on files made here."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from tryon.errors import ERRORS, TryOnError
from tryon.images.intake import Limits, Picture, accept_output, intake

from . import factory

UPRIGHT = "RG?B"


def refusal(data: Any, **limits: Any) -> TryOnError:
    with pytest.raises(TryOnError) as caught:
        intake(data, limits=Limits(**limits))
    assert caught.value.code in ERRORS
    return caught.value


def checked(picture: Picture) -> Image.Image:
    """The picture opened, after all that is true of every result."""
    factory.assert_nothing_but_pixels(picture.data)
    im = factory.opened(picture.data)
    assert im.size == (picture.width, picture.height)
    assert im.get_format_mimetype() == picture.mime
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert im.mode == ("RGB" if picture.mime == "image/jpeg" else "RGBA")
    return im


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_each_allowed_format_comes_out_as_jpeg(kind: str) -> None:
    picture = intake(factory.encode(factory.scene(), kind))
    assert picture.mime == "image/jpeg"
    assert picture.warnings == ()
    assert factory.corners(checked(picture)) == UPRIGHT


def test_heic_is_accepted_with_its_extra() -> None:
    pytest.importorskip("pi_heif")
    sample = factory.SHARED / "hostile/files/phone/pillow_heif__RGB_10__128x128.heif"
    if not sample.exists():
        pytest.skip(f"NO HEIC SAMPLE: {sample} is missing, and nothing here can write HEIC")
    assert checked(intake(sample.read_bytes(), limits=Limits(min_side=64))).size == (128, 128)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = factory.scene()
    if orientation in back:
        stored = stored.transpose(back[orientation])
    picture = intake(factory.encode(stored, kind, exif=factory.exif_with_gps(orientation)), limits=Limits(max_edge=450))
    assert (picture.width, picture.height) == (360, 450)
    assert factory.corners(checked(picture)) == UPRIGHT


def test_all_metadata_is_gone() -> None:
    extras = {"exif": factory.exif_with_gps(), "xmp": factory.xmp_packet()}
    jpeg = factory.encode(factory.scene(), comment=factory.CANARY, **extras)
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x30\x1c\x02\x78\0\x29" + factory.CANARY
    jpeg = factory.jpeg_insert(jpeg, factory.jpeg_segment(0xED, iptc), factory.jpeg_segment(0xEB, factory.CANARY))
    webp = factory.encode(factory.scene(), "WEBP", **extras)
    png = factory.encode(factory.scene(), "PNG", exif=extras["exif"])
    text = factory.png_chunk(b"tEXt", b"Comment\0" + factory.CANARY)
    png = png[:33] + text + png[33:]
    for data in (jpeg + factory.CANARY, png + factory.CANARY, webp):
        assert factory.CANARY in data
        checked(intake(data))


def test_png_with_transparency_is_clean_too() -> None:
    im = factory.scene().convert("RGBA")
    im.putalpha(Image.linear_gradient("L").resize(im.size))
    data = factory.encode(im, "PNG", exif=factory.exif_with_gps()) + factory.CANARY
    picture = intake(data, limits=Limits(keep_alpha=True))
    assert picture.mime == "image/png"
    assert checked(picture).getchannel("A").getextrema() == (0, 255)


def test_only_the_first_picture_of_a_phone_file_is_kept() -> None:
    second = Image.new("RGB", (400, 500), (255, 0, 255))
    data = factory.encode(factory.scene(), "MPO", save_all=True, append_images=[second])
    picture = intake(data)
    assert factory.corners(checked(picture)) == UPRIGHT


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("PNG", "animated_image"),
        ("WEBP", "animated_image"),
        ("AVIF", "animated_image"),
        ("GIF", "unsupported_image_format"),
    ],
)
def test_moving_pictures_are_refused(kind: str, code: str) -> None:
    frames = [factory.scene(), Image.new("RGB", (400, 500), "white")]
    assert refusal(factory.encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=90)).code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(kind: str, part: float) -> None:
    data = factory.encode(factory.scene(), kind)
    assert refusal(data[: int(len(data) * part)]).code == "malformed_image"


def test_png_pixel_checksums_are_checked() -> None:
    data = bytearray(factory.encode(factory.scene(), "PNG"))
    at = data.index(b"IEND") - 8  # within the checksum of the pixel data
    data[at] ^= 0xFF
    assert refusal(bytes(data)).code == "malformed_image"


def test_a_damaged_small_file_is_called_damaged() -> None:
    data = factory.encode(factory.scene(100, 100), "PNG")
    assert refusal(data).code == "image_too_small"
    assert refusal(data[:-40]).code == "malformed_image"


def test_jpeg_with_too_few_bytes_for_its_pixels_is_refused() -> None:
    data = factory.encode(Image.new("L", (16, 16)))
    at = data.index(b"\xff\xc0") + 5
    assert refusal(data[:at] + (7000).to_bytes(2, "big") * 2 + data[at + 4 :]).code == "malformed_image"


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><script>alert(1)</script>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
        b"%PDF-1.7\n",
        b"GIF89a" + b"\0" * 64,
        b"BM" + b"\0" * 64,
        b"II*\0" + b"\0" * 64,
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"PK\x03\x04",
        b"\xff\xd8",
        b"\x89PNG",
        b"\0",
    ],
)  # fmt: skip
def test_no_other_format_is_parsed(data: bytes) -> None:
    assert refusal(data).code == "unsupported_image_format"


@pytest.mark.parametrize(
    "magic", [b"\xff\xd8\xff", factory.PNG_SIGNATURE, b"RIFF\x04\0\0\0WEBP", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"]
)
def test_a_signature_alone_is_a_damaged_file(magic: bytes) -> None:
    assert refusal(magic).code == "malformed_image"


def test_name_and_declared_type_play_no_part(tmp_path: Any) -> None:
    wrong = tmp_path / "me.jpg"
    wrong.write_bytes(factory.encode(factory.scene(), "WEBP"))
    with wrong.open("rb") as stream:
        assert intake(stream).mime == "image/jpeg"


@pytest.mark.parametrize("empty", [b"", io.BytesIO()])
def test_an_empty_file_is_damaged(empty: Any) -> None:
    assert refusal(empty).code == "malformed_image"


class Meter(io.BytesIO):
    """A stream that gives small parts and counts what was taken."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "unbounded read"
        part = super().read(min(size, 1000))
        self.taken += len(part)
        return part


def test_the_byte_limit_is_exact_and_bounds_the_reading() -> None:
    data = factory.encode(factory.scene())
    padded = data + b"\0" * 5000
    limits = Limits(max_bytes=len(padded))
    assert intake(Meter(padded), limits=limits).width == 400
    assert intake(padded, limits=limits).width == 400
    stream = Meter(padded + b"\0" * 1_000_000)
    error = refusal(stream, max_bytes=len(padded))
    assert error.code == "file_size_too_large"
    assert stream.taken == len(padded) + 1
    assert refusal(b"\xff" * (15 * 1024 * 1024 + 1)).params == {"limit": 15}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_pixel_limit_is_exact(kind: str) -> None:
    data = factory.encode(factory.scene(400, 500), kind)
    assert intake(data, limits=Limits(max_pixels=200_000)).height == 500
    assert refusal(data, max_pixels=199_999).code == "resolution_too_high"


def test_sizes_at_the_limits() -> None:
    assert intake(factory.encode(factory.scene(256, 256))).width == 256
    error = refusal(factory.encode(factory.scene(255, 900)))
    assert (error.code, error.params) == ("image_too_small", {"limit": 256})
    assert intake(factory.encode(factory.scene(2048, 256))).width == 2048
    assert refusal(factory.encode(factory.scene(2049, 256))).code == "aspect_ratio"


@pytest.mark.parametrize(
    "bomb",
    [
        factory.png_of_zeros(2**31 - 1, 2**31 - 1, 8, 2, 64, rows=1),
        factory.png_of_zeros(20_000, 20_000, 1, 0, 2500),
        b"RIFF\x1c\0\0\0WEBPVP8L\x10\0\0\0\x2f"
        + (10000 | (10000 << 14)).to_bytes(4, "little")
        + b"\x88\x88\x08"
        + b"\0" * 8,
    ],
    ids=["header", "real", "webp"],
)
def test_pixel_bombs_are_refused_by_their_header(bomb: bytes) -> None:
    assert refusal(bomb).code in ("resolution_too_high", "malformed_image")


def test_text_bombs_stay_in_the_child() -> None:
    png = factory.encode(factory.scene(), "PNG")
    bomb = factory.png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 60_000_000, 9))
    assert refusal(png[:33] + bomb + png[33:]).code == "malformed_image"


def test_large_photos_are_shrunk_and_stay_in_proportion() -> None:
    for size, kind, expected in (
        ((4032, 3024), "JPEG", (2016, 1512)),  # decoded at half size, which is near enough
        ((3000, 1500), "JPEG", (2048, 1024)),
        ((3000, 1500), "PNG", (2048, 1024)),
        ((2048, 1000), "JPEG", (2048, 1000)),
    ):
        picture = intake(factory.encode(factory.scene(*size), kind))
        assert (picture.width, picture.height) == expected
        assert factory.corners(checked(picture)) == UPRIGHT


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK", "RGBA", "I;16"])
def test_every_colour_mode_becomes_8_bit_rgb(mode: str) -> None:
    source = factory.scene()
    stored = _deep_grey(source) if mode == "I;16" else source.convert(mode)
    data = factory.encode(stored, "JPEG" if mode == "CMYK" else "PNG")
    im = checked(intake(data))
    expected = source if mode in ("P", "CMYK", "RGBA") else source.convert("1" if mode == "1" else "L").convert("RGB")
    for at in ((20, 20), (380, 20), (20, 480), (200, 250)):
        got, want = im.getpixel(at), expected.getpixel(at)
        assert max(abs(a - b) for a, b in zip(got, want, strict=True)) < 30, (mode, at, got, want)


def _deep_grey(im: Image.Image) -> Image.Image:
    """16-bit grey, the value repeated in both bytes."""
    grey = im.convert("L").tobytes()
    return Image.frombytes("I;16", im.size, bytes(byte for value in grey for byte in (value, value)))


@pytest.mark.parametrize("alpha", ["RGBA", "palette", "tRNS"])
def test_transparency_is_white_in_photos_and_kept_in_garments(alpha: str) -> None:
    if alpha == "RGBA":
        im = Image.new("RGBA", (300, 300), (255, 0, 0, 0))
        im.paste((0, 0, 255, 255), (0, 0, 150, 300))
        data = factory.encode(im, "PNG")
    elif alpha == "palette":
        indexed = Image.new("P", (300, 300), 1)
        indexed.putpalette([0, 0, 255, 255, 0, 0])
        indexed.paste(0, (0, 0, 150, 300))
        data = factory.encode(indexed, "PNG", transparency=b"\xff\x00")
    else:
        plain = Image.new("RGB", (300, 300), (255, 0, 0))
        plain.paste((0, 0, 255), (0, 0, 150, 300))
        data = factory.encode(plain, "PNG", transparency=(255, 0, 0))
    flat = checked(intake(data))
    assert min(flat.getpixel((280, 150))) > 250
    assert factory.corners(flat)[0] == "B"
    kept = checked(intake(data, limits=Limits(keep_alpha=True)))
    assert kept.getpixel((20, 20)) == (0, 0, 255, 255)
    assert kept.getpixel((280, 150)) == (255, 255, 255, 0), "the colour hidden under full transparency leaks"


def test_a_16_bit_transparent_colour_does_not_break() -> None:
    header = (300).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\x80\x01" * 900) * 300)
    body = factory.png_chunk(b"IHDR", header) + factory.png_chunk(b"tRNS", b"\x80\x01" * 3)
    data = factory.PNG_SIGNATURE + body + factory.png_chunk(b"IDAT", rows) + factory.png_chunk(b"IEND", b"")
    checked(intake(data))


def test_an_opaque_alpha_channel_is_no_reason_for_png() -> None:
    assert (
        intake(factory.encode(factory.scene().convert("RGBA"), "PNG"), limits=Limits(keep_alpha=True)).mime
        == "image/jpeg"
    )


def test_colours_are_converted_to_srgb() -> None:
    """A profile with red and blue exchanged: a decoder that drops or keeps the profile shows the wrong colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    for kind in ("JPEG", "PNG"):
        im = checked(intake(factory.encode(factory.scene(), kind, icc_profile=bytes(swapped))))
        assert factory.corners(im) == "BG?R"
    transparent = factory.scene().convert("RGBA")
    transparent.putpixel((200, 200), (0, 0, 0, 0))
    data = factory.encode(transparent, "PNG", icc_profile=bytes(swapped))
    assert factory.corners(checked(intake(data, limits=Limits(keep_alpha=True)))) == "BG?R"


@pytest.mark.parametrize("profile", [b"\0" * 300, b"", b"x", "grey"])
def test_a_broken_or_unfitting_profile_is_ignored(profile: Any) -> None:
    if profile == "grey":
        profile = b"\0" * 16 + b"GRAY" + b"\0" * 200
    im = checked(intake(factory.encode(factory.scene(), icc_profile=profile)))
    assert factory.corners(im) == UPRIGHT


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"])
def test_broken_exif_does_not_cost_the_photo(exif: bytes) -> None:
    data = factory.jpeg_insert(factory.encode(factory.scene()), factory.jpeg_segment(0xE1, exif))
    assert factory.corners(checked(intake(data))) == UPRIGHT


def test_outputs_keep_their_size_up_to_the_larger_limit() -> None:
    assert accept_output(factory.encode(factory.scene(3000, 2000))).width == 3000
    assert accept_output(factory.encode(factory.scene(64, 64))).width == 64
    assert accept_output(factory.encode(factory.scene(5000, 3000))).width == 4096


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg/>", "unsupported_image_format"),
        (b"<html>502 Bad Gateway</html>", "unsupported_image_format"),
        (factory.encode(Image.new("RGB", (1, 1))), "image_too_small"),
        (factory.encode(factory.scene())[:3000], "malformed_image"),
    ],
)
def test_bad_outputs_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(TryOnError) as caught:
        accept_output(data)
    assert caught.value.code == code


def test_no_photo_in_a_repr() -> None:
    picture = intake(factory.encode(factory.scene()))
    assert len(repr(picture)) < 300
