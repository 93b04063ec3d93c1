"""What the browser tests do again and again, in a shopper's words."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.providers.fakes import jpeg

OPENER = "See it on you"
RESULT_TIMEOUT = 20_000


def upload(data: bytes, name: str = "me.jpg", mime: str = "image/jpeg") -> Any:
    return {"name": name, "mimeType": mime, "buffer": data}


def open_dialog(page: Page, url: str) -> Locator:
    page.goto(f"{url}/product/1/")
    page.get_by_role("button", name=OPENER).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def choose(dialog: Locator, file: Any = None) -> None:
    dialog.locator("input[type=file]").set_input_files(file or upload(jpeg()))


def agree(dialog: Locator) -> None:
    dialog.get_by_role("checkbox").check()


def create(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Create preview")


def expect_result(place: Locator | Page) -> None:
    expect(place.get_by_role("heading", name="Your preview")).to_be_visible(timeout=RESULT_TIMEOUT)


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
