"""What the engine hands back. Plain data, no array library needed to import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ENGINE_VERSION = "1.3"  # stored with each result; changes when the same inputs give another picture
CATEGORIES = ("upper", "lower", "full")
THEMES = ("studio", "daylight", "plaster", "concrete", "arch", "garden")  # drawn backgrounds

Quality = Literal["full", "reduced"]


@dataclass(frozen=True, slots=True)
class EngineResult:
    """One finished picture. ``quality`` is "reduced" when it is rather not to be shown without a look at it."""

    data: bytes  # sRGB, no metadata
    mime: str
    width: int
    height: int
    category: str  # "upper", "lower" or "full": what the garment was treated as; "" for a background's removal
    quality: Quality
    warnings: tuple[str, ...]
    milliseconds: int
    version: str
    confidence: float = 1.0  # 0 to 1: how likely a shop would show the picture


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
    kind: str  # "full": it has legs and feet
    picture: Path  # JPEG
    pose: str = "straight"
