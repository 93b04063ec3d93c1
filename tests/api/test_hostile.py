"""The hostile requests of the shared corpus, over real sockets. What is about behaviour only has its test elsewhere."""

from __future__ import annotations

import base64
import http.client
import importlib
import json
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, stored_files, with_photo
from tests.api.test_tryons import PAID
from tests.conftest import SHARED, need
from tests.providers.fakes import jpeg
from tryon.api.throttles import AddressUploadThrottle, ShopperUploadThrottle
from tryon.choices import Operation
from tryon.consent import current_notice
from tryon.ledger import price
from tryon.models import Garment, LedgerEntry, PresetModel, ShopperPhoto, TryOnResult
from tryon.providers import get_provider
from tryon.runner.drain import Drain

CASES = SHARED / "hostile" / "http_cases.jsonl"
MULTIPART = "multipart/form-data; boundary=BOUND"
UPLOADS = ("photos/", "tryons/")

# case -> the test that proves it
ELSEWHERE = {
    "h027": "test_tryons.test_a_garment_that_is_switched_off_is_like_a_missing_one",
    "h029": "test_tryons.test_fields_that_are_not_ours_to_set_are_ignored",
    "h035": "test_access.test_two_people_at_one_browser",
    "h037": "test_idempotency.test_the_same_key_gives_the_same_answer",
    "h039": "test_idempotency.test_one_key_a_hundred_times_at_once",
    "h041": "test_idempotency.test_keys_belong_to_their_shopper",
}
HERE = {
    *("h001", "h003", "h005", "h007", "h009", "h011", "h021", "h023", "h025"),  # bodies
    *("h013", "h015", "h017", "h019", "h031", "h033", "h043", "h045", "h047", "h049"),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, Any]]:
    lines = need(CASES, "the hostile corpus").read_text().splitlines()
    return {case["id"]: case for case in map(json.loads, lines)}


def test_every_case_has_its_test(cases: dict[str, Any]) -> None:
    assert set(cases) == HERE | set(ELSEWHERE)
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
def server(live_server: Any, garment: Garment, settings: Any, tmp_path: Path) -> Iterator[Server]:
    """Uploads are kept in files from the first kilobyte on, and none is left in the end."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1024
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
    yield server
    until(lambda: not list(tmp_path.iterdir()), "no temporary file is left")


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
        return b'{"options":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json"  # within the limit of bytes
    assert kind == "bad_utf8"
    return b'{"product": "\xff\xfe"}', "application/json"


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize(
    "case_id", sorted(HERE - {"h013", "h015", "h017", "h019", "h031", "h033", "h043", "h045", "h047", "h049"})
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


@pytest.mark.parametrize("held_open", [False, True])
def test_h013_a_body_shorter_than_announced(server: Server, monkeypatch: pytest.MonkeyPatch, held_open: bool) -> None:
    """Who says nothing more and stays is ended by the server's own timeout; see "In front of it" in docs/rest.md."""
    monkeypatch.setattr(WSGIRequestHandler, "timeout", 1)
    body = photo_form()
    started = time.monotonic()
    with server.connect() as connection:
        connection.sendall(server.head("photos/", f"Content-Type: {MULTIPART}", f"Content-Length: {len(body) + 999}"))
        connection.sendall(body[:-200])
        if not held_open:
            connection.shutdown(socket.SHUT_WR)
        status, answer = answer_on(connection)
    assert (status, answer["code"]) == (400, "malformed_request")
    assert time.monotonic() - started < 30
    assert stored_files() == []


def test_h015_a_body_without_an_end(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(server.head("photos/", f"Content-Type: {MULTIPART}", "Transfer-Encoding: chunked"))
        sent = 0
        while not select.select([connection], [], [], 0.01)[0]:  # until there is an answer
            assert sent < 64 * 1024 * 1024
            connection.sendall(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")
            sent += 0xFFFF
        status, answer = answer_on(connection)
    assert (status, answer["code"]) == (413, "file_size_too_large")


def test_h017_a_client_that_goes_away_half_way(server: Server, tmp_path: Path) -> None:
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


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["shopper", "address"])
def test_h043_a_thousand_uploads_in_a_minute_are_too_many(
    garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None], whose: str
) -> None:
    """The rates are far below that. Nobody is let in for long, and no more is spent than the cap allows."""
    for throttle in (ShopperUploadThrottle(), AddressUploadThrottle()):
        assert throttle.num_requests is not None
        assert (throttle.num_requests < 1000, throttle.duration) == (True, 60)
    tryon_settings(PROVIDERS=PAID, RATE_LIMITS={whose: "30/min"}, MAX_QUEUE=1000)
    most = price(get_provider("fashn"), Operation.TRY_ON).amount
    tryon_settings(CAPS={"shop": {"day": 2 * most}})
    one = app_client()
    answers = [
        (one if whose == "shopper" else app_client()).post(
            f"{API}tryons/",
            {"product": "1", "model_id": preset_model.pk},
            format="json",
            HTTP_IDEMPOTENCY_KEY=str(number),
        )
        for number in range(40)
    ]
    assert Counter(answer.status_code for answer in answers) == {202: 2, 503: 28, 429: 10}
    assert all(0 < int(answer["Retry-After"]) <= 61 for answer in answers[30:])
    assert LedgerEntry.objects.count() == 2
    assert sum(entry.amount for entry in LedgerEntry.objects.all()) <= 2 * most


@pytest.mark.django_db(transaction=True)
def test_h045_a_link_after_its_shopper_is_erased(garment: Garment) -> None:
    """Other browsers and links that ran out: tests/storefront/test_pictures.py."""
    need(CASES, "the hostile corpus")
    app = app_client()
    pk = app.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"]
    Drain(idle=0).run()
    link = app.get(f"{API}tryons/{pk}/").json()["result"]["url"]
    stranger = APIClient()
    assert (stranger.get(link).status_code, stranger.get(link.partition("?")[0]).status_code) == (200, 404)
    assert app.delete(f"{API}me/").status_code == 200
    assert stranger.get(link).status_code == app.get(link).status_code == 404


def test_h047_another_host(server: Server, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [server.host]
    for path in ("config/", "garments/"):
        status, _headers, body = server.get(path, Host="evil.test")
        assert status == 400
        assert b"evil.test" not in body


def test_h049_a_language_that_is_a_path(server: Server) -> None:
    status, headers, _body = server.get("config/", Accept_Language="../../")
    assert (status, headers["Content-Language"]) == (200, "en")
