"""The surface of each fabric: a repeating texture tile in cloth coordinates and how it takes the light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from .geometry import Field

TILE = 480  # divisible by every thread period used below


@dataclass(frozen=True)
class Fabric:
    """How a cloth looks close up and how it drapes.

    texture: name of the tile; contrast: brightness change by the tile; bump: height of the tile in pixels;
    melange: brightness variation between fibres; sheen: strength of the soft gloss; drape: size of large waves and
    crumple: size of sharp creases, both relative to jersey; fuzz: light caught by raised fibres, visible on dark cloth.
    """

    texture: str
    contrast: float
    bump: float = 0.0
    melange: float = 0.0
    sheen: float = 0.0
    drape: float = 1.0
    crumple: float = 1.0
    fuzz: float = 0.06


FABRICS = {
    "jersey": Fabric("jersey", 0.022, crumple=1.3, melange=0.010),
    "heather": Fabric("jersey", 0.03, melange=0.075),
    "rib": Fabric("rib", 0.05, bump=0.55, drape=0.7, crumple=0.5),
    "fine_rib": Fabric("fine_rib", 0.035, bump=0.16, drape=0.8, crumple=0.5),
    "pique": Fabric("pique", 0.05, bump=0.15, drape=0.8, crumple=0.6),
    "knit": Fabric("knit", 0.12, bump=0.35, melange=0.045, drape=1.3, crumple=0.2, fuzz=0.09),
    "denim": Fabric("denim", 0.12, melange=0.04, drape=0.8, crumple=1.1),
    "suiting": Fabric("twill", 0.030, melange=0.022, drape=0.8, crumple=0.35),
    "linen": Fabric("linen", 0.060, bump=0.1, drape=0.8, crumple=1.9),
    "poplin": Fabric("poplin", 0.018, drape=0.9, crumple=1.2),
    "oxford": Fabric("poplin", 0.045, melange=0.015, drape=0.9, crumple=1.2),
    "satin": Fabric("satin", 0.012, sheen=0.26, drape=1.5, crumple=0.5, fuzz=0.10),
    "crepe": Fabric("crepe", 0.025, drape=1.3, crumple=0.7),
    "corduroy": Fabric("corduroy", 0.10, bump=0.55, drape=0.6, crumple=0.3, fuzz=0.1),
}


@cache
def tile(texture: str) -> Field:
    """Periodic texture of mean 0 and values mostly within -1..1, TILE x TILE."""
    v, u = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    rng = np.random.default_rng(sum(map(ord, texture)))
    field = _TEXTURES[texture](u, v, rng).astype(np.float32)
    field -= field.mean()
    result: Field = field / (np.percentile(np.abs(field), 98) + 1e-6)
    return result


def sample(texture: str, u: Field, v: Field) -> Field:
    """The tile at cloth coordinates (pixels)."""
    result: Field = cv2.remap(
        tile(texture), np.mod(u, TILE).astype(np.float32), np.mod(v, TILE).astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip
    return result


def _grain(rng: np.random.Generator, sigma_u: float, sigma_v: float) -> Field:
    field = rng.standard_normal((TILE, TILE)).astype(np.float32)
    field = cv2.GaussianBlur(
        np.tile(field, (2, 2)), (0, 0), sigma_u, sigmaY=sigma_v
    )[TILE // 2 : TILE // 2 + TILE, TILE // 2 : TILE // 2 + TILE]  # fmt: skip
    result: Field = field / field.std()
    return result


def _wave(x: Field, period: float) -> Field:
    return np.cos(2 * np.pi * x / np.float32(period))


def _jersey(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return 0.2 * _wave(u, 4) + _grain(rng, 0.7, 1.3) * 0.7 + _grain(rng, 9, 0.8) * 0.4


def _rib(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return _wave(u, 8) + 0.15 * _wave(v + 2 * _wave(u, 8), 4) + 0.2 * _grain(rng, 0.7, 1.2)


def _fine_rib(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return _wave(u, 6) + 0.3 * _grain(rng, 0.8, 3.0)


def _pique(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return _wave(u + np.where(np.mod(v, 8) < 4, 0, 3), 6) * _wave(v, 4) + 0.4 * _grain(rng, 0.8, 0.8)


def _knit(u: Field, v: Field, rng: np.random.Generator) -> Field:
    column = np.abs(np.mod(u / 10, 1) - 0.5) * 2
    stitches = _wave(v - 5.5 * column + 0.5 * _grain(rng, 6, 6), 8) * (0.35 + 0.65 * np.sin(np.pi * column))
    return 0.62 * stitches - 0.75 * np.exp(-(((1 - column) / 0.22) ** 2)) + 0.22 * _grain(rng, 0.8, 0.8)


def _denim(u: Field, v: Field, rng: np.random.Generator) -> Field:
    flecks = np.clip(_wave(u + 0.5 * v, 3), -0.2, 1) * (0.7 + 0.5 * _grain(rng, 0.7, 5))
    return 0.8 * flecks + 0.55 * _grain(rng, 0.6, 30) + 0.35 * _grain(rng, 1.0, 1.0) + 0.25 * _grain(rng, 5, 40)


def _twill(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return 0.5 * _wave(u + v, 3) + 0.4 * _grain(rng, 0.7, 5) + 0.4 * _grain(rng, 0.7, 0.7)


def _linen(u: Field, v: Field, rng: np.random.Generator) -> Field:
    warp, weft = _grain(rng, 0.7, 26), _grain(rng, 26, 0.7)
    slubs = np.clip(_grain(rng, 14, 0.9) - 2.0, 0, None) + np.clip(_grain(rng, 0.9, 14) - 2.2, 0, None)
    return 0.6 * warp + 0.6 * weft + 0.9 * slubs + 0.35 * _grain(rng, 0.7, 0.7)


def _poplin(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return 0.5 * _wave(u, 3) * _wave(v, 3) + 0.5 * _grain(rng, 0.6, 6) + 0.5 * _grain(rng, 6, 0.6)


def _satin(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return _grain(rng, 0.7, 30) + 0.5 * _grain(rng, 20, 0.7)


def _crepe(u: Field, v: Field, rng: np.random.Generator) -> Field:
    return _grain(rng, 0.9, 1.2) + 0.5 * _grain(rng, 0.7, 6)


def _corduroy(u: Field, v: Field, rng: np.random.Generator) -> Field:
    wales = np.abs(np.sin(np.pi * u / 8)) ** 0.7
    return 1.6 * wales + 0.28 * _grain(rng, 0.9, 2.0) + 0.25 * _grain(rng, 3, 30)


_TEXTURES = {
    "jersey": _jersey, "rib": _rib, "fine_rib": _fine_rib, "pique": _pique, "knit": _knit, "denim": _denim,
    "twill": _twill, "linen": _linen, "poplin": _poplin, "satin": _satin, "crepe": _crepe, "corduroy": _corduroy,
}  # fmt: skip
