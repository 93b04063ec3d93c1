"""The numbers operators look at, in one place: plain queries over try-ons, the ledger and the funnel.

    report(period)   everything the overview, its CSV files and ``tryon_stats`` show

A try-on belongs to the moment it was asked for. Those whose rows are gone are counted from ``Outcome``. A whole report
takes six queries, however many rows there are.
"""

from __future__ import annotations

import bisect
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, FloatField, Func, IntegerField, Min, Q, QuerySet, Sum, Value, When
from django.utils import timezone

from tryon import funnel
from tryon.caps import COUNTED, MICRO
from tryon.choices import Operation, Status
from tryon.conf import conf
from tryon.models import EntryState, LedgerEntry, Outcome, Review, TryOnOutput, TryOnResult
from tryon.periods import DAY, HOUR, Period, midnight

NONE = Decimal(0)
SPENT = (EntryState.COMMITTED.value, EntryState.UNCERTAIN.value)
KINDS = {
    Status.SUCCEEDED.value: "succeeded",
    Status.FAILED.value: "failed",
    Status.BLOCKED.value: "failed",
    Status.CANCELED.value: "canceled",
}


# ---------------------------------------------------------------- what a report holds


@dataclass(frozen=True, slots=True)
class Spread:
    """Of some durations in seconds: how many, the middle one, and what 95 of 100 stay under. None: there were none."""

    count: int
    p50: float | None
    p95: float | None


@dataclass(slots=True)
class Totals:
    """Of a whole period. ``asked`` counts also those that are not over."""

    asked: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    spend: Decimal = NONE
    latency: Spread = field(default_factory=lambda: Spread(0, None, None))
    wait: Spread = field(default_factory=lambda: Spread(0, None, None))

    @property
    def success_rate(self) -> float | None:
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


@dataclass(slots=True)
class Approval:
    """What the shop thought of a provider's pictures, and what it paid for all it had made there."""

    approved: int = 0
    rejected: int = 0
    spend: Decimal = NONE

    @property
    def rate(self) -> float | None:
        seen = self.approved + self.rejected
        return self.approved / seen if seen else None

    @property
    def cost(self) -> Decimal | None:
        """Of one approved picture."""
        return (self.spend / self.approved).quantize(MICRO) if self.approved else None


@dataclass(frozen=True, slots=True)
class Budget:
    """Of the shop and a day. ``limit`` None: no cap is set."""

    limit: Decimal | None
    today: Decimal
    yesterday: Decimal

    def share(self, amount: Decimal) -> float | None:
        return float(amount / self.limit) if self.limit else None


@dataclass(frozen=True, slots=True)
class Waiting:
    count: int
    oldest: datetime | None
    due: datetime | None = None  # since when the first row waits for any worker


@dataclass(slots=True)
class Report:
    """Lists have one item for each cut of the period."""

    period: Period
    now: Totals
    before: Totals
    outcomes: dict[str, list[int]]
    waits: list[Spread]
    latency: dict[str, Spread]
    failures: list[tuple[str, int]]
    spend: dict[str, list[Decimal]]
    approvals: dict[str, Approval]
    funnel: dict[str, int]
    waiting: Waiting
    budget: Budget

    @property
    def cap(self) -> Decimal | None:
        """Of one step of the period."""
        return shop_cap({HOUR: "hour", DAY: "day"}.get(self.period.step, ""))


def shop_cap(window: str) -> Decimal | None:
    value = conf.CAPS.get("shop", {}).get(window)
    return None if value is None else Decimal(str(value))


# ---------------------------------------------------------------- making one


def report(period: Period, now: datetime | None = None) -> Report:
    now = now or timezone.now()
    runs = _Runs(period)
    runs.read()
    money = _Money(period)
    totals, before = runs.totals(0, len(period.cuts)), runs.totals(-1, 0)
    totals.spend, before.spend = money.now, money.before
    return Report(
        period=period,
        now=totals,
        before=before,
        outcomes={kind: runs.kinds[kind] for kind in ("succeeded", "failed", "canceled")},
        waits=[spread(waits) for waits in runs.waits],
        latency={provider: spread(took) for provider, took in sorted(runs.took.items())},
        failures=sorted(runs.failures.items(), key=lambda found: (-found[1], found[0])),
        spend=dict(sorted(money.spend.items())),
        approvals=_approvals(period, runs.reviews, money.shop),
        funnel=funnel.totals(period.first_day, period.last_day),
        waiting=waiting(now),
        budget=budget(now),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest values, in proportion; ``ordered`` is not empty."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    if not ordered:
        return Spread(0, None, None)
    return Spread(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.95))


class Epoch(Func):
    """Whole seconds since 1970, for a date column; exact, and quick on every database."""

    output_field = IntegerField()
    template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s)) AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)


class Seconds(Func):
    """``Seconds(end, start)``: between two date columns, to the millisecond."""

    output_field = FloatField()
    arity = 2
    arg_joiner = " - "
    template = "CAST(EXTRACT(EPOCH FROM (%(expressions)s)) AS double precision)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "ROUND((julianday(%(expressions)s)) * 86400.0, 3)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **context)


