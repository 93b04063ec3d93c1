"""Answers that no provider should give: bodies for the faults "garbage" and "result", and their way onto the wire."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tryon.sandbox.faults import Fault
from tryon.sandbox.wire import Response

_ENDLESS_PIECE = bytes(64 * 1024)
ENDLESS_LIMIT = 4 * 1024**3  # a client without a cap must not fill a disk
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HTML = "<html><body>Please log in to continue</body></html>"
_JSON = {
    "empty": "",
    "null": "null",
    "list": '["id"]',
    "text": '"accepted"',
    "number": "42",
    "truncated": '{"id":"pre',
    "deep": "[" * 100_000,
    "duplicate_keys": '{"id":"a","id":"b","credits":NaN}',
    "long_id": '{"id":"' + "x" * 4096 + '","generation_id":"' + "x" * 4096 + '","job_id":"' + "x" * 4096 + '"}',
}


def garbage(fault: Fault) -> Response:
    content = fault.text("content", "html")
    status = int(fault.number("status", 200))
    if content == "html":
        return Response.text(_HTML, status, "text/html")
    return Response(status, _JSON[content].encode(), {"Content-Type": "application/json"})


def result(fault: Fault, original: Response) -> Response:
    """In place of a picture. "short" announces more bytes than come; "endless" never stops."""
    content = fault.text("content", "html")
    image = {"Content-Type": original.headers.get("Content-Type", "image/jpeg")}
    if content == "svg":
        return Response(200, _SVG, {"Content-Type": "image/svg+xml"})
    if content == "short":
        return Response(200, original.body, {**image, "Content-Length": str(len(original.body) + 99_999)})
    if content == "endless":
        return Response(200, b"", {**image, "X-Sandbox-Endless": "yes"})
    if content == "bomb":
        return Response(200, bomb(), {"Content-Type": "image/png"})
    if content == "polyglot":
        return Response(200, _polyglot(), {"Content-Type": "image/jpeg"})
    return Response.text(_HTML, 200, "text/html")


def bomb(side: int = 20_000) -> bytes:
    """A PNG of some 50 kB that unpacks to ``side`` squared pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _polyglot() -> bytes:
    out = io.BytesIO()
    Image.effect_mandelbrot((512, 640), (-2.2, -1.2, 0.8, 1.2), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue() + b"<html><script>alert(document.domain)</script></html>"


def endless() -> Iterator[bytes]:
    for _ in range(ENDLESS_LIMIT // len(_ENDLESS_PIECE)):
        yield _ENDLESS_PIECE
