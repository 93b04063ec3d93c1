"""How long a provider has taken lately: for the first poll and for the shopper's estimate."""

from __future__ import annotations

from django.db.models import F

from tryon.choices import Status
from tryon.models import TryOnResult

SAMPLE = 50


def latencies(provider: str, operation: str) -> list[float]:
    """Seconds from submit to end of the last ``SAMPLE`` successes, shortest first."""
    rows = (
        TryOnResult.objects.filter(provider=provider, operation=operation, status=Status.SUCCEEDED)
        .exclude(started_at=None)
        .order_by(F("finished_at").desc())
        .values_list("started_at", "finished_at")[:SAMPLE]
    )
    return sorted((end - start).total_seconds() for start, end in rows if start and end)


def fast_latency(provider: str, operation: str) -> float | None:
    """The 5th percentile, or None when nothing is known."""
    found = latencies(provider, operation)
    return found[len(found) // 20] if found else None


def usual_latency(provider: str, operation: str) -> float | None:
    """The median, or None when nothing is known."""
    found = latencies(provider, operation)
    return found[len(found) // 2] if found else None
