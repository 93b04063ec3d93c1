"""Everybody can use it: axe in every state and theme, targets, small screens, right to left, forced colours."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import RESULT_TIMEOUT, agree, choose, open_dialog, upload
from tests.browser.pictures import photograph
from tests.conftest import garment_of
from tests.providers.fakes import SlowProvider, setting
from tryon.choices import Category
from tryon.garments import save_garment
from tryon.models import Garment, PresetModel

pytestmark = pytest.mark.usefixtures("shop", "garment", "preset_model", "complaints")

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# a box or a dot is as large as the label that belongs to it
SIZES = (
    "(part) => { const box = (part.closest('label') ?? part).getBoundingClientRect(); return [box.width, box.height] }"
)
CONTROLS = "button, a:not(.tryon-prose p a), input:not([type=hidden]), summary"  # links in a sentence are as they are


def check(page: Page, state: str) -> None:
    # an opening dialog is half transparent for a moment, and would be judged by those colours
    page.evaluate(
        "Promise.allSettled(document.getAnimations()"
        ".map((one) => one.effect.getTiming().iterations === 1 && one.finished))"
    )
    photograph(page, state)
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


WIDE, PHONE, NARROW = 1280, 390, 320


def sights(*suite: tuple[int, str, str]) -> list[Any]:
    """Width, scheme and language: those named with the suite, all others with ``make prove``."""
    every = itertools.product((WIDE, PHONE, NARROW), ("light", "dark"), ("en", "ar"))
    return [pytest.param(*one, marks=() if one in suite else pytest.mark.prove) for one in every]


def see(page: Page, url: str, width: int, scheme: Any, language: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": url}])
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)


@pytest.mark.parametrize(("width", "scheme", "language"), sights((NARROW, "dark", "ar")))
def test_every_state_of_the_widget(
    live_server: LiveServer,
    drain: Callable[[], None],
    slow: SlowProvider,
    tryon_settings: Callable[..., None],
    garment: Garment,
    page: Page,
    width: int,
    scheme: str,
    language: str,
) -> None:
    picture = garment_of(500, 600, "#222244")
    save_garment("1", "Ink", name="Crew tee", category=Category.UPPER, picture=picture)
    see(page, live_server.url, width, scheme, language)

    def judge(state: str) -> None:
        check(page, f"{state}, {width}, {scheme}, {language}")
        assert_targets(page, state)

    def do(name: str) -> Locator:
        return dialog.locator(f"[data-tryon-do={name}]").locator("visible=true").first

    page.goto(f"{live_server.url}/product/1/")
    assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    judge("closed")
    dialog = open_dialog(page, live_server.url)
    judge("open")
    choose(dialog, upload(b"no picture"))
    expect(dialog.locator("[data-tryon-tell=photo]")).not_to_be_empty()
    judge("wrong photo")
    do("camera").click()
    expect(do("take")).to_be_visible()
    judge("camera")
    do("back").click()
    choose(dialog)
    do("hide").click()
    expect(do("cover")).to_be_visible()
    judge("hidden face")
    do("back").click()
    agree(dialog)
    judge("ready to create")
    drain()
    dialog.locator("[data-tryon-create]").click()
    making = dialog.locator("tryon-progress").get_attribute("data-making") or ""
    expect(dialog.locator("[data-tryon-stage]")).to_have_text(making, timeout=RESULT_TIMEOUT)
    judge("wait")
    slow.gate.set()
    heading = dialog.locator("[data-tryon-heading]")
    expect(heading).to_be_visible(timeout=RESULT_TIMEOUT)
    judge("result")
    dialog.locator("[name=verdict][value=dislike]").check()
    judge("feedback")
    dialog.locator("[data-tryon-do=feedback] button").click()
    expect(dialog.locator("[data-tryon-thanks]")).not_to_be_empty()
    dialog.locator("[data-garment]").first.click()
    expect(dialog.locator(".tryon-beside li").nth(1)).to_be_visible(timeout=RESULT_TIMEOUT)
    judge("side by side")
    do("again").click()
    expect(dialog.locator("[name=consent][type=hidden]")).to_have_count(1)
    judge("agreed, with a last photo")
    dialog.locator("summary").click()
    dialog.locator("[name=model_id]").nth(1).check()
    judge("model")
    tryon_settings(DAILY_LIMIT=2)  # as many as there were
    page.reload()
    page.locator(".tryon-opener").first.click()
    expect(dialog.locator("[data-tryon-tell=form]")).not_to_be_empty()
    judge("used up")
    dialog.locator("[name=model_id]").first.check()
    dialog.locator(".tryon-agreed button").click()
    expect(dialog.locator("[data-tryon-tell=notice]")).not_to_be_empty()
    judge("withdrawn")


@pytest.mark.parametrize(("width", "scheme", "language"), sights((WIDE, "light", "en")))
def test_when_it_fails(
    live_server: LiveServer,
    drain: Callable[[], None],
    tryon_settings: Callable[..., None],
    page: Page,
    width: int,
    scheme: str,
    language: str,
) -> None:
    """A photo that is no good, and a fault on our side."""
    see(page, live_server.url, width, scheme, language)
    drain()
    for code in ("several_people", "provider_down"):
        tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code=code)})
        dialog = open_dialog(page, live_server.url)
        choose(dialog)
        if dialog.locator("[name=consent][type=checkbox]").count():
            agree(dialog)
        dialog.locator("[data-tryon-create]").click()
        expect(dialog.locator(f"[data-tryon-code={code}]")).to_be_visible(timeout=RESULT_TIMEOUT)
        check(page, f"{code}, {scheme}, {language}")
        assert_targets(page, code)
        page.evaluate("localStorage.clear()")


@pytest.mark.parametrize(("width", "scheme", "language"), sights((NARROW, "light", "en")))
def test_pages(
    live_server: LiveServer,
    drain: Callable[[], None],
    slow: SlowProvider,
    page: Page,
    width: int,
    scheme: str,
    language: str,
) -> None:
    """The pages, in a browser that has JavaScript too."""
    see(page, live_server.url, width, scheme, language)

    def judge(state: str) -> None:
        check(page, f"{state}, {width}, {scheme}, {language}")
        assert_targets(page, state)

    page.goto(f"{live_server.url}/tryon/try/1/")
    judge("try page")
    form = page.locator("form").first
    choose(form)
    page.get_by_role("checkbox").check()
    drain()
    form.locator("[data-tryon-create]").click()
    expect(page.locator("tryon-progress")).to_be_visible()
    judge("wait page")
    slow.gate.set()
    expect(page.locator("[data-tryon-outcome]")).to_be_visible(timeout=RESULT_TIMEOUT)  # the page looks by itself
    judge("result page")
    page.get_by_role("slider").press("End")
    page.goto(f"{live_server.url}/tryon/privacy/")
    judge("privacy page")
    page.locator("form[action$='/withdraw/'] button").click()
    expect(page.locator(".tryon-receipt")).to_be_visible()
    judge("withdrawn")
    page.goto(f"{live_server.url}/tryon/previews/00000000-0000-0000-0000-000000000001/")
    judge("gone page")


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


def test_the_widget_moves_nothing_on_the_page(live_server: LiveServer, context: BrowserContext, page: Page) -> None:
    """No layout shift while it loads and opens, and what is painted largest is the shop's own."""
    context.add_init_script(
        "window.shifts = 0; window.largest = '';"
        "new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifts += one.value })"
        ".observe({ type: 'layout-shift', buffered: true });"
        "new PerformanceObserver((list) => { for (const { element } of list.getEntries())"
        " window.largest = String(Boolean(element?.closest('tryon-widget'))) })"
        ".observe({ type: 'largest-contentful-paint', buffered: true })"
    )
    page.goto(f"{live_server.url}/product/1/", wait_until="networkidle")
    expect(page.get_by_role("button", name="See it on you")).to_be_visible()  # the link has become a button
    assert page.evaluate("[window.shifts, window.largest]") == [0, "false"]
    page.evaluate(
        "document.addEventListener('tryon:open', ({ target }) =>"
        " window.late = target.querySelector('[data-tryon-camera]').hidden)"
    )
    page.locator(".tryon-opener").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    assert not page.evaluate("window.late"), "whether there is a camera is known before the form is seen"
    assert page.evaluate("window.shifts") == 0
