"""Links to private pictures: by the owner's cookie in a browser, by a short-lived signature in an app."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from tryon.models import TryOnOutput

SALT = "tryon.picture"
LIFETIME = timedelta(minutes=5)
SIZES = ("full", "card", "thumb")


def picture_url(output: TryOnOutput, size: str = "full", *, signed: bool = False) -> str:
    """A path. Signed ones work without a cookie for ``LIFETIME``."""
    path = reverse("tryon:picture", kwargs={"pk": output.pk, "size": size})
    return f"{path}?key={signing.dumps(output.pk.hex, salt=SALT)}" if signed else path


def signature_ok(pk: UUID, key: str) -> bool:
    try:
        return bool(signing.loads(key, salt=SALT, max_age=LIFETIME) == pk.hex)
    except signing.BadSignature:
        return False


def signed_until() -> datetime:
    return timezone.now() + LIFETIME
