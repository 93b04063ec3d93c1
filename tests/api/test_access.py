"""Who may do what: each route of the API, each kind of visitor. A route that is not in ROUTES fails the test."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.urls import URLPattern, reverse
from django.utils import timezone
from rest_framework.test import APIClient

import tryon.urls
from tests.api.conftest import API, app_client, browser_client, photo_file, with_photo
from tests.providers.fakes import jpeg
from tryon.api.operations import OPERATIONS
from tryon.api.urls import urlpatterns
from tryon.choices import Operation
from tryon.identity import COOKIE
from tryon.models import Batch, Garment, PresetModel, ShopperPhoto, TryOnOutput, TryOnResult, WebhookEndpoint

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Route:
    """The status for a visitor without anything, for the owner, and for anybody else.

    ``staff``: the permission; then the owner is a member of staff who has it, and everybody else is refused.
    """

    name: str
    method: str
    nobody: int
    owner: int
    others: int
    of: str = ""  # whose id is in the path
    body: Callable[[], dict[str, Any]] | None = None
    staff: str = ""
    only_with: str = ""  # a kind of owner; to the other kinds it is 404


def model_wish() -> dict[str, Any]:
    return {"product": "1", "model_id": PresetModel.objects.get().pk}


def for_staff(name: str, method: str, owner: int, permission: str, **more: Any) -> Route:
    return Route(name, method, 403, owner, 403, staff=permission, **more)


def garment_form() -> dict[str, Any]:
    return {"product": "2", "name": "Tee", "category": "upper", "picture": photo_file(jpeg(500, 600))}


def order() -> dict[str, Any]:
    return {"products": ["1"], "models": [PresetModel.objects.get().pk]}


ROUTES = [
    Route("api-description", "get", 200, 200, 200),
    Route("api-sessions", "post", 201, 201, 201),
    Route("api-session", "delete", 403, 204, 404, only_with="token"),
    Route("api-config", "get", 200, 200, 200),
    Route("api-garments", "get", 200, 200, 200),
    Route("api-photos", "post", 403, 201, 201, body=with_photo),
    Route("api-photo", "delete", 403, 204, 404, of="photo"),
    Route("api-tryons", "get", 200, 200, 200),
    Route("api-tryons", "post", 403, 202, 202, body=model_wish),
    Route("api-tryon", "get", 404, 200, 404, of="tryon"),
    Route("api-tryon", "delete", 403, 204, 404, of="tryon"),
    Route("api-tryon-cancel", "post", 403, 200, 404, of="tryon"),
    Route("api-tryon-feedback", "post", 403, 422, 404, of="tryon", body=lambda: {"liked": True}),  # not ready yet
    Route("api-me", "delete", 403, 200, 200),
    Route("api-me-export", "get", 404, 200, 200),
    for_staff("api-garments", "post", 201, "add_garment", body=garment_form),
    for_staff("api-garment", "get", 200, "view_garment", of="garment"),
    for_staff("api-garment", "patch", 200, "change_garment", of="garment", body=lambda: {"name": "New"}),
    for_staff("api-batches", "get", 200, "generate_shots"),
    for_staff("api-batches", "post", 201, "generate_shots", body=order),
    for_staff("api-batch", "get", 200, "generate_shots", of="batch"),
    for_staff("api-batch-pause", "post", 200, "generate_shots", of="batch"),
    for_staff("api-batch-resume", "post", 200, "generate_shots", of="batch"),
    for_staff("api-batch-cancel", "post", 200, "generate_shots", of="batch"),
    for_staff("api-batch-retry", "post", 200, "generate_shots", of="batch"),
    for_staff("api-shots", "get", 200, "review_shots"),
    for_staff("api-shot-approve", "post", 200, "review_shots", of="shot"),
    for_staff("api-shot-reject", "post", 200, "review_shots", of="shot", body=lambda: {"reasons": ["colour"]}),
    for_staff("api-shot-publish", "post", 409, "publish_shots", of="shot"),  # it is not approved
    for_staff("api-shot-unpublish", "post", 200, "publish_shots", of="shot"),
    for_staff("api-spend", "get", 200, "see_spend"),
    for_staff("api-webhooks", "get", 200, "view_webhookendpoint"),
    for_staff("api-webhooks", "post", 201, "add_webhookendpoint", body=lambda: {"url": "https://hooks.test/x"}),
    for_staff("api-webhook", "get", 200, "view_webhookendpoint", of="webhook"),
    for_staff("api-webhook", "patch", 200, "change_webhookendpoint", of="webhook", body=lambda: {"enabled": False}),
    for_staff("api-webhook", "delete", 204, "delete_webhookendpoint", of="webhook"),
    for_staff("api-webhook-rotate", "post", 200, "change_webhookendpoint", of="webhook"),
    for_staff("api-webhook-test", "post", 202, "change_webhookendpoint", of="webhook"),
    Route("api-not-found", "get", 404, 404, 404),
]


def built() -> set[tuple[str, str]]:
    found = set()
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        view = pattern.callback.cls  # type: ignore[attr-defined]
        methods = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)]
        found |= {(str(pattern.name), method) for method in methods or ["get"]}
    return found


def test_every_route_and_method_is_in_the_matrix() -> None:
    assert built() == {(route.name, route.method) for route in ROUTES}


def test_every_route_is_described_with_the_permission_that_is_asked_for() -> None:
    described = {(name, method.lower()): known.staff for (name, method), known in OPERATIONS.items()}
    ours = {
        (route.name, route.method): f"tryon.{route.staff}" if route.staff else ""
        for route in ROUTES
        if route.name not in ("api-description", "api-not-found")
    }
    assert described == ours


@dataclass
class Owned:
    client: APIClient
    photo: ShopperPhoto
    tryon: TryOnResult
    garment: Garment
    batch: Batch
    shot: TryOnOutput
    webhook: WebhookEndpoint


def owned(client: APIClient) -> Owned:
    pk = client.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"]
    result = TryOnResult.objects.get(pk=pk)
    assert result.photo is not None
    batch = Batch.objects.create(operation=Operation.MODEL_SHOT.value)
    hook = WebhookEndpoint.objects.create(url="https://hooks.test/tryon")
    return Owned(client, result.photo, result, result.garment, batch, a_shot(result.garment, batch), hook)


def a_shot(garment: Garment, batch: Batch | None = None, review: str = "to_review") -> TryOnOutput:
    result = TryOnResult.objects.create(
        garment=garment,
        operation=Operation.MODEL_SHOT.value,
        batch=batch,
        status="succeeded",
        next_at=None,
        deadline_at=timezone.now(),
    )
    output = TryOnOutput(result=result, width=600, height=800, sha256="0" * 64, review=review)
    for size in ("file", "card", "thumb"):
        getattr(output, size).save(f"{output.pk.hex}-{size}.jpg", ContentFile(jpeg(300, 400)), save=False)
    output.save()
    return output


def signed_in(name: str, **fields: Any) -> APIClient:
    client = browser_client()
    client.force_login(get_user_model().objects.create_user(name, **fields))
    return client


def staff_with(*permissions: str, name: str = "member") -> APIClient:
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = browser_client()
    client.force_login(user)
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
    form = body and {"photo", "picture"} & set(body)
    answer = getattr(client, route.method)(url, body, format="multipart" if form else "json")
    if answer.streaming:
        b"".join(answer.streaming_content)  # its file is closed at the end
    return answer


def expected(route: Route, visitor: str) -> int:
    if visitor == "nobody":
        return route.nobody
    if route.only_with == "token" and visitor == "other token":
        return route.owner  # their own
    if route.name in ("api-me", "api-me-export") and visitor in ("other user", "staff"):
        return 404  # they never did anything here
    return route.others


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("route", [r for r in ROUTES if not r.staff], ids=lambda route: f"{route.method} {route.name}")
def test_matrix(route: Route, owner: str, garment: Garment, preset_model: PresetModel) -> None:
    things = owned(OWNERS[owner]())
    for name, make in VISITORS.items():
        answer = call(make(), route, things)
        assert answer.status_code == expected(route, name), (name, answer.content)
        assert TryOnResult.objects.filter(pk=things.tryon.pk, status="queued").exists()
        assert ShopperPhoto.objects.filter(pk=things.photo.pk).exists()
    mine = call(things.client, route, things).status_code
    assert mine == (404 if route.only_with and route.only_with != owner else route.owner)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.staff], ids=lambda route: f"{route.method} {route.name}")
def test_matrix_of_the_staff(route: Route, garment: Garment, preset_model: PresetModel) -> None:
    things = owned(app_client())
    # every permission but the one, and the right permission without being staff
    rest = Permission.objects.filter(content_type__app_label="tryon").exclude(codename=route.staff)
    almost = staff_with(*rest.values_list("codename", flat=True), name="almost")
    customer = signed_in("customer")
    get_user_model().objects.get(username="customer").user_permissions.set(
        Permission.objects.filter(codename=route.staff)
    )
    strangers = {name: make() for name, make in VISITORS.items() if name != "staff"}
    strangers |= {"owner of a photo": things.client, "almost": almost, "customer": customer}
    for name, client in strangers.items():
        answer = call(client, route, things)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), name
    answer = call(staff_with(route.staff), route, things)
    assert answer.status_code == route.owner, answer.content


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
    for make in STRANGERS.values():
        client, seen = make(), []
        for pk in (str(things.photo.pk), "00000000-0000-4000-8000-000000000000", "nonsense"):
            wish = {"product": "1", "photo_id": pk}
            answer = client.post(f"{API}tryons/", wish, format="json", HTTP_X_REQUEST_ID="same")
            seen.append((answer.status_code, answer.content, sorted(answer.headers.items()), answer.cookies.output()))
        assert seen[0][0] == 404
        assert seen[0] == seen[1] == seen[2]


BY_ID = [route for route in ROUTES if route.of]
STRANGERS = {"other token": app_client, "other cookie": browser_client, "other user": lambda: signed_in("other")}


def alike(client: APIClient, route: Route, pk: str) -> Any:
    url = reverse(f"tryon:{route.name}", kwargs={"pk": pk})
    body = route.body() if route.body else None
    answer = getattr(client, route.method)(url, body, format="json", HTTP_X_REQUEST_ID="same")
    return answer.status_code, answer.content, sorted(answer.headers.items()), answer.cookies.output()


@pytest.mark.parametrize("who", STRANGERS)
def test_foreign_and_missing_are_the_same_answer(who: str, garment: Garment, preset_model: PresetModel) -> None:
    """Body and headers, for each id in an address. What is the staff's is refused before anything is looked up."""
    client, things = STRANGERS[who](), owned(app_client())
    for route in BY_ID:
        foreign = str(getattr(things, route.of).pk)
        missing = "999999" if route.of == "garment" else "00000000-0000-4000-8000-000000000000"
        seen = [alike(client, route, pk) for pk in (foreign, missing, "nonsense")]
        assert seen[0][0] == (403 if route.staff else 404), route
        assert seen[0] == seen[1] == seen[2], route


