"""What may be in a request. Fields that are not named here are ignored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.request import Request

from tryon.choices import Category
from tryon.errors import TryOnError

MAX_ID = 2**63 - 1
MAX_OPTIONS = 4096  # characters
IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def validated(serializer_class: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data)
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


class PhotoField(serializers.Field[Any, Any, Any, Any]):
    """A file part. What it is, is told by its content alone, later; its name and type are not looked at."""

    def to_internal_value(self, data: Any) -> UploadedFile[Any]:
        if not isinstance(data, UploadedFile):
            raise TryOnError("unsupported_media_type", "the photo is not a file part of a multipart request")
        return data


class OptionsField(serializers.Field[Any, Any, Any, Any]):
    """An object of provider options; in a form, as JSON text. The provider judges names and values."""

    default_error_messages = {"invalid": gettext_lazy("Not a JSON object that we can take.")}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = json.loads(data) if isinstance(data, str) else data
            # what no database stores: NaN and infinity, lone surrogates, the null character
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
            text.encode()
        except (ValueError, TypeError, RecursionError):
            self.fail("invalid")
        if not isinstance(value, dict) or len(text) > MAX_OPTIONS or "\\u0000" in text:
            self.fail("invalid")
        return value


class GarmentQuery(serializers.Serializer[Any]):
    category = serializers.ChoiceField(choices=[category.value for category in Category], required=False)
    product = serializers.CharField(max_length=200, required=False)


class ConfigQuery(serializers.Serializer[Any]):
    product = serializers.CharField(required=False, allow_blank=True)
    variant = serializers.CharField(required=False, allow_blank=True)


class PhotoUpload(serializers.Serializer[Any]):
    photo = PhotoField()
    consent_version = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")


class TryOnWish(serializers.Serializer[Any]):
    """One garment, by product or by its own id, on one person: a new photo, an earlier one or a preset model."""

    product = serializers.CharField(max_length=200, required=False)
    variant = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    garment = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    photo = PhotoField(required=False)
    photo_id = serializers.CharField(max_length=64, required=False)
    model_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    consent_version = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    options = OptionsField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _exactly_one(attrs, ("product", "garment"))
        _exactly_one(attrs, ("photo", "photo_id", "model_id"))
        return attrs


def _exactly_one(attrs: Mapping[str, Any], names: tuple[str, ...]) -> None:
    given = [name for name in names if name in attrs]
    if len(given) != 1:
        message = _("Give exactly one of: %(names)s.") % {"names": ", ".join(names)}
        raise serializers.ValidationError({name: [message] for name in given or names[:1]})
