"""Whom the shop wants told, and what is still to be told. ``tryon.webhooks`` does the telling."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WebhookEndpoint(models.Model):
    """An address of the shop's that is told about events. Its secrets are made from SECRET_KEY and are not here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField(_("address"), max_length=2000)
    description = models.CharField(_("description"), max_length=200, blank=True)
    events = models.JSONField(_("events"), default=list, blank=True, help_text=_("Empty: all of them."))
    generation = models.PositiveIntegerField(default=1, editable=False)  # of the secret; rotating adds one
    former = models.JSONField(default=dict, editable=False)  # generation -> until when messages are signed with it too
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(_("switched off"), null=True, blank=True)
    disabled_because = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookDelivery(models.Model):
    """One event for one endpoint, written with what it tells about. The id stays the same over all attempts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(_("event"), max_length=40)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # NULL: nothing more to do. While it is being sent: when somebody else may try, should the sender have died.
    next_at = models.DateTimeField(_("next attempt"), default=timezone.now, null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    last_answer = models.CharField(_("last answer"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="tryon_webhook_due"),
            models.Index(fields=["endpoint", "-created_at"], name="tryon_webhook_list"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
