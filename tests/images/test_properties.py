"""Whatever is done to the bytes of a good file: one of our codes, or a clean picture."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tryon.errors import TryOnError
from tryon.images import formats
from tryon.images.intake import Limits, Picture, intake

from . import factory

EXTRAS = {"exif": factory.exif_with_gps(6), "xmp": factory.xmp_packet()}
SEEDS = [
    factory.encode(factory.scene(280, 300), comment=factory.CANARY, **EXTRAS),
    factory.encode(factory.scene(280, 300), progressive=True, **EXTRAS),
    factory.encode(factory.scene(280, 300), "PNG", exif=EXTRAS["exif"]),
    factory.encode(factory.scene(280, 300).convert("P"), "PNG", exif=EXTRAS["exif"]),
    factory.encode(factory.scene(280, 300), "WEBP", **EXTRAS),
    factory.encode(factory.scene(280, 300), "AVIF", **EXTRAS),
]
CODES = {
    "accepted",
    "unsupported_image_format", "malformed_image", "animated_image", "file_size_too_large", "resolution_too_high",
    "image_too_small", "aspect_ratio", "processing_timeout",
}  # fmt: skip
LIMITS = Limits(min_side=1, max_aspect=1e9, cpu_seconds=4)

places = st.floats(0, 1, exclude_max=True)
heads = st.floats(0, 0.02)  # headers are where parsers decide
edits = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "repeat"]), places | heads, st.binary(min_size=1, max_size=8)),
    max_size=6,
)


def mutate(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, new in changes:
        at = int(place * len(data))
        if kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "cut":
            data = data[:at] + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        else:
            data = data[:at] + data[at : at + 64] * len(new) + data[at + 64 :]
    return data


def outcome(data: bytes) -> tuple[str, str, Picture | None]:
    try:
        return "accepted", "", intake(data, limits=LIMITS)
    except TryOnError as error:
        return error.code, error.detail, None


@settings(max_examples=120, deadline=None, database=None)
@given(st.sampled_from(SEEDS), edits, st.booleans())
def test_mutated_files(data: bytes, changes: list[tuple[str, float, bytes]], cut_short: bool) -> None:
    data = mutate(data, changes)
    if cut_short and changes:
        data = data[: int(len(data) * changes[0][1])]
    code, detail, picture = outcome(data)
    assert code in CODES
    assert factory.CANARY.decode() not in detail
    if picture is not None:
        factory.assert_nothing_but_pixels(picture.data)
        assert factory.opened(picture.data).mode == "RGB"


@settings(max_examples=500, deadline=None, database=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda head, rest: head[:40] + rest, st.sampled_from(SEEDS), st.binary(max_size=400))
)
def test_the_parsers_of_our_own_never_fail(data: bytes) -> None:
    assert formats.sniff(data) in (None, "JPEG", "PNG", "WEBP", "AVIF", "HEIF")
    assert not formats.is_jpeg_flood(data)
