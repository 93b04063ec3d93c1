"""Settings for tests that start real django-q2 clusters: a database, a broker and files that processes can share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.settings import *  # noqa: F403

# as in the suite: tables come from the models, which is ten times as quick
MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes", "django_q", "sessions", "tryon", "tryon_shop"])
_ROOT = Path(os.environ["CLUSTER_ROOT"])
if os.environ.get("CLUSTER_DATABASE"):
    DATABASES["default"]["NAME"] = os.environ["CLUSTER_DATABASE"]  # noqa: F405
else:
    DATABASES["default"]["NAME"] = _ROOT / "db.sqlite3"  # noqa: F405
CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": _ROOT / "cache"}}
TRYON = {
    **TRYON,  # noqa: F405
    "PRIVATE_ROOT": str(_ROOT / "private"),
    "LEASE_SECONDS": 5,
    "PROVIDERS": {
        "gated": {"BACKEND": "tests.runner.gated.GatedProvider", "OPTIONS": {"folder": str(_ROOT)}},
    },
}
Q_CLUSTER = {
    **Q_CLUSTER,  # noqa: F405
    "sync": False,
    # of the whole path: two runs side by side must not hear each other's messages
    "name": f"test-{hashlib.sha256(str(_ROOT).encode()).hexdigest()[:16]}",
    "poll": 0.05,
    "log_level": "WARNING",
}
if os.environ.get("CLUSTER_BROKER") == "redis":
    Q_CLUSTER.pop("orm")
    Q_CLUSTER["redis"] = {"host": "127.0.0.1", "port": 6379, "db": 9}
