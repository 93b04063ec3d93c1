"""The hostile requests of the shared corpus, over real sockets. What is about behaviour only has its test elsewhere."""

from __future__ import annotations

import base64
import http.client
import importlib
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, stored_files
from tests.conftest import SHARED, need
from tests.providers.fakes import jpeg
from tryon.api.throttles import AddressUploadThrottle, ShopperUploadThrottle
from tryon.consent import current_notice
from tryon.models import Garment, PresetModel, ShopperPhoto, TryOnResult

CASES = SHARED / "hostile" / "http_cases.jsonl"
MULTIPART = "multipart/form-data; boundary=BOUND"
UPLOADS = ("photos/", "tryons/")

# case -> the test that proves it
ELSEWHERE = {
    "h027": "test_tryons.test_a_garment_that_is_switched_off_is_like_a_missing_one",
    "h029": "test_tryons.test_fields_that_are_not_ours_to_set_are_ignored",
    "h035": "test_access.test_two_people_at_one_browser",
    "h037": "test_idempotency.test_the_same_key_gives_the_same_answer",
    "h039": "test_idempotency.test_one_key_many_threads",
    "h041": "test_idempotency.test_keys_belong_to_their_shopper",
}
NOT_THE_APIS = {"h045": "pictures are served by the storefront's views"}
HERE = {
    *("h001", "h003", "h005", "h007", "h009", "h011", "h021", "h023", "h025"),  # bodies
    *("h013", "h015", "h017", "h019", "h031", "h033", "h043", "h047", "h049"),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, Any]]:
    lines = need(CASES, "the hostile corpus").read_text().splitlines()
    return {case["id"]: case for case in map(json.loads, lines)}


def test_every_case_has_its_test(cases: dict[str, Any]) -> None:
    assert set(cases) == HERE | set(ELSEWHERE) | set(NOT_THE_APIS)
    for name in ELSEWHERE.values():
        module, _dot, function = name.partition(".")
        assert callable(getattr(importlib.import_module(f"tests.api.{module}"), function))


# ---------------------------------------------------------------- a client that sends what it is told


