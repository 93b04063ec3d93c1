"""The pages about one's photos: for everybody, in both themes and directions, and a whole journey by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_widget_access import NARROW, check, see, sights
from tests.storefront.conftest import a_result, add_output, browser_of
from tryon import sharing
from tryon.identity import COOKIE
from tryon.models import ErasureReceipt, Garment, Shopper, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "complaints")


@pytest.fixture
def made(shop: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    result = a_result(shopper, garment, photo)
    add_output(result)
    return result


@pytest.fixture
def known(context: BrowserContext, live_server: LiveServer, shopper: Shopper) -> None:
    """The browser is the shopper's."""
    value = browser_of(shopper).cookies[COOKIE].value
    context.add_cookies([{"name": COOKIE, "value": value, "url": live_server.url}])


def addresses(made: TryOnResult) -> list[str]:
    receipt = ErasureReceipt.objects.create(
        photos=1, results=2, elsewhere=[{"provider": "gone", "calls": 1, "until": None}]
    )
    return [
        "/tryon/privacy/",
        "/tryon/passport/",
        "/tryon/previews/",
        f"/tryon/previews/{made.pk}/share/",
        f"/tryon/shared/{sharing.share(made).token}/",
        f"/tryon/receipts/{receipt.pk}/",
    ]


@pytest.mark.parametrize(("width", "scheme", "language"), sights((NARROW, "dark", "ar")))
def test_everybody_can_use_them(
    live_server: LiveServer, page: Page, known: None, made: TryOnResult, scheme: str, language: str, width: int
) -> None:
    see(page, live_server.url, width, scheme, language)
    for address in addresses(made):
        page.goto(live_server.url + address)
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        state = f"{address} {scheme} {language} {width}"
        check(page, state)
        if address.endswith("/share/"):
            page.locator("main .tryon-primary").click()
            expect(page.locator("[data-tryon-pass]")).to_be_visible()
            check(page, f"{state}, a new link")
        for control in page.locator("main button, main .tryon-button").all():
            box = control.bounding_box()
            assert box, state
            assert box["height"] >= 44, f"{state}: {control.inner_text()}"


def test_share_take_back_and_delete_everything(
    live_server: LiveServer, page: Page, context: BrowserContext, known: None, made: TryOnResult, photo: ShopperPhoto
) -> None:
    """By keyboard alone, as without a mouse."""
    path = Path(photo.file.path)
    page.goto(f"{live_server.url}/tryon/previews/")
    page.get_by_role("link", name=re.compile("^Share by link")).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make a link").focus()
    page.keyboard.press("Enter")
    link = page.get_by_label("Your link. It is shown only this once.").input_value()
    other = context.browser.new_context().new_page()  # type: ignore[union-attr]
    other.goto(link)
    expect(other.get_by_role("img", name="AI-generated preview of Crew tee on a person")).to_be_visible()
    expect(other.get_by_text("Shows style, not size")).to_be_visible()
    page.get_by_role("button", name="Take it back").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take it back")).to_have_count(0)
    other.reload()
    expect(other.get_by_role("heading", name="This preview is no longer here.")).to_be_visible()
    other.context.close()

    page.goto(f"{live_server.url}/tryon/passport/")
    expect(page.get_by_text("Nobody else got this photo.")).to_be_visible()
    page.get_by_role("button", name="Delete everything now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Receipt: deleted")).to_be_visible()
    assert not path.exists()
    assert not TryOnResult.objects.exists()
    assert page.locator("code").inner_text() == str(ErasureReceipt.objects.get().pk)
