"""Real drains against the sandbox: providers that speak HTTP on this machine, and count every call and charge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tryon.models import Garment, PresetModel, TryOnResult
from tryon.runner import lanes
from tryon.runner.drain import Drain
from tryon.sandbox import Sandbox

BACKENDS = {
    "fashn": "fashn.FashnProvider",
    "pixelcut": "pixelcut.PixelcutProvider",
    "pixelapi": "pixelapi.PixelAPIProvider",
    "superstyle": "superstyle.SuperStyleProvider",
    "pebblely": "pebblely.PebblelyProvider",
    "kling": "kling.KlingProvider",
}
SETTINGS: dict[str, dict[str, Any]] = {"kling": {"api_key": "ak_sandbox:sk_sandbox"}}
FREE = (1000, 1)  # a rate that nothing here reaches


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run drains themselves, and no test knows what another has heard of a provider."""
    monkeypatch.setattr("tryon.tasks._enqueue", lambda *args: None)
    lanes._last_answer.clear()
    lanes._paces.clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.runner.decide.FIRST_POLL_SECONDS", 0.05)
    monkeypatch.setattr("tryon.runner.decide.SHORTEST_POLL_SECONDS", 0.05)
    monkeypatch.setattr("tryon.runner.steps.PAUSE_SECONDS", 0.05)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(0, pace=0.005, pictures="drawn", limits=False) as running:
        yield running


@pytest.fixture
def entry(sandbox: Sandbox) -> Callable[..., dict[str, Any]]:
    """An entry of PROVIDERS for a provider of the sandbox."""

    def make(name: str, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": f"tryon.providers.{BACKENDS[name]}",
            "OPTIONS": {
                "api_key": "pk_live_sandbox",
                "base_url": sandbox.url(name),
                "allow_private_hosts": True,
                "rate": FREE,
                "timeout": 60,
                **SETTINGS.get(name, {}),
                **options,
            },
        }

    return make


@pytest.fixture
def rows(garment: Garment, preset_model: PresetModel) -> Callable[..., list[TryOnResult]]:
    """Rows of the shop, queued."""

    def make(count: int = 1, **fields: Any) -> list[TryOnResult]:
        values: dict[str, Any] = {
            "operation": "model_shot",
            "garment": garment,
            "preset_model": preset_model,
            "priority": 1,
            "deadline_at": timezone.now() + timedelta(hours=1),
        }
        return [TryOnResult.objects.create(**{**values, **fields}) for _ in range(count)]

    return make


def drain(**options: Any) -> bool:
    return Drain(**{"idle": 0.4, **options}).run()


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Started; closes its own database connection."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def statuses(found: list[TryOnResult]) -> list[str]:
    known = dict(TryOnResult.objects.values_list("pk", "status"))
    return [known[row.pk] for row in found]
