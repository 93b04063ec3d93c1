"""What is in progress in a list, and whether anybody works on it."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon import tasks
from tryon.admin.words import duration
from tryon.models import LIVE, TryOnResult, WorkerSlot
from tryon.runner import accounts
from tryon.runner.claim import LONG_AGO, any_drain_alive

if TYPE_CHECKING:
    from datetime import datetime

PATIENCE = timedelta(seconds=10)


class Watched:
    """Counts of the rows of a list. Looking also rings for a worker when something waits, as the shoppers' pages do."""

    def __init__(self, rows: QuerySet[TryOnResult]) -> None:
        plain = rows.order_by().select_related(None).prefetch_related(None)
        self.counts: dict[str, int] = dict(plain.values_list("status").annotate(number=Count("pk")))
        if self.running:
            tasks.nudge()

    @property
    def running(self) -> int:
        return sum(self.counts.get(status, 0) for status in LIVE)

    @property
    def words(self) -> str:
        """ "5 in progress"."""
        words = ngettext("%(number)d in progress", "%(number)d in progress", self.running)
        return words % {"number": self.running}

    @cached_property
    def no_worker(self) -> str:
        return no_worker(timezone.now()) if self.running else ""


def held_up(now: datetime) -> dict[str, str]:
    """Providers that may not be called just now, and why."""
    known = accounts.standings(now)
    return {alias: one.because for alias, one in known.items() if one.until is not None and one.until > now}


def no_worker(now: datetime, known: dict[str, str] | None = None) -> str:
    """A warning when rows wait and nobody comes for them. ``known``: who is held up, where that was asked already."""
    if any_drain_alive(now):
        return ""
    held = held_up(now) if known is None else known
    due = TryOnResult.objects.due(now).exclude(provider__in=held)  # no worker could do anything for those
    oldest: datetime | None = due.aggregate(oldest=Min("next_at"))["oldest"]
    silent = now - max(oldest, left_at() or oldest) if oldest else timedelta(0)
    return _("No worker seen for %(time)s.") % {"time": duration(silent)} if silent >= PATIENCE else ""


def left_at() -> datetime | None:
    """When the last drain let go of its slot. One that has nothing to send yet ends, and is rung for again."""
    last: datetime | None = WorkerSlot.objects.filter(owner="").aggregate(last=Max("until"))["last"]
    return last + LONG_AGO if last else None
