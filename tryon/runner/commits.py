"""What was decided, written in group commits: each move fenced by our lease, its money in the same transaction."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from tryon import ledger
from tryon.choices import Status
from tryon.errors import DATABASE_AWAY
from tryon.models import FINAL, EntryState, LedgerEntry, TryOnOutput, TryOnResult
from tryon.models.bulk import in_rounds
from tryon.models.results import move_each
from tryon.providers.base import Provider
from tryon.runner import clock, crash
from tryon.runner.delivery import Stored, discard, outputs_of
from tryon.runner.steps import Job
from tryon.signals import send_each_after_commit, tryon_finished

logger = logging.getLogger("tryon.runner")

LINGER_SECONDS = 0.02  # outcomes that arrive together are written together
COMMIT_SIZE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One decided move. ``renew``: the call was not paid, and there will be another: by whom and why.

    ``answers``: this is the answer to a submit; it counts even when our lease has run out meanwhile.
    """

    job: Job
    status: Status
    fields: dict[str, Any] = field(default_factory=dict)
    stored: tuple[Stored, ...] = ()
    money: EntryState | None = None
    credits: float | None = None
    reason: str = ""
    renew: tuple[Provider, str] | None = None
    answers: bool = False
    entry: LedgerEntry | None = None
    held: bool = True  # False: an uncertain row, which nobody holds
    then: float | None = None  # the next step, so many seconds after this is written and not before

    @property
    def settlement(self) -> ledger.Settlement | None:
        if self.entry is None or self.money is None:
            return None
        job_id = self.fields.get("provider_job_id") or self.job.job_id
        return ledger.Settlement(self.entry, self.money, self.credits, self.reason[:150], job_id)


class Commits:
    """``drop(job)`` is called for a job whose row is over, or not ours any more; ``go_on(job, seconds)`` for others."""

    def __init__(self, owner: str, drop: Callable[[Job], None], go_on: Callable[[Job, float], None]) -> None:
        self.owner, self._drop, self._go_on = owner, drop, go_on
        self._writes: list[Write] = []
        self.given_up: set[UUID] = set()  # rows that stay ours and that nobody goes on with until our lease ends
        self._first = 0.0

    @property
    def waiting(self) -> int:
        return len(self._writes)

    @property
    def pending(self) -> list[UUID]:
        """The rows that are still to be written."""
        return [write.job.row.pk for write in self._writes]

    @property
    def is_full(self) -> bool:
        return len(self._writes) >= COMMIT_SIZE

    @property
    def due_at(self) -> float:
        return self._first + LINGER_SECONDS

    @property
    def is_due(self) -> bool:
        return bool(self._writes) and (self.is_full or time.monotonic() >= self.due_at)

    def add(self, write: Write) -> None:
        if not self._writes:
            self._first = time.monotonic()
        self._writes.append(write)

    def write(self) -> None:
        """All of them, or one by one when one can't be written. Kept for the next time when the database is away."""
        if not self._writes:
            return
        try:
            lost = self._together(self._writes)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one that can't be written must not cost the others
            logger.warning("a group commit failed (%s): one by one", type(error).__name__)
            self._one_by_one()
            return
        done, self._writes = self._writes, []
        self._after(done, lost)

    def _one_by_one(self) -> None:
        while self._writes:
            write = self._writes[0]
            try:
                lost = self._together([write])
            except DATABASE_AWAY:
                raise
            except Exception as error:  # noqa: BLE001
                write = _rejected(write, error)
                lost = self._refused(write)
            self._writes.pop(0)
            self._after([write], lost)

    def _refused(self, write: Write) -> list[Write]:
        try:
            return self._together([write])
        except DATABASE_AWAY:
            raise
        except Exception:  # its lease ends, and whoever takes it over sees that nobody knows
            logger.exception("%s could not be written in any way", write.job.row.pk)
            self.given_up.add(write.job.row.pk)
            return [write]

    def _together(self, writes: list[Write]) -> list[Write]:
        """Those that found no row of ours."""
        lost: list[Write] = []
        with transaction.atomic():
            for some in in_rounds(writes, lambda write: write.job.row.pk):
                moved = self._move(some)
                others = (write for write in some if write.job.row.pk not in moved)
                lost += [write for write in others if not (self._rescue(write) or _was_written(write))]
            # the money of a lost row is settled all the same: the row may be gone, the bill is not
            settlements = [write.settlement for write in writes]
            ledger.settle_all(item for item in settlements if item)
            for write in writes:
                if write.renew and write not in lost:
                    _renew(write)
        return lost

    def _after(self, done: list[Write], lost: list[Write]) -> None:
        for write in lost:
            discard(write.stored)
            self._drop(write.job)
        for write in done:
            if write.status in FINAL:
                self._drop(write.job)
            if write.then is not None:
                self._go_on(write.job, write.then)
            crash.point("finished" if write.status in FINAL else "submitted")

    def _move(self, writes: list[Write]) -> set[UUID]:
        """Move the rows that are ours, with one statement for each kind of move: which did."""
        kinds: dict[tuple[Status, bool, frozenset[str]], dict[UUID, dict[str, Any]]] = defaultdict(dict)
        for write in writes:
            fields, job = write.fields, write.job
            if write.status in FINAL:
                fields = {**fields, "polls": job.row.polls + job.polls}
            kinds[write.status, write.held, frozenset(fields)][job.row.pk] = fields
        moved: set[UUID] = set()
        for (status, held, _names), rows in kinds.items():
            moved |= move_each(status, rows, held_by=self.owner if held else "")
        _finish([write for write in writes if write.status in FINAL and write.job.row.pk in moved])
        return moved

    def _rescue(self, write: Write) -> bool:
        """The answer to a submit came after our lease: the row was given up as uncertain, or is about to be.

        Nobody has sent it again: a paid row is not, and of others the attempts would differ.
        """
        if not write.answers or write.status == Status.QUEUED:
            return False
        rows = TryOnResult.objects.filter(
            pk=write.job.row.pk,
            attempts=write.job.row.attempts,
            provider=write.job.provider.alias,
            provider_job_id="",
            status__in=[Status.SUBMITTING.value, Status.UNCERTAIN.value],
        )
        fields = {"next_at": clock.now(), **write.fields, "lease_owner": ""}
        if not rows.move(write.status, **(write.fields if write.status in FINAL else fields)):
            return False
        if write.status in FINAL:
            _finish([write])
        self._drop(write.job)
        return True


