"""Draws the product photos: ``python -m tryon_shop.drawing [--only KEY] [--out DIR]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .catalogue import DESIGNS, picture_name
from .photograph import draw

PICTURES = Path(__file__).resolve().parents[1] / "demo_pictures"
JPEG_QUALITY = 88


def encode(picture: NDArray[np.uint8]) -> bytes:
    """RGB picture -> JPEG file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    # colour at full resolution: halved, it rings around the garment and spoils the cut-out of pale ones
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not written:
        raise OSError("OpenCV could not encode the picture as JPEG")
    return bytes(data)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tryon_shop.drawing", description="Draw the demo product photos.")
    parser.add_argument("--only", metavar="KEY", choices=[design.key for design in DESIGNS], help="one design")
    parser.add_argument("--out", metavar="DIR", type=Path, default=PICTURES, help="folder to write to")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for design in DESIGNS:
        if options.only not in (None, design.key):
            continue
        for colourway in design.colourways:
            path = options.out / picture_name(design, colourway)
            path.write_bytes(encode(draw(design, colourway)))
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
