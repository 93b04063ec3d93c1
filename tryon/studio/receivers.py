"""What the studio does by itself: when a row of the runner is over, when a garment is saved (see ``stale``), and files
that go with their rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from tryon.models import Batch, BatchStatus, FormerPicture, TryOnResult
from tryon.signals import money_refused, tryon_finished
from tryon.studio import batches, fidelity
from tryon.studio import stale as stale


@receiver(tryon_finished, sender=TryOnResult, dispatch_uid="tryon.studio.batches")
def close_batch(result: TryOnResult, **kwargs: Any) -> None:
    if result.batch_id and not batches.finish(result.batch_id):
        stop_at_limit(result.batch_id)


@receiver(money_refused, sender=Batch, dispatch_uid="tryon.studio.limit")
def stop_at_limit(batch_id: UUID, **kwargs: Any) -> None:
    batch = Batch.objects.filter(pk=batch_id, status=BatchStatus.RUNNING.value, max_cost__isnull=False).first()
    if batch:
        batches.pause_at_limit(batch)


@receiver(tryon_finished, sender=TryOnResult, dispatch_uid="tryon.studio.fidelity")
def measure(result: TryOnResult, **kwargs: Any) -> None:
    fidelity.on_finished(result)


@receiver(post_delete, sender=FormerPicture, dispatch_uid="tryon.studio.former")
def forget_former(instance: FormerPicture, **kwargs: Any) -> None:
    _discard(instance.image)


@receiver(post_delete, sender=TryOnResult, dispatch_uid="tryon.studio.mask")
def forget_mask(instance: TryOnResult, **kwargs: Any) -> None:
    """A row that was asked for once more shares its mask with the new one."""
    if instance.mask and not TryOnResult.objects.filter(mask=instance.mask.name).exists():
        _discard(instance.mask)


def _discard(file: Any) -> None:
    if file and file.name:
        storage, name = file.storage, file.name
        transaction.on_commit(lambda: storage.delete(name))
