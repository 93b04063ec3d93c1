"""What the widget says when something is wrong, and that it keeps what was filled in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.api.test_tryons import PAID
from tests.browser.dialog import (
    RESULT_TIMEOUT,
    agree,
    ask,
    choose,
    create,
    expect_result,
    moving,
    open_dialog,
    phone_photo,
    upload,
)
from tests.providers.fakes import SlowProvider, jpeg, setting
from tests.storefront.test_pages import dark
from tryon import admission, retention
from tryon.models import Garment, ProviderAccount, RequestKey, Shopper, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")


def gif() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (400, 400)).save(stream, "GIF")
    return stream.getvalue()


def photo_error(dialog: Locator) -> Locator:
    return dialog.locator("[data-tryon-tell=photo]")


BAD: list[tuple[Callable[[], bytes], str, str]] = [
    (lambda: b"just words", "photo.jpg", "We can't read that kind of file."),
    (gif, "photo.gif", "We can't read that kind of file."),
    (lambda: jpeg(200, 900), "photo.jpg", "That photo is too small. Use one at least 256 pixels"),
    (lambda: jpeg() + b"\0" * 16 * 1024 * 1024, "photo.jpg", "That photo is over 15 MB."),
    (lambda: moving("PNG"), "photo.png", "That file moves. Use a still photo."),
    (lambda: moving("WEBP"), "photo.webp", "That file moves. Use a still photo."),
]


def test_bad_photos_are_refused_before_they_are_sent(live_server: LiveServer, page: Page, tmp_path: Path) -> None:
    dialog = open_dialog(page, live_server.url)
    agree(dialog)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    error, field = photo_error(dialog), dialog.locator("input[type=file]")
    for number, (data, name, words) in enumerate(BAD):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / name).write_bytes(data())
        choose(dialog, tmp_path / str(number) / name)
        expect(error).to_contain_text(words)
        expect(field).to_have_attribute("aria-invalid", "true")
        assert error.get_attribute("id") in (field.get_attribute("aria-describedby") or "").split()
        expect(dialog.get_by_role("checkbox")).to_be_checked()
        # a photo that was taken before is counted, without a byte of it
        assert [url for url in posts if not (number and url.endswith("/events/"))] == []
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


def test_a_dark_photo_is_used_only_when_the_shopper_says_so(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    uploads: list[str] = []
    page.on("request", lambda one: uploads.append(one.method) if "/api/v1/photos/" in one.url else None)
    dialog = open_dialog(page, live_server.url)
    ask(dialog, upload(dark()))
    expect(photo_error(dialog)).to_have_text("This photo looks too dark, so the preview may be poor.")
    anyway = dialog.get_by_role("button", name="Use anyway")
    expect(anyway).to_be_focused()
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Choose another photo").click()
    with page.expect_response(lambda one: one.request.method == "DELETE"):
        chooser.value.set_files(upload(dark(), "other.jpg"))
    expect(anyway).to_be_hidden()
    assert not ShopperPhoto.objects.exists()
    create(dialog).click()
    drain()
    anyway.click()
    expect_result(dialog)
    assert uploads == ["POST", "DELETE", "POST"]
    assert TryOnResult.objects.get().photo == ShopperPhoto.objects.get()


def test_a_broken_connection_keeps_the_photo_and_the_key(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    """The answer to the photo is lost, and then the answer to the wish: one photo, one preview."""
    keys: dict[str, list[str]] = {"photos": [], "tryons": []}

    def break_once(route: Route, request: Request) -> None:
        if request.method != "POST":
            route.continue_()
            return
        sent = keys[request.url.rstrip("/").rpartition("/")[2]]
        sent.append(request.headers["idempotency-key"])
        if len(sent) == 1:
            route.fetch()  # the server did get it; only the answer is lost
            route.abort()
        else:
            route.continue_()

    page.route(re.compile(r"/api/v1/(photos|tryons)/$"), break_once)
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    drain()
    for sent in keys.values():
        expect(dialog.locator("[data-tryon-tell=form]")).to_contain_text("The connection was lost.")
        expect(dialog.get_by_text("me.jpg")).to_be_visible()
        assert len(sent) == 1
        dialog.get_by_role("button", name="Try again").click()
    expect_result(dialog)
    assert [len(sent) for sent in keys.values()] == [2, 2]
    assert len(set(keys["photos"])) == len(set(keys["tryons"])) == 1
    assert ShopperPhoto.objects.count() == TryOnResult.objects.count() == 1


def test_a_request_that_is_still_looked_at_is_asked_again(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    """The answer to the first one is on its way when the second comes: not an error, and never a second preview."""
    keys: list[str] = []
    answer = ""

    def twice(route: Route, request: Request) -> None:
        nonlocal answer
        if request.method != "POST":
            route.continue_()
            return
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            answer = RequestKey.objects.get(key=keys[0]).answer
            RequestKey.objects.filter(key=keys[0]).update(answer="")
        else:
            RequestKey.objects.filter(key=keys[0]).update(answer=answer)
        route.continue_()

    told: list[tuple[int, float]] = []
    page.on(
        "response", lambda one: told.append((one.status, time.monotonic())) if one.url.endswith("/tryons/") else None
    )
    page.route("**/api/v1/tryons/", twice)
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    assert [status for status, _ in told] == [409, 202]
    assert told[1][1] - told[0][1] >= 0.9, "Retry-After is a second"
    assert len(set(keys)) == 1
    assert TryOnResult.objects.count() == 1


def test_the_upload_can_be_cancelled(live_server: LiveServer, page: Page) -> None:
    page.route("**/api/v1/photos/", lambda route: None)  # never answered
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Sending your photo")
    dialog.get_by_role("button", name="Cancel").click()
    expect(create(dialog)).to_be_enabled()
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    assert not TryOnResult.objects.exists()


def test_a_slow_upload_tells_how_far_it_is(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    choose(dialog, upload(phone_photo()))
    agree(dialog)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 40 * 1024}
    line.send("Network.emulateNetworkConditions", slow)
    create(dialog).click()
    expect(dialog.locator("[data-tryon-ahead]")).to_have_text(re.compile(r"^[1-9]\d?%$"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    assert not ShopperPhoto.objects.exists()


def test_a_refusal_by_the_provider_leads_to_another_photo(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code="several_people")})
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.get_by_role("heading", name="This photo can't be used")).to_be_visible(timeout=RESULT_TIMEOUT)
    expect(dialog.get_by_text("We see more than one person.")).to_be_visible()
    dialog.get_by_role("link", name="Choose another photo").click()
    expect(dialog.locator("input[type=file]")).to_be_focused()


def test_a_fault_on_our_side_can_be_tried_again_with_the_same_photo(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    """Here: the deadline passes while the provider is at it."""
    tryon_settings(PROVIDERS={"ours": setting("JobProvider", polls=10_000)}, DEADLINE_SECONDS=2)
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.get_by_role("heading", name="The preview could not be made")).to_be_visible(timeout=RESULT_TIMEOUT)
    expect(dialog.get_by_text("That took too long. You were not charged a try.")).to_be_visible()
    left = admission.quota(Shopper.objects.get())
    assert left.remaining == left.limit
    tryon_settings(DEADLINE_SECONDS=300, PROVIDERS={"ours": setting("InstantProvider")})
    dialog.get_by_role("link", name="Try again").click()
    expect_result(dialog)
    assert TryOnResult.objects.count() == 2
    assert ShopperPhoto.objects.count() == 1
    dialog.get_by_role("button", name="Delete now").click()
    expect(dialog.get_by_text("Deleted: the preview and your photo. Nothing of them is left here.")).to_be_visible()
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
    words = "You've used today's 0 previews. More at 00:00."
    expect(dialog.get_by_role("alert").first).to_contain_text(words)
    choose(dialog)
    agree(dialog)
    expect(create(dialog)).to_be_disabled()
    expect(create(dialog)).to_have_accessible_description(words)


def test_a_preview_that_is_gone_says_so(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    page.reload()
    ready = page.get_by_role("button", name="Preview ready")
    expect(ready).to_be_visible()
    retention.delete_result(TryOnResult.objects.get())
    ready.click()
    expect(dialog.get_by_text("This preview is no longer here.")).to_be_visible()
    expect(create(dialog)).to_be_visible()


def test_a_dialog_that_does_not_come(live_server: LiveServer, page: Page) -> None:
    """Without a connection the page stays; when the server can't, the page that does the same job comes."""
    page.route("**fragment=1", lambda route: route.abort())
    page.goto(f"{live_server.url}/product/1/")
    page.get_by_role("button", name="See it on you").click()
    again = page.get_by_role("button", name="No connection. Try again")
    expect(again).to_be_visible()
    page.unroute_all()
    again.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="See it on you")).to_be_visible()
    page.reload()
    page.route("**fragment=1", lambda route: route.fulfill(status=500))
    page.get_by_role("button", name="See it on you").click()
    expect(page).to_have_url(f"{live_server.url}/tryon/try/1/")
    expect(page.get_by_role("heading", name="See it on you")).to_be_visible()


