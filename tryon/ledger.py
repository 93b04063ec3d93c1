"""Money: what a call may cost, and one ledger row for each call that may cost something.

    price(provider, operation, options)   what one call may cost
    reserve(result, provider)              before the call, in the transaction of the row or of the claim
    commit / refund / doubt                after it; ``settle_all`` does many in one go
    settle(entry, paid=...)                an operator's word about a call whose end nobody knew
    spent(since)   lost()

    RESERVED -> COMMITTED | REFUNDED | UNCERTAIN;   UNCERTAIN -> COMMITTED | REFUNDED

What may be spent is for ``caps`` to say, whose ``room`` and ``CapReached`` are here too. Within a transaction call
``reserve_all`` or ``settle_all`` once, after all other locks: both lock counters in one order everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from tryon.caps import COUNTED, MICRO, NONE, Counter, fitting, micros, shift, take, touched
from tryon.caps import CapReached as CapReached
from tryon.caps import Room as Room
from tryon.caps import reconcile as reconcile
from tryon.caps import room as room
from tryon.choices import Operation, Status
from tryon.models import Batch, EntryState, LedgerEntry, TryOnResult
from tryon.models.bulk import in_rounds, update_each
from tryon.providers.base import Provider

MOST_CREDITS = Decimal(100_000)  # for one call; a provider that says more is not believed

OPEN = (EntryState.RESERVED.value, EntryState.UNCERTAIN.value)
LOST = "paid but "  # how the reason of a call begins that was paid for nothing
ASKED = "refund asked for"
LOST_AGE = timedelta(days=90)  # no provider gives money back for older calls


# ---------------------------------------------------------------- prices


@dataclass(frozen=True, slots=True)
class Price:
    """Of one call: provider credits at the least and at the most, and both in the shop's currency."""

    least_credits: Decimal
    credits: Decimal
    least: Decimal
    amount: Decimal


def price(provider: Provider, operation: Operation, options: Mapping[str, Any] | None = None) -> Price:
    """What one call costs; where that is not known before, ``amount`` is the most that is set aside for it."""
    if not provider.paid:
        return Price(NONE, NONE, NONE, NONE)
    least, most = (Decimal(str(number)) for number in provider.credits(operation, options or {}))
    return Price(least, most, _money(provider, least), _money(provider, most))


def _money(provider: Provider, credits: Decimal) -> Decimal:
    return (credits * provider.credit_price).quantize(MICRO, rounding=ROUND_UP)


# ---------------------------------------------------------------- before the call


def reserve(
    result: TryOnResult, provider: Provider, *, reason: str = "", now: datetime | None = None
) -> LedgerEntry | None:
    """Set money aside for one call, in the caller's transaction. None for a provider that costs nothing.

    Raises CapReached when a cap does not leave enough; IntegrityError when a call of this row is still open.
    """
    if not provider.paid:
        return None
    when = now or timezone.now()
    made = reserve_all([result], provider, reason=reason, now=when)
    if not made:
        batch = result.batch
        raise CapReached(room(provider=provider.alias, shopper=result.shopper_id, batch=batch, now=when))
    return made[result.pk]


def reserve_all(
    results: Sequence[TryOnResult], provider: Provider, *, reason: str = "", now: datetime | None = None
) -> dict[UUID, LedgerEntry]:
    """As ``reserve`` for many rows of one provider, best first. The answer lacks those that no money is left for."""
    if not provider.paid or not results:
        return {}
    when = now or timezone.now()
    wanted = [_entry(result, provider, reason, when) for result in results]
    batches = {result.batch_id: result.batch for result in results if result.batch_id}
    for _ in range(20):  # each round leaves out what a cap refused
        full = take(wanted, batches)
        if full is None:
            break
        counter, left = full
        wanted = fitting(wanted, batches, counter, left)
    else:
        wanted = []
    made = LedgerEntry.objects.bulk_create(wanted)
    return {entry.result_id: entry for entry in made}