def _finish(writes: list[Write]) -> None:
    """These rows are over: what was made for them, and those who want to know."""
    outputs = [output for write in writes for output in outputs_of(write.job.row, write.stored)]
    if outputs:
        TryOnOutput.objects.bulk_create(outputs)
    send_each_after_commit(tryon_finished, TryOnResult, [{"result": write.job.row} for write in writes])


def _was_written(write: Write) -> bool:
    """Whether an earlier commit, whose answer was lost, did it."""
    pk = write.job.row.pk
    if write.stored:
        return TryOnOutput.objects.filter(result_id=pk, file=write.stored[0].file).exists()
    job_id = write.fields.get("provider_job_id", "")
    return bool(job_id) and TryOnResult.objects.filter(pk=pk, status=write.status, provider_job_id=job_id).exists()


def _renew(write: Write) -> None:
    assert write.renew is not None  # noqa: S101 - for the type checker
    provider, reason = write.renew
    write.job.row.provider = provider.alias
    try:
        with transaction.atomic():
            ledger.reserve(write.job.row, provider, reason=reason)
    except ledger.CapReached:  # it is set aside when there is money again, before it is sent
        logger.info("%s waits: no money for %s", write.job.row.pk, provider.alias)


def _rejected(write: Write, error: Exception) -> Write:
    """The database refuses this one: most likely the provider gave a job id that another row has."""
    discard(write.stored)
    doubled = bool(write.fields.get("provider_job_id"))
    detail = "the provider gave the job id of another preview" if doubled else f"not written: {type(error).__name__}"
    logger.error("%s by %s: %s", write.job.row.pk, write.job.provider.alias, detail)
    fields = {"error_code": "provider_down", "error_detail": detail}
    job = write.job
    money = EntryState.UNCERTAIN if job.sent or job.job_id or job.outputs else EntryState.REFUNDED
    return Write(write.job, Status.FAILED, fields, money=money, reason=detail, entry=write.entry or write.job.entry)
