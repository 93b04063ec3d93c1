"""What happened to one try-on: its steps, its attempts, its money, and what to quote to the provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.words import duration
from tryon.choices import Status
from tryon.models import FINAL, EntryState, LedgerEntry, TryOnOutput, TryOnResult
from tryon.studio.money import money

MONEY = {
    EntryState.RESERVED: gettext_lazy("set aside, %(amount)s"),
    EntryState.COMMITTED: gettext_lazy("charged, %(amount)s"),
    EntryState.REFUNDED: gettext_lazy("refunded, %(amount)s"),
    EntryState.UNCERTAIN: gettext_lazy("not known, %(amount)s at stake"),
}


@dataclass(frozen=True, slots=True)
class Step:
    words: str
    when: datetime
    gap: str  # how long after the step before
    note: str


@dataclass(frozen=True, slots=True)
class Story:
    steps: Sequence[Step]
    facts: Sequence[tuple[str, str]]
    money: Sequence[tuple[str, datetime, str]]  # provider, when, what became of it


def story(row: TryOnResult, *, spend: bool, blind: bool = False) -> Story:
    """One query for the money, and none for who may not see it. ``blind``: nothing that tells who makes it."""
    if blind:
        return Story([step for step in _steps(row) if step.when == row.created_at], [], [])
    entries = list(LedgerEntry.objects.filter(result_id=row.pk).order_by("created_at", "pk")) if spend else []
    return Story(list(_steps(row)), list(_facts(row)), list(_money(entries)))


def _steps(row: TryOnResult) -> Iterator[Step]:
    polls = ngettext("asked %(number)d time", "asked %(number)d times", row.polls) % {"number": row.polls}
    saved = next(iter(row.outputs.all()), None)
    steps = [
        (_("Requested"), row.created_at, ""),
        (_("Taken by a worker"), row.started_at, _tried(row)),
        (_("Answered by the provider"), row.submitted_at, polls if row.polls else ""),
        (_("A webhook said that it is done"), row.hinted_at, ""),
        (_("Finished"), row.finished_at, _saved(saved) if saved else ""),
    ]
    before: datetime | None = None
    for words, when, note in steps:
        if when is not None:
            yield Step(words, when, f"+{duration(when - before)}" if before and when >= before else "", note)
            before = when


def _tried(row: TryOnResult) -> str:
    return _("attempt %(number)d") % {"number": row.attempts} if row.attempts > 1 else ""


def _saved(output: TryOnOutput) -> str:
    return _("saved, %(width)d × %(height)d") % {"width": output.width, "height": output.height}


def _facts(row: TryOnResult) -> Iterator[tuple[str, str]]:
    if row.provider_job_id:
        yield _("Request id to quote to the provider"), row.provider_job_id
    if row.status not in FINAL:
        if row.lease_owner:
            yield _("In the hands of"), row.lease_owner
        if row.status != Status.UNCERTAIN:
            left = row.deadline_at - timezone.now()
            words = _("in %(time)s") % {"time": duration(left)} if left.total_seconds() > 0 else _("now")
            yield _("Given up"), words


def _money(entries: Sequence[LedgerEntry]) -> Iterator[tuple[str, datetime, str]]:
    for entry in entries:
        words = str(MONEY[EntryState(entry.state)]) % {"amount": money(entry.amount)}
        yield entry.provider, entry.created_at, f"{words} ({entry.reason})" if entry.reason else words
