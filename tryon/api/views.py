"""The endpoints. Who asks: ``authentication``; what goes wrong: ``problems``; what is answered: ``representations``."""

from __future__ import annotations

import functools
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tryon import admission, export, feedback, identity, progress, retention, tasks
from tryon.api import availability, polling, repeats, scenarios, starting
from tryon.api.base import TryOnView
from tryon.api.pagination import NewestFirst
from tryon.api.parsers import ImageParser, JSONParser
from tryon.api.representations import (
    as_json,
    body_tag,
    entity_tag,
    is_current,
    listed_progress,
    model_body,
    notice_body,
    photo_body,
    poll_headers,
    rate_limit,
    receipt_body,
    tryon_body,
)
from tryon.api.serializers import (
    ConfigQuery,
    FeedbackWord,
    PhotoUpload,
    TryOnWish,
    WaitQuery,
    idempotency_key,
    validated,
)
from tryon.api.throttles import UPLOAD_THROTTLES, SessionThrottle
from tryon.conf import conf
from tryon.consent import current_notice
from tryon.errors import DATABASE_AWAY, TryOnError
from tryon.garments import photo_tips
from tryon.models import PresetModel, TryOnResult

logger = logging.getLogger("tryon.api")

DESCRIPTION = Path(__file__).with_name("openapi.yaml")
IN_MEMORY = 4 * 1024 * 1024  # bytes of an export; a larger one waits on the disk
LOOK_AGAIN = 0.5  # seconds between two looks at a row while a request is held open


