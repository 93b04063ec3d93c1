"""Settings of the test suite: the demo shop's, on a database chosen by the environment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tests import postgres
from tryon_shop.settings import *  # noqa: F403

SECRET_KEY = "only-for-tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
_TEMP = Path(tempfile.gettempdir()) / f"django-tryon-tests-{os.getpid()}"  # no run meets another's files
MEDIA_ROOT = _TEMP / "media"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Products are plain references here; the tests of the demo shop name its own adapter.
TRYON = {
    **TRYON,  # noqa: F405
    "CATALOG": "tryon.catalog.base.ProductCatalog",
    "PRIVATE_ROOT": str(_TEMP / "private"),
    "CAPS": {},
}
Q_CLUSTER = {**Q_CLUSTER, "sync": True}  # noqa: F405 - frozen at import; the worker tests start their own cluster

# Tables are made from the models: carrying out every migration takes ten times as long, in every process. Migrations
# have tests of their own, and ``tests/conftest.py`` writes down that they are all there.
_TEST: dict[str, Any] = {"MIGRATE": False}
DATABASES["default"]["TEST"] = _TEST  # noqa: F405
if os.environ.get("TEST_DATABASE") == "postgres":
    DATABASES = {
        "default": postgres.settings(
            os.environ.get("PGDATABASE", "test"),
            TEST={**_TEST, "NAME": f"tryon_tests_{os.getpid()}"},
            OPTIONS={"options": "-c synchronous_commit=off"},  # nobody pulls the plug of the server here
        )
    }
