"""One visit to everything a shopper can see, under the strictest policy that the widget promises to live with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Complaints
from tests.browser.dialog import RESULT_TIMEOUT, agree, choose, create, expect_result, on_model, open_dialog, upload
from tests.conftest import garment_of
from tests.providers.fakes import SlowProvider
from tryon.choices import Category
from tryon.garments import save_garment
from tryon.models import ProviderAccount, TryOnResult

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.usefixtures("shop", "garment", "preset_model")
def test_no_page_breaks_the_policy(
    live_server: LiveServer,
    drain: Callable[[], None],
    slow: SlowProvider,
    page: Page,
    complaints: Complaints,
) -> None:
    policies: dict[str, str | None] = {}

    def note(answer: Response) -> None:
        if answer.headers.get("content-type", "").startswith("text/html"):
            policies[answer.url] = answer.headers.get("content-security-policy")

    page.context.on("response", note)
    picture = garment_of(500, 600, "#222244")
    save_garment("1", "Ink", name="Crew tee", category=Category.UPPER, picture=picture)
    url = live_server.url

    # the widget
    dialog = open_dialog(page, url)
    choose(dialog, upload(b"no picture"))
    expect(dialog.locator("[data-tryon-tell=photo]")).not_to_be_empty()
    dialog.get_by_role("button", name="Take a photo").click()
    expect(dialog.locator("video")).to_have_js_property("paused", False)
    dialog.get_by_role("button", name="Back").click()
    choose(dialog)
    dialog.get_by_role("button", name="Hide my face").click()
    dialog.get_by_role("button", name="Hide it").click()
    agree(dialog)
    drain()
    create(dialog).click()
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    slow.gate.set()
    expect_result(dialog)
    dialog.get_by_role("slider").press("End")
    dialog.get_by_role("radio", name="Yes").check()
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_text("Thank you.")).to_be_visible()
    with page.expect_download():
        dialog.get_by_role("link", name="Share", exact=True).click()
    dialog.get_by_role("link", name="Ink", exact=True).click()
    expect(dialog.get_by_role("heading", name="Side by side")).to_be_visible(timeout=RESULT_TIMEOUT)
    dialog.get_by_role("link", name="Try another photo").click()
    expect(dialog.get_by_role("link", name="Use my last photo")).to_be_visible()

    # the pages
    page.goto(f"{url}/tryon/try/1/")
    on_model(page, "Noor")
    page.get_by_role("button", name="Create preview").click()
    expect_result(page)
    newest = TryOnResult.objects.latest("created_at")
    for path in ("previews/", "passport/", "privacy/"):
        page.goto(f"{url}/tryon/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"{url}/tryon/previews/{newest.pk}/share/")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Your link.").input_value()
    page.goto(link)
    page.get_by_role("button", name="Report this picture").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("not shown any more")
    page.goto(f"{url}/tryon/previews/{newest.pk}/")
    page.get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("Deleted: the preview.")).to_be_visible()
    page.goto(f"{url}/tryon/previews/{newest.pk}/")
    expect(page.get_by_role("heading", name="This preview is no longer here.")).to_be_visible()
    page.goto(f"{url}/tryon/passport/")
    page.get_by_role("button", name="Delete everything now").click()
    expect(page.get_by_role("heading", name="Receipt: deleted")).to_be_visible()
    ProviderAccount.objects.create(alias="slow", paused_until=timezone.now() + timedelta(minutes=5))
    page.goto(f"{url}/tryon/try/1/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Please try again later")

    assert complaints == []
    assert len(policies) >= 14, sorted(policies)
    assert {address: policy for address, policy in policies.items() if policy != POLICY} == {}

    # and a page that does break it is heard
    with page.expect_console_message(lambda message: message.text.startswith("policy: style-src")):
        page.evaluate("document.body.setAttribute('style', 'color: red')")
    complaints.clear()
