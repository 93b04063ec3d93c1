"""The same journey in a browser that runs no scripts: same checks, same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import expect_result, moving, on_model, upload
from tests.providers.fakes import SlowProvider, jpeg, setting
from tryon.choices import Status
from tryon.models import PresetModel, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "java_script_enabled": False}


def go_to_form(page: Page, url: str) -> None:
    page.goto(f"{url}/product/1/")
    page.get_by_role("link", name="See it on you").click()
    expect(page.get_by_role("heading", name="See it on you")).to_be_visible()


def give(page: Page, data: bytes, name: str = "me.jpg") -> None:
    page.get_by_label("Choose your photo").set_input_files(upload(data, name))


def create(page: Page) -> None:
    page.get_by_role("button", name="Create preview").click()


def test_by_upload_to_delete(
    live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, page: Page, browser: Any
) -> None:
    drain()
    go_to_form(page, live_server.url)
    give(page, jpeg())
    page.get_by_role("checkbox").check()
    create(page)
    expect(page.get_by_role("heading", name="Preview is being made")).to_be_visible()
    slow.gate.set()
    expect_result(page)  # the page refreshes itself
    picture = page.get_by_role("img", name="AI-generated preview of Crew tee on you")
    expect(picture).to_be_visible()
    expect(page.get_by_text("AI-generated preview", exact=True)).to_be_visible()
    url = f"{live_server.url}{picture.get_attribute('src')}"
    assert page.request.get(url).status == 200
    other = browser.new_context()
    assert other.request.get(url).status == 404
    assert other.request.get(page.url).status == 404
    other.close()
    page.get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("Deleted: the preview and your photo. Nothing of them is left here.")).to_be_visible()
    assert page.request.get(url).status == 404
    assert not ShopperPhoto.objects.exists()


def test_by_preset_model(
    live_server: LiveServer, drain: Callable[[], None], preset_model: PresetModel, page: Page
) -> None:
    drain()
    sent: list[bytes] = []
    page.on("request", lambda one: sent.append(one.post_data_buffer or b"") if one.method == "POST" else None)
    go_to_form(page, live_server.url)
    give(page, jpeg())
    page.get_by_role("checkbox").check()
    on_model(page, "Noor")
    expect(page.get_by_role("checkbox")).to_be_hidden()
    page.get_by_role("radio", name="Noor").press("Enter")  # must not send what was chosen before
    create(page)
    expect_result(page)
    assert len(sent) == 1
    assert b"model_id" in sent[0]
    assert b"JFIF" not in sent[0], "a photo that was chosen before stays behind"
    assert TryOnResult.objects.get().preset_model == preset_model


BAD: list[tuple[Callable[[], bytes], str]] = [
    (lambda: b"just words", "We can't read that kind of file."),
    (lambda: jpeg(200, 900), "That photo is too small."),
    (lambda: jpeg()[:200] + b"\xff\xd8\xff" * 400, "That file is damaged."),
    (lambda: moving("PNG"), "That file moves."),
]


def test_bad_photos(live_server: LiveServer, page: Page) -> None:
    go_to_form(page, live_server.url)
    page.get_by_role("checkbox").check()
    for data, words in BAD:
        give(page, data())
        create(page)
        error = page.locator("[data-tryon-tell=photo]")
        expect(error).to_contain_text(words)
        field = page.get_by_label("Choose your photo")
        expect(field).to_have_attribute("aria-invalid", "true")
        assert error.get_attribute("id") in (field.get_attribute("aria-describedby") or "").split()
        expect(page.get_by_role("checkbox")).to_be_checked()


def test_the_browser_itself_asks_for_photo_and_consent(live_server: LiveServer, page: Page) -> None:
    """So that a photo that was chosen is not lost on the way to the server and back."""
    go_to_form(page, live_server.url)
    give(page, jpeg())
    create(page)
    assert page.url.endswith("/tryon/try/1/")
    assert page.get_by_label("Choose your photo").evaluate("(field) => field.files.length") == 1
    assert not TryOnResult.objects.exists()


def test_failure_and_again_with_the_same_photo(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS={"ours": setting("RefusingProvider", code="config")})
    drain()
    go_to_form(page, live_server.url)
    give(page, jpeg())
    page.get_by_role("checkbox").check()
    create(page)
    expect(page.get_by_text("Something went wrong on our side.")).to_be_visible(timeout=20_000)
    tryon_settings(PROVIDERS={"ours": setting("InstantProvider")})
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    create(page)
    expect_result(page)
    assert ShopperPhoto.objects.count() == 1


def test_cancel(live_server: LiveServer, page: Page) -> None:
    go_to_form(page, live_server.url)
    give(page, jpeg())
    page.get_by_role("checkbox").check()
    create(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    assert TryOnResult.objects.get().status == Status.CANCELED


def test_withdraw(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    go_to_form(page, live_server.url)
    give(page, jpeg())
    page.get_by_role("checkbox").check()
    create(page)
    expect_result(page)
    page.get_by_role("link", name="Your photos and privacy").click()
    expect(page.get_by_text("Here now: 1 photo of yours, 1 preview")).to_be_visible()
    page.get_by_role("button", name="Withdraw and delete my photos").click()
    expect(page.get_by_text("Done. Your photos and previews are deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Receipt: deleted")).to_be_visible()
    page.get_by_role("link", name="Your photos and privacy").click()
    expect(page.get_by_text("There is nothing of yours here.")).to_be_visible()
    assert not TryOnResult.objects.exists()
