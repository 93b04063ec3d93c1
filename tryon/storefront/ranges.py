"""Parts of a file (RFC 9110, section 14): a download that was cut off can go on, a clip can be skipped through."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

ONE_RANGE = re.compile(r"bytes=(?:(\d{1,12})-(\d{0,12})|-(\d{1,12}))", re.ASCII)


def ranged(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views whose answer is a whole file."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return part_of(request, view(request, *args, **kwargs))

    return answer


def part_of(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """``response``, which holds the whole body, or the one part of it that was asked for.

    Several ranges at once, and anything that is not understood, are answered with the whole.
    """
    if response.status_code != 200:
        return response
    response["Accept-Ranges"] = "bytes"
    wanted = ONE_RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if wanted is None or "If-Range" in request.headers:
        return response
    size = len(response.content)
    first, last = _bounds(wanted, size)
    if first >= size or (wanted[2] and int(wanted[2]) < first):
        response.status_code = 416
        response.content = b""
        response["Content-Range"] = f"bytes */{size}"
    else:
        response.status_code = 206
        response.content = response.content[first : last + 1]
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Length"] = str(len(response.content))
    return response


def _bounds(wanted: re.Match[str], size: int) -> tuple[int, int]:
    if wanted[3] is not None:  # the last so many bytes
        return (max(0, size - int(wanted[3])) if int(wanted[3]) else size), size - 1
    return int(wanted[1]), min(int(wanted[2]) if wanted[2] else size - 1, size - 1)
