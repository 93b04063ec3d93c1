"""What may be in a request. Fields that are not named here are ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from tryon.api.fields import Filter, Flag, Id, Money, OptionsField, PhotoField, Text, Whole
from tryon.choices import Category, FeedbackReason
from tryon.feedback import MOST_REASONS
from tryon.models import Review
from tryon.providers.ssrf import Refused
from tryon.studio.briefs import MAX_THEMES, MAX_VARIANTS
from tryon.studio.review import Reason
from tryon.webhooks import EVENTS, check_address

MAX_URL = 2000
PUBLISHED = "published"
MAX_ORDER = 10_000  # garments or products in one batch
IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def validated(
    serializer_class: type[serializers.Serializer[Any]], data: Any, *, partial: bool = False
) -> dict[str, Any]:
    """``partial``: of what may be changed, only what was given."""
    serializer = serializer_class(data=data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def idempotency_key(request: Request) -> str:
    """The header's value, "" without one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise serializers.ValidationError({"Idempotency-Key": [_("Use 1 to 255 printable ASCII characters.")]})
    return key


class GarmentQuery(serializers.Serializer[Any]):
    category = Filter(choices=[category.value for category in Category], required=False)
    product = Text(max_length=200, required=False)
    active = Flag(required=False, help_text="`false`, for staff: those that are switched off.")


class ConfigQuery(serializers.Serializer[Any]):
    product = Text(required=False, allow_blank=True)
    variant = Text(required=False, allow_blank=True)


class ConsentQuery(serializers.Serializer[Any]):
    consent_version = Text(max_length=64, required=False)


class PhotoUpload(serializers.Serializer[Any]):
    """A photo: a file, or the https address of one."""

    photo = PhotoField(required=False)
    photo_url = Text(max_length=MAX_URL, required=False)
    consent_version = Text(max_length=64, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        exactly_one(attrs, ("photo", "photo_url"))
        return attrs


class TryOnWish(serializers.Serializer[Any]):
    """One garment, by product or by its own id, on one person: a new photo, an earlier one or a preset model."""

    product = Text(max_length=200, required=False)
    variant = Text(max_length=100, required=False, allow_blank=True, default="")
    garment = Id(required=False)
    photo = PhotoField(required=False)
    photo_url = Text(max_length=MAX_URL, required=False)
    photo_id = Text(max_length=64, required=False)
    model_id = Id(required=False)
    consent_version = Text(max_length=64, required=False, allow_blank=True, default="")
    options = OptionsField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        exactly_one(attrs, ("product", "garment"))
        exactly_one(attrs, ("photo", "photo_url", "photo_id", "model_id"))
        return attrs


class FeedbackWord(serializers.Serializer[Any]):
    liked = Flag()
    reasons = serializers.ListField(
        child=serializers.ChoiceField(choices=[reason.value for reason in FeedbackReason]),
        required=False,
        default=list,
        max_length=MOST_REASONS,
    )


class WaitQuery(serializers.Serializer[Any]):
    wait = Whole(min_value=0, max_value=3600, required=False, default=0)


class GarmentForm(serializers.Serializer[Any]):
    """A garment of a product, with its picture. An earlier one of the same product and variant is replaced."""

    product = Text(max_length=200)
    variant = Text(max_length=100, required=False, allow_blank=True, default="")
    name = Text(max_length=200)
    category = serializers.ChoiceField(choices=[category.value for category in Category])
    picture = PhotoField()


class GarmentChange(serializers.Serializer[Any]):
    name = Text(max_length=200, required=False)
    category = serializers.ChoiceField(choices=[category.value for category in Category], required=False)
    active = Flag(required=False)


class BatchOrder(serializers.Serializer[Any]):
    """Which garments (all of some products, or by id) on which models, and how. ``dry_run`` makes and costs nothing."""

    products = serializers.ListField(child=Text(max_length=200), required=False, max_length=MAX_ORDER)
    garments = serializers.ListField(child=Id(), required=False, max_length=MAX_ORDER)
    models = serializers.ListField(child=Id(), required=False, default=list, max_length=100)
    generated = Flag(required=False, default=False)
    themes = serializers.ListField(child=Text(max_length=200), required=False, default=list, max_length=MAX_THEMES)
    variants = Whole(min_value=1, max_value=MAX_VARIANTS, required=False, default=1)
    providers = serializers.ListField(child=Text(max_length=50), required=False, default=list, max_length=20)
    options = OptionsField(required=False, default=dict)
    only_missing = Flag(required=False, default=False)
    blind = Flag(required=False, default=False)
    first_only = Flag(required=False, default=False)
    name = Text(max_length=200, required=False, allow_blank=True, default="")
    max_cost = Money(required=False, allow_null=True, default=None)
    dry_run = Flag(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        exactly_one(attrs, ("products", "garments"))
        return attrs


class ShotQuery(serializers.Serializer[Any]):
    status = Filter(
        choices=[*(r.value for r in Review if r.value), PUBLISHED], required=False, default=Review.TO_REVIEW.value
    )
    batch = serializers.UUIDField(required=False)


class Rejection(serializers.Serializer[Any]):
    reasons = serializers.ListField(
        child=serializers.ChoiceField(choices=[reason.value for reason in Reason]), min_length=1, max_length=10
    )


class Publication(serializers.Serializer[Any]):
    """``alt`` empty: a text is made. ``first``: in front of the gallery instead of at its end."""

    alt = Text(max_length=300, required=False, allow_blank=True, default="")
    first = Flag(required=False, default=False)


class SpendQuery(serializers.Serializer[Any]):
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    provider = Text(max_length=50, required=False)


class EndpointForm(serializers.Serializer[Any]):
    """``events`` empty: all of them."""

    url = Text(max_length=MAX_URL)
    description = Text(max_length=200, required=False, allow_blank=True, default="")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENTS)), required=False, default=list, max_length=len(EVENTS)
    )

    def validate_url(self, value: str) -> str:
        try:
            check_address(value)
        except Refused as error:
            raise serializers.ValidationError(str(error)) from error
        return value


class EndpointChange(EndpointForm):
    url = Text(max_length=MAX_URL, required=False)
    enabled = Flag(required=False)


def exactly_one(attrs: Mapping[str, Any], names: tuple[str, ...]) -> None:
    given = [name for name in names if name in attrs]
    if not given:
        missing = str(serializers.Field.default_error_messages["required"])
        raise serializers.ValidationError({names[0]: [ErrorDetail(missing, code="required")]})
    if len(given) > 1:
        message = _("Give exactly one of: %(names)s.") % {"names": ", ".join(names)}
        raise serializers.ValidationError({name: [message] for name in given})
