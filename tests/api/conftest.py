from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django_q.conf import Conf
from rest_framework.test import APIClient

from tests.providers.fakes import jpeg, setting
from tryon.api import polling
from tryon.consent import current_notice
from tryon.runner.history import Latencies

API = "/tryon/api/v1/"
CSRF = "c" * 32
PRIVATE = Path(django_settings.TRYON["PRIVATE_ROOT"]) / "tryon_private"


@pytest.fixture(autouse=True)
def api_settings(tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An instant provider, a catalog without a product table, and a real queue that nobody empties."""
    tryon_settings(
        PROVIDERS={"instant": setting("InstantProvider")}, CATALOG="tryon.catalog.base.ProductCatalog", DAILY_LIMIT=100
    )
    monkeypatch.setattr(Conf, "SYNC", False)
    # nothing of the test before is known to a poll, and places are read anew each time
    monkeypatch.setattr(polling, "_latencies", Latencies())
    monkeypatch.setattr(polling, "_places", polling.Places(seconds=0))
    cache.clear()
    for folder in ("photos", "results"):
        shutil.rmtree(PRIVATE / folder, ignore_errors=True)
    yield
    cache.clear()


def app_client() -> APIClient:
    """An app with a session token of its own."""
    client = APIClient(enforce_csrf_checks=True)
    token = client.post(f"{API}sessions/").json()["token"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def browser_client() -> APIClient:
    """A browser that has our CSRF cookie and whose script sends the token, as the widget does."""
    client = APIClient(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = CSRF
    client.credentials(HTTP_X_CSRFTOKEN=CSRF)
    return client


@pytest.fixture
def app(db: None) -> APIClient:
    return app_client()


@pytest.fixture
def web(db: None) -> APIClient:
    return browser_client()


def photo_file(data: bytes | None = None, name: str = "me.jpg", content_type: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg() if data is None else data, content_type)


def with_photo(**fields: Any) -> dict[str, Any]:
    """A form with a photo and the consent that is asked for today."""
    return {"photo": photo_file(), "consent_version": current_notice().version, **fields}


def stored_files(folder: str = "photos") -> list[str]:
    root = PRIVATE / folder
    return sorted(path.name for path in root.rglob("*") if path.is_file()) if root.exists() else []
