"""What may be spent: caps for the shop, a provider, a shopper (by hour and day) and a batch (in all), kept by counters.

    room(provider=..., shopper=...)   what the caps still allow
    take(entries) / fitting(...)      count calls that are to be made, as many as the caps allow
    shift(deltas)                     correct what was counted, when a call ended otherwise
    reconcile()   prune()

One conditional UPDATE for each counter, in the transaction of the ledger rows, so that caps hold under any concurrency
and on every database. A counter exists only where a cap is set; one that is missing is made from the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.models import Batch, EntryState, LedgerEntry, Shopper, SpendCounter

KEEP_COUNTERS = timedelta(days=8)
MICRO = Decimal("0.000001")
NONE = Decimal(0)
COUNTED = (EntryState.RESERVED.value, EntryState.COMMITTED.value, EntryState.UNCERTAIN.value)
HOUR, DAY, ALL = "hour", "day", "all"
LENGTHS = {HOUR: timedelta(hours=1), DAY: timedelta(days=1)}


class CapReached(TryOnError):
    """The budget is used up: nothing was reserved. ``room`` says which cap, and when there is money again."""

    def __init__(self, room: Room) -> None:
        wait = (room.resets_at - timezone.now()).total_seconds() if room.resets_at else 3600.0
        seconds = max(1, int(wait) + 1)
        super().__init__("busy", f"cap {room.cap} reached", minutes=-(-seconds // 60), retry_after=seconds)
        self.room = room


# ---------------------------------------------------------------- counters


@dataclass(frozen=True, slots=True, order=True)
class Counter:
    """One counter. They are always touched in this order, whoever touches them: nobody waits in a circle."""

    rank: int
    scope: str
    window: str
    start: datetime

    @property
    def row(self) -> QuerySet[SpendCounter]:
        return SpendCounter.objects.filter(scope=self.scope, window=self.window, start=self.start)

    @property
    def resets_at(self) -> datetime | None:
        return self.start + LENGTHS[self.window] if self.window in LENGTHS else None

    @property
    def name(self) -> str:
        return f"{self.scope.partition(':')[0]}/{self.window}" if self.rank > 1 else f"{self.scope}/{self.window}"

    def entries(self) -> QuerySet[LedgerEntry]:
        """The ledger rows that it counts."""
        found = LedgerEntry.objects.filter(state__in=COUNTED, created_at__gte=self.start)
        if self.resets_at:
            found = found.filter(created_at__lt=self.resets_at)
        kind, _, name = self.scope.partition(":")
        own = {"provider": "provider", "shopper": "shopper_id", "batch": "batch_id"}.get(kind)
        return found.filter(**{own: name}) if own else found

    def counted(self) -> int:
        return micros(self.entries().aggregate(total=Sum("amount"))["total"] or NONE)


class _Full(Exception):
    def __init__(self, counter: Counter, limit: Decimal) -> None:
        self.counter, self.limit = counter, limit


@dataclass(frozen=True, slots=True)
class Room:
    """What may still be spent: ``left`` under ``cap`` (the one that leaves least) of ``limit``. None: no cap."""

    left: Decimal | None = None
    cap: str = ""
    limit: Decimal | None = None
    resets_at: datetime | None = None

    def takes(self, amount: Decimal) -> bool:
        return self.left is None or amount <= self.left


def micros(amount: Decimal) -> int:
    return int((amount / MICRO).to_integral_value(rounding=ROUND_UP))


def window_start(window: str, when: datetime) -> datetime:
    """Hours and days of the shop's time zone."""
    local = timezone.localtime(when).replace(minute=0, second=0, microsecond=0)
    return local if window == HOUR else local.replace(hour=0)


def counters(provider: str, shopper_id: UUID | None, batch: Batch | None, when: datetime) -> list[Counter]:
    """Every counter that a call may touch, in their order."""
    scopes = [(0, "shop"), (1, f"provider:{provider}")]
    if shopper_id:
        scopes.append((2, f"shopper:{shopper_id.hex}"))
    found = [Counter(rank, scope, window, window_start(window, when)) for rank, scope in scopes for window in LENGTHS]
    if batch:
        found.append(Counter(3, f"batch:{batch.pk.hex}", ALL, batch.created_at))
    return sorted(found)


def limit_of(counter: Counter, batch: Batch | None) -> Decimal | None:
    kind, _, name = counter.scope.partition(":")
    if kind == "batch":
        return batch.max_cost if batch else None
    caps = conf.CAPS.get("providers", {}).get(name, {}) if kind == "provider" else conf.CAPS.get(kind, {})
    value = caps.get(counter.window)
    return None if value is None else Decimal(str(value))


