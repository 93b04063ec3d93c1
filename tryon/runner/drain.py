"""One drain carries many rows at once. Threads talk to providers and files; this thread alone owns the database.

Rows come in through ``claim``, wait in a heap until their next step is due, run that step in a lane of threads, and
their outcomes are written in group commits. Poll times live in memory: a poll costs no write.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import queue
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any

from django.db import transaction
from django.utils import timezone

from tryon.choices import ProviderStatus, Status
from tryon.conf import conf
from tryon.models import FINAL, TryOnOutput, TryOnResult
from tryon.providers.base import CallStyle, Provider, ProviderError
from tryon.runner import claim, decide, steps
from tryon.runner.delivery import Stored, discard, outputs_of
from tryon.runner.history import fast_latency

logger = logging.getLogger("tryon.runner")

BUDGET_SECONDS = 45.0  # then hand over to a fresh task: well inside the queue's timeout
IDLE_SECONDS = 2.0
TICK_SECONDS = 0.1
LINGER_SECONDS = 0.02  # outcomes that arrive together are written together
COMMIT_SIZE = 100
POLLING_THREADS = 64
BLOCKING_THREADS = 64
MAX_HELD = 5000
HAND_OVER = timedelta(seconds=5)


def cpu_threads() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Lane:
    """A bounded set of threads for one style of provider, so that a slow call never delays another style."""

    def __init__(self, name: str, threads: int, room: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=f"tryon-{name}")
        self.threads = threads
        self.room = room  # rows the drain may hold for this lane
        self.held = 0
        self.running = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a thread brought back about a job."""

    job: steps.Job
    value: steps.Submitted | steps.Polled | Exception


@dataclass(frozen=True, slots=True)
class Write:
    """One decided move, waiting for the next group commit."""

    job: steps.Job
    status: Status
    fields: dict[str, Any]
    stored: tuple[Stored, ...] = ()


