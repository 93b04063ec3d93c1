"""A small real HTTP server on loopback whose answers a test writes beforehand, and which can misbehave on the wire."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Canned:
    """One answer. ``drip``: seconds before each byte of the body. ``cut``: close after that many bytes of the body."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    drip_headers: bool = False
    cut: int | None = None
    endless: bool = False
    drop: bool = False  # close without an answer
    length: int | None = None  # a Content-Length other than the body's

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def form(self) -> dict[str, Any]:
        """Multipart: texts as str, files as bytes."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.data)
        found: dict[str, Any] = {}
        for part in message.iter_parts():
            content: Any = part.get_payload(decode=True)
            name = part.get_param("name", header="content-disposition")
            found[str(name)] = content if part.get_filename() else content.decode()
        return found


class Server(ThreadingHTTPServer):
    """``server.script`` is used up in order; the last answer is given for ever. A callable makes an answer itself."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.script: list[Canned | Callable[[Seen], Canned]] = [Canned(500)]
        self.seen: list[Seen] = []
        self.connections = 0
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *script: Canned | Callable[[Seen], Canned]) -> None:
        self.script = list(script)
        self.seen.clear()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is what many of these tests are about."""

    @property
    def posts(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "POST"]

    @property
    def last(self) -> Seen:
        return self.seen[-1]


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        seen = Seen(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("content-length", 0))),
        )
        self.server.seen.append(seen)
        script = self.server.script
        step = script.pop(0) if len(script) > 1 else script[0]
        self._write(step if isinstance(step, Canned) else step(seen))

    def _write(self, canned: Canned) -> None:
        self._wait(canned.delay)
        if canned.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = canned.encoded()
        headers = {"Content-Type": "application/json", **canned.headers}
        if not canned.endless:
            headers["Content-Length"] = str(len(body) if canned.length is None else canned.length)
        head = f"HTTP/1.1 {canned.status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._drip(head.encode() + b"\r\n", canned.drip if canned.drip_headers else 0)
        if canned.endless:
            self.close_connection = True
            while not self.server.stopping.is_set():
                self.wfile.write(b"x" * 65536)
        body = body if canned.cut is None else body[: canned.cut]
        self._drip(body, canned.drip)
        if canned.cut is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self, data: bytes, pause: float) -> None:
        if not pause:
            self.wfile.write(data)
            return
        for at in range(len(data)):
            self._wait(pause)
            self.wfile.write(data[at : at + 1])
            self.wfile.flush()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.server.stopping.is_set() and (left := end - time.monotonic()) > 0:
            self.server.stopping.wait(left)


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
