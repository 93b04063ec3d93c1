"""Who may do what: each route of the API, each kind of visitor. A route that is not in ROUTES fails the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import URLPattern, reverse
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, with_photo
from tryon.api.urls import urlpatterns
from tryon.identity import COOKIE
from tryon.models import Garment, PresetModel, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Route:
    """The status for a visitor without anything, for the owner, and for anybody else."""

    name: str
    method: str
    nobody: int
    owner: int
    others: int
    of: str = ""  # whose id is in the path
    body: Callable[[], dict[str, Any]] | None = None


def model_wish() -> dict[str, Any]:
    return {"product": "1", "model_id": PresetModel.objects.get().pk}


ROUTES = [
    Route("api-sessions", "post", 201, 201, 201),
    Route("api-config", "get", 200, 200, 200),
    Route("api-garments", "get", 200, 200, 200),
    Route("api-photos", "post", 403, 201, 201, body=with_photo),
    Route("api-photo", "delete", 403, 204, 404, of="photo"),
    Route("api-tryons", "get", 200, 200, 200),
    Route("api-tryons", "post", 403, 202, 202, body=model_wish),
    Route("api-tryon", "get", 404, 200, 404, of="tryon"),
    Route("api-tryon", "delete", 403, 204, 404, of="tryon"),
    Route("api-tryon-cancel", "post", 403, 200, 404, of="tryon"),
    Route("api-not-found", "get", 404, 404, 404),
]


def test_every_route_and_method_is_in_the_matrix() -> None:
    built = set()
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        view = pattern.callback.cls  # type: ignore[attr-defined]
        methods = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)]
        built |= {(pattern.name, method) for method in methods or ["get"]}
    assert built == {(route.name, route.method) for route in ROUTES}


@dataclass
class Owned:
    client: APIClient
    photo: ShopperPhoto
    tryon: TryOnResult


def owned(client: APIClient) -> Owned:
    pk = client.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"]
    result = TryOnResult.objects.get(pk=pk)
    assert result.photo is not None
    return Owned(client, result.photo, result)


def signed_in(name: str) -> APIClient:
    client = browser_client()
    client.force_login(get_user_model().objects.create_user(name))
    return client


OWNERS: dict[str, Callable[[], APIClient]] = {
    "token": app_client,
    "cookie": browser_client,
    "user": lambda: signed_in("owner"),
}
VISITORS: dict[str, Callable[[], APIClient]] = {
    "nobody": lambda: APIClient(enforce_csrf_checks=True),
    "other token": app_client,
    "other cookie": lambda: owned(browser_client()).client,
    "other user": lambda: signed_in("other"),
    "staff": lambda: staff(),
}


def staff() -> APIClient:
    client = browser_client()
    client.force_login(get_user_model().objects.create_superuser("staff"))
    return client


def call(client: APIClient, route: Route, things: Owned) -> Any:
    kwargs = {"pk": str(getattr(things, route.of).pk)} if route.of else {}
    url = f"{API}nothing/" if route.name == "api-not-found" else reverse(f"tryon:{route.name}", kwargs=kwargs)
    body = route.body() if route.body else None
    return getattr(client, route.method)(url, body, format="multipart" if body and "photo" in body else "json")


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.name}")
def test_matrix(route: Route, owner: str, garment: Garment, preset_model: PresetModel) -> None:
    things = owned(OWNERS[owner]())
    for name, make in VISITORS.items():
        answer = call(make(), route, things)
        assert answer.status_code == (route.nobody if name == "nobody" else route.others), name
        assert TryOnResult.objects.filter(pk=things.tryon.pk, status="queued").exists()
        assert ShopperPhoto.objects.filter(pk=things.photo.pk).exists()
    assert call(things.client, route, things).status_code == route.owner


@pytest.mark.parametrize("owner", OWNERS)
def test_a_list_holds_only_ones_own(owner: str, garment: Garment, preset_model: PresetModel) -> None:
    things = owned(OWNERS[owner]())
    strangers = {name: make() for name, make in VISITORS.items()}
    for name, client in strangers.items():
        ids = [row["id"] for row in client.get(f"{API}tryons/").json()["results"]]
        assert str(things.tryon.pk) not in ids, name
    assert [row["id"] for row in things.client.get(f"{API}tryons/").json()["results"]] == [str(things.tryon.pk)]


def test_anothers_photo_can_not_be_used(garment: Garment, preset_model: PresetModel) -> None:
    things = owned(app_client())
    wish = {"product": "1", "photo_id": str(things.photo.pk)}
    for client in (app_client(), browser_client(), signed_in("other")):
        assert client.post(f"{API}tryons/", wish, format="json").status_code == 404


@pytest.mark.parametrize("name", ["api-tryon", "api-photo"])
def test_foreign_and_missing_are_the_same_answer(name: str, garment: Garment, preset_model: PresetModel) -> None:
    things = owned(app_client())
    foreign_id = str(things.tryon.pk if name == "api-tryon" else things.photo.pk)
    method = "get" if name == "api-tryon" else "delete"
    client = app_client()
    seen = []
    for pk in (foreign_id, "00000000-0000-4000-8000-000000000000", "nonsense"):
        answer = getattr(client, method)(reverse(f"tryon:{name}", kwargs={"pk": pk}), HTTP_X_REQUEST_ID="same")
        seen.append((answer.status_code, answer.content, sorted(answer.headers.items())))
    assert seen[0] == seen[1] == seen[2]


def test_a_token_wins_over_the_cookies_that_come_with_it(garment: Garment, preset_model: PresetModel) -> None:
    things = owned(browser_client())
    mixed = app_client()
    mixed.cookies[COOKIE] = things.client.cookies[COOKIE].value
    assert mixed.get(f"{API}tryons/{things.tryon.pk}/").status_code == 404


def test_a_forged_cookie_is_nobody(garment: Garment, preset_model: PresetModel) -> None:
    things = owned(browser_client())
    for value in (things.tryon.shopper_id.hex, "x:y:z", "\x00"):  # type: ignore[union-attr]
        client = browser_client()
        client.cookies[COOKIE] = value
        assert client.get(f"{API}tryons/{things.tryon.pk}/").status_code == 404


def test_two_people_at_one_browser(garment: Garment, preset_model: PresetModel) -> None:
    """An anonymous preview goes with the first who signs in with its cookie, and nobody after them sees it."""
    users = get_user_model().objects
    things = owned(browser_client())
    url = f"{API}tryons/{things.tryon.pk}/"
    things.client.force_login(users.create_user("first"))
    assert things.client.get(url).status_code == 200
    things.client.logout()
    cookie = things.client.cookies.get(COOKIE)
    assert cookie is None or things.client.get(url).status_code == 404
    things.client.force_login(users.create_user("second"))
    assert things.client.get(url).status_code == 404
