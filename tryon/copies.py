"""Who else was sent a shopper's photo, and until when they may have it by their own documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from tryon.models import LedgerEntry, TryOnResult
from tryon.providers import get_provider

if TYPE_CHECKING:
    from tryon.models import Shopper
    from tryon.providers.base import Provider


@dataclass(frozen=True, slots=True)
class SentCopy:
    """One sending of a photo to a company. ``photo_id`` is None when our own copy is gone already."""

    alias: str
    provider: Provider | None  # None: taken out of the settings since
    result_id: UUID
    photo_id: UUID | None
    sent_at: datetime

    @property
    def company(self) -> str:
        return self.provider.company if self.provider else self.alias

    @property
    def until(self) -> datetime | None:
        """When the last trace should be gone there; None: their documentation does not say."""
        facts = self.provider.facts if self.provider else None
        return self.sent_at + facts.longest if facts and facts.longest is not None else None

    @property
    def is_over(self) -> bool:
        return self.until is not None and self.until <= timezone.now()


def sent_copies(shopper: Shopper) -> list[SentCopy]:
    """Newest first. From the rows that say who works on a preview, and from the ledger, which also knows the providers
    that failed and were replaced, and what was sent for previews that are deleted by now.
    """
    found: dict[tuple[UUID, str], SentCopy] = {}
    rows = {row.pk: row for row in TryOnResult.objects.filter(shopper=shopper)}
    for row in rows.values():
        if row.consent_id and row.provider and row.started_at:
            _note(found, row.pk, row.provider, row.photo_id, row.submitted_at or row.started_at)
    if shopper.consents.exists():  # without one no photo of theirs was ever here
        for entry in LedgerEntry.objects.filter(shopper_id=shopper.pk):
            paid_for = rows.get(entry.result_id)
            if paid_for is None or paid_for.consent_id:
                _note(found, entry.result_id, entry.provider, paid_for.photo_id if paid_for else None, entry.created_at)
    return sorted(found.values(), key=lambda copy: copy.sent_at, reverse=True)


def in_short(copies: Iterable[SentCopy]) -> list[dict[str, Any]]:
    """For a receipt: companies, how often and the latest end, without ids."""
    calls: Counter[str] = Counter()
    until: dict[str, datetime | None] = {}
    for copy in copies:
        if copy.is_over:
            continue
        calls[copy.alias] += 1
        known, end = until.get(copy.alias, copy.until), copy.until
        until[copy.alias] = None if known is None or end is None else max(known, end)
    return [
        {"provider": alias, "calls": count, "until": end.isoformat() if (end := until[alias]) else None}
        for alias, count in sorted(calls.items())
    ]


def provider_named(alias: str) -> Provider | None:
    """None when the settings have no such provider any more, or can't make it."""
    try:
        return get_provider(alias)
    except ImproperlyConfigured:
        return None


def _note(
    found: dict[tuple[UUID, str], SentCopy], result_id: UUID, alias: str, photo_id: UUID | None, sent_at: datetime
) -> None:
    provider = provider_named(alias)
    if provider is None or provider.leaves_server:
        earlier = found.get((result_id, alias))
        latest = max(sent_at, earlier.sent_at) if earlier else sent_at
        found[result_id, alias] = SentCopy(alias, provider, result_id, photo_id, latest)
