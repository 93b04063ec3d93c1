"""What an outcome means for a row, for the money and for the account. Pure functions: tested as tables."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.models import EntryState
from tryon.providers.base import Charged, ProviderError

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 60.0
FIRST_POLL_SECONDS = 2.0
SHORTEST_POLL_SECONDS = 0.5
POLL_SHARE_OF_ELAPSED = 0.06
PACE_SECONDS = 5.0  # of quiet after "too many requests" that does not say how long
JITTER = 0.1
EARLY_SHARE = 0.1  # of the first polls, by up to JITTER
LATE_AFTER, LATE_STEP, LATE_STEPS = 8, 0.8, 10
MONEY = {
    Charged.NO: EntryState.REFUNDED,
    Charged.YES: EntryState.COMMITTED,
    Charged.UNKNOWN: EntryState.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class Again:
    """Back to the queue; surely nothing was paid. ``counts``: it uses up one of the attempts."""

    seconds: float
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The end, or for ``uncertain`` the end of what we may do by ourselves."""

    status: Status
    code: str
    detail: str
    money: EntryState = EntryState.REFUNDED


@dataclass(frozen=True, slots=True)
class Seen:
    """When we saw that a job was done, in seconds since its submit, and how often we had asked by then."""

    seconds: float
    polls: int


@dataclass(frozen=True, slots=True)
class Health:
    """What an outcome says about the account. ``answered`` None: nothing."""

    answered: bool | None = None
    pause: float = 0.0  # seconds of quiet that were asked for
    shut: bool = False  # no key, no credit: no further call


FINE = Health(answered=True)


def after_submit_error(
    error: Exception, *, attempts: int, max_attempts: int, paid: bool, sent: bool, waited: float, patient: bool
) -> Again | Over:
    """A submit failed. A paid one that was sent and whose answer was not seen is never sent again.

    ``waited``: seconds since the row was made. ``patient``: nobody stands and waits for it.
    """
    if isinstance(error, ProviderError):
        if error.charged == Charged.UNKNOWN and paid and sent:
            return Over(Status.UNCERTAIN, error.code, error.detail, EntryState.UNCERTAIN)
        money = MONEY[error.charged] if paid and sent else EntryState.REFUNDED
        if error.code == "content_blocked":
            return Over(Status.BLOCKED, error.code, error.detail, money)
        if error.charged == Charged.NO and (error.retryable or (error.code == "config" and patient)):
            return Again(max(float(error.retry_after or 0), backoff(waited)))
        return Over(Status.FAILED, error.code, error.detail, money)
    if isinstance(error, TryOnError):  # the picture was refused: asking again changes nothing
        return Over(Status.FAILED, error.code, error.detail)
    name = type(error).__name__  # never its text: it may carry a URL or a body
    if paid and sent:
        return Over(Status.UNCERTAIN, "provider_down", name, EntryState.UNCERTAIN)
    if attempts < max_attempts:
        return Again(backoff(waited), counts=True)
    return Over(Status.FAILED, "provider_down", name)


def after_takeover(*, paid: bool, attempts: int, max_attempts: int) -> Over | None:
    """A row was found in ``submitting``: its drain died between intent and answer. None: send it (it is free)."""
    if paid:
        detail = "the worker died before the answer was seen"
        return Over(Status.UNCERTAIN, "provider_down", detail, EntryState.UNCERTAIN)
    if attempts >= max_attempts:
        return Over(Status.FAILED, "worker_died", f"{attempts} attempts without an outcome")
    return None


def health(error: Exception) -> Health:
    """What a failed call says about the account: refused pictures say that the provider is well."""
    if not isinstance(error, ProviderError):
        return Health(answered=True) if isinstance(error, TryOnError) else Health()
    wait = float(error.retry_after or 0)
    if error.pace:
        return Health(pause=wait or PACE_SECONDS)
    if error.code == "config":
        return Health(shut=True)
    if error.code in ("provider_down", "timed_out") and (error.retryable or error.charged == Charged.UNKNOWN):
        return Health(answered=False, pause=wait)
    return FINE


def backoff(waited: float) -> float:
    """As long again as was waited already, which doubles each time, with jitter."""
    longest = min(RETRY_CAP_SECONDS, max(RETRY_BASE_SECONDS, waited))
    return random.uniform(0.5, 1.0) * longest  # noqa: S311


def soonest(recent: Sequence[Seen]) -> float | None:
    """As long as the fastest of the provider's recent jobs (latest first) took. Less, when one job after the other was
    found done by the first question: then they may have been done long before."""
    in_a_row = len(list(takewhile(lambda seen: seen.polls <= 1, recent)))
    too_late = min(LATE_STEPS, max(0, in_a_row - LATE_AFTER))
    return min((seen.seconds for seen in recent), default=0.0) * LATE_STEP**too_late or None


def first_poll(soonest: float | None) -> float:
    """Seconds from submit to the first poll.

    What is known of other jobs is when we saw that they were done, so without the few that are asked about sooner our
    own waiting would be taken for the provider's, and grow from job to job.
    """
    wait = FIRST_POLL_SECONDS if soonest is None else soonest
    early = random.random() < EARLY_SHARE  # noqa: S311
    return wait * random.uniform(1 - JITTER, 1) if early else wait  # noqa: S311


def next_poll(elapsed: float, late: float = 0.0) -> float:
    """Seconds to the next poll: a small share of the time gone, so that the lag stays a small share of the whole.

    ``late``: so long had the last one to wait for its turn. Where there are more jobs than can be asked about in time,
    each is asked about less often, and what is done is not kept waiting by questions.
    """
    return jittered(max(SHORTEST_POLL_SECONDS, POLL_SHARE_OF_ELAPSED * elapsed, late))


def jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
