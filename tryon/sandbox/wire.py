"""What comes over the wire and what goes back: requests, answers, multipart bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_PARAMETER = re.compile(r';\s*([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')


class BadBody(ValueError):
    """The body is not what its content type says."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart body."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: text fields and files, each name at most once."""

    fields: Mapping[str, str]
    files: Mapping[str, Upload]


class Request:
    """One request below a provider's prefix. ``form`` is "seed" or "today" where the prefix pins it, else "both"."""

    def __init__(self, method: str, target: str, headers: Message, body: bytes, form: str = "both") -> None:
        parts = urlsplit(target)
        self.method, self.path, self.headers, self.body, self.form = method, parts.path, headers, body, form
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def header(self, name: str) -> str:
        return str(self.headers.get(name) or "").strip()

    @property
    def media_type(self) -> str:
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ``BadBody``."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadBody("the body is not valid JSON") from error
        if not isinstance(value, dict):
            raise BadBody("the body is not a JSON object")
        return value

    @cached_property
    def multipart(self) -> Form:
        """The body as a form. Raises ``BadBody``."""
        boundary = _parameters(self.header("Content-Type")).get("boundary", "")
        if not boundary:
            raise BadBody("multipart without a boundary")
        fields: dict[str, str] = {}
        files: dict[str, Upload] = {}
        for headers, data in _parts(self.body, boundary.encode()):
            disposition = _parameters(headers.get("content-disposition", ""))
            name = disposition.get("name", "")
            if not name or name in fields or name in files:
                raise BadBody(f"a part without a name of its own ({name!r})")
            if "filename" in disposition:
                files[name] = Upload(disposition["filename"], headers.get("content-type", ""), data)
            else:
                fields[name] = data.decode("utf-8", "replace")
        return Form(fields, files)


@dataclass(slots=True)
class Response:
    """An answer. ``Content-Length`` is added on the way out unless a fault sets another one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Response:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})

    @classmethod
    def text(cls, text: str, status: int, content_type: str = "text/plain; charset=utf-8") -> Response:
        return cls(status, text.encode(), {"Content-Type": content_type})


class Refusal(Exception):
    """A provider's refusal on its way to the client. ``code`` is what the log of calls names."""

    def __init__(self, response: Response, code: str) -> None:
        super().__init__(code)
        self.response, self.code = response, code


def _parameters(header: str) -> dict[str, str]:
    """The parameters behind the first ``;`` of a header: name in lower case, value unquoted."""
    found = {}
    for name, quoted, plain in _PARAMETER.findall(";" + header.partition(";")[2]):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        if name.endswith("*"):
            name, value = name[:-1], unquote(value.split("''", 1)[-1])
        found[name.lower()] = value
    return found


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadBody("the multipart body is not closed by its boundary")
    for piece in pieces[1:-1]:
        head, separator, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            raise BadBody("a part without headers")
        lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
        yield {name.strip().lower(): value.strip() for name, _, value in lines}, data
