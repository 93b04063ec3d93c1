"""The try-on row: it is the job, the record and the resource the shopper watches.

``MOVES`` is the only list of legal moves. A move is one conditional UPDATE,
``TryOnResult.objects.filter(...).move(target)``; nobody assigns ``status`` otherwise.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.choices import Operation, Status
from tryon.models.batches import Batch
from tryon.models.bulk import update_each
from tryon.models.garments import Garment, PresetModel
from tryon.models.shoppers import Consent, Shopper, ShopperPhoto
from tryon.storage import garment_storage, result_storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SUBMITTING, Status.FAILED, Status.CANCELED}),
    Status.SUBMITTING: frozenset(
        {
            Status.QUEUED,
            Status.PROCESSING,
            Status.DELIVERING,
            Status.SUCCEEDED,
            Status.FAILED,
            Status.BLOCKED,
            Status.UNCERTAIN,
            Status.CANCELED,
        }
    ),
    Status.PROCESSING: frozenset({Status.DELIVERING, Status.SUCCEEDED, Status.FAILED, Status.BLOCKED, Status.CANCELED}),
    Status.DELIVERING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED}),
    Status.UNCERTAIN: frozenset({Status.PROCESSING, Status.DELIVERING, Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.BLOCKED: frozenset(),
    Status.CANCELED: frozenset(),
}
FINAL = frozenset(status for status, targets in MOVES.items() if not targets)
# What the runner may pick up. Uncertain rows wait for an answer from outside, never for another submit.
LIVE = frozenset({Status.QUEUED, Status.SUBMITTING, Status.PROCESSING, Status.DELIVERING})


def sources(target: Status) -> list[Status]:
    """The statuses from which a row may move to ``target``."""
    return [status for status, targets in MOVES.items() if target in targets]


class TryOnResultQuerySet(models.QuerySet["TryOnResult"]):
    def live(self) -> TryOnResultQuerySet:
        """Rows that are not over: by ``next_at``, so that the one small index serves every question of the runner."""
        return self.filter(next_at__isnull=False)

    def due(self, now: datetime) -> TryOnResultQuerySet:
        """Rows that wait for a runner: their time has come and nobody holds them."""
        return self.live().known().filter(next_at__lte=now, lease_owner="")

    def known(self) -> TryOnResultQuerySet:
        """Without rows of a kind that only a newer version of us knows: they are left to it."""
        return self.filter(operation__in=[operation.value for operation in Operation])

    def for_shopper(self, shopper: Shopper) -> TryOnResultQuerySet:
        return self.filter(shopper=shopper)

    def move(self, target: Status, *, held_by: str | None = None, **fields: Any) -> int:
        """Move the rows that may legally move to ``target`` (and are leased to ``held_by``, when given): how many did.

        One conditional UPDATE. 0 means that somebody else was quicker, or that the row is gone.
        """
        rows = self.filter(status__in=sources(target))
        if held_by is not None:
            rows = rows.filter(lease_owner=held_by)
        return rows.update(version=F("version") + 1, **_moved(target, fields))


def move_each(target: Status, rows: Mapping[uuid.UUID, Mapping[str, Any]], *, held_by: str) -> set[uuid.UUID]:
    """As ``move``, for rows with fields of their own (the same names in each): still one UPDATE. Those that did."""
    if not rows:
        return set()
    where = {"status": [status.value for status in sources(target)], "lease_owner": [held_by]}
    return update_each(
        TryOnResult, {pk: _moved(target, fields) for pk, fields in rows.items()}, where=where, counting="version"
    )


def _moved(target: Status, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a move to ``target`` writes, with these ``fields``."""
    now = timezone.now()
    fields = {"status": target.value, "updated_at": now, **fields}
    if target not in LIVE:
        fields |= {"lease_owner": "", "next_at": None}
    return {"finished_at": now, **fields} if target in FINAL else fields


