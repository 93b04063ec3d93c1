"""Settings of clusters that are killed at random: PostgreSQL, and three hosted providers in a sandbox."""

from __future__ import annotations

import os

from tests import postgres
from tests.settings import *  # noqa: F403

DATABASES = {"default": postgres.settings(os.environ["CHAOS_DATABASE"], CONN_MAX_AGE=600)}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": f"{os.environ['CHAOS_FOLDER']}/cache",
    }
}
_BACKENDS = {"fashn": "FashnProvider", "pixelapi": "PixelAPIProvider", "pixelcut": "PixelcutProvider"}
TRYON = {
    **TRYON,  # noqa: F405
    "PRIVATE_ROOT": f"{os.environ['CHAOS_FOLDER']}/private",
    "PROVIDERS": {
        name: {
            "BACKEND": f"tryon.providers.{name}.{backend}",
            "OPTIONS": {
                "api_key": "pk_live_sandbox",
                "base_url": f"{os.environ['CHAOS_SANDBOX']}/{name}",
                "allow_private_hosts": True,
                "credit_price": 0.01,
                "rate": (10_000, 1),  # the sandbox has no limits here: speed is what makes kills meet work
            },
        }
        for name, backend in _BACKENDS.items()
    },
    "LEASE_SECONDS": 5,
    "MAX_ATTEMPTS": 1000,  # rows die by the killer's hand here, not by their own
    "DRAINS": int(os.environ.get("CHAOS_DRAINS", "2")),
    "CAPS": {"shop": {"day": 1_000_000}, "providers": {name: {"hour": 500_000} for name in _BACKENDS}},
}
Q_CLUSTER = {
    **Q_CLUSTER,  # noqa: F405
    "sync": False,
    "name": os.environ["CHAOS_DATABASE"],
    "workers": 2,
    "poll": 0.05,
    "log_level": "CRITICAL",
}
if os.environ.get("CHAOS_BROKER") == "redis":
    Q_CLUSTER.pop("orm")
    Q_CLUSTER["redis"] = {"host": "127.0.0.1", "port": 6379, "db": 10}
