"""The endpoints. Who asks: ``authentication``; what goes wrong: ``problems``; what is answered: ``representations``."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from tryon import admission, identity, progress, retention, tasks
from tryon.api import availability, starting
from tryon.api.base import TryOnView
from tryon.api.pagination import GarmentPages, TryOnPages
from tryon.api.representations import (
    entity_tag,
    garment_body,
    is_current,
    listed_progress,
    model_body,
    photo_body,
    seconds_to_next_poll,
    tryon_body,
)
from tryon.api.serializers import ConfigQuery, GarmentQuery, PhotoUpload, TryOnWish, idempotency_key, validated
from tryon.api.throttles import UPLOAD_THROTTLES, SessionThrottle
from tryon.consent import current_notice
from tryon.errors import TryOnError
from tryon.models import Garment, PresetModel, TryOnResult


class SessionsView(TryOnView):
    """A token for an app. Nothing is read from the request, so there is nobody to authenticate."""

    authentication_classes = ()
    parser_classes = ()
    post_throttle_classes = (SessionThrottle,)

    def post(self, request: Request) -> Response:
        shopper, token = identity.new_session()
        return Response({"token": token, "expires_at": shopper.expires_at}, status=201)


class ConfigView(TryOnView):
    """What the widget or an app shows before anything is sent."""

    def get(self, request: Request) -> Response:
        query = validated(ConfigQuery, request.query_params)
        reason = availability.reason(query.get("product", ""), query.get("variant", ""))
        notice = current_notice()
        quota = admission.quota(self.visitor.shopper)
        models = PresetModel.objects.filter(active=True)
        return Response(
            {
                "available": not reason,
                "reason": reason,
                "consent": {"version": notice.version, "text": notice.text},
                "models": [model_body(preset, request) for preset in models],
                "limits": availability.limits(),
                "quota": {"limit": quota.limit, "remaining": quota.remaining, "resets_at": quota.resets_at},
            }
        )


class GarmentsView(TryOnView):
    def get(self, request: Request) -> Response:
        query = validated(GarmentQuery, request.query_params)
        names = {"category": "category", "product": "product_ref"}
        garments = Garment.objects.filter(active=True, **{names[key]: value for key, value in query.items()})
        pages = GarmentPages()
        page = availability.visible(pages.paginate_queryset(garments, request, view=self) or [])
        able = availability.tryable_categories()
        return pages.get_paginated_response(
            [garment_body(garment, request, available=garment.category in able) for garment in page]
        )


class PhotosView(TryOnView):
    post_throttle_classes = UPLOAD_THROTTLES

    def post(self, request: Request) -> Response:
        upload = validated(PhotoUpload, request.data)
        photo = starting.keep_photo(self.visitor, upload["photo"], upload["consent_version"])
        return Response(photo_body(photo), status=201)


class PhotoView(TryOnView):
    def delete(self, request: Request, pk: str) -> Response:
        retention.delete_photo(starting.own_photo(self.visitor.shopper, pk))
        return Response(status=204)


class ResultView(TryOnView):
    """What the views of try-ons share."""

    def own_result(self, pk: str) -> TryOnResult:
        return starting.own_result(self.visitor.shopper, pk)

    def body(self, result: TryOnResult, stand: progress.Progress) -> dict[str, Any]:
        return tryon_body(result, stand, self.request, signed=self.visitor.uses_token)


class TryOnsView(ResultView):
    post_throttle_classes = UPLOAD_THROTTLES

    def get(self, request: Request) -> Response:
        pages = TryOnPages()
        rows = starting.own_results(self.visitor.shopper).prefetch_related("outputs")
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([self.body(result, listed_progress(result)) for result in page])

    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        admitted = starting.start(self.visitor, validated(TryOnWish, request.data), key)
        result = admitted.result
        response = Response(self.body(result, progress.describe(result)), status=202)
        response["Location"] = request.build_absolute_uri(reverse("tryon:api-tryon", kwargs={"pk": result.pk}))
        response["Retry-After"] = "1"
        if admitted.replayed:
            response["Idempotency-Replayed"] = "true"
        return response


class TryOnDetailView(ResultView):
    def get(self, request: Request, pk: str) -> Response:
        result = self.own_result(pk)
        if not result.is_final:
            tasks.nudge()
        stand = progress.describe(result)
        body = self.body(result, stand)
        tag = entity_tag(body, signed=self.visitor.uses_token)
        unchanged = is_current(tag, request.headers.get("If-None-Match", ""))
        response = Response(status=304) if unchanged else Response(body)
        response["ETag"] = tag
        if not result.is_final:
            response["Retry-After"] = str(seconds_to_next_poll(stand))
        return response

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


class NotFoundView(TryOnView):
    """Whatever else is asked for under the API's prefix, so that this too is a problem and no HTML page."""

    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise TryOnError("not_found", "no such endpoint")
