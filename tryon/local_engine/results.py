"""What the engine hands back. Plain data, no array library needed to import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ENGINE_VERSION = "0.2"  # stored with each result; changes when the same inputs give another picture
CATEGORIES = ("upper", "lower", "full")

Quality = Literal["full", "reduced"]


@dataclass(frozen=True, slots=True)
class EngineResult:
    """One finished picture. ``quality`` is "reduced" when several warnings make a weak picture likely."""

    data: bytes  # JPEG, sRGB, no metadata
    mime: str
    width: int
    height: int
    category: str  # "upper", "lower" or "full": what the garment was treated as
    quality: Quality
    warnings: tuple[str, ...]
    milliseconds: int
    version: str


@dataclass(frozen=True, slots=True)
class PersonCheck:
    """What a person's photo is good for."""

    categories: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MannequinInfo:
    """A drawn figure that ships with the package and can stand in for a person."""

    key: str
    name: str
    size: str  # "XS" to "4XL"
    skin_tone: str  # "light", "medium", "tan", "brown", "dark"
    body: str  # "f", "m" or "neutral"
    kind: str  # "full" shows the feet, "upper" ends at the hips
    picture: Path  # JPEG