class _Runs:
    """Try-ons by the cut they belong to; cut -1 stands for the period before. One query, read as a stream."""

    def __init__(self, period: Period) -> None:
        self.period = period
        size = len(period.cuts)
        self.kinds: dict[str, list[int]] = defaultdict(lambda: [0] * size)
        self.waits: list[array[float]] = [array("d") for _ in range(size)]
        self.took: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self.failures: Counter[str] = Counter()
        self.reviews: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._both = (Totals(), Totals())  # before, now
        self._took = (array("d"), array("d"))
        self._waited = (array("d"), array("d"))

    def read(self) -> None:
        cuts = [cut.timestamp() for cut in self.period.cuts]
        for created, provider, status, code, waited, took, approved, rejected in self._rows():
            cut = bisect.bisect_right(cuts, created) - 1
            kind = KINDS.get(status)
            current = cut >= 0
            self._count(current, kind)
            if waited is not None:
                self._waited[current].append(waited)
            if kind == "succeeded" and took is not None:
                self._took[current].append(took)
            if current:
                self._add(cut, provider, kind, code, waited, took)
                if approved or rejected:
                    self.reviews[provider][0] += approved
                    self.reviews[provider][1] += rejected

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        span = {"created_at__gte": self.period.before, "created_at__lt": self.period.end}
        there = TryOnResult.objects.filter(**span).order_by()
        there = there.annotate(
            at=Epoch("created_at"),
            waited=Seconds("started_at", "created_at"),
            took=Seconds("finished_at", "started_at"),
            approved=Value(0),
            rejected=Value(0),
        )
        gone = Outcome.objects.filter(**span).order_by().annotate(at=Epoch("created_at"))
        columns = ("at", "provider", "status", "error_code", "waited", "took", "approved", "rejected")
        return there.values_list(*columns).union(gone.values_list(*columns), all=True).iterator(chunk_size=2000)

    def _count(self, current: bool, kind: str | None) -> None:
        totals = self._both[current]
        totals.asked += 1
        if kind:
            setattr(totals, kind, getattr(totals, kind) + 1)

    def _add(
        self, cut: int, provider: str, kind: str | None, code: str, waited: float | None, took: float | None
    ) -> None:
        if kind:
            self.kinds[kind][cut] += 1
        if kind == "failed":
            self.failures[code] += 1
        if waited is not None:
            self.waits[cut].append(waited)
        if kind == "succeeded" and took is not None:
            self.took[provider].append(took)

    def totals(self, first: int, last: int) -> Totals:
        current = first >= 0
        totals = self._both[current]
        totals.latency, totals.wait = spread(self._took[current]), spread(self._waited[current])
        return totals


class _Money:
    """What was spent, by provider and cut; and what the shop's own pictures cost, by provider."""

    def __init__(self, period: Period) -> None:
        self.now = self.before = NONE
        self.spend: dict[str, list[Decimal]] = defaultdict(lambda: [NONE] * len(period.cuts))
        self.shop: dict[str, Decimal] = defaultdict(lambda: NONE)
        entries = LedgerEntry.objects.filter(
            created_at__gte=period.before, created_at__lt=period.end, state__in=SPENT, amount__gt=0
        ).order_by()
        rows = entries.annotate(cut=_cut(period)).values_list("cut", "provider", "operation")
        for cut, provider, operation, total in rows.annotate(Sum("amount")):
            amount = total.quantize(MICRO)  # SQLite adds in binary
            if cut < 0:
                self.before += amount
                continue
            self.now += amount
            self.spend[provider][cut] += amount
            if operation != Operation.TRY_ON.value:
                self.shop[provider] += amount


def _cut(period: Period) -> Case:
    later = zip(period.cuts[1:], range(len(period.cuts)), strict=False)
    return Case(
        When(created_at__lt=period.start, then=Value(-1)),
        *(When(created_at__lt=cut, then=Value(number)) for cut, number in later),
        default=Value(len(period.cuts) - 1),
        output_field=IntegerField(),
    )


def _approvals(period: Period, gone: Mapping[str, Sequence[int]], spend: Mapping[str, Decimal]) -> dict[str, Approval]:
    found: dict[str, Approval] = defaultdict(Approval)
    for provider, (approved, rejected) in gone.items():
        found[provider].approved += approved
        found[provider].rejected += rejected
    outputs: QuerySet[Any] = TryOnOutput.objects.filter(
        review__in=[Review.APPROVED.value, Review.REJECTED.value],
        result__created_at__gte=period.start,
        result__created_at__lt=period.end,
    )
    for provider, review, number in outputs.order_by().values_list("result__provider", "review").annotate(Count("pk")):
        one = found[provider]
        setattr(one, review, getattr(one, review) + number)
    for provider, one in found.items():
        one.spend = spend.get(provider, NONE)
    return dict(sorted(found.items()))


# ---------------------------------------------------------------- just now


def waiting(now: datetime) -> Waiting:
    """What nobody has begun yet; a paused batch does not wait."""
    queued = Q(status=Status.QUEUED.value)
    found = TryOnResult.objects.live().aggregate(
        number=Count("pk", filter=queued),
        oldest=Min("created_at", filter=queued),
        due=Min("next_at", filter=Q(next_at__lte=now, lease_owner="")),
    )
    return Waiting(found["number"], found["oldest"], found["due"])


def budget(now: datetime | None = None) -> Budget:
    """What the shop's cap of a day counts, today and yesterday."""
    today = midnight(timezone.localdate(now))
    yesterday = midnight(timezone.localdate(now) - DAY)
    counted = LedgerEntry.objects.filter(state__in=COUNTED, created_at__gte=yesterday)
    sums = counted.aggregate(
        today=Sum("amount", filter=Q(created_at__gte=today)), yesterday=Sum("amount", filter=Q(created_at__lt=today))
    )
    both = ((sums[day] or NONE).quantize(MICRO) for day in ("today", "yesterday"))
    return Budget(shop_cap("day"), *both)
