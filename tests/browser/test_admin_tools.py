"""Picture tools and the blind comparison in a browser: a mask painted by hand, before and after, judging by keys."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.office import RULES, looks, sign_in
from tests.conftest import garment_of
from tests.providers.fakes import InstantProvider, jpeg
from tests.studio.test_tools import ToolProvider
from tryon.choices import Category, Operation, Status
from tryon.garments import save_garment
from tryon.models import Batch, BlindPick, Garment, Review, TryOnOutput, TryOnResult
from tryon.providers.base import Output
from tryon.runner.delivery import deliver, outputs_of


@pytest.fixture
def office(settings: Any, shop: None, tryon_settings: Callable[..., None]) -> Garment:
    settings.ROOT_URLCONF = "tests.admin.sites"
    tryon_settings(PROVIDERS={"toolbox": {"BACKEND": "tests.studio.test_tools.ToolProvider"}})
    ToolProvider.seen = []
    User.objects.create_superuser("mara", "mara@example.com", "secret")
    picture = garment_of(500, 700, "#335577")
    return save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=picture)[0]


@pytest.fixture
def comparison(office: Garment) -> Batch:
    """Two garments, each by three providers."""
    batch = Batch.objects.create(name="Autumn", operation="model_shot", blind=True, status="done")
    second, _ = save_garment("2", "", name="Polo", category=Category.UPPER, picture=garment_of(500, 700, "#773355"))
    now = timezone.now()
    for garment in (office, second):
        for provider, colour in (("fashn", "#884422"), ("pixelcut", "#228844"), ("kling", "#224488")):
            row = TryOnResult.objects.create(
                garment=garment, batch=batch, operation=Operation.MODEL_SHOT, status=Status.SUCCEEDED,
                provider=provider, deadline_at=now + timedelta(hours=1), next_at=None, finished_at=now,
            )  # fmt: skip
            made = [Output(data=jpeg(400, 600, colour), mime="image/jpeg")]
            stored = deliver(row.pk, 1, made, provider=InstantProvider())
            TryOnOutput.objects.bulk_create(outputs_of(row, stored))
    return batch


# ---------------------------------------------------------------- tools


def test_a_mask_painted_by_hand_reaches_the_provider_and_the_result_is_compared(
    signed_in, live_server, office, drain, complaints
):
    page = signed_in
    page.goto(f"{live_server.url}/admin/tryon/garment/{office.pk}/tools/?tool=remove_object")
    canvas = page.locator("[data-tryon-canvas] canvas")
    box = canvas.bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.get_by_label("Brush size").fill("10")
    for start, end in (((0.2, 0.25), (0.4, 0.25)), ((0.7, 0.8), (0.9, 0.8))):
        page.mouse.move(*at(*start))
        page.mouse.down()
        page.mouse.move(*at(*end), steps=4)
        page.mouse.up()
    expect(page.get_by_text("of the picture is marked")).to_be_visible()
    page.get_by_role("button", name="Undo").click()  # the second stroke goes
    page.get_by_label("Left").fill("60")
    page.get_by_label("Top").fill("0")
    page.get_by_label("Width").fill("40")
    page.get_by_label("Height").fill("10")
    drain()
    page.get_by_role("button", name="Remove object").click()
    expect(page.get_by_text("Remove object is on its way.")).to_be_visible()
    expect(page.get_by_role("link", name="Download")).to_be_visible()  # came in by itself
    sent = ToolProvider.seen[0].find("mask")
    assert sent is not None
    mask = Image.open(io.BytesIO(sent.data)).convert("L")
    assert mask.size == (office.width, office.height)

    def painted(x: float, y: float) -> bool:
        return bool(mask.getpixel((int(x * mask.width), int(y * mask.height))) == 255)

    assert painted(0.3, 0.25)  # the stroke
    assert painted(0.8, 0.05)  # the rectangle
    assert not painted(0.8, 0.8)  # undone
    assert not painted(0.3, 0.6)
    slider = page.get_by_label("Compare before and after")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator("tryon-slider").first).to_have_attribute("style", "--cut: 60%;")
    assert complaints == []


def test_without_a_mouse_a_rectangle_does_it(signed_in, live_server, office, drain):
    page = signed_in
    page.goto(f"{live_server.url}/admin/tryon/garment/{office.pk}/tools/?tool=remove_object")
    page.get_by_label("Left").focus()
    for value in ("10", "10", "30", "30"):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Remove object").focus()
    drain()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    assert ToolProvider.seen[0].find("mask") is not None


def test_a_version_takes_the_pictures_place_and_the_former_one_comes_back(signed_in, live_server, office, drain):
    page = signed_in
    before = office.sha256
    page.goto(f"{live_server.url}/admin/tryon/garment/{office.pk}/tools/?tool=upscale")
    drain()
    page.get_by_label("Prompt").fill("sharper")
    page.get_by_role("button", name="Upscale").click()
    page.get_by_role("button", name="Use as the garment’s picture").click()
    expect(page.get_by_text("This version is now the garment’s picture.")).to_be_visible()
    office.refresh_from_db()
    assert office.sha256 != before
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_text("The former picture is back.")).to_be_visible()
    office.refresh_from_db()
    assert office.sha256 == before


# ---------------------------------------------------------------- judging


def test_two_groups_are_judged_by_keys_and_then_the_names_are_shown(signed_in, live_server, comparison):
    page = signed_in
    page.goto(f"{live_server.url}/admin/tryon/batch/{comparison.pk}/compare/")
    html = page.content()
    assert not any(name in html for name in ("fashn", "pixelcut", "kling"))
    page.keyboard.press("2")
    expect(page.locator("input[name=best][data-key='2']")).to_be_checked()
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 2 judged")).to_be_visible()
    assert BlindPick.objects.filter(good=True).count() == 2
    assert BlindPick.objects.filter(best=True).count() == 1
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You judged all 2 groups.")).to_be_visible()
    assert TryOnOutput.objects.filter(review=Review.APPROVED).count() == 2
    for name in ("fashn", "pixelcut", "kling"):
        expect(page.get_by_role("rowheader", name=name)).to_be_visible()


# ---------------------------------------------------------------- everybody


@pytest.mark.parametrize(("scheme", "size"), looks("light desk"))
def test_no_barriers_and_no_sideways_scrolling(office, comparison, live_server, browser: Browser, scheme, size):
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    sign_in(page, live_server.url)
    row = TryOnResult.objects.first()
    assert row is not None
    TryOnOutput.objects.filter(result=row).update(
        published_at=timezone.now(), stale_at=timezone.now(), review=Review.APPROVED
    )
    root = f"{live_server.url}/admin/tryon"
    for address in (
        f"{root}/garment/{office.pk}/tools/?tool=remove_object",
        f"{root}/garment/casting/?shots=5&views=back+view",
        f"{root}/garment/stale/",
        f"{root}/batch/{comparison.pk}/compare/",
        f"{root}/batch/standings/",
    ):
        page.goto(address)
        ours = {"include": [["#content-main"]]}
        found = Axe().run(page, context=ours, options={"runOnly": RULES}).response["violations"]
        assert found == [], (address, [(v["id"], [n["html"] for n in v["nodes"]]) for v in found])
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], address
        page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    context.close()
