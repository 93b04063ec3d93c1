"""Every error of the API as ``application/problem+json`` (RFC 9457), with the codes of ``tryon.errors``.

``handle`` is the exception handler of our views alone; the project's own REST_FRAMEWORK settings are not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from tryon.errors import AWAY_SECONDS, DATABASE_AWAY, TryOnError

logger = logging.getLogger("tryon.api")

CONTENT_TYPE = "application/problem+json"

_CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (exceptions.ValidationError, "invalid"),
    (
        # SuspiciousOperation covers Django's limits on fields, files and bytes, and a Host header that isn't ours
        (exceptions.ParseError, BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError),
        "malformed_request",
    ),
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), "not_authenticated"),
    ((exceptions.PermissionDenied, PermissionDenied), "permission_denied"),
    ((exceptions.NotFound, Http404), "not_found"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
)


def handle(exc: Exception, context: dict[str, Any]) -> Response:
    """The answer to any exception that leaves a view."""
    error = _as_tryon_error(exc)
    if error.code == "server_error":
        logger.error("unexpected error in %s", type(context["view"]).__name__, exc_info=exc)
        # error trackers listen to this signal; without it they would see an ordinary answer
        got_request_exception.send(sender=type(context["view"]), request=context["request"]._request)
    set_rollback()
    errors = list(_field_errors(exc.detail)) if isinstance(exc, exceptions.ValidationError) else []
    response = Response(
        {
            "type": f"urn:tryon:problem:{error.code}",
            "title": str(error.spec.title),
            "status": error.spec.status,
            "detail": error.text,
            "code": error.code,
            "errors": errors,
            "request_id": context["view"].request_id,
        },
        status=error.spec.status,
        content_type=CONTENT_TYPE,
    )
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
        if error.spec.status == 429:
            response["RateLimit-Remaining"] = "0"
            response["RateLimit-Reset"] = str(error.retry_after)
    if auth_header := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = auth_header
    return response


def _as_tryon_error(exc: Exception) -> TryOnError:
    if isinstance(exc, TryOnError):
        return exc
    if isinstance(exc, exceptions.Throttled):
        # whole seconds, rounded up, never 0: a client that waits this long is let in
        return TryOnError("throttled", retry_after=int(getattr(exc, "wait", None) or 0) + 1)
    if isinstance(exc, DATABASE_AWAY):
        logger.error("the database is away: %s", type(exc).__name__)
        return TryOnError("unavailable", retry_after=AWAY_SECONDS)
    for types, code in _CODES:
        if isinstance(exc, types):
            return TryOnError(code)
    return TryOnError("server_error")


def _field_errors(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """One entry for each message, with a JSON pointer (RFC 6901) to the field in the request."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            here = "" if key == api_settings.NON_FIELD_ERRORS_KEY else f"/{_escaped(str(key))}"
            yield from _field_errors(value, pointer + here)
    elif isinstance(detail, list):
        for value in detail:
            yield from _field_errors(value, pointer)
    else:
        yield {"pointer": pointer, "detail": str(detail), "code": str(getattr(detail, "code", "invalid"))}


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")
