"""Published shots whose garment has changed since: another source picture, or another colour.

A shot remembers the digest of the garment picture it was made from (``source_sha256``). ``check`` runs whenever a
garment is saved, ``sweep`` finds what was changed past the models.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver
from django.utils import timezone

from tryon.models import LIVE, Garment, TryOnOutput, TryOnResult
from tryon.studio import fidelity
from tryon.studio.again import make_again

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHANGES = "_tryon_changes"  # on a garment, from before it is saved until after it


def published() -> QuerySet[TryOnOutput]:
    return TryOnOutput.objects.filter(published_at__isnull=False)


def stale() -> QuerySet[TryOnOutput]:
    """What the shop shows and should not: oldest change first."""
    return published().filter(stale_at__isnull=False).order_by("stale_at", "pk")


def sweep() -> int:
    """The task: mark what has become stale; how many."""
    return _mark(published())


def check(garment: Garment, *, colour_changed: bool = False) -> int:
    """Mark the published shots of one garment, or clear the mark where the picture they were made from is back."""
    ours = published().filter(result__garment=garment)
    if colour_changed:
        return ours.filter(stale_at__isnull=True).update(stale_at=timezone.now())
    return _mark(ours)


def _mark(outputs: QuerySet[TryOnOutput]) -> int:
    other = outputs.filter(stale_at__isnull=True).exclude(source_sha256="")
    return other.exclude(source_sha256=F("result__garment__sha256")).update(stale_at=timezone.now())


def clear_returned(garment: Garment) -> int:
    """The picture that shots were made from is back: they are true again."""
    back = published().filter(result__garment=garment, stale_at__isnull=False, source_sha256=garment.sha256)
    return back.update(stale_at=None)


def remake(outputs: Iterable[TryOnOutput], *, user: User | None) -> list[TryOnResult]:
    """Ask for these shots once more, from the picture the garment has now: those of garments that are switched on.

    What is published stays until the new one is.
    """
    shots = {shot.pk: shot for output in outputs if (shot := fidelity.shot_of(output.result))}
    coming = TryOnResult.objects.filter(again_of__in=list(shots), status__in=LIVE)
    on_their_way = set(coming.values_list("again_of", flat=True))
    possible = [shot for shot in shots.values() if shot.garment.active and shot.pk not in on_their_way]
    return make_again(possible, user=user) if possible else []


def keep(outputs: Iterable[TryOnOutput]) -> int:
    """Somebody looked: these shots still show their garment."""
    kept = 0
    with transaction.atomic():
        for output in outputs:
            sha256 = output.result.garment.sha256
            kept += stale().filter(pk=output.pk).update(stale_at=None, source_sha256=sha256)
    return kept


# ---------------------------------------------------------------- when a garment is saved


@receiver(pre_save, sender=Garment)
def notice(instance: Garment, **kwargs: Any) -> None:
    """What changes, by comparing with the row as it is."""
    before = Garment.objects.filter(pk=instance.pk).values("sha256", "variant").first() if instance.pk else None
    changes = {name for name, value in (before or {}).items() if value != getattr(instance, name)}
    instance.__dict__[CHANGES] = changes


@receiver(post_save, sender=Garment)
def follow(instance: Garment, **kwargs: Any) -> None:
    changes = instance.__dict__.pop(CHANGES, set())
    if "variant" in changes:
        check(instance, colour_changed=True)
    elif "sha256" in changes:
        clear_returned(instance)
        check(instance)
