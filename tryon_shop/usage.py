"""Sixty days of invented usage, so that every plot of the overview has a shape.

No shopper, no photo, no try-on row: only what is left of try-ons that are gone, ledger rows and counts of the funnel.
The quota, the queue and the estimate of waiting time look at real rows and notice nothing. Today has no ledger rows:
they would use up today's budget. Each day is drawn from its own date, and what is there of a day is left alone.
"""

from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from tryon.choices import FunnelStep, Operation, Status
from tryon.models import EntryState, FunnelCount, LedgerEntry, Outcome

DAYS = 60
REASON = "demo"
OUTAGE, SALE = 17, 9  # days ago: one when a provider was down, one when the shop was full
HOURS = (1, 1, 1, 0, 0, 1, 2, 4, 6, 8, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 16, 15, 9, 4)  # when people shop
PHOTO_FAULTS = ("no_person", "no_person", "several_people", "image_too_small", "turned_away")


@dataclass(frozen=True)
class Maker:
    """A provider: its share of the work, its price, its usual time, and how often it fails and pleases."""

    alias: str
    share: int
    price: Decimal
    seconds: float
    failing: float
    pleasing: float


MAKERS = (
    Maker("fashn", 55, Decimal("0.075"), 9.0, 0.02, 0.78),
    Maker("pixelcut", 25, Decimal("0.1"), 14.0, 0.04, 0.61),
    Maker("local", 20, Decimal(0), 3.5, 0.03, 0.34),
)


def invent(now: datetime | None = None) -> dict[str, int]:
    """Fill in the days that are missing, up to ``now``: how many were created and left as they were."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    start = _at(today - timedelta(days=DAYS - 1))
    there = {timezone.localdate(at) for at in _demo(start).values_list("created_at", flat=True)}
    payments = LedgerEntry.objects.filter(reason=REASON, created_at__gte=start)
    paid = {timezone.localdate(at) for at in payments.values_list("created_at", flat=True)}
    outcomes: list[Outcome] = []
    entries: list[LedgerEntry] = []
    counts: list[FunnelCount] = []
    created = 0
    for ago in range(DAYS):
        day = today - timedelta(days=ago)
        drawn = _Day(day, ago, now)
        if ago and day not in paid:
            entries += drawn.entries
        if day in there:
            continue
        created += 1
        outcomes += drawn.outcomes
        counts += drawn.counts
    Outcome.objects.bulk_create(outcomes, batch_size=1000)
    LedgerEntry.objects.bulk_create(entries, batch_size=1000)
    FunnelCount.objects.bulk_create(counts, ignore_conflicts=True)  # a real count stays as it is
    return {what: number for what, number in (("created", created), ("unchanged", DAYS - created)) if number}


def _demo(start: datetime) -> QuerySet[Outcome]:
    return Outcome.objects.filter(demo=True, created_at__gte=start)


def _at(day: date, hour: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour)))


class _Day:
    def __init__(self, day: date, ago: int, now: datetime) -> None:
        self.day, self.ago, self.now = day, ago, now
        self.random = random.Random(day.toordinal())
        self.outcomes: list[Outcome] = []
        self.entries: list[LedgerEntry] = []
        growth = 1.0 - 0.45 * ago / DAYS
        weekend = 1.35 if day.weekday() >= 5 else 1.0
        self.busy = (1.7 if ago == SALE else 1.0) * self.random.uniform(0.9, 1.1)
        for _ in range(int(70 * growth * weekend * self.busy)):
            self._preview()
        if day.weekday() < 5:
            for _ in range(self.random.randint(6, 16)):
                self._shot()
        self.counts = self._funnel()

    def _moment(self) -> datetime:
        hour = self.random.choices(range(24), HOURS)[0]
        return _at(self.day, hour) + timedelta(seconds=self.random.uniform(0, 3599))

    def _preview(self) -> None:
        maker = self.random.choices(MAKERS, [one.share for one in MAKERS])[0]
        chance = self.random.random()
        if self.ago == OUTAGE and maker.alias == "fashn" and chance < 0.55:
            self._add(maker, Operation.TRY_ON, Status.FAILED, "provider_down")
        elif chance < maker.failing:
            self._add(maker, Operation.TRY_ON, Status.FAILED, self.random.choice(("timed_out", "provider_down")))
        elif chance < maker.failing + 0.06:
            self._add(maker, Operation.TRY_ON, Status.FAILED, self.random.choice(PHOTO_FAULTS))
        elif chance < maker.failing + 0.065:
            self._add(maker, Operation.TRY_ON, Status.BLOCKED, "content_blocked")
        elif chance < maker.failing + 0.10:
            self._add(maker, Operation.TRY_ON, Status.CANCELED, "canceled")
        else:
            self._add(maker, Operation.TRY_ON, Status.SUCCEEDED)

    def _shot(self) -> None:
        maker = self.random.choice(MAKERS)
        seen = self.random.random()
        liked = seen < maker.pleasing
        self._add(
            maker, Operation.MODEL_SHOT, Status.SUCCEEDED, approved=int(liked), rejected=int(not liked and seen < 0.95)
        )

    def _add(self, maker: Maker, operation: Operation, status: Status, code: str = "", **review: int) -> None:
        created = self._moment()
        if created > self.now:
            return
        wait = self.random.lognormvariate(-0.7, 0.7) * (6 if self.ago == SALE else 1)
        took = maker.seconds * self.random.lognormvariate(0, 0.28)
        self.outcomes.append(
            Outcome(
                provider=maker.alias,
                operation=operation.value,
                status=status.value,
                error_code=code,
                created_at=created,
                waited=round(wait, 3),
                took=round(took, 3),
                demo=True,
                **review,
            )
        )
        if maker.price and status != Status.CANCELED:
            self._pay(maker, operation, status, created, took)

    def _pay(self, maker: Maker, operation: Operation, status: Status, created: datetime, took: float) -> None:
        paid = status == Status.SUCCEEDED
        state = EntryState.COMMITTED if paid else EntryState.REFUNDED
        self.entries.append(
            LedgerEntry(
                result_id=uuid.UUID(int=self.random.getrandbits(128), version=4),
                provider=maker.alias,
                operation=operation.value,
                category="upper",
                state=state.value,
                credits=1,
                amount=maker.price,
                reason=REASON,
                created_at=created,
                settled_at=created + timedelta(seconds=took),
            )
        )

    def _funnel(self) -> list[FunnelCount]:
        previews = [row for row in self.outcomes if row.operation == Operation.TRY_ON.value]
        done = sum(row.status == Status.SUCCEEDED.value for row in previews)
        started = len(previews)
        photo = math.ceil(started * self.random.uniform(1.15, 1.3))
        counts = {
            FunnelStep.OPENED: math.ceil(photo * self.random.uniform(1.5, 1.8)),
            FunnelStep.PHOTO: photo,
            FunnelStep.STARTED: started,
            FunnelStep.DONE: done,
            FunnelStep.BAG: round(done * self.random.uniform(0.18, 0.3)),
        }
        return [FunnelCount(day=self.day, step=step.value, count=number) for step, number in counts.items()]
