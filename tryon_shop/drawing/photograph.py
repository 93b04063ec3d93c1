"""Makes the product photo of one colourway."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas
from .catalogue import Colourway, GarmentDesign
from .garments import DRAWINGS
from .geometry import FRAME_HEIGHT, FRAME_WIDTH


def draw(
    design: GarmentDesign, colourway: Colourway, *, width: int = FRAME_WIDTH, height: int = FRAME_HEIGHT
) -> NDArray[np.uint8]:
    """RGB picture of shape (height, width, 3); the same input gives the same picture.

    The drawing is made for 1,000 x 1,250 pixels; other sizes are scaled from it.
    """
    seed = zlib.crc32(f"{design.key}/{colourway.key}".encode())
    canvas = Canvas(np.random.default_rng(seed))
    DRAWINGS[design.key](canvas, design, colourway)
    picture = canvas.finish()
    if (width, height) != (FRAME_WIDTH, FRAME_HEIGHT):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return picture