def mask_path(result: TryOnResult, filename: str) -> str:
    return f"masks/{result.pk.hex}.png"


class TryOnResult(models.Model):
    """One picture asked for: by a shopper (``shopper``) or by staff for a product (``requested_by``)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.CharField(max_length=30, default=Operation.TRY_ON.value)
    # the indexes below that begin with these two serve what an index of the key alone would
    shopper = models.ForeignKey(
        Shopper, on_delete=models.CASCADE, null=True, blank=True, related_name="results", db_index=False
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    garment = models.ForeignKey(Garment, on_delete=models.CASCADE, related_name="results", db_index=False)
    photo = models.ForeignKey(ShopperPhoto, on_delete=models.SET_NULL, null=True, blank=True, related_name="results")
    preset_model = models.ForeignKey(
        PresetModel, on_delete=models.SET_NULL, null=True, blank=True, related_name="results"
    )
    consent = models.ForeignKey(Consent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    options = models.JSONField(default=dict)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, null=True, blank=True, related_name="results")
    # what the editing operations work on: an earlier picture (else the garment's own), and where to change it
    source = models.ForeignKey("TryOnOutput", on_delete=models.SET_NULL, null=True, blank=True, related_name="edits")
    mask = models.FileField(storage=garment_storage, upload_to=mask_path, max_length=200, blank=True)
    again_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="again")
    # a quick picture by an engine of our own, shown until the real one is there; it counts nowhere and goes with it
    preview_of = models.OneToOneField("self", on_delete=models.CASCADE, null=True, blank=True, related_name="instant")
    note = models.CharField(_("note"), max_length=500, blank=True)  # what the reviewer wants to be different

    status = models.CharField(max_length=12, default=Status.QUEUED.value)
    version = models.PositiveIntegerField(default=1, editable=False)  # counts moves: the strong ETag
    progress = models.FloatField(null=True, blank=True)
    provider = models.CharField(max_length=50, blank=True)
    pinned = models.BooleanField(default=False)  # this provider and no other: no failover
    provider_job_id = models.CharField(max_length=128, blank=True)
    engine_version = models.CharField(max_length=50, blank=True)
    confidence = models.FloatField(null=True, blank=True)  # 0 to 1, where the provider says how sure it is
    warnings = models.JSONField(default=list)
    error_code = models.CharField(max_length=50, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    error_params = models.JSONField(default=dict)

    priority = models.PositiveSmallIntegerField(default=0)  # 0: somebody stands and waits; higher: can wait
    attempts = models.PositiveSmallIntegerField(default=0)
    polls = models.PositiveIntegerField(default=0, db_default=0)  # questions asked about it, written with its end
    lease_owner = models.CharField(max_length=80, blank=True)
    next_at = models.DateTimeField(default=timezone.now, null=True, blank=True)  # NULL: nothing more to do
    deadline_at = models.DateTimeField()
    hinted_at = models.DateTimeField(null=True, blank=True)  # a webhook said: look now
    fetching = models.JSONField(default=list, blank=True)  # paid results not fetched yet; emptied at the end

    idempotency_key = models.CharField(max_length=255, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = TryOnResultQuerySet.as_manager()

    class Meta:
        verbose_name = _("try-on")
        verbose_name_plural = _("try-ons")
        ordering = ["-created_at", "-id"]
        permissions = [("see_shopper_photos", _("Can open shoppers' photos"))]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[s.value for s in Status]), name="tryon_result_status"),
            models.CheckConstraint(
                condition=Q(operation__in=[o.value for o in Operation]), name="tryon_result_operation"
            ),
            models.CheckConstraint(
                condition=Q(next_at__isnull=True) | Q(status__in=sorted(s.value for s in LIVE)),
                name="tryon_result_due_is_live",
            ),
            models.UniqueConstraint(
                fields=["shopper", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="tryon_result_idempotency",
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_job_id"],
                condition=~Q(provider_job_id=""),
                name="tryon_result_provider_job",
            ),
        ]
        indexes = [
            # the runner's probe, claim and reap: a row that is over has no next_at and is not in here
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="tryon_result_due"),
            # which provider's rows are due, best first
            models.Index(
                fields=["provider", "priority", "next_at"],
                condition=Q(next_at__isnull=False, lease_owner=""),
                name="tryon_result_claim",
            ),
            models.Index(fields=["shopper", "-created_at"], name="tryon_result_shopper"),
            models.Index(fields=["garment", "operation", "-created_at"], name="tryon_result_garment"),
            models.Index(fields=["status", "-created_at"], name="tryon_result_list"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="tryon_result_expiry"),
            models.Index(fields=["batch", "status"], condition=Q(batch__isnull=False), name="tryon_result_batch"),
            models.Index(
                fields=["hinted_at"],
                condition=Q(hinted_at__isnull=False, next_at__isnull=False),
                name="tryon_result_hinted",
            ),
            # "how long does it take lately?" is asked by every status poll
            models.Index(
                fields=["provider", "operation", "-finished_at"],
                condition=Q(status=Status.SUCCEEDED.value),
                name="tryon_result_latency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.pk}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def output_path(output: TryOnOutput, filename: str) -> str:
    """``filename`` is made by delivery from the result and the attempt, never by a provider."""
    return f"results/{filename}"


class Review(StrEnum):
    """What the shop thinks of a picture made for it. Shoppers' previews are never reviewed."""

    NONE = ""
    TO_REVIEW = "to_review"
    APPROVED = "approved"
    REJECTED = "rejected"


