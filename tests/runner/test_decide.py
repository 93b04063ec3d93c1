"""The tables of the runner: what an outcome means for the row, the money and the account."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.models import EntryState
from tryon.providers.base import Charged, ProviderError
from tryon.runner import decide
from tryon.runner.decide import Again, Over, Seen
from tryon.runner.history import SAMPLE

NO, YES, UNKNOWN = Charged.NO, Charged.YES, Charged.UNKNOWN


def fault(code: str = "provider_down", **options: Any) -> ProviderError:
    return ProviderError(code, "why", **options)


def decided(error: Exception, **changes: Any) -> Again | Over:
    given = {"attempts": 1, "max_attempts": 3, "paid": True, "sent": True, "waited": 1.0, "patient": False, **changes}
    return decide.after_submit_error(error, **given)


@pytest.mark.parametrize(
    ("error", "changes", "status", "money"),
    [
        (fault(charged=UNKNOWN), {}, Status.UNCERTAIN, EntryState.UNCERTAIN),
        (fault("timed_out", charged=UNKNOWN), {}, Status.UNCERTAIN, EntryState.UNCERTAIN),
        (fault(charged=UNKNOWN), {"paid": False}, Status.FAILED, EntryState.REFUNDED),
        (fault(charged=UNKNOWN), {"sent": False}, Status.FAILED, EntryState.REFUNDED),
        (fault("content_blocked"), {}, Status.BLOCKED, EntryState.REFUNDED),
        (fault("content_blocked", charged=YES), {}, Status.BLOCKED, EntryState.COMMITTED),
        (fault("no_person"), {}, Status.FAILED, EntryState.REFUNDED),
        (fault(charged=YES), {}, Status.FAILED, EntryState.COMMITTED),
        (fault("config"), {}, Status.FAILED, EntryState.REFUNDED),
        (TryOnError("no_person"), {}, Status.FAILED, EntryState.REFUNDED),
        (RuntimeError("secret"), {}, Status.UNCERTAIN, EntryState.UNCERTAIN),
        (RuntimeError("secret"), {"sent": False, "attempts": 3}, Status.FAILED, EntryState.REFUNDED),
        (RuntimeError("secret"), {"paid": False, "attempts": 3}, Status.FAILED, EntryState.REFUNDED),
    ],
)
def test_the_end(error: Exception, changes: dict[str, Any], status: Status, money: EntryState) -> None:
    found = decided(error, **changes)
    assert isinstance(found, Over)
    assert (found.status, found.money) == (status, money)
    assert "secret" not in found.detail


@pytest.mark.parametrize(
    ("error", "changes", "at_least", "counts"),
    [
        (fault(retryable=True), {}, 1.0, False),
        (fault(retryable=True), {"attempts": 9}, 1.0, False),
        (fault(retryable=True, retry_after=30), {}, 30.0, False),
        (fault(retryable=True), {"waited": 40.0}, 20.0, False),
        (fault("config"), {"patient": True}, 1.0, False),
        (RuntimeError(), {"paid": False}, 1.0, True),
        (RuntimeError(), {"sent": False}, 1.0, True),
    ],
)
def test_again(error: Exception, changes: dict[str, Any], at_least: float, counts: bool) -> None:
    found = decided(error, **changes)
    assert isinstance(found, Again)
    assert at_least <= found.seconds <= 60.0
    assert found.counts == counts


@pytest.mark.parametrize(
    ("error", "answered", "pause", "shut"),
    [
        (fault(retryable=True), False, 0, False),
        (fault("timed_out", charged=UNKNOWN), False, 0, False),
        (fault(retryable=True, retry_after=7), False, 7, False),
        (fault(retryable=True, pace=True), None, decide.PACE_SECONDS, False),
        (fault(retryable=True, pace=True, retry_after=9), None, 9, False),
        (fault("config"), None, 0, True),
        (fault("no_person"), True, 0, False),
        (fault("content_blocked"), True, 0, False),
        (fault(), True, 0, False),
        (TryOnError("no_person"), True, 0, False),
        (RuntimeError(), None, 0, False),
    ],
)
def test_health(error: Exception, answered: bool | None, pause: float, shut: bool) -> None:
    found = decide.health(error)
    assert (found.answered, found.pause, found.shut) == (answered, pause, shut)


@pytest.mark.parametrize(
    ("paid", "attempts", "status"),
    [(True, 1, Status.UNCERTAIN), (True, 3, Status.UNCERTAIN), (False, 2, None), (False, 3, Status.FAILED)],
)
def test_takeover(paid: bool, attempts: int, status: Status | None) -> None:
    found = decide.after_takeover(paid=paid, attempts=attempts, max_attempts=3)
    assert (found.status if found else None) == status


def asked_about(seconds: float, recent: Sequence[Seen]) -> Seen:
    """When a job that takes ``seconds`` is seen to be done."""
    at, polls = decide.first_poll(decide.soonest(recent)), 1
    while at < seconds:
        at, polls = at + decide.next_poll(at), polls + 1
    return Seen(at, polls)


@pytest.fixture
def seeded() -> Iterator[None]:
    state = random.getstate()
    random.seed(1)
    yield
    random.setstate(state)


@pytest.mark.parametrize(
    ("takes", "lag", "polls"),
    [
        (lambda: 5.0, 0.04, 1.7),
        (lambda: 12 * random.lognormvariate(0, 0.15), 0.04, 7.0),
        (lambda: 20 * random.lognormvariate(0, 0.5), 0.065, 17.0),
    ],
    ids=["always 5 s", "about 12 s", "widely about 20 s"],
)
@pytest.mark.usefixtures("seeded")
def test_polls_come_soon_after_the_result(takes: Callable[[], float], lag: float, polls: float) -> None:
    """What was seen of the jobs before says when to ask about the next ones, our own lateness included."""
    jobs, asked, behind = 6000, 0, 0.0
    recent: deque[Seen] = deque(maxlen=SAMPLE)
    for _ in range(jobs // 40):  # so many at once
        seconds = [takes() for _ in range(40)]
        seen = [asked_about(each, list(recent)) for each in seconds]
        asked += sum(each.polls for each in seen)
        behind += sum((each.seconds - took) / took for each, took in zip(seen, seconds, strict=True))
        late = [Seen(each.seconds + random.uniform(0.02, 0.08), each.polls) for each in seen]  # fetched, written
        recent.extendleft(sorted(late, key=lambda each: each.seconds))
    assert behind / jobs < lag
    assert asked / jobs < polls


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(("before", "now"), [([30.0], 6.0), ([62.0] * 50, 8.0)])
def test_a_provider_that_became_faster_is_noticed_soon(before: list[float], now: float) -> None:
    recent = deque([Seen(each, 3) for each in before], maxlen=SAMPLE)
    for _ in range(20):
        recent.appendleft(asked_about(now, list(recent)))
    assert recent[0].seconds < 1.2 * now


def test_a_provider_of_which_nothing_is_known_is_asked_soon() -> None:
    assert decide.first_poll(decide.soonest([])) <= decide.FIRST_POLL_SECONDS
