"""Fields that take what their description says and nothing else: in JSON a number is no text and "true" no boolean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from tryon.errors import TryOnError

MAX_ID = 2**63 - 1
MAX_OPTIONS = 4096  # characters
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


def _in_form(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Forms and queries hold nothing but text."""
    return isinstance(getattr(field.root, "initial_data", None), QueryDict)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """An integer; from ``Id`` on, that of a row."""

    def to_internal_value(self, data: Any) -> int:
        if not _in_form(self) and (isinstance(data, bool) or not isinstance(data, int)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Id(Whole):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)


class Flag(serializers.BooleanField):
    default_empty_html = serializers.empty  # a form that does not name it does not say no

    def to_internal_value(self, data: Any) -> bool:
        plain = {"true": True, "false": False}.get(data) if _in_form(self) else data
        if not isinstance(plain, bool):
            self.fail("invalid", input=data)
        return plain


class Filter(serializers.ChoiceField):
    """One of some words, in an address: an empty one is a wrong one, and not as good as none."""

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        return dictionary.get(self.field_name, serializers.empty)


class Money(serializers.Field[Any, Any, Any, Any]):
    """An amount in the shop's currency, as text, so that nothing is rounded: ``"12.50"``."""

    default_error_messages = {"invalid": gettext_lazy("Use digits, with at most two after the point.")}

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not AMOUNT.fullmatch(data):
            self.fail("invalid")
        return Decimal(data)


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
            value = json.loads(data) if isinstance(data, str) and _in_form(self) else data
            # what no database stores: NaN and infinity, lone surrogates, the null character
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
            text.encode()
        except (ValueError, TypeError, RecursionError):
            self.fail("invalid")
        if not isinstance(value, dict) or len(text) > MAX_OPTIONS or "\\u0000" in text:
            self.fail("invalid")
        return value
