"""Our own pictures made small enough for a provider. Trusted: what comes in has been through intake."""

from __future__ import annotations

import math

from PIL import Image

from tryon.errors import TryOnError
from tryon.images import decoder, formats
from tryon.images.picture import MEGABYTE

QUALITIES = (92, 85, 75)  # before pixels are given up
STEP = 0.8  # of the edge, each time that the lowest quality is still too large
SMALLEST_SIDE = 64


def fit(
    data: bytes, *, max_edge: int | None = None, max_bytes: int | None = None, max_pixels: int | None = None
) -> bytes:
    """The picture within every bound, never enlarged; the same bytes when it is within them already.

    A PNG stays one unless its bytes are the problem: then it becomes a JPEG on white. Raises
    ``TryOnError("file_size_too_large")`` when no useful size fits into ``max_bytes``.
    """
    format_name = formats.sniff(data)
    if format_name not in (formats.JPEG, formats.PNG, formats.WEBP):
        raise ValueError("not a picture of ours")
    with decoder.open_picture(data, format_name) as im:
        scale = _scale(im.size, max_edge, max_pixels)
        if scale >= 1 and (max_bytes is None or len(data) <= max_bytes):
            return data
        im.load()
        has_alpha = im.has_transparency_data
        copy = _resized(im.convert("RGBA" if has_alpha else "RGB"), scale)
    if scale < 1:
        data = decoder.encode_png(copy) if has_alpha else _jpeg(copy, QUALITIES[0])
    if max_bytes is not None and len(data) > max_bytes:
        return _within(decoder.flatten(copy), max_bytes)
    return data


def _scale(size: tuple[int, int], max_edge: int | None, max_pixels: int | None) -> float:
    by_edge = max_edge / max(size) if max_edge else 1.0
    by_pixels = math.sqrt(max_pixels / (size[0] * size[1])) if max_pixels else 1.0
    return min(1.0, by_edge, by_pixels)


def _resized(im: Image.Image, scale: float) -> Image.Image:
    if scale >= 1:
        return im
    # a whisker is added because the edge itself must survive: 6000 * (1920 / 6000) may be 1919.9999
    size = (max(1, int(im.width * scale + 1e-6)), max(1, int(im.height * scale + 1e-6)))
    return im.resize(size, Image.Resampling.LANCZOS)


def _within(im: Image.Image, max_bytes: int) -> bytes:
    while min(im.size) >= SMALLEST_SIDE:
        for quality in QUALITIES:
            data = _jpeg(im, quality)
            if len(data) <= max_bytes:
                return data
        im = _resized(im, STEP)
    limit = max(1, round(max_bytes / MEGABYTE))
    raise TryOnError("file_size_too_large", f"does not fit into {max_bytes} bytes", limit=limit)


def _jpeg(im: Image.Image, quality: int) -> bytes:
    return decoder.encode_jpeg(im, quality, decoder.FULL_COLOUR)
