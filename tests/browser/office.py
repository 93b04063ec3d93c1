"""What the browser tests of the admin share: its addresses, a merchandiser who is signed in, and shots to look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from tests.providers.fakes import InstantProvider, jpeg
from tryon.choices import Operation, Status
from tryon.models import Garment, PresetModel, TryOnOutput, TryOnResult
from tryon.providers.base import Output
from tryon.runner.delivery import deliver, outputs_of

GARMENTS = "/admin/tryon/garment/"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE = {"width": 390, "height": 844}
LOOKS = {
    f"{scheme} {name}": (scheme, size)
    for scheme in ("light", "dark")
    for name, size in (("desk", {"width": 1280, "height": 900}), ("phone", PHONE))
}


def looks(*kept: str) -> list[Any]:
    """All four, as (scheme, size); those that are not ``kept`` run with ``make prove``."""
    return [
        pytest.param(*look, id=name, marks=[] if name in kept else [pytest.mark.prove]) for name, look in LOOKS.items()
    ]


def sign_in(page: Page, root: str) -> None:
    """As the login form would, which has a test of its own; then to the list of garments."""
    client = Client()
    client.force_login(User.objects.get(username="mara"))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": root}])
    page.goto(f"{root}{GARMENTS}")


def choose(page: Page, action: str) -> None:
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Run the selected action").or_(page.get_by_role("button", name="Go")).first.click()


def make_shots(status: Status, **fields: Any) -> TryOnResult:
    now = timezone.now()
    over = status in (Status.FAILED, Status.SUCCEEDED)
    return TryOnResult.objects.create(
        operation=Operation.MODEL_SHOT.value,
        garment=Garment.objects.first(),
        preset_model=PresetModel.objects.first(),
        status=status,
        deadline_at=now + timedelta(hours=1),
        **{"next_at": None if over else now - timedelta(minutes=1), **fields},
    )


def make_output(row: TryOnResult) -> TryOnOutput:
    stored = deliver(row.pk, 1, [Output(data=jpeg(), mime="image/jpeg")], provider=InstantProvider())
    return TryOnOutput.objects.bulk_create(outputs_of(row, stored))[0]