def _entry(result: TryOnResult, provider: Provider, reason: str, when: datetime) -> LedgerEntry:
    cost = price(provider, Operation(result.operation), result.options)
    return LedgerEntry(
        result_id=result.pk,
        shopper_id=result.shopper_id,
        batch_id=result.batch_id,
        provider=provider.alias,
        operation=result.operation,
        category=result.garment.category,
        credits=cost.credits,
        amount=cost.amount,
        reason=reason[:200],
        created_at=when,
    )


# ---------------------------------------------------------------- after it


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a call ended. ``credits`` is what the provider says it took; None: as was reserved."""

    entry: LedgerEntry
    state: EntryState
    credits: float | None = None
    reason: str = ""
    job_id: str = ""


def commit(entry: LedgerEntry, credits: float | None = None, *, reason: str = "", job_id: str = "") -> bool:
    """It was paid, at the reserved price or at ``credits``."""
    return bool(settle_all([Settlement(entry, EntryState.COMMITTED, credits, reason, job_id)]))


def refund(entry: LedgerEntry, reason: str) -> bool:
    """It surely was not paid."""
    return bool(settle_all([Settlement(entry, EntryState.REFUNDED, reason=reason)]))


def doubt(entry: LedgerEntry, reason: str, *, job_id: str = "") -> bool:
    """Nobody knows whether it was paid; it counts as spent until somebody does."""
    return bool(settle_all([Settlement(entry, EntryState.UNCERTAIN, reason=reason, job_id=job_id)]))


def settle(entry: LedgerEntry, *, paid: bool, reason: str = "", credits: float | None = None) -> bool:
    """What an operator found out about an open call. False when it was settled already."""
    state = EntryState.COMMITTED if paid else EntryState.REFUNDED
    return bool(settle_all([Settlement(entry, state, credits, reason or "settled by hand")]))


def settle_all(settlements: Iterable[Settlement]) -> int:
    """Write how calls ended, in the caller's transaction: how many were still open. The others stay as they are."""
    settled = 0
    deltas: dict[Counter, int] = defaultdict(int)
    with transaction.atomic():
        for items in in_rounds(sorted(settlements, key=lambda item: item.entry.pk), lambda item: item.entry.pk):
            for item, fields in _settled(items):
                settled += 1
                delta = _counted(fields["state"], fields["amount"]) - _counted(item.entry.state, item.entry.amount)
                if delta:
                    for counter in touched(item.entry, {item.entry.batch_id: item.entry.batch}):
                        deltas[counter] += delta
                for name, value in fields.items():
                    setattr(item.entry, name, value)
        shift(deltas)
    return settled


def _settled(items: list[Settlement]) -> Iterator[tuple[Settlement, dict[str, Any]]]:
    """Write those that are open, with one statement for each kind of end, and give what was written."""
    kinds: dict[tuple[EntryState, frozenset[str]], list[tuple[Settlement, dict[str, Any]]]] = defaultdict(list)
    for item in items:
        fields = _fields(item)
        kinds[item.state, frozenset(fields)].append((item, fields))
    for (state, _names), found in kinds.items():
        before = [EntryState.RESERVED.value] if state == EntryState.UNCERTAIN else OPEN
        done = update_each(LedgerEntry, {item.entry.pk: fields for item, fields in found}, where={"state": before})
        yield from (each for each in found if each[0].entry.pk in done)


def _fields(item: Settlement) -> dict[str, Any]:
    entry, amount, credits = item.entry, item.entry.amount, item.entry.credits
    if item.state == EntryState.COMMITTED and item.credits is not None:
        said = max(NONE, Decimal(str(item.credits)))
        if said != credits and said <= MOST_CREDITS:
            credits, amount = said, _repriced(entry, said)
    fields: dict[str, Any] = {"state": item.state.value, "credits": credits, "amount": amount}
    if item.reason:
        fields["reason"] = "; ".join(filter(None, (entry.reason, item.reason)))[:200]
    if item.job_id:
        fields["provider_job_id"] = item.job_id
    if item.state != EntryState.UNCERTAIN:
        fields["settled_at"] = timezone.now()
    return fields


