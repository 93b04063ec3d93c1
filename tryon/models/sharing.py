"""What a shopper hands on, and what is left when everything was deleted."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.models.results import TryOnOutput
from tryon.storage import result_storage

if TYPE_CHECKING:
    from datetime import datetime


def share_path(link: ShareLink, filename: str) -> str:
    """A name we make, unlike the token: who knows the one can't guess the other."""
    return f"shares/{uuid.uuid4().hex}.jpg"


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self, now: datetime | None = None) -> ShareLinkQuerySet:
        """Links that still show something."""
        return self.filter(expires_at__gt=now or timezone.now(), revoked_at=None, reported_at=None)


class ShareLink(models.Model):
    """A link to one preview that its owner made. Only the hash of the token is here: nobody can read it back.

    ``file`` is the picture that is shown when the face is hidden; without it the preview itself is shown.
    """

    output = models.ForeignKey(TryOnOutput, on_delete=models.CASCADE, related_name="share_links")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    hide_face = models.BooleanField(_("face hidden"), default=False)
    file = models.FileField(storage=result_storage, upload_to=share_path, max_length=200, blank=True)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends"), db_index=True)
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    reported_at = models.DateTimeField(_("reported"), null=True, blank=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(hide_face=False) | ~Q(file=""), name="tryon_share_hidden_has_file"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.expires_at > timezone.now() and self.revoked_at is None and self.reported_at is None


class ErasureReceipt(models.Model):
    """That something was deleted, how much and when: nothing about whom. Its random id is the shopper's proof.

    ``elsewhere`` lists the companies that had been sent something, with the end of what they document to keep:
    ``[{"provider": alias, "calls": n, "until": ISO date or null}]``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)
    photos = models.PositiveIntegerField(default=0)
    results = models.PositiveIntegerField(default=0)
    pictures = models.PositiveIntegerField(default=0)
    share_links = models.PositiveIntegerField(default=0)
    feedback = models.PositiveIntegerField(default=0)
    consents_withdrawn = models.PositiveIntegerField(default=0)
    left_over = models.PositiveIntegerField(default=0)  # files the storage would not delete yet; the purge tries again
    elsewhere = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("erasure receipt")
        verbose_name_plural = _("erasure receipts")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M} {self.pk}"

    @property
    def is_blank(self) -> bool:
        """There was nothing to delete: such a receipt is not kept."""
        return not (self.photos or self.results or self.consents_withdrawn)
