"""Accounts with credits and rate windows, and the book of every call and charge."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tryon.sandbox.clock import Clock


def key_id(key: str) -> str:
    """How a key is named in the book: it can be compared, and it is not the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:8] if key else ""


@dataclass(slots=True)
class Call:
    """One request that reached the sandbox. ``charged`` is net: 0 again when the job failed and was refunded."""

    at: float
    provider: str
    method: str
    path: str
    endpoint: str = ""  # as documented, for example "POST /v1/run"
    stage: str = ""  # submit, status, cancel, balance, result, other
    key_id: str = ""
    job_id: str = ""
    status: int = 0  # 0: no whole answer was sent
    charged: float = 0
    refused: str = ""  # the provider's code, or "unknown parameter: x" and the like
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # things the document does not mention, and that were let through


@dataclass(frozen=True, slots=True)
class Charge:
    """One booking on an account. A refund has a negative amount."""

    at: float
    provider: str
    key_id: str
    job_id: str
    credits: float
    kind: Literal["charge", "refund"]


class Book:
    """Every call and every charge, in order. ``limit`` calls are kept; charges are all kept."""

    def __init__(self, limit: int = 20_000) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)
        self._charges: list[Charge] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def charge(self, charge: Charge) -> None:
        """Book it, and sum it up on the call that made the job."""
        with self._lock:
            self._charges.append(charge)
            for call in reversed(self._calls):
                if call.job_id == charge.job_id and call.provider == charge.provider and call.stage == "submit":
                    call.charged += charge.credits
                    break

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @property
    def charges(self) -> list[Charge]:
        with self._lock:
            return list(self._charges)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._charges.clear()


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds (of the document; the clock's pace shortens them)."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is left of a rate: ``retry_after`` is 0 while requests are allowed."""

    limit: int
    remaining: int
    reset_at: float  # clock time when the oldest request leaves the window
    retry_after: float


class Window:
    """A sliding window of one rate."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self.rate, self._clock = rate, clock
        self._times: deque[float] = deque()

    def take(self) -> Headroom:
        """Count a request when there is room for it."""
        headroom = self.look()
        if headroom.retry_after:
            return headroom
        self._times.append(self._clock.now())
        return self.look(counted=True)

    def look(self, counted: bool = False) -> Headroom:
        now, seconds = self._clock.now(), self.rate.seconds * self._clock.pace
        while self._times and self._times[0] <= now - seconds:
            self._times.popleft()
        remaining = max(0, self.rate.requests - len(self._times))
        reset_at = (self._times[0] if self._times else now) + seconds
        return Headroom(self.rate.requests, remaining, reset_at, 0 if remaining or counted else reset_at - now)


@dataclass(slots=True)
class Account:
    """What a provider knows about one key. ``credits`` are those not used up; ``reserved`` is a part of them."""

    provider: str
    key_id: str
    credits: float
    plan: str = ""
    reserved: float = 0
    windows: dict[str, Window] = field(default_factory=dict)

    @property
    def available(self) -> float:
        return self.credits - self.reserved


class Accounts:
    """The accounts by provider and key. A key seen first gets the provider's starting credits."""

    def __init__(self, clock: Clock, book: Book, starting: Callable[[str], tuple[float, str]]) -> None:
        self._clock, self._book, self._starting = clock, book, starting
        self._accounts: dict[tuple[str, str], Account] = {}
        self.lock = threading.RLock()

    def get(self, provider: str, key: str) -> Account:
        """A key with "empty" in it has no credits: a documented way to see a provider's refusal."""
        with self.lock:
            name = (provider, key_id(key))
            if name not in self._accounts:
                credits, plan = self._starting(provider)
                self._accounts[name] = Account(*name, credits=0 if "empty" in key else credits, plan=plan)
            return self._accounts[name]

    def all(self, provider: str = "") -> list[Account]:
        with self.lock:
            return [account for (name, _), account in self._accounts.items() if not provider or name == provider]

    def take(self, account: Account, name: str, rate: Rate) -> Headroom:
        with self.lock:
            window = account.windows.get(name)
            if window is None or window.rate != rate:
                window = account.windows[name] = Window(rate, self._clock)
            return window.take()

    def reserve(self, account: Account, credits: float) -> bool:
        with self.lock:
            if account.available < credits:
                return False
            account.reserved += credits
            return True

    def release(self, account: Account, credits: float) -> None:
        with self.lock:
            account.reserved -= credits

    def charge(self, account: Account, credits: float, job_id: str) -> None:
        """Take what was reserved."""
        with self.lock:
            account.reserved -= credits
            account.credits -= credits
        self._note(account, credits, job_id, "charge")

    def refund(self, account: Account, credits: float, job_id: str) -> None:
        with self.lock:
            account.credits += credits
        self._note(account, -credits, job_id, "refund")

    def _note(self, account: Account, credits: float, job_id: str, kind: Literal["charge", "refund"]) -> None:
        if credits:
            self._book.charge(Charge(self._clock.now(), account.provider, account.key_id, job_id, credits, kind))


def whole_seconds(seconds: float) -> str:
    """For ``Retry-After``: never 0, which would mean "at once"."""
    return str(max(1, math.ceil(seconds)))
