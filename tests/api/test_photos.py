from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.dateparse import parse_datetime
from PIL import Image
from rest_framework.test import APIClient

from tests.api.conftest import API, CSRF, PRIVATE, browser_client, photo_file, stored_files, with_photo
from tests.providers.fakes import jpeg
from tryon.consent import current_notice
from tryon.models import Consent, Shopper, ShopperPhoto

pytestmark = pytest.mark.django_db


def test_a_photo_is_kept_with_the_consent(app: APIClient) -> None:
    answer = app.post(f"{API}photos/", with_photo(), format="multipart")
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["id", "width", "height", "expires_at", "warnings"]
    photo = ShopperPhoto.objects.get()
    assert body["id"] == str(photo.pk)
    assert (body["width"], body["height"], body["warnings"]) == (600, 800, [])
    assert parse_datetime(body["expires_at"]) == photo.expires_at
    assert photo.consent.channel == "api"
    assert len(stored_files()) == 1


def test_a_browser_gets_its_cookie_and_is_known_the_next_time(web: APIClient) -> None:
    first = web.post(f"{API}photos/", with_photo(), format="multipart")
    assert first.cookies["tryon_shopper"]["httponly"]
    again = web.post(f"{API}photos/", with_photo(), format="multipart")
    assert again.status_code == 201
    assert Shopper.objects.count() == Consent.objects.count() == 1
    assert Consent.objects.get().channel == "web"


def test_the_csrf_token_may_be_in_the_form(web: APIClient) -> None:
    web.credentials()
    answer = web.post(f"{API}photos/", with_photo(csrfmiddlewaretoken=CSRF), format="multipart")
    assert answer.status_code == 201


def test_consent_once_given_need_not_be_named_again(app: APIClient) -> None:
    assert app.post(f"{API}photos/", {"photo": photo_file()}, format="multipart").json()["code"] == "consent_missing"
    app.post(f"{API}photos/", with_photo(), format="multipart")
    assert app.post(f"{API}photos/", {"photo": photo_file()}, format="multipart").status_code == 201


def test_name_and_type_of_the_file_play_no_part(app: APIClient) -> None:
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg())).save(stream, "PNG")
    for name, content_type in (("../../x.exe", "text/html"), ("a.php\u202egpj", ""), ("x" * 900, "image/svg+xml")):
        file = SimpleUploadedFile("x", stream.getvalue(), content_type)
        file._name = name  # the class cleans what it is given; a client doesn't  # type: ignore[attr-defined]
        form = {"photo": file, "consent_version": current_notice().version}
        assert app.post(f"{API}photos/", form, format="multipart").status_code == 201
    assert all(len(name) == 36 and name.endswith(".jpg") for name in stored_files())


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "malformed_image"),
        (b"<html>", 415, "unsupported_image_format"),
        (jpeg()[:300], 422, "malformed_image"),
        (jpeg(200, 200), 422, "image_too_small"),
        (jpeg(300, 3000), 422, "aspect_ratio"),
    ],
)
def test_a_bad_file_leaves_nothing(web: APIClient, data: bytes, status: int, code: str) -> None:
    form = {"photo": photo_file(data), "consent_version": current_notice().version}
    answer = web.post(f"{API}photos/", form, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stored_files() == []
    assert not Shopper.objects.exists()
    assert not Consent.objects.exists()


@pytest.mark.parametrize("version", ["", "old"])
def test_no_consent_no_cookie_and_no_shopper(web: APIClient, version: str) -> None:
    answer = web.post(f"{API}photos/", {"photo": photo_file(), "consent_version": version}, format="multipart")
    assert answer.json()["code"] == ("consent_outdated" if version else "consent_missing")
    assert "tryon_shopper" not in answer.cookies
    assert not Shopper.objects.exists()
    assert stored_files() == []


def test_a_storage_that_refuses_is_said_and_a_try_on_leaves_nothing(app: APIClient, tmp_path: Path) -> None:
    PRIVATE.mkdir(parents=True, exist_ok=True)
    (PRIVATE / "photos").write_text("not a folder")
    try:
        answer = app.post(f"{API}photos/", with_photo(), format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert answer["Retry-After"] == "60"
    finally:
        (PRIVATE / "photos").unlink()
    assert not ShopperPhoto.objects.exists()


def test_a_body_over_the_limit_is_refused_by_its_length(app: APIClient, tryon_settings: Any) -> None:
    tryon_settings(MAX_UPLOAD_MB=1)
    answer = app.post(f"{API}photos/", with_photo(photo=photo_file(b"\xff" * 2_000_000)), format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_size_too_large")
    assert "1 MB" in answer.json()["detail"]
    # just over: the body passes, the file does not
    answer = app.post(f"{API}photos/", with_photo(photo=photo_file(b"\xff" * 1_100_000)), format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_size_too_large")


def test_only_forms_are_taken(app: APIClient) -> None:
    answer = app.post(f"{API}photos/", {"photo": "data:,x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_delete_takes_row_and_file(app: APIClient) -> None:
    pk = app.post(f"{API}photos/", with_photo(), format="multipart").json()["id"]
    assert app.delete(f"{API}photos/{pk}/").status_code == 204
    assert stored_files() == []
    assert not ShopperPhoto.objects.exists()
    assert app.delete(f"{API}photos/{pk}/").status_code == 404


def test_uploads_are_limited_by_shopper_and_by_address(monkeypatch: pytest.MonkeyPatch, app: APIClient) -> None:
    form = {"photo": b"", "consent_version": ""}
    monkeypatch.setattr("tryon.api.throttles.ShopperUploadThrottle.rate", "2/min")
    codes = [app.post(f"{API}photos/", form, format="multipart").status_code for _ in range(3)]
    assert codes == [422, 422, 429]
    monkeypatch.setattr("tryon.api.throttles.AddressUploadThrottle.rate", "5/min")
    newcomers = [browser_client().post(f"{API}photos/", form, format="multipart") for _ in range(3)]
    assert [answer.status_code for answer in newcomers] == [422, 422, 429]
    assert int(newcomers[2]["Retry-After"]) > 0
