"""A merchandiser's hour in a browser: thirty candidates by keyboard, and the whole way on the sandbox with faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.office import GARMENTS, RULES, choose, make_output, make_shots
from tests.conftest import garment_of, plain_picture
from tests.providers.fakes import jpeg
from tryon.admin import publish
from tryon.choices import Category, Status
from tryon.garments import save_garment, set_picture
from tryon.models import Batch, Garment, LedgerEntry, PresetModel, TryOnOutput
from tryon.sandbox import FAST, Sandbox
from tryon_shop import demo as demo_contents
from tryon_shop import settings as demo
from tryon_shop.models import GalleryImage, Product, ProductColour

CANDIDATES = 30


@pytest.fixture
def office(settings: Any, shop: None, tryon_settings: Callable[..., None]) -> None:
    """The demo shop's own pages and adapter, with a merchandiser and two models."""
    settings.ROOT_URLCONF = "tryon_shop.urls"
    settings.TEMPLATES = demo.TEMPLATES
    tryon_settings(CATALOG="tryon_shop.catalog.ShopCatalog")
    User.objects.create_superuser("mara", "mara@example.com", "secret")
    for name in ("Noor", "Ines"):
        set_picture(PresetModel(name=name, size="M"), plain_picture(600, 1000, "#998877"))


def stock() -> None:
    """One product with its garment."""
    colour = ProductColour(key="ink", name="Ink", swatch="#112233")
    colour.product = Product.objects.create(slug="tee", name="Tee", category="upper", price=10, sizes="S,M")
    colour.picture.save("tee.jpg", ContentFile(jpeg(200, 250)))
    picture = garment_of(600, 750, "#335577")
    save_garment("tee", "Ink", name="Tee", category=Category.UPPER, picture=picture)


def everything_arrived(page: Page) -> None:
    expect(page.locator("[data-tr-review]")).to_have_attribute("aria-busy", "false")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


# ---------------------------------------------------------------- by keyboard


