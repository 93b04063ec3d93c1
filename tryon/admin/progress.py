"""How far a set of shots is, and whether anybody works on it."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon import tasks
from tryon.admin.words import duration
from tryon.choices import Status
from tryon.models import LIVE, TryOnResult
from tryon.runner.claim import any_drain_alive

if TYPE_CHECKING:
    from datetime import datetime

PATIENCE = timedelta(seconds=10)


class Watched:
    """Counts of the rows of a list. ``whole``: the list is one run, so that "7 of 12" says something.

    Looking also rings for a worker when something waits, as the shoppers' pages do.
    """

    def __init__(self, rows: QuerySet[TryOnResult], *, whole: bool) -> None:
        self.whole = whole
        plain = rows.order_by().select_related(None).prefetch_related(None)
        self.counts: dict[str, int] = dict(plain.values_list("status").annotate(number=Count("pk")))
        if self.running:
            tasks.nudge()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def running(self) -> int:
        return sum(self.counts.get(status, 0) for status in LIVE)

    @property
    def finished(self) -> int:
        return self.total - self.running

    @property
    def waiting(self) -> int:
        return self.counts.get(Status.QUEUED, 0)

    @property
    def words(self) -> str:
        """Of a run: "7 of 12 finished: 6 ready, 1 failed". Of any other list: "5 shots in progress"."""
        if not self.whole:
            words = ngettext("%(number)d in progress", "%(number)d in progress", self.running)
            return words % {"number": self.running}
        ended = _("%(finished)d of %(total)d finished") % {"finished": self.finished, "total": self.total}
        return f"{ended}: {self.outcomes}" if self.outcomes else ended

    @property
    def outcomes(self) -> str:
        failed = self.counts.get(Status.FAILED, 0) + self.counts.get(Status.BLOCKED, 0)
        parts = [
            (_("%(number)d ready"), self.counts.get(Status.SUCCEEDED, 0)),
            (_("%(number)d failed"), failed),
            (_("%(number)d cancelled"), self.counts.get(Status.CANCELED, 0)),
            (_("%(number)d unknown"), self.counts.get(Status.UNCERTAIN, 0)),
        ]
        return ", ".join(words % {"number": number} for words, number in parts if number)

    @cached_property
    def no_worker(self) -> str:
        """A warning when rows wait and nobody comes for them."""
        now = timezone.now()
        if not self.running or any_drain_alive(now):
            return ""
        oldest: datetime | None = TryOnResult.objects.due(now).aggregate(oldest=Min("next_at"))["oldest"]
        if oldest is None or now - oldest < PATIENCE:
            return ""
        return _("No worker seen for %(time)s.") % {"time": duration(now - oldest)}
