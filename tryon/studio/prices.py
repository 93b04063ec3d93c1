"""What rows that are ordered already may still cost."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tryon import ledger
from tryon.choices import Operation
from tryon.errors import TryOnError
from tryon.models import TryOnResult
from tryon.providers import get_provider
from tryon.runner import routing
from tryon.studio.briefs import CHUNK
from tryon.studio.money import money
from tryon.studio.plans import NOTHING


def price_of(row: TryOnResult) -> Decimal:
    try:
        return ledger.price(get_provider(row.provider), Operation(row.operation), row.options).amount
    except (ImproperlyConfigured, TryOnError):
        return Decimal(0)  # not to be had any more: another one is chosen when it runs


def ceiling_of(row: TryOnResult) -> Decimal:
    """What it costs at most, whoever makes it: one that is not pinned may go to another provider."""
    others = [] if row.pinned else routing.candidates_for(row)
    operation = Operation(row.operation)
    return max([price_of(row), *(ledger.price(one, operation, row.options).amount for one in others)])


def total_price(rows: QuerySet[TryOnResult]) -> tuple[int, Decimal]:
    """(how many, what they cost at most). Of rows that are alike for providers, one is loaded and priced."""
    facts = ("provider", "pinned", "operation", "garment__category", "preset_model", "options")
    counts: Counter[str] = Counter()
    alike: dict[str, uuid.UUID] = {}
    for pk, *about in rows.order_by().values_list("pk", *facts).iterator(CHUNK):
        counts[repr(about)] += 1
        alike.setdefault(repr(about), pk)
    found = TryOnResult.objects.select_related("garment", "preset_model", "consent").in_bulk(list(alike.values()))
    prices = {key: ceiling_of(found[pk]) for key, pk in alike.items() if pk in found}
    return counts.total(), sum((price * counts[key] for key, price in prices.items()), NOTHING)


def once_more(rows: Iterable[TryOnResult], *, anonymous: bool) -> dict[uuid.UUID, str]:
    """What making each of these again costs, in words. ``anonymous``: the most that any provider of their batches
    takes, as a price says whose it is."""
    known: dict[str, Decimal] = {}
    prices = {}
    rows = list(rows)
    others = TryOnResult.objects.none()
    if anonymous:
        among = {"batch__in": {row.batch_id for row in rows}, "garment__in": {row.garment_id for row in rows}}
        others = TryOnResult.objects.filter(**among).select_related("garment", "preset_model", "consent")
    for row in (*rows, *others):
        alike = repr((row.provider, row.pinned, row.operation, row.garment.category, row.preset_model_id, row.options))
        if alike not in known:
            known[alike] = ceiling_of(row)
        prices[row.pk] = known[alike]
    if anonymous:
        most = max(prices.values(), default=NOTHING)
        words = _("It costs at most %(amount)s.") % {"amount": money(most)}
        return {row.pk: words for row in rows}
    return {row.pk: _once_more_words(row, prices[row.pk]) for row in rows}


def _once_more_words(row: TryOnResult, price: Decimal) -> str:
    if price:
        return _("It costs at most %(amount)s.") % {"amount": money(price)}
    try:
        free = not get_provider(row.provider).paid
    except ImproperlyConfigured:
        free = False
    return _("It is free.") if free else _("It is charged by the provider; the price is not known here.")
