"""HTTP itself, the forms of bodies, and what the sandbox must not do."""

from __future__ import annotations

import http.client
import importlib.util
import json
import threading
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.client import Client, fetch, garment, person, receiver, uri
from tryon.sandbox import Sandbox
from tryon.sandbox.accounts import key_id
from tryon.sandbox.inputs import Unusable
from tryon.sandbox.inputs import fetch as fetch_input
from tryon.sandbox.server import service_types
from tryon.sandbox.webhooks import post

RUN = {"model_name": "background-remove", "inputs": {"image": uri(garment(300, 300))}}


def connection(sandbox: Sandbox) -> http.client.HTTPConnection:
    address = urlsplit(sandbox.base_url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)


AUTH = {"Authorization": "Bearer a-key", "Content-Type": "application/json"}


def test_every_hosted_provider_has_a_service() -> None:
    hosted = {"fashn", "kling", "pebblely", "pixelapi", "pixelcut", "superstyle"}
    assert set(service_types()) == hosted
    assert all(importlib.util.find_spec(f"tryon.providers.{name}") for name in hosted)


def test_connections_are_kept_alive_through_refusals(sandbox: Sandbox) -> None:
    """A body that nobody wanted must be read, or the next request starts in the middle of it."""
    link = connection(sandbox)
    bodies = ["{", json.dumps(RUN), "x" * 100_000, json.dumps(RUN)]
    statuses, sockets = [], set()
    for body in bodies:
        link.request("POST", "/fashn/v1/run", body, AUTH)
        answer = link.getresponse()
        answer.read()
        statuses.append(answer.status)
        sockets.add(id(link.sock))
    assert statuses == [400, 200, 400, 200]
    assert len(sockets) == 1
    link.request("POST", "/nowhere", "x" * 5000)
    assert link.getresponse().read()
    link.request("GET", "/fashn/v1/credits", headers=AUTH)
    assert link.getresponse().status == 200
    link.close()


def test_chunked_bodies(sandbox: Sandbox) -> None:
    data = json.dumps(RUN).encode()
    pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
    answer = requests.post(sandbox.url("fashn") + "/v1/run", data=pieces, headers=AUTH, timeout=10)
    assert answer.status_code == 200


def test_continue_is_said(sandbox: Sandbox) -> None:
    link = connection(sandbox)
    link.request("POST", "/fashn/v1/run", json.dumps(RUN), {**AUTH, "Expect": "100-continue"})
    assert link.getresponse().status == 200
    link.close()


def test_head_of_a_result(sandbox: Sandbox) -> None:
    client = Client(sandbox, "fashn")
    job = client.post("/v1/run", RUN).json()["id"]
    url = client.until(f"/v1/status/{job}", "completed")[1].json()["output"][0]
    head = requests.head(url, timeout=10)
    assert head.headers["Content-Length"] == str(len(fetch(url).content))
    assert head.content == b""


def test_too_large_a_body(sandbox: Sandbox) -> None:
    link = connection(sandbox)
    link.putrequest("POST", "/fashn/v1/run")
    link.putheader("Content-Length", str(1 << 40))
    link.endheaders()
    assert link.getresponse().status == 413
    link.close()


def test_unknown_paths(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.base_url}/nobody/v1", timeout=10)
    assert answer.status_code == 404
    assert "/fashn" in answer.json()["error"]
    assert Client(sandbox, "fashn").get("/v1/other").status_code == 404
    assert sandbox.calls[-1].refused == "unknown endpoint"


def test_many_clients_at_once(sandbox: Sandbox) -> None:
    done: list[float] = []

    def work(number: int) -> None:
        client = Client(sandbox, "fashn", f"key {number}")
        job = client.post("/v1/run", RUN).json()["id"]
        client.until(f"/v1/status/{job}", "completed")
        done.append(client.get("/v1/credits").json()["credits"]["total"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [999] * 8
    assert {charge.key_id for charge in sandbox.charges()} == {key_id(f"key {number}") for number in range(8)}


def test_it_never_goes_out(sandbox: Sandbox) -> None:
    for address in (
        "https://example.com/a.jpg", "http://example.com/a.jpg", "http://169.254.169.254/latest", "http://10.0.0.1/",
        "file:///etc/passwd", "http://127.0.0.1.example.com/", "http://[::ffff:8.8.8.8]/",
    ):  # fmt: skip
        with pytest.raises(Unusable, match="this machine only"):
            fetch_input(address)
        assert post(address, b"{}") is None


def test_redirects_are_not_followed(sandbox: Sandbox) -> None:
    sandbox.faults.add("redirect", provider="fashn", location="http://127.0.0.1:9/")
    with pytest.raises(Unusable, match="answered 308"):
        fetch_input(sandbox.url("fashn") + "/v1/credits")


def test_a_second_sandbox_on_the_same_port(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(urlsplit(sandbox.base_url).port or 0, pictures="drawn")


def test_old_jobs_make_room(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.sandbox.jobs.KEPT_BYTES", 1)
    client = Client(sandbox, "fashn")
    jobs = []
    for _ in range(2):
        jobs.append(client.post("/v1/run", RUN).json()["id"])
        client.until(f"/v1/status/{jobs[-1]}", "completed")
    assert [client.get(f"/v1/status/{job}").status_code for job in jobs] == [404, 200]


def test_mistakes_at_the_start() -> None:
    with pytest.raises(ValueError, match="unknown provider"):
        Sandbox(0, credits={"nobody": 1})
    with pytest.raises(ValueError, match="unknown fault"):
        Sandbox(0, faults=["nonsense"])


def test_closing_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    with receiver() as (address, _), Sandbox(0, pictures="drawn", pace=5) as sandbox:
        client = Client(sandbox, "fashn")
        inputs = {"model_image": uri(person()), "garment_image": uri(garment())}
        client.post("/v1/run", {"model_name": "tryon-v1.6", "inputs": inputs}, params={"webhook_url": address})
        sandbox.faults.add("hang", provider="pixelcut")
        hanging = threading.Thread(target=_swallow, args=(sandbox,))
        hanging.start()
        while len(sandbox.calls) < 2:
            assert hanging.is_alive()
    hanging.join(timeout=10)
    assert set(threading.enumerate()) <= before


def _swallow(sandbox: Sandbox) -> None:
    try:
        Client(sandbox, "pixelcut").get("/v1/credits")
    except requests.ConnectionError:
        return
