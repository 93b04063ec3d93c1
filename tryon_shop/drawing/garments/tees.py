"""Jersey tops with a round neck."""

from __future__ import annotations

from ..canvas import Canvas, Grain, cloth
from ..catalogue import Colourway, GarmentDesign
from ..geometry import across, offset
from ..prints import Ink
from .bodice import (
    TORSO_BODY, Top, finish_hems, neck_edge, round_neck_band, round_neck_inside, set_in_seams, shoulder_seams,
    sleeves, torso_folds, torso_outline,
)  # fmt: skip


def crew_tee(canvas: Canvas, design: GarmentDesign, way: Colourway) -> None:
    """Short-sleeved tee."""
    top = Top()
    ink = Ink(way.print) if way.print else None
    fabric = cloth(design.cloth, way.colour, ink)
    trim = cloth("fine_rib", way.trim or way.colour)
    round_neck_inside(canvas, top, fabric, trim)
    laid = sleeves(canvas, top, fabric)
    neck = offset(neck_edge(top), top.band)
    torso = canvas.lay(torso_outline(top, neck), fabric, grain=Grain(bow=16), folds=torso_folds(canvas, top), body=TORSO_BODY)
    set_in_seams(canvas, top, torso, laid)
    shoulder_seams(canvas, top, torso)
    round_neck_band(canvas, top, torso, trim)
    finish_hems(canvas, top, torso, laid)