def room(
    *,
    provider: str = "",
    shopper: Shopper | UUID | None = None,
    batch: Batch | None = None,
    now: datetime | None = None,
) -> Room:
    """What the caps leave just now for a call to ``provider`` for that shopper or batch."""
    shopper_id = shopper.pk if isinstance(shopper, Shopper) else shopper
    tightest = Room()
    for counter in counters(provider, shopper_id, batch, now or timezone.now()):
        limit = limit_of(counter, batch)
        if limit is None:
            continue
        known = counter.row.values_list("micros", flat=True).first()
        left = max(NONE, limit - (counter.counted() if known is None else known) * MICRO)
        if tightest.left is None or left < tightest.left:
            tightest = Room(left, counter.name, limit, counter.resets_at)
    return tightest


def _add(counter: Counter, amount: int, limit: Decimal) -> bool:
    """Count ``amount`` if the cap allows it."""
    if counter.row.filter(micros__lte=micros(limit) - amount).update(micros=F("micros") + amount):
        return True
    if counter.row.exists():
        return False
    try:
        with transaction.atomic():
            SpendCounter.objects.create(
                scope=counter.scope, window=counter.window, start=counter.start, micros=counter.counted()
            )
    except IntegrityError:  # another process made it
        pass
    return bool(counter.row.filter(micros__lte=micros(limit) - amount).update(micros=F("micros") + amount))


def shift(deltas: Mapping[Counter, int]) -> None:
    """Correct the counters that exist: a price was another one, or a call was not paid."""
    for counter in sorted(deltas):
        if deltas[counter]:
            counter.row.update(micros=Greatest(F("micros") + deltas[counter], Value(0)))


# ---------------------------------------------------------------- counting calls


def touched(entry: LedgerEntry, batches: Mapping[Any, Batch | None]) -> list[Counter]:
    return counters(entry.provider, entry.shopper_id, batches.get(entry.batch_id), entry.created_at)


def take(wanted: Iterable[LedgerEntry], batches: Mapping[Any, Batch | None]) -> tuple[Counter, int] | None:
    """Count all of it; else nothing, and the counter that is too full with what it leaves."""
    if not conf.CAPS and not any(batch and batch.max_cost is not None for batch in batches.values()):
        return None
    totals: dict[Counter, int] = defaultdict(int)
    owners: dict[Counter, Batch | None] = {}
    for entry in wanted:
        for counter in touched(entry, batches):
            totals[counter] += micros(entry.amount)
            owners[counter] = batches.get(entry.batch_id)
    limits = {counter: limit_of(counter, owners[counter]) for counter in sorted(totals) if totals[counter]}
    try:
        with transaction.atomic():
            for counter, limit in limits.items():
                if limit is not None and not _add(counter, totals[counter], limit):
                    raise _Full(counter, limit)
    except _Full as full:
        known = full.counter.row.values_list("micros", flat=True).first()
        return full.counter, micros(full.limit) - (full.counter.counted() if known is None else known)
    return None


def fitting(
    wanted: list[LedgerEntry], batches: Mapping[Any, Batch | None], full: Counter, left: int
) -> list[LedgerEntry]:
    kept = []
    for entry in wanted:
        if full in touched(entry, batches) and entry.amount:
            left -= micros(entry.amount)
            if left < 0:
                continue
        kept.append(entry)
    # what was left may be gone again: without progress the round would repeat itself
    return kept if len(kept) < len(wanted) else kept[:-1]


# ---------------------------------------------------------------- looking back


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A counter that is not the sum of its ledger rows."""

    counter: Counter
    kept: Decimal
    ledger: Decimal


def reconcile(now: datetime | None = None, *, mend: bool = False) -> list[Mismatch]:
    """Compare every counter with the ledger. ``mend`` deletes those that differ: they are made anew from the ledger."""
    found = []
    for kept in SpendCounter.objects.filter(start__gte=(now or timezone.now()) - KEEP_COUNTERS):
        counter = Counter(0, kept.scope, kept.window, kept.start)
        if (ledger := counter.counted()) != kept.micros:
            found.append(Mismatch(counter, kept.micros * MICRO, ledger * MICRO))
            if mend:
                counter.row.delete()
    return found


def prune(now: datetime | None = None) -> int:
    """Delete old counters; one that is needed again is made from the ledger."""
    old = SpendCounter.objects.filter(start__lt=(now or timezone.now()) - KEEP_COUNTERS)
    return old.delete()[0]
