"""Providers' own accounts of our money: are they open again, and does the ledger say the same as they do?"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q, Sum

from tryon import ledger
from tryon.choices import Status
from tryon.models import FINAL, EntryState, LedgerEntry, ProviderAccount, TryOnResult
from tryon.providers import get_provider, provider_aliases
from tryon.providers.base import Balance, Provider, ProviderError
from tryon.runner import accounts, clock
from tryon.runner.claim import finish

logger = logging.getLogger("tryon.runner")

STRAY = timedelta(hours=1)  # money set aside for a row that is over since: its end was never written
NONE = Decimal(0)


def probe_shut(now: datetime) -> list[str]:
    """Ask the balance of accounts that were refused: those that work again. A question, never a paid call."""
    back = []
    for account in ProviderAccount.objects.filter(
        stopped=False, paused_until__gt=now, paused_because__startswith=accounts.CONFIG
    ):
        balance, _why = told(account.alias)
        if balance is not None and balance.credits > 0:
            accounts.reopen(account.alias)
            back.append(account.alias)
    return back


def reconcile(now: datetime) -> None:
    """Compare the ledger with every balance, and the counters with the ledger."""
    _settle_strays(now)
    for mismatch in ledger.reconcile(now, mend=True):
        logger.error("counter %s was %s, the ledger says %s", mismatch.counter.name, mismatch.kept, mismatch.ledger)
    for alias in provider_aliases():
        ask(alias)


def ask(alias: str) -> tuple[Balance | None, str]:
    """One balance, now, compared with the ledger; or why there is none: "" where the provider tells none."""
    before = clock.now()
    balance, why = told(alias)
    if balance is not None:
        _compare(alias, Decimal(str(balance.credits)), before)
    return balance, why


def told(alias: str) -> tuple[Balance | None, str]:
    """As ``ask``, and nothing is written."""
    try:
        provider: Provider = get_provider(alias)
        return (provider.balance() if provider.paid else None), ""
    except ImproperlyConfigured as error:
        return None, str(error)
    except ProviderError as error:
        logger.warning("balance of %s: %s", alias, error.detail)
        return None, error.detail or error.code


def _compare(alias: str, credits: Decimal, when: datetime) -> None:
    with transaction.atomic():
        account = accounts.lock(alias)
        before, since = account.balance, account.balance_at
        account.balance, account.balance_at = credits, when
        if before is not None and since is not None and before >= credits:
            account.drift = _unexplained(alias, before - credits, since, when)
        account.save(update_fields=["balance", "balance_at", "drift", "updated_at"])


def _unexplained(alias: str, fell: Decimal, since: datetime, until: datetime) -> Decimal:
    """By how much the balance fell that no call explains; calls of unknown end are settled where that is certain."""
    own = LedgerEntry.objects.filter(provider=alias)
    committed = _credits(own.filter(state=EntryState.COMMITTED.value, settled_at__gt=since, settled_at__lte=until))
    unknown = list(own.filter(state=EntryState.UNCERTAIN.value, created_at__gt=since).select_related("batch"))
    # calls that were under way at either end may have been paid on this side of it or on that
    crossing = own.filter(Q(settled_at=None) | Q(settled_at__gt=since), created_at__lte=since)
    crossing = crossing.exclude(state=EntryState.UNCERTAIN.value)
    under_way = own.filter(state=EntryState.RESERVED.value)
    extra = fell - committed
    if crossing.exists() or under_way.exists():
        return max(NONE, extra - _credits(under_way) - sum((entry.credits for entry in unknown), NONE))
    if unknown and extra == NONE:
        _known(unknown, paid=False)
    elif unknown and extra == sum((entry.credits for entry in unknown), NONE):
        _known(unknown, paid=True)
        extra = NONE
    return max(NONE, extra - sum((e.credits for e in unknown if e.state == EntryState.UNCERTAIN.value), NONE))


def _credits(entries: object) -> Decimal:
    return entries.aggregate(total=Sum("credits"))["total"] or NONE  # type: ignore[attr-defined]


def _known(entries: Iterable[LedgerEntry], *, paid: bool) -> None:
    """The balance tells of all of them."""
    for entry in entries:
        resolve(entry, paid=paid, reason="seen in the balance" if paid else "the balance did not fall")


def resolve(entry: LedgerEntry, *, paid: bool, reason: str) -> bool:
    """It is known how a call ended: the shopper's or the shop's row ends with it. False when it was known already."""
    with transaction.atomic():
        if not ledger.settle(entry, paid=paid, reason=f"{ledger.LOST}lost: {reason}" if paid else reason):
            return False
        row = TryOnResult.objects.filter(pk=entry.result_id, status=Status.UNCERTAIN.value).first()
        if row:
            detail = f"{ledger.LOST}lost: {reason}" if paid else f"not paid: {reason}"
            finish(row, Status.FAILED, unowned=True, error_code="provider_down", error_detail=detail)
    return True


def _settle_strays(now: datetime) -> None:
    """Money set aside for rows that are over or gone: nobody will tell how these calls ended."""
    old = LedgerEntry.objects.filter(state=EntryState.RESERVED.value, created_at__lt=now - STRAY)
    entries = list(old.select_related("batch")[:1000])
    alive = TryOnResult.objects.filter(pk__in=[entry.result_id for entry in entries]).exclude(status__in=FINAL)
    known = set(alive.values_list("pk", flat=True))
    ledger.settle_all(
        ledger.Settlement(entry, EntryState.UNCERTAIN, reason="its row is gone")
        for entry in entries
        if entry.result_id not in known
    )
