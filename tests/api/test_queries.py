"""The number of queries does not grow with the rows, and a poll is cheap."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API
from tests.api.test_discovery import many_garments
from tryon.api.pagination import CheckedCursorPagination
from tryon.choices import Status
from tryon.models import Garment, PresetModel, Shopper, TryOnOutput, TryOnResult

pytestmark = pytest.mark.django_db


def queries(client: Client, url: str, **headers: Any) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        answer = client.get(url, **headers)
    assert answer.status_code in (200, 304)
    return len(seen)


def many_results(garment: Garment, shopper: Shopper, count: int, status: Status) -> None:
    over = status == Status.SUCCEEDED
    now = timezone.now()
    rows = TryOnResult.objects.bulk_create(
        [
            TryOnResult(
                shopper=shopper,
                garment=garment,
                status=status,
                provider="instant",
                started_at=now,
                finished_at=now if over else None,
                next_at=None if over else now,
                deadline_at=now + timedelta(hours=1),
                expires_at=now + timedelta(hours=1),
            )
            for _ in range(count)
        ]
    )
    TryOnOutput.objects.bulk_create(
        [TryOnOutput(result=row, file="f", card="c", thumb="t", width=1, height=1, sha256="") for row in rows if over]
    )


@pytest.fixture
def pages_of_fifty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckedCursorPagination, "page_size", 50)


@pytest.mark.usefixtures("pages_of_fifty")
@pytest.mark.parametrize("path", ["garments/", "config/"])
def test_garments_and_models(client: Client, path: str) -> None:
    counts = []
    for total in (5, 50):
        Garment.objects.all().delete()
        PresetModel.objects.all().delete()
        many_garments(total)
        PresetModel.objects.bulk_create(
            [PresetModel(name=f"M{n}", image="m", thumb="t", width=1, height=1, sha256="a") for n in range(total)]
        )
        counts.append(queries(client, f"{API}{path}"))
    assert counts[0] == counts[1] <= {"garments/": 2, "config/": 4}[path]


@pytest.mark.usefixtures("pages_of_fifty")
@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCEEDED])
def test_the_list_of_try_ons(app: APIClient, garment: Garment, status: Status) -> None:
    shopper = Shopper.objects.get()
    counts = []
    for total in (5, 50):
        TryOnResult.objects.all().delete()
        many_results(garment, shopper, total, status)
        counts.append(queries(app, f"{API}tryons/"))
        assert len(app.get(f"{API}tryons/").json()["results"]) == total
    assert counts[0] == counts[1] <= 4  # the token, the rows, their garments and outputs


def test_a_poll(app: APIClient, garment: Garment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.tasks.NUDGE_SECONDS", 1e9)  # the watchdog's own queries come once in a few seconds
    shopper = Shopper.objects.get()
    most = {Status.QUEUED: 4, Status.PROCESSING: 3, Status.SUCCEEDED: 3}
    for status, limit in most.items():
        TryOnResult.objects.all().delete()
        many_results(garment, shopper, 1, status)
        url = f"{API}tryons/{TryOnResult.objects.get().pk}/"
        app.get(url)
        assert queries(app, url) <= limit


def test_signed_links_are_renewed_before_they_run_out(app: APIClient, garment: Garment) -> None:
    many_results(garment, Shopper.objects.get(), 1, Status.SUCCEEDED)
    url = f"{API}tryons/{TryOnResult.objects.get().pk}/"
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    TryOnResult.objects.update(expires_at=start + timedelta(days=1))
    with time_machine.travel(start, tick=False):
        tag = app.get(url)["ETag"]
    with time_machine.travel(start + timedelta(minutes=2), tick=False):
        assert app.get(url, HTTP_IF_NONE_MATCH=tag).status_code == 304
    with time_machine.travel(start + timedelta(minutes=3), tick=False):
        assert app.get(url, HTTP_IF_NONE_MATCH=tag).status_code == 200
