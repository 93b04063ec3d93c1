"""The providers' pages: what they show, what their buttons do, and for whom."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.admin.operators import BANKED, SILENT, call, past
from tests.providers.fakes import setting
from tryon.choices import Operation, Status
from tryon.models import EntryState, LedgerEntry, ProviderAccount, TryOnResult
from tryon.runner import accounts

LIST = "/admin/tryon/provideraccount/"
LOOK = ("view_provideraccount",)
ACT = ("view_provideraccount", "change_provideraccount", "view_tryonresult")


@pytest.fixture
def account(db, tryon_settings) -> ProviderAccount:
    tryon_settings(PROVIDERS={"bank": BANKED, "quiet": SILENT, "free": setting("InstantProvider")})
    return ProviderAccount.objects.create(alias="bank")


def page_of(account: ProviderAccount) -> str:
    return f"{LIST}{account.pk}/change/"


def act(client, account: ProviderAccount, what: str):
    return client.post(f"{LIST}{account.pk}/act/", {"act": what}, follow=True)


def shown(client, account: ProviderAccount) -> str:
    page = client.get(page_of(account)).content.decode()
    return " ".join(page[page.index('id="content-main"') :].split())


def test_the_list_shows_every_provider_of_the_settings(login, account) -> None:
    past(3, provider="bank")
    past(provider="bank", status="failed")
    call("bank", "0.16")
    page = login(*LOOK, "see_spend").get(LIST).content.decode()
    assert {"bank", "quiet", "free"} == set(ProviderAccount.objects.values_list("alias", flat=True))
    assert "75.0 %" in page
    assert "3 ready, 1 failed" in page
    assert "0.16 USD" in page
    assert "0.16 USD" not in login(*LOOK, name="other").get(LIST).content.decode()


def test_one_that_left_the_settings(login, account, tryon_settings) -> None:
    tryon_settings(PROVIDERS={"free": setting("InstantProvider")})
    page = shown(login(*ACT), account)
    assert "Not in the settings" in page
    assert "Send a test" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Well"),
        ({"failures": 2}, "2 failures in a row; the circuit opens at 5"),
        ({"stopped": True}, "Paused by staff"),
        ({"open_until": 1, "last_error": "HTTP 503"}, "Circuit open"),
        ({"paused_until": 1, "paused_because": "429"}, "Asked for a pause"),
        ({"paused_until": 1, "paused_because": "config: out of credits"}, "Refused the account"),
        ({"paused_until": -1, "paused_because": "429"}, "Well"),
    ],
)
def test_health_in_words(login, account, fields, words) -> None:
    now = timezone.now()
    for name in ("open_until", "paused_until"):
        if name in fields:
            fields[name] = now + fields[name] * timedelta(minutes=5)
    ProviderAccount.objects.update(**fields)
    page = shown(login(*ACT), account)
    assert words in page
    assert ('value="resume"' in page) is (words not in ("Well",) and "failures" not in words)
    assert ("It is tried again at" in page) is (words in ("Circuit open", "Asked for a pause", "Refused the account"))


def test_the_page_of_one(login, account, garment) -> None:
    ProviderAccount.objects.update(
        outcomes=[True, True, False], balance=Decimal("12.5"), balance_at=timezone.now(), drift=Decimal(3)
    )
    now = timezone.now()
    row = TryOnResult.objects.create(
        garment=garment, provider="bank", status=Status.FAILED, error_code="timed_out", deadline_at=now, next_at=None
    )
    call("bank", "0.08", EntryState.UNCERTAIN)
    call("bank", "0.08", EntryState.UNCERTAIN)
    call("quiet", "7", EntryState.UNCERTAIN)
    page = shown(login(*LOOK, "see_spend", "view_tryonresult"), account)
    assert "2 of the last 3 calls were answered" in page
    assert "12.5" in page
    assert "<strong>3</strong> credits are gone" in page
    assert "2 calls, 0.16 USD at stake" in page
    assert f"/admin/tryon/tryonresult/{row.pk}/change/" in page
    assert "The deadline passed." in page
    assert "<code>tint</code>" in page
    assert "Colour of the picture." in page
    assert 'value="pause"' not in page, "no buttons for who may not use them"
    assert "at stake" not in shown(login(*LOOK, name="other"), account)


def test_pause_and_resume(login, account) -> None:
    client = login(*ACT)
    assert "Paused: bank gets no new work" in act(client, account, "pause").content.decode()
    account.refresh_from_db()
    assert accounts.standing(account, timezone.now()).shut
    assert LogEntry.objects.get().change_message == "paused"
    ProviderAccount.objects.update(open_until=timezone.now() + timedelta(minutes=5), failures=5)
    assert "Resumed: bank gets work again" in act(client, account, "resume").content.decode()
    account.refresh_from_db()
    assert accounts.standing(account, timezone.now()) == accounts.OPEN


def test_the_balance_is_asked_now(login, account) -> None:
    client = login(*ACT)
    assert "There are 500 credits left at bank." in act(client, account, "balance").content.decode()
    account.refresh_from_db()
    assert account.balance == 500
    quiet = ProviderAccount.objects.create(alias="quiet")
    assert "No balance of quiet: the server failed (HTTP 503)" in act(client, quiet, "balance").content.decode()
    free = ProviderAccount.objects.create(alias="free")
    assert "No balance is told by free." in act(client, free, "balance").content.decode()
    assert 'value="balance"' not in shown(client, free)


@pytest.mark.parametrize("path", ["act/", "test/"])
def test_acts_are_for_operators(login, account, path) -> None:
    url = f"{LIST}{account.pk}/{path}"
    client = login(*LOOK, "see_spend")
    assert client.post(url, {"act": "pause"}).status_code == 403
    assert login("view_garment", name="other").post(url, {"act": "pause"}).status_code == 403
    account.refresh_from_db()
    assert not account.stopped
    assert TryOnResult.objects.count() == 0


def test_acts_are_no_links(login, account) -> None:
    client = login(*ACT)
    assert client.get(f"{LIST}{account.pk}/act/?act=pause").status_code == 405
    assert client.post(f"{LIST}{account.pk}/act/", {"act": "burn"}).status_code == 404
    assert client.post(f"{LIST}999/act/", {"act": "pause"}).status_code == 404


def test_a_test_says_its_price_and_then_runs(login, account, garment, preset_model) -> None:
    client = login(*ACT, "see_spend")
    url = f"{LIST}{account.pk}/test/"
    page = client.get(url).content.decode()
    assert "Send the test (0.04 USD)" in page
    assert str(garment) in page
    assert TryOnResult.objects.count() == 0, "looking costs nothing"
    answer = client.post(url, follow=True)
    row = TryOnResult.objects.get()
    assert answer.redirect_chain[-1][0] == f"/admin/tryon/tryonresult/{row.pk}/change/"
    assert (row.operation, row.pinned, row.provider or "bank") == (Operation.MODEL_SHOT, True, "bank")
    assert row.requested_by is not None
    assert "test sent, 0.04 USD" in LogEntry.objects.values_list("change_message", flat=True)


def test_a_test_that_can_not_be_made_says_why(login, account) -> None:
    client = login(*ACT)
    url = f"{LIST}{account.pk}/test/"
    assert "There is no active garment" in client.get(url).content.decode()
    client.post(url)
    assert TryOnResult.objects.count() == 0


@pytest.mark.urls("tests.admin.sites")
def test_any_admin_site(admin_client, account) -> None:
    for path in ("", f"{account.pk}/change/", f"{account.pk}/test/"):
        page = admin_client.get(f"/house/tryon/provideraccount/{path}").content.decode()
        assert "tryon/operations.css" in page
        assert '"/admin/' not in page
    answer = admin_client.post(f"/house/tryon/provideraccount/{account.pk}/act/", {"act": "pause"})
    assert answer["Location"] == f"/house/tryon/provideraccount/{account.pk}/change/"


def test_queries(login, account, garment) -> None:
    now = timezone.now()
    TryOnResult.objects.bulk_create(
        TryOnResult(garment=garment, provider="bank", status=Status.SUCCEEDED, deadline_at=now, next_at=None)
        for _ in range(300)
    )
    LedgerEntry.objects.all().delete()
    client = login(*ACT, "see_spend")
    client.get(LIST)
    for url in (LIST, page_of(account)):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        assert len(queries) <= 12, [query["sql"][:90] for query in queries]
