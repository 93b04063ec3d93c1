"""Which provider gets a row, when another one gets it instead, and when none may."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.runner.conftest import drain, statuses
from tests.studio.orders import order_shots
from tryon import admission, ledger
from tryon.choices import Status
from tryon.consent import current_notice, give_consent
from tryon.models import (
    Batch,
    EntryState,
    Garment,
    LedgerEntry,
    PresetModel,
    ProviderAccount,
    Shopper,
    ShopperPhoto,
    TryOnResult,
)
from tryon.runner import accounts, claim
from tryon.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

Rows = Callable[..., list[TryOnResult]]
Entry = Callable[..., dict[str, Any]]


@pytest.fixture
def dead_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def submits(sandbox: Sandbox, name: str) -> int:
    return sum(call.provider == name and call.stage == "submit" for call in sandbox.calls)


def now_due() -> None:
    TryOnResult.objects.live().update(next_at=timezone.now())


def entries() -> list[tuple[str, str]]:
    return list(LedgerEntry.objects.order_by("pk").values_list("provider", "state"))


def test_a_dead_provider_is_passed_over(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, dead_port: str
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn", base_url=dead_port), "pixelapi": entry("pixelapi")})
    made = rows(3)
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 3
    assert {row.provider for row in TryOnResult.objects.all()} == {"pixelapi"}
    assert submits(sandbox, "pixelapi") == 3
    states = entries()
    assert states.count(("pixelapi", EntryState.COMMITTED)) == 3
    assert set(states) == {("fashn", EntryState.REFUNDED), ("pixelapi", EntryState.COMMITTED)}
    reasons = LedgerEntry.objects.filter(provider="pixelapi").values_list("reason", flat=True)
    assert any(reason.startswith("failover from fashn: no connection") for reason in reasons)


def test_a_call_whose_answer_was_not_seen_goes_nowhere_else(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn"), "pixelapi": entry("pixelapi")})
    sandbox.faults.add("cut", provider="fashn", stage="submit", counted=True)
    made = rows(3)
    drain()
    assert statuses(made).count(Status.UNCERTAIN) == submits(sandbox, "fashn") > 0
    moved = [row for row in TryOnResult.objects.all() if row.status != Status.UNCERTAIN]
    assert all((row.provider, row.status) == ("pixelapi", Status.SUCCEEDED) for row in moved)
    uncertain = LedgerEntry.objects.filter(state=EntryState.UNCERTAIN.value)
    assert uncertain.count() == submits(sandbox, "fashn")
    assert submits(sandbox, "pixelapi") == len(moved)


def test_a_pinned_row_waits_for_its_provider(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, dead_port: str
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn", base_url=dead_port), "pixelapi": entry("pixelapi")})
    made = rows(2, provider="fashn", pinned=True)
    drain()
    assert statuses(made) == [Status.QUEUED] * 2
    assert submits(sandbox, "pixelapi") == 0
    assert {row.attempts for row in TryOnResult.objects.all()} == {0}, "an outcome is no death of a worker"


def test_a_provider_outside_the_consent_gets_nothing(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, shopper: Shopper, garment: Garment,
    dead_port: str,
) -> None:  # fmt: skip
    from tests.conftest import plain_picture

    tryon_settings(PROVIDERS={"fashn": entry("fashn", base_url=dead_port)})
    consent = give_consent(shopper, current_notice().version, channel="web")
    photo = admission.store_photo(shopper, plain_picture(600, 800, "#8899aa"), consent)
    row = admission.request(admission.Demand(shopper, garment, photo=photo)).result
    tryon_settings(PROVIDERS={"fashn": entry("fashn", base_url=dead_port), "pixelapi": entry("pixelapi")})
    drain()
    row.refresh_from_db()
    assert (row.status, row.provider) == (Status.QUEUED, "fashn")
    assert [call for call in sandbox.calls if call.provider == "pixelapi"] == []


def test_out_of_credits_stops_a_provider_after_one_call(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi", api_key="pk_live_empty")})
    made = rows(8)
    drain()
    assert submits(sandbox, "pixelapi") == 1
    assert statuses(made) == [Status.QUEUED] * 8
    account = ProviderAccount.objects.get(alias="pixelapi")
    assert account.paused_because.startswith("config: out of credits")
    # its balance, and no paid call, tells that there is credit again
    from tryon.runner.balances import probe_shut

    assert probe_shut(timezone.now()) == []
    sandbox.account("pixelapi", "pk_live_empty").credits = 1000
    assert probe_shut(timezone.now()) == ["pixelapi"]
    now_due()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 8
    assert submits(sandbox, "pixelapi") == 9
    assert ledger.spent().credits == sum(charge.credits for charge in sandbox.charges("pixelapi")) > 0


def test_a_shopper_moves_on_when_the_account_is_refused(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, shopper: Shopper, garment: Garment,
    preset_model: PresetModel,
) -> None:  # fmt: skip
    tryon_settings(PROVIDERS={"fashn": entry("fashn", api_key="fa_empty"), "pixelapi": entry("pixelapi")})
    row = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    assert row.provider == "fashn"
    drain()
    row.refresh_from_db()
    assert (row.status, row.provider, row.error_code) == (Status.SUCCEEDED, "pixelapi", "")
    assert entries() == [("fashn", EntryState.REFUNDED), ("pixelapi", EntryState.COMMITTED)]


def test_the_breaker_opens_and_closes(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tryon.runner.decide.RETRY_BASE_SECONDS", 0.01)
    monkeypatch.setattr("tryon.runner.decide.RETRY_CAP_SECONDS", 0.02)
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.faults.add("server_error", provider="pixelapi", stage="submit", status=503)
    made = rows(8)
    for _ in range(30):
        now_due()
        drain(budget=0.3)
        if ProviderAccount.objects.filter(open_until__isnull=False).exists():
            break
    drain(budget=0.3)
    assert submits(sandbox, "pixelapi") == accounts.ROW
    assert statuses(made) == [Status.QUEUED] * 8
    assert ProviderAccount.objects.get().open_until is not None
    # its time is over and the provider still dead: one trial, no more
    half_open = timezone.now() - timedelta(seconds=1)
    ProviderAccount.objects.update(open_until=half_open)
    now_due()
    drain(budget=5.0)  # one that ends between taking the trial and its call would keep it from others for a while
    assert submits(sandbox, "pixelapi") == accounts.ROW + 1
    # and alive again: one trial, then all
    sandbox.faults.clear()
    ProviderAccount.objects.update(open_until=half_open)
    now_due()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 8
    assert ProviderAccount.objects.get().open_until is None
    assert submits(sandbox, "pixelapi") == accounts.ROW + 1 + 8


def test_refused_pictures_say_nothing_against_the_provider(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn")})
    sandbox.faults.add("job_failed", provider="fashn", code="PoseError")
    made = rows(12)
    drain()
    assert statuses(made) == [Status.FAILED] * 12
    assert not ProviderAccount.objects.filter(open_until__isnull=False).exists()
    assert {state for _, state in entries()} == {EntryState.REFUNDED}


def test_the_provider_asks_for_quiet_and_gets_it(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn")})
    sandbox.faults.add("rate_limited", provider="fashn", stage="submit", times=1, retry_after=20)
    made = rows(5)
    before, asked = timezone.now(), timedelta(seconds=20)
    drain()
    assert submits(sandbox, "fashn") == 1
    assert statuses(made) == [Status.QUEUED] * 5
    account = ProviderAccount.objects.get()
    assert account.paused_until is not None
    assert before + asked <= account.paused_until <= timezone.now() + asked
    assert account.failures == 0


def test_a_blocked_provider_never_hides_the_rows_of_others(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn"), "pixelapi": entry("pixelapi")})
    ProviderAccount.objects.create(alias="fashn", stopped=True)
    rows(claim.BATCH + 20, provider="fashn", pinned=True)
    (last,) = rows(1, provider="pixelapi", priority=9)
    drain()
    assert statuses([last]) == [Status.SUCCEEDED]
    assert submits(sandbox, "fashn") == 0


def test_a_batch_at_its_cap_waits(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi", credit_price="0.001")})
    batch = Batch.objects.create(operation="model_shot", max_cost="0.06")
    made = rows(4, batch=batch)
    drain()
    assert sorted(statuses(made)) == [Status.QUEUED] * 2 + [Status.SUCCEEDED] * 2
    assert submits(sandbox, "pixelapi") == 2
    Batch.objects.update(max_cost="1")
    now_due()
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 4


def test_a_used_up_budget_closes_the_button_and_fails_nobody(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, shopper: Shopper, garment: Garment,
    preset_model: PresetModel,
) -> None:  # fmt: skip
    tryon_settings(PROVIDERS={"fashn": entry("fashn")}, CAPS={"shop": {"day": "0.1"}})
    row = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    assert admission.unavailable_reason(garment) == "busy"
    other = Shopper.objects.create()
    with pytest.raises(ledger.CapReached):
        admission.request(admission.Demand(other, garment, preset_model=preset_model))
    assert TryOnResult.objects.count() == 1
    assert admission.cancel(row), "what was never sent is given back"
    assert admission.unavailable_reason(garment) == ""
    assert admission.request(admission.Demand(other, garment, preset_model=preset_model))


def test_without_money_for_the_best_the_next_one_makes_it(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, shopper: Shopper, garment: Garment,
    preset_model: PresetModel,
) -> None:  # fmt: skip
    tryon_settings(
        PROVIDERS={"fashn": entry("fashn"), "pixelapi": entry("pixelapi")}, CAPS={"providers": {"fashn": {"day": 0}}}
    )
    row = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    assert row.provider == "pixelapi"


def test_an_owner_with_many_does_not_keep_another_waiting(
    instant: None, garment: Garment, preset_model: PresetModel, admin_user: Any, django_user_model: Any
) -> None:
    order_shots(garment, preset_model, user=admin_user, number=200)
    few = order_shots(
        garment, preset_model, user=django_user_model.objects.create_user("other"), number=8
    ).results.all()
    order = list(TryOnResult.objects.order_by("priority", "next_at").values_list("pk", flat=True))
    assert max(order.index(row.pk) for row in few) < 30


def test_photo_consent_bounds_admission(shopper: Shopper, photo: ShopperPhoto, garment: Garment) -> None:
    row = admission.request(admission.Demand(shopper, garment, photo=photo)).result
    assert row.provider in photo.consent.providers
