"""What somebody did whom the admin's log can not name."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Act(models.Model):
    """An entry of the log without an account: by a command, by the system, or in a shop without the admin."""

    at = models.DateTimeField(_("done"), default=timezone.now)
    actor = models.CharField(_("who"), max_length=150)
    kind = models.CharField(max_length=100)  # app_label.modelname
    object_id = models.CharField(max_length=64)
    message = models.TextField(_("what, and at what cost"))

    class Meta:
        verbose_name = _("act without an account")
        verbose_name_plural = _("acts without an account")
        ordering = ["at", "id"]
        default_permissions = ()
        indexes = [models.Index(fields=["kind", "object_id"], name="tryon_act_object")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.message}"