def test_thirty_candidates_by_keyboard_alone(live_server, signed_in, complaints):
    page = signed_in
    stock()
    batch = Batch.objects.create(name="Autumn", operation="model_shot", status="done")
    for _ in range(CANDIDATES):
        make_output(make_shots(Status.SUCCEEDED, batch=batch, provider="instant"))
    clip = TryOnOutput.objects.order_by("result__created_at")[8]
    TryOnOutput.objects.filter(pk=clip.pk).update(mime="video/mp4", review="to_review")
    page.goto(f"{live_server.url}/admin/tryon/batch/review/?batch={batch.pk}")
    cards = page.locator("[data-tr-card]")
    expect(cards).to_have_count(CANDIDATES)
    for _ in range(40):  # from the top of the page to the pictures
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-tr-card]')"):
            break
    expect(cards.first).to_be_focused()

    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "Escape", "j", "k")
    expect(cards.first).to_be_focused()

    press(page, *"aaaaa")
    expect(page.locator("[data-decided=approved]")).to_have_count(5)
    expect(cards.nth(5)).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="1 approved.")).to_be_attached()
    press(page, "u")
    expect(page.locator("[data-decided=approved]")).to_have_count(4)
    expect(cards.nth(4)).to_be_focused()
    press(page, "a")

    press(page, "r", "1", "6", "Enter")
    expect(page.locator("[data-decided=rejected]")).to_have_count(1)
    expect(cards.nth(6)).to_be_focused()
    press(page, "g")
    page.keyboard.type("whiter ground")
    press(page, "Control+Enter")
    expect(page.locator("[data-decided=again]")).to_have_count(1)
    press(page, "u")  # that one, and not the one before it
    expect(page.locator("[data-decided=again]")).to_have_count(0)
    expect(page.locator("[data-decided=rejected]")).to_have_count(1)
    press(page, "g")
    page.keyboard.type("whiter ground")
    press(page, "Control+Enter")
    expect(page.locator("[data-decided=again]")).to_have_count(1)

    press(page, "Enter")  # close up, and go on from there
    expect(page.locator(".tr-viewer")).to_be_visible()
    press(page, "c")  # over each other, equally high, cut where the arrow keys say
    line = page.get_by_label("Compare the source picture and the shot")
    expect(line).to_be_focused()
    press(page, "ArrowLeft", "ArrowLeft")
    expect(line).to_have_attribute("aria-valuetext", "52% shot")
    expect(page.locator("tryon-slider")).to_have_attribute("style", re.compile("--cut: 48%"))
    boxes = [picture.bounding_box() for picture in page.locator("tryon-slider img").all()]
    assert boxes[0] == boxes[1]
    assert boxes[0]["height"] > 400
    found = Axe().run(page, context=".tr-viewer", options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.response["violations"] == []
    press(page, "a", "a", "c")  # the keys work from there, and the next pictures are shown the same way
    expect(page.locator(".tr-beside")).to_be_visible()
    expect(page.get_by_role("button", name="Compare")).to_be_focused()
    press(page, "Escape")
    expect(cards.nth(10)).to_be_focused()  # a clip has no large view
    press(page, "x", "j", "x", "k")
    expect(page.locator("[data-tr-ticked]")).to_have_text("2 ticked")
    press(page, "x", "j", "x", "k")
    press(page, *"a" * (CANDIDATES - 9))
    expect(page.locator("[data-decided=approved]")).to_have_count(CANDIDATES - 2)
    expect(page.get_by_role("status").filter(has_text="All of this page is decided.")).to_be_attached()

    everything_arrived(page)
    assert TryOnOutput.objects.filter(review="approved").count() == CANDIDATES - 2
    assert sorted(TryOnOutput.objects.filter(review="rejected").values_list("reasons", flat=True), key=len) == [
        [],
        ["colour", "hands"],
    ]
    assert batch.results.get(status=Status.QUEUED).note == "whiter ground"
    assert batch.results.filter(status=Status.CANCELED).count() == 1


def test_keys_do_nothing_outside_the_grid_or_switched_off(live_server, signed_in, complaints):
    page = signed_in
    stock()
    batch = Batch.objects.create(name="Autumn", operation="model_shot", status="done")
    make_output(make_shots(Status.SUCCEEDED, batch=batch, provider="instant"))
    page.goto(f"{live_server.url}/admin/tryon/batch/review/")
    page.locator("#tr-sort").focus()
    press(page, "a", "x", "?")
    expect(page.locator("[data-tr-ticked]")).to_have_text("0 ticked")
    page.get_by_role("checkbox", name="Keys").uncheck()
    page.reload()
    expect(page.get_by_role("checkbox", name="Keys")).not_to_be_checked()  # remembered
    page.locator("[data-tr-card]").first.focus()
    press(page, "a", "x", "?")
    expect(page.locator("[data-tr-ticked]")).to_have_text("0 ticked")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert TryOnOutput.objects.get().review == "to_review"
    assert TryOnOutput.objects.get().claimed_by
    page.goto(f"{live_server.url}{GARMENTS}")
    for _ in range(100):  # whoever leaves keeps nothing from the others; no page is there to wait for the answer
        if not TryOnOutput.objects.get().claimed_by:
            break
        page.wait_for_timeout(50)
    assert not TryOnOutput.objects.get().claimed_by


def test_a_decision_that_does_not_arrive_is_taken_back_on_the_page(live_server, signed_in):
    page = signed_in
    stock()
    batch = Batch.objects.create(name="Autumn", operation="model_shot", status="done")
    make_output(make_shots(Status.SUCCEEDED, batch=batch, provider="instant"))
    page.goto(f"{live_server.url}/admin/tryon/batch/review/")
    page.route("**/decide/", lambda route: route.abort())
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("That did not arrive. Please try again.").last).to_be_visible()
    expect(page.locator("[data-decided=approved]")).to_have_count(0)
    page.unroute("**/decide/")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("[data-decided=approved]")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-decided=approved]")).to_have_count(0)
    assert TryOnOutput.objects.get().review == "to_review"


