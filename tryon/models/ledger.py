"""Money: one row for each call that may cost some, and the counters that caps are kept by."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from uuid import UUID


class EntryState(StrEnum):
    """The life of a ledger row. Only ``reserved`` and ``uncertain`` may still change."""

    RESERVED = "reserved"  # set aside before anything is sent
    COMMITTED = "committed"  # the provider was paid
    REFUNDED = "refunded"  # surely not paid
    UNCERTAIN = "uncertain"  # sent, and nobody knows; counts as spent until it is known


class LedgerEntry(models.Model):
    """One paid call to a provider: written before the call, settled after it.

    It outlives the try-on (``result_id`` is a plain id) and holds nothing about a person: ``shopper_id`` is emptied
    when the shopper is erased. Credits are the provider's, amounts are in the shop's currency.
    """

    result_id = models.UUIDField()
    shopper_id = models.UUIDField(null=True, blank=True)
    batch = models.ForeignKey("tryon.Batch", on_delete=models.SET_NULL, null=True, blank=True, related_name="entries")
    provider = models.CharField(_("provider"), max_length=50)
    operation = models.CharField(_("operation"), max_length=30)
    category = models.CharField(max_length=10, blank=True)
    state = models.CharField(_("state"), max_length=10, default=EntryState.RESERVED.value)
    credits = models.DecimalField(_("credits"), max_digits=12, decimal_places=4, default=Decimal(0))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=6, default=Decimal(0))
    provider_job_id = models.CharField(max_length=128, blank=True)
    reason = models.CharField(
        _("reason"), max_length=200, blank=True, help_text=_("Why there is a further call, or how it was settled.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-created_at", "-id"]
        permissions = [("see_spend", _("Can see what was spent"))]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in EntryState]), name="tryon_ledger_state"),
            models.CheckConstraint(condition=Q(credits__gte=0) & Q(amount__gte=0), name="tryon_ledger_not_negative"),
            # a row has at most one call whose end is not known
            models.UniqueConstraint(
                fields=["result_id"],
                condition=Q(state__in=[EntryState.RESERVED.value, EntryState.UNCERTAIN.value]),
                name="tryon_ledger_one_open",
            ),
        ]
        indexes = [
            models.Index(fields=["result_id"], name="tryon_ledger_result"),
            models.Index(fields=["provider", "-created_at"], name="tryon_ledger_provider"),
            models.Index(fields=["-created_at"], name="tryon_ledger_list"),
            models.Index(
                fields=["created_at"], condition=Q(state=EntryState.UNCERTAIN.value), name="tryon_ledger_uncertain"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.amount} {self.state}"


class SpendCounter(models.Model):
    """What is reserved or spent in one window (an hour or a day) of one scope: ``shop``, a provider, a shopper.

    The sum of the ledger rows of that window, kept so that a cap is one conditional UPDATE under any concurrency.
    Whole millionths of the shop's currency: exact on every database.
    """

    scope = models.CharField(max_length=80)
    window = models.CharField(max_length=5)
    start = models.DateTimeField()
    micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "window", "start"], name="tryon_spend_window"),
            models.CheckConstraint(condition=Q(micros__gte=0), name="tryon_spend_not_negative"),
        ]
        indexes = [models.Index(fields=["start"], name="tryon_spend_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.window} {self.start:%Y-%m-%d %H:%M}"


def forget_shopper(shopper_id: UUID) -> None:
    """Money stays, the person goes."""
    LedgerEntry.objects.filter(shopper_id=shopper_id).update(shopper_id=None)
    SpendCounter.objects.filter(scope=f"shopper:{shopper_id.hex}").delete()


def hand_over(former: UUID, shopper: UUID) -> None:
    """The calls of one shopper are another's from now on. Their counters are made anew from the entries."""
    LedgerEntry.objects.filter(shopper_id=former).update(shopper_id=shopper)
    SpendCounter.objects.filter(scope__in=[f"shopper:{former.hex}", f"shopper:{shopper.hex}"]).delete()
