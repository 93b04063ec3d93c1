"""Slots and leases: who may work on which row. Every function is a few short statements, safe between processes.

A drain holds one slot row and refreshes it; each row it works on names it as ``lease_owner``. A drain whose slot ran
out is dead, and what it held goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.db.models import F

from tryon import ledger
from tryon.choices import Status
from tryon.conf import conf
from tryon.models import Batch, BatchStatus, EntryState, LedgerEntry, TryOnResult, WorkerSlot
from tryon.models.results import TryOnResultQuerySet
from tryon.providers import get_provider, provider_aliases
from tryon.providers.base import Provider
from tryon.runner import accounts, clock, crash, routing
from tryon.signals import money_refused, send_after_commit, send_each_after_commit, tryon_finished

BATCH = 200
LONG_AGO = timedelta(days=1)
ORPHANED = timedelta(minutes=10)
WITHOUT_MONEY = timedelta(seconds=30)  # until a row that a cap keeps waiting is looked at again
LONGEST_WAIT = 1.0  # seconds that what a limit said is believed: another process may have freed something
OWN, SHARE = 10, 20
BEGUN = [Status.SUBMITTING.value, Status.PROCESSING.value, Status.DELIVERING.value]


# ---------------------------------------------------------------- slots


def slot_names() -> list[str]:
    return [f"drain-{number}" for number in range(conf.DRAINS)]


def acquire_slot(owner: str, now: datetime) -> str | None:
    """A free slot, now ours; None when enough drains are running."""
    for name in slot_names():
        _ensure_slot(name, now)
        if WorkerSlot.objects.filter(name=name, until__lt=now).update(owner=owner, until=now + _lease()):
            return name
    return None


def heartbeat(slot: str, owner: str, now: datetime) -> bool:
    """False: we were taken for dead. Drop everything at once."""
    return bool(WorkerSlot.objects.filter(name=slot, owner=owner).update(until=now + _lease()))


def release_slot(slot: str, owner: str) -> None:
    WorkerSlot.objects.filter(name=slot, owner=owner).update(until=clock.now() - LONG_AGO, owner="")


def any_drain_alive(now: datetime) -> bool:
    return WorkerSlot.objects.filter(until__gt=now).exclude(owner="").exists()


def may_wake(now: datetime, *, interval: timedelta) -> bool:
    """True for one caller in each interval, over all processes: it is the one to ring."""
    name = slot_names()[0]
    _ensure_slot(name, now)
    return bool(WorkerSlot.objects.filter(name=name, woken_at__lt=now - interval).update(woken_at=now))


def _ensure_slot(name: str, now: datetime) -> None:
    if WorkerSlot.objects.filter(name=name).exists():
        return
    try:
        with transaction.atomic():
            # longer ago than a slot that was let go of: nobody has been here yet
            WorkerSlot.objects.create(name=name, until=now - 2 * LONG_AGO, woken_at=now - LONG_AGO)
    except IntegrityError:  # another process made it
        return


def _lease() -> timedelta:
    return timedelta(seconds=conf.LEASE_SECONDS)


# ---------------------------------------------------------------- rows


def shared_priority(place: int, *, patient: bool = False) -> int:
    """The priority of an owner's row when ``place`` of theirs wait already: many of one never keep the few of another.

    0 is for people who stand and wait; of more than ``OWN`` the rest queue with what is ``patient``, the shop's rows.
    """
    own = 0 if patient else OWN
    return 0 if place < own else min(30_000, 1 + (place - own) // SHARE)


def abandoned(now: datetime) -> TryOnResultQuerySet:
    """The rows of drains that are gone."""
    alive = WorkerSlot.objects.filter(until__gt=now).exclude(owner="").values("owner")
    return TryOnResult.objects.live().exclude(lease_owner="").exclude(lease_owner__in=alive)


def reap(now: datetime) -> int:
    """Give back the rows of drains that are gone."""
    return abandoned(now).update(lease_owner="", next_at=now)


def expire(now: datetime) -> int:
    """End the rows whose deadline passed while nobody worked on them, and those that stayed uncertain for too long.

    One that was being sent is not ended here: whoever takes it over says what is known about it.
    """
    waiting = [Status.QUEUED.value, Status.PROCESSING.value, Status.DELIVERING.value]
    late = TryOnResult.objects.live().filter(deadline_at__lte=now, lease_owner="", status__in=waiting)
    ended = 0
    for row in late.order_by("deadline_at")[:BATCH]:
        why = row.error_code if row.status == Status.QUEUED and row.error_code == "config" else "timed_out"
        ended += finish(row, Status.FAILED, unowned=True, error_code=why)
    unknown = TryOnResult.objects.filter(status=Status.UNCERTAIN.value)
    for row in unknown.filter(updated_at__lte=now - timedelta(hours=conf.UNCERTAIN_HOURS))[:BATCH]:
        ended += finish(row, Status.FAILED, unowned=True, error_code="timed_out")
    return ended


def finish(row: TryOnResult, status: Status, *, unowned: bool = False, **fields: Any) -> bool:
    """End a row from outside of a drain: its deadline, or somebody stopped it. The money follows.

    What was never sent is refunded; of what was, nobody knows (a drain that still hears of it may yet tell).
    """
    with transaction.atomic():
        rows = TryOnResult.objects.filter(pk=row.pk)
        found = rows.select_for_update().values_list("status", flat=True).first()
        entries = ledger.open_entries([row.pk])
        if not end(row, status, held_by="" if unowned else None, **fields):
            return False
        if found == Status.QUEUED:
            ledger.settle_all(
                ledger.Settlement(entry, EntryState.REFUNDED, reason="never sent") for entry in entries.values()
            )
        elif found != Status.UNCERTAIN:
            reason = f"ended while {found}: {fields.get('error_code', status)}"
            ledger.settle_all(
                ledger.Settlement(entry, EntryState.UNCERTAIN, reason=reason) for entry in entries.values()
            )
    return True


def end(result: TryOnResult, status: Status, *, held_by: str | None = None, **fields: Any) -> bool:
    """Move a row to a final status and tell the world, once."""
    with transaction.atomic():
        moved = TryOnResult.objects.filter(pk=result.pk).move(status, held_by=held_by, **fields)
        if moved:
            send_after_commit(tryon_finished, TryOnResult, result=result)
    return bool(moved)


@dataclass(slots=True)
class Claimed:
    """A row that is ours now. ``was`` is its status before: a row that was ``submitting`` lost its drain midway."""

    row: TryOnResult
    provider: Provider
    was: Status
    entry: LedgerEntry | None = None  # what is set aside for its call
    send_at: float = 0.0  # seconds since the epoch: not sooner


Room = Callable[[Provider, bool], int]  # how many rows of a provider may be taken; whether queued ones are meant


@dataclass(slots=True)
class Claims:
    """How many rows a claim brought, and for which aliases asking again makes no sense for so many seconds."""

    count: int = 0
    waits: dict[str, float] = field(default_factory=dict)


def claim(
    owner: str,
    now: datetime,
    room: Room,
    hold: Callable[[Claimed], None],
    *,
    closed: Collection[str] = (),
) -> Claims:
    """Take due rows and ``hold`` each. Provider by provider: one that is blocked or full never hides others' rows.

    Rows that are begun come first; then shoppers' before the shop's, then oldest first, as many as ``room``, its rate,
    its concurrency and the money allow. Providers in ``closed`` get nothing new.

    A queued row is ``submitting`` afterwards, with its ledger entry and the attempt counted: all committed before
    anything is sent. A row taken over from a dead drain keeps its status, which says what is known about it.
    """
    found = Claims()
    due = TryOnResult.objects.due(now)
    if not due.exists():  # the idle tick: one indexed query, no transaction
        return found
    routing.plan_unplanned(due)
    for alias in provider_aliases():
        try:
            provider = get_provider(alias)
        except ImproperlyConfigured:
            continue  # ``end_orphans`` sees to its rows
        if room(provider, False) <= 0 or not due.filter(provider=alias).exists():
            continue
        taken = _take_over(owner, due, provider, room(provider, False))
        for item in taken:
            hold(item)
        found.count += len(taken)
        if alias not in closed and room(provider, True) > 0:
            taken, wait = _take_fresh(owner, due, provider, room(provider, True), now)
            for item in taken:
                hold(item)
            found.count += len(taken)
            if wait:
                found.waits[alias] = wait
    return found


def end_orphans(now: datetime) -> int:
    """Rows whose provider is no longer in the settings: those that are begun can't go on; the others get another."""
    orphans = TryOnResult.objects.due(now).exclude(provider__in=["", *provider_aliases()])
    orphans.filter(status=Status.QUEUED.value, pinned=False).update(provider="")
    ended = 0
    # not at once: while a deploy rolls, the settings of others may have it already
    for row in orphans.filter(next_at__lte=now - ORPHANED).exclude(provider="")[:BATCH]:
        status = Status.UNCERTAIN if row.status == Status.SUBMITTING else Status.FAILED
        ended += finish(row, status, unowned=True, error_code="config", error_detail="its provider is not in PROVIDERS")
    return ended