def test_no_button_when_there_is_nothing_to_try_on(
    live_server: LiveServer, tryon_settings: Callable[..., None], page: Page
) -> None:
    """Whatever the reason is: the page is whole and still, and its button is back when the reason is gone."""
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " window.shifts += one.value }).observe({ type: 'layout-shift', buffered: true })"
    )
    page.set_extra_http_headers({"CF-IPCountry": "US"})

    def expect_button(there: bool, why: str) -> None:
        page.goto(f"{live_server.url}/product/1/", wait_until="load")
        expect(page.get_by_role("heading", name="Product 1")).to_be_visible()
        expect(page.locator("tryon-widget"), why).to_have_count(int(there))
        assert page.evaluate("window.shifts") == 0, why

    def is_away(why: str) -> None:
        expect_button(False, why)
        tryon_settings(**usual)
        Garment.objects.update(active=True)
        ProviderAccount.objects.all().delete()

    usual = {name: django_settings.TRYON[name] for name in ("PROVIDERS", "CATALOG", "CAPS")} | {"ENABLED": True}
    expect_button(True, "nothing is against it")
    Garment.objects.update(active=False)
    is_away("the product is not eligible")
    tryon_settings(ENABLED=False)
    is_away("switched off")
    tryon_settings(PROVIDERS={})
    is_away("no provider")
    ProviderAccount.objects.create(alias="instant", stopped=True)
    is_away("every provider is stopped")
    ProviderAccount.objects.create(alias="instant", paused_until=timezone.now() + timedelta(minutes=10))
    is_away("every provider wants to be left alone")
    tryon_settings(PROVIDERS=PAID, CAPS={"shop": {"day": Decimal("0.001")}})
    is_away("the budget is spent")
    tryon_settings(CATALOG="tests.api.test_discovery.HomeOnly")
    is_away("not in this country")
    expect_button(True, "all is well again")


