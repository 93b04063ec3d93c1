"""The only doors for pictures: everything that comes in is judged, decoded in the sandbox and encoded anew."""

from __future__ import annotations

from typing import IO

from tryon.errors import TryOnError
from tryon.images import formats, sandbox
from tryon.images.picture import MEGABYTE, OUTPUT_LIMITS, Limits, Picture

__all__ = ["OUTPUT_LIMITS", "Limits", "Picture", "accept_output", "intake"]


def intake(source: bytes | IO[bytes], *, limits: Limits = Limits()) -> Picture:  # noqa: B008 - frozen
    """A photo or garment picture that a person gives, made safe.

    The result is upright, sRGB, free of metadata, at most ``limits.max_edge`` pixels long, a JPEG; a PNG where
    ``limits.keep_alpha`` is set and something is really transparent. Name and declared type of a file play no part.

    Raises ``TryOnError`` with one of ``unsupported_image_format``, ``malformed_image``, ``animated_image``,
    ``file_size_too_large``, ``resolution_too_high``, ``image_too_small``, ``aspect_ratio``, ``processing_timeout``, or
    ``busy`` when this process is decoding too many pictures already.
    """
    data = _read(source, limits)
    format_name = formats.sniff(data)
    if format_name is None:
        raise TryOnError("unsupported_image_format", "the content is no JPEG, PNG, WebP, AVIF or HEIC")
    if format_name == formats.JPEG and formats.is_jpeg_flood(data):
        raise TryOnError("processing_timeout", "a JPEG with hundreds of scans or thousands of segments")
    return sandbox.decode(data, format_name, limits)


def accept_output(source: bytes, *, limits: Limits = OUTPUT_LIMITS) -> Picture:
    """A picture that a provider or the local engine made. It is as little trusted as a shopper's; see ``intake``."""
    return intake(source, limits=limits)


def _read(source: bytes | IO[bytes], limits: Limits) -> bytes:
    """All bytes of ``source``, of which no more than one beyond the limit is ever read."""
    if isinstance(source, bytes):
        data = source
    else:
        parts, missing = [], limits.max_bytes + 1
        while missing > 0 and (part := source.read(missing)):
            parts.append(part)
            missing -= len(part)
        data = b"".join(parts)
    if not data:
        raise TryOnError("malformed_image", "the file is empty")
    if len(data) > limits.max_bytes:
        limit = max(1, round(limits.max_bytes / MEGABYTE))
        raise TryOnError("file_size_too_large", f"more than {limits.max_bytes} bytes", limit=limit)
    return data
