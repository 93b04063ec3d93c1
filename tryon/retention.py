"""Deleting: on time, kind by kind, and at once when a shopper or the shop says so.

Rows go first, in one short transaction, and their files after it. A runner that still works on a row finds it gone and
keeps nothing; a file whose deletion failed has no row any more and is found by the next purge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from tryon import copies
from tryon.choices import Status
from tryon.conf import conf
from tryon.ledger import Settlement, keep_lost, open_entries, release, settle_all
from tryon.models import (
    Consent,
    EntryState,
    ErasureReceipt,
    Feedback,
    FunnelCount,
    Mark,
    Outcome,
    RequestKey,
    ShareLink,
    Shopper,
    ShopperPhoto,
    TryOnOutput,
    TryOnResult,
    WebhookDelivery,
)
from tryon.models.ledger import forget_shopper
from tryon.signals import consent_withdrawn, photos_deleted, send_after_commit
from tryon.strays import BATCH, WRITING, erased, remove_folder, strays

if TYPE_CHECKING:
    from django.core.files.storage import Storage

DEADLOCKS = 3
Done = TypeVar("Done")
REPEATABLE = timedelta(days=2)  # an Idempotency-Key gives the same answer for this long


@dataclass(slots=True)
class Purged:
    """What was deleted, or with ``due`` what would be."""

    photos: int = 0
    results: int = 0
    share_links: int = 0
    consents: int = 0
    feedback: int = 0
    funnel: int = 0
    receipts: int = 0
    request_keys: int = 0
    outcomes: int = 0
    shoppers: int = 0
    orphans: int = 0
    queue_rows: int = 0
    left_over: int = 0  # files that could not be deleted; tried again next time

    def __str__(self) -> str:
        return (
            f"{self.photos} photos, {self.results} previews, {self.share_links} share links, {self.consents} consent "
            f"records, {self.feedback} feedback, {self.funnel} funnel counts, {self.receipts} receipts, "
            f"{self.request_keys} request keys, "
            f"{self.outcomes} past try-ons, {self.shoppers} sessions, {self.orphans} orphan files, "
            f"{self.queue_rows} old queue rows, "
            f"{self.left_over} left over"
        )


# ---------------------------------------------------------------- on time


def purge(now: datetime | None = None) -> Purged:
    """Delete everything that is due, in small batches. Safe to stop and to run again."""
    now = now or timezone.now()
    counts = Purged()
    while photos := list(ShopperPhoto.objects.filter(expires_at__lte=now)[:BATCH]):
        _Removal(photos=photos).carry_out(counts)
    while results := list(TryOnResult.objects.filter(expires_at__lte=now)[:BATCH]):
        _Removal(results=results).carry_out(counts)
    while links := list(_ended_links(now)[:BATCH]):
        _Removal(links=links).carry_out(counts)
    for name, rows in _plain_rows(now).items():
        while pks := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
            rows.model._default_manager.filter(pk__in=pks).delete()
            setattr(counts, name, getattr(counts, name) + len(pks))
    for stray in strays(older_than=now - WRITING):
        if _delete_file(stray.storage, stray.name, counts):
            counts.orphans += 1
    Mark.done(Mark.PURGE, now)
    return counts


def sweep_erased() -> int:
    """Every minute: files of deleted previews that a killed worker left behind. How many there were."""
    counts = Purged()
    return sum(_delete_file(stray.storage, stray.name, counts) for stray in erased())


def due(now: datetime | None = None) -> Purged:
    """What ``purge`` would delete, but for orphan files."""
    now = now or timezone.now()
    return Purged(
        photos=ShopperPhoto.objects.filter(expires_at__lte=now).count(),
        results=TryOnResult.objects.filter(expires_at__lte=now).count(),
        share_links=_ended_links(now).count(),
        **{name: rows.count() for name, rows in _plain_rows(now).items()},
    )


def _ended_links(now: datetime) -> QuerySet[ShareLink]:
    """A reported link stays until its time, so that staff can see the report."""
    return ShareLink.objects.filter(Q(expires_at__lte=now) | Q(revoked_at__isnull=False, reported_at=None))


def _plain_rows(now: datetime) -> dict[str, QuerySet[Any]]:
    """Rows without files, by kind. Shoppers last: they go when nothing of theirs is left."""
    ended = Coalesce("withdrawn_at", "given_at")
    return {
        "consents": Consent.objects.annotate(ended=ended).filter(
            ended__lte=now - timedelta(days=conf.CONSENT_RETENTION_DAYS), photos=None
        ),
        "feedback": Feedback.objects.filter(created_at__lte=now - timedelta(days=conf.FEEDBACK_RETENTION_DAYS)),
        "funnel": FunnelCount.objects.filter(day__lt=(now - timedelta(days=conf.FUNNEL_RETENTION_DAYS)).date()),
        "outcomes": Outcome.objects.filter(created_at__lt=now - timedelta(days=conf.FUNNEL_RETENTION_DAYS)),
        "receipts": ErasureReceipt.objects.filter(made_at__lte=now - timedelta(days=conf.RECEIPT_RETENTION_DAYS)),
        "request_keys": RequestKey.objects.filter(started_at__lte=now - REPEATABLE),
        "shoppers": Shopper.objects.filter(expires_at__lte=now, photos=None, results=None),
    }


# ---------------------------------------------------------------- at once


def erase(shopper: Shopper) -> ErasureReceipt:
    """Everything of a shopper, whatever is running. The receipt holds counts and names nobody.

    The lock keeps uploads and requests of this shopper out until the rows are gone; they then find the consent
    withdrawn. Consent records stay as evidence, without a photo, for their own time.
    """
    counts = Purged()
    removal, receipt = _again_after_deadlock(lambda: _erase_rows(shopper))
    removal.files(counts)
    if counts.left_over:
        receipt.left_over = counts.left_over
        receipt.save(update_fields=["left_over"])
    return receipt


def _erase_rows(shopper: Shopper) -> tuple[_Removal, ErasureReceipt]:
    with transaction.atomic():
        Shopper.objects.select_for_update().filter(pk=shopper.pk).first()
        withdrawn = shopper.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        if withdrawn:
            send_after_commit(consent_withdrawn, Shopper, shopper_id=shopper.pk, consents=withdrawn)
        elsewhere = copies.in_short(copies.sent_copies(shopper))
        removal = _Removal(results=list(shopper.results.all()), photos=list(shopper.photos.all()), by_owner=True)
        removal.rows()
        forget_shopper(shopper.pk)
        RequestKey.objects.filter(shopper=shopper).delete()
        receipt = ErasureReceipt(
            photos=len(removal.photos),
            results=len(removal.asked_for),
            pictures=removal.pictures,
            share_links=len(removal.links),
            feedback=removal.feedback,
            consents_withdrawn=withdrawn,
            elsewhere=elsewhere,
        )
        if not receipt.is_blank:
            receipt.save()
    return removal, receipt


def erase_with_account(shopper: Shopper) -> None:
    """Inside the transaction that deletes the shopper: what they had goes with it, the files once that is certain."""
    removal = _Removal(results=list(shopper.results.all()), photos=list(shopper.photos.all()), by_owner=True)
    removal.rows()
    forget_shopper(shopper.pk)
    transaction.on_commit(lambda: removal.files(Purged()))


def delete_result(result: TryOnResult) -> Purged:
    """One preview with its pictures and the photo it was made from. The row is gone at once.

    A photo that another preview is just being made from stays until that one is deleted, or until its time comes.
    """
    counts = Purged()
    photo = result.photo
    _Removal(results=[result], by_owner=True).carry_out(counts)
    if photo and not photo.results.live().exists():
        _Removal(photos=[photo]).carry_out(counts)
    return counts


def delete_photo(photo: ShopperPhoto) -> Purged:
    counts = Purged()
    _Removal(photos=[photo]).carry_out(counts)
    return counts


def delete_links(links: Iterable[ShareLink]) -> Purged:
    counts = Purged()
    _Removal(links=list(links)).carry_out(counts)
    return counts


def after_the_end(row: TryOnResult) -> None:
    """A shopper's try-on is over: its quick preview goes, a refused photo too, and any other if the shop keeps none."""
    quick = list(TryOnResult.objects.filter(preview_of=row.pk))
    if quick:
        _Removal(results=quick).carry_out(Purged())
    if row.photo is None:
        return
    blocked = row.status == Status.BLOCKED or row.error_code == "content_blocked"
    if blocked or (conf.DELETE_PHOTO_WHEN_DONE and not row.photo.results.live().exists()):
        delete_photo(row.photo)


