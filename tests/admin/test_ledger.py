"""The ledger's pages: unknown outcomes are settled, refunds are asked for; and the money on a try-on's page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.admin.operators import BANKED, call
from tests.conftest import first
from tests.providers.fakes import setting
from tryon import ledger, retention
from tryon.choices import Operation, Status
from tryon.models import EntryState, LedgerEntry, ProviderAccount, TryOnResult
from tryon.runner.drain import Drain
from tryon.studio import batches
from tryon.studio.briefs import Brief
from tryon.studio.plans import Plan

LIST = "/admin/tryon/ledgerentry/"
LOOK = ("see_spend", "view_tryonresult")
SETTLE = (*LOOK, "change_ledgerentry")


@pytest.fixture
def make_row(garment):
    def make(status: Status, **fields) -> TryOnResult:
        now = timezone.now()
        defaults = {"operation": Operation.MODEL_SHOT.value, "provider": "fashn", "next_at": None}
        return TryOnResult.objects.create(
            garment=garment, status=status, deadline_at=now + timedelta(hours=1), **{**defaults, **fields}
        )

    return make


@pytest.fixture
def unknown(make_row) -> LedgerEntry:
    row = make_row(Status.UNCERTAIN)
    return call(state=EntryState.UNCERTAIN, result_id=row.pk, operation=row.operation, reason="no answer")


def listed(client, query: str = "") -> str:
    page = client.get(f"{LIST}{query}").content.decode()
    return " ".join(page[page.index('id="content-main"') :].split())


def choose(client, action: str, *entries: LedgerEntry):
    data = {"action": action, "index": "0", "_selected_action": [entry.pk for entry in entries]}
    return client.post(LIST, data, follow=True)


def test_the_money_at_stake(login, unknown) -> None:
    call(state=EntryState.UNCERTAIN, amount="1.5")
    page = listed(login(*LOOK))
    assert "2 calls of unknown outcome, 1.575 USD at stake." in page
    assert "0.075 USD" in page
    assert "no answer" in page
    assert f"/admin/tryon/tryonresult/{unknown.result_id}/change/" in page


def test_nothing_to_do_says_nothing(login, db) -> None:
    call()
    page = listed(login(*LOOK))
    assert "unknown outcome" not in page.replace("Unknown outcome: it was", "")
    assert "for nothing:" not in page.replace("Paid for nothing: the refund", "")


@pytest.mark.parametrize(
    ("action", "state", "detail"),
    [
        ("settle_paid", EntryState.COMMITTED, "paid but lost: settled by mara"),
        ("settle_unpaid", EntryState.REFUNDED, "not paid: settled by mara"),
    ],
)
def test_settling_ends_the_call_and_its_row(login, unknown, action, state, detail) -> None:
    paid = call()
    page = choose(login(*SETTLE), action, unknown, paid).content.decode()
    assert "1 call is settled." in page
    unknown.refresh_from_db()
    paid.refresh_from_db()
    assert (unknown.state, paid.state) == (state, EntryState.COMMITTED)
    assert unknown.settled_at is not None
    row = TryOnResult.objects.get(pk=unknown.result_id)
    assert (row.status, row.error_detail) == (Status.FAILED, detail)
    assert "settled as" in LogEntry.objects.get().change_message


def test_the_buttons_of_one_call(login, unknown) -> None:
    client = login(*SETTLE)
    page = client.get(f"{LIST}{unknown.pk}/change/").content.decode()
    assert "0.075 USD at stake" in page
    assert "It was not paid" in page
    page = client.post(f"{LIST}{unknown.pk}/settle/", {"act": "unpaid"}, follow=True).content.decode()
    assert "1 call is settled." in page
    assert "at stake" not in page
    page = client.post(f"{LIST}{unknown.pk}/settle/", {"act": "paid"}, follow=True).content.decode()
    assert "None of these has an unknown outcome." in page
    unknown.refresh_from_db()
    assert unknown.state == EntryState.REFUNDED


def test_settling_gives_the_budget_back(login, unknown, tryon_settings) -> None:
    tryon_settings(CAPS={"shop": {"day": "0.1"}})
    assert ledger.room().left == Decimal("0.025")
    choose(login(*SETTLE), "settle_unpaid", unknown)
    assert ledger.room().left == Decimal("0.1")


def test_settling_is_for_operators(login, unknown) -> None:
    client = login(*LOOK)
    assert "settle_paid" not in listed(client)
    assert choose(client, "settle_paid", unknown).status_code == 403
    assert client.post(f"{LIST}{unknown.pk}/settle/", {"act": "paid"}).status_code == 403
    assert "It was paid" not in client.get(f"{LIST}{unknown.pk}/change/").content.decode()
    blind = login("change_ledgerentry", "view_tryonresult", name="blind")
    assert blind.get(LIST).status_code == 403
    assert blind.post(f"{LIST}{unknown.pk}/settle/", {"act": "paid"}).status_code == 403
    assert login(*SETTLE, name="op").get(f"{LIST}{unknown.pk}/settle/").status_code == 405
    unknown.refresh_from_db()
    assert unknown.state == EntryState.UNCERTAIN


def test_entries_are_not_edited(login, unknown) -> None:
    client = login(*SETTLE, "add_ledgerentry", "delete_ledgerentry")
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{unknown.pk}/change/", {"amount": "0"}).status_code == 403
    assert client.post(f"{LIST}{unknown.pk}/delete/", {"post": "yes"}).status_code == 403


def test_what_was_paid_for_nothing(login, make_row) -> None:
    failed = make_row(Status.FAILED, error_detail="paid but not fetched: HTTP 500")
    lost = call(result_id=failed.pk, amount="0.1", provider_job_id="job-77")
    good = call(result_id=make_row(Status.SUCCEEDED).pk)
    call(result_id=make_row(Status.FAILED).pk, state=EntryState.REFUNDED)
    client = login(*SETTLE)
    assert "1 call was paid for nothing: 0.10 USD." in listed(client)
    only = listed(client, "?state=lost")
    assert "job-77" in only
    assert f"/{good.pk}/change/" not in only
    retention.delete_result(failed)
    assert "job-77" in listed(client, "?state=lost"), "also when its try-on is gone"
    assert "1 call is marked." in choose(client, "refund_asked", lost, good).content.decode()
    assert "for nothing:" not in listed(client).replace("Paid for nothing: the refund", "")
    lost.refresh_from_db()
    good.refresh_from_db()
    assert lost.reason.startswith("refund asked for by mara")
    assert good.reason == ""


def test_drift_is_shown(login, db) -> None:
    ProviderAccount.objects.create(alias="bank", drift=Decimal("2.5"))
    assert "The balance of bank fell by 2.5 credits more" in listed(login(*LOOK))


@pytest.mark.parametrize("state", ["reserved", "committed", "refunded", "uncertain", "lost", "nonsense"])
def test_filters(login, unknown, state) -> None:
    assert ("no answer" in listed(login(*LOOK), f"?state={state}")) is (state in ("uncertain", "nonsense"))


@pytest.mark.urls("tests.admin.sites")
def test_any_admin_site(admin_client, unknown) -> None:
    for path in ("", f"{unknown.pk}/change/"):
        page = admin_client.get(f"/house/tryon/ledgerentry/{path}").content.decode()
        assert '"/admin/' not in page
        assert "/house/tryon/" in page


@pytest.mark.parametrize("count", first(1, [1_000, 10_000]))
def test_many_entries(login, unknown, count) -> None:
    now = timezone.now()
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            result_id=TryOnResult().pk, provider="fashn", operation="try_on", state="committed", amount="0.075",
            created_at=now - timedelta(minutes=number),
        )
        for number in range(count)
    )  # fmt: skip
    client = login(*SETTLE)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIST).status_code == 200
    assert len(queries) <= 12, [query["sql"][:90] for query in queries]


# ---------------------------------------------------------------- the try-on's own page


def story_of(client, row: TryOnResult) -> str:
    page = client.get(f"/admin/tryon/tryonresult/{row.pk}/change/").content.decode()
    return " ".join(page[page.index("Timeline") :].split())


@pytest.mark.django_db(transaction=True)
def test_the_story_of_a_run(login, garment, preset_model, tryon_settings) -> None:
    """A real run of a provider that is asked several times; what it cost is on the page."""
    tryon_settings(PROVIDERS={"job": setting("JobProvider", polls=3)})
    plan = Plan(Brief(models=(preset_model.pk,), providers=("job",)), [garment.pk])
    row = batches.create(plan, user=None).results.get()
    Drain(budget=30, idle=0.3).run()
    row.refresh_from_db()
    assert (row.status, row.polls) == (Status.SUCCEEDED, 3)
    assert row.provider_job_id
    client = login(*LOOK, "view_garment")
    page = story_of(client, row)
    for words in ("Requested", "Taken by a worker", "asked 3 times", "saved, 600 × 800", row.provider_job_id):
        assert words in page, words


def test_money_on_the_page_of_a_try_on(login, make_row, tryon_settings) -> None:
    tryon_settings(PROVIDERS={"fashn": BANKED})
    row = make_row(Status.UNCERTAIN, attempts=2, started_at=timezone.now())
    call(result_id=row.pk, state=EntryState.REFUNDED, reason="again after: HTTP 503")
    call(result_id=row.pk, state=EntryState.UNCERTAIN)
    page = story_of(login(*LOOK), row)
    assert "refunded, 0.075 USD (again after: HTTP 503)" in page
    assert "not known, 0.075 USD at stake" in page
    assert "attempt 2" in page
    assert "USD" not in story_of(login("view_tryonresult", name="other"), row)
