from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, photo_file, stored_files, with_photo
from tests.providers.fakes import jpeg, setting
from tryon.catalog import ProductCatalog
from tryon.choices import Operation, Status
from tryon.consent import current_notice
from tryon.ledger import price
from tryon.models import Consent, Garment, LedgerEntry, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.providers import get_provider
from tryon.runner.drain import Drain

pytestmark = pytest.mark.django_db

KEYS = [
    "id",
    "status",
    "stage",
    "progress",
    "eta_seconds",
    "queue_position",
    "created_at",
    "updated_at",
    "result",
    "outputs",
    "error",
]


PAID = {
    "fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": {"api_key": "x", "credit_price": 1}},
}


class NothingShown(ProductCatalog):
    """A shop that shows no product."""

    def get_product(self, ref: str) -> Any | None:
        return None


def start(client: APIClient, **wish: Any) -> Any:
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if (key := wish.pop("key", None)) is not None else {}
    return client.post(f"{API}tryons/", wish, format="json", **headers)


def test_a_preset_model_needs_no_photo_and_no_consent(
    app: APIClient, garment: Garment, preset_model: PresetModel
) -> None:
    answer = start(app, product="1", model_id=preset_model.pk)
    assert answer.status_code == 202
    body = answer.json()
    assert list(body) == KEYS
    assert (body["status"], body["stage"], body["queue_position"]) == ("queued", "waiting", 0)
    assert body["result"] is None
    assert body["error"] is None
    path = reverse("tryon:api-tryon", kwargs={"pk": body["id"]})
    assert answer["Location"] == f"http://testserver{path}"
    assert answer["Retry-After"] == "1"
    assert "Idempotency-Replayed" not in answer
    row = TryOnResult.objects.get()
    assert (row.garment, row.preset_model, row.photo, row.consent) == (garment, preset_model, None, None)


def test_an_inline_photo_is_stored_with_the_consent(app: APIClient, garment: Garment) -> None:
    answer = app.post(f"{API}tryons/", with_photo(garment=garment.pk), format="multipart")
    assert answer.status_code == 202
    row = TryOnResult.objects.get()
    assert row.photo is not None
    assert row.photo.consent.version == current_notice().version
    assert row.photo.consent.channel == "api"
    assert len(stored_files()) == 1


def test_options_may_come_as_json_text_in_a_form(app: APIClient, garment: Garment) -> None:
    form = with_photo(product="1", options=json.dumps({"tint": "#112233"}))
    assert app.post(f"{API}tryons/", form, format="multipart").status_code == 202
    assert TryOnResult.objects.get().options == {"tint": "#112233"}


def test_an_earlier_photo_by_its_id(web: APIClient, garment: Garment) -> None:
    photo = web.post(f"{API}photos/", with_photo(), format="multipart").json()
    assert start(web, product="1", photo_id=photo["id"]).status_code == 202
    assert str(TryOnResult.objects.get().photo_id) == photo["id"]


