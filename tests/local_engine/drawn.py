"""Drawn garments with known corners, so that landmarks, masks and colours can be checked exactly."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
P = ParamSpec("P")

GREEN = (30, 140, 90)
RED = (190, 40, 50)
BLUE = (40, 70, 150)
WIDTH, HEIGHT = 600, 800
TEE = {
    "neck": ((245, 120), (355, 120)), "shoulder": ((165, 150), (435, 150)), "cuff": ((85, 300), (515, 300)),
    "armpit": ((170, 300), (430, 300)), "hem": ((175, 680), (425, 680)),
}  # fmt: skip


def _smooth(canvas: Picture) -> Picture:
    """Anti-aliased: drawn at four times the size."""
    out: Picture = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return out


def _canvas(background: tuple[int, int, int]) -> Picture:
    return np.full((HEIGHT * 4, WIDTH * 4, 3), background, np.uint8)


def _fill(canvas: Picture, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(canvas, [np.round(np.array(points) * 4).astype(np.int32)], colour)


def _once(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """Every caller has a copy of its own to draw on."""
    drawn = functools.cache(draw)

    @functools.wraps(draw)
    def copied(*args: P.args, **kwargs: P.kwargs) -> Picture:
        return drawn(*args, **kwargs).copy()

    return copied


@_once
def tee(colour: tuple[int, int, int] = GREEN, background: tuple[int, int, int] = (255, 255, 255)) -> Picture:
    """A T-shirt whose corners are in TEE; the inside of the back shows above the front neckline."""
    canvas = _canvas(background)
    (nl, nr), (sl, sr) = TEE["neck"], TEE["shoulder"]
    (cl, cr), (al, ar), (hl, hr) = TEE["cuff"], TEE["armpit"], TEE["hem"]
    right, left = (cr[0] - 62, cr[1] + 25), (cl[0] + 62, cl[1] + 25)
    outline = [nl, (300, 138), nr, sr, cr, right, ar, hr, hl, al, left, cl, sl]
    _fill(canvas, [(float(x), float(y)) for x, y in outline], colour)
    darker = tuple(int(c * 0.55) for c in colour)
    cv2.ellipse(canvas, (1200, 492), (196, 150), 0, 0, 180, darker, -1)
    return _smooth(canvas)


@_once
def trousers(colour: tuple[int, int, int] = BLUE) -> Picture:
    canvas = _canvas((250, 250, 250))
    _fill(canvas, [(210, 60), (390, 60), (415, 260), (400, 740), (318, 740), (300, 290),
                   (282, 740), (200, 740), (185, 260)],
          colour)  # fmt: skip
    return _smooth(canvas)


@_once
def skirt(colour: tuple[int, int, int] = RED) -> Picture:
    canvas = _canvas((250, 250, 250))
    _fill(canvas, [(215, 200), (385, 200), (470, 620), (130, 620)], colour)
    return _smooth(canvas)


@_once
def dress(colour: tuple[int, int, int] = RED) -> Picture:
    """Sleeveless, flared."""
    canvas = _canvas((252, 252, 252))
    _fill(canvas, [(235, 60), (255, 60), (275, 120), (325, 120), (345, 60), (365, 60), (375, 130),
                   (392, 200), (375, 330),
                   (460, 760), (140, 760), (225, 330), (208, 200), (225, 130)], colour)  # fmt: skip
    return _smooth(canvas)


def png(picture: Picture, alpha: Picture | None = None) -> bytes:
    channels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if alpha is None else np.dstack([picture[..., ::-1], alpha])
    done, data = cv2.imencode(".png", channels)
    assert done
    return bytes(data)


def unpack(data: bytes) -> Picture:
    out: Picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return out
