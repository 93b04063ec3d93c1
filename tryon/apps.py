from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TryonConfig(AppConfig):
    name = "tryon"
    verbose_name = _("Virtual try-on")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tryon import checks, checks_deployment, followup, identity  # noqa: F401 - registers checks and receivers
        from tryon.studio import receivers  # noqa: F401
