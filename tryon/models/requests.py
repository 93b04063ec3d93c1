"""What apps asked for under a key of their own, so that asking twice is asking once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from tryon.models.shoppers import Shopper


class RequestKey(models.Model):
    """One ``Idempotency-Key`` of one shopper: written before the work begins, with the answer once there is one."""

    shopper = models.ForeignKey(Shopper, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of everything in the request that matters
    started_at = models.DateTimeField(default=timezone.now, db_index=True)
    answer = models.TextField(blank=True)  # JSON; "": the first request is still running

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shopper", "key"], name="tryon_request_key")]

    def __str__(self) -> str:
        return self.key