def test_an_agency_reviews_on_a_phone_without_an_account(live_server, signed_in, browser: Browser):
    stock()
    batch = Batch.objects.create(name="Autumn", operation="model_shot", status="done")
    for _ in range(2):
        make_output(make_shots(Status.SUCCEEDED, batch=batch, provider="instant"))
    signed_in.goto(f"{live_server.url}/admin/tryon/batch/{batch.pk}/change/")
    signed_in.get_by_label("For", exact=True).fill("Agency")
    signed_in.get_by_role("button", name="Make a review link").click()
    address = signed_in.locator(".messagelist code").inner_text()
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", name="Pictures to review, for Agency")).to_be_visible()
    for button in page.locator(".tr-acts .tryon-button").all():
        assert button.bounding_box()["height"] >= 44
    page.locator("[data-tr-open]").first.tap()
    viewer = page.locator(".tr-viewer")
    viewer.get_by_role("button", name="Compare").tap()
    line = viewer.get_by_label("Compare the source picture and the shot")
    for end, share in (("Source picture", "0% shot"), ("Shot AI-generated", "100% shot")):  # also without dragging
        viewer.get_by_role("button", name=end).tap()
        expect(line).to_have_attribute("aria-valuetext", share)
    viewer.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Approve", exact=True).first.tap()
    expect(page.locator("[data-decided=approved]")).to_have_count(1)
    page.get_by_role("button", name="Reject", exact=True).last.tap()
    page.get_by_label("Face").check()
    page.get_by_role("dialog", name="Why not?").get_by_role("button", name="Reject").tap()
    expect(page.locator("[data-decided=rejected]")).to_have_count(1)
    everything_arrived(page)
    context.close()
    assert sorted(TryOnOutput.objects.values_list("review", flat=True)) == ["approved", "rejected"]


# ---------------------------------------------------------------- the whole way


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    faults = [
        "rate_limited:provider=fashn,stage=submit,times=2",
        "server_error:provider=fashn,stage=status,times=2",
        "job_blocked:provider=fashn,stage=submit,skip=3,times=1",
    ]
    with Sandbox(0, pace=FAST, pictures="drawn", faults=faults, limits=False, credits={"fashn": 10_000}) as running:
        yield running


