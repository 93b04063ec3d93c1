"""A merchandiser's order: many pictures of one brief, quoted, run, reviewed and published together."""

from __future__ import annotations

import uuid
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class BatchStatus(StrEnum):
    DRAFT = "draft"  # being filled with rows; nothing runs yet
    RUNNING = "running"
    PAUSED = "paused"
    CANCELED = "canceled"
    DONE = "done"


class Batch(models.Model):
    """``brief`` is what was asked for: preset models, themes, variants, providers, options (see studio/briefs.py).

    A queued row of a paused batch has no ``next_at``, so that no runner sees it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    operation = models.CharField(_("operation"), max_length=30)
    status = models.CharField(_("status"), max_length=10, default=BatchStatus.DRAFT.value)
    brief = models.JSONField(default=dict)
    blind = models.BooleanField(_("blind comparison of providers"), default=False)
    total = models.PositiveIntegerField(_("pictures"), default=0)
    quoted_low = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    quoted_high = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    max_cost = models.DecimalField(
        _("spend at most"), max_digits=14, decimal_places=6, null=True, blank=True, help_text=_("Empty: no own limit.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    paused_because = models.CharField(max_length=50, blank=True)  # a code of the error table; "": by hand

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at", "-id"]
        permissions = [
            ("generate_shots", _("Can have pictures made")),
            ("review_shots", _("Can review pictures")),
            ("publish_shots", _("Can publish pictures")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[s.value for s in BatchStatus]), name="tryon_batch_status")
        ]
        indexes = [models.Index(fields=["-created_at"], name="tryon_batch_list")]

    def __str__(self) -> str:
        return self.name or f"{self.operation} {self.created_at:%Y-%m-%d %H:%M}"
