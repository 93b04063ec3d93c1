from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.providers.fakes import jpeg
from tryon.choices import Status
from tryon.identity import COOKIE, remember
from tryon.images.disclosure import mark_ai
from tryon.images.picture import Picture
from tryon.models import Garment, Shopper, ShopperPhoto, TryOnOutput, TryOnResult


def browser_of(shopper: Shopper, *, csrf: bool = False) -> Client:
    response = HttpResponse()
    remember(response, shopper, secure=False)
    client = Client(enforce_csrf_checks=csrf)
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    return client


def add_output(result: TryOnResult, data: bytes | None = None) -> TryOnOutput:
    picture = mark_ai(Picture.of(data or jpeg(600, 800), "image/jpeg", (600, 800)))
    output = TryOnOutput(result=result, width=600, height=800, sha256="0" * 64)
    for size in ("file", "card", "thumb"):
        getattr(output, size).save(f"{result.pk.hex}/1-0-{size}.jpg", ContentFile(picture.data), save=False)
    output.save()
    return output


def a_result(shopper: Shopper, garment: Garment, photo: ShopperPhoto | None = None, **fields: object) -> TryOnResult:
    now = timezone.now()
    values = {
        "status": Status.SUCCEEDED.value,
        "next_at": None,
        "provider": "instant",
        "consent": photo.consent if photo else None,
        "started_at": now,
        "finished_at": now,
        "deadline_at": now,
        "expires_at": now + timedelta(hours=24),
        **fields,
    }
    return TryOnResult.objects.create(shopper=shopper, garment=garment, photo=photo, **values)


@pytest.fixture
def owner(shopper: Shopper) -> Client:
    return browser_of(shopper)


@pytest.fixture
def stranger(db: None) -> Client:
    return browser_of(Shopper.objects.create())


@pytest.fixture
def made(instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    """A finished preview of the shopper's photo."""
    result = a_result(shopper, garment, photo)
    add_output(result)
    return result


@pytest.fixture
def sent(tryon_settings: Callable[..., None], made: TryOnResult) -> TryOnResult:
    """The same, made by a hosted provider."""
    tryon_settings(
        PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": {"api_key": "fa-canary"}}}
    )
    TryOnResult.objects.update(provider="fashn", submitted_at=timezone.now())
    made.refresh_from_db()
    return made
