"""Pictures in requests: fetched or decoded, judged by a provider's limits, read by the app's own decoder.

Addresses are fetched from this machine only: the sandbox never goes out.
"""

from __future__ import annotations

import base64
import binascii
import functools
import http.client
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from PIL import Image

from tryon.errors import TryOnError
from tryon.images import formats
from tryon.images.decoder import flatten, open_picture
from tryon.images.intake import intake
from tryon.images.picture import MEGABYTE, Limits, Picture
from tryon.images.probe import probe

FETCH_SECONDS = 5
FETCH_BYTES = 32 * MEGABYTE
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)
_PLAIN = 14  # spread of every channel, of 255, below which a picture shows nothing


class Unusable(Exception):
    """A picture can't be used. ``reason``: fetch, format, decode, size, too_large or too_small (in pixels)."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


@dataclass(frozen=True, slots=True)
class Bounds:
    """A provider's limits. Sides in pixels; None where the documents give none."""

    max_bytes: int = FETCH_BYTES
    min_side: int = 1
    max_side: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A readable picture. ``width`` and ``height`` are as sent; ``picture`` is upright and at most 2,048 pixels."""

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    picture: Picture

    def image(self) -> Image.Image:
        """The pixels, RGB or RGBA."""
        with open_picture(self.picture.data, formats.PNG if self.picture.mime == "image/png" else formats.JPEG) as im:
            im.load()
            return im.convert("RGBA" if im.mode == "RGBA" else "RGB")


def is_data_uri(text: str) -> bool:
    return _DATA_URI.match(text) is not None


def is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def from_data_uri(text: str) -> bytes:
    """Raises ``Unusable`` without the documented prefix."""
    prefix = _DATA_URI.match(text)
    if prefix is None:
        raise Unusable("decode", "base64 must include its prefix, for example data:image/jpg;base64,")
    return from_base64(text[prefix.end() :])


def from_base64(text: str, *, line_breaks: bool = False) -> bytes:
    """Raises ``Unusable`` for what is not plain base64: a data: prefix, other alphabets, bad padding."""
    if line_breaks:
        text = text.replace("\n", "").replace("\r", "")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unusable("decode", "not valid base64") from error


def fetch(address: str, *, want: str = "image/") -> bytes:
    """The file at an address on this machine. Redirects are not followed. Raises ``Unusable``."""
    parts = urlsplit(address)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise Unusable("fetch", "the sandbox fetches from http addresses on this machine only")
    try:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
    except (ValueError, http.client.InvalidURL) as error:
        raise Unusable("fetch", "not a valid address") from error
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        data = answer.read(FETCH_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unusable("fetch", f"the address could not be fetched ({type(error).__name__})") from error
    finally:
        connection.close()
    content_type = answer.headers.get("Content-Type", "")
    if answer.status != 200:
        raise Unusable("fetch", f"the address answered {answer.status}")
    if not content_type.startswith(want):
        raise Unusable("fetch", f"The URL's Content-Type is not an image. Content-Type: {content_type[:60]}")
    return data


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def inspect(data: bytes, bounds: Bounds = Bounds()) -> Source:
    """Judge and read a picture. Raises ``Unusable``."""
    if len(data) > bounds.max_bytes:
        raise Unusable("size", f"the file is larger than {bounds.max_bytes // MEGABYTE} MB")
    if formats.sniff(data) not in (formats.JPEG, formats.PNG, formats.WEBP):
        raise Unusable("format", "the file is not a JPEG, PNG or WebP picture")
    try:
        mime, width, height = probe(data)
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise Unusable("decode", "the picture could not be decoded") from error
    if bounds.max_side is not None and max(width, height) > bounds.max_side:
        raise Unusable("too_large", f"{width}x{height} pixels, at most {bounds.max_side}x{bounds.max_side}")
    if min(width, height) < bounds.min_side:
        raise Unusable("too_small", f"{width}x{height} pixels, at least {bounds.min_side}x{bounds.min_side}")
    return Source(data, mime, width, height, _clean(data))


@functools.lru_cache(maxsize=64)
def _clean(data: bytes) -> Picture:
    limits = Limits(max_bytes=FETCH_BYTES, min_side=1, max_aspect=10_000, keep_alpha=True)
    try:
        return intake(data, limits=limits)
    except TryOnError as error:
        raise Unusable("decode", f"the picture could not be decoded ({error.code})") from error


def plain_colour(source: Source) -> tuple[int, int, int] | None:
    """The colour of a picture that shows nothing else: the sandbox's stand-in for pictures to refuse."""
    red, green, blue = (list(band.tobytes()) for band in flatten(source.image()).resize((16, 16)).split())
    if any(max(values) - min(values) > _PLAIN for values in (red, green, blue)):
        return None
    return red[0], green[0], blue[0]


def is_forbidden(source: Source) -> bool:
    """A plain red picture stands for one that content rules refuse."""
    colour = plain_colour(source)
    return colour is not None and colour[0] > 180 and max(colour[1:]) < 80