def _rows(rows: TryOnResultQuerySet, limit: int) -> list[TryOnResult]:
    # of=self: the related rows are read, not locked
    locked = rows.select_for_update(skip_locked=True, of=("self",))
    related = locked.select_related("garment", "photo", "preset_model", "consent", "batch", "source")
    return list(related.order_by("priority", "next_at")[: min(limit, BATCH)])


def _take_over(owner: str, due: TryOnResultQuerySet, provider: Provider, limit: int) -> list[Claimed]:
    """Rows that a drain before us has begun. What may run out comes first."""
    begun = due.filter(provider=provider.alias, status__in=BEGUN)
    if not begun.exists():
        return []
    with transaction.atomic():
        rows = _rows(begun, limit)
        entries = ledger.open_entries(row.pk for row in rows) if provider.paid else {}
        mine = TryOnResult.objects.filter(pk__in=[row.pk for row in rows])
        if not provider.paid:  # will be sent again, unless it has killed its workers too often
            again = mine.filter(status=Status.SUBMITTING.value, attempts__lt=conf.MAX_ATTEMPTS)
            again.update(attempts=F("attempts") + 1, started_at=clock.now())
        mine.update(lease_owner=owner)
    return [Claimed(row, provider, Status(row.status), entries.get(row.pk)) for row in rows]


