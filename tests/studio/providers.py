"""Providers that differ in what the studio must tell apart: price, themes, words, and whether they need a person."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from tests.providers.fakes import InstantProvider
from tryon.choices import Category, Operation
from tryon.providers.base import Capability, Option


class StudioProvider(InstantProvider):
    """Costs half a unit a picture, follows words, and makes up models of its own."""

    label: ClassVar[str] = "studio"
    paid: ClassVar[bool] = True
    leaves_server: ClassVar[bool] = True
    credit_price = Decimal("0.25")

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        options = (
            Option("tint", str, "#446688", help="Colour of the picture."),
            Option("prompt", str, None, help="In words.", maximum=400),
            Option("seed", int, None, minimum=0, maximum=99),
            Option("crop", bool, False, help="Cut close."),
            Option("mode", str, "fast", choices=("fast", "fine")),
        )
        return {Operation.MODEL_SHOT: Capability(options, cost=2.0, inputs=("garment",))}


class PersonProvider(StudioProvider):
    """Dresses a photo of a person: no drawings, no made-up models, no words. Tops only."""

    label: ClassVar[str] = "person"
    credit_price = Decimal("0.10")

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        options = (Option("tint", str, "#884466"),)
        upper = frozenset({Category.UPPER})
        return {Operation.MODEL_SHOT: Capability(options, upper, cost=1.0, inputs=("person", "garment"))}


class ThemedProvider(StudioProvider):
    """Has themes of its own."""

    label: ClassVar[str] = "themed"

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        theme = Option("theme", str, None, choices=("Beach", "Park"))
        return {Operation.MODEL_SHOT: Capability((theme,), cost=None, inputs=("garment",))}


def settings(*names: str) -> dict[str, Any]:
    """TRYON["PROVIDERS"] with these, in this order."""
    classes = {"studio": "StudioProvider", "person": "PersonProvider", "themed": "ThemedProvider"}
    return {name: {"BACKEND": f"tests.studio.providers.{classes[name]}"} for name in names}
