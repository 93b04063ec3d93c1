"""The bag: what a visitor means to buy, kept in the session."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest

from tryon_shop.models import ProductColour

SESSION_KEY = "bag"
MOST_OF_ONE = 10


@dataclass(frozen=True, slots=True)
class Line:
    key: str
    colour: ProductColour
    size: str
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.colour.product.price * self.quantity

    @property
    def is_full(self) -> bool:
        return self.quantity >= MOST_OF_ONE


class Bag:
    """Quantities by colour and size. ``session`` holds ``{"<colour id>:<size>": quantity}``."""

    def __init__(self, session: MutableMapping[str, Any]) -> None:
        self.session = session

    def add(self, colour: ProductColour, size: str) -> None:
        key = f"{colour.pk}:{size}"
        self.set_quantity(key, self._quantities().get(key, 0) + 1)

    def set_quantity(self, key: str, quantity: int) -> None:
        """Change a line; 0 or less takes it out, more than ``MOST_OF_ONE`` is that many."""
        quantities = self._quantities()
        if quantity > 0:
            quantities[key] = min(quantity, MOST_OF_ONE)
        else:
            quantities.pop(key, None)
        self.session[SESSION_KEY] = quantities

    def __contains__(self, key: str) -> bool:
        return key in self._quantities()

    @property
    def count(self) -> int:
        return sum(self._quantities().values())

    def lines(self) -> list[Line]:
        """In the order they were added. What the shop no longer has is taken out of the bag."""
        keys = [key.split(":", 1) for key in self._quantities()]
        colours = ProductColour.objects.select_related("product").in_bulk([int(pk) for pk, _ in keys])
        lines = []
        for key, quantity in self._quantities().items():
            pk, size = key.split(":", 1)
            colour = colours.get(int(pk))
            if colour is None or size not in colour.product.size_list:
                self.set_quantity(key, 0)
            else:
                lines.append(Line(key, colour, size, quantity))
        return lines

    def _quantities(self) -> dict[str, int]:
        return dict(self.session.get(SESSION_KEY, {}))


def context(request: HttpRequest) -> dict[str, Any]:
    """Template context processor: the bag, for the count in the header."""
    return {"bag": Bag(request.session)}
