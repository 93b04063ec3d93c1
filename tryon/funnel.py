"""How many come how far, day by day. Numbers only: no cookie, no address, no product, no person."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from tryon.choices import FunnelStep
from tryon.models import FunnelCount


def count(step: FunnelStep, day: date | None = None) -> None:
    """One more. One UPDATE, right under any concurrency; the first of a day makes the row."""
    row = FunnelCount.objects.filter(day=day or timezone.localdate(), step=step.value)
    if row.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            FunnelCount.objects.create(day=day or timezone.localdate(), step=step.value, count=1)
    except IntegrityError:  # another process made it
        row.update(count=F("count") + 1)


def totals(first: date, last: date) -> dict[str, int]:
    """Step -> how often from ``first`` to ``last``, both included; every step, in the order of the way."""
    found = dict(
        FunnelCount.objects.filter(day__gte=first, day__lte=last).order_by().values_list("step").annotate(Sum("count"))
    )
    return {step.value: found.get(step.value, 0) for step in FunnelStep}
