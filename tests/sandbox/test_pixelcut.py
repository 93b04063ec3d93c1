from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.client import Client, encoded, fetch, garment, opened, person, plain, words_of_life
from tryon.sandbox import Sandbox
from tryon.sandbox.services.pixelcut import PRICE

URL = "/v1/try-on"


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, "pixelcut")


def files(**changes: bytes) -> dict[str, Any]:
    pictures = {"person_image": person(), "garment_image": garment(), **changes}
    return {name: (f"{name}.jpg", data, "image/jpeg") for name, data in pictures.items()}


def urls(sandbox: Sandbox) -> dict[str, str]:
    """Addresses of pictures on this machine: two results of the sandbox itself."""
    client = Client(sandbox, "pixelcut", "helper")
    made = [client.post(URL, files=files()).json()["result_url"] for _ in range(2)]
    return {"person_image_url": made[0], "garment_image_url": made[1]}


def test_multipart_waiting(sandbox: Sandbox, client: Client) -> None:
    answer = client.post(URL, files=files(), data={"garment_mode": "upper", "preprocess_garment": "false"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"result_url"}
    picture = fetch(answer.json()["result_url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert opened(picture.content).format == "JPEG"
    assert sum(charge.credits for charge in sandbox.charges()) == PRICE
    assert client.get("/v1/credits").json() == {"credits_remaining": 1000 - PRICE}


def test_json_by_url(sandbox: Sandbox, client: Client) -> None:
    for wait in (True, "true"):
        answer = client.post(URL, {**urls(sandbox), "wait_for_result": wait, "remove_background": True})
        assert answer.status_code == 200, answer.text


def test_file_wins_over_url(client: Client) -> None:
    answer = client.post(URL, files=files(), data={"person_image_url": "http://127.0.0.1:9/none.jpg"})
    assert answer.status_code == 200


def test_job(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(pace=1000, limits=False)
    client = Client(sandbox, "pixelcut")
    answer = client.post(URL, files=files(), data={"wait_for_result": "false"})
    assert answer.status_code == 202
    job = answer.json()["job_id"]
    assert answer.headers["Location"] == f"{sandbox.url('pixelcut')}/v1/try-on/job/{job}"
    words = words_of_life(client, f"{URL}/job/{job}", sandbox, job)
    assert words == ["pending", "pending", "running", "completed"]
    assert set(client.get(f"{URL}/job/{job}").json()) == {"job_id", "status", "result_url"}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_cancel(make_sandbox: Callable[..., Sandbox], method: str) -> None:
    sandbox = make_sandbox(pace=5)
    client = Client(sandbox, "pixelcut", form="today")
    job = client.post(URL, files=files(), data={"wait_for_result": "false"}).json()["job_id"]
    path = f"{URL}/job/{job}" + ("/cancel" if method == "POST" else "")
    answer = client.session.request(method, client.base + path, timeout=10)
    assert answer.json() == {"message": "Job cancelled"}
    body = client.get(f"{URL}/job/{job}").json()
    assert (body["status"], body["error"]["error_code"]) == ("failed", "job_cancelled")
    assert sandbox.charges() == []
    again = client.session.request(method, client.base + path, timeout=10)
    assert again.status_code == 400


def test_expiry(sandbox: Sandbox, client: Client) -> None:
    job = client.post(URL, files=files(), data={"wait_for_result": "false"}).json()["job_id"]
    url = client.until(f"{URL}/job/{job}", "completed")[1].json()["result_url"]
    sandbox.clock.advance(3590)
    assert fetch(url).status_code == 200
    sandbox.clock.advance(20)
    assert fetch(url).status_code == 403
    body = client.get(f"{URL}/job/{job}").json()
    assert (body["status"], body["error"]["error_code"]) == ("failed", "job_expired")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"data": b"", "headers": {"Content-Type": "application/json"}}, "invalid_request_body"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, "invalid_request_body"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "invalid_request_body"),
        ({"data": b"x", "headers": {"Content-Type": "text/plain"}}, "unsupported_content_type"),
        ({"json": {}}, "invalid_request_body"),
        ({"json": {"garment_mode": "upper"}}, "missing_parameter"),
        ({"json": {"person_image_url": 7}}, "invalid_parameter"),
        ({"json": {"person_image_url": "no address"}}, "invalid_parameter"),
        ({"json": {"person_image_url": "https://example.com/p.jpg"}}, "invalid_parameter"),
        ({"json": {"person_image": "AAAA"}}, "invalid_parameter"),
        ({"files": files(), "data": {"garment_mode": "shoes"}}, "invalid_parameter"),
        ({"files": files(), "data": {"seed": "1"}}, "invalid_parameter"),
        ({"files": files(), "data": {"wait_for_result": "yes"}}, "invalid_parameter"),
        ({"files": files(mask=b"x")}, "invalid_parameter"),
        ({"files": files(person_image=b"no picture at all")}, "unsupported_image_format"),
        ({"files": files(person_image=person()[:3000])}, "malformed_image"),
        ({"files": files(person_image=bytes(25 * 1024 * 1024 + 1))}, "file_size_too_large"),
        ({"files": files(person_image=plain("#777777", 6001, 100))}, "resolution_too_high"),
        ({"files": files(person_image=plain("#777777", 63, 100))}, "invalid_parameter"),
        ({"files": files(person_image=plain())}, "unknown_foreground"),
    ],
)
def test_refusals(sandbox: Sandbox, client: Client, options: dict[str, Any], code: str) -> None:
    answer = client.session.post(client.base + URL, timeout=20, **options)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)
    assert set(answer.json()) == {"error", "error_code"}
    assert sandbox.calls[-1].refused.startswith(code)
    assert sandbox.charges() == []