def until_made(sign: Locator, drain: Callable[[], None], timeout: int) -> None:
    """As the cluster does, another drain takes over from one whose time is up, or its lease on a busy machine."""
    for _ in range(max(1, timeout // 20_000) - 1):
        try:
            expect(sign).to_be_visible(timeout=20_000)
        except AssertionError:
            drain()
        else:
            return
    expect(sign).to_be_visible(timeout=20_000)


def demo_range(products: int) -> None:
    """The demo shop's own products, of one colour each; dyed ones when there must be more."""
    loader = demo_contents.Loader()
    loader.products(products)
    assert loader.refused == []


def walk(page: Page, root: str, drain: Callable[[], None], timeout: int) -> None:
    """Select, quote, try one, run, retry what failed, review, publish, look at the shop, unpublish."""
    products = Garment.objects.count()
    page.goto(f"{root}{GARMENTS}")
    first = Garment.objects.order_by("pk")[0]
    page.locator("#action-toggle").check()
    if products > 100:
        page.get_by_text(f"Select all {products} garments").click()
    choose(page, "Generate on-model shots…")
    expect(page.get_by_role("heading", name=f"{products} garments selected")).to_be_visible()
    make = page.locator("[data-tryon-make]")
    expect(make).to_have_text(f"Make {products} shots")
    expect(page.get_by_text("Budget left")).to_be_visible()
    page.get_by_role("button", name="Try 1 product first").click()
    drain()
    expect(page.get_by_text(f"1 of {products}", exact=True).first).to_be_visible(timeout=timeout)
    assert LedgerEntry.objects.count() < 4  # the one, and perhaps its second attempts
    page.get_by_role("button", name=f"Go on with {products - 1} shot").click()
    expect(page.locator(".tryon-chip-good").first).to_be_visible(timeout=timeout)
    until_made(page.get_by_text(f"{products} of {products}", exact=True).first, drain, timeout)
    retry = page.get_by_role("button", name="Retry")
    expect(retry).to_contain_text("at most")
    retry.click()
    until_made(page.get_by_role("link", name=f"Review {products} shots"), drain, timeout)

    page.get_by_role("link", name=f"Review {products} shots").click()
    left = products
    while left:
        shown = min(left, CANDIDATES)
        expect(page.locator("[data-tr-card]")).to_have_count(shown)
        page.get_by_role("button", name="Tick all").click()
        page.get_by_role("button", name="Approve ticked").click()
        expect(page.get_by_text(f"{shown} approved.").last).to_be_visible()
        left -= shown
        page.get_by_role("link", name="Next pictures").click()
    expect(page.get_by_text("Nothing waits for a review.")).to_be_visible()
    page.get_by_role("link", name="To the batch").click()

    page.get_by_role("link", name="Publish what is approved…").click()
    expect(page.get_by_text(f"becomes picture 2: {first.name} in {first.variant}")).to_be_visible()
    left = products
    while left:
        shown = min(left, publish.MOST)
        page.get_by_role("button", name=f"Publish {shown} shots").click()
        expect(page.get_by_text(f"{shown} shots published.")).to_be_visible(timeout=timeout)
        left -= shown
    colour = ProductColour.objects.get(product__slug=first.product_ref, name=first.variant)
    page.goto(f"{root}{colour.get_absolute_url()}")
    shot = page.locator(".shots .tryon-shot")
    expect(shot.get_by_text("AI-generated preview")).to_be_visible()
    expect(shot.get_by_alt_text(f"{first.name} worn by a model, front view. AI-generated")).to_be_visible()

    page.goto(f"{root}/admin/tryon/tryonresult/?published=yes")
    page.locator("#action-toggle").check()
    if products > 50:
        page.get_by_text(f"Select all {products} try-ons").click()
    choose(page, "Unpublish selected shots")
    expect(page.get_by_text(f"{products} shots unpublished.")).to_be_visible(timeout=timeout)
    page.goto(f"{root}{colour.get_absolute_url()}")
    expect(page.locator(".shots .tryon-shot")).to_have_count(0)


def provide(sandbox: Sandbox, tryon_settings: Callable[..., None]) -> None:
    options = {"api_key": "key", "base_url": sandbox.url("fashn"), "allow_private_hosts": True}
    options |= {"credit_price": "0.01", "rate": (1000, 10), "concurrency": 50}  # the sandbox keeps no limits either
    backend = {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options}
    tryon_settings(PROVIDERS={"fashn": backend}, CAPS={"shop": {"day": "1000"}})


def test_from_selecting_to_unpublishing_on_the_sandbox_with_faults(
    live_server, signed_in, sandbox, tryon_settings, drain, complaints, monkeypatch
):
    provide(sandbox, tryon_settings)
    monkeypatch.setattr(demo_contents, "DESIGNS", demo_contents.DESIGNS[:1])  # three colours
    monkeypatch.setattr(publish, "MOST", 4)  # as with more than three hundred: the list comes in parts
    demo_range(4)
    walk(signed_in, live_server.url, drain, timeout=40_000)
    assert not GalleryImage.objects.exists()
    batch = Batch.objects.get()
    assert (batch.status, batch.results.filter(status=Status.SUCCEEDED).count()) == ("done", 6)


@pytest.mark.prove
def test_three_hundred_products_from_selecting_to_unpublishing(
    live_server, signed_in, sandbox, tryon_settings, drain, complaints
):
    provide(sandbox, tryon_settings)
    demo_range(300)
    assert Product.objects.count() == 300
    walk(signed_in, live_server.url, drain, timeout=900_000)
    assert not GalleryImage.objects.exists()
    assert Batch.objects.get().results.filter(status=Status.SUCCEEDED).count() == Garment.objects.count() > 300
