"""What was decided about the shop's pictures, by whom, and the links that let people without an account decide."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.models.batches import Batch
from tryon.models.results import TryOnOutput

if TYPE_CHECKING:
    from datetime import datetime


class ReviewLink(models.Model):
    """Lets an outside reviewer approve and reject the pictures of one batch. Only the token's hash is kept."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="review_links")
    name = models.CharField(_("reviewer"), max_length=100, help_text=_("Whom it is for; shown in the history."))
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends"))
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name = _("review link")
        verbose_name_plural = _("review links")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    def is_open(self, now: datetime | None = None) -> bool:
        return self.revoked_at is None and self.expires_at > (now or timezone.now())


class ReviewEvent(models.Model):
    """One decision about one picture. Those made with one click share ``group``, and are undone together."""

    output = models.ForeignKey(TryOnOutput, on_delete=models.CASCADE, related_name="events")
    group = models.UUIDField(default=uuid.uuid4)
    before = models.CharField(max_length=10, blank=True)
    before_reasons = models.JSONField(default=list, blank=True)
    after = models.CharField(max_length=10, blank=True)
    reasons = models.JSONField(default=list, blank=True)
    actor = models.CharField(max_length=80)  # as in ``claimed_by``
    name = models.CharField(max_length=150)  # in words, for the history
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["group"], name="tryon_review_group"),
            models.Index(fields=["-at"], name="tryon_review_history"),
        ]
        constraints = [models.CheckConstraint(condition=~Q(actor=""), name="tryon_review_actor")]

    def __str__(self) -> str:
        return f"{self.name}: {self.after}"
