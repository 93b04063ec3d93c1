"""What the browser tests do again and again, in a shopper's words."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.providers.fakes import jpeg

OPENER = "See it on you"
EVENTS = ("open", "photo", "start", "done", "error", "delete", "feedback", "add-to-cart")
RESULT_TIMEOUT = 20_000


def upload(data: bytes, name: str = "me.jpg", mime: str = "image/jpeg") -> Any:
    return {"name": name, "mimeType": mime, "buffer": data}


def open_dialog(page: Page, url: str, path: str = "/product/1/") -> Locator:
    page.goto(f"{url}{path}")
    page.locator(".tryon-opener").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def choose(dialog: Locator, file: Any = None) -> None:
    dialog.locator("input[type=file]").set_input_files(file or upload(jpeg()))


def on_model(place: Locator | Page, name: str) -> None:
    place.locator("summary").click()
    place.get_by_role("radio", name=name).check()


def agree(dialog: Locator) -> None:
    dialog.get_by_role("checkbox").check()


def create(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Create preview")


def ask(dialog: Locator, file: Any = None) -> None:
    """A photo, the agreement, and the button."""
    choose(dialog, file)
    agree(dialog)
    create(dialog).click()


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for what the server does while the page has gone on, or for what no locator shows.

    ``page.wait_for_function`` can't: it evaluates text in the page, which the page's policy refuses from the second
    look on.
    """
    end = time.monotonic() + RESULT_TIMEOUT / 1000
    while not condition():
        assert time.monotonic() < end, "it does not come true"
        page.wait_for_timeout(50)


def expect_result(place: Locator | Page) -> None:
    expect(place.get_by_role("heading", name="Your preview")).to_be_visible(timeout=RESULT_TIMEOUT)


def listen(page: Page) -> None:
    """Write down every event of the widget; ``heard`` reads it."""
    page.add_init_script(
        "window.heard = [];"
        f"for (const name of {list(EVENTS)})"
        " document.addEventListener('tryon:' + name, (event) => window.heard.push([name, event.detail]))"
    )


def heard(page: Page) -> list[tuple[str, dict[str, str]]]:
    return [(name, detail) for name, detail in page.evaluate("window.heard")]


def phone_photo(width: int = 3000, height: int = 2250) -> bytes:
    """A big photo on its side, as a phone saves it: upright only by its EXIF, with the place it was taken at."""
    image = Image.open(BytesIO(jpeg(width, height)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.6)
    exif[0x010F] = "CANARY-CAMERA"
    stream = BytesIO()
    image.save(stream, "JPEG", quality=90, exif=exif)
    return stream.getvalue()


def moving(format_name: str) -> bytes:
    """Two frames."""
    frames = [Image.open(BytesIO(jpeg(400, 500, colour))) for colour in ("#8899aa", "#99aa88")]
    stream = BytesIO()
    frames[0].save(stream, format_name, save_all=True, append_images=frames[1:], duration=100)
    return stream.getvalue()
