"""Links to private pictures: by the owner's cookie in a browser, by a short-lived signature in an app.

Time is cut into epochs of half a ``LIFETIME``. All links to a picture that are made in one epoch are the same, so two
answers of one epoch are the same bytes, and a link that was just given works for at least half a ``LIFETIME``.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone

from tryon.models import TryOnOutput

SALT = "tryon.picture"
LIFETIME = timedelta(minutes=5)  # at most
EPOCH_SECONDS = int(LIFETIME.total_seconds() / 2)
SIZES = ("full", "card", "thumb")


def current_epoch() -> int:
    return int(timezone.now().timestamp() // EPOCH_SECONDS)


def valid_until(epoch: int) -> datetime:
    """When the links of an epoch stop working: with the end of the next one."""
    return datetime.fromtimestamp((epoch + 2) * EPOCH_SECONDS, tz=UTC)


def picture_url(output: TryOnOutput, size: str = "full", *, signed: bool = False) -> str:
    """A path. Signed ones work without a cookie for a few minutes."""
    return picture_urls(output, size, epoch=current_epoch() if signed else None)[0]


def picture_urls(output: TryOnOutput, *sizes: str, epoch: int | None = None) -> list[str]:
    """Paths of several sizes, under one signature of ``epoch``; unsigned without one."""
    key = "" if epoch is None else f"?key={_key(output.pk.hex, epoch)}"
    return [reverse("tryon:picture", kwargs={"pk": output.pk, "size": size}) + key for size in sizes]


@functools.lru_cache(maxsize=10_000)
def _key(picture: str, epoch: int) -> str:
    """The epoch and a signature of it and the picture. Kept: whoever polls for a picture asks again and again."""
    return Signer(salt=SALT).sign(f"{picture}:{epoch}").removeprefix(f"{picture}:")


def signature_ok(pk: UUID, key: str) -> bool:
    try:
        signed = Signer(salt=SALT).unsign(f"{pk.hex}:{key}")
    except BadSignature:
        return False
    return timezone.now() < valid_until(int(signed.removeprefix(f"{pk.hex}:")))
