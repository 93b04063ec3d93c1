"""One drain carries many rows at once. Threads talk to providers and files; this thread alone owns the database.

Rows come in through ``claim``, wait in a heap until their next step is due, run that step in a lane of threads, and
their outcomes are written in group commits. Poll times live in memory: a poll costs no write. While the database is
away nothing new is begun, and what came back is kept until it can be written.
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
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import FrameType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from tryon.choices import Status
from tryon.conf import conf
from tryon.errors import DATABASE_AWAY
from tryon.models import TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import CallStyle, Provider
from tryon.runner import accounts, claim, clock, decide, routing, steps
from tryon.runner.commits import Commits
from tryon.runner.history import Latencies
from tryon.runner.lanes import Gate, lanes, pace_of
from tryon.runner.outcomes import Outcomes

logger = logging.getLogger("tryon.runner")

BUDGET_SECONDS = 45.0  # then hand over to a fresh task: well inside the queue's timeout
IDLE_SECONDS = 2.0
TICK_SECONDS = 0.1
LOOK_SECONDS = 1.0  # at the accounts, which other processes change too
HINT_SECONDS = 0.25
PARKED_SECONDS = 0.25  # steps without a place are tried again at the latest
STOP_SECONDS = 8.0  # after SIGTERM; a call that is still running then is left to itself
AWAY_SECONDS = 120.0  # longest that outcomes are kept for a database that is away
BYTES_SECONDS = 120.0  # longer than its time that a drain stays for a full disk; inside the queue's timeout as well
HAND_OVER = timedelta(seconds=5)
URGENT_SECONDS = 600.0  # a result that is gone after this is fetched before anything else


class Drain:
    """``run()`` returns True when rows are left for another drain. ``stopping`` is asked whether to end."""

    def __init__(
        self, *, budget: float = BUDGET_SECONDS, idle: float = IDLE_SECONDS, stopping: Callable[[], bool] | None = None
    ) -> None:
        self.owner = f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.budget, self.idle = budget, idle
        self.slot = ""
        self.stop_at: float | None = None  # monotonic: told to end
        self.dead = False  # our lease ran out: nothing new, and what is left is written as far as it is still ours
        self.ending = False  # our time is up, or we were told to stop
        self.away_since: float | None = None
        self.jobs: dict[uuid.UUID, steps.Job] = {}
        self.heap: list[tuple[float, int, steps.Job]] = []
        self.order = itertools.count()
        self.unsent: dict[CallStyle, set[uuid.UUID]] = {style: set() for style in CallStyle}  # claimed, no thread yet
        self.parked: dict[CallStyle, deque[tuple[float, int, steps.Job]]] = {style: deque() for style in CallStyle}
        # not a SimpleQueue: CPython's waits for ever when its timeout runs out before it has begun to wait
        self.arrived: queue.Queue[tuple[steps.Job, Any] | None] = queue.Queue()
        self.lanes = lanes()
        self.gates: dict[str, Gate] = {}
        self.waits: dict[str, float] = {}  # alias -> monotonic time when claiming makes sense again
        self.commits = Commits(self.owner, self.drop, self.schedule)
        self.outcomes = Outcomes(self)
        self.latencies = Latencies()
        self._asked_to_stop = stopping or (lambda: False)
        self._next: dict[str, float] = defaultdict(float)
        self._begun = time.monotonic()
        self._unsure = False  # a claim may have been written whose answer we did not get
        self._beat_at = time.monotonic()

    # ------------------------------------------------------------ the loop

    def run(self) -> bool:
        slot = claim.acquire_slot(self.owner, clock.now())
        if slot is None:
            return False
        self.slot = slot
        try:
            with _sigterm(self._told_to_stop):
                self._loop()
        finally:
            self._told_to_stop()  # a thread that is about to send: not after its row was given back
            for lane in self.lanes.values():
                lane.close()
            left = self._let_go()
        return left

    def stop(self) -> None:
        """From another thread."""
        self._told_to_stop()
        self.arrived.put(None)  # whoever waits for a step looks up

    def _told_to_stop(self) -> None:
        """Takes no lock: the handler of a signal may run while this thread holds it. Seen within half a second."""
        self.stop_at = self.stop_at or time.monotonic()

    @property
    def stopping(self) -> bool:
        return self.stop_at is not None or self.dead

    def _loop(self) -> None:
        self._begun = last_work = time.monotonic()
        while True:
            now = time.monotonic()
            if self._asked_to_stop():
                self._told_to_stop()
            self.ending = self.stopping or now - self._begun > self.budget
            self._collect(wait=self._wait(now))
            if self.away_since is None or now >= self._next["database"]:
                try:
                    self._with_database()
                    self.away_since = None
                except DATABASE_AWAY as error:
                    self._lost_database(error)
            if not self.stopping and self.away_since is None:
                self._dispatch()
            if self.jobs:
                last_work = now
            if self._is_done(last_work):
                return

    def _is_done(self, last_work: float) -> bool:
        now = time.monotonic()
        if self.stop_at is not None and now - self.stop_at > STOP_SECONDS:
            return True
        if self.away_since is not None and now - self.away_since > AWAY_SECONDS:
            return True
        if self.commits.waiting:
            return False
        if not self.ending:
            return not self.jobs and not self._running() and now - last_work > self.idle
        # short steps go on as long as a long one runs; then everything is handed over
        if self._running(slow=True) or self._holds_bytes():
            return False
        self.stop_at = self.stop_at or now
        return not self._running()

    def _holds_bytes(self) -> bool:
        """Whether paid pictures are here and nowhere else, which could not be stored yet. Not for ever."""
        if self.stopping or time.monotonic() - self._begun > self.budget + BYTES_SECONDS:
            return False
        return any(output.data is not None for job in self.jobs.values() for output in job.outputs)

    def _running(self, *, slow: bool = False) -> bool:
        return any(lane.running for style, lane in self.lanes.items() if not slow or style != CallStyle.POLLING)

    def _with_database(self) -> None:
        now = time.monotonic()
        if self._every("beat", conf.LEASE_SECONDS / 3) and not self.dead:
            self._beat()
        if self.commits.is_due or (self.ending and self.commits.waiting) or self.away_since is not None:
            self.commits.write()
        if self._every("accounts", LOOK_SECONDS):
            self.outcomes.tell_accounts()
            self._look_at_accounts()
        if conf.PUBLIC_URL and self._every("hints", HINT_SECONDS):
            self._look_for_hints()
        if not (self.ending or self.dead) and now >= self._next["claim"]:
            taken = self._claim()
            blocked = not taken and any(until > now for until in self._closings())
            pause = 0.0 if taken >= claim.BATCH // 2 else TICK_SECONDS * (3 if blocked else 1)
            self._next["claim"] = now + pause

    def look_soon(self) -> None:
        """At the accounts: something has just been heard."""
        self._next["accounts"] = 0.0

    def _every(self, name: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._next[name]:
            return False
        self._next[name] = now + seconds
        return True

    def _lost_database(self, error: Exception) -> None:
        now = time.monotonic()
        if self.away_since is None:
            logger.error("the database is away (%s): %s outcomes wait", type(error).__name__, self.commits.waiting)
            self.away_since = now
        self._unsure = True
        self._next["database"] = now + min(5.0, 0.2 + (now - self.away_since) / 4)
        with contextlib.suppress(Exception):
            connection.close()

    def _beat(self) -> None:
        lapsed = time.monotonic() - self._beat_at > conf.LEASE_SECONDS
        if not claim.heartbeat(self.slot, self.owner, clock.now()) or (lapsed and self._was_reaped()):
            logger.warning("drain %s was taken for dead and stops", self.owner)
            self.dead = True
            return
        self._beat_at = time.monotonic()
        now = clock.now()
        if self._unsure and self.away_since is None:
            claim.put_back_unknown(self.owner, {*self.jobs, *self.commits.pending, *self.commits.given_up})
            self._unsure = False
        claim.reap(now)
        claim.expire(now)
        claim.end_orphans(now)
        routing.move_on(now)

    def _was_reaped(self) -> bool:
        """Whether, while our slot had run out and nobody had it, rows of ours were given to others."""
        if not TryOnResult.objects.live().filter(pk__in=list(self.jobs)).exclude(lease_owner=self.owner).exists():
            return False
        claim.release_slot(self.slot, self.owner)
        return True

    def _let_go(self) -> bool:
        """Give back what others can go on with. A database that is away learns it from the end of our lease."""
        try:
            if not self.dead:
                unsent = [job.row for job in self.jobs.values() if not job.sent and job.keep()]
                claim.give_back(self.owner, unsent)
                claim.release_slot(self.slot, self.owner)
            # a row that waits longer is found by the watchdog
            return TryOnResult.objects.due(clock.now() + HAND_OVER).exists()
        except DATABASE_AWAY as error:
            self._lost_database(error)
            return False

    def _wait(self, now: float) -> float:
        if self.ending and not self._running() and not self.commits.waiting:
            return 0.001
        until = now + 0.5
        if not self.stopping:
            until = min(until, self._next["claim"], self.heap[0][0] if self.heap else until)
        if self.commits.waiting:
            until = min(until, self.commits.due_at)
        if self.away_since is not None:
            until = max(until, self._next["database"])
        return min(0.5, max(0.001, until - now))

    # ------------------------------------------------------------ in

    def _claim(self) -> int:
        now = time.monotonic()
        closed = [alias for alias, gate in self.gates.items() if gate.quiet_until > now]
        closed += [alias for alias, until in self.waits.items() if until > now]

        def room(provider: Provider, queued: bool) -> int:
            lane, gate = self.lanes[provider.style], self.gates.get(provider.alias)
            if gate is not None and gate.trial:
                return 0 if any(job.provider is provider for job in self.jobs.values()) else 1
            free = lane.room - lane.held
            if not queued:
                return free
            # were we killed, nobody would know of a claimed row whether it was sent: few wait for a thread
            unsent = len(self.unsent[provider.style])
            return min(free, 2 * lane.threads - unsent) if unsent <= lane.threads else 0

        found = claim.claim(self.owner, clock.now(), room, self._hold, closed=closed)
        for alias, seconds in found.waits.items():
            self.waits[alias] = now + seconds
        return found.count

    def _closings(self) -> list[float]:
        """Until when providers get nothing new."""
        return [*self.waits.values(), *(gate.quiet_until for gate in self.gates.values())]

    def _hold(self, item: claim.Claimed) -> None:
        row, was = item.row, item.was
        job = steps.Job(row, item.provider, Status.SUBMITTING if was == Status.QUEUED else was, item.entry)
        job.job_id, job.submitted_at = row.provider_job_id, row.submitted_at
        job.outputs = steps.from_json(row.fetching)
        job.may_send = lambda: not self.stopping
        job.soonest = self.latencies.soonest(item.provider.alias, row.operation)
        self.jobs[row.pk] = job
        self.lanes[item.provider.style].held += 1
        if job.status == Status.SUBMITTING:
            self.unsent[item.provider.style].add(row.pk)
        if was == Status.SUBMITTING:
            over = decide.after_takeover(paid=item.provider.paid, attempts=row.attempts, max_attempts=conf.MAX_ATTEMPTS)
            if over:
                self.outcomes.end(job, over)
                return
        row.attempts += was in (Status.QUEUED, Status.SUBMITTING)
        wait = 0.0
        if item.send_at:
            wait = item.send_at - clock.now().timestamp()
            job.send_at = time.time() + wait
            job.pace = pace_of(item.provider) if item.provider.rate else None
        self.schedule(job, max(0.0, wait - accounts.LEAD_SECONDS))

    def adopt(self, job: steps.Job) -> None:
        """A row that becomes ours by the very write that says so."""
        self.jobs[job.row.pk] = job
        self.lanes[job.provider.style].held += 1

    def schedule(self, job: steps.Job, seconds: float) -> None:
        urgent = job.outputs and steps.expires_within(job.outputs, URGENT_SECONDS)
        when = 0.0 if urgent and seconds <= 0 else time.monotonic() + seconds
        job.turn = next(self.order)
        heapq.heappush(self.heap, (when, job.turn, job))

    def drop(self, job: steps.Job) -> None:
        self.unsent[job.provider.style].discard(job.row.pk)
        if self.jobs.pop(job.row.pk, None):
            lane = self.lanes[job.provider.style]
            lane.held -= 1
            if lane.room <= lane.threads:  # a place is free that may have been waited for
                self._next["claim"] = 0.0

    # ------------------------------------------------------------ steps

    def gate(self, provider: Provider) -> Gate:
        if provider.alias not in self.gates:
            self.gates[provider.alias] = Gate(provider)
        return self.gates[provider.alias]

    def _dispatch(self) -> None:
        """Start every step that is due, whose lane has a free thread and whose account may be called.

        Near the end of the drain's time only short ones: long ones would keep the next drain waiting.
        """
        put_back = []
        full: set[tuple[str, bool]] = set()
        if self._every("parked", PARKED_SECONDS):
            for style in self.parked:
                self._unpark(style, len(self.parked[style]))
        while self.heap and self.heap[0][0] <= time.monotonic():
            when, number, job = heapq.heappop(self.heap)
            if self.jobs.get(job.row.pk) is not job or job.busy or job.turn != number:
                continue
            lane, gate = self.lanes[job.provider.style], self.gate(job.provider)
            polls = job.status != Status.SUBMITTING
            quick = polls or job.provider.style == CallStyle.POLLING
            if lane.running >= lane.threads or (gate.alias, polls) in full or (self.ending and not quick):
                self.parked[job.provider.style].append((when, number, job))
                continue
            wait = gate.wait(submit=not polls, poll=polls and bool(job.job_id))
            if wait != 0.0:
                full.add((gate.alias, polls))
                if wait is None:
                    self.parked[job.provider.style].append((when, number, job))
                else:
                    put_back.append((time.monotonic() + wait, number, job))
                continue
            if gate.trial and not self._may_try(gate, job):
                gate.close(LOOK_SECONDS)
                put_back.append((when, number, job))
                continue
            job.busy, job.late = True, time.monotonic() - when if when else 0.0
            self._leaves(job)
            gate.start(poll=polls and bool(job.job_id))
            lane.submit(lambda job=job: self._step(job))  # type: ignore[misc]
        for entry in put_back:
            heapq.heappush(self.heap, entry)

    def _leaves(self, job: steps.Job) -> None:
        unsent = self.unsent[job.provider.style]
        if job.row.pk in unsent:
            unsent.remove(job.row.pk)
            if len(unsent) == self.lanes[job.provider.style].threads:
                self._next["claim"] = 0.0

    def _unpark(self, style: CallStyle, count: int) -> None:
        """Steps that were due and found no place: as many as may find one now."""
        for _ in range(min(count, len(self.parked[style]))):
            heapq.heappush(self.heap, self.parked[style].popleft())

    def _may_try(self, gate: Gate, job: steps.Job) -> bool:
        try:
            return accounts.take_trial(gate.alias, job.row.pk, clock.now())
        except DATABASE_AWAY as error:
            self._lost_database(error)
            return False

    def _step(self, job: steps.Job) -> None:
        """In a thread."""
        try:
            value: Any = steps.submit(job) if job.status == Status.SUBMITTING else steps.poll(job)
        except Exception as error:  # noqa: BLE001 - decide.py sorts them; a thread must always answer
            value = error
        self.arrived.put((job, value))

    def _collect(self, wait: float) -> None:
        with contextlib.suppress(queue.Empty):
            arrived = self.arrived.get(timeout=wait)
            while arrived is not None:
                self._settle(*arrived)
                arrived = None if self.commits.is_full else self.arrived.get_nowait()

    def _settle(self, job: steps.Job, value: Any) -> None:
        job.busy = False
        self.lanes[job.provider.style].running -= 1
        warmed = self.gate(job.provider).is_warm
        try:
            self.outcomes.settle(job, value)
        except Exception:
            # one answer that we make no sense of must not cost those of the others; whoever comes after us takes over
            logger.exception("the answer for %s could not be settled", job.row.pk)
            self.commits.given_up.add(job.row.pk)
            self.drop(job)
        gate = self.gate(job.provider)
        self._unpark(job.provider.style, 2 if warmed == gate.is_warm else len(self.parked[job.provider.style]))

    # ------------------------------------------------------------ what others say

    def _look_at_accounts(self) -> None:
        """Close the gates of accounts that are paused, open or switched off; put back what was not sent to them."""
        now = clock.now()
        self.outcomes.known = known = accounts.standings(now)
        for alias in {*known, *self.gates}:
            standing = known.get(alias, accounts.OPEN)
            if standing.until is None and alias not in self.gates:
                continue
            try:
                gate = self.gate(get_provider(alias))
            except ImproperlyConfigured:  # no longer in the settings
                continue
            gate.trial = standing.trial
            seconds = (standing.until - now).total_seconds() if standing.until else 0.0
            until = time.monotonic() + min(seconds, 3600.0) if seconds > 0 else 0.0
            gate.closed_until, gate.shut_until = (0.0, until) if standing.shut else (until, 0.0)
            if seconds > 0:
                self._put_back(alias, min(seconds, accounts.LONGEST_PAUSE))

    def _put_back(self, alias: str, seconds: float) -> None:
        unsent = [
            job
            for job in self.jobs.values()
            if job.provider.alias == alias and job.status == Status.SUBMITTING and not job.busy and not job.sent
        ]
        if unsent:
            claim.put_back(self.owner, [job.row for job in unsent], clock.now() + timedelta(seconds=min(seconds, 5.0)))
            for job in unsent:
                self.drop(job)

    def _look_for_hints(self) -> None:
        """Webhooks that came in: ask about these jobs now."""
        rows = TryOnResult.objects.filter(lease_owner=self.owner, hinted_at__isnull=False, next_at__isnull=False)
        for pk, hinted_at in rows.values_list("pk", "hinted_at"):
            job = self.jobs.get(pk)
            if job is not None and job.hinted_at != hinted_at and job.status == Status.PROCESSING:
                job.hinted_at = hinted_at
                self.schedule(job, 0.0)
        if not self.stopping:
            self.outcomes.verify_uncertain()


@contextlib.contextmanager
def _sigterm(handler: Callable[[], None]) -> Iterator[None]:
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
