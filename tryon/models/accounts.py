"""What all processes and machines know together about a provider's account."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ProviderAccount(models.Model):
    """Health, pace and credit of one provider alias. Locked while submits are reserved, so that limits hold everywhere.

    ``sent`` is the log of the last reserved send times (seconds since the epoch), as many as the rate limit has calls:
    a strict sliding window. ``outcomes`` holds the last 20 answers of submits and polls, True for one that came.
    """

    alias = models.CharField(_("provider"), max_length=50, unique=True)
    stopped = models.BooleanField(_("switched off by staff"), default=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    paused_because = models.CharField(_("because"), max_length=200, blank=True)
    sent = models.JSONField(default=list, blank=True)
    outcomes = models.JSONField(default=list, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    open_until = models.DateTimeField(_("circuit open until"), null=True, blank=True)
    trial = models.UUIDField(null=True, blank=True)  # the one row that may try whether the provider is back
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    balance = models.DecimalField(_("credits left"), max_digits=14, decimal_places=4, null=True, blank=True)
    balance_at = models.DateTimeField(null=True, blank=True)
    drift = models.DecimalField(
        _("unexplained credits"),
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("How much more the balance fell than the ledger says, since the balance before."),
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        ordering = ["alias"]

    def __str__(self) -> str:
        return self.alias
