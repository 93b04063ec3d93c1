"""What the widget says when something is wrong, and that it keeps what was filled in."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import (
    RESULT_TIMEOUT,
    agree,
    choose,
    create,
    expect_result,
    moving,
    open_dialog,
    upload,
)
from tests.providers.fakes import jpeg, setting
from tryon import retention
from tryon.models import Garment, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")


def gif() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (400, 400)).save(stream, "GIF")
    return stream.getvalue()


def photo_error(dialog: Locator) -> Locator:
    return dialog.locator("[data-tryon-tell=photo]")


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (lambda: b"just words", "photo.jpg", "We can't read that kind of file."),
        (gif, "photo.gif", "We can't read that kind of file."),
        (lambda: jpeg(200, 900), "photo.jpg", "That photo is too small. Use one at least 256 pixels"),
        (lambda: jpeg() + b"\0" * 16 * 1024 * 1024, "photo.jpg", "That photo is over 15 MB."),
        (lambda: moving("PNG"), "photo.png", "That file moves. Use a still photo."),
        (lambda: moving("WEBP"), "photo.webp", "That file moves. Use a still photo."),
    ],
    ids=["words", "gif", "small", "big", "apng", "webp"],
)
def test_a_bad_photo_is_refused_before_it_is_sent(
    live_server: LiveServer, page: Page, data: Callable[[], bytes], name: str, words: str
) -> None:
    dialog = open_dialog(page, live_server.url)
    agree(dialog)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose(dialog, upload(data(), name, "image/jpeg"))
    error = photo_error(dialog)
    expect(error).to_contain_text(words)
    field = dialog.locator("input[type=file]")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert error.get_attribute("id") in (field.get_attribute("aria-describedby") or "").split()
    expect(dialog.get_by_role("checkbox")).to_be_checked()
    assert sent == []
    choose(dialog)
    expect(error).to_have_text("")
    expect(create(dialog)).to_be_enabled()


def test_a_damaged_photo_is_refused_by_the_server(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    agree(dialog)
    choose(dialog, upload(jpeg()[:200] + b"\xff\xd8\xff" * 400))
    create(dialog).click()
    expect(photo_error(dialog)).to_have_text("That file is damaged. Try another photo.")
    expect(dialog.get_by_role("checkbox")).to_be_checked()
    assert not ShopperPhoto.objects.exists()
    assert not TryOnResult.objects.exists()


def test_a_broken_connection_keeps_the_photo_and_the_key(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    keys: list[str] = []

    def break_once(route: Route, request: Request) -> None:
        if request.method != "POST":
            route.continue_()
            return
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()  # the server did get it; only the answer is lost
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/tryons/", break_once)
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.locator("[data-tryon-tell=form]")).to_contain_text("The connection was lost.")
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    drain()
    create(dialog).click()
    expect_result(dialog)
    assert len(set(keys)) == 1
    assert TryOnResult.objects.count() == 1


def test_the_upload_can_be_cancelled(live_server: LiveServer, page: Page) -> None:
    page.route("**/api/v1/photos/", lambda route: None)  # never answered
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Sending your photo")
    dialog.get_by_role("button", name="Cancel").click()
    expect(create(dialog)).to_be_enabled()
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    assert not TryOnResult.objects.exists()


def test_a_refusal_by_the_provider_leads_to_another_photo(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code="several_people")})
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.get_by_role("heading", name="This photo can't be used")).to_be_visible(timeout=RESULT_TIMEOUT)
    expect(dialog.get_by_text("We see more than one person.")).to_be_visible()
    dialog.get_by_role("link", name="Choose another photo").click()
    expect(dialog.locator("input[type=file]")).to_be_focused()


def test_a_fault_on_our_side_can_be_tried_again_with_the_same_photo(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS={"ours": setting("RefusingProvider", code="config")})
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.get_by_role("heading", name="The preview could not be made")).to_be_visible(timeout=RESULT_TIMEOUT)
    tryon_settings(PROVIDERS={"ours": setting("InstantProvider")})
    dialog.get_by_role("link", name="Try again").click()
    expect_result(dialog)
    assert TryOnResult.objects.count() == 2
    assert ShopperPhoto.objects.count() == 1
    dialog.get_by_role("button", name="Delete now").click()
    expect(dialog.get_by_text("Deleted. Nothing of that preview is left here.")).to_be_visible()
    assert not ShopperPhoto.objects.exists()  # although the failed try was made of it as well


def test_the_notice_changed_in_the_meantime(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    tryon_settings(PHOTO_RETENTION_HOURS=7)
    create(dialog).click()
    expect(dialog.get_by_text("Our photo notice changed, please read it again.")).to_be_visible()
    expect(dialog.get_by_text("The photo is deleted after 7 hours")).to_be_visible()
    expect(dialog.get_by_role("checkbox")).not_to_be_checked()
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    agree(dialog)
    create(dialog).click()
    expect_result(dialog)


def test_the_day_is_used_up(live_server: LiveServer, tryon_settings: Callable[..., None], page: Page) -> None:
    tryon_settings(DAILY_LIMIT=0)
    dialog = open_dialog(page, live_server.url)
    expect(dialog.get_by_role("alert").first).to_contain_text("You've used today's 0 previews. More at 00:00.")
    choose(dialog)
    agree(dialog)
    expect(create(dialog)).to_be_disabled()


def test_a_preview_that_is_gone_says_so(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect_result(dialog)
    retention.delete_result(TryOnResult.objects.get())
    page.reload()
    page.get_by_role("button", name="Preview ready").click()
    expect(dialog.get_by_text("This preview is no longer here.")).to_be_visible()
    expect(create(dialog)).to_be_visible()


def test_a_dialog_that_does_not_come_falls_back_to_the_page(live_server: LiveServer, page: Page) -> None:
    page.route("**fragment=1", lambda route: route.abort())
    page.goto(f"{live_server.url}/product/1/")
    page.get_by_role("button", name="See it on you").click()
    expect(page).to_have_url(f"{live_server.url}/tryon/try/1/")
    expect(page.get_by_role("heading", name="See it on you")).to_be_visible()


def test_no_button_when_there_is_nothing_to_try_on(live_server: LiveServer, page: Page) -> None:
    Garment.objects.update(active=False)
    page.goto(f"{live_server.url}/product/1/")
    expect(page.get_by_role("heading", name="Product 1")).to_be_visible()
    expect(page.locator("tryon-widget")).to_have_count(0)


def test_a_long_wait_is_explained_once(
    live_server: LiveServer, slow: object, drain: Callable[[], None], page: Page
) -> None:
    page.clock.install()
    drain()
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    stage = dialog.locator("[data-tryon-stage]")
    expect(stage).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    page.clock.fast_forward(60_000)
    expect(stage).to_have_text("Taking longer than usual. You can close this, we keep going.")
    value = dialog.get_by_role("progressbar").evaluate("(bar) => bar.value")
    assert value == pytest.approx(0.95)
    page.clock.fast_forward(5_000)
    expect(stage).to_have_text("Taking longer than usual. You can close this, we keep going.")


def test_polls_are_few(live_server: LiveServer, slow: object, drain: Callable[[], None], page: Page) -> None:
    """The first after a second, then two to three seconds apart: at most four in eight seconds."""
    drain()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "GET" else None)
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    create(dialog).click()
    expect(dialog.locator("[data-tryon-elapsed]")).to_have_text("8 s", timeout=RESULT_TIMEOUT)
    polls = [url for url in asked if "/api/v1/tryons/" in url]
    assert 2 <= len(polls) <= 4, polls