@pytest.mark.prove
@pytest.mark.parametrize("route", [r for r in BY_ID if not r.staff], ids=lambda route: f"{route.method} {route.name}")
def test_foreign_and_missing_take_the_same_time(route: Route, garment: Garment, preset_model: PresetModel) -> None:
    """Turn by turn, so that what else the machine does hits both."""
    client = app_client()
    ids = {"foreign": str(getattr(owned(app_client()), route.of).pk), "missing": "00000000-0000-4000-8000-000000000000"}
    spent: dict[str, list[float]] = {name: [] for name in ids}
    for _ in range(300):
        for name, pk in ids.items():
            began = time.perf_counter()
            alike(client, route, pk)
            spent[name].append(time.perf_counter() - began)
    assert abs(statistics.median(spent["foreign"]) - statistics.median(spent["missing"])) < 0.005


def test_the_whole_namespace_is_in_a_matrix(garment: Garment, preset_model: PresetModel) -> None:
    """The API's routes are in this one, the pages' and pictures' in tests/storefront/test_access.py; two are left."""
    rest, included = set(), set()
    for pattern in tryon.urls.urlpatterns:
        if isinstance(pattern, URLPattern):
            rest.add(pattern.name)
        else:
            included.add(pattern.urlconf_name.__name__)
    assert included == {"tryon.storefront.urls", "tryon.api.urls"}
    assert rest == {"health", "webhook-in"}
    foreign = str(owned(app_client()).tryon.pk)
    for name, make in VISITORS.items():
        client = make()
        assert client.get(reverse("tryon:health")).status_code in (200, 503), name
        answers = set()
        with time_machine.travel(timezone.now(), tick=False):  # a header holds the second
            for pk in (foreign, "00000000-0000-4000-8000-000000000000"):
                url = reverse("tryon:webhook-in", kwargs={"alias": "fashn", "pk": pk, "token": "x"})
                answer = client.post(url, {}, format="json")
                answers.add((answer.status_code, answer.content, str(sorted(answer.headers.items()))))
        assert len(answers) == 1, name
        assert answers.pop()[0] == 401, name


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
