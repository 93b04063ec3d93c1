"""Which runners are alive."""

from __future__ import annotations

from django.db import models


class WorkerSlot(models.Model):
    """One place for a running drain. Its lease covers every row the drain holds, so a heartbeat is one small write."""

    name = models.CharField(max_length=40, unique=True)
    owner = models.CharField(max_length=80, blank=True)
    until = models.DateTimeField()
    woken_at = models.DateTimeField()

    class Meta:
        verbose_name = "worker slot"
        verbose_name_plural = "worker slots"

    def __str__(self) -> str:
        return self.name
