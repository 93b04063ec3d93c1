"""The shop's own side over REST: the services of the studio, reached by who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.files.base import ContentFile
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API, browser_client, photo_file
from tests.api.test_access import a_shot, staff, staff_with
from tests.providers.fakes import jpeg
from tryon import webhooks
from tryon.catalog import ProductCatalog
from tryon.images.disclosure import mark_ai
from tryon.images.picture import Picture
from tryon.models import (
    Batch,
    EntryState,
    Garment,
    LedgerEntry,
    PresetModel,
    TryOnOutput,
    TryOnResult,
    WebhookEndpoint,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db: None) -> APIClient:
    return staff()


def post(client: APIClient, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"{API}{path}", body, format="json", **headers)


# ---------------------------------------------------------------- garments


def test_a_garment_is_added_and_switched_off(boss: APIClient) -> None:
    form = {"product": "7", "variant": "Ink", "name": "Tee", "category": "upper"}
    answer = boss.post(f"{API}garments/", {**form, "picture": photo_file(jpeg(500, 600))}, format="multipart")
    assert answer.status_code == 201
    body = answer.json()
    assert {name: body[name] for name in ("product", "variant", "category", "active")} == {
        "product": "7",
        "variant": "Ink",
        "category": "upper",
        "active": True,
    }
    answer = boss.patch(f"{API}garments/{body['id']}/", {"active": False, "name": "Old tee"}, format="json")
    assert (answer.json()["active"], answer.json()["name"]) == (False, "Old tee (Ink)")
    assert browser_client().get(f"{API}garments/").json()["results"] == []


def test_a_garment_picture_goes_through_intake(boss: APIClient) -> None:
    form = {"product": "7", "name": "Tee", "category": "upper", "picture": photo_file(b"<svg/>")}
    answer = boss.post(f"{API}garments/", form, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_image_format")
    assert not Garment.objects.exists()


def test_staff_see_what_is_switched_off(boss: APIClient, garment: Garment) -> None:
    Garment.objects.update(active=False)
    (row,) = boss.get(f"{API}garments/?active=false").json()["results"]
    assert (row["id"], row["available"]) == (garment.pk, False)
    assert boss.get(f"{API}garments/{garment.pk}/").json()["active"] is False
    assert boss.get(f"{API}garments/?active=true").json()["results"] == []
    for stranger in (browser_client(), staff_with("change_garment")):
        assert stranger.get(f"{API}garments/?active=false").status_code == 403
        assert stranger.get(f"{API}garments/?active=true").json()["results"] == []


def test_every_act_is_in_the_log(boss: APIClient) -> None:
    """Who did what: as many entries as acts, and none for what was refused."""
    form = {"product": "7", "name": "Tee", "category": "upper"}
    for _ in range(2):
        boss.post(f"{API}garments/", {**form, "picture": photo_file(jpeg(500, 600))}, format="multipart")
    boss.post(f"{API}garments/", {**form, "picture": photo_file(b"none")}, format="multipart")
    pk = Garment.objects.get().pk
    boss.patch(f"{API}garments/{pk}/", {"active": False}, format="json")
    boss.patch(f"{API}garments/{pk}/", {"category": "hat"}, format="json")
    hook = post(boss, "webhooks/", {"url": "https://hooks.test/x"}).json()["id"]
    post(boss, "webhooks/", {"url": "http://hooks.test/x"})
    boss.patch(f"{API}webhooks/{hook}/", {"enabled": False}, format="json")
    post(boss, f"webhooks/{hook}/rotate/")
    post(boss, f"webhooks/{hook}/test/")
    boss.delete(f"{API}webhooks/{hook}/")
    boss.delete(f"{API}webhooks/{hook}/")
    told = LogEntry.objects.order_by("pk").values_list("object_id", "action_flag", "change_message", "user__username")
    assert list(told) == [
        (str(pk), ADDITION, "added", "staff"),
        (str(pk), CHANGE, "replaced", "staff"),
        (str(pk), CHANGE, "changed: active=False", "staff"),
        (hook, ADDITION, "added", "staff"),
        (hook, CHANGE, "changed: enabled=False", "staff"),
        (hook, CHANGE, "new secret", "staff"),
        (hook, CHANGE, "test event sent", "staff"),
        (hook, DELETION, "deleted", "staff"),
    ]


@pytest.mark.parametrize("pk", ["0", "999999", "x", "9" * 30])
def test_no_such_garment(boss: APIClient, pk: str) -> None:
    assert boss.get(f"{API}garments/{pk}/").status_code == 404
    assert boss.patch(f"{API}garments/{pk}/", {}, format="json").status_code == 404


# ---------------------------------------------------------------- batches


@pytest.fixture
def order(garment: Garment, preset_model: PresetModel) -> dict[str, Any]:
    return {"products": ["1"], "models": [preset_model.pk]}


def test_a_dry_run_says_what_it_comes_to_and_makes_nothing(boss: APIClient, order: dict[str, Any]) -> None:
    answer = post(boss, "batches/", {**order, "variants": 2, "dry_run": True})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["garments"], body["shots"], body["most"], body["over_budget"]) == (1, 2, "0.0000", False)
    assert [line["provider"] for line in body["providers"]] == ["instant"]
    assert not Batch.objects.exists()
    assert not TryOnResult.objects.exists()


def test_a_dry_run_says_what_is_skipped(boss: APIClient, order: dict[str, Any], garment: Garment) -> None:
    Garment.objects.update(active=False)
    body = post(boss, "batches/", {"garments": [garment.pk], "models": order["models"], "dry_run": True}).json()
    assert (body["shots"], [line["garments"] for line in body["skipped"]]) == (0, [1])


def test_an_order_with_a_key_is_made_once(boss: APIClient, order: dict[str, Any]) -> None:
    first = post(boss, "batches/", order, HTTP_IDEMPOTENCY_KEY="spring")
    again = post(boss, "batches/", order, HTTP_IDEMPOTENCY_KEY="spring")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    other = post(staff_with("generate_shots"), "batches/", order, HTTP_IDEMPOTENCY_KEY="spring")
    assert other.json()["id"] != first.json()["id"]
    assert Batch.objects.count() == 2


def test_a_batch_is_watched_paused_resumed_and_canceled(boss: APIClient, order: dict[str, Any]) -> None:
    pk = post(boss, "batches/", {**order, "name": "Spring"}).json()["id"]
    body = boss.get(f"{API}batches/{pk}/").json()
    assert (body["name"], body["status"], body["total"]) == ("Spring", "running", 1)
    assert body["progress"]["counts"] == {"queued": 1}
    assert post(boss, f"batches/{pk}/pause/").json()["status"] == "paused"
    assert post(boss, f"batches/{pk}/resume/").json()["status"] == "running"
    body = post(boss, f"batches/{pk}/cancel/").json()
    assert (body["status"], body["progress"]["counts"]) == ("canceled", {"canceled": 1})
    assert [row["id"] for row in boss.get(f"{API}batches/").json()["results"]] == [pk]


def test_money_is_for_who_may_see_it(order: dict[str, Any]) -> None:
    """Who orders is told what it would cost, as in the admin; what was spent is another matter."""
    amounts = ("quoted_low", "quoted_high", "max_cost")
    for name, permissions in (("thrifty", ["generate_shots"]), ("keeper", ["generate_shots", "see_spend"])):
        client = staff_with(*permissions, name=name)
        made = post(client, "batches/", {**order, "max_cost": "9"})
        seen = "see_spend" in permissions
        for body in (
            made.json(),
            client.get(f"{API}batches/{made.json()['id']}/").json(),
            client.get(f"{API}batches/").json()["results"][0],
            post(client, f"batches/{made.json()['id']}/pause/").json(),
        ):
            assert [body[amount] is not None for amount in amounts] == [seen] * 3
            progress = body["progress"]
            assert progress is None or {progress["spent"] is not None, progress["reserved"] is not None} == {seen}
        assert post(client, "batches/", {**order, "dry_run": True}).json()["most"] == "0.0000"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"products": ["none"]}, "/garments"),
        ({"products": ["1"], "garments": [1]}, "/products"),
        ({"variants": 99}, "/variants"),
        ({"variants": "2"}, "/variants"),
        ({"themes": ["x"] * 13}, "/themes"),
        ({"max_cost": "1.234"}, "/max_cost"),
        ({"max_cost": 5}, "/max_cost"),
        ({"options": {"instant": {"colour": "red"}}}, "/options"),
        ({"models": []}, "/garments"),
    ],
)
def test_an_order_that_is_none(boss: APIClient, order: dict[str, Any], change: dict[str, Any], pointer: str) -> None:
    answer = post(boss, "batches/", {**order, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.content
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert not Batch.objects.exists()


# ---------------------------------------------------------------- shots


def test_a_shot_is_found_and_approved(boss: APIClient, garment: Garment) -> None:
    shot = a_shot(garment)
    (row,) = boss.get(f"{API}shots/").json()["results"]
    assert (row["id"], row["status"], row["product"], row["ai_generated"]) == (str(shot.pk), "to_review", "1", True)
    answer = post(boss, f"shots/{shot.pk}/approve/")
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    assert boss.get(f"{API}shots/").json()["results"] == []
    assert len(boss.get(f"{API}shots/?status=approved").json()["results"]) == 1
    assert boss.get(f"{API}shots/?status=published").json()["results"] == []


@pytest.mark.parametrize("who", ["browser", "token"])
def test_the_pictures_of_a_shot_open(boss: APIClient, garment: Garment, settings: Any, who: str) -> None:
    """Nobody owns a shot, so no cookie opens it, not even that of staff."""
    a_shot(garment)
    client = boss
    if who == "token":
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tests.api.test_staff.HostTokens"]}
        client = APIClient(HTTP_AUTHORIZATION="Shop staff")
    (row,) = client.get(f"{API}shots/").json()["results"]
    for url in (row["url"], row["thumb_url"]):
        assert client.get(url).status_code == APIClient().get(url).status_code == 200
    with time_machine.travel(datetime.fromisoformat(row["expires_at"])):
        assert client.get(row["url"]).status_code == 404


def test_the_last_published_shot_comes_first(boss: APIClient, garment: Garment) -> None:
    older, newer = a_shot(garment, review="approved"), a_shot(garment, review="approved")
    now = timezone.now()
    TryOnOutput.objects.filter(pk=older.pk).update(published_at=now)
    TryOnOutput.objects.filter(pk=newer.pk).update(published_at=now - timedelta(minutes=1))
    page = boss.get(f"{API}shots/?status=published").json()["results"]
    assert [row["id"] for row in page] == [str(older.pk), str(newer.pk)]


class OneGallery(ProductCatalog):
    """The pictures of every product, in memory."""

    shown: ClassVar[list[str]] = []

    def gallery(self, product: Any, variant: str = "") -> list[str]:
        return list(self.shown)

    def publish(self, product: Any, output: Any, alt: str, **kwargs: Any) -> dict[str, Any]:
        before = list(self.shown)
        self.shown.insert(kwargs["position"], alt)
        return {"before": before}

    def unpublish(self, product: Any, output: Any, published_as: dict[str, Any]) -> None:
        self.shown[:] = published_as["before"]


def test_a_shot_is_approved_published_and_taken_back(
    boss: APIClient, garment: Garment, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(CATALOG="tests.api.test_staff.OneGallery")
    OneGallery.shown[:] = ["front", "back"]
    shot = a_shot(garment)
    for size in ("file", "card", "thumb"):
        file = getattr(shot, size)
        data = mark_ai(Picture.of(jpeg(300, 400), "image/jpeg", (300, 400))).data
        file.storage.delete(file.name)
        file.storage.save(file.name, ContentFile(data))
    assert post(boss, f"shots/{shot.pk}/approve/").json()["status"] == "approved"
    body = post(boss, f"shots/{shot.pk}/publish/", {"alt": "Worn by a model", "first": True}).json()
    assert (body["status"], body["alt"]) == ("published", "Worn by a model")
    assert body["published_at"]
    assert OneGallery.shown == ["Worn by a model", "front", "back"]
    assert [row["id"] for row in boss.get(f"{API}shots/?status=published").json()["results"]] == [str(shot.pk)]
    assert post(boss, f"shots/{shot.pk}/publish/").json()["code"] == "not_publishable"
    body = post(boss, f"shots/{shot.pk}/unpublish/").json()
    assert (body["status"], body["published_at"]) == ("approved", None)
    assert OneGallery.shown == ["front", "back"]
    told = LogEntry.objects.filter(object_id=str(shot.result_id)).order_by("pk")
    assert len(told) == 3, [entry.change_message for entry in told]


def test_a_rejection_needs_a_reason_of_the_list(boss: APIClient, garment: Garment) -> None:
    shot = a_shot(garment)
    for body in ({}, {"reasons": []}, {"reasons": ["ugly"]}):
        assert post(boss, f"shots/{shot.pk}/reject/", body).status_code == 422
    body = post(boss, f"shots/{shot.pk}/reject/", {"reasons": ["colour", "hands"]}).json()
    assert (body["status"], body["reasons"]) == ("rejected", ["colour", "hands"])


def test_somebody_else_has_it_open(boss: APIClient, garment: Garment, django_user_model: Any) -> None:
    from tryon.studio import review

    shot = a_shot(garment)
    review.claim(review.to_review(), review.Reviewer.staff(django_user_model.objects.create_user("quick")))
    answer = post(boss, f"shots/{shot.pk}/approve/")
    assert (answer.status_code, answer.json()["code"]) == (409, "decided_already")


def test_what_can_not_be_published_says_why(boss: APIClient, garment: Garment) -> None:
    answer = post(boss, f"shots/{a_shot(garment).pk}/publish/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_publishable")
    assert "not approved" in answer.json()["detail"]


def test_a_shoppers_preview_is_no_shot(boss: APIClient, garment: Garment) -> None:
    shot = a_shot(garment, review="")
    assert boss.get(f"{API}shots/").json()["results"] == []
    assert post(boss, f"shots/{shot.pk}/approve/").status_code == 404


# ---------------------------------------------------------------- money


def test_spend(boss: APIClient, garment: Garment) -> None:
    for state, amount in (
        (EntryState.COMMITTED, "0.10"),
        (EntryState.UNCERTAIN, "0.02"),
        (EntryState.RESERVED, "0.03"),
    ):
        row = TryOnResult.objects.create(garment=garment, deadline_at="2030-01-01T00:00Z")
        LedgerEntry.objects.create(
            result_id=row.pk, provider="fashn", operation="try_on", state=state.value, amount=amount, credits=1
        )
    body = boss.get(f"{API}spend/?provider=fashn&since=2020-01-01T00:00:00Z").json()
    assert (body["spent"], body["committed"], body["uncertain"]) == ("0.1200", "0.1000", "0.0200")
    assert (body["reserved"], body["credits"], body["currency"]) == ("0.0300", "2.0000", "USD")
    assert boss.get(f"{API}spend/?provider=other").json()["spent"] == "0.0000"
    assert boss.get(f"{API}spend/?since=yesterday").status_code == 422


# ---------------------------------------------------------------- webhooks


def test_a_webhook_is_made_changed_rotated_and_deleted(boss: APIClient) -> None:
    made = post(boss, "webhooks/", {"url": "https://hooks.test/x", "events": ["tryon.finished"]}).json()
    url = f"{API}webhooks/{made['id']}/"
    endpoint = WebhookEndpoint.objects.get()
    assert made["secret"] == webhooks.secret(endpoint)
    assert "secret" not in boss.get(url).json()
    assert "secret" not in boss.get(f"{API}webhooks/").json()["results"][0]
    off = boss.patch(url, {"enabled": False}, format="json").json()
    assert (off["enabled"], off["url"], off["events"]) == (False, "https://hooks.test/x", ["tryon.finished"])
    assert boss.patch(url, {"enabled": True, "events": []}, format="json").json()["enabled"] is True
    rotated = post(boss, f"webhooks/{made['id']}/rotate/").json()
    assert rotated["secret"] not in ("", made["secret"])
    assert post(boss, f"webhooks/{made['id']}/test/").status_code == 202
    assert endpoint.deliveries.get().event == "webhook.test"
    assert boss.delete(url).status_code == 204
    assert boss.get(url).status_code == 404


# where a name leads is checked when it is called; see tests/test_webhooks.py
@pytest.mark.parametrize(
    "url", ["http://hooks.test/", "https://hooks.test:8443/", "ftp://x/", "https://a@b.test/", "x"]
)
def test_an_address_that_may_not_be_called_is_not_taken(boss: APIClient, url: str) -> None:
    answer = post(boss, "webhooks/", {"url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"


# ---------------------------------------------------------------- the project's own authentication


class HostTokens:
    """What a shop's own API may use: ``Authorization: Shop <name>``."""

    def authenticate(self, request: Any) -> tuple[Any, str] | None:
        from django.contrib.auth import get_user_model
        from rest_framework.exceptions import AuthenticationFailed

        scheme, _space, name = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme != "Shop":
            return None
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise AuthenticationFailed
        return user, "a token"

    def authenticate_header(self, request: Any) -> str:
        return "Shop"


def test_the_projects_own_authentication_is_respected(
    garment: Garment,
    preset_model: PresetModel,
    settings: Any,
    django_user_model: Any,
) -> None:
    anna = django_user_model.objects.create_superuser("anna")
    client = APIClient(enforce_csrf_checks=True, HTTP_AUTHORIZATION="Shop anna")
    wish = {"product": "1", "model_id": preset_model.pk}
    assert client.post(f"{API}tryons/", wish, format="json").status_code == 403  # not named yet: nobody, without CSRF
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tests.api.test_staff.HostTokens"]}
    answer = client.post(f"{API}tryons/", wish, format="json")
    assert answer.status_code == 202
    assert TryOnResult.objects.get().shopper.user == anna  # type: ignore[union-attr]
    assert client.get(f"{API}tryons/{answer.json()['id']}/").status_code == 200
    assert client.get(f"{API}shots/").status_code == 200
    stranger = APIClient(HTTP_AUTHORIZATION="Shop nobody")
    assert stranger.get(f"{API}tryons/").status_code == 401
    assert "tryon_shopper" not in answer.cookies
