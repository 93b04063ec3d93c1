"""Private files that no row names: what a crash or a refused deletion left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.files.storage import FileSystemStorage, Storage
from django.db.models import Q

from tryon.models import FINAL, FormerPicture, ShareLink, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.storage import garment_storage, photo_storage, result_storage

BATCH = 50  # rows a transaction: a fraction of a second even on a busy machine
WRITING = timedelta(minutes=5)  # a photo's file is there moments before its row
OURS = re.compile(r"\w+/[0-9a-f]{32}(_\w+)?\.\w+")  # how we name files; garments may be kept among the shop's own


@dataclass(frozen=True, slots=True)
class Stray:
    storage: Storage
    name: str


def strays(*, older_than: datetime | None = None) -> Iterator[Stray]:
    """Files without a row. All but results that are younger than ``older_than`` may just be getting theirs.

    A result's folder needs no such patience: while its row is not over, a runner may be writing there, and it is left
    alone; a row that is over, or gone, has named every file it ever will.
    """
    photos, results = photo_storage(), result_storage()
    yield from _unnamed(photos, "photos", _photos, older_than)
    yield from _unnamed(results, "shares", _shares, older_than)
    for folder, known in (("former", _former), ("masks", _masks)):
        for stray in _unnamed(garment_storage(), folder, known, older_than):
            if OURS.fullmatch(stray.name):
                yield stray
    for folder in listed(results, "results")[0]:
        names = listed(results, f"results/{folder}")[1]
        if _is_over(folder):  # asked after the listing: what it listed is named by now, or never
            yield from _not_known(results, [f"results/{folder}/{name}" for name in names], _pictures)


def erased() -> Iterator[Stray]:
    """Files of previews whose row is gone: what a worker left that was killed while its row was being deleted.

    One listing and a query for many folders, so it can be asked every minute.
    """
    storage = result_storage()
    folders = listed(storage, "results")[0]
    for start in range(0, len(folders), BATCH):
        ids = {folder: _uuid(folder) for folder in folders[start : start + BATCH]}
        there = set(TryOnResult.objects.filter(pk__in=filter(None, ids.values())).values_list("pk", flat=True))
        for folder, pk in ids.items():
            if pk not in there:
                yield from (
                    Stray(storage, f"results/{folder}/{name}") for name in listed(storage, f"results/{folder}")[1]
                )
                if pk:
                    remove_folder(pk)


def remove_folder(result_id: UUID) -> None:
    """Away with the empty folder of a deleted preview, on storages that have folders: its name is an id."""
    storage = result_storage()
    if isinstance(storage, FileSystemStorage):
        try:
            storage.delete(f"results/{result_id.hex}")
        except OSError:  # not empty: a runner is just finding out that its row is gone
            return


def listed(storage: Storage, folder: str) -> tuple[list[str], list[str]]:
    try:
        return storage.listdir(folder)
    except (FileNotFoundError, NotImplementedError):
        return [], []


def _is_over(folder: str) -> bool:
    pk = _uuid(folder)
    status = TryOnResult.objects.filter(pk=pk).values_list("status", flat=True).first() if pk else None
    return status is None or status in FINAL


def _uuid(folder: str) -> UUID | None:
    try:
        return UUID(hex=folder)
    except ValueError:  # not a name of ours
        return None


Known = Callable[[list[str]], Iterable[tuple[str, ...]]]


def _unnamed(storage: Storage, folder: str, known: Known, older_than: datetime | None) -> Iterator[Stray]:
    for stray in _not_known(storage, [f"{folder}/{name}" for name in listed(storage, folder)[1]], known):
        try:
            if older_than is None or storage.get_modified_time(stray.name) < older_than:
                yield stray
        except FileNotFoundError:  # deleted meanwhile
            continue


def _not_known(storage: Storage, names: list[str], known: Known) -> Iterator[Stray]:
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        kept = {name for row in known(some) for name in row}
        yield from (Stray(storage, name) for name in some if name not in kept)


def _photos(names: list[str]) -> Iterable[tuple[str, ...]]:
    return ShopperPhoto.objects.filter(file__in=names).values_list("file")


def _shares(names: list[str]) -> Iterable[tuple[str, ...]]:
    return ShareLink.objects.filter(file__in=names).values_list("file")


def _former(names: list[str]) -> Iterable[tuple[str, ...]]:
    return FormerPicture.objects.filter(image__in=names).values_list("image")


def _masks(names: list[str]) -> Iterable[tuple[str, ...]]:
    return TryOnResult.objects.filter(mask__in=names).values_list("mask")


def _pictures(names: list[str]) -> Iterable[tuple[str, ...]]:
    named = Q(file__in=names) | Q(card__in=names) | Q(thumb__in=names)
    return TryOnOutput.objects.filter(named).values_list("file", "card", "thumb")
