"""What an outcome means for a row. Pure functions: tested as tables, without a worker."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.providers.base import Charged, ProviderError

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 60.0
FIRST_POLL_SECONDS = 2.0
SHORTEST_POLL_SECONDS = 0.5
POLL_SHARE_OF_ELAPSED = 0.06
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Again:
    """Back to the queue; nothing was paid."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Over:
    """The end, or for ``uncertain`` the end of what we may do by ourselves."""

    status: Status
    code: str
    detail: str


def after_submit_error(error: Exception, *, attempts: int, max_attempts: int, paid: bool) -> Again | Over:
    """A submit failed. A paid one whose answer was not seen is never sent again."""
    if isinstance(error, ProviderError):
        if error.charged == Charged.UNKNOWN and paid:
            return Over(Status.UNCERTAIN, error.code, error.detail)
        if error.code == "content_blocked":
            return Over(Status.BLOCKED, error.code, error.detail)
        if error.retryable and error.charged == Charged.NO and attempts < max_attempts:
            return Again(float(error.retry_after or backoff(attempts)))
        return Over(Status.FAILED, error.code, error.detail)
    if isinstance(error, TryOnError):  # the picture was refused: asking again changes nothing
        return Over(Status.FAILED, error.code, error.detail)
    name = type(error).__name__  # never its text: it may carry a URL or a body
    if paid:
        return Over(Status.UNCERTAIN, "provider_down", name)
    if attempts < max_attempts:
        return Again(backoff(attempts))
    return Over(Status.FAILED, "provider_down", name)


def after_takeover(*, paid: bool) -> Over | None:
    """A row was found in ``submitting``: its drain died between intent and answer. None: send it (it is free)."""
    if paid:
        return Over(Status.UNCERTAIN, "provider_down", "the worker died before the answer was seen")
    return None


def backoff(attempts: int) -> float:
    """Exponential with full jitter."""
    longest = min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2.0 ** max(0, attempts - 1))
    return random.uniform(0.5, 1.0) * longest  # noqa: S311


def first_poll(fast_latency: float | None) -> float:
    """Seconds from submit to the first poll: the 5th percentile of the provider's recent latencies, if known."""
    return _jittered(fast_latency if fast_latency is not None else FIRST_POLL_SECONDS)


def next_poll(elapsed: float) -> float:
    """Seconds to the next poll: a small share of the time gone, so that the lag stays a small share of the whole."""
    return _jittered(max(SHORTEST_POLL_SECONDS, POLL_SHARE_OF_ELAPSED * elapsed))


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
