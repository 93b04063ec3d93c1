"""Each cause is found when it should be and not before, told once in a quarter of an hour, and by mail if wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tests.providers.fakes import setting
from tryon import alerts, retention, tasks
from tryon.choices import Status
from tryon.models import (
    Alert,
    EntryState,
    Garment,
    LedgerEntry,
    Mark,
    ProviderAccount,
    ShopperPhoto,
    TryOnResult,
    WorkerSlot,
)
from tryon.providers.base import ProviderError
from tryon.providers.http import fetch
from tryon.signals import tryon_alert

# budgets begin anew at midnight, and these tests look half an hour ahead
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []

    def note(**kwargs: Any) -> None:
        found.append(kwargs)

    tryon_alert.connect(note)
    yield found
    tryon_alert.disconnect(note)


def causes() -> set[str]:
    return {found.cause for found in alerts.findings()}


def row(garment: Garment, status: Status, ago: timedelta, **fields: Any) -> TryOnResult:
    now = timezone.now()
    ends = status not in (Status.QUEUED, Status.PROCESSING)
    clocks = {"next_at": None if ends else now - ago, "finished_at": now - ago if ends else None}
    return TryOnResult.objects.create(
        garment=garment,
        status=status,
        created_at=now - ago,
        deadline_at=now + timedelta(hours=1),
        **{**clocks, **fields},
    )


def spend(provider: str, amount: str, state: EntryState = EntryState.COMMITTED) -> None:
    LedgerEntry.objects.create(
        result_id=TryOnResult().pk, provider=provider, operation="try_on", amount=Decimal(amount), state=state
    )


def test_nothing_is_wrong_with_a_new_shop() -> None:
    assert causes() == set()


@pytest.mark.parametrize(
    ("spent", "found"),
    [("7.9", set()), ("8", {"budget_80:shop/day"}), ("9.99", {"budget_80:shop/day"}), ("10", {"budget_100:shop/day"})],
)
def test_the_budget_of_the_shop(tryon_settings: Callable[..., None], spent: str, found: set[str]) -> None:
    tryon_settings(CAPS={"shop": {"day": 10}})
    spend("a", spent)
    spend("a", "99", EntryState.REFUNDED)
    assert causes() == found


def test_the_budget_of_one_provider(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"providers": {"a": {"hour": 1}, "b": {"hour": 1}}})
    spend("a", "0.9", EntryState.UNCERTAIN)
    assert causes() == {"budget_80:a/hour"}


@pytest.mark.parametrize(
    ("good", "bad", "code", "found"),
    [
        (16, 4, "provider_down", False),
        (15, 5, "provider_down", True),
        (14, 5, "provider_down", False),  # too few to say
        (15, 5, "no_person", False),  # the photos were at fault
    ],
)
def test_the_success_of_the_last_twenty(garment: Garment, good: int, bad: int, code: str, found: bool) -> None:
    for _ in range(bad):
        row(garment, Status.FAILED, 3 * MINUTE, error_code=code)
    for _ in range(good):
        row(garment, Status.SUCCEEDED, 2 * MINUTE)
    row(garment, Status.FAILED, timedelta(hours=7), error_code="provider_down")  # long ago
    assert ("success_rate" in causes()) is found


def test_words_of_the_success_rate(garment: Garment) -> None:
    for _ in range(20):
        row(garment, Status.FAILED, MINUTE, error_code="timed_out")
    (found,) = alerts.findings()
    assert found.words == "Only 0 % of the last 20 try-ons succeeded; most failed with “timed_out”."
    assert "tryon_doctor" in found.todo


@pytest.mark.parametrize(("minutes", "priority", "found"), [(4, 0, False), (6, 0, True), (60, 1, False)])
def test_a_shopper_who_waits(garment: Garment, minutes: int, priority: int, found: bool) -> None:
    row(garment, Status.QUEUED, minutes * MINUTE, priority=priority)
    assert ("oldest_waiting" in causes()) is found


def test_no_worker_comes(garment: Garment) -> None:
    waiting = row(garment, Status.QUEUED, timedelta(seconds=30))
    assert "no_worker" not in causes()
    TryOnResult.objects.filter(pk=waiting.pk).update(next_at=timezone.now() - 2 * MINUTE)
    assert "no_worker" in causes()
    now = timezone.now()
    WorkerSlot.objects.create(name="drain-0", owner="me", until=now + MINUTE, woken_at=now)
    assert "no_worker" not in causes()


def test_the_workers_minute_is_watched() -> None:
    Mark.done(Mark.WORKER, timezone.now() - 4 * MINUTE)
    assert causes() == set()
    Mark.done(Mark.WORKER, timezone.now() - 6 * MINUTE)
    assert causes() == {"no_worker"}
    tasks.watch()
    assert causes() == set()


def test_a_purge_that_is_late(photo: ShopperPhoto) -> None:
    ShopperPhoto.objects.update(expires_at=timezone.now() - timedelta(hours=27))
    assert causes() == {"purge_late"}, "it has never run, and a photo should be gone"
    retention.purge()
    assert causes() == set()
    Mark.done(Mark.PURGE, timezone.now() - timedelta(hours=25))
    assert causes() == set()
    Mark.done(Mark.PURGE, timezone.now() - timedelta(hours=26, minutes=1))
    assert causes() == {"purge_late"}


def test_a_provider_that_is_stopped(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS={name: setting("HostedProvider") for name in ("a", "b", "c", "d")})
    later = timezone.now() + MINUTE
    ProviderAccount.objects.create(alias="a", paused_until=later, paused_because="config: out of credits")
    ProviderAccount.objects.create(alias="b", open_until=later, last_error="HTTP 503")
    ProviderAccount.objects.create(alias="c", stopped=True)  # staff know
    ProviderAccount.objects.create(alias="d", paused_until=timezone.now() - MINUTE, paused_because="429")
    ProviderAccount.objects.create(alias="gone", open_until=later)  # not in the settings
    assert causes() == {"provider_stopped:a", "provider_stopped:b"}
    words = {found.about: found.words for found in alerts.findings()}
    assert "out of credits" in words["a"]
    assert "HTTP 503" in words["b"]


def test_a_result_address_that_was_refused(garment: Garment) -> None:
    """Each as the runner writes it down: with what the fetch said."""
    for url in ("https://169.254.169.254/latest", "https://evil.test/a.png"):
        with pytest.raises(ProviderError) as refused:
            fetch(url, allowed_hosts=["cdn.fashn.ai"], max_bytes=1000, deadline=1)
        row(garment, Status.FAILED, MINUTE, provider="a", error_code="provider_down", error_detail=refused.value.detail)
    row(garment, Status.FAILED, MINUTE, provider="b", error_code="provider_down", error_detail="HTTP 503")
    (found,) = alerts.findings()
    assert (found.cause, found.params["number"]) == ("result_refused:a", 2)
    TryOnResult.objects.update(finished_at=timezone.now() - timedelta(minutes=61))
    assert causes() == set()


def test_drift(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS={"a": setting("HostedProvider")})
    account = ProviderAccount.objects.create(alias="a", drift=Decimal(0))
    assert causes() == set()
    account.drift = Decimal("2.50")
    account.save()
    (found,) = alerts.findings()
    assert found.cause == "drift:a"
    assert "2.5 credits" in found.words


# ---------------------------------------------------------------- telling


@pytest.mark.django_db(transaction=True)
def test_told_once_in_a_quarter_of_an_hour(told: list[dict[str, Any]], tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 1}})
    spend("a", "1")
    start = timezone.now()
    assert [found.kind for found in alerts.check(start)] == ["budget_100"]
    assert alerts.check(start + timedelta(seconds=10)) == [], "not looked again so soon"
    for minutes in range(1, 15):
        assert alerts.check(start + minutes * MINUTE) == []
    assert len(alerts.check(start + 15 * MINUTE)) == 1
    assert [one["cause"] for one in told] == ["budget_100:shop/day"] * 2
    assert set(told[0]) >= {"sender", "kind", "cause", "words", "todo"}
    assert told[0]["sender"] is Alert
    row = Alert.objects.get()
    assert row.since == start
    assert row.seen_at == start + 15 * MINUTE


def test_two_causes_are_told_apart(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"providers": {"a": {"day": 1}, "b": {"day": 1}}})
    spend("a", "1")
    now = timezone.now()
    assert len(alerts.check(now)) == 1
    spend("b", "1")
    assert [found.about for found in alerts.check(now + MINUTE)] == ["b/day"]
    assert {found.about for found in alerts.holding(now + MINUTE)} == {"a/day", "b/day"}


def test_what_is_over_holds_no_longer(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 1}})
    spend("a", "1")
    now = timezone.now()
    alerts.check(now)
    assert alerts.holding(now + 4 * MINUTE)
    assert not alerts.holding(now + 6 * MINUTE)
    alerts.check(now + 20 * MINUTE)  # it is back
    assert Alert.objects.get().since == now + 20 * MINUTE


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wanted", [True, False])
def test_mail(settings: Any, tryon_settings: Callable[..., None], wanted: bool) -> None:
    settings.ADMINS = [("Op", "op@example.com")]
    tryon_settings(CAPS={"shop": {"day": 1}}, ALERT_MAIL=wanted)
    spend("a", "1")
    alerts.check()
    for thread in threading.enumerate():
        if thread.name == "tryon-mail":
            thread.join(timeout=10)
    assert len(mail.outbox) == int(wanted)
    if wanted:
        assert mail.outbox[0].to == ["op@example.com"]
        assert "shop/day is used up" in mail.outbox[0].subject
        assert "TRYON['CAPS']" in mail.outbox[0].body


def test_the_watchdog_looks(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 1}})
    spend("a", "1")
    tasks.watch()
    assert Alert.objects.filter(cause="budget_100:shop/day").exists()


def test_a_check_that_fails_leaves_the_watchdog_alive(
    tryon_settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    tryon_settings(CAPS={"shop": {"day": "a lot"}})
    assert alerts.check() == []
    assert "the check failed" in caplog.text


def test_all_kinds_have_words() -> None:
    params = dict.fromkeys(
        ("percent", "scope", "number", "code", "minutes", "hours", "provider", "because", "credits"), "x"
    )
    for kind in alerts.KINDS:
        found = alerts.Finding(kind, params=params)
        assert "x" in found.words
        assert found.todo


def test_a_mark_lets_one_through() -> None:
    now = timezone.now()
    assert Mark.may("m", every=MINUTE, now=now)
    assert not Mark.may("m", every=MINUTE, now=now + timedelta(seconds=59))
    assert Mark.may("m", every=MINUTE, now=now + MINUTE)


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_page(client: Any, garment: Garment, status: int) -> None:
    if status == 503:
        row(garment, Status.QUEUED, 3 * MINUTE)
    answer = client.get("/tryon/health/")
    assert answer.status_code == status
    assert answer.json() == {"status": "ok" if status == 200 else "unavailable"}
    assert "no-store" in answer["Cache-Control"]
    assert client.post("/tryon/health/").status_code == 405
