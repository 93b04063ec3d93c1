"""The shopper's way through the widget, from the button to the preview and away again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import (
    OPENER,
    RESULT_TIMEOUT,
    agree,
    ask,
    choose,
    create,
    expect_result,
    heard,
    listen,
    on_model,
    open_dialog,
    phone_photo,
    upload,
)
from tests.providers.fakes import SlowProvider, jpeg
from tryon.choices import Category, Status
from tryon.garments import garment_picture, save_garment
from tryon.images.disclosure import is_marked
from tryon.models import Consent, Garment, PresetModel, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints", "file_choosers")


@pytest.fixture
def file_choosers(page: Page) -> None:
    """Choosers are caught from the start; switched on only when one is expected, the catch may come too late."""
    page.on("filechooser", lambda chooser: None)


def test_by_upload(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    listen(page)
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    picture = dialog.get_by_role("img", name="AI-generated preview of Crew tee on you")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 600)
    expect(dialog.get_by_text("AI-generated preview", exact=True)).to_be_visible()
    expect(dialog.get_by_text("Shows style, not size.")).to_be_visible()
    expect(dialog.get_by_role("link", name="Size guide")).to_have_attribute("href", "/size-guide/")

    row = TryOnResult.objects.get()
    assert row.status == Status.SUCCEEDED
    consent = Consent.objects.get()
    assert row.consent == consent
    assert row.photo is not None
    assert row.photo.consent == consent
    names = [name for name, _ in heard(page)]
    assert names == ["open", "photo", "start", "done"]
    assert heard(page)[-1][1] == {"product": "1", "tryon": str(row.pk), "code": ""}


def test_by_preset_model_without_consent(
    live_server: LiveServer, drain: Callable[[], None], preset_model: PresetModel, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    on_model(dialog, "Noor")
    expect(dialog.get_by_role("checkbox")).to_be_hidden()
    create(dialog).click()
    expect_result(dialog)
    expect(dialog.get_by_role("img", name="AI-generated preview of Crew tee on a model")).to_be_visible()
    expect(dialog.get_by_role("slider")).to_have_count(0)
    row = TryOnResult.objects.get()
    assert row.preset_model == preset_model
    assert not ShopperPhoto.objects.exists()
    assert not Consent.objects.exists()


def test_the_policy_is_strict(client: Client) -> None:
    """Else the complaints of the other tests would be about nothing. It is the one that the document tells shops."""
    told = (Path(__file__).parents[2] / "docs" / "widget.md").read_text(encoding="utf-8")
    needed = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'"
    assert f"\n{needed}; form-action 'self'\n" in told
    for path in ("/product/1/", "/tryon/try/1/", "/tryon/previews/", "/tryon/static/none"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert policy == f"{needed}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def test_nothing_is_requested_before_the_click(live_server: LiveServer, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(f"{live_server.url}/product/1/", wait_until="networkidle")
    assert [path for path in asked if path.startswith("/tryon/")] == []
    assert page.context.cookies() == []


def test_create_says_what_is_missing(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    reason = dialog.locator("[data-tryon-need]")
    expect(reason).to_have_attribute("role", "status")
    # what is told later has its place from the start, where screen readers look
    hidden = "(all) => all.filter((part) => getComputedStyle(part).display === 'none').length"
    regions = dialog.locator("[data-tryon-view=form]").locator("[role=status], [role=alert]")
    assert (regions.count(), regions.evaluate_all(hidden)) == (5, 0)
    expect(create(dialog)).to_be_disabled()
    expect(reason).to_have_text("Choose a photo and tick the box to go on.")
    choose(dialog)
    expect(reason).to_have_text("Tick the box to go on.")
    agree(dialog)
    expect(create(dialog)).to_be_enabled()
    expect(reason).to_have_text("")
    dialog.get_by_role("button", name="Remove").click()
    expect(reason).to_have_text("Choose a photo to go on.")
    expect(create(dialog)).to_be_disabled()
    create(dialog).click(force=True)
    assert not TryOnResult.objects.exists()
    expect(dialog.locator("input[type=file]")).to_be_focused()


def test_photo_is_shown_and_can_be_replaced(live_server: LiveServer, preset_model: PresetModel, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    choose(dialog, upload(jpeg(), "one.jpg"))
    shown = dialog.get_by_role("img", name="Your photo")
    expect(shown).to_be_visible()
    expect(dialog.locator(".tryon-models")).to_be_hidden()  # nobody with a photo asks for a model
    first = shown.get_attribute("src") or ""
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Replace").click()
    chooser.value.set_files(upload(jpeg(colour="#aa5555"), "two.jpg"))
    expect(dialog.get_by_text("two.jpg")).to_be_visible()
    expect(shown).not_to_have_attribute("src", first)


def test_the_photo_sent_is_upright_small_and_bare(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    sent: list[bytes] = []

    def look(route: Route, request: Request) -> None:
        sent.append(request.post_data_buffer or b"")
        route.continue_()

    page.route("**/api/v1/photos/", look)
    dialog = open_dialog(page, live_server.url)
    data = phone_photo()
    assert b"CANARY" in data
    drain()
    ask(dialog, upload(data))
    expect_result(dialog)
    body = sent[0]
    assert b"CANARY" not in body
    assert b"Exif" not in body
    picture = Image.open(BytesIO(body[body.index(b"\xff\xd8\xff") :]))
    assert picture.size == (1536, 2048)
    assert picture.format == "JPEG"


def test_double_click_makes_one(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    button = create(dialog)
    button.evaluate("(button) => { button.click(); button.click(); button.click(); }")
    drain()
    expect_result(dialog)
    assert TryOnResult.objects.count() == 1
    assert ShopperPhoto.objects.count() == 1


def test_compare_by_keys_and_buttons(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    slider = dialog.get_by_role("slider", name="Compare your photo and the preview")
    photo = dialog.locator(".tryon-before")
    expect(photo).not_to_have_js_property("naturalWidth", 0)
    slider.focus()
    for key, value in (("ArrowRight", "1"), ("PageUp", "11"), ("End", "100"), ("ArrowLeft", "99"), ("Home", "0")):
        page.keyboard.press(key)
        expect(slider).to_have_value(value)
    dialog.get_by_role("button", name="Your photo").click()
    expect(slider).to_have_value("100")
    expect(slider).to_have_attribute("aria-valuetext", "0% preview")
    assert photo.evaluate("(image) => getComputedStyle(image).clipPath") in ("inset(0px)", "inset(0px 0% 0px 0px)")
    dialog.get_by_role("button", name="Preview", exact=True).click()
    expect(slider).to_have_value("0")


def test_wait_cancel_and_start_again(
    live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    stage = dialog.locator("[data-tryon-stage]")
    expect(stage).to_have_attribute("role", "status")
    expect(stage).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    expect(dialog.get_by_role("progressbar")).to_be_visible()
    expect(dialog.locator("[data-tryon-elapsed]")).to_have_text("2 s")
    page.route("**/cancel/", lambda route: route.abort())
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_text("That did not work. Check your connection and try again.")).to_be_visible()
    expect(dialog.get_by_role("progressbar")).to_be_visible()
    page.unroute_all()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_text("Stopped. Nothing was used up.")).to_be_visible()
    assert TryOnResult.objects.get().status == Status.CANCELED
    slow.gate.set()
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    expect(dialog.get_by_role("checkbox")).to_be_checked()
    create(dialog).click()
    expect_result(dialog)
    assert TryOnResult.objects.count() == 2
    assert ShopperPhoto.objects.count() == 1  # the photo was not sent again


def test_place_in_the_queue_is_shown(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    choose(dialog)
    agree(dialog)
    for _number in range(3):
        _someone_else_waits()
    create(dialog).click()
    expect(dialog.get_by_text("Ahead of you: 3")).to_be_visible()
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Waiting for a free place")


def _someone_else_waits() -> None:
    TryOnResult.objects.create(garment=Garment.objects.get(), deadline_at=timezone.now() + timedelta(minutes=5))


def test_closing_keeps_the_job_also_over_a_reload(
    live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Preview is being made")).to_be_focused()
    page.reload()
    busy = page.get_by_role("button", name="Preview is being made")
    busy.click()
    expect(dialog.get_by_role("progressbar")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    slow.gate.set()
    ready = page.get_by_role("button", name="Preview ready")
    expect(ready).to_be_visible(timeout=RESULT_TIMEOUT)
    page.reload()
    ready.click()
    expect_result(dialog)


def test_delete_now(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    listen(page)
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    urls = [image.get_attribute("src") for image in dialog.locator(".tryon-frame img").all()]
    assert [page.request.get(f"{live_server.url}{url}").status for url in urls] == [200, 200]
    dialog.get_by_role("button", name="Delete now").click()
    expect(dialog.get_by_text("Deleted: the preview and your photo. Nothing of them is left here.")).to_be_visible()
    assert [page.request.get(f"{live_server.url}{url}").status for url in urls] == [404, 404]
    assert not TryOnResult.objects.exists()
    assert not ShopperPhoto.objects.exists()
    assert heard(page)[-1][0] == "delete"
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name=OPENER)).to_be_visible()


def test_another_visitor_gets_nothing(
    live_server: LiveServer, drain: Callable[[], None], page: Page, browser: Any
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    row = TryOnResult.objects.get()
    paths = [
        *(image.get_attribute("src") for image in dialog.locator(".tryon-frame img").all()),
        f"/tryon/previews/{row.pk}/",
        f"/tryon/api/v1/tryons/{row.pk}/",
    ]
    other: BrowserContext = browser.new_context()
    for path in paths:
        assert other.request.get(f"{live_server.url}{path}").status == 404, path
    other.close()


def test_consent_is_asked_once_and_withdrawn_in_the_same_place(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    dialog.get_by_role("link", name="Try another photo").click()
    expect(dialog.locator("input[type=file]")).to_be_focused()  # the fresh form is there
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    choose(dialog, upload(jpeg(colour="#557799")))
    expect(create(dialog)).to_be_enabled()
    dialog.get_by_role("button", name="Withdraw and delete my photos").click()
    expect(dialog.get_by_text("Withdrawn. Photos deleted: 1. Previews deleted: 1.")).to_be_visible()
    with page.context.expect_page() as receipt:
        dialog.get_by_role("link", name="Receipt").click()
    expect(receipt.value.get_by_role("heading", name="Receipt: deleted")).to_be_visible()
    receipt.value.close()
    expect(dialog.get_by_role("checkbox")).not_to_be_checked()
    assert not TryOnResult.objects.exists()
    assert not ShopperPhoto.objects.exists()
    assert Consent.objects.get().withdrawn_at is not None


def test_add_to_bag_submits_the_shops_form(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    with page.expect_navigation():
        dialog.get_by_role("button", name="Add to bag").click()
    expect(page.locator("#bagged")).to_have_text("1")


def test_a_shop_can_take_add_to_bag_over(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    listen(page)
    dialog = open_dialog(page, live_server.url)
    page.evaluate("document.addEventListener('tryon:add-to-cart', (event) => event.preventDefault())")
    ask(dialog)
    expect_result(dialog)
    dialog.get_by_role("button", name="Add to bag").click()
    expect(dialog).to_be_hidden()
    assert heard(page)[-1][0] == "add-to-cart"
    expect(page.locator("#bagged")).to_have_text("")


def test_save_gives_the_marked_picture(
    live_server: LiveServer, drain: Callable[[], None], page: Page, tmp_path: Any
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save").click()
    target = tmp_path / "saved"
    download.value.save_as(target)
    assert is_marked(target.read_bytes())
    assert download.value.suggested_filename == "preview.jpg"


def test_two_widgets_and_one_that_comes_later(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    save_garment("2", "", name="Shirt", category=Category.UPPER, picture=garment_picture(jpeg(500, 600, "#775533")))
    drain()
    page.goto(f"{live_server.url}/product/1/")
    page.evaluate(
        "const later = document.querySelector('tryon-widget').cloneNode(true); later.dataset.product = 'later';"
        "later.querySelector('button').outerHTML = '<a class=\"tryon-opener\" href=\"/tryon/try/1/\">'"
        "+ later.querySelector('button').innerHTML + '</a>'; document.querySelector('main').append(later)"
    )
    openers = page.get_by_role("button", name=OPENER)
    expect(openers).to_have_count(3)
    for number in (1, 2, 0):
        openers.nth(number).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_have_count(1)
        choose(dialog)
        if dialog.get_by_role("checkbox").count():
            agree(dialog)
        create(dialog).click()
        expect_result(dialog)
        dialog.get_by_role("button", name="Close").click()
        openers = page.locator(".tryon-opener")
    assert sorted(TryOnResult.objects.values_list("garment__product_ref", flat=True)) == ["1", "1", "2"]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((part) => part.id)")
    assert len(ids) == len(set(ids))


def test_works_inside_a_form_of_the_shop(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    page.goto(f"{live_server.url}/product/1/")
    page.evaluate("document.querySelector('#bag').append(document.querySelector('tryon-widget'))")
    page.get_by_role("button", name=OPENER).click()
    dialog = page.get_by_role("dialog")
    ask(dialog)
    expect_result(dialog)


def press_to(page: Page, target: Locator, key: str = "Tab", limit: int = 40) -> None:
    """Reach a control by keyboard alone."""
    for _press in range(limit):
        if target.evaluate("(part) => part === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail("the keyboard does not reach it")


def test_keyboard_only(
    live_server: LiveServer, drain: Callable[[], None], preset_model: PresetModel, page: Page
) -> None:
    drain()
    page.goto(f"{live_server.url}/product/1/")
    opener = page.get_by_role("button", name=OPENER)
    press_to(page, opener)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading", name=OPENER)).to_be_focused()
    press_to(page, dialog.locator("input[type=file]"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(upload(jpeg()))
    expect(dialog.get_by_text("me.jpg")).to_be_visible()
    press_to(page, dialog.get_by_role("checkbox"))
    page.keyboard.press("Space")
    press_to(page, create(dialog))
    page.keyboard.press("Enter")
    expect_result(dialog)
    expect(dialog.get_by_role("heading", name="Your preview")).to_be_focused()
    press_to(page, dialog.get_by_role("slider"), key="Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("slider")).to_have_value("1")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".tryon-opener").first).to_be_focused()
