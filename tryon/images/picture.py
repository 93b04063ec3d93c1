"""What the picture functions take and give. Free of Django, so that the decoder's child process can import it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one picture. Sizes in pixels, ``max_aspect`` is long side : short side.

    ``cpu_seconds`` and ``memory_bytes`` bound the decoding process. ``keep_alpha`` keeps real transparency (as PNG)
    instead of flattening it on white.
    """

    max_bytes: int = 15 * MEGABYTE
    max_pixels: int = 50_000_000
    min_side: int = 256
    max_aspect: float = 8.0
    max_edge: int = 2048
    cpu_seconds: int = 8
    memory_bytes: int = 1_500_000_000
    keep_alpha: bool = False


OUTPUT_LIMITS = Limits(max_bytes=32 * MEGABYTE, min_side=64, max_edge=4096, keep_alpha=True)
"""For pictures that a provider or the local engine made: larger files and edges, small crops and cut-outs pass."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright, sRGB, 8-bit, single-frame picture without metadata, as written by our own encoder.

    ``mime`` is ``image/jpeg``, or ``image/png`` where transparency was kept. ``sha256`` is of ``data``, in hex.
    ``warnings`` holds the error codes ``photo_dark`` and ``photo_blurry`` where they apply.
    """

    data: bytes = field(repr=False)  # a traceback or log line must never hold a photo
    mime: str
    width: int
    height: int
    sha256: str
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: bytes, mime: str, size: tuple[int, int], warnings: tuple[str, ...] = ()) -> Picture:
        """A picture with its digest computed."""
        return cls(data, mime, *size, hashlib.sha256(data).hexdigest(), warnings)
