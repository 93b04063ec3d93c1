from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.conftest import first
from tryon import local_engine
from tryon.models import Garment, TryOnResult
from tryon_shop import demo

PRODUCT = "/products/breton-top/"
PAGES = [
    "/", "/shop/dresses/", PRODUCT, "/products/wrap-dress/", "/bag/", "/size-guide/", "/about/", "/nowhere/",
    "/tryon/privacy/", "/tryon/try/breton-top/",
]  # fmt: skip
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

axe = Axe()


@pytest.fixture
def shop(
    settings: Any,
    tryon_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    transactional_db: None,
    instant: None,
    tmp_path: Path,
) -> None:
    """Not the tiny shop of the widget's tests but the demo shop, with a few of its pieces."""
    settings.MEDIA_ROOT = tmp_path / "media"
    tryon_settings(CATALOG="tryon_shop.catalog.ShopCatalog")
    monkeypatch.setattr("django_q.conf.Conf.SYNC", False)
    wanted = {"breton-top", "wrap-dress"}
    monkeypatch.setattr(demo, "DESIGNS", [design for design in demo.DESIGNS if design.key in wanted])
    few = local_engine.mannequins()[:2]
    monkeypatch.setattr(demo.local_engine, "mannequins", lambda: few)
    loader = demo.Loader()
    loader.products()
    loader.preset_models()
    assert loader.refused == []


def fill_bag(page: Page, server: str) -> None:
    page.goto(server + PRODUCT)
    page.get_by_role("radio", name="M", exact=True).check()
    page.locator("form:has([name=size]) button.button").click()  # in any language
    expect(page.get_by_role("status").filter(has_text=re.compile("M"))).to_be_visible()


@pytest.mark.parametrize("scheme", first(1, ["dark", "light"]))
def test_no_page_has_a_barrier(
    live_server: LiveServer, shop: None, page: Page, scheme: Any, complaints: list[str]
) -> None:
    page.emulate_media(color_scheme=scheme)
    fill_bag(page, live_server.url)
    for path in PAGES:
        page.goto(live_server.url + path)
        found = axe.run(page, options=RULES)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


@pytest.mark.parametrize("locale", first(1, ["ar", "en"]))
def test_nothing_hangs_out_of_a_narrow_screen(
    live_server: LiveServer, shop: None, browser: Browser, locale: str
) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, locale=locale)
    page = context.new_page()
    fill_bag(page, live_server.url)
    assert page.evaluate("document.documentElement.dir") == ("rtl" if locale == "ar" else "ltr")
    for path in PAGES:
        page.goto(live_server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()


def test_everything_to_press_is_large_enough(live_server: LiveServer, shop: None, page: Page) -> None:
    fill_bag(page, live_server.url)
    for path in (PRODUCT, "/bag/"):
        page.goto(live_server.url + path)
        for button in page.locator("main button, main .choices input, main .colours a").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44, button.evaluate("node => node.outerHTML")


def test_a_size_is_kept_when_the_colour_changes_and_asked_for_when_missing(
    live_server: LiveServer, shop: None, page: Page
) -> None:
    page.goto(live_server.url + PRODUCT)
    page.get_by_role("button", name="Add to bag").click()
    size = page.get_by_role("radio", name="L", exact=True)
    assert size.evaluate("node => node.validity.valueMissing")
    expect(page).to_have_url(live_server.url + PRODUCT)
    size.check()
    page.get_by_role("link", name="Navy / ecru").click()
    expect(page.locator("#colour-label")).to_have_text("Colour: Navy / ecru")
    expect(page.get_by_role("radio", name="L", exact=True)).to_be_checked()


def test_the_bag_counts_up_and_down_and_empties(live_server: LiveServer, shop: None, page: Page) -> None:
    fill_bag(page, live_server.url)
    page.get_by_role("link", name="View bag").click()
    page.get_by_role("button", name="One Breton long sleeve more").click()
    expect(page.locator(".total strong")).to_have_text("€78.00")
    expect(page.locator(".count")).to_contain_text("2")
    page.get_by_role("button", name="Remove Breton long sleeve").click()
    expect(page.get_by_text("Nothing in it yet.")).to_be_visible()


def test_a_piece_is_seen_on_a_model_and_put_in_the_bag(
    live_server: LiveServer, shop: None, drain: Callable[[], None], page: Page, complaints: list[str]
) -> None:
    drain()
    page.goto(f"{live_server.url}{PRODUCT}navy-ecru/")
    page.get_by_role("radio", name="S", exact=True).check()
    page.get_by_role("button", name="See it on you").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("summary").click()
    dialog.get_by_role("radio").nth(1).check(force=True)
    dialog.get_by_role("button", name="Create preview").click()
    dialog.get_by_role("button", name="Add to bag").click(timeout=20_000)
    expect(page.get_by_role("status").filter(has_text="Navy / ecru, size S is in your bag")).to_be_visible()
    assert TryOnResult.objects.get().garment == Garment.objects.get(variant="Navy / ecru")
