"""What the pages say while the database is away: come again, with as little as can be said without it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from tryon.errors import AWAY_SECONDS, DATABASE_AWAY, TryOnError
from tryon.storefront.mine import wants_json

logger = logging.getLogger("tryon.storefront")

View = Callable[..., HttpResponseBase]


def answers(view: View) -> View:
    """The view, with a 503 and ``Retry-After`` where it meets a database that is away.

    Outside of ATOMIC_REQUESTS: its transaction would begin before the view and end after it, both beyond our reach, and
    decoding a photo has no place in one.
    """

    @transaction.non_atomic_requests
    @functools.wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DATABASE_AWAY as error:
            logger.error("the database is away: %s", type(error).__name__)
            return _come_again(request)

    return answer


def _come_again(request: HttpRequest) -> HttpResponse:
    error = TryOnError("unavailable")
    response: HttpResponse
    if wants_json(request):
        response = JsonResponse({"code": error.code, "detail": error.text}, status=503)
    else:
        # without the request and the shop's frame: what they put on every page may ask the database again
        again = AWAY_SECONDS if request.method in ("GET", "HEAD") else None
        words = {"title": error.spec.title, "text": error.text, "again": again}
        response = HttpResponse(render_to_string("tryon/away.html", words), status=503)
    response["Retry-After"] = str(AWAY_SECONDS)
    response["Cache-Control"] = "private, no-store"
    return response
