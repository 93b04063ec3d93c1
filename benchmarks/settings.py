"""The suite's settings on a PostgreSQL database of the benchmark's own; the environment says where."""

from __future__ import annotations

import os

from tests import postgres
from tests.settings import *  # noqa: F403

DATABASES = {"default": postgres.settings(os.environ["BENCH_DATABASE"], CONN_MAX_AGE=600)}
_OPTIONS = {"api_key": "benchmark", "base_url": os.environ.get("BENCH_PROVIDER", ""), "allow_private_hosts": True}
_OPTIONS["rate"] = (100_000, 1)  # none, unless asked for
if os.environ.get("BENCH_RATE"):
    _calls, _seconds = os.environ["BENCH_RATE"].split("/")
    _OPTIONS["rate"] = (int(_calls), float(_seconds))
TRYON = {
    **TRYON,  # noqa: F405
    "PRIVATE_ROOT": os.environ["BENCH_FILES"],
    "PROVIDERS": {"pixelapi": {"BACKEND": "tryon.providers.pixelapi.PixelAPIProvider", "OPTIONS": _OPTIONS}},
    "DRAINS": int(os.environ.get("BENCH_DRAINS", "1")),
}
Q_CLUSTER = {
    **Q_CLUSTER,  # noqa: F405
    "sync": False,
    "name": os.environ["BENCH_DATABASE"],
    "workers": int(os.environ.get("BENCH_Q_WORKERS", "2")),
}
