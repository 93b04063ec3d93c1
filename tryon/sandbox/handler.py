"""HTTP/1.1 with kept-alive connections, and the place where faults strike."""

from __future__ import annotations

import email.utils
import json
import logging
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tryon.sandbox import broken, control
from tryon.sandbox.accounts import Call
from tryon.sandbox.faults import Fault
from tryon.sandbox.service import Exchange, Route, Service
from tryon.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from tryon.sandbox.server import Sandbox, Server

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024
IDLE_SECONDS = 60
_FORMS = ("seed", "today")
_NO_BODY = frozenset({204, 304})


class Cut(Exception):
    """Close the connection now, whatever was sent."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "tryon-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: Server

    @property
    def sandbox(self) -> Sandbox:
        return self.server.sandbox

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _answer(self) -> None:
        try:
            body = self._read_body()
            if self.path.startswith("/_"):
                self._send(control.answer(self.sandbox, self.command, self.path, body))
            else:
                self._serve(body)
        except (Cut, ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    # ---- one request

    def _serve(self, body: bytes) -> None:
        found = self._provider()
        if found is None:
            names = ", ".join(f"/{name}" for name in self.sandbox.services)
            self._send(Response.json({"error": f"no provider here; known prefixes: {names}"}, 404))
            return
        service, target, form = found
        method = "GET" if self.command == "HEAD" else self.command
        request = Request(method, target, self.headers, body, form)
        call = Call(self.sandbox.clock.now(), service.name, self.command, request.path)
        self.sandbox.book.add(call)
        path = f"/{service.name}{request.path}"
        is_result = method == "GET" and path in service.world.results
        route, ids = (None, {}) if is_result else service.find(request)
        call.endpoint = "GET result" if is_result else route.endpoint if route else "unknown"
        call.stage = "result" if is_result else route.stage if route else "other"
        rules = self.sandbox.faults.due(service.name, call.endpoint, call.stage)
        call.faults = tuple(rule.kind for rule in rules)
        exchange = Exchange(request, call, ids, rules)
        self._respond(service, route, exchange, path if is_result else "")

    def _provider(self) -> tuple[Service, str, str] | None:
        first, _, rest = self.path.removeprefix("/").partition("/")
        form = "both"
        if first in _FORMS:
            form = first
            first, _, rest = rest.partition("/")
        service = self.sandbox.services.get(first)
        return None if service is None else (service, "/" + rest, form)

    def _respond(self, service: Service, route: Route | None, exchange: Exchange, result: str) -> None:
        rules = exchange.faults
        for rule in rules:
            if rule.phase == "delay":
                self._pause(rule.number("seconds", 1))
        instead = next((rule for rule in rules if rule.phase == "answer"), None)
        response: Response | None = None
        if instead is None or instead.counted or instead.kind == "result":
            response = self._really(service, route, exchange, result)
        if instead is not None:
            self._cut_or_hang(instead)
            response = service.act(instead, exchange, response)
            if not result and instead.kind != "answer":
                service.decorate(exchange, response)
        assert response is not None  # noqa: S101 - one of the two branches made it
        self._shaped(response, exchange)

    def _really(self, service: Service, route: Route | None, exchange: Exchange, result: str) -> Response:
        if result:
            response = service.world.results.answer(result)
            exchange.call.refused = "expired" if response.status == 403 else ""
            return response
        try:
            return service.answer(route, exchange)
        except Exception:
            logger.exception("the sandbox could not answer %s", exchange.call.endpoint)
            exchange.call.refused = "the sandbox itself failed; see its log"
            return service.server_error(500)

    def _cut_or_hang(self, rule: Fault) -> None:
        if rule.kind == "hang":
            self._pause(rule.number("seconds", 600))
        if rule.kind in ("cut", "hang"):
            raise Cut

    def _shaped(self, response: Response, exchange: Exchange) -> None:
        """Send the answer the way that the remaining faults want it."""
        for rule in exchange.faults:
            if rule.kind == "wrong_mime":
                response.headers["Content-Type"] = rule.text("content_type", "text/html")
            elif rule.kind == "json":
                _edit(response, rule)
        kinds = {rule.kind: rule for rule in exchange.faults if rule.phase == "shape"}
        if "cut_body" in kinds:
            self._send(response, part=0.5)
            raise Cut
        self._send(response, gap=kinds["drip"].number("seconds", 0.5) if "drip" in kinds else 0)
        exchange.call.status = response.status

    # ---- the wire

    def _read_body(self) -> bytes:
        """The whole body, so that the next request on this connection starts where it should."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self._read_chunks()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self._send(Response.text("the body's length is missing, wrong or too large", 413), last=True)
            raise Cut
        body = self.rfile.read(length)
        if len(body) < length:
            raise Cut
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(64).partition(b";")[0], 16)
            except ValueError as error:
                raise Cut from error
            if size == 0:
                while self.rfile.readline(4096) not in (b"\r\n", b"\n", b""):
                    continue
                return bytes(body)
            body += self.rfile.read(size)
            self.rfile.readline(8)
            if len(body) > MAX_BODY:
                raise Cut

    def _send(self, response: Response, *, gap: float = 0, part: float = 1, last: bool = False) -> None:
        """``gap``: seconds between two bytes of the body. ``part``: how much of the body is sent."""
        if 100 <= response.status < 200:  # an interim answer that nothing follows
            self.wfile.write(f"HTTP/1.1 {response.status} Sandbox\r\n\r\n".encode())
            self._pause(600)
            raise Cut
        endless = response.headers.pop("X-Sandbox-Endless", "")
        head = {name.title(): text for name, text in response.headers.items()}
        head.setdefault("Date", email.utils.formatdate(time.time(), usegmt=True))
        if endless or last:
            head["Connection"] = "close"
            self.close_connection = True
        if not endless and response.status not in _NO_BODY:
            head.setdefault("Content-Length", str(len(response.body)))
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {text}" for name, text in head.items()]
        start = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        body = b"" if self.command == "HEAD" else response.body
        if endless and self.command != "HEAD":
            self.wfile.write(start)
            for piece in broken.endless():
                self.wfile.write(piece)
        elif gap:
            self.wfile.write(start)
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                self._pause(gap)
        else:
            self.wfile.write(start + body[: round(len(body) * part)])
        if int(head.get("Content-Length", 0)) != len(response.body) and self.command != "HEAD":
            raise Cut  # the client waits for bytes that never come

    def _pause(self, seconds: float) -> None:
        if self.sandbox.closing.wait(seconds):
            raise Cut


def _reason(status: int) -> str:
    return BaseHTTPRequestHandler.responses.get(status, ("Sandbox", ""))[0]


def _edit(response: Response, rule: Fault) -> None:
    """Replace or drop fields of a JSON answer; anything else stays as it is."""
    try:
        value = json.loads(response.body)
    except ValueError:
        return
    if not isinstance(value, dict):
        return
    value.update(rule.options.get("set", {}))
    value.pop(rule.text("drop"), None)
    response.body = json.dumps(value).encode()
