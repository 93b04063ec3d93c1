"""The form, looked at closely: many small things in few visits, because a visit costs a second."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import OPENER, ask, choose, heard, listen, open_dialog, phone_photo, upload
from tests.conftest import first
from tests.providers.fakes import SlowProvider, jpeg
from tryon.models import TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")

FILES = (
    "([data, name]) => { const files = new DataTransfer();"
    " const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));"
    " files.items.add(new File([bytes], name, { type: 'image/jpeg' })); return files }"
)


def carried(page: Page, name: str) -> Any:
    """A photo on its way by pointer or clipboard."""
    return page.evaluate_handle(FILES, [base64.b64encode(jpeg()).decode(), name])


def contrast(one: str, other: str) -> float:
    """Of two colours as browsers write them: WCAG 2, relative luminance."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_photos_come_in_by_every_way_and_names_are_clear(
    live_server: LiveServer, tryon_settings: Callable[..., None], context: BrowserContext, page: Page
) -> None:
    tryon_settings(DAILY_LIMIT=2)
    listen(page)
    open_dialog(page, live_server.url)
    dialog = page.get_by_role("dialog", name=OPENER)
    expect(dialog.get_by_text("2 previews left today")).to_be_visible()
    page.evaluate("document.querySelector('#bag button').focus()")
    assert not page.evaluate("document.activeElement.closest('#bag')"), "the page behind is out of reach"
    tops = [
        dialog.locator(part).bounding_box() for part in ("[data-tryon-drop]", ".tryon-consent", "[data-tryon-create]")
    ]
    assert [box["y"] for box in tops if box] == sorted(box["y"] for box in tops if box)

    choose(dialog, upload(b"no picture"))
    expect(dialog.locator("[data-tryon-tell=photo]")).not_to_be_empty()
    assert heard(page)[-1] == ("error", {"product": "1", "tryon": "", "code": "unsupported_image_format"})

    dialog.locator("[data-tryon-drop]").dispatch_event("drop", {"dataTransfer": carried(page, "dropped.jpg")})
    expect(dialog.get_by_text("dropped.jpg")).to_be_visible()
    dialog.evaluate(
        "(dialog, files) => dialog.dispatchEvent(new ClipboardEvent('paste', { clipboardData: files, bubbles: true }))",
        carried(page, "pasted.jpg"),
    )
    expect(dialog.get_by_text("pasted.jpg")).to_be_visible()

    with context.expect_page() as privacy:
        dialog.get_by_role("link", name="How we treat your photo").click()
    expect(privacy.value.get_by_role("heading", name="Your photos and privacy")).to_be_visible()
    privacy.value.close()
    expect(dialog.get_by_text("pasted.jpg")).to_be_visible()

    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"{OPENER} 1", exact=True)).to_be_focused()


@pytest.mark.prove  # a time: for a machine that does nothing else
def test_twelve_million_pixels_are_ready_in_a_second(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    page.evaluate(
        "void (window.took = new Promise((done) => { let begun;"
        " addEventListener('change', () => begun = performance.now(), true);"
        " addEventListener('tryon:photo', () => done(performance.now() - begun)) }))"
    )
    choose(dialog, upload(phone_photo(4000, 3000), "twelve.jpg"))
    expect(dialog.get_by_text("twelve.jpg")).to_be_visible()
    assert page.evaluate("window.took") < 1000


@pytest.mark.parametrize("scheme", first(1, ["light", "dark"]))
def test_the_focus_is_seen_wherever_it_goes(live_server: LiveServer, page: Page, scheme: Any) -> None:
    """Also on a screen of 1280 x 1024 at 400 %, where the head of the dialog takes a third."""
    page.set_viewport_size({"width": 320, "height": 256})
    page.emulate_media(color_scheme=scheme)
    dialog = open_dialog(page, live_server.url)
    surface = dialog.evaluate("(part) => getComputedStyle(part).backgroundColor")
    rings, seen = [], []
    for _press in range(14):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "() => { const one = document.activeElement; if (one === document.body) return null;"
            " const box = one.getBoundingClientRect(); const style = getComputedStyle(one);"
            " const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
            " return { name: one.outerHTML.slice(0, 80),"
            " seen: Boolean(top) && (one.contains(top) || top.contains(one)),"
            " ring: style.outlineStyle === 'none' || style.opacity === '0' ? '' : style.outlineColor } }"
        )
        if where:
            seen.append(where["name"])
            assert where["seen"], f"covered: {where['name']}"
            rings.append(where["ring"])
    assert len(set(seen)) >= 5
    drawn = {ring for ring in rings if ring}
    assert drawn
    assert all(contrast(ring, surface) >= 3 for ring in drawn), (drawn, surface)


def polls_of(page: Page) -> list[float]:
    found: list[float] = []
    page.on("request", lambda one: found.append(time.monotonic()) if _is_poll(one.url, one.method) else None)
    return found


def _is_poll(url: str, method: str) -> bool:
    return method == "GET" and "/api/v1/tryons/" in url


def test_the_wait_is_quiet_and_ends(
    live_server: LiveServer, slow: SlowProvider, drain: Callable[[], None], page: Page
) -> None:
    """Stages are told once each; nothing is asked while nobody looks, once on return, and never again after a 404."""
    page.clock.install()
    drain()
    polls = polls_of(page)
    dialog = open_dialog(page, live_server.url)
    stage = dialog.locator("[data-tryon-stage]")
    stage.evaluate(
        "(part) => { window.told = []; new MutationObserver(() => window.told.push(part.textContent))"
        ".observe(part, { childList: true, characterData: true, subtree: true }) }"
    )
    ask(dialog)
    expect(stage).to_have_text("Making your preview", timeout=20_000)
    expect(dialog.locator("[data-tryon-elapsed]")).to_have_text("3 s")

    def look(away: bool) -> None:
        page.evaluate(
            "(away) => { Object.defineProperty(document, 'hidden', { value: away, configurable: true });"
            " document.dispatchEvent(new Event('visibilitychange')) }",
            away,
        )

    look(True)
    page.clock.fast_forward(30_000)
    before = len(polls)
    page.clock.fast_forward(30_000)
    assert len(polls) == before
    with page.expect_response(lambda one: _is_poll(one.url, one.request.method)):
        look(False)
    told = page.evaluate("window.told")
    assert len(told) == len(set(told)), told

    slow.gate.set()
    TryOnResult.objects.all().delete()
    page.clock.fast_forward(8_000)
    gone = dialog.locator("[data-tryon-tell=form]")
    expect(gone).to_have_text("This preview is no longer here.")
    asked = len(polls)
    page.clock.fast_forward(120_000)
    assert len(polls) == asked
