"""The other ways of giving a photo: as the whole body, and by its address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, stored_files
from tests.conftest import SHARED
from tests.providers.fakes import jpeg
from tests.providers.test_ssrf import Net
from tryon.api import starting
from tryon.consent import current_notice
from tryon.models import Garment, Shopper, ShopperPhoto, TryOnResult
from tryon.providers.http import fetch
from tryon.testing import Canned, Server, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.answers(Canned(200, jpeg(), {"Content-Type": "image/jpeg"}))
        yield running


def send(client: APIClient, data: bytes, mime: str = "image/jpeg", **headers: str) -> Any:
    return client.generic("POST", f"{API}photos/", data, content_type=mime, **headers)


# ---------------------------------------------------------------- the whole body


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/heic", "image/anything"])
def test_a_photo_as_the_whole_body(app: APIClient, mime: str) -> None:
    answer = send(app, jpeg(), mime, HTTP_X_CONSENT_VERSION=current_notice().version)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["width"], answer.json()["height"]) == (600, 800)


def test_consent_may_be_in_the_query(app: APIClient) -> None:
    url = f"{API}photos/?consent_version={current_notice().version}"
    assert app.generic("POST", url, jpeg(), content_type="image/jpeg").status_code == 201


def test_a_body_without_consent_is_refused(web: APIClient) -> None:
    answer = send(web, jpeg())
    assert (answer.status_code, answer.json()["code"]) == (422, "consent_missing")
    assert stored_files() == []
    assert not Shopper.objects.exists()


def test_a_body_over_the_limit_or_empty(app: APIClient, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(MAX_UPLOAD_MB=1)
    assert send(app, b"\xff" * 1_100_000).json()["code"] == "file_size_too_large"
    assert send(app, b"").json()["code"] == "malformed_request"


def test_a_body_that_is_no_photo(app: APIClient) -> None:
    answer = send(app, b"<svg/>", "image/svg+xml", HTTP_X_CONSENT_VERSION=current_notice().version)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_image_format")


def test_try_ons_are_not_asked_for_with_a_bare_photo(app: APIClient) -> None:
    answer = app.generic("POST", f"{API}tryons/", jpeg(), content_type="image/jpeg")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


# ---------------------------------------------------------------- by address


def by_address(client: APIClient, url: str, path: str = "photos/", **more: Any) -> Any:
    wish = {"photo_url": url, "consent_version": current_notice().version, **more}
    return client.post(f"{API}{path}", wish, format="json")


def test_a_photo_by_its_address(app: APIClient, server: Server, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=True)
    answer = by_address(app, f"{server.url}/me.jpg?size=big")
    assert answer.status_code == 201, answer.content
    assert (server.last.method, server.last.path, server.last.query) == ("GET", "/me.jpg", {"size": "big"})
    assert "cookie" not in server.last.headers
    assert "authorization" not in server.last.headers


def test_a_try_on_with_a_photo_by_its_address(
    app: APIClient, server: Server, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=True)
    assert by_address(app, f"{server.url}/me.jpg", "tryons/", product="1").status_code == 202
    assert TryOnResult.objects.get().photo


@pytest.mark.parametrize(
    ("canned", "code"),
    [
        (Canned(404), "photo_unreachable"),
        (Canned(500), "photo_unreachable"),
        (Canned(302, headers={"Location": "http://127.0.0.1:1/"}), "photo_unreachable"),
        (Canned(200, b"<html>", {"Content-Type": "image/jpeg"}), "unsupported_image_format"),
        (Canned(200, jpeg(200, 200)), "image_too_small"),
        (Canned(200, jpeg(), {"Content-Encoding": "gzip"}), "photo_unreachable"),
        (Canned(200, endless=True), "photo_unreachable"),
        (Canned(drop=True), "photo_unreachable"),
    ],
    ids=["404", "500", "redirect", "html", "small", "packed", "endless", "drop"],
)
def test_what_is_no_photo_there(
    web: APIClient, server: Server, tryon_settings: Callable[..., None], canned: Canned, code: str
) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=True, MAX_UPLOAD_MB=1)
    server.answers(canned)
    answer = by_address(web, f"{server.url}/me.jpg")
    assert answer.json()["code"] == code
    assert 400 <= answer.status_code < 500
    assert stored_files() == []
    assert not Shopper.objects.exists()


def test_nothing_is_called_for_who_has_not_agreed(
    server: Server, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=True)
    for client in (app_client(), browser_client()):
        for version, code in (("", "consent_missing"), ("old", "consent_outdated")):
            assert by_address(client, server.url, consent_version=version).json()["code"] == code
            wish = {"product": "1", "consent_version": version}
            assert by_address(client, server.url, "tryons/", **wish).json()["code"] == code
    assert server.connections == 0


def test_no_address_of_the_corpus_leads_inside(app: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case of the corpus of hostile addresses, sent to the endpoint: nobody inside is ever dialled."""
    path = SHARED / "hostile" / "ssrf_urls.jsonl"
    if not path.exists():
        pytest.skip(f"NOT RUN: the corpus of addresses is not at {path}")
    cases = [json.loads(line) for line in path.read_text().splitlines()]
    blocked = [case for case in cases if case["expect"] == "block" and not case["redirect"]]
    version = current_notice().version
    with serving() as canary:
        for case in blocked:
            if case["cls"] == "result-host-allowlist":
                continue  # any public host may be named here
            net = Net(case["dns"], canary)
            monkeypatch.setattr(starting, "fetch", lambda url, net=net, **kw: fetch(url, network=net.network, **kw))
            answer = app.post(f"{API}photos/", {"photo_url": case["url"], "consent_version": version}, format="json")
            assert answer.status_code == 422, case["id"]
            assert canary.connections == 0, case["id"]
    assert len(blocked) > 50
    assert not ShopperPhoto.objects.exists()
