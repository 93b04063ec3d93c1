"""Pictures and a plain HTTP client for the tests of the sandbox."""

from __future__ import annotations

import base64
import functools
import io
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import requests
from PIL import Image

from tests.providers.fakes import jpeg
from tryon.sandbox import Sandbox

PATIENCE = 20
AUTH = {
    "fashn": lambda key: {"Authorization": f"Bearer {key}"},
    "pixelcut": lambda key: {"X-API-Key": key},
    "pixelapi": lambda key: {"Authorization": f"Bearer {key}", "User-Agent": "tests/1.0"},
    "pebblely": lambda key: {"X-Pebblely-Access-Token": key},
    "superstyle": lambda key: {"X-API-Key": key},
}
KEYS = {"pixelapi": "pk_live_sandbox"}


@functools.cache
def person(width: int = 360, height: int = 480) -> bytes:
    return jpeg(width, height)


@functools.cache
def garment(width: int = 300, height: int = 360) -> bytes:
    return jpeg(width, height, "#335577")


@functools.cache
def plain(colour: str = "#777777", width: int = 360, height: int = 480) -> bytes:
    """A picture of nothing: no person; in red, one that content rules refuse."""
    return encoded(Image.new("RGB", (width, height), colour))


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def raw(data: bytes) -> str:
    return base64.b64encode(data).decode()


def uri(data: bytes) -> str:
    return f"data:image/jpg;base64,{raw(data)}"


class Client:
    """Requests to one provider with one key."""

    def __init__(self, sandbox: Sandbox, provider: str, key: str = "", form: str = "") -> None:
        self.base = sandbox.url(provider, form)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(AUTH[provider](key or KEYS.get(provider, "a-key")))

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.base + path, timeout=PATIENCE, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.post(self.base + path, json=body, timeout=PATIENCE, **options)

    def until(self, path: str, *final: str) -> tuple[list[str], requests.Response]:
        """Poll until the status is one of ``final``; the words seen on the way, and the last answer."""
        words: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.get(path)
            assert answer.status_code in (200, 429), answer.text
            if answer.status_code == 200:
                word = answer.json()["status"]
                words += [word] if words[-1:] != [word] else []
                if word in final:
                    return words, answer
            time.sleep(0.01)
        raise AssertionError(f"still {words} after {PATIENCE} s")

    def close(self) -> None:
        self.session.close()


def words_of_life(client: Client, path: str, sandbox: Sandbox, job_id: str) -> list[str]:
    """The status words of a new job, one for each part of its life. The clock is moved from part to part."""
    job = next(job for job in sandbox.jobs.live() if job.id == job_id)
    words = []
    for at in (job.created, (job.created + job.starts) / 2, (job.starts + job.ends) / 2):
        sandbox.clock.advance(max(0.0, at - sandbox.clock.now()))
        words.append(client.get(path).json()["status"])
    sandbox.clock.advance(job.ends - sandbox.clock.now())
    return words + client.until(path, "completed")[0][-1:]


def fetch(url: str) -> requests.Response:
    return requests.get(url, timeout=PATIENCE)


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """A web server for webhooks: its address and what came. It answers ``statuses`` in order, then 200."""
    came: queue.Queue[bytes] = queue.Queue()
    answers = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook?token=abc", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
