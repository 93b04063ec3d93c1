"""Threads for one style of provider, and how many calls an account may get while nobody knows whether it answers."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from tryon.providers.base import CallStyle, Provider
from tryon.runner.accounts import MARGIN, has_company

POLLING_THREADS = 64
BLOCKING_THREADS = 64
MAX_HELD = 5000
COLD_BLOCKING = 16  # long calls at once to a provider that has not answered yet
TOO_LATE_SECONDS = 1.0  # a reserved time that was missed by this is given up
WARM_SECONDS = 300.0  # an answer proves for this long that the provider is there

_last_answer: dict[str, float] = {}  # alias -> when it last answered this process


def cpu_threads() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Lane:
    """A bounded set of threads, so that a slow call never delays another style.

    They are daemons and started as they are needed: a call that hangs must not keep the process from ending.
    """

    def __init__(self, name: str, threads: int, room: int) -> None:
        self.name, self.threads, self.room = name, threads, room  # room: rows the drain may hold for this lane
        self.held = 0
        self.running = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._started = 0

    def submit(self, step: Callable[[], None]) -> None:
        self.running += 1
        if self._started < min(self.threads, self.running):
            self._started += 1
            threading.Thread(target=self._serve, name=f"tryon-{self.name}-{self._started}", daemon=True).start()
        self._work.put(step)

    def close(self) -> None:
        """Idle threads end; one that is in a call ends after it."""
        for _ in range(self._started):
            self._work.put(None)

    def _serve(self) -> None:
        while (step := self._work.get()) is not None:
            step()


def lanes() -> dict[CallStyle, Lane]:
    cores = cpu_threads()
    return {
        CallStyle.POLLING: Lane("polling", POLLING_THREADS, MAX_HELD),
        CallStyle.BLOCKING: Lane("blocking", BLOCKING_THREADS, BLOCKING_THREADS),
        CallStyle.CPU: Lane("cpu", cores, cores),
    }


class Pace:
    """A strict window of what really left this process: times that were reserved say when it should have.

    ``shared``: between ours lie the times of other processes.
    """

    def __init__(self, calls: int, seconds: float, *, shared: bool = False) -> None:
        self.calls, self.period = calls, seconds * MARGIN
        self._late = min(TOO_LATE_SECONDS, self.period - seconds) if shared else TOO_LATE_SECONDS
        self._shared = shared
        self._gave_up = False  # the last time
        self._left: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0.0: it may leave now, and is counted; otherwise how long to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            while self._left and self._left[0] <= now - self.period:
                self._left.popleft()
            if len(self._left) >= self.calls:
                return self._left[0] + self.period - now
            self._left.append(now)
            return 0.0

    def gives_up(self, late: float) -> bool:
        """Whether a reserved time that was missed by so many seconds is given up, as the call may meet another's.

        Where other processes count on the margin no more than that may be missed; a machine that is late again sends
        all the same.
        """
        with self._lock:
            near = self._shared or len(self._left) * 2 >= self.calls
            self._gave_up = near and late > (TOO_LATE_SECONDS if self._gave_up else self._late)
            return self._gave_up


_paces: dict[tuple[str, int, float], Pace] = {}


def pace_of(provider: Provider) -> Pace | None:
    """The same for all drains of this process, one after the other."""
    if not provider.rate:
        return None
    key = (provider.alias, provider.rate.calls, provider.rate.seconds)
    return _paces.setdefault(key, Pace(key[1], key[2], shared=has_company()))


class Gate:
    """How many calls of one account may be under way from this drain. In the drain's main thread only.

    A provider that is dead, or out of credits, is found out by one call and not by as many as there are threads: until
    the first answer only one goes (a few, where an answer takes long).
    """

    def __init__(self, provider: Provider) -> None:
        self.alias = provider.alias
        self.running = 0
        self.closed_until = 0.0  # monotonic
        self.shut_until = 0.0  # for submits: what is paid is asked about all the same
        self.trial = False
        self._cold = COLD_BLOCKING if provider.style == CallStyle.BLOCKING else 1
        self._free = not provider.leaves_server  # nobody to knock at
        self._rate = provider.poll_rate
        self._polls: deque[float] = deque()

    def wait(self, *, submit: bool, poll: bool) -> float | None:
        """Seconds until a call may start; 0.0: now; None: when one that is under way has come back."""
        now = time.monotonic()
        until = self.quiet_until if submit else self.closed_until
        if until > now:
            return until - now
        if not self.is_warm and self.running >= (1 if self.trial else self._cold):
            return None
        return self._poll_wait(now) if poll and self._rate else 0.0

    @property
    def is_warm(self) -> bool:
        return self._free or (not self.trial and _last_answer.get(self.alias, -1e9) > time.monotonic() - WARM_SECONDS)

    @property
    def quiet_until(self) -> float:
        """When something new may be sent."""
        return max(self.closed_until, self.shut_until)

    def shut(self, seconds: float) -> None:
        """No key, no credit, switched off."""
        self.shut_until = max(self.shut_until, time.monotonic() + seconds)

    def close(self, seconds: float) -> None:
        self.closed_until = max(self.closed_until, time.monotonic() + seconds)

    def start(self, *, poll: bool) -> None:
        self.running += 1
        if poll and self._rate:
            self._polls.append(time.monotonic())

    def done(self, answered: bool | None) -> None:
        self.running -= 1
        if answered:
            _last_answer[self.alias] = time.monotonic()
        elif answered is False:
            _last_answer.pop(self.alias, None)

    def _poll_wait(self, now: float) -> float:
        """Status endpoints have limits of their own."""
        period = self._rate.seconds * MARGIN
        while self._polls and self._polls[0] <= now - period:
            self._polls.popleft()
        return 0.0 if len(self._polls) < self._rate.calls else self._polls[0] + period - now
