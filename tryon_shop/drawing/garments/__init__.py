"""One module per family of garments; each drawing function lays one design on a canvas."""

from __future__ import annotations

from collections.abc import Callable

from tryon_shop.drawing.canvas import Canvas
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign

from . import dresses, knitwear, shirt_dress, shirts, skirts, tees, trousers, wrap_dress

DRAWINGS: dict[str, Callable[[Canvas, GarmentDesign, Colourway], None]] = {
    "crew-tee": tees.crew_tee,
    "graphic-tee": tees.graphic_tee,
    "breton-top": tees.striped_long_sleeve,
    "rib-tank": tees.ribbed_tank,
    "pique-polo": shirts.polo,
    "oxford-shirt": shirts.oxford_shirt,
    "roll-neck": knitwear.roll_neck,
    "straight-jeans": trousers.jeans,
    "tailored-trousers": trousers.tailored_trousers,
    "linen-shorts": trousers.drawstring_shorts,
    "cord-skirt": skirts.a_line,
    "pleated-midi": skirts.pleated_midi,
    "tee-dress": dresses.tee_dress,
    "slip-dress": dresses.slip_dress,
    "wrap-dress": wrap_dress.wrap_dress,
    "shirt-dress": shirt_dress.shirt_dress,
}
