"""The database is gone, as it is while it restarts: every address asks to come again, and none breaks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.conftest import only_on_postgres
from tests.providers.fakes import jpeg
from tests.storefront.conftest import browser_of
from tryon import strays
from tryon.consent import current_notice
from tryon.models import Garment, Shopper, ShopperPhoto, TryOnResult
from tryon.storage import photo_storage

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
SAMPLES = {"pk": uuid.uuid4(), "product_ref": "1", "size": "file", "token": "t", "alias": "fashn", "link_pk": 1}
NUMBERED = {"garment-picture", "model-picture"}
# a refused token and an event that is none are answered before anything is asked
WITHOUT_THE_DATABASE = {"api-description", "api-not-found", "webhook-in", "events"}
BY_POST = {"cancel", "delete", "withdraw", "delete-photo", "feedback", "events", "share", "revoke", "report"}


@pytest.fixture
def gone() -> Iterator[Callable[..., None]]:
    """Call it: the server ends our connection and takes no other; until ``gone(False)``, or the end of the test."""
    only_on_postgres()
    import psycopg

    where = {**connection.get_connection_params()}
    name = where.pop("dbname")
    where = {key: where[key] for key in ("host", "port", "user")}

    def go(away: bool = True) -> None:
        with psycopg.connect(**where, dbname="postgres", autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {not away}')
            if away:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                other.execute(others, [name])
            else:
                connection.close()

    yield go
    go(False)


def addresses() -> Iterator[tuple[str, str]]:
    """Every address of the app, with its name."""

    def walk(patterns: list[Any]) -> Iterator[URLPattern]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern

    (ours,) = [found for found in get_resolver().url_patterns if getattr(found, "app_name", "") == "tryon"]
    for pattern in walk(ours.url_patterns):
        name = str(pattern.name)
        wanted = pattern.pattern.converters
        kwargs = {key: 1 if name in NUMBERED and key == "pk" else SAMPLES[key] for key in wanted}
        yield name, reverse(f"tryon:{name}", kwargs=kwargs)


@pytest.mark.parametrize("atomic", [False, True], ids=["", "ATOMIC_REQUESTS"])
def test_every_address_says_when_to_come_again(
    atomic: bool, gone: Callable[..., None], shopper: Shopper, garment: Garment, admin_user: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    browser = browser_of(shopper)
    browser.force_login(admin_user)
    browser.raise_request_exception = False
    gone()
    answers = {}
    for name, address in addresses():
        response = browser.post(address) if name in BY_POST else browser.get(address)
        for method in ("post", "delete"):
            if response.status_code == 405:
                response = getattr(browser, method)(address, content_type="application/json")
        answers[name] = response.status_code
        if response.status_code == 503 and name != "health":
            assert int(response["Retry-After"]) > 0, name
            assert "no-store" in response["Cache-Control"], name
            kind = "application/problem+json" if name.startswith("api-") else "text/html; charset=utf-8"
            assert response["Content-Type"] == kind, name
    assert len(answers) > 50
    assert {name for name, status in answers.items() if status != 503} == WITHOUT_THE_DATABASE
    assert 500 not in answers.values()


def test_the_page_is_friendly_and_the_widget_gets_json(gone: Callable[..., None], shopper: Shopper) -> None:
    browser = browser_of(shopper)
    address = reverse("tryon:history")
    gone()
    page = browser.get(address, headers={"Accept-Language": "de"}).content.decode()
    assert "Bei uns ist etwas schiefgegangen." in page
    assert 'http-equiv="refresh" content="30"' in page
    assert browser.get(address, headers={"Accept": "application/json"}).json() == {
        "code": "unavailable",
        "detail": "Something went wrong on our side.",
    }
    problem = browser.get(reverse("tryon:api-tryons")).json()
    assert (problem["code"], problem["status"]) == ("unavailable", 503)


def test_an_upload_is_not_acknowledged_and_leaves_nothing(
    instant: None, gone: Callable[..., None], garment: Garment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes while the photo is decoded."""
    from tryon.images import intake

    decode = intake.intake

    def then_gone(*args: Any, **kwargs: Any) -> Any:
        picture = decode(*args, **kwargs)
        gone()
        return picture

    monkeypatch.setattr("tryon.storefront.forms.intake", then_gone)
    photo = SimpleUploadedFile("me.jpg", jpeg(), content_type="image/jpeg")
    address = reverse("tryon:try", kwargs={"product_ref": "1"})
    client, before = Client(raise_request_exception=False), strays.listed(photo_storage(), "photos")
    response = client.post(address, {"consent": current_notice().version, "photo": photo})
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert "Set-Cookie" not in response
    assert strays.listed(photo_storage(), "photos") == before
    gone(False)
    assert not ShopperPhoto.objects.exists()
    assert not TryOnResult.objects.exists()
