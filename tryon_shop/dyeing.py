"""More products than were drawn: photos of colourful ones in other dyes, to try the studio with a whole range."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tryon_shop.drawing.__main__ import encode
from tryon_shop.drawing.catalogue import Colourway, GarmentDesign, picture_name

TURN = 22.5  # degrees of hue between two dyes of the same photo
COLOURFUL = 0.28  # saturation of the swatch; what is nearly grey stays nearly grey under any dye
WORDS = (
    "red", "vermilion", "orange", "amber", "yellow", "lime", "leaf", "grass", "green", "emerald", "mint", "sea green",
    "teal", "turquoise", "azure", "sky", "blue", "cobalt", "violet", "purple", "magenta", "orchid", "pink", "rose",
)  # fmt: skip


def dyed(designs: Iterable[GarmentDesign]) -> Iterator[tuple[GarmentDesign, str, float]]:
    """(product of one colour, its photo's name, degrees of hue), the first dye of every photo before the second."""
    for turn in range(1, round(360 / TURN)):
        for design in designs:
            for colourway in design.colourways:
                hue, saturation, value = _hsv(colourway.swatch)
                if saturation >= COLOURFUL:
                    colour = ((hue + turn * TURN / 360) % 1, saturation, value)
                    yield _product(design, colourway, colour), picture_name(design, colourway), turn * TURN


def dye(photo: Path, degrees: float) -> bytes:
    """The photo with every hue turned; the plain ground has next to none."""
    pixels = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2HSV)
    pixels[..., 0] = (pixels[..., 0].astype(np.uint16) + round(degrees / 2)) % 180
    return encode(cv2.cvtColor(pixels, cv2.COLOR_HSV2RGB))


def _product(design: GarmentDesign, colourway: Colourway, colour: tuple[float, float, float]) -> GarmentDesign:
    word = WORDS[int(colour[0] * len(WORDS))]
    swatch = "#" + "".join(f"{round(part * 255):02x}" for part in colorsys.hsv_to_rgb(*colour))
    key = word.replace(" ", "-")
    only = Colourway(key, word.capitalize(), swatch, swatch)
    name = f"{design.name} in {word}"
    return replace(design, key=f"{design.key}-{colourway.key}-{key}", name=name, colourways=(only,))


def _hsv(swatch: str) -> tuple[float, float, float]:
    red, green, blue = (int(swatch[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return colorsys.rgb_to_hsv(red, green, blue)
