"""The shop's own side: garments, batches, shots, spend and webhooks, with the permissions of the admin.

The rules are those of ``tryon.studio``; here is only who may ask, and how it is written down.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from tryon import ledger, webhooks
from tryon.api import availability
from tryon.api.base import TryOnView
from tryon.api.pagination import GarmentPages, LastPublishedFirst, NewestFirst
from tryon.api.parsers import JSONParser, MultiPartParser
from tryon.api.representations import garment_body
from tryon.api.serializers import (
    PUBLISHED,
    BatchOrder,
    EndpointChange,
    EndpointForm,
    GarmentChange,
    GarmentForm,
    GarmentQuery,
    Publication,
    Rejection,
    ShotQuery,
    SpendQuery,
    idempotency_key,
    validated,
)
from tryon.api.staff_bodies import batch_body, endpoint_body, quote_body, shot_body, spend_body, staff_garment_body
from tryon.api.starting import as_uuid
from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.garments import garment_picture, save_garment
from tryon.links import current_epoch
from tryon.models import Batch, Garment, Review, TryOnOutput, WebhookEndpoint
from tryon.studio import again, batches, publishing, review
from tryon.studio.briefs import Brief
from tryon.studio.log import log
from tryon.studio.permissions import GENERATE, PUBLISH, REVIEW, SEE_SPEND
from tryon.studio.plans import Plan

ORDERS = uuid.UUID("3e0a1f5e-6d0c-4d6e-9a55-0d2f3a0f6c11")  # the namespace of batches that were ordered under a key


Row = TypeVar("Row", bound=Model)


def allowed(user: Any, permission: str) -> bool:
    return bool(user.is_active and user.is_staff and user.has_perm(permission))


class StaffView(TryOnView):
    """``needs``: what a member of staff must have to use a method."""

    needs: ClassVar[Mapping[str, str]] = {}
    parser_classes: Sequence[type[BaseParser]] = (JSONParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        needed = self.needs.get("GET" if request.method == "HEAD" else str(request.method))
        if needed is not None and not allowed(request.user, needed):
            raise PermissionDenied

    @property
    def member(self) -> Any:
        """Whom ``initial`` let in."""
        return self.request.user


def _found(rows: QuerySet[Row], pk: str) -> Row:
    row = rows.filter(pk=as_uuid(pk)).first()
    if row is None:
        raise TryOnError("not_found", str(rows.model._meta.verbose_name))
    return row


# ---------------------------------------------------------------- garments


class GarmentsView(StaffView):
    """The list is everybody's, a new garment staff's."""

    needs = {"POST": "tryon.add_garment"}
    parser_classes = (MultiPartParser,)

    def get(self, request: Request) -> Response:
        query = validated(GarmentQuery, request.query_params)
        active = query.pop("active", True)
        if not (active or allowed(request.user, "tryon.view_garment")):
            raise PermissionDenied
        names = {"category": "category", "product": "product_ref"}
        garments = Garment.objects.filter(active=active, **{names[key]: value for key, value in query.items()})
        pages = GarmentPages()
        page = pages.paginate_queryset(garments, request, view=self) or []
        able = availability.tryable_categories() if active else set()
        return pages.get_paginated_response(
            [
                garment_body(garment, request, available=garment.category in able)
                for garment in (availability.visible(page) if active else page)
            ]
        )

    def post(self, request: Request) -> Response:
        form = validated(GarmentForm, request.data)
        picture = garment_picture(form["picture"])
        with transaction.atomic():
            new = not Garment.objects.filter(product_ref=form["product"], variant=form["variant"]).exists()
            garment, _changed = save_garment(
                form["product"],
                form["variant"],
                name=form["name"],
                category=Category(form["category"]),
                picture=picture,
            )
            log(self.member, [garment], "added" if new else "replaced", new=new)
        return Response(staff_garment_body(garment, request), status=201)


class GarmentView(StaffView):
    needs = {"GET": "tryon.view_garment", "PATCH": "tryon.change_garment"}

    def get(self, request: Request, pk: str) -> Response:
        return Response(staff_garment_body(_garment(pk), request))

    def patch(self, request: Request, pk: str) -> Response:
        garment = _garment(pk)
        changes = validated(GarmentChange, request.data)
        for name, value in changes.items():
            setattr(garment, name, value)
        with transaction.atomic():
            garment.save(update_fields=[*changes, "updated_at"])
            log(self.member, [garment], _words(changes))
        return Response(staff_garment_body(garment, request))


def _garment(pk: str) -> Garment:
    number = pk.isascii() and pk.isdigit() and len(pk) < 19
    garment = Garment.objects.filter(pk=int(pk)).first() if number else None
    if garment is None:
        raise TryOnError("not_found", "garment")
    return garment


def _words(changes: Mapping[str, Any]) -> str:
    """For the log: what was changed."""
    return "changed: " + ", ".join(f"{name}={value}" for name, value in changes.items())


# ---------------------------------------------------------------- batches


class _OfBatches(StaffView):
    def body(self, batch: Batch, progress: batches.Progress | None = None) -> dict[str, Any]:
        return batch_body(batch, progress, spend=self.member.has_perm(SEE_SPEND))


class BatchesView(_OfBatches):
    needs = {"GET": GENERATE, "POST": GENERATE}

    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(Batch.objects.all(), request, view=self) or []
        return pages.get_paginated_response([self.body(batch) for batch in page])

    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        order = validated(BatchOrder, request.data)
        plan = Plan(Brief.from_json(order), _wanted(order))
        try:
            plan.check()
            if order["dry_run"]:
                return Response(quote_body(plan.quote()))
            batch = batches.create(
                plan,
                user=self.member,
                name=order["name"],
                key=uuid.uuid5(ORDERS, f"{request.user.pk}:{key}") if key else None,
                max_cost=order["max_cost"],
                blind=order["blind"],
                first_only=order["first_only"],
            )
        except TryOnError as error:
            if error.code == "invalid":
                raise ValidationError({"options" if order["options"] else "garments": [error.detail]}) from error
            raise
        return Response(self.body(batch, batches.progress(batch)), status=201)


def _wanted(order: dict[str, Any]) -> list[int]:
    if "garments" in order:
        return list(order["garments"])
    found = Garment.objects.filter(product_ref__in=order["products"], active=True)
    return list(found.order_by("pk").values_list("pk", flat=True))


class BatchView(_OfBatches):
    needs = {"GET": GENERATE}

    def get(self, request: Request, pk: str) -> Response:
        batch = _found(Batch.objects.all(), pk)
        return Response(self.body(batch, batches.progress(batch)))


class BatchActionView(_OfBatches):
    """``pause``, ``resume``, ``cancel`` or ``retry`` (what failed). What is over already stays as it is."""

    needs = {"POST": GENERATE}
    action = ""

    def post(self, request: Request, pk: str) -> Response:
        batch = _found(Batch.objects.all(), pk)
        act = {
            "pause": batches.pause,
            "resume": batches.resume,
            "cancel": batches.cancel,
            "retry": again.retry_failed,
        }[self.action]
        act(batch, user=self.member)
        batch.refresh_from_db()
        return Response(self.body(batch, batches.progress(batch)))


# ---------------------------------------------------------------- shots


def _shots() -> QuerySet[TryOnOutput]:
    return review.reviewable().select_related("result__garment", "result__preset_model", "result__batch")


class ShotView(StaffView):
    def body(self, output: TryOnOutput) -> dict[str, Any]:
        return shot_body(output, self.request, epoch=current_epoch())


class ShotsView(ShotView):
    needs = {"GET": REVIEW}

    def get(self, request: Request) -> Response:
        query = validated(ShotQuery, request.query_params)
        published = query["status"] == PUBLISHED
        found = _shots().filter(
            review=Review.APPROVED.value if published else query["status"], published_at__isnull=not published
        )
        if "batch" in query:
            found = found.filter(result__batch=query["batch"])
        pages = LastPublishedFirst() if published else NewestFirst()
        page = pages.paginate_queryset(found, request, view=self) or []
        return pages.get_paginated_response([self.body(output) for output in page])


class DecisionView(ShotView):
    """``approve`` or ``reject``. Of two reviewers the quicker decides; the other is told."""

    needs = {"POST": REVIEW}
    action = ""

    def post(self, request: Request, pk: str) -> Response:
        output, reviewer = _found(_shots(), pk), review.Reviewer.staff(request.user)
        if self.action == "approve":
            decided = review.approve([output], reviewer)
        else:
            decided = review.reject([output], reviewer, validated(Rejection, request.data)["reasons"])
        if decided.lost:
            raise TryOnError("decided_already", "published, or decided about by somebody else")
        return Response(self.body(_found(_shots(), pk)))


class PublishView(ShotView):
    needs = {"POST": PUBLISH}

    def post(self, request: Request, pk: str) -> Response:
        wish = validated(Publication, request.data)
        output = _found(_shots(), pk)
        alts = {output.pk: wish["alt"]} if wish["alt"] else None
        steps = publishing.plan([output], alts=alts, first=wish["first"])
        if problems := [step.problem for step in steps if step.problem]:
            raise TryOnError("not_publishable", problems[0], why=problems[0])
        publishing.publish(steps, user=request.user)
        return Response(self.body(_found(_shots(), pk)))


class UnpublishView(ShotView):
    needs = {"POST": PUBLISH}

    def post(self, request: Request, pk: str) -> Response:
        publishing.unpublish([_found(_shots(), pk)], user=request.user)
        return Response(self.body(_found(_shots(), pk)))


# ---------------------------------------------------------------- money


class SpendView(StaffView):
    needs = {"GET": SEE_SPEND}

    def get(self, request: Request) -> Response:
        query = validated(SpendQuery, request.query_params)
        period = {"since": query.get("since"), "until": query.get("until")}
        return Response(spend_body(ledger.spent(**period, provider=query.get("provider", "")), **period))


# ---------------------------------------------------------------- webhooks


class WebhooksView(StaffView):
    needs = {"GET": "tryon.view_webhookendpoint", "POST": "tryon.add_webhookendpoint"}

    def get(self, request: Request) -> Response:
        return Response({"results": [endpoint_body(endpoint) for endpoint in WebhookEndpoint.objects.all()]})

    @transaction.atomic
    def post(self, request: Request) -> Response:
        endpoint = WebhookEndpoint.objects.create(**validated(EndpointForm, request.data))
        log(self.member, [endpoint], "added", new=True)
        return Response({**endpoint_body(endpoint), "secret": webhooks.secret(endpoint)}, status=201)


class WebhookView(StaffView):
    needs = {
        "GET": "tryon.view_webhookendpoint",
        "PATCH": "tryon.change_webhookendpoint",
        "DELETE": "tryon.delete_webhookendpoint",
    }

    def get(self, request: Request, pk: str) -> Response:
        return Response(endpoint_body(_found(WebhookEndpoint.objects.all(), pk)))

    @transaction.atomic
    def patch(self, request: Request, pk: str) -> Response:
        endpoint = _found(WebhookEndpoint.objects.all(), pk)
        changes = validated(EndpointChange, request.data, partial=True)
        endpoint = webhooks.change(endpoint, **changes)
        log(self.member, [endpoint], _words(changes))
        return Response(endpoint_body(endpoint))

    @transaction.atomic
    def delete(self, request: Request, pk: str) -> Response:
        endpoint = _found(WebhookEndpoint.objects.all(), pk)
        log(self.member, [endpoint], "deleted", gone=True)
        endpoint.delete()
        return Response(status=204)


class RotateView(StaffView):
    """A new secret. For a day messages carry signatures by those before as well."""

    needs = {"POST": "tryon.change_webhookendpoint"}

    @transaction.atomic
    def post(self, request: Request, pk: str) -> Response:
        endpoint = _found(WebhookEndpoint.objects.select_for_update(), pk)
        secret = webhooks.rotate(endpoint)
        log(self.member, [endpoint], "new secret")
        return Response({**endpoint_body(endpoint), "secret": secret})


class TestEventView(StaffView):
    """Sends a ``webhook.test`` event."""

    needs = {"POST": "tryon.change_webhookendpoint"}

    @transaction.atomic
    def post(self, request: Request, pk: str) -> Response:
        endpoint = _found(WebhookEndpoint.objects.all(), pk)
        webhooks.send_test([endpoint])
        log(self.member, [endpoint], "test event sent")
        return Response(status=202)
