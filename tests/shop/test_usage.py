"""Sixty days of invented usage: every plot has a shape, twice is once, and nobody's quota or estimate notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from tryon import admission, alerts, insight, ledger, periods
from tryon.models import Garment, LedgerEntry, Outcome, Shopper, TryOnOutput, TryOnResult
from tryon.progress import DEFAULT_SECONDS, describe
from tryon_shop import usage

# just after midnight today has nothing yet that could be invented
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


@pytest.fixture
def invented() -> None:
    assert usage.invent() == {"created": 60}


def test_every_plot_has_a_shape(invented: None) -> None:
    found = insight.report(periods.named("30d"))
    assert found.now.asked > 1000
    assert 0.8 < (found.now.success_rate or 0) < 0.99
    assert {"fashn", "pixelcut"} == set(found.spend)
    assert {"fashn", "pixelcut", "local"} == set(found.latency) == set(found.approvals)
    assert all(sum(kinds) for kinds in found.outcomes.values())
    assert sum(1 for wait in found.waits if wait.count) >= 29
    assert len(found.failures) >= 5
    steps = list(found.funnel.values())
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] > 0
    assert found.before.asked < found.now.asked, "the shop grows"
    assert max(float(sum(day)) for day in zip(*found.spend.values(), strict=True)) < 12, "under the demo's cap"


def test_twice_is_once_and_the_next_day_adds_a_day(invented: None) -> None:
    before = list(Outcome.objects.order_by("pk").values_list("pk", "created_at"))
    money = LedgerEntry.objects.count()
    today = timezone.localdate()
    assert usage.invent() == {"unchanged": 60}
    assert list(Outcome.objects.order_by("pk").values_list("pk", "created_at")) == before
    assert LedgerEntry.objects.count() == money
    assert usage.invent(timezone.now() + timedelta(days=1)) == {"created": 1, "unchanged": 59}
    assert (LedgerEntry.objects.filter(created_at__date=today).exists()) == (
        Outcome.objects.filter(created_at__date=today, status="succeeded").exclude(provider="local").exists()
    ), "what today cost is told tomorrow"


def test_rows_are_marked_and_name_nobody(invented: None) -> None:
    assert not Outcome.objects.exclude(demo=True).exists()
    assert not LedgerEntry.objects.exclude(reason=usage.REASON, shopper_id=None).exists()
    assert not TryOnResult.objects.exists()
    assert not TryOnOutput.objects.exists()


def test_all_of_todays_budget_is_left(invented: None, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 12}})
    assert ledger.room().left == 12
    assert ledger.spent().total > 0


def test_shoppers_notice_nothing(invented: None, garment: Garment, shopper: Shopper) -> None:
    assert admission.quota(shopper).remaining == admission.quota(None).limit
    row = TryOnResult.objects.create(garment=garment, provider="fashn", deadline_at=timezone.now() + timedelta(hours=1))
    told = describe(row)
    assert (told.queue_position, told.eta_seconds) == (0, round(DEFAULT_SECONDS))
    assert [found.kind for found in alerts.findings()] == []
