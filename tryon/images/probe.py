"""Type and size of one of our own encoded pictures, from its header."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def probe(data: bytes) -> tuple[str, int, int]:
    """(mime, width, height). For bytes that have been through intake; others belong there first."""
    with Image.open(BytesIO(data), formats=list(_MIME)) as image:
        return _MIME[image.format or ""], image.width, image.height
