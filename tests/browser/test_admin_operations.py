"""The operators' pages in a browser: what an operator does there, and that they can be read by everybody, anywhere."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, expect

from tests.admin.operators import BANKED, call
from tests.browser.office import RULES, looks, make_shots, sign_in
from tryon import alerts
from tryon.choices import Status
from tryon.models import EntryState, LedgerEntry, ProviderAccount, TryOnResult
from tryon_shop import usage

OVERVIEW = "/admin/tryon/overview/"
ACCOUNTS = "/admin/tryon/provideraccount/"
LEDGER = "/admin/tryon/ledgerentry/"


@pytest.fixture
def office(
    settings: Any, shop: None, tryon_settings: Any, garment: Any, preset_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop with a month of usage, a provider that is in trouble, and calls of unknown outcome."""
    settings.ROOT_URLCONF = "tests.admin.sites"
    tryon_settings(PROVIDERS={"bank": BANKED}, CAPS={"shop": {"day": 12}})
    User.objects.create_superuser("mara", "mara@example.com", "secret")
    monkeypatch.setattr(usage, "DAYS", 31)
    usage.invent()
    ProviderAccount.objects.create(
        alias="bank", failures=2, last_error="HTTP 503", last_error_at=timezone.now(), drift=Decimal(3)
    )
    row = make_shots(Status.UNCERTAIN, provider="bank", next_at=None)
    call("bank", "0.04", EntryState.UNCERTAIN, result_id=row.pk, operation=row.operation)
    make_shots(Status.QUEUED, next_at=timezone.now() - timedelta(minutes=9))
    alerts.check()


def test_reading_the_numbers(live_server, signed_in, complaints):
    page = signed_in
    page.goto(f"{live_server.url}{OVERVIEW}")
    expect(page.get_by_text("No worker seen for 9 min.")).to_be_visible()
    expect(page.locator("[data-tile=tryons] .tryon-tile-value")).not_to_have_text("0")
    page.get_by_role("link", name="30 days").click()
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "page")
    spend = page.get_by_role("region", name="Spend per day").first
    assert spend.locator("svg.tryon-svg rect").count() > 40
    bar = spend.locator("svg.tryon-svg rect").last.bounding_box()
    assert bar is not None
    assert bar["width"] > 3, "the shapes are drawn"
    spend.get_by_text("Numbers").click()
    expect(spend.get_by_role("columnheader", name="fashn")).to_be_visible()
    with page.expect_download() as waited:
        page.get_by_role("link", name="CSV Spend per day").click()
    text = waited.value.path().read_text()
    assert text.splitlines()[0] == ",bank,fashn,pixelcut"
    assert len(text.splitlines()) == 31


def test_from_an_unknown_outcome_to_a_settled_one(live_server, signed_in, complaints):
    page = signed_in
    page.goto(f"{live_server.url}{OVERVIEW}")
    page.get_by_role("link", name="Providers").click()
    page.get_by_role("link", name="bank").click()
    page.get_by_role("link", name="1 call, 0.04 USD at stake").click()
    page.locator("#result_list tbody th a").click()
    page.get_by_role("button", name="It was not paid").click()
    expect(page.get_by_text("1 call is settled.")).to_be_visible()
    assert TryOnResult.objects.get(provider="bank").status == Status.FAILED
    assert LedgerEntry.objects.get(provider="bank").state == EntryState.REFUNDED


def test_pause_ask_and_test_a_provider(live_server, signed_in, complaints):
    page = signed_in
    page.goto(f"{live_server.url}{ACCOUNTS}")
    page.get_by_role("link", name="bank").click()
    page.get_by_role("button", name="Ask the balance now").click()
    expect(page.get_by_text("There are 500 credits left at bank.")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".tryon-state .tryon-chip")).to_have_text("Paused by staff")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".tryon-state .tryon-chip")).to_have_text("Well")
    page.get_by_role("link", name="Send a test…").click()
    before = TryOnResult.objects.count()
    page.get_by_role("button", name="Send the test (0.04 USD)").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert TryOnResult.objects.count() == before + 1


@pytest.mark.parametrize(("scheme", "size"), looks("dark phone"))
def test_for_everybody(browser: Browser, live_server, office, scheme, size):
    """No finding of axe in our regions, and nothing scrolls sideways but what says so."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    sign_in(page, live_server.url)
    account, entry = ProviderAccount.objects.get(), LedgerEntry.objects.get(state=EntryState.UNCERTAIN)
    addresses = {
        f"{OVERVIEW}?range=30d": "#content-main",
        f"{OVERVIEW}?range=custom&from=x": "#content-main",
        ACCOUNTS: "#result_list",
        f"{ACCOUNTS}{account.pk}/change/": ".tryon-page",
        f"{ACCOUNTS}{account.pk}/test/": "#content-main",
        LEDGER: "#result_list, .tryon-page",
        f"{LEDGER}{entry.pk}/change/": ".tryon-page",
        f"/admin/tryon/tryonresult/{entry.result_id}/change/": "[data-tryon-part=shot]",
    }
    try:
        for path, region in addresses.items():
            page.goto(f"{live_server.url}{path}")
            page.evaluate("document.querySelectorAll('.tryon-page details').forEach((one) => (one.open = true))")
            found = Axe().run(page, context={"include": [[part.strip()] for part in region.split(",")]},
                              options={"runOnly": RULES})  # fmt: skip
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
    finally:
        page.goto("about:blank")
        context.close()
