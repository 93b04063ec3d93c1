"""The whole way in a browser with what makes pictures in earnest: the built-in engine, and a company on a bad day."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.dialog import ask, choose, create, expect_result, open_dialog, until, upload
from tests.conftest import SHARED, need
from tests.local_engine.conftest import models  # noqa: F401
from tests.local_engine.drawn import tee
from tests.runner.conftest import entry, no_queue, quick, sandbox  # noqa: F401
from tryon.choices import Category
from tryon.garments import garment_picture, save_garment
from tryon.models import LedgerEntry, ShopperPhoto, TryOnResult
from tryon.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("shop", "complaints")

MADE_IN = 60_000  # milliseconds: the engine works on the same two cores as everything else


@pytest.fixture(autouse=True)
def drawn_tee(db: None) -> None:
    stream = BytesIO()
    Image.fromarray(tee()).save(stream, "PNG")
    save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=garment_picture(stream.getvalue()))


def expect_made(dialog: Locator) -> str:
    """The address of the picture, which differs from the photo."""
    expect(dialog.get_by_role("heading", name="Your preview")).to_be_visible(timeout=MADE_IN)
    output = TryOnResult.objects.get().outputs.get()
    return f"/tryon/pictures/{output.pk}/full/"


def delete(page: Page, url: str, dialog: Locator, picture: str) -> None:
    assert page.request.get(f"{url}{picture}").status == 200
    dialog.get_by_role("button", name="Delete now").click()
    expect(dialog.get_by_text("Deleted: the preview and your photo.")).to_be_visible()
    assert page.request.get(f"{url}{picture}").status == 404
    assert not ShopperPhoto.objects.exists()
    assert not TryOnResult.objects.exists()


@pytest.mark.usefixtures("models")
def test_the_built_in_engine_with_and_without_a_face(
    live_server: LiveServer, tryon_settings: Callable[..., None], drain: Callable[[], None], page: Page
) -> None:
    person = need(SHARED / "images" / "person" / "p01_tank_f.jpg", "the test picture").read_bytes()
    tryon_settings(PROVIDERS={"local": {"BACKEND": "tryon.providers.local.LocalProvider"}})
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog, upload(person))
    delete(page, live_server.url, dialog, expect_made(dialog))

    choose(dialog, upload(person))
    dialog.get_by_role("button", name="Hide my face").click()
    dialog.get_by_role("button", name="Hide it").click()
    expect(dialog.get_by_role("button", name="Hide my face")).to_be_hidden()
    create(dialog).click()
    picture = expect_made(dialog)
    expect(dialog.locator(".tryon-after")).to_have_js_property("complete", True)
    expect(dialog.locator(".tryon-after")).to_have_attribute("src", re.compile("^blob:"))
    delete(page, live_server.url, dialog, picture)


@pytest.mark.usefixtures("quick")
def test_a_company_that_refuses_fails_and_is_slow(
    live_server: LiveServer,
    tryon_settings: Callable[..., None],
    drain: Callable[[], None],
    sandbox: Sandbox,  # noqa: F811
    entry: Callable[..., dict[str, Any]],  # noqa: F811
    page: Page,
) -> None:
    """One after the other in one visit, and at the end a preview that was paid for once."""
    tryon_settings(PROVIDERS={"fashn": entry("fashn")})
    sandbox.faults.add("job_blocked", provider="fashn", times=1)
    sandbox.faults.add("job_failed", provider="fashn", times=1, skip=1)
    sandbox.faults.add("slow_job", provider="fashn", times=1, skip=2, seconds=3)
    drain()
    dialog = open_dialog(page, live_server.url)
    expect(dialog.get_by_text("It is sent to FASHN to make the preview.")).to_be_visible()
    ask(dialog)
    expect(dialog.locator("[data-tryon-code=content_blocked]")).to_have_text("We can't use this photo.")
    dialog.get_by_role("link", name="Choose another photo").click()
    expect(dialog.locator("input[type=file]")).to_be_focused()
    until(page, lambda: not ShopperPhoto.objects.exists())  # a photo that may not be used is not kept

    choose(dialog)
    create(dialog).click()
    expect(dialog.get_by_text("You were not charged a try.")).to_be_visible()
    dialog.get_by_role("link", name="Try again").click()
    expect(dialog.locator("[data-tryon-elapsed]")).to_have_text("3 s")
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview")
    expect_result(dialog)
    assert ShopperPhoto.objects.count() == 1
    assert sum(charge.credits for charge in sandbox.charges("fashn")) == 1
    assert LedgerEntry.objects.filter(state="committed").count() == 1
    dialog.get_by_role("button", name="Delete now").click()
    expect(dialog.get_by_text("Deleted: the preview and your photo.")).to_be_visible()
