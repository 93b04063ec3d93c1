"""Which provider makes it: by operation, category, consent, options, health and money."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from tryon import ledger
from tryon.choices import Category, Operation, Status
from tryon.conf import conf
from tryon.models import PresetModel, Shopper, TryOnResult
from tryon.models.results import TryOnResultQuerySet
from tryon.providers import get_provider, provider_aliases
from tryon.providers.base import Provider, ProviderError
from tryon.runner import accounts, clock
from tryon.runner.accounts import OPEN, Standing
from tryon.signals import send_after_commit, tryon_finished

logger = logging.getLogger("tryon.routing")

PLANNED = 500  # rows a look
SHORT_SECONDS = 30.0  # a pause that is waited for rather than routed around


def route(operation: Operation) -> list[str]:
    """Aliases in order of preference."""
    return list(conf.ROUTES.get(operation.value, provider_aliases()))


def configured(operation: Operation) -> list[Provider]:
    """Providers that the settings allow for it, best first, whether or not they are ready this minute."""
    found = []
    for alias in route(operation):
        try:
            provider = get_provider(alias)
        except ImproperlyConfigured as error:
            logger.error("provider %s is not usable: %s", alias, error)
            continue
        if provider.can(operation):
            found.append(provider)
    return found


def candidates(
    operation: Operation, category: Category | None = None, *, allowed: Collection[str] | None = None
) -> list[Provider]:
    """Providers that could do it now, best first. ``allowed``: the aliases a consent names."""
    return [
        provider
        for provider in configured(operation)
        if (allowed is None or provider.alias in allowed)
        and provider.can(operation, category)
        and not provider.problems()
    ]


def candidates_for(row: TryOnResult) -> list[Provider]:
    """Those that could make this row: its consent names them and they take its options."""
    operation = Operation(row.operation)
    allowed = row.consent.providers if row.consent else None
    found = candidates(operation, Category(row.garment.category), allowed=allowed)
    if row.pinned and row.provider:
        found = [provider for provider in found if provider.alias == row.provider]
    return [
        provider
        for provider in found
        if takes(provider, operation, row.options)
        and (row.photo_id is not None or suits(provider, operation, row.preset_model))
    ]


def suits(provider: Provider, operation: Operation, preset: PresetModel | None) -> bool:
    """Whether it can show a garment on this model: one that needs a photo of a person can't use a drawing."""
    needs_person = "person" in provider.capability(operation).inputs
    return not needs_person or (preset is not None and not preset.mannequin)


def takes(provider: Provider, operation: Operation, options: Mapping[str, Any]) -> bool:
    try:
        provider.clean_options(operation, options)
    except ProviderError:
        return False
    return True


def is_blocked(standing: Standing, now: datetime) -> bool:
    """Whether waiting for it would take longer than is worth while."""
    return standing.until is not None and (
        standing.trial or standing.shut or (standing.until - now).total_seconds() > SHORT_SECONDS
    )


def is_away(standing: Standing, now: datetime) -> bool:
    """Whether nothing may be sent to it now. One that only waits for a trial call is there: somebody has to ask."""
    return standing.until is not None and standing.until > now and is_blocked(standing, now)


def reachable(found: Iterable[Provider], known: Mapping[str, Standing], now: datetime) -> list[Provider]:
    """Those of ``found`` to which something may be sent now."""
    return [provider for provider in found if not is_away(known.get(provider.alias, OPEN), now)]


def by_health(found: list[Provider], now: datetime) -> list[Provider]:
    """Those that may be called first, then those that would have to be waited for; each in its order."""
    known = accounts.standings(now)
    return sorted(found, key=lambda provider: is_blocked(known.get(provider.alias, OPEN), now))


def affordable(
    found: list[Provider], operation: Operation, *, shopper: Shopper | None = None, now: datetime | None = None
) -> bool:
    """Whether the caps leave enough for any of them."""
    if not conf.CAPS:
        return bool(found)
    return any(
        ledger.room(provider=provider.alias, shopper=shopper, now=now).takes(ledger.price(provider, operation).amount)
        for provider in found
    )


def elsewhere(row: TryOnResult, known: Mapping[str, Standing], now: datetime) -> Provider | None:
    """Another provider that may be called now. The first one was surely not paid; the caller knows that."""
    if row.pinned:
        return None
    for provider in candidates_for(row):
        if provider.alias != row.provider and not is_blocked(known.get(provider.alias, OPEN), now):
            return provider
    return None


# ---------------------------------------------------------------- rows that have no provider, or the wrong one


def plan_unplanned(due: TryOnResultQuerySet) -> None:
    """Choose a provider for queued rows that came without one. Those that nobody may make have failed."""
    if not due.filter(provider="", status=Status.QUEUED.value).exists():
        return
    now = clock.now()
    known = accounts.standings(now)
    rows = due.filter(provider="", status=Status.QUEUED.value).select_related("garment", "consent")
    chosen: dict[str, list[UUID]] = defaultdict(list)
    for row in rows.order_by("priority", "next_at")[:PLANNED]:
        found = candidates_for(row)
        if not found:
            _fail(row)
            continue
        best = min(found, key=lambda provider: is_blocked(known.get(provider.alias, OPEN), now))
        chosen[best.alias].append(row.pk)
    for alias, pks in chosen.items():
        TryOnResult.objects.filter(pk__in=pks, provider="", status=Status.QUEUED.value).update(provider=alias)


def _fail(row: TryOnResult) -> None:
    with transaction.atomic():
        unowned = TryOnResult.objects.filter(pk=row.pk, provider="")
        detail = "no provider that may be used is ready"
        if unowned.move(Status.FAILED, held_by="", error_code="provider_down", error_detail=detail):
            send_after_commit(tryon_finished, TryOnResult, result=row)


def move_on(now: datetime) -> int:
    """Queued rows of a provider that is blocked go to the next one that may make them: how many.

    Nothing was sent for them, so nothing was paid. The money that is set aside moves along.
    """
    known = accounts.standings(now)
    moved = 0
    for alias, standing in known.items():
        if not is_blocked(standing, now):
            continue
        rows = TryOnResult.objects.live().known()
        rows = rows.filter(provider=alias, status=Status.QUEUED.value, lease_owner="", pinned=False)
        for row in rows.select_related("garment", "consent", "batch").order_by("priority", "next_at")[:PLANNED]:
            other = elsewhere(row, known, now)
            if other is None:
                continue
            moved += _move(row, other, f"failover from {alias}: {standing.because}", now)
    return moved


def _move(row: TryOnResult, other: Provider, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        mine = TryOnResult.objects.filter(pk=row.pk, provider=row.provider, status=Status.QUEUED.value, lease_owner="")
        if not mine.update(provider=other.alias, next_at=now):
            return False
        entry = ledger.open_entries([row.pk]).get(row.pk)
        if entry is None:
            return True
        try:
            ledger.renew(row, entry, other, reason)
        except ledger.CapReached:  # then it waits for the first one
            transaction.set_rollback(True)
            return False
    return True
