"""The merchandiser's way through the admin, in a browser: from the list of garments to a published shot."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.office import GARMENTS, PHONE, RULES, choose, looks, make_output, make_shots, sign_in
from tests.conftest import first, garment_of, plain_picture
from tryon.choices import Category, Status
from tryon.garments import save_garment, set_picture
from tryon.models import Batch, Garment, PresetModel, TryOnOutput, TryOnResult
from tryon.studio import review

SHOTS = "/admin/tryon/tryonresult/"


@pytest.fixture
def office(settings: Any, shop: None) -> None:
    """The tiny shop with an admin: three garments, two models and a merchandiser."""
    settings.ROOT_URLCONF = "tests.admin.sites"
    User.objects.create_superuser("mara", "mara@example.com", "secret")
    for number, colour in enumerate(["#335577", "#773355", "#557733"], start=1):
        picture = garment_of(500 + number, 700, colour)
        save_garment(str(number), "", name=f"Tee {number}", category=Category.UPPER, picture=picture)
    for name in ("Noor", "Ines"):
        set_picture(PresetModel(name=name, size="M"), plain_picture(600, 1000, "#998877"))


def is_drawn(picture: Locator) -> None:
    """The picture has arrived and can be decoded."""
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    expect(picture).not_to_have_js_property("naturalWidth", 0)


# ---------------------------------------------------------------- the journey


def test_through_the_login_form(live_server, office, page, complaints):
    page.goto(f"{live_server.url}/admin/login/?next={GARMENTS}")
    page.get_by_label("Username").fill("mara")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Tee 3")).to_be_visible()


def test_an_order_that_was_stopped_on_its_way_can_be_sent_again(live_server, signed_in):
    page = signed_in
    page.clock.install()
    page.locator("#action-toggle").check()
    choose(page, "Generate on-model shots…")
    make = page.locator("[data-tryon-make]")
    expect(make).to_have_text("Make 3 shots")
    sent = []

    def stop(route: Route) -> None:
        sent.append(route.request)
        route.abort("aborted")  # as the browser's own button does: the page stays

    page.route("**/generate-shots/", stop)
    with page.expect_event("requestfailed"):
        make.click()
    make.click()  # a double click
    page.clock.fast_forward(6_000)
    with page.expect_event("requestfailed"):
        make.click()
    assert len(sent) == 2
    page.unroute("**/generate-shots/")
    page.clock.fast_forward(6_000)
    make.click()
    expect(page.get_by_text("3 shots queued")).to_be_visible()
    assert TryOnResult.objects.count() == 3


def test_the_count_follows_every_choice(live_server, signed_in, complaints):
    page = signed_in
    page.locator("#action-toggle").check()
    choose(page, "Generate on-model shots…")
    expect(page.get_by_role("heading", name="3 garments selected")).to_be_visible()
    make = page.locator("[data-tryon-make]")
    expect(make).to_have_text("Make 3 shots")
    page.get_by_label("Noor").check()
    page.get_by_label("Ines").check()
    expect(make).to_have_text("Make 6 shots")
    expect(page.locator("[data-tryon-count]")).to_have_text("6")
    page.get_by_label("Noor").uncheck()
    page.get_by_label("Ines").uncheck()
    expect(make).to_be_disabled()
    page.get_by_label("Ines").check()
    expect(make).to_have_text("Make 3 shots")
    with page.expect_download() as download:
        page.get_by_role("button", name="List as CSV").click()
    assert download.value.suggested_filename == "on-model-shots.csv"
    assert not TryOnResult.objects.exists()
    # a choice without the mouse first: Chromium drops a click in the moment a download begins
    page.get_by_label("Pictures of each").select_option("4")
    expect(make).to_have_text("Make 12 shots")
    page.get_by_label("instant", exact=True).check()
    page.get_by_text("Options of instant").click()
    page.get_by_label("Tint").fill("#aa0000")
    page.get_by_label("Tint").press("Tab")
    expect(make).to_be_enabled()
    expect(page.get_by_label("Tint")).to_have_value("#aa0000")  # what was typed stays
    make.click()
    expect(page.get_by_text("12 shots queued")).to_be_visible()
    assert {row.options["tint"] for row in TryOnResult.objects.all()} == {"#aa0000"}


def test_from_garments_to_a_published_shot(live_server, signed_in, slow, drain, complaints):
    page = signed_in
    page.locator("#action-toggle").check()
    choose(page, "Generate on-model shots…")
    expect(page.locator("[data-tryon-make]")).to_have_text("Make 3 shots")
    page.get_by_role("button", name="Try 1 product first").click()
    expect(page.get_by_text("1 shot is made first, 2 wait for your word")).to_be_visible()
    expect(page.locator(".tryon-chip-wait")).to_have_count(3)
    drain()
    expect(page.locator(".tryon-batchrows .tryon-chip-work").first).to_be_visible(timeout=15000)
    slow.gate.set()
    expect(page.get_by_text("1 of 3", exact=True).first).to_be_visible(timeout=20000)
    page.get_by_role("button", name="Go on with 2 shots").click()
    expect(page.get_by_text("3 of 3", exact=True).first).to_be_visible(timeout=20000)
    expect(page.get_by_role("status").filter(has_text="3 of 3")).to_be_attached()
    made = page.locator('.tryon-batchrows img[src*="/picture/"]')
    expect(made).to_have_count(3)
    is_drawn(made.nth(0))

    page.get_by_role("link", name="Review 3 shots").click()
    page.get_by_role("button", name="Approve", exact=True).first.click()
    expect(page.get_by_text("1 approved.").last).to_be_visible()
    page.get_by_role("link", name="Approved").click()
    page.get_by_role("button", name="Tick all").click()
    page.get_by_role("button", name="Publish ticked…").click()
    expect(page.get_by_text("becomes picture 1")).to_be_visible()
    page.get_by_label("Alternative text").fill("Tee, worn. AI-generated")
    page.get_by_role("button", name="Publish 1 shot").click()
    expect(page.get_by_text("1 shot published.")).to_be_visible()

    page.locator("#result_list tr").filter(has=page.locator(".tryon-chip-live")).locator("th a, td a").first.click()
    is_drawn(page.locator('.tryon-compare img[src*="/picture/"]'))
    is_drawn(page.locator('.tryon-compare img[src*="/garments/"]'))
    page.get_by_role("button", name="Unpublish").click()
    expect(page.get_by_text("1 shot unpublished.")).to_be_visible()
    expect(page.get_by_role("button", name="Publish…", exact=True)).to_be_visible()


def test_with_the_keyboard_alone(live_server, signed_in, complaints):
    page = signed_in
    page.locator("#action-toggle").focus()
    page.keyboard.press("Space")
    page.get_by_label("Action:").focus()
    page.keyboard.type("Gen")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    box = page.get_by_label("Ines")
    for _ in range(60):
        page.keyboard.press("Tab")
        if box.evaluate("box => box === document.activeElement"):
            break
    page.keyboard.press("Space")
    make = page.locator("[data-tryon-make]")
    expect(make).to_have_text("Make 6 shots")
    expect(make).to_be_enabled()
    for _ in range(20):
        page.keyboard.press("Tab")
        if make.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("6 shots queued.")).to_be_visible()


def test_without_scripts(live_server, office, browser: Browser, drain):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url)
    for box in page.locator("input.action-select").all()[:2]:
        box.check()
    choose(page, "Generate on-model shots…")
    page.get_by_label("Noor").uncheck()
    page.get_by_label("Ines").check()
    page.get_by_role("button", name="Count again").click()
    expect(page.locator("[data-tryon-make]")).to_have_text("Make 2 shots")
    page.locator("[data-tryon-make]").click()
    expect(page.get_by_text("2 shots queued.")).to_be_visible()
    expect(page.locator("[data-tryon-live] noscript p")).to_be_visible()
    drain()
    for _ in range(40):
        page.reload()
        if page.get_by_text("2 of 2").count():
            break
    expect(page.locator('.tryon-batchrows img[src*="/picture/"]')).to_have_count(2)
    page.get_by_role("link", name="Review 2 shots").click()
    page.get_by_label("Wrong colour").check()
    page.locator('[name="outputs"]').first.check()
    page.get_by_role("button", name="Reject ticked").click()
    expect(page.get_by_text("1 rejected.")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 decision taken back.")).to_be_visible()
    context.close()


# ---------------------------------------------------------------- the refresh


def test_the_refresh_pauses_while_the_tab_is_hidden_and_stops_at_the_end(live_server, signed_in, complaints):
    page = signed_in
    row = make_shots(Status.QUEUED)
    page.clock.install()
    page.goto(f"{live_server.url}{SHOTS}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)

    def pass_time() -> None:
        with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
            page.clock.run_for(3100)

    pass_time()
    assert len(asked) == 1
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.clock.run_for(12000)
    assert len(asked) == 1
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    TryOnResult.objects.filter(pk=row.pk).move(Status.CANCELED)
    pass_time()
    expect(page.locator(".tryon-chip-quiet")).to_be_visible()
    page.clock.run_for(12000)
    assert len(asked) == 2


# ---------------------------------------------------------------- access and layout


def states(live_server: Any, page: Page) -> dict[str, tuple[str, str]]:
    """Name -> (path, our region on it) of every page and state."""
    batch = Batch.objects.create(name="Autumn", operation="model_shot", status="running", quoted_high=3)
    over = {"provider": "instant", "started_at": timezone.now(), "finished_at": timezone.now(), "batch": batch}
    ready, approved = make_shots(Status.SUCCEEDED, **over), make_shots(Status.SUCCEEDED, **over)
    for row in (ready, approved):
        make_output(row)
    TryOnOutput.objects.filter(result=approved).update(review="approved")
    review.reject(
        [make_output(make_shots(Status.SUCCEEDED, **over))], review.Reviewer("x", "Mara"), ["colour", "hands"]
    )
    _link, token = review.make_link(batch, name="Agency", user=User.objects.get())
    failed = make_shots(Status.FAILED, error_code="garment_unsuitable", error_detail="no outline found")
    make_shots(Status.QUEUED)
    make_shots(Status.SUBMITTING, lease_owner="me")
    make_shots(Status.FAILED, error_code="garment_unsuitable", batch=batch)
    garments = ",".join(str(garment.pk) for garment in Garment.objects.all())
    return {
        "batches": ("/admin/tryon/batch/", "#result_list tbody"),
        "batch": (f"/admin/tryon/batch/{batch.pk}/change/", "#content-main"),
        "review": ("/admin/tryon/batch/review/", "#content-main"),
        "rejected": ("/admin/tryon/batch/review/?tab=rejected", "#content-main"),
        "decisions": ("/admin/tryon/batch/decisions/", "#content-main"),
        "publish": (f"/admin/tryon/tryonresult/publish/?batch={batch.pk}", "#content-main"),
        "outside": (reverse("tryon:outside-review", kwargs={"token": token}), "main"),
        "outside, ended": (reverse("tryon:outside-review", kwargs={"token": "none"}), "main"),
        "models": ("/admin/tryon/presetmodel/", "#result_list tbody"),
        "reports": ("/admin/tryon/sharelink/", "#changelist-form"),
        "garments": (GARMENTS, "#result_list tbody"),
        "garment": (f"{GARMENTS}{Garment.objects.first().pk}/change/", ".tryon-panel"),
        "picture": (f"{GARMENTS}{Garment.objects.first().pk}/change/", ".field-current_picture"),
        "confirm": (f"{GARMENTS}generate-shots/?garments={garments}", "#content-main"),
        "shots": (SHOTS, "#result_list tbody"),
        "progress": (SHOTS, ".tryon-watch"),
        "empty": (f"{SHOTS}?status=canceled", ".tryon-empty"),
        "ready": (f"{SHOTS}{ready.pk}/change/", "[data-tryon-live]"),
        "failed": (f"{SHOTS}{failed.pk}/change/", "[data-tryon-live]"),
    }


@pytest.mark.parametrize(("scheme", "size"), looks("light desk"))
def test_axe_finds_nothing_in_our_regions(live_server, signed_in, scheme, size):
    page = signed_in
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    found = []
    for name, (path, region) in states(live_server, page).items():
        page.goto(live_server.url + path)
        expect(page.locator(region).first).to_be_visible()
        answer = Axe().run(page, context=region, options={"runOnly": {"type": "tag", "values": RULES}})
        for violation in answer.response["violations"]:
            found += [f"{name}: {violation['id']} {node['html'][:160]}" for node in violation["nodes"]]
    assert found == []


@pytest.mark.parametrize("size", first(1, [PHONE, {"width": 1024, "height": 768}]), ids=["phone", "1024"])
def test_nothing_scrolls_sideways(live_server, signed_in, size):
    page = signed_in
    page.set_viewport_size(size)
    for name, (path, region) in states(live_server, page).items():
        page.goto(live_server.url + path)
        box = page.locator(region).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= size["width"] + 1, name
        overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, name


def test_all_rows_can_be_selected_on_a_phone(live_server, signed_in):
    page = signed_in
    page.set_viewport_size(PHONE)
    toggle = page.locator("#action-toggle")
    expect(toggle).to_be_in_viewport()
    toggle.check()
    expect(page.locator("input.action-select:checked")).to_have_count(3)


def test_our_buttons_are_large_enough_for_a_thumb(live_server, signed_in):
    page = signed_in
    page.set_viewport_size(PHONE)
    garments = ",".join(str(garment.pk) for garment in Garment.objects.all())
    page.goto(f"{live_server.url}{GARMENTS}generate-shots/?garments={garments}")
    for button in page.locator(".tryon-button").all():
        assert button.bounding_box()["height"] >= 44
    for label in page.locator(".tryon-model").all():
        assert label.bounding_box()["height"] >= 44