class Server:
    def __init__(self, url: str, token: str) -> None:
        self.host, _colon, port = url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.token = token

    def head(self, path: str, *lines: str) -> bytes:
        start = f"POST {API}{path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.token}\r\n"
        return (start + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=30)

    def post(self, path: str, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {self.token}"}
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            connection.request("POST", f"{API}{path}", body, headers)
            return read(connection.getresponse())

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            connection.request("GET", f"{API}{path}", headers={n.replace("_", "-"): v for n, v in headers.items()})
            with connection.getresponse() as response:
                return response.status, response.headers, response.read()


def read(response: http.client.HTTPResponse) -> tuple[int, dict[str, Any]]:
    with response:
        return response.status, json.loads(response.read())


def answer_on(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    return read(response)


@pytest.fixture
def server(live_server: Any, garment: Garment) -> Server:
    client = app_client()
    form = (
        part("consent_version", current_notice().version.encode()) + part("photo", jpeg(), "a.jpg") + b"--BOUND--\r\n"
    )
    token = client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    server = Server(live_server.url, token)
    # this shopper has agreed already, so that the cases are judged by what they are about
    status, body = server.post("photos/", form, MULTIPART)
    assert status == 201
    client.delete(f"{API}photos/{body['id']}/")
    return server


def part(name: str, value: bytes, filename: str = "") -> bytes:
    file = f'; filename="{filename}"' if filename else ""
    return f'--BOUND\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


def generated(recipe: str) -> tuple[bytes, str]:
    """Body and type of a case that is too long for the file."""
    kind, _colon, size = recipe.partition(":")
    if kind == "fields":
        fields = b"".join(part(f"f{number}", b"1") for number in range(int(size)))
        return fields + b"--BOUND--\r\n", MULTIPART
    if kind == "part_header":
        long = b'--BOUND\r\nContent-Disposition: form-data; name="photo"\r\nX-Long: ' + b"a" * int(size)
        return long + b"\r\n\r\nx\r\n--BOUND--\r\n", MULTIPART
    if kind == "deep_json":
        return b'{"options":' * 10_000 + b"1" + b"}" * 10_000, "application/json"
    assert kind == "bad_utf8"
    return b'{"product": "\xff\xfe"}', "application/json"


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize(
    "case_id", sorted(HERE - {"h013", "h015", "h017", "h019", "h031", "h033", "h043", "h047", "h049"})
)
def test_bodies(server: Server, cases: dict[str, Any], case_id: str, path: str) -> None:
    case = cases[case_id]
    if "gen" in case:
        body, content_type = generated(case["gen"])
    else:
        content_type = case["content_type"]
        body = case["body"].replace("{JPEG_B64}", base64.b64encode(jpeg()).decode()).encode()
        body = body.replace(b"{JPEG}", jpeg())
    status, answer = server.post(path, body, content_type)
    expected = {int(number) for number in re.findall(r"\d{3}", case["expect"])}
    if case_id == "h011" and path == "tryons/":
        expected = {422}  # the file is read; the garment is missing
    assert status in expected, answer
    if status >= 400:
        assert answer["code"]
    assert not TryOnResult.objects.exists()
    assert ShopperPhoto.objects.count() == len(stored_files()) == (status == 201)


# ---------------------------------------------------------------- what happens on the wire


def photo_form() -> bytes:
    version = part("consent_version", current_notice().version.encode())
    return version + part("photo", jpeg(), "a.jpg") + b"--BOUND--\r\n"


def test_h013_a_body_shorter_than_announced(server: Server) -> None:
    body = photo_form()
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(server.head("photos/", f"Content-Type: {MULTIPART}", f"Content-Length: {len(body) + 999}"))
        connection.sendall(body[:-200])
        connection.shutdown(socket.SHUT_WR)
        status, answer = answer_on(connection)
    assert (status, answer["code"]) == (400, "malformed_request")
    assert time.monotonic() - started < 30
    assert stored_files() == []


def test_h015_a_body_without_an_end(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(server.head("photos/", f"Content-Type: {MULTIPART}", "Transfer-Encoding: chunked"))
        status, answer = answer_on(connection)
    assert (status, answer["code"]) == (413, "file_size_too_large")


def test_h017_a_client_that_goes_away_half_way(server: Server, settings: Any, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1024
    with server.connect() as connection:
        connection.sendall(server.head("photos/", f"Content-Type: {MULTIPART}", "Content-Length: 900000"))
        connection.sendall(part("photo", b"\xff\xd8\xff" + b"x" * 400_000, "a.jpg"))
        until(lambda: bool(list(tmp_path.iterdir())), "the upload has begun")
    until(lambda: not list(tmp_path.iterdir()), "the half of a file is gone")
    assert stored_files() == []
    assert not ShopperPhoto.objects.exists()


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_h019_expect_100_continue(server: Server) -> None:
    body = photo_form()
    lines = (f"Content-Type: {MULTIPART}", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with server.connect() as connection:
        connection.sendall(server.head("photos/", *lines))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        status, _answer = answer_on(connection)
    assert status == 201


@pytest.mark.django_db
def test_h031_a_cookie_without_a_csrf_token(
    garment: Garment, preset_model: PresetModel, django_user_model: Any
) -> None:
    need(CASES, "the hostile corpus")
    wish = {"product": "1", "model_id": preset_model.pk}
    shopper, user = browser_client(), browser_client()
    assert shopper.post(f"{API}tryons/", wish, format="json").status_code == 202
    user.force_login(django_user_model.objects.create_user("somebody"))
    for client in (shopper, user):
        client.credentials()
        assert client.post(f"{API}tryons/", wish, format="json").status_code == 403
    assert TryOnResult.objects.count() == 1


@pytest.mark.django_db
def test_h033_a_browser_that_refuses_cookies(garment: Garment, preset_model: PresetModel) -> None:
    client = APIClient(enforce_csrf_checks=True, HTTP_X_CSRFTOKEN="c" * 32)
    answer = client.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not TryOnResult.objects.exists()


def test_h043_a_thousand_uploads_in_a_minute_are_too_many() -> None:
    """That the throttles answer 429 is tested with the photos; here, that their rates are under the corpus's flood."""
    for throttle in (ShopperUploadThrottle(), AddressUploadThrottle()):
        assert throttle.num_requests is not None
        assert throttle.num_requests < 1000
        assert throttle.duration == 60


def test_h047_another_host(server: Server, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [server.host]
    for path in ("config/", "garments/"):
        status, _headers, body = server.get(path, Host="evil.test")
        assert status == 400
        assert b"evil.test" not in body


def test_h049_a_language_that_is_a_path(server: Server) -> None:
    status, headers, _body = server.get("config/", Accept_Language="../../")
    assert (status, headers["Content-Language"]) == (200, "en")
