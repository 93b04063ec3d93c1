"""Deleting when the shopper says so: one try-on with its photo, or everything."""

from __future__ import annotations

from django.utils import timezone

from tryon import retention
from tryon.models import Shopper, TryOnResult


def erase_try_on(result: TryOnResult) -> None:
    """The preview and its photo, also when another preview was made from that photo: it was asked to go."""
    photo = result.photo
    if retention.delete_result(result).photos == 0 and photo:
        retention.delete_photo(photo)


def erase_shopper(shopper: Shopper) -> None:
    """Withdraw every consent first, so that nothing new can start, then delete every preview and photo."""
    shopper.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    for result in shopper.results.all():
        retention.delete_result(result)
    for photo in shopper.photos.all():
        retention.delete_photo(photo)