class Drain:
    """``run()`` returns True when rows are left for another drain."""

    def __init__(self, *, budget: float = BUDGET_SECONDS, idle: float = IDLE_SECONDS) -> None:
        self.owner = f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.budget, self.idle = budget, idle
        self.slot = ""
        self.stopping = False
        self.jobs: dict[uuid.UUID, steps.Job] = {}
        self.heap: list[tuple[float, int, steps.Job]] = []
        self.order = itertools.count()
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.writes: list[Write] = []
        self.first_write = 0.0
        self.next_claim = 0.0
        cores = cpu_threads()
        self.lanes = {
            CallStyle.POLLING: Lane("polling", POLLING_THREADS, MAX_HELD),
            CallStyle.BLOCKING: Lane("blocking", BLOCKING_THREADS, BLOCKING_THREADS),
            CallStyle.CPU: Lane("cpu", cores, cores),
        }

    # ------------------------------------------------------------ the loop

    def run(self) -> bool:
        slot = claim.acquire_slot(self.owner, timezone.now())
        if slot is None:
            return False
        self.slot = slot
        try:
            with _sigterm(self._stop):
                self._loop()
        finally:
            for lane in self.lanes.values():
                lane.pool.shutdown(wait=False, cancel_futures=True)
            claim.give_back(self.owner, [job.row for job in self.jobs.values() if not job.sent])
            claim.release_slot(self.slot, self.owner)
        # a row that waits longer is found by the watchdog
        return TryOnResult.objects.due(timezone.now() + HAND_OVER).exists()

    def _stop(self) -> None:
        self.stopping = True

    def _loop(self) -> None:
        start = last_work = time.monotonic()
        next_beat = 0.0
        while True:
            now = time.monotonic()
            ending = self.stopping or now - start > self.budget
            if now >= next_beat:
                if not self._beat():
                    return
                next_beat = now + conf.LEASE_SECONDS / 3
            self._collect(wait=self._wait())
            if self.writes and (ending or self._commit_due()):
                self._commit()
            if not ending:
                if now >= self.next_claim:
                    full = self._claim() >= claim.BATCH // 2
                    self.next_claim = now if full else now + TICK_SECONDS
                self._dispatch()
            if self.jobs:
                last_work = now
            running = any(lane.running for lane in self.lanes.values())
            if not running and not self.writes and (ending or now - last_work > self.idle):
                return

    def _beat(self) -> bool:
        now = timezone.now()
        if not claim.heartbeat(self.slot, self.owner, now):
            logger.warning("drain %s was taken for dead and stops", self.owner)
            self.jobs.clear()
            self.heap.clear()
            return False
        claim.reap(now)
        claim.expire(now)
        return True

    def _wait(self) -> float:
        until = self.next_claim
        if self.heap:
            until = min(until, self.heap[0][0])
        if self.writes:
            until = min(until, self.first_write + LINGER_SECONDS)
        return min(0.5, max(0.001, until - time.monotonic()))

    # ------------------------------------------------------------ in

    def _claim(self) -> int:
        wanted = dict.fromkeys(self.lanes, 0)

        def has_room(provider: Provider) -> bool:
            lane = self.lanes[provider.style]
            if lane.held + wanted[provider.style] >= lane.room:
                return False
            wanted[provider.style] += 1
            return True

        claimed = claim.claim(self.owner, timezone.now(), has_room)
        for item in claimed:
            self._hold(item)
        return len(claimed)

    def _hold(self, item: claim.Claimed) -> None:
        status = Status.SUBMITTING if item.was == Status.QUEUED else item.was
        job = steps.Job(item.row, item.provider, status, item.row.provider_job_id, item.row.submitted_at)
        job.row.attempts += item.was in (Status.QUEUED, Status.SUBMITTING)
        self.jobs[job.row.pk] = job
        self.lanes[job.provider.style].held += 1
        if item.was == Status.SUBMITTING:
            over = decide.after_takeover(paid=job.provider.paid)
            if over:
                self._write(job, over.status, error_code=over.code, error_detail=over.detail)
                return
        self._schedule(job, 0.0)

    def _schedule(self, job: steps.Job, seconds: float) -> None:
        heapq.heappush(self.heap, (time.monotonic() + seconds, next(self.order), job))

    def _dispatch(self) -> None:
        """Start every step that is due and whose lane has a free thread."""
        put_back = []
        while self.heap and self.heap[0][0] <= time.monotonic():
            entry = heapq.heappop(self.heap)
            job = entry[2]
            if job.row.pk not in self.jobs or job.busy:
                continue
            lane = self.lanes[job.provider.style]
            if lane.running >= lane.threads:
                put_back.append(entry)
                continue
            job.busy = True
            lane.running += 1
            lane.pool.submit(self._step, job)
        for entry in put_back:
            heapq.heappush(self.heap, entry)

    def _step(self, job: steps.Job) -> None:
        """In a thread."""
        try:
            value: Any = steps.submit(job) if job.status == Status.SUBMITTING else steps.poll(job)
        except Exception as error:  # noqa: BLE001 - decide.py sorts them; a thread must always answer
            value = error
        self.outcomes.put(Outcome(job, value))

    # ------------------------------------------------------------ out

    def _collect(self, wait: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._settle(self.outcomes.get(timeout=wait))
            while len(self.writes) < COMMIT_SIZE:
                self._settle(self.outcomes.get_nowait())

    def _settle(self, outcome: Outcome) -> None:
        job, value = outcome.job, outcome.value
        job.busy = False
        self.lanes[job.provider.style].running -= 1
        if job.row.pk not in self.jobs:
            return
        if isinstance(value, steps.Submitted):
            self._submitted(job, value)
        elif isinstance(value, steps.Polled):
            self._polled(job, value)
        elif job.status == Status.SUBMITTING:
            self._submit_failed(job, value)
        else:
            self._poll_failed(job, value)

    def _submitted(self, job: steps.Job, value: steps.Submitted) -> None:
        now = timezone.now()
        made: dict[str, Any] = {"warnings": list(value.submission.warnings), "engine_version": value.submission.version}
        if value.submission.job_id is None:
            self._write(job, Status.SUCCEEDED, stored=value.stored, submitted_at=now, **made)
            return
        job.status, job.job_id, job.submitted_at = Status.PROCESSING, value.submission.job_id, now
        wait = decide.first_poll(fast_latency(job.provider.alias, job.row.operation))
        self._write(
            job,
            Status.PROCESSING,
            provider_job_id=job.job_id,
            submitted_at=now,
            next_at=now + timedelta(seconds=wait),
            **made,
        )
        self._schedule(job, wait)

    def _polled(self, job: steps.Job, value: steps.Polled) -> None:
        update = value.update
        if update.status == ProviderStatus.SUCCEEDED:
            self._write(job, Status.SUCCEEDED, stored=value.stored)
        elif update.status in (ProviderStatus.FAILED, ProviderStatus.CANCELED, ProviderStatus.BLOCKED):
            error = update.error or ProviderError("provider_down", f"the provider says: {update.status}")
            target = {ProviderStatus.BLOCKED: Status.BLOCKED, ProviderStatus.CANCELED: Status.CANCELED}
            self._fail(job, target.get(update.status, Status.FAILED), error.code, error.detail, error.params)
        else:
            self._poll_later(job)

    def _poll_failed(self, job: steps.Job, error: Exception) -> None:
        if isinstance(error, ProviderError) and not error.retryable:
            self._fail(job, Status.FAILED, error.code, error.detail, error.params)
            return
        logger.warning("poll of %s failed: %s", job.row.pk, type(error).__name__)
        self._poll_later(job)

    def _poll_later(self, job: steps.Job) -> None:
        now = timezone.now()
        if now >= job.row.deadline_at:
            self._fail(job, Status.FAILED, "timed_out", "the provider did not finish before the deadline", {})
            return
        elapsed = (now - (job.submitted_at or now)).total_seconds()
        self._schedule(job, decide.next_poll(elapsed))

    def _submit_failed(self, job: steps.Job, error: Exception) -> None:
        decision = decide.after_submit_error(
            error, attempts=job.row.attempts, max_attempts=conf.MAX_ATTEMPTS, paid=job.provider.paid and job.sent
        )
        if not isinstance(error, ProviderError) and not hasattr(error, "code"):
            logger.error("submit of %s failed", job.row.pk, exc_info=error)
        if isinstance(decision, decide.Again):
            next_at = timezone.now() + timedelta(seconds=decision.seconds)
            self._write(job, Status.QUEUED, next_at=next_at, lease_owner="", error_code=getattr(error, "code", ""))
        else:
            self._fail(job, decision.status, decision.code, decision.detail, getattr(error, "params", {}))

    def _fail(self, job: steps.Job, status: Status, code: str, detail: str, params: dict[str, Any]) -> None:
        self._write(job, status, error_code=code, error_detail=detail[:500], error_params=params)

    def _write(self, job: steps.Job, status: Status, *, stored: tuple[Stored, ...] = (), **fields: Any) -> None:
        if not self.writes:
            self.first_write = time.monotonic()
        self.writes.append(Write(job, status, fields, stored))
        if status != Status.PROCESSING:
            self._drop(job)

    def _drop(self, job: steps.Job) -> None:
        if self.jobs.pop(job.row.pk, None):
            lane = self.lanes[job.provider.style]
            lane.held -= 1
            if lane.room <= lane.threads:  # a place is free that may have been waited for
                self.next_claim = 0.0

    def _commit_due(self) -> bool:
        return len(self.writes) >= COMMIT_SIZE or time.monotonic() - self.first_write >= LINGER_SECONDS

    def _commit(self) -> None:
        """Write what was decided, each move fenced by our lease. A move that finds no row leaves no file behind."""
        writes, self.writes = self.writes, []
        lost: list[Write] = []
        with transaction.atomic():
            for write in writes:
                if not self._apply(write):
                    lost.append(write)
        for write in lost:
            discard(write.stored)
            self._drop(write.job)

    def _apply(self, write: Write) -> bool:
        pk = write.job.row.pk
        if write.status not in FINAL:
            return bool(TryOnResult.objects.filter(pk=pk).move(write.status, held_by=self.owner, **write.fields))
        if not claim.end(write.job.row, write.status, held_by=self.owner, **write.fields):
            return False
        TryOnOutput.objects.bulk_create(outputs_of(pk, write.stored))
        return True


@contextlib.contextmanager
def _sigterm(handler: Any) -> Any:
    """Call ``handler`` on SIGTERM while inside. Signals reach the main thread only; elsewhere nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        handler()

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
