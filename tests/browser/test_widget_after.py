"""After the preview: another colour, side by side, sharing, feedback; and what the buttons of other pages say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import FLAGS
from tests.browser.dialog import (
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
    until,
    upload,
)
from tests.conftest import garment_of
from tests.providers.fakes import SlowProvider, jpeg, setting
from tryon.choices import Category
from tryon.garments import save_garment
from tryon.models import Feedback, FunnelCount, Garment, PresetModel, ShareLink, ShopperPhoto, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import CallStyle

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")


@pytest.fixture
def ink(garment: Garment) -> Garment:
    """The same product in another colour."""
    picture = garment_of(500, 600, "#222244")
    return save_garment("1", "Ink", name="Crew tee", category=Category.UPPER, picture=picture)[0]


@pytest.fixture
def shirt(garment: Garment) -> Garment:
    """Another product."""
    picture = garment_of(500, 600, "#775533")
    return save_garment("2", "", name="Shirt", category=Category.UPPER, picture=picture)[0]


def make(page: Page, url: str, path: str = "/product/1/") -> Any:
    """A preview from a photo."""
    dialog = open_dialog(page, url, path)
    choose(dialog)
    if dialog.get_by_role("checkbox").count():
        agree(dialog)
    create(dialog).click()
    expect_result(dialog)
    return dialog


# ---------------------------------------------------------------- colours, side by side


def test_another_colour_without_another_upload(
    live_server: LiveServer, drain: Callable[[], None], ink: Garment, page: Page
) -> None:
    drain()
    dialog = make(page, live_server.url)
    actions = dialog.locator(".tryon-after-content").locator("a, button, legend").all_inner_texts()
    order = ["Add to bag", "Try another photo", "Ink", "Save", "Share", "Is it a good preview?", "Send", "Delete now"]
    assert [words for words in actions if words in order] == order
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    dialog.get_by_role("group", name="Try another colour").get_by_role("link", name="Ink").click()
    expect(dialog.get_by_role("heading", name="Side by side")).to_be_visible(timeout=RESULT_TIMEOUT)
    expect(dialog.get_by_role("img", name="AI-generated preview of Crew tee on you").first).to_be_visible()
    assert [url.rpartition("/api/v1/")[2] for url in sent if "/api/" in url] == ["tryons/"]
    assert TryOnResult.objects.first().garment == ink  # type: ignore[union-attr]
    assert ShopperPhoto.objects.count() == 1
    # the page sells another colour: its own form would put the wrong one into the bag
    expect(dialog.get_by_role("button", name="Add to bag")).to_have_count(0)
    expect(dialog.get_by_role("button", name="Go to this product")).to_be_visible()


def test_another_colour_on_the_same_model(
    live_server: LiveServer, drain: Callable[[], None], ink: Garment, preset_model: PresetModel, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    on_model(dialog, "Noor")
    create(dialog).click()
    expect_result(dialog)
    dialog.get_by_role("link", name="Ink", exact=True).click()
    expect(dialog.get_by_role("heading", name="Side by side")).to_be_visible(timeout=RESULT_TIMEOUT)
    assert {row.preset_model for row in TryOnResult.objects.all()} == {preset_model}
    assert not ShopperPhoto.objects.exists()


def test_previews_side_by_side(
    live_server: LiveServer, drain: Callable[[], None], shirt: Garment, browser: Any, page: Page
) -> None:
    drain()
    make(page, live_server.url)
    dialog = make(page, live_server.url, "/product/2/")
    strip = dialog.get_by_role("region", name="Side by side")
    expect(strip.get_by_role("listitem")).to_have_count(2)
    expect(strip.get_by_text("AI-generated preview", exact=True)).to_have_count(2)
    heading = strip.get_by_role("heading", name="Side by side")
    heading.scroll_into_view_if_needed()
    dialog.evaluate("(part) => part.scrollTop = part.scrollHeight")
    seen = (
        "(part) => { const { x, y } = part.getBoundingClientRect();"
        " return document.elementFromPoint(x + 4, y + 4) === part }"
    )
    assert heading.evaluate(seen), "the big picture stays above it"
    strip.get_by_role("link", name="Crew tee").click()
    expect(dialog.get_by_role("img", name="AI-generated preview of Crew tee on you").first).to_be_visible()
    expect(dialog.get_by_role("button", name="Go to this product")).to_be_visible()
    dialog.get_by_role("button", name="Try on the product of this page").click()
    expect(dialog.get_by_role("img", name="AI-generated preview of Shirt on you").first).to_be_visible(
        timeout=RESULT_TIMEOUT
    )
    assert ShopperPhoto.objects.count() == 2  # one for each upload, none for the last preview
    other = browser.new_context()
    assert "Side by side" not in other.request.get(f"{live_server.url}/tryon/try/1/?fragment=1").text()
    other.close()


# ---------------------------------------------------------------- share, save, feedback


def test_share_with_another_app(
    live_server: LiveServer, drain: Callable[[], None], launch_browser: Callable[..., Browser]
) -> None:
    """The picture, and then a link to it.

    Chromium for Linux has the API behind a switch and nothing that takes what is shared. What may be shared and whether
    a tap is behind it are the browser's own answers; the last step is written down instead of taken.
    """
    browser = launch_browser(args=[*FLAGS, "--enable-blink-features=WebShare"])
    page = browser.new_page()
    page.context.add_init_script(
        "navigator.share = async ({ files: [file] = [], title, url }) => { window.shared ="
        " [navigator.userActivation.isActive, title, url ?? null, file ? [file.name, file.type, file.size] : null] }"
    )
    drain()
    dialog = make(page, live_server.url)
    share = dialog.get_by_role("link", name="Share", exact=True)
    assert "native code" in page.evaluate("String(navigator.canShare)")
    share.click()
    until(page, lambda: page.evaluate("'shared' in window"))
    size = TryOnResult.objects.get().outputs.get().file.size
    assert page.evaluate("window.shared") == [True, "Crew tee", None, ["preview.jpg", "image/jpeg", size]]

    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="Share by link").click()
    links = opened.value
    links.get_by_role("button", name="Make a link").click()
    links.get_by_role("button", name="Share", exact=True).click()
    until(links, lambda: links.evaluate("'shared' in window"))
    url = links.get_by_label("Your link.").input_value()
    assert links.evaluate("window.shared") == [True, "Crew tee", url, None]
    assert ShareLink.objects.count() == 1
    assert links.request.get(url).status == 200

    # nothing takes it: the picture is saved, the link is copied
    refuse = "void (navigator.share = async () => { throw new DOMException('', 'NotAllowedError') })"
    page.evaluate(refuse)
    with page.expect_download():
        share.click()
    links.evaluate(refuse)
    links.get_by_role("button", name="Share", exact=True).click()
    expect(links.get_by_role("button", name="Copy the link")).to_be_visible()
    browser.close()


def test_without_web_share_the_picture_is_saved_and_a_link_is_copied(
    live_server: LiveServer, drain: Callable[[], None], context: BrowserContext, page: Page
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    drain()
    dialog = make(page, live_server.url)
    assert page.evaluate("typeof navigator.share") == "undefined"
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Share", exact=True).click()
    assert download.value.suggested_filename == "preview.jpg"
    with context.expect_page() as opened:
        dialog.get_by_role("link", name="Share by link").click()
    links = opened.value
    expect(links).to_have_url(f"{live_server.url}/tryon/previews/{TryOnResult.objects.get().pk}/share/")
    assert not ShareLink.objects.exists()  # nothing is public before the shopper says so here
    links.get_by_role("button", name="Make a link").click()
    links.get_by_role("button", name="Copy the link").click()
    expect(links.get_by_role("button", name="Copied")).to_be_visible()
    assert links.evaluate("navigator.clipboard.readText()") == links.get_by_label("Your link.").input_value()


def test_feedback_with_reasons(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    listen(page)
    dialog = make(page, live_server.url)
    reasons = dialog.get_by_role("group", name="What is wrong with it?")
    expect(reasons).to_be_hidden()
    dialog.get_by_role("radio", name="No", exact=True).check()
    boxes = reasons.get_by_role("checkbox")
    for number in range(5):
        boxes.nth(number).check()
    expect(boxes.nth(5)).to_be_disabled()
    for name in ("The colour is wrong", "Blurred or unnatural"):
        reasons.get_by_role("checkbox", name=name).uncheck(force=True)
    expect(boxes.nth(5)).to_be_enabled()
    for number in range(6):
        boxes.nth(number).set_checked(number in (3, 5))
    # what can't be said just now takes nothing away from the preview
    page.route("**/feedback/", lambda route: route.abort())
    page.route("**/delete/", lambda route: route.abort())
    trouble = dialog.get_by_text("That did not work. Check your connection and try again.")
    dialog.get_by_role("button", name="Delete now").click()
    expect(trouble).to_be_visible()
    dialog.locator("[data-tryon-tell=result]").evaluate("(part) => part.textContent = ''")
    dialog.get_by_role("button", name="Send").click()
    expect(trouble).to_be_visible()
    expect(dialog.get_by_role("heading", name="Your preview")).to_be_visible()
    page.unroute_all()
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_text("Thank you. That helps the shop.")).to_be_visible()
    expect(dialog.get_by_role("heading", name="Your preview")).to_be_focused()
    given = Feedback.objects.get()
    assert (given.liked, sorted(given.reasons)) == (False, ["colour", "quality"])
    name, detail = heard(page)[-1]
    assert (name, detail["code"]) == ("feedback", "dislike")


def test_the_way_is_counted_without_a_word_about_whom(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    drain()
    bodies: list[str] = []
    page.on(
        "request", lambda request: bodies.append(request.post_data or "") if request.url.endswith("/events/") else None
    )
    dialog = make(page, live_server.url)
    with page.expect_navigation():
        dialog.get_by_role("button", name="Add to bag").click()
    assert bodies == ["step=opened", "step=photo", "step=bag"]
    steps = FunnelCount.objects.filter(step__in=["opened", "photo", "bag"], count=1)
    until(page, lambda: steps.count() == 3)


# ---------------------------------------------------------------- what the buttons of other pages say


def test_other_product_pages_tell_about_the_preview(
    live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, shirt: Garment, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    page.goto(f"{live_server.url}/only/2/")
    busy = page.get_by_role("button", name="Preview is being made")
    expect(busy).to_be_visible()
    page.emulate_media(reduced_motion="no-preference")
    assert busy.evaluate("(button) => getComputedStyle(button, '::before').animationName") == "tryon-turn"
    slow.gate.set()
    ready = page.get_by_role("button", name="Preview ready")
    expect(ready).to_be_visible(timeout=RESULT_TIMEOUT)
    page.reload()
    ready.click()
    expect_result(dialog)
    expect(dialog.get_by_role("img", name="AI-generated preview of Crew tee on you")).to_be_visible()
    expect(dialog.get_by_role("button", name="Go to this product")).to_be_visible()
    # told once: from now on this page offers its own product again, and the other one keeps its preview
    page.reload()
    expect(page.get_by_role("button", name="See it on you")).to_be_visible()
    page.goto(f"{live_server.url}/only/1/")
    expect(page.get_by_role("button", name="Preview ready")).to_be_visible()


def test_trying_something_else_on_while_a_preview_is_made(
    live_server: LiveServer, drain: Callable[[], None], slow: SlowProvider, shirt: Garment, page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.locator("[data-tryon-stage]")).to_have_text("Making your preview", timeout=RESULT_TIMEOUT)
    page.goto(f"{live_server.url}/only/2/")
    page.get_by_role("button", name="Preview is being made").click()
    dialog.get_by_role("button", name="Try on the product of this page").click()
    expect(create(dialog)).to_be_visible()
    choose(dialog, upload(jpeg(colour="#557799")))
    slow.gate.set()
    create(dialog).click()
    expect_result(dialog)
    assert sorted(TryOnResult.objects.values_list("garment__name", flat=True)) == ["Crew tee", "Shirt"]


def test_the_next_person_at_a_shared_browser_hears_nothing(
    live_server: LiveServer,
    drain: Callable[[], None],
    django_user_model: Any,
    page: Page,
) -> None:
    """Whose previews they are changes with signing in and out; what the browser remembers of them goes with it."""
    django_user_model.objects.create_user("amina", password="secret", is_staff=True)
    drain()
    make(page, live_server.url)
    page.reload()
    expect(page.get_by_role("button", name="Preview ready").first).to_be_visible()
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "amina")
    page.fill("[name=password]", "secret")
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{live_server.url}/product/1/")
    expect(page.get_by_role("button", name="Preview ready").first).to_be_visible()  # it is hers now
    page.goto(f"{live_server.url}/admin/")
    page.get_by_role("button", name="Log out").click()
    with page.expect_response(lambda answer: "/api/v1/tryons/" in answer.url and answer.status == 404):
        page.goto(f"{live_server.url}/product/1/")
    expect(page.get_by_role("button", name="See it on you")).to_have_count(1)
    until(page, lambda: page.evaluate("localStorage.tryon === '{}'"))


# ---------------------------------------------------------------- a quick preview, a selfie


class CompanyProvider(SlowProvider):
    """Another company that works until the test lets it go."""

    leaves_server = True
    style = CallStyle.BLOCKING


def test_a_quick_preview_while_a_company_works(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(
        PROVIDERS={"company": {"BACKEND": f"{__name__}.CompanyProvider"}, "here": setting("InstantProvider")}
    )
    company = get_provider("company")
    assert isinstance(company, CompanyProvider)
    drain()
    try:
        dialog = open_dialog(page, live_server.url)
        ask(dialog)
        quick = dialog.get_by_role("img", name="Quick AI-generated preview")
        expect(quick).to_be_visible(timeout=RESULT_TIMEOUT)
        assert quick.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        expect(dialog.get_by_text("This is a quick preview. The better one follows.")).to_be_visible()
        expect(dialog.get_by_text("AI-generated preview", exact=True)).to_be_visible()
        expect(dialog.get_by_role("progressbar")).to_be_visible()
    finally:
        company.gate.set()
    expect_result(dialog)
    expect(quick).to_be_hidden()
    assert TryOnResult.objects.get(preview_of=None).provider == "company"


def test_only_a_selfie(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS={"body": {"BACKEND": "tests.storefront.test_pages.BodyProvider"}})
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect(dialog.get_by_role("heading", name="This photo can't be used")).to_be_visible(timeout=RESULT_TIMEOUT)
    dialog.get_by_role("link", name="Use it as the face of a model").click()
    expect_result(dialog)
    assert [row.options for row in TryOnResult.objects.all()] == [{"selfie": True}, {}]
    assert ShopperPhoto.objects.count() == 1
