"""A shop of one file around the widget. The settings are the demo shop's, with its strict policy on every page."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path


def product(request: HttpRequest, ref: str, *, alone: bool = False) -> HttpResponse:
    """With a second widget for another product on the page, or alone."""
    return render(request, "product.html", {"ref": ref, "alone": alone, "bagged": request.GET.get("bag", "")})


urlpatterns = [
    path("product/<str:ref>/", product),
    path("only/<str:ref>/", product, {"alone": True}),
    path("tryon/", include("tryon.urls")),
    path("admin/", admin.site.urls),
]