def test_a_new_browser_gets_its_cookie_with_the_first_try_on(garment: Garment, preset_model: PresetModel) -> None:
    web = browser_client()
    answer = web.post(
        f"{API}tryons/",
        {"product": "1", "model_id": preset_model.pk},
        format="json",
        secure=True,
        HTTP_REFERER="https://testserver/",
    )
    assert answer.status_code == 202
    cookie = answer.cookies["tryon_shopper"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert web.get(f"{API}tryons/{answer.json()['id']}/").status_code == 200


@pytest.mark.parametrize(
    ("wish", "pointers"),
    [
        ({}, ["/product"]),
        ({"product": "1"}, ["/photo"]),
        ({"product": "1", "garment": 1, "model_id": 1}, ["/product", "/garment"]),
        ({"product": "1", "model_id": 1, "photo_id": "x"}, ["/photo_id", "/model_id"]),
        ({"product": "1", "model_id": "one"}, ["/model_id"]),
        ({"product": "1", "model_id": 2**63}, ["/model_id"]),
        ({"product": "1", "model_id": -1}, ["/model_id"]),
        ({"product": "1", "model_id": True}, ["/model_id"]),
        ({"product": "1\x00", "model_id": 1}, ["/product"]),
        ({"product": "\ud800", "model_id": 1}, ["/product"]),
        ({"product": ["1"], "model_id": 1}, ["/product"]),
        ({"product": "1" * 201, "model_id": 1}, ["/product"]),
        ({"product": "1", "model_id": 1, "options": [1]}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": "{"}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": "[" * 5000}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": '{"a": 1e999}'}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": {"tint": "\x00"}}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": {"tint": "\ud800"}}, ["/options"]),
        ({"product": "1", "model_id": 1, "options": {"tint": "x" * 5000}}, ["/options"]),
    ],
)
def test_a_wrong_field_is_named_and_leaves_nothing(wish: dict[str, Any], pointers: list[str]) -> None:
    # not through the client's own encoder, which refuses some of these
    answer = browser_client().post(f"{API}tryons/", json.dumps(wish), content_type="application/json")
    assert answer.status_code == 422, answer.content
    body = answer.json()
    assert body["code"] == "invalid"
    assert [error["pointer"] for error in body["errors"]] == pointers
    assert not Shopper.objects.exists()
    assert not TryOnResult.objects.exists()


def test_an_option_no_provider_knows_is_named(garment: Garment, preset_model: PresetModel) -> None:
    answer = start(browser_client(), product="1", model_id=preset_model.pk, options={"colour": "red"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/options"
    assert "colour" in error["detail"]
    assert not Shopper.objects.exists()


@pytest.mark.parametrize(
    "wish",
    [
        {"product": "none", "model_id": 1},
        {"garment": 999, "model_id": 1},
        {"product": "1", "model_id": 999},
        {"product": "1", "photo_id": str(uuid.uuid4())},
        {"product": "1", "photo_id": "../../etc"},
        {"product": "1", "variant": "puce", "model_id": 1},
    ],
)
def test_what_is_not_there_is_404(
    app: APIClient, garment: Garment, preset_model: PresetModel, wish: dict[str, Any]
) -> None:
    answer = start(app, **wish)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("why", ["switched off", "product hidden"])
def test_a_garment_that_is_switched_off_is_like_a_missing_one(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any, why: str
) -> None:
    """Body and headers alike, by its own id and by its product."""
    if why == "switched off":
        Garment.objects.update(active=False)
    else:
        tryon_settings(CATALOG="tests.api.test_tryons.NothingShown")

    def answer(**wish: Any) -> Any:
        body = {**wish, "model_id": preset_model.pk}
        found = app.post(f"{API}tryons/", body, format="json", HTTP_X_REQUEST_ID="same")
        return found.status_code, found.content, sorted(found.headers.items())

    assert answer(garment=garment.pk)[0] == 404
    assert answer(garment=garment.pk) == answer(garment=garment.pk + 1) == answer(product="1") == answer(product="no")


def test_a_photo_as_text_is_refused(app: APIClient, garment: Garment) -> None:
    answer = start(app, product="1", photo="data:text/html;base64,PHNjcmlwdD4=")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_fields_that_are_not_ours_to_set_are_ignored(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any
) -> None:
    tryon_settings(PROVIDERS=PAID)
    wished = str(uuid.uuid4())
    answer = start(
        app,
        product="1",
        model_id=preset_model.pk,
        id=wished,
        status="done",
        owner=1,
        shopper=str(uuid.uuid4()),
        provider="expensive",
        credits=999,
        result_url="https://evil.test/",
    )
    assert answer.status_code == 202
    row = TryOnResult.objects.get()
    assert (row.status, row.provider, str(row.pk) == wished) == (Status.QUEUED, "fashn", False)
    assert row.shopper == Shopper.objects.get()
    entry = LedgerEntry.objects.get()
    cost = price(get_provider("fashn"), Operation.TRY_ON)
    assert (entry.shopper_id, entry.credits, entry.amount) == (row.shopper_id, cost.credits, cost.amount)
    assert cost.amount > 0
    assert not row.outputs.exists()


# ---------------------------------------------------------------- refused: nothing stays behind


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DAILY_LIMIT": 0}, "quota_shopper"),
        ({"MAX_QUEUE": 0}, "busy"),
        ({"ENABLED": False}, "not_available"),
    ],
)
def test_a_photo_whose_try_on_is_refused_is_deleted_again(
    garment: Garment, tryon_settings: Any, changes: dict[str, Any], code: str
) -> None:
    tryon_settings(**changes)
    answer = browser_client().post(f"{API}tryons/", with_photo(product="1"), format="multipart")
    assert answer.json()["code"] == code
    assert "tryon_shopper" not in answer.cookies
    assert stored_files() == []
    for model in (Shopper, Consent, ShopperPhoto, TryOnResult):
        assert not model.objects.exists()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("code", "changes"), [("quota_shopper", {"DAILY_LIMIT": 0}), ("busy", {"MAX_QUEUE": 0})])
