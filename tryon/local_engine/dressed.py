"""A finished picture together with the cloth that is visible in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body
from .imaging import Array
from .mesh import Layer
from .person import Person


@dataclass(frozen=True, slots=True)
class Invented:
    """What nobody has seen and had to be painted, as shares of the person's area."""

    skin: float = 0.0
    background: float = 0.0


@dataclass(frozen=True, slots=True)
class Dressed:
    body: Body  # the wearer's, as measured
    picture: Array  # the person's crop, uint8
    layers: list[tuple[Layer, Array]]  # back to front, each with the share of it that nothing in front hides
    invented: Invented = Invented()
    gone: Array | float = 0.0  # where old clothes gave way to background, 0 to 1

    @property
    def person(self) -> Person:
        return self.body.person

    @property
    def photo(self) -> Array:
        """The whole photo, uint8."""
        return self.person.place_back(self.picture)

    def cloth(self) -> tuple[Array, Array]:
        """-> (the garment's own colours before any light falls on them, how much of them shows); crop size, float32."""
        colour = np.zeros((*self.person.shape, 3), np.float32)
        coverage = np.zeros(self.person.shape, np.float32)
        for layer, shown in self.layers:
            alpha = np.clip(layer.alpha * shown, 0, 1)
            colour += (layer.colour - colour) * alpha[..., None]
            coverage = coverage * (1 - layer.alpha) + alpha
        return colour, coverage
