"""The suite's settings on a database of the benchmark's own, a file or PostgreSQL; one bare view beside the API."""

from __future__ import annotations

import os

from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from tests import postgres
from tests.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.api_settings"
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("tryon_shop")]  # noqa: F405
if os.environ.get("BENCH_VENDOR") == "postgresql":
    DATABASES = {"default": postgres.settings(os.environ["BENCH_DATABASE"], CONN_MAX_AGE=600)}
else:
    DATABASES["default"] |= {"NAME": os.environ["BENCH_DATABASE"], "CONN_MAX_AGE": 600}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
Q_CLUSTER = {**Q_CLUSTER, "sync": False}  # noqa: F405 - a queue that nobody empties


def bare(request: HttpRequest, pk: str) -> JsonResponse:
    """What a status costs at the least: one query by primary key, and its answer."""
    from tryon.models import TryOnResult

    row = TryOnResult.objects.filter(pk=pk).first()
    assert row is not None
    return JsonResponse({"id": row.pk, "status": row.status, "progress": row.progress, "created_at": row.created_at})


urlpatterns = [path("bare/<str:pk>/", bare), path("tryon/", include("tryon.urls"))]
