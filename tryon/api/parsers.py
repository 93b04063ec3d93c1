"""Request bodies, read strictly: what is cut off, too deep, too long or not UTF-8 is a bad request."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.utils.http import parse_header_parameters
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from tryon.conf import conf
from tryon.errors import TryOnError

MEGABYTE = 1024 * 1024
MAX_FORM_BYTES = 256 * 1024  # everything in a request that is not the photo
MAX_CONTENT_TYPE = 255  # characters; boundaries of real clients have at most 70 (RFC 2046)


def check_announced(request: Request) -> None:
    """Refuse a body by what its headers say, before a byte of it is read."""
    meta = request.META
    if "HTTP_TRANSFER_ENCODING" in meta and not meta.get("CONTENT_LENGTH"):
        # Django reads no body without a length, and a stream without an end must not be waited for
        raise TryOnError("file_size_too_large", "chunked body", limit=conf.MAX_UPLOAD_MB)
    try:
        length = int(meta.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise ParseError from None
    kind = str(meta.get("CONTENT_TYPE", "")).lower()
    if kind.startswith(("multipart/", "image/")):
        if length > conf.MAX_UPLOAD_MB * MEGABYTE + (MAX_FORM_BYTES if kind.startswith("multipart/") else 0):
            raise TryOnError("file_size_too_large", f"body of {length} bytes", limit=conf.MAX_UPLOAD_MB)
        if length == 0 or len(kind) > MAX_CONTENT_TYPE:
            raise ParseError
    elif length > MAX_FORM_BYTES:
        raise ParseError


class JSONParser(parsers.JSONParser):
    """JSON is UTF-8 (RFC 8259), NaN is not JSON, and the top level is an object."""

    strict = True

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            parsed = super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as error:
            raise ParseError from error
        if not isinstance(parsed, dict):
            raise ParseError
        return parsed


class MultiPartParser(parsers.MultiPartParser):
    """Django takes a body that stops anywhere for a whole one; here the closing boundary must be there."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> parsers.DataAndFiles[Any, Any]:
        _kind, parameters = parse_header_parameters(media_type or "")
        watched = _Watched(stream, f"--{parameters.get('boundary', '')}--".encode("ascii", "replace"))
        context = {**(parser_context or {}), "encoding": "utf-8"}
        try:
            result = super().parse(watched, media_type, context)  # type: ignore[arg-type]
        except Exception:
            # of the file that was just coming in nobody but its handler knows
            for handler in context["request"].upload_handlers:
                handler.upload_interrupted()
            raise
        if not watched.seen:
            for name in result.files:
                for file in result.files.getlist(name):
                    file.close()
            raise ParseError
        return result


class ImageParser(parsers.BaseParser):
    """A photo as the whole body, ``Content-Type: image/…``. What it is, is told by its content."""

    media_type = "image/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        announced = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)  # checked before
        data = stream.read(announced)
        if len(data) != announced:
            raise ParseError
        return {"photo": InMemoryUploadedFile(io.BytesIO(data), "photo", "photo", media_type, len(data), None)}


class _Watched:
    """A stream that notices whether ``wanted`` went by."""

    def __init__(self, stream: IO[bytes], wanted: bytes) -> None:
        self._stream, self._wanted, self._tail = stream, wanted, b""
        self.seen = False

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if not self.seen:
            window = self._tail + data
            self.seen = self._wanted in window
            self._tail = window[-len(self._wanted) :]
        return data
