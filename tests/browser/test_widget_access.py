"""Everybody can use it: axe in every state and theme, targets, small screens, right to left, forced colours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import RESULT_TIMEOUT, agree, choose, create, expect_result, open_dialog, upload
from tests.providers.fakes import SlowProvider, setting
from tryon.models import PresetModel

pytestmark = pytest.mark.usefixtures("shop", "garment", "preset_model", "complaints")

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
SIZES = "(part) => { const box = part.getBoundingClientRect(); return [box.width, box.height] }"
CONTROLS = "button, a, input:not([type=hidden]), summary"


def check(page: Page, state: str) -> None:
    # an opening dialog is half transparent for a moment, and would be judged by those colours
    page.evaluate(
        "Promise.all(document.getAnimations().map((one) => one.effect.getTiming().iterations === 1 && one.finished))"
    )
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, f"{state}: {found.generate_report()}"
    assert_no_sideways_scroll(page, state)


def assert_no_sideways_scroll(page: Page, state: str) -> None:
    wide = page.evaluate(
        "[document.scrollingElement, ...document.querySelectorAll('dialog[open]')]"
        ".filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.tagName)"
    )
    assert wide == [], f"{state}: scrolls sideways"


def assert_targets(page: Page, state: str) -> None:
    for control in page.locator("tryon-widget, .tryon-page").locator(CONTROLS).all():
        if not control.is_visible():
            continue
        width, height = control.evaluate(SIZES)
        label = control.evaluate("(part) => part.outerHTML.slice(0, 120)")
        assert height >= 44, f"{state}: {height} px high: {label}"
        assert width >= 44, f"{state}: {width} px wide: {label}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_every_state_of_the_widget(
    live_server: LiveServer,
    drain: Callable[[], None],
    slow: SlowProvider,
    page: Page,
    scheme: str,
    width: int,
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/product/1/")
    check(page, "closed")
    assert_targets(page, "closed")
    dialog = open_dialog(page, live_server.url)
    check(page, "open")
    assert_targets(page, "open")
    choose(dialog, upload(b"no picture"))
    expect(dialog.get_by_text("We can't read that kind of file.")).to_be_visible()
    check(page, "wrong photo")
    choose(dialog)
    agree(dialog)
    check(page, "ready to create")
    assert_targets(page, "ready to create")
    drain()
    create(dialog).click()
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    check(page, "wait")
    assert_targets(page, "wait")
    slow.gate.set()
    expect_result(dialog)
    check(page, "result")
    assert_targets(page, "result")
    dialog.get_by_role("link", name="Try another photo").click()
    expect(dialog.get_by_text("You agreed to our photo notice.")).to_be_visible()
    check(page, "agreed")
    assert_targets(page, "agreed")
    dialog.get_by_role("radio", name="Noor").check()
    check(page, "model")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_failure(
    live_server: LiveServer,
    drain: Callable[[], None],
    tryon_settings: Callable[..., None],
    page: Page,
    scheme: str,
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider")})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.get_by_text("We couldn't find a person")).to_be_visible(timeout=RESULT_TIMEOUT)
    check(page, "failed")
    assert_targets(page, "failed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages(live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, page: Page, scheme: str) -> None:
    """The pages, in a browser that has JavaScript too."""
    page.set_viewport_size({"width": 320, "height": 700})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/tryon/try/1/")
    check(page, "try page")
    assert_targets(page, "try page")
    choose(page.locator("form").first)
    page.get_by_role("checkbox").check()
    drain()
    page.get_by_role("button", name="Create preview").click()
    expect(page.get_by_role("heading", name="Preview is being made")).to_be_visible()
    check(page, "wait page")
    assert_targets(page, "wait page")
    slow.gate.set()
    expect_result(page)  # the page looks by itself
    check(page, "result page")
    assert_targets(page, "result page")
    page.get_by_role("slider").press("End")
    page.goto(f"{live_server.url}/tryon/privacy/")
    check(page, "privacy page")
    assert_targets(page, "privacy page")
    page.get_by_role("button", name="Withdraw and delete my photos").click()
    expect(page.get_by_text("Done. Your photos and previews are deleted.")).to_be_visible()
    check(page, "withdrawn")
    page.goto(f"{live_server.url}/tryon/previews/00000000-0000-0000-0000-000000000001/")
    check(page, "gone page")


@pytest.mark.browser_context_args(locale="ar")
def test_right_to_left(live_server: LiveServer, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{live_server.url}/tryon/try/1/")
    assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    check(page, "try page, right to left")
    page.goto(f"{live_server.url}/product/1/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.locator(".tryon-opener").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page, "dialog, right to left")
    heading, close = (page.locator(f"dialog {part}").bounding_box() for part in ("h2", ".tryon-close"))
    assert heading
    assert close
    assert heading["x"] > close["x"]


def test_forced_colours_and_no_motion(live_server: LiveServer, page: Page) -> None:
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    dialog = open_dialog(page, live_server.url)
    assert page.evaluate("document.getAnimations().length") == 0
    agree(dialog)
    border = dialog.evaluate("(part) => getComputedStyle(part).borderTopWidth")
    assert border != "0px"
    check(page, "forced colours")


def test_twice_the_text_size(live_server: LiveServer, page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 800})
    page.goto(f"{live_server.url}/product/1/")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.locator(".tryon-opener").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_no_sideways_scroll(page, "200% text")
    create = page.get_by_role("button", name="Create preview")
    create.scroll_into_view_if_needed()
    expect(create).to_be_in_viewport()


def test_the_dialog_is_a_sheet_on_a_phone(live_server: LiveServer, page: Page, preset_model: PresetModel) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    dialog = open_dialog(page, live_server.url)
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    box = dialog.bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
