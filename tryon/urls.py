"""Include under any prefix: ``path("tryon/", include("tryon.urls"))``."""

from __future__ import annotations

from django.urls import include, path

from tryon import webhooks_in
from tryon.health import health

app_name = "tryon"
urlpatterns = [
    path("", include("tryon.storefront.urls")),
    path("api/v1/", include("tryon.api.urls")),
    path("health/", health, name="health"),
    path("webhooks/<str:alias>/<uuid:pk>/<str:token>/", webhooks_in.webhook, name="webhook-in"),
]