# ---------------------------------------------------------------- how


@dataclass(slots=True)
class _Removal:
    """Rows to delete and the files they name. ``by_owner``: the shopper wants it gone, so their feedback goes too."""

    results: list[TryOnResult] = field(default_factory=list)
    photos: list[ShopperPhoto] = field(default_factory=list)
    links: list[ShareLink] = field(default_factory=list)
    by_owner: bool = False
    pictures: int = 0
    feedback: int = 0
    _names: list[tuple[Storage, str]] = field(default_factory=list)

    def carry_out(self, counts: Purged) -> None:
        _again_after_deadlock(self._delete)
        self.files(counts)
        counts.photos += len(self.photos)
        counts.results += len(self.asked_for)
        counts.share_links += len(self.links)

    def _delete(self) -> None:
        links, self._names = list(self.links), []
        with transaction.atomic():
            try:
                self.rows()
            except OperationalError:
                self.links = links
                raise

    @property
    def asked_for(self) -> list[TryOnResult]:
        """Without the quick pictures that were made in between."""
        return [result for result in self.results if not result.preview_of_id]

    def rows(self) -> None:
        """Inside a transaction."""
        if self.results:
            quick = TryOnResult.objects.filter(preview_of__in=[result.pk for result in self.results])
            self.results += [row for row in quick if row not in self.results]
            pks = [result.pk for result in self.results]
            # a runner that is just writing their pictures ends first, or finds nothing
            there = set(TryOnResult.objects.select_for_update().filter(pk__in=pks).values_list("pk", flat=True))
            outputs = list(TryOnOutput.objects.filter(result__in=pks))
            ended = [result for result in self.asked_for if result.pk in there]
            Outcome.keep(ended, outputs)
            release(TryOnResult.objects.filter(pk__in=pks), "deleted before it was sent")
            _doubt_begun(pks)
            keep_lost(result.pk for result in ended if result.status in (Status.FAILED, Status.BLOCKED))
            self.pictures = len(outputs)
            self.links += ShareLink.objects.filter(output__in=outputs)
            self._note(file for output in outputs for file in (output.file, output.card, output.thumb))
            if self.by_owner:
                self.feedback = Feedback.objects.filter(result__in=pks).delete()[0]
                _untell(ended)
        photos = [photo.pk for photo in self.photos]
        list(ShopperPhoto.objects.select_for_update().filter(pk__in=photos).values_list("pk"))
        self._note(link.file for link in self.links)
        self._note(photo.file for photo in self.photos)
        ShareLink.objects.filter(pk__in=[link.pk for link in self.links]).delete()
        TryOnResult.objects.filter(pk__in=[result.pk for result in self.results]).delete()
        ShopperPhoto.objects.filter(pk__in=photos).delete()
        self._announce()

    def files(self, counts: Purged) -> None:
        """After the commit."""
        for storage, name in self._names:
            _delete_file(storage, name, counts)
        for result in self.results:
            remove_folder(result.pk)

    def _note(self, files: Iterable[Any]) -> None:
        self._names += [(file.storage, str(file.name)) for file in files if file]

    def _announce(self) -> None:
        photos = Counter(photo.shopper_id for photo in self.photos)
        results = Counter(result.shopper_id for result in self.results if result.shopper_id)
        for owner in {*photos, *results}:
            send_after_commit(photos_deleted, Shopper, shopper_id=owner, photos=photos[owner], results=results[owner])


