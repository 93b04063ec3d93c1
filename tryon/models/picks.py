"""What people chose when they compared providers without knowing who made what."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.models.results import TryOnOutput


class BlindPick(models.Model):
    """One picture as one person judged it beside the others of its group: good enough, and the best of them or not."""

    output = models.ForeignKey(TryOnOutput, on_delete=models.CASCADE, related_name="picks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    good = models.BooleanField(default=False)
    best = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("blind pick")
        verbose_name_plural = _("blind picks")
        constraints = [
            models.UniqueConstraint(fields=["output", "user"], name="tryon_pick_once"),
            models.CheckConstraint(condition=Q(best=False) | Q(good=True), name="tryon_pick_best_is_good"),
        ]

    def __str__(self) -> str:
        return f"{self.output_id}: {'best' if self.best else 'good' if self.good else 'no'}"