def test_later_says_when(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any, code: str, changes: dict[str, int]
) -> None:
    tryon_settings(**changes)
    answer = start(app, product="1", model_id=preset_model.pk)
    assert answer.json()["code"] == code
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("version", "code", "status"), [("", "consent_missing", 422), ("old", "consent_outdated", 409)]
)
def test_no_consent_no_photo(garment: Garment, version: str, code: str, status: int) -> None:
    form = {"product": "1", "photo": photo_file(), "consent_version": version}
    answer = browser_client().post(f"{API}tryons/", form, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stored_files() == []
    assert not Shopper.objects.exists()


# ---------------------------------------------------------------- watching it


def waiting(client: APIClient) -> str:
    return str(start(client, product="1", model_id=PresetModel.objects.get().pk).json()["id"])


def test_a_poll_that_finds_nothing_new_is_304(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    url = f"{API}tryons/{waiting(app)}/"
    first = app.get(url)
    assert first.status_code == 200
    assert 2 <= int(first["Retry-After"]) <= 5
    again = app.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert "Retry-After" in again
    assert app.get(url, HTTP_IF_NONE_MATCH=f'W/{first["ETag"]}, "other"').status_code == 304
    assert app.get(url, HTTP_IF_NONE_MATCH='"other"').status_code == 200


def test_the_tag_changes_with_status_progress_place_and_language(
    app: APIClient, garment: Garment, preset_model: PresetModel
) -> None:
    pk = waiting(app)
    rows = TryOnResult.objects.filter(pk=pk)

    def tag(**headers: str) -> str:
        return str(app.get(f"{API}tryons/{pk}/", **headers)["ETag"])

    tags = [tag(), tag(HTTP_ACCEPT_LANGUAGE="de")]
    earlier = start(app_client(), product="1", model_id=preset_model.pk).json()["id"]
    TryOnResult.objects.filter(pk=earlier).update(created_at=timezone.now() - timedelta(minutes=1))
    tags.append(tag())
    rows.update(status=Status.PROCESSING, started_at=timezone.now(), progress=0.2)
    tags.append(tag())
    rows.update(progress=0.4)
    tags.append(tag())
    rows.move(Status.FAILED, error_code="no_person")
    tags.append(tag())
    assert len(set(tags)) == len(tags)


def test_a_failure_says_what_happened_in_the_language_asked_for(
    app: APIClient, garment: Garment, preset_model: PresetModel
) -> None:
    pk = waiting(app)
    TryOnResult.objects.filter(pk=pk).move(Status.FAILED, error_code="image_too_small", error_params={"limit": 300})
    answer = app.get(f"{API}tryons/{pk}/")
    assert "Retry-After" not in answer
    body = answer.json()
    assert (body["stage"], body["progress"], body["eta_seconds"]) == ("done", 1.0, None)
    assert body["error"]["code"] == "image_too_small"
    assert "300" in body["error"]["detail"]
    assert body["error"]["retryable"] is False


def test_cancel(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    pk = waiting(app)
    answer = app.post(f"{API}tryons/{pk}/cancel/")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]["code"]) == ("canceled", "canceled")
    assert app.post(f"{API}tryons/{pk}/cancel/").status_code == 409


def test_delete_takes_the_row_and_the_photo_at_once(app: APIClient, garment: Garment) -> None:
    pk = app.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"]
    answer = app.delete(f"{API}tryons/{pk}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not TryOnResult.objects.exists()
    assert stored_files() == []
    assert app.get(f"{API}tryons/{pk}/").status_code == 404
    assert app.delete(f"{API}tryons/{pk}/").status_code == 404


# ---------------------------------------------------------------- to the end


@pytest.mark.django_db(transaction=True)
def test_a_finished_preview_has_signed_links_for_apps_and_plain_ones_for_browsers(
    garment: Garment, preset_model: PresetModel
) -> None:
    for client, signed in ((app_client(), True), (browser_client(), False)):
        pk = client.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"]
        Drain(idle=0).run()
        answer = client.get(f"{API}tryons/{pk}/")
        body = answer.json()
        assert body["status"] == "succeeded"
        assert body["outputs"] == [body["result"]]
        result = body["result"]
        assert list(result) == ["url", "thumb_url", "width", "height", "expires_at", "ai_generated", "alt"]
        assert result["url"].startswith("http://testserver/tryon/pictures/")
        assert ("?key=" in result["url"]) is signed
        assert ("?key=" in result["thumb_url"]) is signed
        assert result["ai_generated"] is True
        assert "Crew tee" in result["alt"]
        assert "Retry-After" not in answer
        again = client.get(f"{API}tryons/{pk}/", HTTP_IF_NONE_MATCH=answer["ETag"])
        assert again.status_code == 304
        assert stored_files("results")
        client.delete(f"{API}tryons/{pk}/")
        assert stored_files("results") == []


@pytest.mark.django_db(transaction=True)
def test_a_refused_picture_ends_with_its_code(app: APIClient, garment: Garment, tryon_settings: Any) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code="several_people")})
    form = {"photo": photo_file(jpeg()), "consent_version": current_notice().version, "product": "1"}
    pk = app.post(f"{API}tryons/", form, format="multipart").json()["id"]
    Drain(idle=0).run()
    assert app.get(f"{API}tryons/{pk}/").json()["error"]["code"] == "several_people"
