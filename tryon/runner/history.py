"""How long a provider has taken lately: for the first poll and for the shopper's estimate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db.models import F, QuerySet

from tryon.choices import Status
from tryon.models import TryOnResult
from tryon.runner.decide import Seen, soonest

SAMPLE = 50


def seen(provider: str, operation: str) -> list[Seen]:
    """Of the last ``SAMPLE`` successes, latest first."""
    return [
        Seen((end - start).total_seconds(), polls)
        for start, end, polls in _successes(provider, operation).values_list("submitted_at", "finished_at", "polls")
        if start and end
    ]


def usual_latency(provider: str, operation: str) -> float | None:
    """The median of the last ``SAMPLE`` successes, from when we took the row; None when nothing is known."""
    rows = _successes(provider, operation).values_list("started_at", "finished_at")
    found = sorted((end - start).total_seconds() for start, end in rows if start and end)
    return found[len(found) // 2] if found else None


def _successes(provider: str, operation: str) -> QuerySet[TryOnResult]:
    rows = TryOnResult.objects.filter(provider=provider, operation=operation, status=Status.SUCCEEDED)
    return rows.order_by(F("finished_at").desc())[:SAMPLE]


class Latencies:
    """The same, asked of the database once in a few seconds and not once a job or a page."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self._known: dict[tuple[Any, ...], tuple[float, float | None]] = {}

    def soonest(self, provider: str, operation: str) -> float | None:
        """When its first poll makes sense."""
        return self._latest(_soonest, provider, operation)

    def usual(self, provider: str, operation: str) -> float | None:
        return self._latest(usual_latency, provider, operation)

    def _latest(self, ask: Callable[[str, str], float | None], *about: str) -> float | None:
        until, found = self._known.get((ask, *about), (0.0, None))
        if until < time.monotonic():
            found = ask(*about)
            self._known[ask, *about] = (time.monotonic() + self.seconds, found)
        return found


def _soonest(provider: str, operation: str) -> float | None:
    return soonest(seen(provider, operation))
