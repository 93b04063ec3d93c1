"""The try-on row: it is the job, the record and the resource the shopper watches.

``MOVES`` is the only list of legal moves. A move is one conditional UPDATE,
``TryOnResult.objects.filter(...).move(target)``; nobody assigns ``status`` otherwise.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.choices import Operation, Status
from tryon.models.garments import Garment, PresetModel
from tryon.models.shoppers import Consent, Shopper, ShopperPhoto
from tryon.storage import result_storage

if TYPE_CHECKING:
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
        return self.live().filter(next_at__lte=now, lease_owner="")

    def for_shopper(self, shopper: Shopper) -> TryOnResultQuerySet:
        return self.filter(shopper=shopper)

    def move(self, target: Status, *, held_by: str | None = None, **fields: Any) -> int:
        """Move the rows that may legally move to ``target`` (and are leased to ``held_by``, when given): how many did.

        One conditional UPDATE. 0 means that somebody else was quicker, or that the row is gone.
        """
        rows = self.filter(status__in=sources(target))
        if held_by is not None:
            rows = rows.filter(lease_owner=held_by)
        now = timezone.now()
        if target not in LIVE:
            fields = {**fields, "lease_owner": "", "next_at": None}
        if target in FINAL:
            fields = {"finished_at": now, **fields}
        return rows.update(status=target, version=F("version") + 1, updated_at=now, **fields)


class TryOnResult(models.Model):
    """One picture asked for: by a shopper (``shopper``) or by staff for a product (``requested_by``)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.CharField(max_length=30, default=Operation.TRY_ON.value)
    shopper = models.ForeignKey(Shopper, on_delete=models.CASCADE, null=True, blank=True, related_name="results")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    garment = models.ForeignKey(Garment, on_delete=models.CASCADE, related_name="results")
    photo = models.ForeignKey(ShopperPhoto, on_delete=models.SET_NULL, null=True, blank=True, related_name="results")
    preset_model = models.ForeignKey(
        PresetModel, on_delete=models.SET_NULL, null=True, blank=True, related_name="results"
    )
    consent = models.ForeignKey(Consent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    options = models.JSONField(default=dict)

    status = models.CharField(max_length=12, default=Status.QUEUED.value)
    version = models.PositiveIntegerField(default=1, editable=False)  # counts moves: the strong ETag
    progress = models.FloatField(null=True, blank=True)
    provider = models.CharField(max_length=50, blank=True)
    provider_job_id = models.CharField(max_length=128, blank=True)
    engine_version = models.CharField(max_length=50, blank=True)
    warnings = models.JSONField(default=list)
    error_code = models.CharField(max_length=50, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    error_params = models.JSONField(default=dict)

    priority = models.PositiveSmallIntegerField(default=0)  # 0: somebody stands and waits; higher: can wait
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=80, blank=True)
    next_at = models.DateTimeField(default=timezone.now, null=True, blank=True)  # NULL: nothing more to do
    deadline_at = models.DateTimeField()

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
        ]
        indexes = [
            # the runner's probe, claim and reap: a row that is over has no next_at and is not in here
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="tryon_result_due"),
            models.Index(fields=["shopper", "-created_at"], name="tryon_result_shopper"),
            models.Index(fields=["garment", "operation", "-created_at"], name="tryon_result_garment"),
            models.Index(fields=["status", "-created_at"], name="tryon_result_list"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="tryon_result_expiry"),
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
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture made")
        verbose_name_plural = _("pictures made")
        ordering = ["result", "position"]
        constraints = [models.UniqueConstraint(fields=["result", "position"], name="tryon_output_position")]

    def __str__(self) -> str:
        return str(self.pk)