class TryOnOutput(models.Model):
    """One picture made, in three sizes, each with the AI mark in the file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    result = models.ForeignKey(TryOnResult, on_delete=models.CASCADE, related_name="outputs")
    position = models.PositiveSmallIntegerField(default=0)
    file = models.FileField(storage=result_storage, upload_to=output_path, max_length=200)
    card = models.FileField(storage=result_storage, upload_to=output_path, max_length=200)
    thumb = models.FileField(storage=result_storage, upload_to=output_path, max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    mime = models.CharField(max_length=50, blank=True)  # "": a picture; else a clip or a sound in ``file``

    review = models.CharField(_("review"), max_length=10, default=Review.NONE.value, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reasons = models.JSONField(default=list, blank=True)  # of a rejection, from studio's closed list
    claimed_by = models.CharField(max_length=80, blank=True)  # who is looking at it just now, until
    claimed_until = models.DateTimeField(null=True, blank=True)
    scores = models.JSONField(default=dict, blank=True)  # of studio/fidelity.py
    score = models.FloatField(null=True, blank=True)  # 0 to 100, to sort by
    scored_at = models.DateTimeField(null=True, blank=True)  # NULL with a review: still to be measured
    alt = models.CharField(_("alternative text"), max_length=300, blank=True)
    source_sha256 = models.CharField(max_length=64, blank=True)  # the garment picture it was made from
    stale_at = models.DateTimeField(null=True, blank=True)  # that picture, or the colour, has changed since
    published_at = models.DateTimeField(null=True, blank=True)
    published_as = models.JSONField(default=dict, blank=True)  # what the catalog adapter needs to take it back
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture made")
        verbose_name_plural = _("pictures made")
        ordering = ["result", "position"]
        constraints = [
            models.UniqueConstraint(fields=["result", "position"], name="tryon_output_position"),
            models.CheckConstraint(condition=Q(review__in=[r.value for r in Review]), name="tryon_output_review_known"),
        ]
        indexes = [
            models.Index(fields=["review", "-created_at"], condition=~Q(review=""), name="tryon_output_review"),
            models.Index(
                fields=["published_at"], condition=Q(published_at__isnull=False), name="tryon_output_published"
            ),
            models.Index(
                fields=["created_at"], condition=Q(scored_at__isnull=True) & ~Q(review=""), name="tryon_output_unscored"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
