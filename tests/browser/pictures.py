"""Pictures of the states that the accessibility tests go through, for people to look at: ``make looks``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page

FOLDER = os.environ.get("TRYON_LOOKS", "")
SCREENFULS = 4  # of a page or dialog that scrolls


def photograph(page: Page, state: str) -> None:
    """The state as it is seen, screenful by screenful. Does nothing unless ``TRYON_LOOKS`` names a folder."""
    if not FOLDER:
        return
    width, scheme, language = page.evaluate(
        "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',"
        " document.documentElement.lang]"
    )
    folder = Path(FOLDER) / f"{width}-{scheme}-{language}"
    folder.mkdir(parents=True, exist_ok=True)
    number = len({path.name[:3] for path in folder.iterdir()}) + 1
    name = re.sub(r"[^a-z0-9]+", "-", state.lower()).strip("-")[:60]
    scroller = "(document.querySelector('dialog[open]') ?? document.scrollingElement)"
    top, height, seen = page.evaluate(f"[{scroller}.scrollTop, {scroller}.scrollHeight, {scroller}.clientHeight]")
    for at in range(min(SCREENFULS, -(-height // seen))):
        page.evaluate(f"{scroller}.scrollTop = {at * seen}")
        page.screenshot(path=folder / f"{number:03}-{name}-{at + 1}.png")
    page.evaluate(f"{scroller}.scrollTop = {top}")
