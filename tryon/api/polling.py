"""The way of most status polls: one query, and none of the machinery that the other endpoints need.

Who may ask, what is said and its tag are the view's own. Whatever is not plain (a header of the host's own, ``wait``,
HEAD, an error) is left to the view.
"""

from __future__ import annotations

import functools
import re
import time
from bisect import bisect_left
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import JSONRenderer

from tryon import tasks
from tryon.api import starting
from tryon.api.authentication import host_authentication
from tryon.api.base import guard, request_id_of
from tryon.api.representations import entity_tag, is_current, poll_headers, tryon_body
from tryon.choices import Status
from tryon.identity import rows_of, rows_of_token
from tryon.links import current_epoch
from tryon.models import Garment, TryOnOutput, TryOnResult
from tryon.progress import describe, waiting
from tryon.runner.history import Latencies

ACCEPTED = re.compile(r"\*/\*|application/json(?:\s*[,;]|\s*$)")
_SHOWN = {
    *("id", "status", "version", "progress", "provider", "operation", "error_code", "error_params", "preset_model"),
    *("created_at", "updated_at", "started_at", "expires_at"),
}
OF_RESULT = [field.attname for field in TryOnResult._meta.concrete_fields if field.name in _SHOWN]
OF_OUTPUT = ("position", "pk", "width", "height")
LAST_PLACE = 1000  # whoever waits behind so many is told this


class Places:
    """``place_in_queue`` for many who ask, from one query a second."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds
        self._read = 0.0
        self._times: list[datetime] = []

    def of(self, result: TryOnResult) -> int:
        if time.monotonic() - self._read >= self.seconds:
            self._read = time.monotonic()
            self._times = list(waiting().order_by("created_at").values_list("created_at", flat=True)[:LAST_PLACE])
        return bisect_left(self._times, result.created_at)


_latencies, _places = Latencies(), Places()


def answer(request: HttpRequest, pk: str) -> HttpResponse | None:
    """The whole answer, or None when the view has to see to it."""
    meta = request.META
    plain = request.method == "GET" and not meta.get("QUERY_STRING") and hasattr(request, "LANGUAGE_CODE")
    if not plain or not ACCEPTED.search(meta.get("HTTP_ACCEPT", "*/*")):
        return None
    app = "HTTP_AUTHORIZATION" in meta
    mine = _of_app(meta["HTTP_AUTHORIZATION"]) if app else _of_browser(request)
    found = _found(pk, mine) if mine else []
    if not found:
        return None
    result = TryOnResult.from_db(TryOnResult.objects.db, OF_RESULT, found[0][: len(OF_RESULT)])
    if not result.is_final:
        tasks.nudge()
    ahead = _places.of(result) if result.status == Status.QUEUED else None
    stand = describe(result, usual=_latencies.usual, ahead=ahead)
    epoch = current_epoch() if app else None
    tag = entity_tag(result, stand, product=found[0][len(OF_RESULT)], epoch=epoch)
    response = HttpResponse(content_type=JSONRenderer.media_type, headers=poll_headers(result, stand, tag))
    if is_current(tag, meta.get("HTTP_IF_NONE_MATCH", "")):
        response.status_code = 304
        del response["Content-Type"]
    else:
        _add_pictures(result, found)
        response.content = JSONRenderer().render(tryon_body(result, stand, request, epoch=epoch))
    guard(response, request_id_of(request))
    return response


def _of_app(authorization: str) -> Q | None:
    scheme, _space, token = authorization.partition(" ")
    return rows_of_token(token.strip()) if scheme.lower() == "bearer" else None


def _of_browser(request: HttpRequest) -> Q | None:
    return None if host_authentication() else rows_of(request)  # the host's own may know somebody else by a header


def _found(pk: str, mine: Q) -> list[tuple[Any, ...]]:
    """The row's columns, its garment's name and its pictures', once for each picture or once without any."""
    try:
        return list(starting.results_where(mine & Q(pk=UUID(pk)), _columns()))
    except ValueError:
        return []


@functools.cache
def _columns() -> QuerySet[TryOnResult, tuple[Any, ...]]:
    """Plain values of one query: to make it, and instances of what it gives, costs more than the rest of the answer.

    So it is begun once; a request only says of which row.
    """
    names = (*OF_RESULT, "garment__name", *(f"outputs__{name}" for name in OF_OUTPUT))
    return TryOnResult.objects.order_by().values_list(*names)


def _add_pictures(result: TryOnResult, found: list[tuple[Any, ...]]) -> None:
    if result.status == Status.SUCCEEDED:
        result.garment = Garment(name=found[0][len(OF_RESULT)])
        made = sorted(row[-len(OF_OUTPUT) :] for row in found if row[-1] is not None)
        outputs = [TryOnOutput(**dict(zip(OF_OUTPUT, values, strict=True))) for values in made]
        result._prefetched_objects_cache = {"outputs": outputs}  # type: ignore[attr-defined]
