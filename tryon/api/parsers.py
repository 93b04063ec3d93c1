"""Request bodies, read strictly: what is cut off, too deep, too long or not UTF-8 is a bad request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

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
    if is_multipart(request):
        if length > conf.MAX_UPLOAD_MB * MEGABYTE + MAX_FORM_BYTES:
            raise TryOnError("file_size_too_large", f"body of {length} bytes", limit=conf.MAX_UPLOAD_MB)
        if length == 0 or len(request.META["CONTENT_TYPE"]) > MAX_CONTENT_TYPE:
            raise ParseError
    elif length > MAX_FORM_BYTES:
        raise ParseError


def is_multipart(request: Request) -> bool:
    return str(request.META.get("CONTENT_TYPE", "")).lower().startswith("multipart/")


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
        result = super().parse(watched, media_type, {**(parser_context or {}), "encoding": "utf-8"})  # type: ignore[arg-type]
        if not watched.seen:
            for name in result.files:
                for file in result.files.getlist(name):
                    file.close()
            raise ParseError
        return result


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
