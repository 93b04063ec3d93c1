"""How long a provider has taken lately: for the first poll and for the shopper's estimate."""

from __future__ import annotations

import time

from django.db.models import F

from tryon.choices import Status
from tryon.models import TryOnResult

SAMPLE = 50
STARTED, SUBMITTED = "started_at", "submitted_at"  # when we took the row, and when the provider had it


def latencies(provider: str, operation: str, since: str = STARTED) -> list[float]:
    """Seconds from ``since`` to the end of the last ``SAMPLE`` successes, shortest first."""
    rows = (
        TryOnResult.objects.filter(provider=provider, operation=operation, status=Status.SUCCEEDED)
        .exclude(**{since: None})
        .order_by(F("finished_at").desc())
        .values_list(since, "finished_at")[:SAMPLE]
    )
    return sorted((end - start).total_seconds() for start, end in rows if start and end)


def usual_latency(provider: str, operation: str) -> float | None:
    """The median, or None when nothing is known."""
    return _usual(latencies(provider, operation))


def _usual(found: list[float]) -> float | None:
    return found[len(found) // 2] if found else None


class Latencies:
    """The same, asked of the database once in a few seconds and not once a job or a poll."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self._known: dict[tuple[str, ...], tuple[float, list[float]]] = {}

    def fastest(self, provider: str, operation: str) -> float | None:
        return next(iter(self._latest(provider, operation, SUBMITTED)), None)

    def usual(self, provider: str, operation: str) -> float | None:
        return _usual(self._latest(provider, operation, STARTED))

    def _latest(self, *asked: str) -> list[float]:
        until, found = self._known.get(asked, (0.0, []))
        if until < time.monotonic():
            found = latencies(*asked)
            self._known[asked] = (time.monotonic() + self.seconds, found)
        return found
