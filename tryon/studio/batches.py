"""Batches: from a plan to queued rows, and what can be done with them while they run.

    batch = create(plan, user=user)          rows are written, then released to the runner
    pause / resume / cancel                  over in a moment; at most the pictures just being made are finished
    progress(batch)                          counts, time left, money

    DRAFT -> RUNNING <-> PAUSED -> DONE | CANCELED;   a batch that gets new rows runs again

A queued row of a paused batch has no ``next_at``: no runner sees it. Rows of a long batch have a growing ``priority``
number, so that a small batch that comes later is not kept waiting for the end of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon import ledger, tasks
from tryon.choices import Status
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.models import LIVE, Batch, BatchStatus, TryOnOutput, TryOnResult
from tryon.runner.claim import shared_priority
from tryon.runner.history import usual_latency
from tryon.signals import send_after_commit, tryon_finished, tryon_requested
from tryon.studio.briefs import CHUNK, Brief
from tryon.studio.log import log
from tryon.studio.money import money
from tryon.studio.plans import Plan, Unit
from tryon.studio.prices import price_of, total_price

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tryon.models import Garment

DEADLINE = timedelta(days=3)  # nobody stands and waits; a long batch may take its time
RATE_WINDOW = timedelta(minutes=2)  # how far back the speed of a batch is measured
FAILED = (Status.FAILED, Status.BLOCKED)
BUSY = (Status.SUBMITTING, Status.PROCESSING, Status.DELIVERING)
OVER = (BatchStatus.DONE.value, BatchStatus.CANCELED.value)


# ---------------------------------------------------------------- making one


def create(
    plan: Plan,
    *,
    user: User | None,
    name: str = "",
    key: uuid.UUID | None = None,
    max_cost: Decimal | None = None,
    blind: bool = False,
    first_only: bool = False,
) -> Batch:
    """Write all rows of a plan and let them run.

    ``key``: the same key twice gives the same batch. ``first_only``: the pictures of one product are made, the others
    wait as a paused batch. Raises TryOnError("invalid") when there is nothing to make or a provider would refuse its
    options.
    """
    plan.check()
    quote = plan.quote()
    if not quote.shots:
        raise TryOnError("invalid", "nothing to make")
    batch, made = Batch.objects.get_or_create(
        pk=key or uuid.uuid4(),
        defaults={
            "name": name[:200],
            "operation": plan.brief.operation.value,
            "brief": plan.brief.as_json(),
            "blind": blind,
            "total": quote.shots,
            "quoted_low": quote.least,
            "quoted_high": quote.most,
            "max_cost": max_cost,
            "created_by": user,
        },
    )
    if not made:
        return batch
    try:
        _fill(batch, plan, user)
    except BaseException:  # also Ctrl-C: half a batch is nothing that anybody ordered
        batch.delete()
        raise
    log(user, [batch], order_words(plan.brief, plan, quote.shots, quote.most), new=True)
    if not (first_only and _try_first(batch)):
        _go_on(batch)
    return batch


def order_words(brief: Brief, plan: Plan, shots: int, most: Decimal) -> str:
    makers = dict.fromkeys(unit.provider.alias for units in plan.units.values() for unit in units)
    models = [preset.name for preset in plan.presets]
    if brief.generated:
        models.append(_("models made up by the provider"))
    words = _("%(shots)d shots ordered with %(models)s. Made by: %(makers)s. At most %(amount)s.")
    return words % {
        "shots": shots,
        "models": ", ".join(models),
        "makers": ", ".join(makers),
        "amount": money(most),
    }


def _fill(batch: Batch, plan: Plan, user: User | None) -> None:
    rows = (new_row(batch, garment, unit, user=user) for garment, _reason, units in plan.rows() for unit in units)
    for number, some in enumerate(_chunks(rows)):
        for place, row in enumerate(some, start=number * CHUNK):
            row.priority = shared_priority(place, patient=True)
        insert(some)


def _chunks(rows: Iterator[TryOnResult]) -> Iterator[list[TryOnResult]]:
    while some := list(islice(rows, CHUNK)):
        yield some


def insert(rows: Sequence[TryOnResult]) -> None:
    with transaction.atomic():
        TryOnResult.objects.bulk_create(rows)
        for row in rows:
            send_after_commit(tryon_requested, TryOnResult, result=row)


def new_row(batch: Batch, garment: Garment, unit: Unit, *, user: User | None) -> TryOnResult:
    """Unsaved, and not yet visible to a runner."""
    now = timezone.now()
    return TryOnResult(
        operation=batch.operation,
        batch=batch,
        requested_by=user,
        garment=garment,
        preset_model=unit.preset,
        options=dict(unit.options),
        note=unit.theme,
        provider=unit.provider.alias,
        pinned=unit.pinned,
        priority=1,
        next_at=None,
        deadline_at=now + DEADLINE,
        created_at=now,
        updated_at=now,
    )


# ---------------------------------------------------------------- running, pausing, stopping


def queued(batch: Batch) -> QuerySet[TryOnResult]:
    return batch.results.filter(status=Status.QUEUED, lease_owner="")


def held(batch: Batch) -> QuerySet[TryOnResult]:
    """The rows of a paused batch that no runner sees."""
    return queued(batch).filter(next_at=None)


def _try_first(batch: Batch) -> bool:
    """Let everything of the first product be made. False when there is no other."""
    rows = batch.results.order_by("priority", "created_at", "id")
    first = batch.results.filter(garment=rows.values_list("garment", flat=True)[:1])
    if first.count() == batch.results.count():
        return False
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.PAUSED.value)
        _release(first)
        transaction.on_commit(tasks.wake)
    batch.refresh_from_db()
    return True


def _release(rows: QuerySet[TryOnResult]) -> None:
    now = timezone.now()
    rows.update(next_at=now, deadline_at=now + DEADLINE, updated_at=now)


def resume(batch: Batch, *, user: User | None) -> bool:
    """Let the waiting rows run. False when there was nothing to resume."""
    number, most = total_price(held(batch))
    with transaction.atomic():
        if not _go_on(batch):
            return False
        words = _("Resumed: %(number)d shots, at most %(amount)s.")
        log(user, [batch], words % {"number": number, "amount": money(most)})
    return True


def _go_on(batch: Batch) -> bool:
    with transaction.atomic():
        waiting = [BatchStatus.DRAFT.value, BatchStatus.PAUSED.value]
        moved = Batch.objects.filter(pk=batch.pk, status__in=waiting).update(
            status=BatchStatus.RUNNING.value, paused_because="", finished_at=None
        )
        if moved:
            _release(held(batch))
            transaction.on_commit(tasks.wake)
    batch.refresh_from_db()
    finish(batch.pk)
    return bool(moved)


def pause(batch: Batch, *, user: User | None, because: str = "") -> bool:
    """Hold back what is not being made yet."""
    with transaction.atomic():
        moved = Batch.objects.filter(pk=batch.pk, status=BatchStatus.RUNNING.value).update(
            status=BatchStatus.PAUSED.value, paused_because=because
        )
        if moved:
            queued(batch).update(next_at=None)
            log(user, [batch], _("Paused: it has spent what it may.") if because else _("Paused."))
    batch.refresh_from_db()
    return bool(moved)


def cancel(batch: Batch, *, user: User | None) -> int:
    """Stop what is not being made yet; how many pictures that were. Nothing was paid for them."""
    with transaction.atomic():
        open_ones = Batch.objects.filter(pk=batch.pk).exclude(status__in=OVER)
        if not open_ones.update(status=BatchStatus.CANCELED.value, finished_at=timezone.now()):
            return 0
        queued(batch).update(next_at=None)  # no runner takes one from here on
    _number, most = total_price(queued(batch))
    stopped = 0
    while rows := list(queued(batch).select_related("garment")[:CHUNK]):
        with transaction.atomic():
            keys = [row.pk for row in rows]
            moved = TryOnResult.objects.filter(pk__in=keys, lease_owner="").filter(status=Status.QUEUED)
            ledger.release(moved, "canceled")
            stopped += moved.move(Status.CANCELED, error_code="canceled")
            for row in rows:
                send_after_commit(tryon_finished, TryOnResult, result=row)
    words = _("Cancelled: %(number)d shots were not made, at most %(amount)s were not spent.")
    log(user, [batch], words % {"number": stopped, "amount": money(most)})
    batch.refresh_from_db()
    return stopped


def change_limit(batch: Batch, amount: Decimal | None, *, user: User | None) -> None:
    """Let it spend more, or less, from here on."""
    Batch.objects.filter(pk=batch.pk).update(max_cost=amount)
    words = _("May spend %(amount)s.") % {"amount": _("any amount") if amount is None else money(amount)}
    log(user, [batch], words)
    batch.refresh_from_db()


def waits_for_money(batch: Batch) -> ledger.Room | None:
    """The cap that keeps the rest of a running batch waiting; None when nothing does."""
    if batch.status != BatchStatus.RUNNING.value or not (conf.CAPS or batch.max_cost is not None):
        return None
    row = queued(batch).exclude(provider="").only("provider", "operation", "options", "batch").first()
    if row is None:
        return None
    room = ledger.room(provider=row.provider, batch=batch)
    return None if room.takes(price_of(row)) else room


def is_own_limit(room: ledger.Room) -> bool:
    return room.cap.startswith("batch")


def pause_at_limit(batch: Batch) -> bool:
    """Pause a batch that has reached its own limit: only a higher one lets it go on.

    While something is being made it may yet fail, and leave its money to another picture.
    """
    room = waits_for_money(batch)
    if room is None or not is_own_limit(room) or batch.results.filter(status__in=BUSY).exists():
        return False
    return pause(batch, user=None, because="limit")


def finish(batch_id: uuid.UUID) -> bool:
    """Close a batch of which no row is open any more."""
    live = TryOnResult.objects.filter(batch=OuterRef("pk"), status__in=LIVE)
    over = Batch.objects.filter(pk=batch_id, status__in=[BatchStatus.RUNNING.value, BatchStatus.PAUSED.value])
    return bool(over.filter(~Exists(live)).update(status=BatchStatus.DONE.value, finished_at=timezone.now()))


# ---------------------------------------------------------------- how far it is


@dataclass(frozen=True, slots=True)
class Progress:
    """``counts`` by status, of the rows that count: one that failed and was begun anew is counted once.

    ``eta_seconds`` None: over, paused, or not known yet. ``spent`` is paid, ``reserved`` set aside for what runs.
    """

    counts: dict[str, int]
    rows: int  # with those that were begun anew
    eta_seconds: int | None
    spent: Decimal
    reserved: Decimal

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def running(self) -> int:
        return sum(self.counts.get(status, 0) for status in LIVE)

    @property
    def finished(self) -> int:
        return self.total - self.running


def progress(batch: Batch, now: datetime | None = None) -> Progress:
    now = now or timezone.now()
    again = TryOnResult.objects.filter(again_of=OuterRef("pk"))
    since = max(now - RATE_WINDOW, batch.created_at)
    numbers = (
        batch.results.order_by()
        .values_list("status")
        .annotate(
            n=Count("pk"),
            anew=Count("pk", filter=Q(Q(status__in=FAILED), Exists(again))),
            late=Count("pk", filter=Q(finished_at__gte=since) & ~Q(status=Status.CANCELED)),
        )
    )
    counts, every, ended = {}, 0, 0
    for status, number, anew, late in numbers:
        if number > anew:
            counts[status] = number - anew
        every, ended = every + number, ended + late
    money_spent = ledger.spent(batch=batch)
    left = sum(counts.get(status, 0) for status in LIVE)
    eta = _eta(batch, left, ended, now - since) if left and batch.status == BatchStatus.RUNNING.value else None
    return Progress(counts, every, eta, money_spent.total, money_spent.reserved)


def _eta(batch: Batch, left: int, ended: int, time: timedelta) -> int | None:
    """From its own speed of late; before the first picture, from what the provider usually takes."""
    if ended:
        return max(1, round(left * max(1.0, time.total_seconds()) / ended))
    usual = usual_latency(_likely_provider(batch), batch.operation)
    return None if usual is None else max(1, round(usual))


def _likely_provider(batch: Batch) -> str:
    return batch.results.exclude(provider="").values_list("provider", flat=True).first() or ""


def outputs(batch: Batch) -> QuerySet[TryOnOutput]:
    return TryOnOutput.objects.filter(result__batch=batch)