def _take_fresh(
    owner: str, due: TryOnResultQuerySet, provider: Provider, limit: int, now: datetime
) -> tuple[list[Claimed], float]:
    """Queued rows, each with a time to be sent at and its money. Also how long until there is room for more."""
    waiting = due.filter(provider=provider.alias, status=Status.QUEUED.value)
    with transaction.atomic():
        account, wait = None, 0.0
        times = [0.0] * min(limit, BATCH)
        if accounts.is_limited(provider):
            account = accounts.lock(provider.alias)
            standing = accounts.standing(account, now)
            if standing.until and standing.until > now:
                return [], 0.0
            times, wait = accounts.free_times(account, provider, len(times), now)
            if not times:
                return [], min(wait, LONGEST_WAIT)
        rows = _wanted(_rows(waiting, len(times)))
        entries = _funded(rows, provider, now)
        rows = [row for row in rows if not provider.paid or row.pk in entries]
        if account is not None:
            accounts.keep_times(account, provider, times[: len(rows)])
        TryOnResult.objects.filter(pk__in=[row.pk for row in rows]).move(
            Status.SUBMITTING, provider_job_id="", attempts=F("attempts") + 1, started_at=clock.now(), lease_owner=owner
        )
    crash.point("claimed")
    taken = zip(rows, times, strict=False)
    return [Claimed(row, provider, Status.QUEUED, entries.get(row.pk), when) for row, when in taken], 0.0


def _wanted(rows: list[TryOnResult]) -> list[TryOnResult]:
    """Without those whose batch was canceled while they were in a drain that put them back since."""
    canceled = [row for row in rows if row.batch and row.batch.status == BatchStatus.CANCELED]
    for row in canceled:
        finish(row, Status.CANCELED, unowned=True, error_code="canceled")
    return [row for row in rows if row not in canceled]


def _funded(rows: list[TryOnResult], provider: Provider, now: datetime) -> dict[UUID, LedgerEntry]:
    """The open ledger entry of each row. One that no money is left for waits, and nothing fails."""
    if not provider.paid:
        return {}
    entries = ledger.open_entries(row.pk for row in rows)
    missing = [row for row in rows if row.pk not in entries]
    entries |= ledger.reserve_all(missing, provider, now=now)
    broke = {row.pk for row in missing if row.pk not in entries}
    TryOnResult.objects.filter(pk__in=broke).update(next_at=now + WITHOUT_MONEY)
    limited = {row.batch_id for row in missing if row.pk in broke and row.batch and row.batch.max_cost is not None}
    send_each_after_commit(money_refused, Batch, [{"batch_id": key} for key in limited])
    return entries


def give_back(owner: str, unsent: list[TryOnResult]) -> None:
    """At the end of a drain: what can go on elsewhere is free at once.

    A row that was sent and not answered keeps its lease: only the end of the lease says that nobody will hear it.
    """
    now = clock.now()
    held = TryOnResult.objects.filter(lease_owner=owner)
    held.filter(status__in=[Status.PROCESSING, Status.DELIVERING]).update(lease_owner="", next_at=now)
    put_back(owner, unsent, now)


def put_back_unknown(owner: str, known: Collection[UUID]) -> None:
    """Rows that are ours by the database and that we never got: their claim was written, its answer lost."""
    mine = TryOnResult.objects.live().filter(lease_owner=owner)
    lost = [row for row in mine.only("pk", "status") if row.pk not in known]
    put_back(owner, lost, clock.now())
    others = mine.filter(pk__in=[row.pk for row in lost], status__in=[Status.PROCESSING, Status.DELIVERING])
    others.update(lease_owner="", next_at=clock.now())


def put_back(owner: str, unsent: list[TryOnResult], when: datetime) -> None:
    """Claimed and surely not sent: queued again, with what was set aside for them."""
    held = TryOnResult.objects.filter(lease_owner=owner, pk__in=[row.pk for row in unsent])
    held.move(Status.QUEUED, lease_owner="", attempts=F("attempts") - 1, next_at=when)
