"""One module per family of garments; each drawing function lays one design on a canvas."""

from __future__ import annotations

from collections.abc import Callable

from ..canvas import Canvas
from ..catalogue import Colourway, GarmentDesign
from . import tees

DRAWINGS: dict[str, Callable[[Canvas, GarmentDesign, Colourway], None]] = {
    "crew-tee": tees.crew_tee,
}