class AsIs(BaseRenderer):
    """Passes on what is made already. A problem is JSON here too."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


class YAML(AsIs):
    media_type = "application/yaml"
    format = "yaml"


class Zip(AsIs):
    media_type = "application/zip"
    format = "zip"


class SessionsView(TryOnView):
    """A token for an app. Nothing is read from the request, so there is nobody to authenticate."""

    authentication_classes = ()
    parser_classes = ()
    post_throttle_classes = (SessionThrottle,)

    def post(self, request: Request) -> Response:
        shopper, token = identity.new_session()
        return Response({"token": token, "expires_at": shopper.expires_at}, status=201)


class CurrentSessionView(TryOnView):
    """Ends an app's session. A browser's cookie is none: it ends with ``DELETE me/`` or by itself."""

    def delete(self, request: Request) -> Response:
        if not self.visitor.has_session or self.visitor.shopper is None:
            raise TryOnError("not_found", "no session token")
        identity.revoke(self.visitor.shopper)
        return Response(status=204)


class ConfigView(TryOnView):
    """What the widget or an app shows before anything is sent. An app may keep it, and ask whether it still holds."""

    def get(self, request: Request) -> Response:
        query = validated(ConfigQuery, request.query_params)
        product = query.get("product", "")
        garment = admission.garment_for(product, query.get("variant", "")) if product else None
        notice = current_notice()
        quota = admission.quota(self.visitor.shopper)
        reason = availability.reason(request, product, garment, self.visitor.shopper, quota)
        body = {
            "available": not reason,
            "reason": reason,
            "consent": notice_body(notice, request),
            "models": [model_body(preset, request) for preset in PresetModel.objects.filter(active=True)],
            "limits": availability.limits(),
            "tips": photo_tips(garment.category if garment else ""),
            "quota": {"limit": quota.limit, "remaining": quota.remaining, "resets_at": quota.resets_at},
        }
        tag = body_tag(body)
        unchanged = is_current(tag, request.headers.get("If-None-Match", ""))
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}  # it shows nobody's picture
        return Response(status=304, headers=headers) if unchanged else Response(body, headers=headers)


class PhotosView(TryOnView):
    parser_classes = (*TryOnView.parser_classes, ImageParser)
    post_throttle_classes = UPLOAD_THROTTLES

    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        wish = validated(PhotoUpload, self.given(request))

        def work() -> dict[str, Any]:
            scenarios.refuse(request)
            return as_json(photo_body(starting.keep_photo(self.visitor, wish)))

        answer, repeated = repeats.once(self.visitor, key, wish, work)
        return Response(answer, status=201, headers={"Idempotency-Replayed": "true"} if repeated else {})

    def given(self, request: Request) -> Any:
        """A photo that is the whole body has its consent beside it: in the query, or in a header."""
        data: Any = request.data
        if not (request.content_type or "").startswith("image/"):
            return data
        version = request.query_params.get("consent_version") or request.headers.get("X-Consent-Version", "")
        return {**data, "consent_version": version}


class PhotoView(TryOnView):
    def delete(self, request: Request, pk: str) -> Response:
        retention.delete_photo(starting.own_photo(self.visitor.shopper, pk))
        return Response(status=204)


class ResultView(TryOnView):
    """What the views of try-ons share."""

    def own_result(self, pk: str) -> TryOnResult:
        return starting.own_result(self.visitor.shopper, pk)

    def body(self, result: TryOnResult, stand: progress.Progress) -> dict[str, Any]:
        return tryon_body(result, stand, self.request, epoch=self.epoch)


class TryOnsView(ResultView):
    post_throttle_classes = UPLOAD_THROTTLES

    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        # garments in a query of their own: joined to them, a database may walk through all garments for twenty rows
        rows = starting.own_results(self.visitor.shopper).select_related(None).prefetch_related("garment", "outputs")
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([self.body(result, listed_progress(result)) for result in page])

    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        wish = validated(TryOnWish, request.data)
        replayed = False

        def work() -> dict[str, Any]:
            nonlocal replayed
            admitted = scenarios.played(request, lambda: starting.start(self.visitor, request, wish, key))
            replayed = admitted.replayed
            return as_json(self.body(admitted.result, progress.describe(admitted.result)))

        answer, repeated = repeats.once(self.visitor, key, wish, work)
        response = Response(answer, status=202)
        response["Location"] = request.build_absolute_uri(reverse("tryon:api-tryon", kwargs={"pk": answer["id"]}))
        response["Retry-After"] = "1"
        if replayed or repeated:
            response["Idempotency-Replayed"] = "true"
        for name, value in rate_limit(admission.quota(self.visitor.shopper)).items():
            response[name] = value
        return response


class TryOnDetailView(ResultView):
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        whole = super().as_view(**initkwargs)

        @functools.wraps(whole)
        def view(request: HttpRequest, pk: str) -> HttpResponseBase:
            try:
                answer: HttpResponseBase | None = polling.answer(request, pk)
            except DATABASE_AWAY:  # the view meets it too, and says so
                answer = None
            except Exception:  # the view may do better; if not, it answers with a problem
                logger.exception("the short way of a poll failed")
                answer = None
            return answer or whole(request, pk=pk)

        return view

    def get(self, request: Request, pk: str) -> Response:
        longest = conf.LONG_POLL_SECONDS
        wait = min(validated(WaitQuery, request.query_params)["wait"], longest) if longest else 0
        until = time.monotonic() + wait
        known = request.headers.get("If-None-Match", "")
        first = ""
        while True:
            result = self.own_result(pk)
            if not result.is_final:
                tasks.nudge()
            stand = progress.describe(result)
            epoch = self.epoch
            tag = entity_tag(result, stand, product=result.garment.name, epoch=epoch)
            unchanged = is_current(tag, known)
            first = first or tag
            changed = not unchanged if known else tag != first
            if result.is_final or changed or time.monotonic() >= until:
                break
            time.sleep(LOOK_AGAIN)
        headers = poll_headers(result, stand, tag)
        if unchanged:
            return Response(status=304, headers=headers)
        return Response(tryon_body(result, stand, request, epoch=epoch), headers=headers)

    def delete(self, request: Request, pk: str) -> Response:
        retention.delete_result(self.own_result(pk))
        return Response(status=204)


class CancelView(ResultView):
    def post(self, request: Request, pk: str) -> Response:
        result = self.own_result(pk)
        if not admission.cancel(result):
            raise TryOnError("already_over")
        result.refresh_from_db()
        return Response(self.body(result, progress.describe(result)))


class FeedbackView(ResultView):
    """What the shopper thinks of a finished preview; saying it again replaces the first word."""

    parser_classes = (JSONParser,)

    def post(self, request: Request, pk: str) -> Response:
        word = validated(FeedbackWord, request.data)
        kept = feedback.give(self.own_result(pk), liked=word["liked"], reasons=word["reasons"])
        return Response({"liked": kept.liked, "reasons": kept.reasons})


class MeView(TryOnView):
    """Everything of the shopper who asks, deleted at once. The answer is a receipt that names nobody."""

    def delete(self, request: Request) -> Response:
        if self.visitor.shopper is None:
            raise TryOnError("not_found", "nobody")
        return Response(receipt_body(retention.erase(self.visitor.shopper)))


class ExportView(TryOnView):
    """Everything of the shopper who asks, as one file."""

    renderer_classes = (Zip,)

    def get(self, request: Request) -> FileResponse:
        if self.visitor.shopper is None:
            raise TryOnError("not_found", "nobody")
        file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed with the response
        export.write_zip(self.visitor.shopper, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename="try-on.zip", content_type=Zip.media_type)


class DescriptionView(TryOnView):
    """The OpenAPI description that comes with this version, with the address it has here."""

    authentication_classes = ()
    renderer_classes = (YAML,)

    def get(self, request: Request) -> Response:
        text = DESCRIPTION.read_text(encoding="utf-8")
        here = reverse("tryon:api-description").removesuffix("/openapi.yaml")
        body = text.replace("- url: /tryon/api/v1\n", f"- url: {here}\n", 1)
        return Response(body.encode(), content_type="application/yaml")


class NotFoundView(TryOnView):
    """Whatever else is asked for under the API's prefix, so that this too is a problem and no HTML page."""

    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise TryOnError("not_found", "no such endpoint")
