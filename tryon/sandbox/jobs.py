"""Jobs on their way through a provider: waiting, being made, over; and the money that goes with it."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from tryon.sandbox.accounts import Account, Accounts
from tryon.sandbox.clock import Clock

logger = logging.getLogger(__name__)

State = Literal["starting", "queued", "processing", "completed", "failed", "canceled", "blocked"]
FINAL = frozenset({"completed", "failed", "canceled", "blocked"})
STARTING_PART = 0.3  # of the time in the queue

_TICK = 0.01  # seconds between looks while something is under way
KEPT_BYTES = 512 * 1024 * 1024  # of outputs; the oldest jobs that are over are forgotten first


class JobFailed(Exception):
    """Work that ends without a result, in the provider's own words. ``blocked``: by content rules."""

    def __init__(self, code: str, message: str, *, blocked: bool = False) -> None:
        super().__init__(code)
        self.code, self.message, self.blocked = code, message, blocked


@dataclass(frozen=True, slots=True)
class Made:
    """One finished file."""

    data: bytes = field(repr=False)
    mime: str
    name: str  # with its extension


Work = Callable[[], list[Made]]


@dataclass(frozen=True, slots=True)
class Terms:
    """When a job is paid. Where a document is silent, the worse case for the client is assumed."""

    at_submit: bool = False  # else on success; what is reserved meanwhile can't be spent twice
    refund_failed: bool = False
    refund_blocked: bool = False


@dataclass(slots=True)
class Job:
    """``fate`` is a fault that lies on the job: "stuck", "vanished", or none. Times are the clock's."""

    id: str
    provider: str
    operation: str
    account: Account
    cost: float
    terms: Terms
    created: float
    starts: float
    ends: float
    details: dict[str, Any] = field(default_factory=dict)
    fate: str = ""
    state: State = "starting"
    failure: JobFailed | None = None
    outputs: list[Made] = field(default_factory=list)
    paid: float = 0
    finished_at: float = 0
    finished: threading.Event = field(default_factory=threading.Event)
    future: Future[list[Made]] | None = field(default=None, repr=False)

    @property
    def live(self) -> bool:
        return self.state not in FINAL

    @property
    def size(self) -> int:
        """Bytes of its outputs."""
        return sum(len(made.data) for made in self.outputs)


class Jobs:
    """All jobs of a sandbox. ``on_finished`` is called once for each, from whichever thread saw it end."""

    def __init__(self, clock: Clock, accounts: Accounts, on_finished: Callable[[Job], None]) -> None:
        self._clock, self._accounts, self._on_finished = clock, accounts, on_finished
        self._jobs: dict[tuple[str, str], Job] = {}
        self._live: dict[tuple[str, str], Job] = {}
        self._ends: list[tuple[float, int, Job]] = []  # a heap: who is to be looked at next, and when
        self._order = itertools.count()
        self._held = 0
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sandbox-work")
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._pulse = threading.Thread(target=self._beat, name="sandbox-pulse", daemon=True)

    def start(self) -> None:
        self._pulse.start()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._pulse.is_alive():
            self._pulse.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, job: Job, work: Work) -> bool:
        """Take a job on. False when its account can't pay for it; then nothing has happened."""
        with self._lock:
            if not self._accounts.reserve(job.account, job.cost):
                return False
            if job.terms.at_submit:
                self._accounts.charge(job.account, job.cost, job.id)
                job.paid = job.cost
            self._jobs[job.provider, job.id] = self._live[job.provider, job.id] = job
            job.future = self._pool.submit(work)
            self._look_at(job, job.ends)
        self._wake.set()
        return True

    def get(self, provider: str, job_id: str) -> Job | None:
        self.settle()
        with self._lock:
            job = self._jobs.get((provider, job_id))
            if job is None or job.fate == "vanished":
                return None
            self._begin(job, self._clock.now())
            return job

    def of(self, account: Account) -> list[Job]:
        """The jobs of an account, oldest first."""
        self.settle()
        with self._lock:
            mine = [job for job in self._jobs.values() if job.account is account]
            for job in mine:
                self._begin(job, self._clock.now())
            return mine

    def live(self) -> list[Job]:
        with self._lock:
            return list(self._live.values())

    def cancel(self, job: Job) -> bool:
        """Stop a job that is under way; nothing is charged for it."""
        with self._lock:
            self.settle()
            if not job.live:
                return False
            self._end(job, "canceled")
        self._tell(job)
        return True

    def wait(self, job: Job) -> bool:
        """Until the job is over; False when the sandbox closes first."""
        while not job.finished.wait(0.05):
            if self._closing.is_set():
                return False
        return True

    def settle(self) -> None:
        """End every job whose time has come."""
        now = self._clock.now()
        ended, early = [], []
        with self._lock:
            while self._ends and self._ends[0][0] <= now:
                job = heapq.heappop(self._ends)[2]
                if not job.live or job.fate in ("stuck", "vanished"):
                    continue
                if job.future is None or not job.future.done():
                    early.append(job)  # its picture is not ready yet
                    continue
                self._begin(job, now)
                self._conclude(job, job.future)
                ended.append(job)
            for job in early:
                self._look_at(job, now + _TICK)
        for job in ended:
            self._tell(job)

    def _look_at(self, job: Job, when: float) -> None:
        heapq.heappush(self._ends, (when, next(self._order), job))

    def _begin(self, job: Job, now: float) -> None:
        """The state of a job under way, by the clock."""
        if not job.live:
            return
        if now >= job.starts:
            job.state = "processing"
        elif now >= job.created + (job.starts - job.created) * STARTING_PART:
            job.state = "queued"

    def _conclude(self, job: Job, future: Future[list[Made]]) -> None:
        fault = None if future.cancelled() else future.exception()
        if isinstance(fault, JobFailed):
            job.failure = fault
            self._end(job, "blocked" if fault.blocked else "failed")
        elif fault is not None or future.cancelled():
            logger.error("a job of the sandbox broke", exc_info=fault)
            job.failure = JobFailed("", "the sandbox itself failed; see its log")
            self._end(job, "failed")
        else:
            job.outputs = future.result()
            self._held += job.size
            self._make_room(job)
            self._end(job, "completed")

    def _make_room(self, newest: Job) -> None:
        for key, job in list(self._jobs.items()):
            if self._held <= KEPT_BYTES:
                return
            if not job.live and job is not newest:
                del self._jobs[key]
                self._held -= job.size

    def _end(self, job: Job, state: State) -> None:
        job.state, job.finished_at = state, self._clock.now()
        self._live.pop((job.provider, job.id), None)
        terms = job.terms
        if not terms.at_submit:
            kept = {"completed": True, "failed": not terms.refund_failed, "blocked": not terms.refund_blocked}
            if kept.get(state):
                self._accounts.charge(job.account, job.cost, job.id)
                job.paid = job.cost
            else:
                self._accounts.release(job.account, job.cost)
        elif (state == "failed" and terms.refund_failed) or (state == "blocked" and terms.refund_blocked):
            self._accounts.refund(job.account, job.cost, job.id)
            job.paid = 0
        job.future = None

    def _tell(self, job: Job) -> None:
        job.finished.set()
        self._on_finished(job)

    def _beat(self) -> None:
        """Jobs end on time although nobody asks: webhooks and balances depend on it."""
        while not self._closing.is_set():
            if self.live():
                self.settle()
                self._closing.wait(_TICK)
            else:
                self._wake.wait(0.5)
                self._wake.clear()
