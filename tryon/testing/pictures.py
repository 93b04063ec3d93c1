"""Drawn pictures to send, and finding the pictures in what was sent."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from tryon.images.probe import probe
from tryon.providers.base import ImageInput
from tryon.testing.server import Seen

_COMMENT = 65_000  # bytes that one comment of a JPEG may hold
_SHORTEST = 100  # letters: less is no picture in base64


@functools.cache
def jpeg(width: int = 600, height: int = 800, colour: str = "#8899aa") -> bytes:
    """A picture with something on it, so that it is neither dark nor blurry nor blank."""
    image = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(image)
    for x in range(0, width, 24):
        draw.line((x, 0, width - x, height), fill="#f4efe6", width=3)
    draw.ellipse((width * 0.3, height * 0.1, width * 0.7, height * 0.4), fill="#d9b38c", outline="#333333", width=4)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def heavy(data: bytes, size: int) -> bytes:
    """The same JPEG with more than ``size`` bytes, of which the most are comments."""
    comment = b"\xff\xfe" + (_COMMENT + 2).to_bytes(2, "big") + b" " * _COMMENT
    return data[:2] + comment * (size // _COMMENT + 1) + data[2:]


def labelled(data: bytes, mime: str) -> ImageInput:
    """A picture that says it is of another type."""
    _, width, height = probe(data)
    return ImageInput(data, mime, width, height)


def sent_pictures(seen: Seen) -> list[ImageInput]:
    """All pictures in a request, whether they are files, base64 or data URIs."""
    if seen.headers.get("content-type", "").startswith("multipart/"):
        parts: Iterator[Any] = iter(seen.form.values())
    else:
        parts = _leaves(seen.json)
    return [picture for part in parts if (picture := _picture(part)) is not None]


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        yield value
        return
    for item in inner:
        yield from _leaves(item)


def _picture(part: Any) -> ImageInput | None:
    if isinstance(part, str) and len(part) > _SHORTEST:
        try:
            part = base64.b64decode(part.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            return None
    if not isinstance(part, bytes):
        return None
    try:
        return ImageInput(part, *probe(part))
    except (UnidentifiedImageError, OSError):
        return None
