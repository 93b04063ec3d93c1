"""A real browser on a real server: the pages, the API, and a drain that carries the rows."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.db import connections
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.office import sign_in
from tests.conftest import unavailable
from tests.providers.fakes import SlowProvider, setting
from tryon.providers import get_provider
from tryon.runner.drain import Drain

# The first has no windows and opens a page in a quarter of the time.
BROWSERS = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera ...
    "--use-fake-ui-for-media-stream",  # ... and somebody who lets the page use it
]

expect.set_options(timeout=15_000)  # two cores may be shared with other tests

# playwright's event loop runs in the thread of the tests, and Django takes that for asynchronous code
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# An SQLite in memory would be one connection for the server's threads, the drain's and the test's. A file is as in
# production: a connection each. This runs while tests are collected, before any database is made.
if django_settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    django_settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(
        Path(tempfile.gettempdir()) / f"django-tryon-tests-{os.getpid()}.sqlite3"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    found = [path for path in BROWSERS if path.exists()]
    if not found:
        unavailable("Chromium")
    return {"executable_path": str(found[0]), "args": FLAGS}


@pytest.fixture(autouse=True)
def nothing_outlives_its_test(transactional_db: None) -> Iterator[None]:
    """A request whose browser has gone is carried to its end by the server, and must not write into the next test."""
    under_way = 0
    change = threading.Condition()

    def begins(**kwargs: Any) -> None:
        nonlocal under_way
        with change:
            under_way += 1

    def ends(**kwargs: Any) -> None:
        nonlocal under_way
        with change:
            under_way -= 1
            change.notify_all()

    request_started.connect(begins)
    request_finished.connect(ends)
    yield
    with change:
        assert change.wait_for(lambda: under_way <= 0, timeout=30), f"{under_way} requests do not end"
    request_started.disconnect(begins)
    request_finished.disconnect(ends)


@pytest.fixture
def shop(settings: Any, monkeypatch: pytest.MonkeyPatch, transactional_db: None, instant: None) -> None:
    """A tiny shop around the widget, whose previews are made by the instant provider."""
    settings.ROOT_URLCONF = "tests.browser.host"
    settings.TEMPLATES = [
        {**django_settings.TEMPLATES[0], "DIRS": [Path(__file__).parent / "templates"]},
    ]
    # messages to the queue stay in it: the drain below does the work, not the thread of a request
    monkeypatch.setattr("django_q.conf.Conf.SYNC", False)


@pytest.fixture
def signed_in(office: Any, live_server: Any, page: Page) -> Iterator[Page]:
    """The merchandiser of the file's own ``office``, at the list of garments."""
    sign_in(page, live_server.url)
    yield page
    page.goto("about:blank")  # no request of ours may outlive the test's database


@pytest.fixture
def drain(shop: None) -> Iterator[Callable[[], None]]:
    """Carries rows while the test looks on; call it to start."""
    running: list[tuple[Drain, threading.Thread]] = []

    def work(one: Drain) -> None:
        one.run()
        connections.close_all()

    def start() -> None:
        one = Drain(budget=300, idle=300)
        thread = threading.Thread(target=work, args=(one,), daemon=True)
        running.append((one, thread))
        thread.start()

    yield start
    for one, _thread in running:
        one.stop()
    for _one, thread in running:
        thread.join(timeout=20)
        assert not thread.is_alive(), "the drain did not stop"


@pytest.fixture
def slow(tryon_settings: Callable[..., None], drain: Callable[[], None]) -> Iterator[SlowProvider]:
    """Previews take until the test sets ``slow.gate``; it is set before the drain is stopped in any case."""
    tryon_settings(PROVIDERS={"slow": setting("SlowProvider")})
    provider = get_provider("slow")
    assert isinstance(provider, SlowProvider)
    yield provider
    provider.gate.set()


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    # nothing moves for the eye: what does is drawn sixty times a second while a test waits
    quiet = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce"}
    return {**browser_context_args, **quiet}


class Complaints(list[str]):
    """What the browser complained about on the pages of a context: policy reports, script errors, console errors."""

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.append(f"page error: {error}"))
        page.on("console", lambda message: self._console(message.type, message.text))

    def _console(self, kind: str, text: str) -> None:
        # the browser writes a line for every answer over 399; those that a test provokes are not complaints
        if kind == "error" and "Failed to load resource" not in text:
            self.append(f"console: {text}")


@pytest.fixture
def complaints(context: BrowserContext) -> Iterator[Complaints]:
    found = Complaints()
    context.on("page", found.watch)
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    yield found
    assert not found
