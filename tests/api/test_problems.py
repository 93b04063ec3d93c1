"""Every error is a problem with a code, whatever went wrong and whoever noticed it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from rest_framework.test import APIClient
from rest_framework.views import APIView

from tests.api.conftest import API, CSRF, browser_client, stored_files
from tests.providers.fakes import jpeg
from tryon.api.base import TryOnView
from tryon.catalog import ProductCatalog
from tryon.choices import Status
from tryon.consent import current_notice
from tryon.errors import ERRORS
from tryon.models import Garment, PresetModel, TryOnOutput, TryOnResult

pytestmark = pytest.mark.django_db

KEYS = ["type", "title", "status", "detail", "code", "errors", "request_id"]


class BrokenCatalog(ProductCatalog):
    def get_product(self, ref: str) -> Any | None:
        raise RuntimeError("secret words from inside")


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert list(body) == KEYS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:tryon:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer["X-Request-ID"]
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert code in ERRORS
    return body


@pytest.mark.parametrize("path", ["", "nothing/", "tryons", "tryons/1/2/3/", "config", "../x", "%00"])
def test_404_of_an_address_we_do_not_have(client: Client, path: str) -> None:
    assert_problem(client.get(f"{API}{path}"), 404, "not_found")


@pytest.mark.parametrize("pk", ["1", "x", "00000000-0000-0000-0000-000000000000", "%00", "9" * 400, "{x}"])
def test_404_of_a_row(app: APIClient, pk: str) -> None:
    assert_problem(app.get(f"{API}tryons/{pk}/"), 404, "not_found")
    assert_problem(app.delete(f"{API}photos/{pk}/"), 404, "not_found")


def test_405_names_what_is_allowed(app: APIClient) -> None:
    answer = app.put(f"{API}tryons/", {}, format="json")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert_problem(app.options(f"{API}tryons/"), 405, "method_not_allowed")


def test_406(app: APIClient) -> None:
    assert_problem(app.get(f"{API}config/", HTTP_ACCEPT="text/csv"), 406, "not_acceptable")


def test_415(app: APIClient) -> None:
    for content_type in ("text/xml", "application/x-www-form-urlencoded", "nonsense"):
        answer = app.post(f"{API}tryons/", "a=b", content_type=content_type)
        assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": NaN}',
        b"[]",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"a":' * 40_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\x00",
    ],
)
def test_400_of_json_that_is_none(app: APIClient, body: bytes) -> None:
    answer = app.post(f"{API}tryons/", body, content_type="application/json")
    assert_problem(answer, 400, "malformed_request")


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "latin-1", "no-such"])
def test_a_charset_of_the_clients_choice_decodes_nothing(app: APIClient, charset: str) -> None:
    answer = app.post(f"{API}tryons/?x=%41", b"{}", content_type=f"application/json; charset={charset}")
    assert_problem(answer, 422, "invalid")


def test_400_of_a_json_body_that_is_too_long(app: APIClient) -> None:
    answer = app.post(f"{API}tryons/", b'{"a":"' + b"x" * 300_000 + b'"}', content_type="application/json")
    assert_problem(answer, 400, "malformed_request")


def test_djangos_own_limits_are_problems(app: APIClient, web: APIClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    for client in (app, web):
        long_json = client.post(f"{API}tryons/", {"product": "12345678901234567890"}, format="json")
        assert_problem(long_json, 400, "malformed_request")
        assert_problem(client.post(f"{API}photos/", {"a": "1" * 99}, format="multipart"), 400, "malformed_request")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data; boundary=B", "multipart/form-data; boundary=" + "B" * 300, "multipart/form-data"],
)
def test_400_of_a_form_that_is_cut_off(app: APIClient, web: APIClient, content_type: str) -> None:
    """From a browser too, where it is the CSRF check that reads the form first."""
    version = f'--B\r\nContent-Disposition: form-data; name="consent_version"\r\n\r\n{current_notice().version}\r\n'
    photo = b'--B\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n' + jpeg()
    for client in (app, web):
        answer = client.post(f"{API}photos/", version.encode() + photo, content_type=content_type)
        assert_problem(answer, 400, "malformed_request")
    assert stored_files() == []


def test_401_says_how(app: APIClient, garment: Garment) -> None:
    app.credentials(HTTP_AUTHORIZATION="Bearer wrong")
    for answer in (app.get(f"{API}tryons/"), app.get(f"{API}config/"), app.post(f"{API}photos/")):
        assert_problem(answer, 401, "not_authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"
    app.credentials(HTTP_AUTHORIZATION="Bearer")
    assert_problem(app.get(f"{API}tryons/"), 401, "not_authenticated")
    app.credentials(HTTP_AUTHORIZATION="Bearer a\xffb")
    assert_problem(app.get(f"{API}tryons/"), 401, "not_authenticated")


def test_403_without_a_csrf_token(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert_problem(strict.post(f"{API}photos/"), 403, "permission_denied")
    assert_problem(strict.post(f"{API}tryons/", {}, content_type="application/json"), 403, "permission_denied")
    assert_problem(strict.delete(f"{API}tryons/x/"), 403, "permission_denied")
    strict.cookies["csrftoken"] = CSRF
    wrong = strict.post(f"{API}tryons/", {}, content_type="application/json", headers={"x-csrftoken": "d" * 32})
    assert_problem(wrong, 403, "permission_denied")


def test_403_across_sites(web: APIClient) -> None:
    answer = web.post(f"{API}tryons/", {}, format="json", HTTP_ORIGIN="https://evil.test")
    assert_problem(answer, 403, "permission_denied")


def test_500_is_logged_and_tells_nothing(
    client: Client, garment: Garment, tryon_settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tryon_settings(CATALOG="tests.api.test_problems.BrokenCatalog")
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR, logger="tryon.api"):
        answer = client.get(f"{API}config/", {"product": "1"})
    assert_problem(answer, 500, "server_error")
    assert b"secret words" not in answer.content
    assert "secret words" in caplog.text


def test_500_of_a_poll(
    app: APIClient, garment: Garment, preset_model: PresetModel, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Its short way is outside of what makes problems of errors."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret words from inside")

    url = app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")["Location"]
    monkeypatch.setattr("tryon.links.reverse", broken)
    for status in (Status.SUBMITTING, Status.SUCCEEDED):
        TryOnResult.objects.all().move(status)
    TryOnOutput.objects.create(result=TryOnResult.objects.get(), width=1, height=1)
    app.raise_request_exception = False
    with caplog.at_level(logging.ERROR, logger="tryon.api"):
        answer = app.get(url)
    assert_problem(answer, 500, "server_error")
    assert "the short way of a poll failed" in caplog.text


def test_an_unexpected_error_is_seen_by_error_trackers(client: Client, garment: Garment, tryon_settings: Any) -> None:
    tryon_settings(CATALOG="tests.api.test_problems.BrokenCatalog")
    with pytest.raises(RuntimeError):  # Django's test client listens to the same signal as they do
        client.get(f"{API}config/", {"product": "1"})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Abc-123", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False), ("<x>", False)],
)
def test_a_sane_request_id_is_echoed(client: Client, sent: str, kept: bool) -> None:
    for path in ("config/", "nothing/"):
        answer = client.get(f"{API}{path}", headers={"x-request-id": sent})
        assert (answer["X-Request-ID"] == sent) is kept
        assert answer["X-Request-ID"]


@pytest.mark.parametrize("status", [409, 413, 429, 503])
def test_each_status_is_a_problem_in_the_language_asked_for(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any, status: int
) -> None:
    wish = {"product": "1", "model_id": preset_model.pk}
    code = {409: "already_over", 413: "file_size_too_large", 429: "quota_shopper", 503: "busy"}[status]
    row = app.post(f"{API}tryons/", wish, format="json")["Location"]
    app.post(f"{row}cancel/")
    tryon_settings(DAILY_LIMIT=0 if status == 429 else 100, MAX_QUEUE=0 if status == 503 else 10, MAX_UPLOAD_MB=1)

    def answer(language: str) -> dict[str, Any]:
        said = {"HTTP_ACCEPT_LANGUAGE": language}
        if status == 409:
            found = app.post(f"{row}cancel/", **said)
        elif status == 413:
            found = app.post(f"{API}photos/", b"x" * 1_100_000, content_type="image/jpeg", **said)
        else:
            found = app.post(f"{API}tryons/", wish, format="json", **said)
        assert ("Retry-After" in found) is (status in (429, 503))
        assert found["Content-Language"] == language
        return assert_problem(found, status, code)

    english, german = answer("en"), answer("de")
    assert english["title"] != german["title"]
    assert english["detail"] != german["detail"]


@pytest.mark.parametrize("middleware", [True, False])
def test_words_follow_the_language_and_codes_do_not(client: Client, settings: Any, middleware: bool) -> None:
    if not middleware:
        settings.MIDDLEWARE = [name for name in django_settings.MIDDLEWARE if "LocaleMiddleware" not in name]
    answers = {
        language: browser_client().post(f"{API}tryons/", {}, format="json", HTTP_ACCEPT_LANGUAGE=language)
        for language in ("en", "de")
    }
    assert answers["de"]["Content-Language"] == "de"
    assert answers["en"]["Content-Language"] == "en"
    for answer in answers.values():
        assert_problem(answer, 422, "invalid")
    required = {
        language: browser_client()
        .post(f"{API}photos/", {"a": "b"}, format="multipart", HTTP_ACCEPT_LANGUAGE=language)
        .json()["errors"][0]
        for language in ("en", "de")
    }
    assert required["en"]["code"] == required["de"]["code"] == "required"
    assert required["en"]["detail"] != required["de"]["detail"]


def test_a_strange_language_is_ignored(client: Client) -> None:
    for language in ("../../", "x" * 5000, "\x00", "en;q=nan"):
        assert client.get(f"{API}config/", headers={"accept-language": language}).status_code == 200


def test_answers_about_people_are_not_cached(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    made = app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    for answer in (made, app.get(f"{API}tryons/"), app.get(made["Location"]), app.get(f"{API}garments/")):
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert {"Cookie", "Authorization", "Accept-Language"} <= {name.strip() for name in answer["Vary"].split(",")}
        assert "Access-Control-Allow-Origin" not in answer


def test_the_projects_rest_framework_settings_change_nothing_here() -> None:
    policies = {name for name in vars(APIView) if name.endswith(("_class", "_classes"))}
    assert policies
    assert policies <= set(vars(TryOnView))
    assert "get_exception_handler" in vars(TryOnView)