def test_a_long_wait_is_explained_once_and_then_left_alone(
    live_server: LiveServer, slow: SlowProvider, drain: Callable[[], None], page: Page
) -> None:
    page.clock.install()
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    stage = page.locator("[data-tryon-stage]")
    expect(stage).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    page.clock.fast_forward(60_000)
    late = "Taking longer than usual. You can close this, we keep going."
    expect(stage).to_have_text(late)
    expect(dialog.get_by_role("progressbar")).to_have_js_property("value", 0.95)
    page.clock.fast_forward(5_000)
    expect(stage).to_have_text(late)

    def expect_still_late() -> None:
        with page.expect_response(lambda one: one.request.method == "GET" and "/api/v1/tryons/" in one.url):
            page.clock.fast_forward(3_000)
        expect(stage).to_have_text(late)
        expect(page.get_by_role("progressbar")).to_have_js_property("value", 0.95)

    # loaded again, and looked at elsewhere, it goes on from when the row was made
    page.reload()
    page.get_by_role("button", name="Preview is being made").click()
    expect_still_late()
    row = TryOnResult.objects.get()
    TryOnResult.objects.update(created_at=row.created_at - timedelta(seconds=70))
    page.goto(f"{live_server.url}/tryon/previews/{row.pk}/")
    expect_still_late()

    page.goto(f"{live_server.url}/product/1/")
    page.get_by_role("button", name="Preview is being made").click()
    expect(stage).to_have_text(late)
    page.clock.fast_forward(600_000)
    expect(dialog.locator("[data-tryon-tell=form]")).to_have_text(
        "This takes very long. We keep going: look again later."
    )
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="See it on you").click()
    expect(stage).to_have_text(late)
    slow.gate.set()
    page.clock.resume()
    expect_result(dialog)


def test_polls_are_few(live_server: LiveServer, slow: object, drain: Callable[[], None], page: Page) -> None:
    """The first after a second, then two to three seconds apart: at most four in eight seconds."""
    drain()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "GET" else None)
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.locator("[data-tryon-elapsed]")).to_have_text("8 s", timeout=RESULT_TIMEOUT)
    polls = [url for url in asked if "/api/v1/tryons/" in url]
    assert 2 <= len(polls) <= 4, polls
