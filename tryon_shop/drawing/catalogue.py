"""The demo shop's range as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["upper", "lower", "full"]


@dataclass(frozen=True)
class Print:
    """A print or woven pattern: ``kind`` names it, ``colours`` are its inks on the ground colour, ``scale`` enlarges it."""

    kind: str
    colours: tuple[str, ...]
    scale: float = 1.0


@dataclass(frozen=True)
class Colourway:
    """One version of a design. ``trim``, ``thread`` and ``button`` default to tones that match ``colour``."""

    key: str
    name: str
    swatch: str
    colour: str
    trim: str | None = None
    thread: str | None = None
    button: str | None = None
    print: Print | None = None


@dataclass(frozen=True)
class GarmentDesign:
    """One product: what the shop says about it and which cloth the drawing uses."""

    key: str
    name: str
    category: Category
    price: str
    description: str
    fabric: str
    cloth: str
    sizes: tuple[str, ...]
    colourways: tuple[Colourway, ...]


LETTER_SIZES = ("XS", "S", "M", "L", "XL")

DESIGNS: tuple[GarmentDesign, ...] = (
    GarmentDesign("crew-tee", "Everyday crew tee", "upper", "24.00", "", "", "jersey", LETTER_SIZES, (
        Colourway("clay", "Clay", "#b5664a", "#b5664a"),
        Colourway("ink", "Ink", "#262b38", "#2a2f3d"),
        Colourway("oat", "Oat", "#e0d3bd", "#e0d3bd"),
    )),
)
