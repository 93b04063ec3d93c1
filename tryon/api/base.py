"""What all our views share. Everything is set here, so a project's REST_FRAMEWORK settings change nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from tryon import links
from tryon.api import problems
from tryon.api.authentication import BrowserAuthentication, TokenAuthentication, Visitor
from tryon.api.parsers import JSONParser, MultiPartParser, check_announced

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def request_id_of(request: HttpRequest) -> str:
    sent = request.headers.get("X-Request-ID", "")
    return sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


def guard(response: HttpResponseBase, request_id: str) -> None:
    """The headers of every answer: nobody keeps it unless its view says so, and it says whose request it answers."""
    response.setdefault("Cache-Control", "private, no-store")
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Request-ID"] = request_id
    response["Content-Language"] = translation.get_language() or ""
    patch_vary_headers(response, ("Accept-Language", "Authorization", "Cookie"))


class _Described:
    """What the API's description is made with, where drf-spectacular is installed; loaded when somebody asks."""

    def __get__(self, view: APIView | None, kind: type[APIView]) -> Any:
        try:
            from tryon.api.schema import TryOnSchema
        except ImportError:
            return None
        return TryOnSchema().__get__(view, kind)


class TryOnView(APIView):
    schema = _Described()
    authentication_classes: Sequence[type[BaseAuthentication]] = (TokenAuthentication, BrowserAuthentication)
    permission_classes = (AllowAny,)  # what belongs to somebody is looked up among the visitor's own rows
    throttle_classes = ()
    post_throttle_classes: Sequence[type[BaseThrottle]] = ()
    renderer_classes: Sequence[type[BaseRenderer]] = (JSONRenderer,)
    parser_classes: Sequence[type[BaseParser]] = (JSONParser, MultiPartParser)
    content_negotiation_class = DefaultContentNegotiation
    versioning_class = None
    metadata_class = None
    request_id = ""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        # Decoding, fetching and waiting have no place in a transaction, also where ATOMIC_REQUESTS is on.
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.request_id = request_id_of(request)
        if request.encoding and not hasattr(request, "_post"):
            request.encoding = "utf-8"  # a charset of the request's own choice must not decode its query string
        if hasattr(request, "LANGUAGE_CODE"):  # set by LocaleMiddleware
            return super().dispatch(request, *args, **kwargs)
        with translation.override(translation.get_language_from_request(request)):
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_announced(request)
        super().initial(request, *args, **kwargs)

    def get_throttles(self) -> list[BaseThrottle]:
        classes = self.post_throttle_classes if self.request.method == "POST" else ()
        return [throttle() for throttle in classes]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return problems.handle

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        guard(final, self.request_id)
        visitor = getattr(request, "_auth", None)
        if isinstance(visitor, Visitor):
            visitor.remember(final)
        return final

    @property
    def epoch(self) -> int | None:
        """Of the links to pictures in this answer: apps have no cookie."""
        return links.current_epoch() if self.visitor.is_app else None

    @property
    def visitor(self) -> Visitor:
        visitor = self.request.auth
        if not isinstance(visitor, Visitor):
            raise TypeError("this view has no authentication")
        return visitor
