"""Include under any prefix: ``path("tryon/", include("tryon.urls"))``."""

from __future__ import annotations

from django.urls import include, path

app_name = "tryon"
urlpatterns = [
    path("", include("tryon.storefront.urls")),
    path("api/v1/", include("tryon.api.urls")),
]
