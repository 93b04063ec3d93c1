"""Asking once more: for what failed, or for another picture, with a note of what should be different.

A row is never begun anew: a new one takes its place (``again_of``), in the batch of its forerunner and first in line.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon import tasks
from tryon.choices import Operation
from tryon.errors import TryOnError
from tryon.models import Batch, BatchStatus, TryOnResult
from tryon.providers import get_provider
from tryon.runner import routing
from tryon.studio.batches import DEADLINE, FAILED, OVER, insert
from tryon.studio.briefs import CHUNK, with_words
from tryon.studio.log import log
from tryon.studio.money import money
from tryon.studio.prices import total_price

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def failed(batch: Batch) -> QuerySet[TryOnResult]:
    """The failed rows that were not begun anew since."""
    again = TryOnResult.objects.filter(again_of=OuterRef("pk"))
    return batch.results.filter(~Exists(again), status__in=FAILED)


def retry_price(batch: Batch) -> tuple[int, Decimal]:
    """(how many pictures, what they cost at most) of ``retry_failed``."""
    return total_price(failed(batch))


def retry_failed(batch: Batch, *, user: User | None) -> int:
    """Ask once more for everything that failed: how many pictures that are."""
    made = 0
    while rows := list(failed(batch).select_related("garment")[:CHUNK]):
        made += len(make_again(rows, user=user))
    return made


def make_again(rows: Iterable[TryOnResult], *, user: User | None, note: str = "") -> list[TryOnResult]:
    """New rows like these, each in the batch of its forerunner, first in line. ``note``: what should be different.

    Raises TryOnError("garment_unsuitable") for a garment that is switched off.
    """
    rows = list(rows)
    fresh = [_again(row, user, note) for row in rows]
    batches = {row.batch_id: row.batch for row in fresh if row.batch}
    with transaction.atomic():
        for batch in batches.values():
            _reopen(batch)
        paused = {key for key, batch in batches.items() if batch.status == BatchStatus.PAUSED.value}
        now = timezone.now()
        for row in fresh:
            row.next_at = None if row.batch_id in paused else now
        insert(fresh)
        _number, most = total_price(TryOnResult.objects.filter(pk__in=[row.pk for row in fresh]))
        log(user, rows, _again_words(note, most))
        transaction.on_commit(tasks.wake)
    return fresh


def _again_words(note: str, most: Decimal) -> str:
    words = _("Asked for once more.") if not note else _("Asked for once more: “%(note)s”.") % {"note": note}
    return f"{words} {_('Together at most %(amount)s.') % {'amount': money(most)}}"


def _again(row: TryOnResult, user: User | None, note: str) -> TryOnResult:
    if not row.garment.active:
        raise TryOnError("garment_unsuitable", f"{row.garment} is switched off")
    now = timezone.now()
    return TryOnResult(
        operation=row.operation,
        batch=row.batch or _own_batch(row, user),
        requested_by=user,
        garment=row.garment,
        preset_model=row.preset_model,
        options=_noted(row, note),
        source=row.source,
        mask=row.mask,
        again_of=row,
        note=note[:500] or row.note,
        provider=_maker(row),
        pinned=row.pinned,
        priority=1,
        deadline_at=now + DEADLINE,
    )


def _maker(row: TryOnResult) -> str:
    """The same as before, unless it failed and somebody else may do it: then whoever is in better health."""
    if row.pinned or row.status not in FAILED:
        return row.provider
    found = routing.by_health(routing.candidates_for(row), timezone.now())
    return found[0].alias if found else ""


def _own_batch(row: TryOnResult, user: User | None) -> Batch:
    """For a row that was made before there were batches."""
    return Batch.objects.create(
        name=_("Made again"), operation=row.operation, created_by=user, status=BatchStatus.RUNNING.value
    )


def _noted(row: TryOnResult, note: str) -> dict[str, Any]:
    """The row's options with the note, where its provider can be told; a seed goes, it would give the same picture."""
    options = {name: value for name, value in row.options.items() if name != "seed"}
    try:
        provider = get_provider(row.provider)
        told = with_words(provider, Operation(row.operation), options, note) if note else None
    except (ImproperlyConfigured, TryOnError):
        told = None
    return options if told is None else told


def can_be_told(row: TryOnResult) -> bool:
    """Whether a note reaches the one who makes the picture."""
    try:
        return with_words(get_provider(row.provider), Operation(row.operation), {}, "x") is not None
    except (ImproperlyConfigured, TryOnError):
        return False


def _reopen(batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk, status__in=OVER).update(status=BatchStatus.RUNNING.value, finished_at=None)
    batch.refresh_from_db()
