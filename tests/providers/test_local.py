"""The built-in engine behind the provider interface: the rules that are for every provider."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.local_engine.drawn import png, tee
from tryon.choices import Operation
from tryon.providers.base import Provider, TryOnRequest
from tryon.providers.local import LocalProvider
from tryon.testing import ProviderConformance


class TestLocal(ProviderConformance):
    backend: ClassVar[type[Provider]] = LocalProvider

    def request(self, operation: Operation, **changes: Any) -> TryOnRequest:
        """A drawn picture is no person: a mannequin stands for the shopper and for the model."""
        drawn: dict[str, Any] = {"garment": png(tee()), "mannequin": "f-m-tan"}
        return super().request(operation, **{**drawn, **changes})