def _untell(results: list[TryOnResult]) -> None:
    """What waits to be told to the shop's own servers about them is not told, and what was told leaves no body here."""
    if results:
        about = (Q(body__contains=str(result.pk)) for result in results)
        since = min(result.created_at for result in results)
        WebhookDelivery.objects.filter(reduce(or_, about), created_at__gte=since).delete()


def _doubt_begun(pks: list[UUID]) -> None:
    """Calls under way lose their row: who carries them may yet hear their end; if nobody does, it is unknown."""
    jobs = dict(TryOnResult.objects.filter(pk__in=pks).values_list("pk", "provider_job_id"))
    settle_all(
        Settlement(entry, EntryState.UNCERTAIN, reason="deleted while it was made", job_id=jobs.get(pk, ""))
        for pk, entry in open_entries(pks).items()
        if entry.state == EntryState.RESERVED
    )


def _delete_file(storage: Storage, name: str, counts: Purged) -> bool:
    """A file that can't be deleted now is an orphan, and found by the next sweep."""
    try:
        storage.delete(name)
    except Exception:  # noqa: BLE001 - each storage has errors of its own
        counts.left_over += 1
        return False
    return True


def _again_after_deadlock(work: Callable[[], Done]) -> Done:
    """A runner that writes many rows may hold one of ours and wait for another: the database then ends one of us."""
    for _ in range(DEADLOCKS):
        try:
            return work()
        except OperationalError:
            if connection.in_atomic_block:  # the whole of it is lost; only who began it can try again
                raise
    return work()
