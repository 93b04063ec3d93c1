"""What follows by itself: steps are counted, a refused photo goes, files go with rows that Django deletes by cascade.

Of the funnel the widget counts what only the browser sees (opened, photo, bag); started and done are counted here.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from tryon import funnel, retention
from tryon.choices import FunnelStep, Status
from tryon.models import Shopper, TryOnResult
from tryon.signals import tryon_finished, tryon_requested


@receiver(tryon_requested, sender=TryOnResult)
def count_start(result: TryOnResult, **kwargs: Any) -> None:
    if _is_shoppers(result):
        funnel.count(FunnelStep.STARTED)


@receiver(tryon_finished, sender=TryOnResult)
def tidy_up(result: TryOnResult, **kwargs: Any) -> None:
    if not _is_shoppers(result):  # who asked for it never changes, but that a shopper may be gone
        return
    row = TryOnResult.objects.filter(pk=result.pk).select_related("photo").first()
    if row is None or not _is_shoppers(row):
        return
    if row.status == Status.SUCCEEDED:
        funnel.count(FunnelStep.DONE)
    retention.after_the_end(row)


def _is_shoppers(row: TryOnResult) -> bool:
    """Asked for by a shopper, and not the quick preview of another row."""
    return bool(row.shopper_id and not row.preview_of_id)


@receiver(pre_delete, sender=Shopper)
def take_files_along(instance: Shopper, **kwargs: Any) -> None:
    """A user account that is deleted takes the shopper with it, and the pictures of that shopper."""
    with transaction.atomic():
        retention.erase_with_account(instance)
