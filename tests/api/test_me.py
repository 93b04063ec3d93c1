"""What a shopper's own: the end of a session, feedback, everything deleted, everything taken along."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, stored_files, with_photo
from tryon.choices import Status
from tryon.models import Consent, ErasureReceipt, Feedback, Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.django_db


def a_preview(client: APIClient, status: Status = Status.QUEUED) -> str:
    pk = str(client.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"])
    if status == Status.SUCCEEDED:
        TryOnResult.objects.filter(pk=pk).move(Status.SUBMITTING)
        TryOnResult.objects.filter(pk=pk).move(Status.SUCCEEDED, provider="instant")
    return pk


# ---------------------------------------------------------------- the session


def test_a_session_that_was_ended_opens_nothing(garment: Garment) -> None:
    app = app_client()
    pk = a_preview(app)
    assert app.delete(f"{API}sessions/current/").status_code == 204
    for answer in (app.get(f"{API}tryons/{pk}/"), app.get(f"{API}config/"), app.delete(f"{API}sessions/current/")):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert TryOnResult.objects.filter(pk=pk).exists()  # it goes in time


def test_a_browser_has_no_session_to_end(garment: Garment) -> None:
    web = browser_client()
    a_preview(web)
    assert web.delete(f"{API}sessions/current/").status_code == 404
    assert web.get(f"{API}tryons/").json()["results"]


# ---------------------------------------------------------------- feedback


def test_feedback_on_a_finished_preview(app: APIClient, garment: Garment) -> None:
    url = f"{API}tryons/{a_preview(app, Status.SUCCEEDED)}/feedback/"
    answer = app.post(url, {"liked": False, "reasons": ["colour", "face", "colour"]}, format="json")
    assert (answer.status_code, answer.json()) == (200, {"liked": False, "reasons": ["colour", "face"]})
    assert app.post(url, {"liked": True}, format="json").json() == {"liked": True, "reasons": []}
    assert Feedback.objects.get().liked is True


@pytest.mark.parametrize(
    ("word", "pointer"),
    [
        ({}, "/liked"),
        ({"liked": "yes"}, "/liked"),
        ({"liked": 1}, "/liked"),
        ({"liked": None}, "/liked"),
        ({"liked": True, "reasons": ["other"]}, "/reasons/0"),
        ({"liked": True, "reasons": "face"}, "/reasons"),
        ({"liked": True, "reasons": ["face"] * 6}, "/reasons"),
    ],
)
def test_feedback_that_is_none(app: APIClient, garment: Garment, word: dict[str, Any], pointer: str) -> None:
    answer = app.post(f"{API}tryons/{a_preview(app, Status.SUCCEEDED)}/feedback/", word, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert not Feedback.objects.exists()


# ---------------------------------------------------------------- everything


def test_everything_is_deleted_and_the_receipt_counts_it(garment: Garment, preset_model: PresetModel) -> None:
    other = app_client()
    theirs = a_preview(other)
    app = app_client()
    a_preview(app, Status.SUCCEEDED)
    app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    kept = len(stored_files())
    answer = app.delete(f"{API}me/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["photos"], body["results"], body["consents_withdrawn"], body["left_over"]) == (1, 2, 1, 0)
    assert ErasureReceipt.objects.filter(pk=body["id"]).exists()
    assert app.get(f"{API}tryons/").json()["results"] == []
    assert len(stored_files()) == kept - 1
    assert other.get(f"{API}tryons/{theirs}/").status_code == 200
    again = app.delete(f"{API}me/").json()
    assert (again["photos"], again["results"]) == (0, 0)


def test_after_that_the_shopper_must_agree_again(app: APIClient, garment: Garment) -> None:
    a_preview(app)
    app.delete(f"{API}me/")
    form = {**with_photo(product="1"), "consent_version": ""}
    assert app.post(f"{API}tryons/", form, format="multipart").json()["code"] == "consent_missing"


def test_who_never_was_here_has_nothing_to_delete(web: APIClient) -> None:
    assert web.delete(f"{API}me/").status_code == 404
    assert not Shopper.objects.exists()
    assert not Consent.objects.exists()
    assert not ShopperPhoto.objects.exists()


def test_everything_of_mine_in_one_file(app: APIClient, garment: Garment) -> None:
    pk = a_preview(app)
    a_preview(app_client())  # somebody else's
    answer = app.get(f"{API}me/export/")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert "attachment" in answer["Content-Disposition"]
    assert answer["Cache-Control"] == "private, no-store"
    content = b"".join(answer.streaming_content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        data = json.loads(archive.read("data.json"))
        assert [preview["id"] for preview in data["previews"]] == [pk]
        assert len([name for name in archive.namelist() if name.startswith("photos/")]) == 1


def test_nobody_has_nothing_to_take_along(web: APIClient) -> None:
    answer = web.get(f"{API}me/export/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"
