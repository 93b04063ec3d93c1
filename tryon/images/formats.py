"""Which kind of picture the bytes are, told by the bytes alone, before any parser sees them."""

from __future__ import annotations

import re

JPEG, PNG, WEBP, AVIF, HEIF = "JPEG", "PNG", "WEBP", "AVIF", "HEIF"

MAX_SCANS = 100  # cameras and encoders write about ten
MAX_SEGMENTS = 10_000  # long profiles and extended XMP need some hundred

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})

# In entropy-coded data FF is followed by a stuffed 00, a fill FF or a restart marker (D0-D7); all else is a marker.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_TEM, _SOI, _EOI, _SOS = 0x01, 0xD8, 0xD9, 0xDA


def sniff(data: bytes) -> str | None:
    """The format (Pillow's name) that the content's signature claims; None for all that is not on the list."""
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(_PNG_SIGNATURE):
        return PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        return _sniff_boxes(data)
    return None


def _sniff_boxes(data: bytes) -> str | None:
    """AVIF and HEIC share their container; the brands in the first box tell which codec is inside."""
    end = min(int.from_bytes(data[:4], "big"), 512)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIF_BRANDS:
        return HEIF
    return None


def is_jpeg_flood(data: bytes) -> bool:
    """Whether the first picture in a JPEG file has absurdly many scans or segments.

    Each scan of a progressive JPEG may cost the decoder a pass over all blocks although it holds only some bytes, so
    that two megabytes can mean minutes of work; the size limits don't see that.
    """
    scans = segments = 0
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        code, at = data[marker.start() + 1], marker.end()
        if code == _EOI:
            break
        if code not in (_TEM, _SOI):
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
        segments += 1
        scans += code == _SOS
        if scans > MAX_SCANS or segments > MAX_SEGMENTS:
            return True
    return False