@pytest.mark.parametrize(
    ("size", "seed", "today"),
    [((1921, 1000), "resolution_too_high", ""), ((255, 400), "invalid_parameter", "")],
)
def test_limits_differ_between_documents(sandbox: Sandbox, size: tuple[int, int], seed: str, today: str) -> None:
    for form, code in (("seed", seed), ("today", today)):
        answer = Client(sandbox, "pixelcut", form, form).post(URL, files=files(person_image=person(*size)))
        assert answer.json().get("error_code", "") == code


def test_png_and_webp_are_read(client: Client) -> None:
    for kind in ("PNG", "WEBP"):
        data = encoded(opened(person()), kind)
        assert client.post(URL, files=files(person_image=data)).status_code == 200


def test_content_filter(sandbox: Sandbox, client: Client) -> None:
    """Its credits may still be consumed, says today's page: here they are."""
    data = {"wait_for_result": "false"}
    job = client.post(URL, files=files(garment_image=plain("#cc0000")), data=data).json()["job_id"]
    error = client.until(f"{URL}/job/{job}", "failed")[1].json()["error"]
    assert set(error) == {"message", "error_code"}
    assert error["error_code"] == "content_filter_error"
    assert sum(charge.credits for charge in sandbox.charges()) == PRICE


def test_account_refusals(sandbox: Sandbox) -> None:
    missing = Client(sandbox, "pixelcut")
    del missing.session.headers["X-API-Key"]
    for client in (missing, Client(sandbox, "pixelcut", "revoked")):
        answer = client.post(URL, files=files())
        assert answer.status_code == 401
        assert answer.json() == {"error": "API Token not found", "error_code": "invalid_auth_token"}
    answer = Client(sandbox, "pixelcut", "empty").post(URL, files=files())
    assert (answer.status_code, answer.json()["error_code"]) == (403, "insufficient_api_credits")


def test_five_requests_a_second(make_sandbox: Callable[..., Sandbox]) -> None:
    client = Client(make_sandbox(pace=60), "pixelcut")
    answers = [client.get("/v1/credits") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json() == {"error": "Too many requests", "error_code": "rate_limit_exceeded"}


def test_not_in_the_older_document(sandbox: Sandbox) -> None:
    assert Client(sandbox, "pixelcut", form="seed").get("/v1/credits").status_code == 404


@pytest.mark.parametrize("code", ["request_timeout", "unexpected_error", "service_unavailable", ""])
def test_failing_jobs(sandbox: Sandbox, client: Client, code: str) -> None:
    sandbox.faults.add("job_failed", **({"code": code} if code else {}))
    job = client.post(URL, files=files(), data={"wait_for_result": "false"}).json()["job_id"]
    error = client.until(f"{URL}/job/{job}", "failed")[1].json()["error"]
    assert error["error_code"] == (code or "unexpected_error")
    assert client.post(URL, files=files()).status_code == 500
    assert sandbox.charges() == []
