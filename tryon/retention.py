"""Deleting on time: photos, previews and what no row names any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.files.storage import Storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tryon.models import Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.signals import photos_deleted, send_after_commit
from tryon.storage import photo_storage, result_storage

BATCH = 200
ORPHAN_AGE = timedelta(hours=1)


@dataclass(slots=True)
class Purged:
    photos: int = 0
    results: int = 0
    shoppers: int = 0
    orphans: int = 0
    left_over: int = 0  # files that could not be deleted; tried again next time

    def __str__(self) -> str:
        return (
            f"{self.photos} photos, {self.results} previews, {self.shoppers} sessions, {self.orphans} orphan files, "
            f"{self.left_over} left over"
        )


def purge(now: datetime | None = None) -> Purged:
    """Delete everything that is due, in small batches. Safe to stop and to run again."""
    now = now or timezone.now()
    counts = Purged()
    while photos := list(ShopperPhoto.objects.filter(expires_at__lte=now)[:BATCH]):
        _delete_photos(photos, counts)
    while results := list(TryOnResult.objects.filter(expires_at__lte=now)[:BATCH]):
        _delete_results(results, counts)
    # a session that ran out and owns nothing any more
    idle = Shopper.objects.filter(expires_at__lte=now, photos=None, results=None)
    counts.shoppers = idle.delete()[1].get("tryon.Shopper", 0)
    sweep_orphans(now, counts)
    return counts


def due(now: datetime | None = None) -> Purged:
    """What ``purge`` would delete."""
    now = now or timezone.now()
    return Purged(
        photos=ShopperPhoto.objects.filter(expires_at__lte=now).count(),
        results=TryOnResult.objects.filter(expires_at__lte=now).count(),
        shoppers=Shopper.objects.filter(expires_at__lte=now, photos=None, results=None).count(),
    )


def delete_result(result: TryOnResult) -> Purged:
    """One preview with its pictures and the photo it was made from. The row is gone at once.

    A photo that another preview is just being made from stays until that one is deleted, or until its time comes.
    """
    counts = Purged()
    photo = result.photo
    _delete_results([result], counts)
    if photo and not photo.results.live().exists():
        _delete_photos([photo], counts)
    return counts


def erase(shopper: Shopper) -> Purged:
    """Everything of a shopper. Consents first, so that nothing new can start."""
    counts = Purged()
    shopper.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    _delete_results(list(shopper.results.all()), counts)
    _delete_photos(list(shopper.photos.all()), counts)
    return counts


def delete_photo(photo: ShopperPhoto) -> Purged:
    counts = Purged()
    _delete_photos([photo], counts)
    return counts


def _delete_photos(photos: list[ShopperPhoto], counts: Purged) -> None:
    with transaction.atomic():
        ShopperPhoto.objects.filter(pk__in=[photo.pk for photo in photos]).delete()
        _announce({photo.shopper_id for photo in photos}, photos=len(photos))
    for photo in photos:
        _delete_file(photo.file.storage, photo.file.name, counts)
    counts.photos += len(photos)


def _delete_results(results: list[TryOnResult], counts: Purged) -> None:
    """Rows first: a runner that still works on one finds it gone and keeps nothing."""
    pks = [result.pk for result in results]
    with transaction.atomic():
        list(TryOnResult.objects.select_for_update().filter(pk__in=pks).values_list("pk"))
        outputs = list(TryOnOutput.objects.filter(result__in=pks))
        TryOnResult.objects.filter(pk__in=pks).delete()
        _announce({result.shopper_id for result in results if result.shopper_id}, results=len(results))
    for output in outputs:
        for file in (output.file, output.card, output.thumb):
            _delete_file(file.storage, file.name, counts)
    counts.results += len(results)


def sweep_orphans(now: datetime, counts: Purged) -> None:
    """Delete files that no row names: what a crash or a failed deletion left behind."""
    photos, results = photo_storage(), result_storage()
    _sweep(photos, "photos", now, counts, lambda names: ShopperPhoto.objects.filter(file__in=names).values_list("file"))
    for folder in _listed(results, "results")[0]:
        _sweep(results, f"results/{folder}", now, counts, _named_by_outputs)


def _named_by_outputs(names: list[str]) -> Iterable[tuple[str, ...]]:
    named = Q(file__in=names) | Q(card__in=names) | Q(thumb__in=names)
    return TryOnOutput.objects.filter(named).values_list("file", "card", "thumb")


def _sweep(
    storage: Storage,
    folder: str,
    now: datetime,
    counts: Purged,
    known: Callable[[list[str]], Iterable[tuple[str, ...]]],
) -> None:
    names = [f"{folder}/{name}" for name in _listed(storage, folder)[1]]
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        kept = {name for row in known(some) for name in row}
        for name in some:
            # young files may belong to a row that is just being written
            if name not in kept and storage.get_modified_time(name) < now - ORPHAN_AGE:
                _delete_file(storage, name, counts)
                counts.orphans += 1


def _listed(storage: Storage, folder: str) -> tuple[list[str], list[str]]:
    try:
        return storage.listdir(folder)
    except (FileNotFoundError, NotImplementedError):
        return [], []


def _delete_file(storage: Storage, name: str | None, counts: Purged) -> None:
    """A file that can't be deleted now is an orphan, and found by the next sweep."""
    try:
        if name:
            storage.delete(name)
    except OSError:
        counts.left_over += 1


def _announce(shoppers: set[UUID], *, photos: int = 0, results: int = 0) -> None:
    for shopper_id in shoppers:
        send_after_commit(photos_deleted, Shopper, shopper_id=shopper_id, photos=photos, results=results)
