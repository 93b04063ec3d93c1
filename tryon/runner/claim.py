"""Slots and leases: who may work on which row. Every function is a few short statements, safe between processes.

A drain holds one slot row and refreshes it; each row it works on names it as ``lease_owner``. A drain whose slot ran
out is dead, and what it held goes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from tryon.choices import Category, Operation, Status
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.models import TryOnResult, WorkerSlot
from tryon.providers import get_provider
from tryon.providers.base import Provider
from tryon.runner.routing import candidates
from tryon.signals import send_after_commit, tryon_finished

BATCH = 200
LONG_AGO = timedelta(days=1)


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
    WorkerSlot.objects.filter(name=slot, owner=owner).update(until=timezone.now() - LONG_AGO, owner="")


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
            WorkerSlot.objects.create(name=name, until=now - LONG_AGO, woken_at=now - LONG_AGO)
    except IntegrityError:  # another process made it
        return


def _lease() -> timedelta:
    return timedelta(seconds=conf.LEASE_SECONDS)


# ---------------------------------------------------------------- rows


def reap(now: datetime) -> int:
    """Give back the rows of drains that are gone."""
    alive = WorkerSlot.objects.filter(until__gt=now).exclude(owner="").values("owner")
    held = TryOnResult.objects.live().exclude(lease_owner="")
    return held.exclude(lease_owner__in=alive).update(lease_owner="", next_at=now)


def expire(now: datetime) -> int:
    """End the rows whose deadline passed while nobody worked on them."""
    late = TryOnResult.objects.live().filter(deadline_at__lte=now, lease_owner="")
    ended = 0
    for result in late[:BATCH]:
        ended += end(result, Status.FAILED, held_by="", error_code="timed_out")
    return ended


def end(result: TryOnResult, status: Status, *, held_by: str | None = None, **fields: Any) -> bool:
    """Move a row to a final status and tell the world, once."""
    with transaction.atomic():
        moved = TryOnResult.objects.filter(pk=result.pk).move(status, held_by=held_by, **fields)
        if moved:
            send_after_commit(tryon_finished, TryOnResult, result=result)
    return bool(moved)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours now. ``was`` is its status before: a row that was ``submitting`` lost its drain midway."""

    row: TryOnResult
    provider: Provider
    was: Status


def claim(owner: str, now: datetime, has_room: Callable[[Provider], bool]) -> list[Claimed]:
    """Take due rows, shoppers' before the shop's, then oldest first, as far as there is room.

    ``has_room(provider)`` is asked once for each row and may count.

    A queued row is ``submitting`` afterwards, with its provider chosen and the attempt counted: all committed before
    anything is sent. A row taken over from a dead drain keeps its status, which says what is known about it.
    """
    due = TryOnResult.objects.due(now)
    if not due.exists():  # the idle tick: one indexed query, no transaction
        return []
    claimed = []
    with transaction.atomic():
        # of=self: the related rows are read, not locked
        locked = due.select_for_update(skip_locked=True, of=("self",))
        for row in locked.select_related("garment", "photo", "preset_model", "consent").order_by("priority", "next_at")[
            :BATCH
        ]:
            verdict = _judge(row)
            if isinstance(verdict, TryOnError):
                end(row, Status.FAILED, error_code=verdict.code, error_detail=verdict.detail)
            elif has_room(verdict):
                claimed.append(Claimed(row, verdict, Status(row.status)))
        _take(owner, claimed)
    return claimed


def _judge(row: TryOnResult) -> Provider | TryOnError:
    """Who may go on with this row, or why nobody can."""
    if row.status in (Status.QUEUED, Status.SUBMITTING) and row.attempts >= conf.MAX_ATTEMPTS:
        return TryOnError("worker_died", f"{row.attempts} attempts without an outcome")
    if row.status != Status.QUEUED:  # already begun: only the one that has it can go on
        try:
            return get_provider(row.provider)
        except ImproperlyConfigured as error:
            return TryOnError("config", str(error))
    allowed = row.consent.providers if row.consent else None
    found = candidates(Operation(row.operation), Category(row.garment.category), allowed=allowed)
    return found[0] if found else TryOnError("provider_down", "no provider that may be used is ready")


def _take(owner: str, claimed: list[Claimed]) -> None:
    """A few UPDATEs, however many rows."""
    now = timezone.now()
    fresh: dict[str, list[UUID]] = defaultdict(list)
    for item in claimed:
        if item.was == Status.QUEUED:
            fresh[item.provider.alias].append(item.row.pk)
    for alias, pks in fresh.items():
        TryOnResult.objects.filter(pk__in=pks).move(
            Status.SUBMITTING,
            provider=alias,
            provider_job_id="",
            attempts=F("attempts") + 1,
            started_at=now,
            lease_owner=owner,
        )
    again = TryOnResult.objects.filter(pk__in=[item.row.pk for item in claimed if item.was == Status.SUBMITTING])
    again.update(lease_owner=owner, attempts=F("attempts") + 1, started_at=now)
    begun = [item.row.pk for item in claimed if item.was not in (Status.QUEUED, Status.SUBMITTING)]
    TryOnResult.objects.filter(pk__in=begun).update(lease_owner=owner)


def give_back(owner: str, unsent: list[TryOnResult]) -> None:
    """At the end of a drain: what can go on elsewhere is free at once.

    A row that was sent and not answered keeps its lease: only the end of the lease says that nobody will hear it.
    """
    now = timezone.now()
    held = TryOnResult.objects.filter(lease_owner=owner)
    held.filter(status__in=[Status.PROCESSING, Status.DELIVERING]).update(lease_owner="", next_at=now)
    held.filter(pk__in=[row.pk for row in unsent]).move(
        Status.QUEUED, lease_owner="", attempts=F("attempts") - 1, next_at=now
    )
