"""Where the photo comes from: the camera, the last photo; and the face that stays on the device."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import FLAGS
from tests.browser.dialog import RESULT_TIMEOUT, agree, ask, choose, create, expect_result, open_dialog, upload
from tests.providers.fakes import InstantProvider, jpeg
from tryon.images.disclosure import is_marked
from tryon.models import ShopperPhoto, TryOnResult
from tryon.providers.base import Output, Submission, TryOnRequest

pytestmark = pytest.mark.usefixtures("shop", "garment", "complaints")

FACE = "#d01c8b"  # nothing else in the pictures has this colour
PIXEL = (
    "(image, [x, y]) => { const canvas = document.createElement('canvas');"
    " [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];"
    " const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);"
    " return [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data.slice(0, 3)] }"
)


class EchoProvider(InstantProvider):
    """Gives the photo back, as an engine does that changes only the garment."""

    def submit(self, request: TryOnRequest) -> Submission:
        assert request.person is not None
        return Submission(outputs=(Output(data=request.person.data, mime=request.person.mime),))


class ReframingProvider(InstantProvider):
    """Gives the person in another place of the picture."""

    def submit(self, request: TryOnRequest) -> Submission:
        assert request.person is not None
        image = Image.open(BytesIO(request.person.data))
        stream = BytesIO()
        image.crop((0, image.height // 3, image.width * 2 // 3, image.height)).resize(image.size).save(stream, "JPEG")
        return Submission(outputs=(Output(data=stream.getvalue(), mime="image/jpeg"),))


def backend(name: str) -> dict[str, Any]:
    return {"one": {"BACKEND": f"{__name__}.{name}"}}


def portrait() -> bytes:
    """With a face where the oval is placed first: in the middle, an eighth from the top."""
    image = Image.open(BytesIO(jpeg(600, 800)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 600, 300), fill="#3f5f58")
    draw.ellipse((270, 72, 330, 152), fill="#1c6b2b")
    draw.chord((270, 72, 330, 152), 90, 270, fill=FACE)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def is_face(pixel: list[int]) -> bool:
    return pixel[0] > 150 and pixel[1] < 100


# ---------------------------------------------------------------- the camera


def camera(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Take a photo")


@pytest.fixture
def lights(context: BrowserContext) -> None:
    """Every camera stream that is opened is kept in ``window.streams``, so that a test can see its light."""
    context.add_init_script(
        "window.streams = []; const get = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);"
        "if (get) navigator.mediaDevices.getUserMedia = async (wish) => {"
        " const stream = await get(wish); window.streams.push(stream); return stream }"
    )


def lit(page: Page) -> list[str]:
    return list(page.evaluate("window.streams.flatMap((one) => one.getTracks()).map((track) => track.readyState)"))


def expect_dark(page: Page) -> None:
    page.evaluate(
        "Promise.race([new Promise((done) => setTimeout(done, 5000)), new Promise((done) => { const look = () =>"
        " window.streams[0].active ? setTimeout(look, 20) : done(); look() })])"
    )
    assert lit(page) == ["ended"]


@pytest.fixture
def live(live_server: LiveServer, lights: None, page: Page) -> Locator:
    """The dialog with the camera on."""
    dialog = open_dialog(page, live_server.url)
    assert lit(page) == []  # it starts at the click, not before
    camera(dialog).click()
    expect(dialog.get_by_role("button", name="Take the photo")).to_be_visible()
    expect(dialog.locator("video")).to_have_js_property("paused", False)
    assert lit(page) == ["live"]
    return dialog


def test_camera_to_preview(live: Locator, drain: Callable[[], None], page: Page) -> None:
    drain()
    live.get_by_role("button", name="Take the photo").click()
    expect(live.get_by_text("camera.jpg")).to_be_visible()
    expect_dark(page)
    expect(live.get_by_role("button", name="Replace")).to_be_focused()
    agree(live)
    create(live).click()
    anyway = live.get_by_role("button", name="Use anyway")  # some pictures of this camera are rather dark
    expect(anyway.or_(live.get_by_role("heading", name="Your preview"))).to_be_visible(timeout=RESULT_TIMEOUT)
    if anyway.is_visible():
        anyway.click()
    expect_result(live)
    assert ShopperPhoto.objects.get().width > 256


def test_a_tap_that_is_quicker_than_the_camera(live_server: LiveServer, context: BrowserContext, page: Page) -> None:
    """Its first picture comes after it; the tap is not lost."""
    context.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => {"
        " const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 640 });"
        " const pen = canvas.getContext('2d'); const stream = canvas.captureStream(0);"
        " window.see = () => { pen.fillStyle = '#9ab'; pen.fillRect(0, 0, 640, 640);"
        " stream.getVideoTracks()[0].requestFrame() }; return stream }"
    )
    dialog = open_dialog(page, live_server.url)
    camera(dialog).click()
    dialog.get_by_role("button", name="Take the photo").click()
    expect(dialog.locator("video")).to_have_js_property("videoWidth", 0)
    place = dialog.locator("video").bounding_box()
    assert place
    assert place["height"] == 480, "it has its height already: nothing moves under the finger"
    page.evaluate("window.see()")
    expect(dialog.get_by_text("camera.jpg")).to_be_visible()


def test_camera_counts_down(live: Locator, page: Page) -> None:
    live.get_by_role("button", name="In 5 seconds").click()
    expect(live.locator("[data-tryon-count]")).to_have_text("5")
    expect(live.locator("[data-tryon-count]")).to_have_text("3")
    assert lit(page) == ["live"]
    expect(live.get_by_text("camera.jpg")).to_be_visible()
    expect_dark(page)


@pytest.mark.parametrize("way", ["Back", "Close", "Escape", "hidden"])
def test_the_light_goes_off(live: Locator, page: Page, way: str) -> None:
    if way == "Escape":
        page.keyboard.press("Escape")
    elif way == "hidden":
        page.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true });"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
    else:
        live.get_by_role("button", name=way).click()
    expect(live.locator("video")).to_be_hidden()
    expect_dark(page)


def test_a_blocked_camera(live_server: LiveServer, launch_browser: Callable[..., Browser]) -> None:
    """In a browser whose owner says no."""
    browser = launch_browser(args=[*FLAGS, "--use-fake-ui-for-media-stream=deny"])
    dialog = open_dialog(browser.new_page(), live_server.url)
    camera(dialog).click()
    expect(dialog.locator("[data-tryon-tell=photo]")).to_have_text("Camera is blocked. You can upload a photo instead.")
    expect(dialog.locator("input[type=file]")).to_be_focused()
    browser.close()


def test_no_camera_no_button(live_server: LiveServer, context: BrowserContext, page: Page) -> None:
    context.add_init_script("navigator.mediaDevices.enumerateDevices = async () => []")
    dialog = open_dialog(page, live_server.url)
    expect(camera(dialog)).to_be_hidden()


# ---------------------------------------------------------------- the last photo


def test_the_last_photo_is_used_without_sending_it_again(
    live_server: LiveServer, drain: Callable[[], None], page: Page
) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    dialog = open_dialog(page, live_server.url)  # another visit; "Preview ready" leads to the result
    dialog.get_by_role("link", name="Try another photo").click()
    last = dialog.get_by_role("link", name="Use my last photo")
    assert last.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    last.click()
    expect(dialog.get_by_role("img", name="Your photo")).to_be_visible()
    create(dialog).click()
    expect_result(dialog)
    assert not [url for url in sent if url.endswith("/photos/")]
    first, second = TryOnResult.objects.all()
    assert first.photo == second.photo


def test_a_last_photo_that_is_gone_by_now(live_server: LiveServer, drain: Callable[[], None], page: Page) -> None:
    drain()
    dialog = open_dialog(page, live_server.url)
    ask(dialog)
    expect_result(dialog)
    dialog.get_by_role("link", name="Try another photo").click()
    dialog.get_by_role("link", name="Use my last photo").click()
    ShopperPhoto.objects.all().delete()
    create(dialog).click()
    expect(dialog.locator("[data-tryon-tell=photo]")).to_have_text("That photo is no longer here. Choose another one.")
    expect(dialog.locator("input[type=file]")).to_be_focused()


# ---------------------------------------------------------------- the face


def hide_face(dialog: Locator, page: Page) -> list[bytes]:
    """By keyboard. What is sent afterwards is in the list."""
    sent: list[bytes] = []

    def look(route: Route, request: Request) -> None:
        sent.append(request.post_data_buffer or b"")
        route.continue_()

    page.route("**/api/v1/photos/", look)
    choose(dialog, upload(portrait()))
    dialog.get_by_role("button", name="Hide my face").click()
    size = dialog.get_by_role("slider", name="Size")
    size.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    dialog.get_by_role("button", name="Hide it").click()
    expect(dialog.get_by_role("button", name="Hide my face")).to_be_hidden()
    return sent


def test_the_face_never_leaves_the_device_and_is_put_back(
    live_server: LiveServer,
    drain: Callable[[], None],
    tryon_settings: Callable[..., None],
    page: Page,
    tmp_path: Any,
) -> None:
    tryon_settings(PROVIDERS=backend("EchoProvider"))
    drain()
    dialog = open_dialog(page, live_server.url)
    sent = hide_face(dialog, page)
    agree(dialog)
    create(dialog).click()
    expect_result(dialog)

    body = sent[0]
    picture = Image.open(BytesIO(body[body.index(b"\xff\xd8\xff") :])).convert("RGB")
    spots = [(x, y) for x in (4, 12, 20) for y in (-30, 0, 8, 24)]
    left, right = ([picture.getpixel((300 + side * x, 112 + y)) for x, y in spots] for side in (-1, 1))
    # what is there is as even as it is drawn; the face was of two colours
    assert max(abs(a - b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)) < 25
    stored = TryOnResult.objects.get().outputs.get()
    for file in (stored.file, stored.card, stored.thumb):
        with file.open("rb") as stream:
            image = Image.open(BytesIO(stream.read())).convert("RGB")
        top = image.crop((0, 0, image.width, image.height // 3))
        colours = [list(colour) for _, colour in top.getcolors(1 << 20) or []]
        assert not any(is_face(colour) for colour in colours)

    for part in (dialog.locator(".tryon-after"), dialog.locator(".tryon-before")):
        expect(part).to_have_attribute("src", re.compile("^blob:"))
        assert is_face(
            part.evaluate(f"(image, place) => image.decode().then(() => ({PIXEL})(image, place))", [0.48, 0.14])
        )
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save").click()
    target = tmp_path / "saved.jpg"
    download.value.save_as(target)
    assert is_marked(target.read_bytes())
    saved = Image.open(target).convert("RGB")
    assert is_face(list(saved.getpixel((int(saved.width * 0.48), int(saved.height * 0.14)))))  # type: ignore[arg-type]


def test_a_preview_in_another_frame_says_so(
    live_server: LiveServer, drain: Callable[[], None], tryon_settings: Callable[..., None], page: Page
) -> None:
    tryon_settings(PROVIDERS=backend("ReframingProvider"))
    drain()
    dialog = open_dialog(page, live_server.url)
    hide_face(dialog, page)
    agree(dialog)
    create(dialog).click()
    expect_result(dialog)
    expect(dialog.get_by_text("Your face was not put back")).to_be_visible()
    expect(dialog.locator(".tryon-after")).not_to_have_attribute("src", re.compile("^blob:"))


def test_the_oval_is_moved_by_pointer_and_by_keys(live_server: LiveServer, page: Page) -> None:
    dialog = open_dialog(page, live_server.url)
    choose(dialog, upload(portrait()))
    dialog.get_by_role("button", name="Hide my face").click()
    cover = dialog.locator("[data-tryon-cover]")
    expect(cover).to_be_visible()
    box = cover.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.14)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    across = dialog.get_by_role("slider", name="Left or right")
    expect(across).to_have_value(re.compile(r"^2[456]\b"))
    expect(dialog.get_by_role("slider", name="Up or down")).to_have_value(re.compile(r"^(49|50|51)\b"))
    across.press("Home")
    oval = dialog.locator(".tryon-oval").bounding_box()
    assert oval
    assert oval["x"] + oval["width"] / 2 == pytest.approx(box["x"], abs=2)
    dialog.get_by_role("button", name="Back").click()
    expect(dialog.get_by_role("button", name="Hide my face")).to_be_visible()
