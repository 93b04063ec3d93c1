"""What a step brought back: the next step of its row, its money, and what it says about the account."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from tryon import ledger
from tryon.choices import ProviderStatus, Status
from tryon.conf import conf
from tryon.models import FINAL, EntryState, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import BadFile, Charged, Provider, ProviderError
from tryon.runner import accounts, clock, decide, routing, steps
from tryon.runner.commits import Write
from tryon.runner.delivery import discard
from tryon.runner.steps import Job, NotSent, Polled, Submitted

if TYPE_CHECKING:
    from tryon.runner.drain import Drain

logger = logging.getLogger("tryon.runner")

PROGRESS_SECONDS, PROGRESS_STEP = 10.0, 0.1  # a progress is written this seldom
SHUT_SECONDS = 60.0  # until the account says how it stands
LONGEST_PAUSE_SECONDS = 30.0  # between two tries to fetch or to store what is paid
ENDS = {
    ProviderStatus.FAILED: Status.FAILED,
    ProviderStatus.BLOCKED: Status.BLOCKED,
    ProviderStatus.CANCELED: Status.CANCELED,
}


class Outcomes:
    """Turns what the threads bring into writes and schedules of the drain. Never touches the database itself."""

    def __init__(self, drain: Drain) -> None:
        self.drain = drain
        self.known: Mapping[str, accounts.Standing] = {}
        self.answers: dict[str, list[bool]] = defaultdict(list)
        self.why: dict[str, str] = {}
        self.pauses: dict[str, tuple[float, str]] = {}
        self.shut: dict[str, str] = {}
        self.progress: dict[UUID, float] = {}
        self.refuted: list[UUID] = []

    # ------------------------------------------------------------ sorting

    def settle(self, job: Job, value: Any) -> None:
        self._note_health(job, value)
        if self.drain.jobs.get(job.row.pk) is not job:
            discard(getattr(value, "stored", ()))  # erased or taken over meanwhile: no row will ever name these files
            return
        if isinstance(value, Submitted):
            self._submitted(job, value)
        elif isinstance(value, Polled):
            self._polled(job, value)
        elif job.status == Status.SUBMITTING:
            self._submit_failed(job, value)
        else:
            self._poll_failed(job, value)

    # ------------------------------------------------------------ submits

    def _submitted(self, job: Job, value: Submitted) -> None:
        now, submission = clock.now(), value.submission
        job.row.warnings = list(submission.warnings)
        job.credits = submission.credits_used
        made: dict[str, Any] = {
            "warnings": job.row.warnings,
            "engine_version": submission.version,
            "confidence": submission.confidence,
            "submitted_at": now,
        }
        if job.row.error_code:
            made |= {"error_code": "", "error_detail": ""}
        if submission.job_id is not None:
            job.status, job.job_id, job.submitted_at = Status.PROCESSING, submission.job_id, now
            wait = self._first_poll(job)
            next_at = now + timedelta(seconds=wait)
            self._write(
                job,
                Status.PROCESSING,
                answers=True,
                then=wait,
                provider_job_id=job.job_id,
                next_at=next_at,
                **made,
            )
            return
        job.outputs = submission.outputs
        if value.stored:
            self._succeed(job, value, **made)
        elif value.failure is not None:
            self._undelivered(job, value.failure, **made)
        else:
            self._keep(job, 0.0, **made)

    def _first_poll(self, job: Job) -> float:
        wait = decide.first_poll(job.soonest)
        return min(wait, 1.0) if job.row.hinted_at else wait

    def _submit_failed(self, job: Job, error: Exception) -> None:
        now = clock.now()
        if isinstance(error, NotSent):
            self._queue(job, error, job.provider, now)
            return
        if not isinstance(error, ProviderError) and not hasattr(error, "code"):
            logger.error("submit of %s failed", job.row.pk, exc_info=error)
        other = self._other(job, error)
        if other is not None:
            self._queue(job, error, other, now)
            return
        decision = decide.after_submit_error(
            error,
            attempts=job.row.attempts,
            max_attempts=conf.MAX_ATTEMPTS,
            paid=job.provider.paid,
            sent=job.sent,
            waited=(now - job.row.created_at).total_seconds(),
            patient=job.row.shopper_id is None,
        )
        if isinstance(decision, decide.Again):
            next_at = now + timedelta(seconds=decision.seconds)
            if next_at < job.row.deadline_at:
                self._queue(job, error, job.provider, next_at, counts=decision.counts)
                return
            decision = decide.Over(Status.FAILED, getattr(error, "code", "provider_down"), str(error))
        self.end(job, decision, getattr(error, "params", {}))

    def _other(self, job: Job, error: Exception) -> Provider | None:
        """Where to go with a call that surely was not paid, when its provider can't do it now."""
        if not isinstance(error, ProviderError) or error.charged != Charged.NO:
            return None
        if not (error.retryable or error.code == "config"):
            return None
        if error.pace and decide.health(error).pause <= routing.SHORT_SECONDS:
            return None
        return routing.elsewhere(job.row, self.known, clock.now())

    def _queue(self, job: Job, error: Exception, provider: Provider, when: datetime, *, counts: bool = False) -> None:
        """Back to the queue. What was sent and refused gets a ledger entry of its own, and so does another provider."""
        code, detail = getattr(error, "code", ""), getattr(error, "detail", "") or type(error).__name__
        elsewhere = provider.alias != job.provider.alias
        again = job.entry is not None and (job.sent or elsewhere)
        reason = f"failover from {job.provider.alias}: {detail}" if elsewhere else f"again after: {detail}"
        fields: dict[str, Any] = {"next_at": when, "lease_owner": "", "provider": provider.alias}
        if not isinstance(error, NotSent):
            fields |= {"error_code": code, "error_detail": detail[:500]}
        if not counts:
            fields["attempts"] = max(0, job.row.attempts - 1)
        self._write(
            job,
            Status.QUEUED,
            money=EntryState.REFUNDED if again else None,
            reason=detail,
            renew=(provider, reason) if provider.paid and (again or elsewhere) else None,
            **fields,
        )

    # ------------------------------------------------------------ polls

    def _polled(self, job: Job, value: Polled) -> None:
        update = value.update
        if update is None or update.status == ProviderStatus.SUCCEEDED:
            if update is not None:
                job.outputs = update.outputs
                job.credits = update.credits_used if update.credits_used is not None else job.credits
            if value.stored:
                self._succeed(job, value)
            else:
                self._undelivered(job, value.failure or ProviderError("provider_down", "nothing came"))
        elif update.status in ENDS:
            if job.outputs:  # it was done before: what is paid is still there to be fetched
                job.job_id = ""
                self.drain.schedule(job, 0.0)
                return
            error = update.error or ProviderError("provider_down", f"the provider says: {update.status}")
            # an uncertain row was given up already: its end is that it failed, whatever the provider calls it
            status = Status.FAILED if job.status == Status.UNCERTAIN else ENDS[update.status]
            over = decide.Over(status, error.code, error.detail, decide.MONEY[error.charged])
            self.end(job, over, error.params)
        else:
            self._still_processing(job, update.progress)

    def _still_processing(self, job: Job, progress: float | None) -> None:
        if job.status == Status.UNCERTAIN:  # it is our job, and known again
            job.status, job.submitted_at = Status.PROCESSING, job.row.started_at or clock.now()
            now = clock.now()
            self._write(job, Status.PROCESSING, held=False, lease_owner=self.drain.owner, next_at=now, hinted_at=None)
        if progress is not None and abs(progress - (job.progress or 0.0)) >= PROGRESS_STEP:
            steady = clock.now().timestamp()
            if steady - job.progress_at >= PROGRESS_SECONDS:
                job.progress, job.progress_at = progress, steady
                self.progress[job.row.pk] = min(1.0, max(0.0, progress))
        self._poll_later(job)

    def _poll_failed(self, job: Job, error: Exception) -> None:
        final = isinstance(error, ProviderError) and not error.retryable
        if job.status == Status.UNCERTAIN and final:
            self.refuted.append(job.row.pk)
            self.drain.drop(job)
            return
        if isinstance(error, ProviderError) and final:
            over = decide.Over(Status.FAILED, error.code, error.detail, EntryState.UNCERTAIN)
            self.end(job, over, error.params)
            return
        logger.warning("poll of %s failed: %s", job.row.pk, type(error).__name__)
        self._poll_later(job, at_least=float(getattr(error, "retry_after", 0) or 0))

    def _poll_later(self, job: Job, at_least: float = 0.0) -> None:
        now = clock.now()
        if now >= job.row.deadline_at and job.status != Status.UNCERTAIN:
            detail = "the provider did not finish before the deadline"
            self.end(job, decide.Over(Status.FAILED, "timed_out", detail, EntryState.UNCERTAIN))
            return
        elapsed = (now - (job.submitted_at or now)).total_seconds()
        self.drain.schedule(job, max(at_least, decide.next_poll(elapsed, job.late)))

    # ------------------------------------------------------------ results

    def _succeed(self, job: Job, value: Submitted | Polled, **fields: Any) -> None:
        if any(item.unchanged for item in value.stored):
            fields["warnings"] = [*job.row.warnings, "unchanged"]
        if job.row.fetching or job.status == Status.DELIVERING:
            fields["fetching"] = []
        self._write(
            job,
            Status.SUCCEEDED,
            stored=value.stored,
            answers=job.status == Status.SUBMITTING,
            money=EntryState.COMMITTED,
            **fields,
        )

    def _undelivered(self, job: Job, failure: Exception, **fields: Any) -> None:
        """It is made and paid, and we don't have it yet. Fetched until the deadline; a bad file a few times only."""
        now = clock.now()
        job.lost += isinstance(failure, BadFile)
        code, detail, final = "server_error", f"not stored: {type(failure).__name__}", False
        if isinstance(failure, ProviderError):
            code, detail = failure.code, f"not fetched: {failure.detail}"
            final = not failure.retryable or job.lost >= steps.DELIVERIES
        if final or now >= job.row.deadline_at:
            detail = f"paid but {detail}" if job.provider.paid else detail
            over = decide.Over(Status.FAILED, code, detail, EntryState.COMMITTED)
            self.end(job, over, getattr(failure, "params", {}), **fields)
            return
        logger.warning("the result of %s: %s", job.row.pk, detail)
        waited = (now - (job.submitted_at or job.row.started_at or now)).total_seconds()
        share = 0.0 if isinstance(failure, BadFile) else waited / 2
        wait = decide.jittered(min(LONGEST_PAUSE_SECONDS, max(steps.PAUSE_SECONDS, share)))
        self._keep(job, wait, **fields)

    def _keep(self, job: Job, wait: float, **fields: Any) -> None:
        """Write down what is paid for and where it is, before anything can happen to us; then fetch it."""
        if job.status != Status.DELIVERING:
            answers, held = job.status == Status.SUBMITTING, job.status != Status.UNCERTAIN
            if not held:
                fields["lease_owner"] = self.drain.owner
            self._write(
                job,
                Status.DELIVERING,
                answers=answers,
                held=held,
                money=EntryState.COMMITTED,
                fetching=steps.as_json(job.outputs),
                next_at=clock.now() + timedelta(seconds=wait),
                then=wait,
                **fields,
            )
            job.status = Status.DELIVERING
            return
        self.drain.schedule(job, wait)

    def end(self, job: Job, over: decide.Over, params: Mapping[str, Any] | None = None, **fields: Any) -> None:
        fields |= {"error_code": over.code, "error_detail": over.detail[:500], "error_params": dict(params or {})}
        if job.row.fetching or job.status == Status.DELIVERING:
            fields["fetching"] = []
        answers = job.status == Status.SUBMITTING
        self._write(job, over.status, money=over.money, reason=over.detail, answers=answers, **fields)

    def _write(
        self,
        job: Job,
        status: Status,
        *,
        stored: Any = (),
        money: EntryState | None = None,
        reason: str = "",
        renew: tuple[Provider, str] | None = None,
        answers: bool = False,
        held: bool | None = None,
        then: float | None = None,
        **fields: Any,
    ) -> None:
        entry, job.entry = (job.entry, None) if money is not None else (None, job.entry)
        credits = job.credits if money == EntryState.COMMITTED else None
        if status in FINAL:
            fields["finished_at"] = clock.now()  # by the same clock as its beginning
        if held is None:
            held = job.status != Status.UNCERTAIN
        self.drain.commits.add(
            Write(job, status, fields, tuple(stored), money, credits, reason, renew, answers, entry, held, then)
        )
        if status not in (Status.PROCESSING, Status.DELIVERING):
            self.drain.drop(job)

    # ------------------------------------------------------------ accounts

    def _note_health(self, job: Job, value: Any) -> None:
        alias = job.provider.alias
        asked = not (isinstance(value, Polled) and value.update is None) and not isinstance(value, NotSent)
        found = decide.health(value) if isinstance(value, Exception) else decide.Health(answered=True)
        if not asked or not job.provider.leaves_server:
            found = decide.Health()
        gate = self.drain.gate(job.provider)
        gate.done(found.answered)
        why = getattr(value, "detail", "") or type(value).__name__
        if found.answered is not None:
            self.answers[alias].append(found.answered)
        if found.answered is False:
            self.why[alias] = why
        if found.pause:
            self.pauses[alias] = (found.pause, why)
        if found.shut:
            self.shut[alias] = why
        if found.pause:
            gate.close(min(found.pause, accounts.LONGEST_PAUSE))
        if found.shut:
            gate.shut(SHUT_SECONDS)
        if found.pause or found.shut or found.answered is False:
            self.drain.look_soon()

    def tell_accounts(self) -> None:
        """Write what was noted; while all goes well there is nothing to write. Called where the database is owned."""
        now = clock.now()
        for alias, why in list(self.shut.items()):
            accounts.shut(alias, why, now)
            del self.shut[alias]
        for alias, (seconds, why) in list(self.pauses.items()):
            accounts.pause(alias, seconds, why, now)
            del self.pauses[alias]
        for alias, answers in self.answers.items():
            shaky = self.known.get(alias, accounts.OPEN)
            if answers and (False in answers or shaky.failures or shaky.trial):
                accounts.record(alias, answers, self.why.get(alias, ""), now)
                answers.clear()
            del answers[: -accounts.SAMPLE]
        for pk, progress in list(self.progress.items()):
            TryOnResult.objects.filter(pk=pk, lease_owner=self.drain.owner).update(progress=progress)
            del self.progress[pk]

    # ------------------------------------------------------------ uncertain rows

    def verify_uncertain(self) -> None:
        """A webhook named the job of a call whose answer was never seen: ask about it, and go on from there."""
        if self.refuted:
            TryOnResult.objects.filter(pk__in=self.refuted, status=Status.UNCERTAIN.value).update(
                provider_job_id="", hinted_at=None
            )
            self.refuted.clear()
        rows = TryOnResult.objects.filter(status=Status.UNCERTAIN.value, hinted_at__isnull=False, lease_owner="")
        related = rows.exclude(provider_job_id="").select_related(
            "garment", "photo", "preset_model", "consent", "batch", "source"
        )
        for row in related[:50]:
            if row.pk in self.drain.jobs:
                continue
            try:
                provider = get_provider(row.provider)
            except ImproperlyConfigured:  # no longer in the settings
                continue
            entry = ledger.open_entries([row.pk]).get(row.pk)
            job = Job(row, provider, Status.UNCERTAIN, entry, job_id=row.provider_job_id)
            self.drain.adopt(job)
            self.drain.schedule(job, 0.0)
