from __future__ import annotations

from django.apps import AppConfig


class OscarTryonConfig(AppConfig):
    """Only for the gallery with badges. List it before Oscar's own apps, so that its template is found first."""

    name = "tryon.contrib.oscar"
    label = "tryon_oscar"
