"""What shoppers thought of their previews, and how far they come: counts, no people."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.choices import FunnelStep
from tryon.models.results import TryOnResult


class Feedback(models.Model):
    """One shopper's word on one preview: good or not, and up to five reasons from ``FeedbackReason``.

    When the preview goes on time the row stays behind without it, so that providers can be compared; when the shopper
    deletes the preview, the row goes too. It never names the shopper.
    """

    result = models.OneToOneField(
        TryOnResult, on_delete=models.SET_NULL, null=True, blank=True, related_name="feedback"
    )
    liked = models.BooleanField(_("liked"))
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    provider = models.CharField(_("provider"), max_length=50, blank=True)
    garment = models.ForeignKey("tryon.Garment", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("given"), default=timezone.now)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["-created_at"], name="tryon_feedback_list")]

    def __str__(self) -> str:
        return f"{'+' if self.liked else '-'} {', '.join(self.reasons)}"


class FunnelCount(models.Model):
    """How often a step of the way was reached on a day."""

    day = models.DateField(_("day"))
    step = models.CharField(_("step"), max_length=10)
    count = models.PositiveBigIntegerField(_("times"), default=0)

    class Meta:
        verbose_name = _("funnel count")
        verbose_name_plural = _("funnel counts")
        ordering = ["-day", "step"]
        constraints = [
            models.UniqueConstraint(fields=["day", "step"], name="tryon_funnel_day_step"),
            models.CheckConstraint(condition=Q(step__in=[s.value for s in FunnelStep]), name="tryon_funnel_step"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.step} {self.count}"
