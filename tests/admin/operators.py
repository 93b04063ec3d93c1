"""Usage for the operators' pages."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from tests.providers.fakes import HostedProvider
from tryon.choices import Operation
from tryon.models import EntryState, LedgerEntry, Outcome
from tryon.providers.base import Balance, ProviderError


class BankedProvider(HostedProvider):
    """Costs 0.04 a call and has an account, which may be out of reach."""

    label = "banked"
    credit_price = Decimal("0.04")
    settings_options = frozenset({"options", "left"})

    def __init__(self, alias: str = "", *, left: float | None = None, **options: Any) -> None:
        super().__init__(alias, **options)
        self.left = left

    def credits(self, operation: Operation, options: Any) -> tuple[float, float]:
        return 1.0, 1.0

    def balance(self) -> Balance:
        if self.left is None:
            raise ProviderError("provider_down", "the server failed (HTTP 503)")
        return Balance(self.left)


BANKED = {"BACKEND": "tests.admin.operators.BankedProvider", "OPTIONS": {"left": 500}}
SILENT = {"BACKEND": "tests.admin.operators.BankedProvider"}


def call(
    provider: str = "fashn", amount: str = "0.075", state: EntryState = EntryState.COMMITTED, **fields: Any
) -> Any:
    defaults = {"result_id": uuid.uuid4(), "operation": "try_on", "credits": 1}
    return LedgerEntry.objects.create(
        provider=provider, amount=Decimal(amount), state=state.value, **{**defaults, **fields}
    )


def past(number: int = 1, **fields: Any) -> None:
    """Try-ons of the last hour whose rows are gone."""
    defaults = {
        "provider": "fashn",
        "operation": "try_on",
        "status": "succeeded",
        "created_at": timezone.now() - timedelta(minutes=30),
        "waited": 2.0,
        "took": 10.0,
    }
    Outcome.objects.bulk_create(Outcome(**{**defaults, **fields}) for _ in range(number))


__all__ = ["BANKED", "SILENT", "BankedProvider", "call", "past"]
