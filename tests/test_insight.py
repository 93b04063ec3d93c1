"""The numbers equal those worked out by hand on a small fixture, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tryon import insight, periods, retention
from tryon.choices import Operation, Status
from tryon.models import (
    EntryState,
    FunnelCount,
    Garment,
    LedgerEntry,
    Outcome,
    Review,
    TryOnOutput,
    TryOnResult,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def make(garment: Garment) -> Callable[..., TryOnResult]:
    """A row as the runner leaves it: asked for ``ago``, begun after ``waited`` seconds, over after ``took`` more."""

    def make(
        status: Status,
        ago: timedelta,
        *,
        provider: str = "fashn",
        waited: float | None = 2.0,
        took: float | None = 10.0,
        **fields: Any,
    ) -> TryOnResult:
        created = NOW - ago
        started = None if waited is None else created + timedelta(seconds=waited)
        finished = None if started is None or took is None else started + timedelta(seconds=took)
        return TryOnResult.objects.create(
            garment=garment,
            status=status,
            provider=provider,
            created_at=created,
            started_at=started,
            finished_at=finished,
            next_at=created if status == Status.QUEUED else None,
            deadline_at=created + DAY,
            **fields,
        )

    return make


def spend(provider: str, amount: str, ago: timedelta, state: EntryState = EntryState.COMMITTED, **fields: Any) -> None:
    row = TryOnResult().pk
    defaults = {"operation": Operation.TRY_ON.value, "result_id": row}
    LedgerEntry.objects.create(
        provider=provider, amount=Decimal(amount), created_at=NOW - ago, state=state, **{**defaults, **fields}
    )


def output(row: TryOnResult, review: Review) -> TryOnOutput:
    return TryOnOutput.objects.create(result=row, width=1, height=1, review=review.value)


class TestPeriods:
    def test_a_day_is_cut_at_full_hours(self) -> None:
        period = periods.named("24h", NOW)
        assert (period.start, period.end) == (NOW - DAY, NOW)
        assert len(period.cuts) == 25
        assert period.cuts[:2] == (NOW - DAY, datetime(2026, 3, 19, 16, 0, tzinfo=UTC))
        assert period.before == NOW - 2 * DAY

    def test_days_start_at_midnight(self, settings: Any) -> None:
        period = periods.named("7d", NOW)
        assert period.cuts == tuple(datetime(2026, 3, day, tzinfo=UTC) for day in range(14, 21))
        assert period.before == datetime(2026, 3, 14, tzinfo=UTC) - (NOW - datetime(2026, 3, 14, tzinfo=UTC))
        assert (period.first_day, period.last_day) == (date(2026, 3, 14), date(2026, 3, 20))

    def test_summer_time(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        period = periods.days(date(2026, 3, 28), date(2026, 3, 30), NOW + 30 * DAY)
        assert [cut.astimezone(UTC).hour for cut in period.cuts] == [23, 23, 22]
        assert period.end.astimezone(UTC) == datetime(2026, 3, 30, 22, tzinfo=UTC)

    def test_long_ones_are_cut_into_weeks(self) -> None:
        period = periods.days(date(2025, 4, 1), date(2026, 3, 20), NOW)
        assert period.step == periods.WEEK
        assert len(period.cuts) == 51

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (date(2026, 3, 2), date(2026, 3, 1)),
            (date(2024, 1, 1), date(2026, 3, 1)),
            (date(2027, 1, 1), date(2027, 1, 2)),
        ],
    )
    def test_days_that_make_no_period(self, first: date, last: date) -> None:
        with pytest.raises(ValueError):  # noqa: PT011
            periods.days(first, last, NOW)


@pytest.mark.parametrize(
    ("values", "p50", "p95"), [([], None, None), ([4.0], 4.0, 4.0), ([4.0, 2.0], 3.0, 3.9), (range(101), 50, 95)]
)
def test_spread(values: Any, p50: float | None, p95: float | None) -> None:
    found = insight.spread(values)
    assert (found.count, found.p50, found.p95) == (len(values), p50, p95)


class TestReport:
    @pytest.fixture
    def fixture(self, make: Callable[..., TryOnResult], settings: Any, tryon_settings: Callable[..., None]) -> None:
        """Seven days up to the 20th: today three rows, yesterday four; the week before two."""
        tryon_settings(CAPS={"shop": {"day": 2}})
        make(Status.SUCCEEDED, timedelta(hours=1), waited=1, took=8)
        make(Status.SUCCEEDED, timedelta(hours=2), waited=3, took=12, provider="local")
        make(Status.QUEUED, timedelta(minutes=7), waited=None, provider="")
        make(Status.SUCCEEDED, DAY, waited=5, took=10.5)
        make(Status.FAILED, DAY, took=1, error_code="no_person")
        make(Status.BLOCKED, DAY, took=1, error_code="content_blocked")
        make(Status.CANCELED, DAY, waited=None, provider="", error_code="canceled")
        make(Status.SUCCEEDED, 8 * DAY, waited=2, took=20)
        make(Status.FAILED, 8 * DAY, error_code="provider_down")
        make(Status.SUCCEEDED, 40 * DAY)  # older than both
        spend("fashn", "0.10", timedelta(hours=1))
        spend("fashn", "0.05", timedelta(hours=2), EntryState.UNCERTAIN)
        spend("fashn", "9", timedelta(hours=2), EntryState.REFUNDED)
        spend("fashn", "0.85", timedelta(hours=2), EntryState.RESERVED)
        spend("pixelcut", "0.60", DAY, operation=Operation.MODEL_SHOT.value)
        spend("fashn", "0.30", 8 * DAY)
        FunnelCount.objects.create(day=date(2026, 3, 20), step="opened", count=5)
        FunnelCount.objects.create(day=date(2026, 3, 14), step="opened", count=4)
        FunnelCount.objects.create(day=date(2026, 3, 14), step="bag", count=1)
        FunnelCount.objects.create(day=date(2026, 3, 13), step="opened", count=100)
        shot = {"operation": Operation.MODEL_SHOT.value, "provider": "pixelcut"}
        for review in (Review.APPROVED, Review.APPROVED, Review.APPROVED, Review.REJECTED, Review.TO_REVIEW):
            output(make(Status.SUCCEEDED, 2 * DAY, waited=4, took=30, **shot), review)

    @pytest.fixture
    def found(self, fixture: None) -> insight.Report:
        return insight.report(periods.named("7d", NOW), NOW)

    def test_totals(self, found: insight.Report) -> None:
        now, before = found.now, found.before
        assert (now.asked, now.succeeded, now.failed, now.canceled) == (12, 8, 2, 1)
        assert (before.asked, before.succeeded, before.failed, before.canceled) == (2, 1, 1, 0)
        assert (now.success_rate, before.success_rate) == (0.8, 0.5)
        # 8, 10.5, 12 and five times 30
        assert (now.latency.count, now.latency.p50, now.latency.p95) == (8, 30, 30)
        assert (before.latency.p50, before.wait.p50) == (20, 2)

    def test_by_day(self, found: insight.Report) -> None:
        assert found.outcomes == {
            "succeeded": [0, 0, 0, 0, 5, 1, 2],
            "failed": [0, 0, 0, 0, 0, 2, 0],
            "canceled": [0, 0, 0, 0, 0, 1, 0],
        }
        assert found.waits[6] == insight.Spread(2, 2, 2.9)
        assert found.waits[5].count == 3
        assert found.waits[0] == insight.Spread(0, None, None)

    def test_by_provider(self, found: insight.Report) -> None:
        assert found.latency == {
            "fashn": insight.Spread(2, 9.25, pytest.approx(10.375)),
            "local": insight.Spread(1, 12, 12),
            "pixelcut": insight.Spread(5, 30, 30),
        }
        assert found.failures == [("content_blocked", 1), ("no_person", 1)]

    def test_money(self, found: insight.Report) -> None:
        assert (found.now.spend, found.before.spend) == (Decimal("0.75"), Decimal("0.30"))
        nothing = [Decimal(0)] * 5
        assert found.spend == {
            "fashn": [*nothing, Decimal(0), Decimal("0.15")],
            "pixelcut": [*nothing, Decimal("0.6"), Decimal(0)],
        }
        assert found.cap == 2
        assert found.budget == insight.Budget(Decimal(2), Decimal(1), Decimal("0.6"))
        assert found.budget.share(found.budget.today) == 0.5

    def test_what_the_shop_approved(self, found: insight.Report) -> None:
        one = found.approvals["pixelcut"]
        assert (one.approved, one.rejected, one.rate, one.cost) == (3, 1, 0.75, Decimal("0.2"))
        assert set(found.approvals) == {"pixelcut"}

    def test_funnel_and_queue(self, found: insight.Report) -> None:
        assert found.funnel == {"opened": 9, "photo": 0, "started": 0, "done": 0, "bag": 1}
        assert found.waiting == insight.Waiting(1, NOW - timedelta(minutes=7), NOW - timedelta(minutes=7))

    def test_hours_have_the_cap_of_an_hour(self, fixture: None, tryon_settings: Callable[..., None]) -> None:
        tryon_settings(CAPS={"shop": {"hour": "0.5", "day": 2}})
        found = insight.report(periods.named("24h", NOW), NOW)
        assert found.cap == Decimal("0.5")
        assert sum(found.outcomes["succeeded"]) == 3  # the moment itself, a day ago, is the first that counts

    def test_rows_that_are_gone_still_count(self, found: insight.Report) -> None:
        for row in TryOnResult.objects.exclude(status=Status.QUEUED):
            retention.delete_result(row)
        assert Outcome.objects.count() == TryOnResult.objects.count() + 13
        again = insight.report(periods.named("7d", NOW), NOW)
        assert again == found

    def test_six_queries(self, fixture: None) -> None:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            insight.report(periods.named("30d", NOW), NOW)
        assert len(queries) == 6

    def test_nothing_yet(self, db: None) -> None:
        found = insight.report(periods.named("30d", NOW), NOW)
        assert found.now == found.before == insight.Totals()
        assert found.cap is None
        assert found.budget.share(Decimal(1)) is None
