from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.conftest import garment_of, plain_picture
from tests.providers.fakes import InstantProvider, jpeg
from tryon.choices import Category, Operation, Status
from tryon.garments import set_picture
from tryon.models import LIVE, Garment, PresetModel, TryOnOutput, TryOnResult
from tryon.providers.base import Output
from tryon.runner.delivery import deliver, outputs_of

ALL = [
    *(f"{verb}_garment" for verb in ("view", "add", "change", "delete")),
    *(f"{verb}_presetmodel" for verb in ("view", "add", "change", "delete")),
    *(f"{verb}_tryonresult" for verb in ("view", "add", "change", "delete")),
    "view_consent",
    "view_batch",
    "generate_shots",
    "review_shots",
    "publish_shots",
    "see_spend",
]


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages to the queue stay in it, as in production: looking at a list must not make the pictures."""
    monkeypatch.setattr("django_q.conf.Conf.SYNC", False)


@pytest.fixture
def login(db: None) -> Callable[..., Client]:
    """``login("view_garment", …)``: a client of a member of staff with just these permissions."""

    def make(*codenames: str, name: str = "mara") -> Client:
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="tryon", codename__in=codenames))
        assert user.user_permissions.count() == len(codenames)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def staff(login: Callable[..., Client], instant: None) -> Client:
    """May do everything with try-on; previews would be made by the instant provider."""
    return login(*ALL)


@pytest.fixture
def make_garment(db: None) -> Callable[..., Garment]:
    """Garments that share one picture file: making a hundred takes a moment."""
    picture = garment_of(600, 700, "#335577")
    first = Garment(product_ref="first", name="First", category=Category.UPPER.value)
    set_picture(first, picture)
    files = {name: getattr(first, name) for name in ("image", "thumb", "width", "height", "sha256")}
    first.delete()

    def make(ref: str, **fields: Any) -> Garment:
        defaults = {"name": f"Garment {ref}", "category": Category.UPPER.value, **files}
        return Garment.objects.create(product_ref=ref, **{**defaults, **fields})

    return make


@pytest.fixture
def other_model(db: None) -> PresetModel:
    preset = PresetModel(name="Ines", size="XL", skin_tone="dark", position=1)
    set_picture(preset, plain_picture(600, 1000, "#664433"))
    return preset


@pytest.fixture
def make_result(db: None) -> Callable[..., TryOnResult]:
    """A row as the runner would have left it; a finished one has its real files."""

    def make(garment: Garment, status: Status = Status.SUCCEEDED, *, files: bool = True, **fields: Any) -> TryOnResult:
        now = timezone.now()
        clocks: dict[str, Any] = {"deadline_at": now + timedelta(hours=1), "created_at": now - timedelta(seconds=9)}
        if status not in LIVE:
            clocks |= {"next_at": None, "started_at": now - timedelta(seconds=4), "finished_at": now}
        defaults = {"operation": Operation.MODEL_SHOT.value, "provider": "instant" if status != Status.QUEUED else ""}
        row = TryOnResult.objects.create(garment=garment, status=status, **{**defaults, **clocks, **fields})
        if status == Status.SUCCEEDED and files:
            stored = deliver(row.pk, 1, [Output(data=jpeg(), mime="image/jpeg")], provider=InstantProvider())
            TryOnOutput.objects.bulk_create(outputs_of(row, stored))
        return row

    return make