def _counted(state: str, amount: Decimal) -> int:
    """What an entry adds to its counters."""
    return micros(amount) if state in COUNTED else 0


def _repriced(entry: LedgerEntry, credits: Decimal) -> Decimal:
    """The amount for other credits than reserved, at the price of a credit at the time of the reservation."""
    if entry.credits:
        return (entry.amount * credits / entry.credits).quantize(MICRO, rounding=ROUND_UP)
    from tryon.providers import get_provider

    return _money(get_provider(entry.provider), credits)


def renew(result: TryOnResult, entry: LedgerEntry | None, provider: Provider, reason: str) -> LedgerEntry | None:
    """A retry or a failover: the old call surely was not paid, a new one is set aside, both with the reason.

    Raises CapReached when there is no room for the new one; then the old one stands as it was.
    """
    with transaction.atomic():
        if entry is not None:
            refund(entry, reason)
        return reserve(result, provider, reason=reason)


def release(results: QuerySet[TryOnResult], reason: str) -> int:
    """Refund what was set aside for rows that were never sent, before they are canceled or deleted: how many."""
    waiting = results.filter(status=Status.QUEUED.value).values("pk")
    entries = LedgerEntry.objects.filter(state=EntryState.RESERVED.value, result_id__in=waiting)
    return settle_all(
        Settlement(entry, EntryState.REFUNDED, reason=reason) for entry in entries.select_related("batch")
    )


def open_entries(result_ids: Iterable[UUID]) -> dict[UUID, LedgerEntry]:
    """The calls of these rows whose end is not known, by row: at most one each."""
    found = LedgerEntry.objects.filter(result_id__in=list(result_ids), state__in=OPEN).select_related("batch")
    return {entry.result_id: entry for entry in found}


# ---------------------------------------------------------------- looking back


@dataclass(frozen=True, slots=True)
class Spent:
    """Money and credits of a period, by what is known about them."""

    committed: Decimal
    uncertain: Decimal
    reserved: Decimal
    credits: Decimal  # committed and uncertain

    @property
    def total(self) -> Decimal:
        return self.committed + self.uncertain


def spent(
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    provider: str = "",
    batch: Batch | None = None,
) -> Spent:
    """What was spent on calls begun in that time."""
    period = Q()
    if since:
        period &= Q(created_at__gte=since)
    if until:
        period &= Q(created_at__lt=until)
    if provider:
        period &= Q(provider=provider)
    if batch:
        period &= Q(batch=batch)
    sums: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (NONE, NONE))
    rows = LedgerEntry.objects.filter(period).order_by().values_list("state")
    for state, amount, credits in rows.annotate(amounts=Sum("amount"), credit_sum=Sum("credits")):
        sums[state] = (amount or NONE, credits or NONE)
    committed, uncertain = sums[EntryState.COMMITTED.value], sums[EntryState.UNCERTAIN.value]
    return Spent(committed[0], uncertain[0], sums[EntryState.RESERVED.value][0], committed[1] + uncertain[1])


def lost(now: datetime | None = None) -> QuerySet[LedgerEntry]:
    """Calls that were paid and gave nothing: a refund can be asked for."""
    nothing = [Status.FAILED.value, Status.BLOCKED.value, Status.CANCELED.value]
    failed = TryOnResult.objects.filter(pk=OuterRef("result_id"), status__in=nothing)
    paid = LedgerEntry.objects.filter(
        state=EntryState.COMMITTED.value, amount__gt=0, created_at__gte=(now or timezone.now()) - LOST_AGE
    )
    return paid.filter(Q(reason__startswith=LOST) | Exists(failed)).exclude(reason__startswith=ASKED)


def keep_lost(result_ids: Iterable[UUID]) -> None:
    """These rows came to nothing and are about to be deleted: their calls say so from now on."""
    paid = LedgerEntry.objects.filter(result_id__in=list(result_ids), state=EntryState.COMMITTED.value)
    paid.exclude(reason__startswith=LOST).exclude(reason__startswith=ASKED).update(reason=f"{LOST}lost")
