from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import SHARED, need
from tests.sandbox.client import PATIENCE, Client, fetch, garment, opened, person, raw, uri
from tryon.sandbox import KINDS, Fault, Sandbox, fault
from tryon.sandbox.broken import bomb
from tryon.sandbox.faults import Faults

INPUTS = {"model_image": uri(person()), "garment_image": uri(garment()), "output_format": "jpeg"}
RUN = {"model_name": "tryon-v1.6", "inputs": INPUTS}
SUBMITS: dict[str, tuple[str, dict[str, Any]]] = {
    "fashn": ("/v1/run", {"json": RUN}),
    "pixelcut": ("/v1/try-on", {"files": {"person_image": ("p", person()), "garment_image": ("g", garment())}}),
    "pixelapi": ("/v1/image/generate", {"json": {"model": "sdxl", "prompt": "x"}}),
    "pebblely": ("/generate/virtual_pose", {"json": {"cloth_image": raw(garment())}}),
    "superstyle": (
        "/generate_image",
        {"json": {"selfie_base64": raw(person()), "clothing_description": "a jacket", "mode": "studio"}},
    ),
}
REFUSED = ("rate_limited", "out_of_credits", "unauthorized")
OWN_ANSWERS = {
    "fashn": ((429, "RateLimitExceeded"), (429, "OutOfCredits"), (401, "UnauthorizedAccess")),
    "pixelcut": ((429, "rate_limit_exceeded"), (403, "insufficient_api_credits"), (401, "invalid_auth_token")),
    "pixelapi": ((429, "Rate limit"), (402, "Insufficient credits"), (401, "Invalid API key")),
    "pebblely": ((429, "Rate limit"), (402, "Insufficient"), (401, "Invalid access token")),
    "superstyle": ((429, "Rate limit"), (429, "Rate limit"), (403, "Invalid API key")),
}


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, "fashn")


def send(sandbox: Sandbox, provider: str) -> requests.Response:
    path, options = SUBMITS[provider]
    client = Client(sandbox, provider)
    return client.session.post(client.base + path, timeout=PATIENCE, **options)


def finished(client: Client) -> dict[str, Any]:
    job = client.post("/v1/run", RUN).json()["id"]
    return client.until(f"/v1/status/{job}", "completed", "failed")[1].json()


class TestRules:
    def test_command_line_form(self) -> None:
        rule = fault(
            "rate_limited:provider=fashn,stage=submit,times=2,skip=1,probability=0.5,counted=true,retry_after=3"
        )
        assert rule == Fault("rate_limited", "fashn", "*", "submit", 2, 1, 0.5, True, {"retry_after": "3"})

    @pytest.mark.parametrize(
        "spec",
        [
            "nonsense",
            {"provider": "fashn"},
            "cut:times=x",
            "cut:stage=later",
            "garbage:content=soup",
            "result:content=x",
        ],
    )
    def test_mistakes_are_told(self, spec: Any) -> None:
        with pytest.raises(ValueError, match=r"unknown|needs|number"):
            fault(spec)

    def test_filters(self) -> None:
        rules = Faults()
        rules.add("cut", provider="fashn", endpoint="GET /v1/status*", skip=1, times=2)
        asked = ("fashn", "GET /v1/status/{id}", "status")
        assert [bool(rules.due(*asked)) for _ in range(5)] == [False, True, True, False, False]
        assert not rules.due("pixelcut", "GET /v1/status/{id}", "status")
        assert not rules.due("fashn", "POST /v1/run", "submit")

    def test_chance_follows_the_seed(self) -> None:
        def draw(seed: int) -> list[bool]:
            rules = Faults(seed)
            rules.add("cut:probability=0.3")
            return [bool(rules.due("fashn", "x", "submit")) for _ in range(400)]

        assert draw(1) == draw(1) != draw(2)
        assert 80 < sum(draw(1)) < 160


@pytest.mark.parametrize("provider", SUBMITS)
class TestEveryProvider:
    @pytest.mark.parametrize("kind", REFUSED)
    def test_its_own_refusals(self, sandbox: Sandbox, provider: str, kind: str) -> None:
        sandbox.faults.add(kind, provider=provider, times=1, retry_after="7")
        status, word = OWN_ANSWERS[provider][REFUSED.index(kind)]
        answer = send(sandbox, provider)
        assert answer.status_code == status
        assert word in answer.text
        if kind == "rate_limited":
            assert answer.headers["Retry-After"] == "7"
        assert sandbox.charges() == []
        assert sandbox.calls[-1].faults == (kind,)
        assert send(sandbox, provider).status_code == 200

    @pytest.mark.parametrize("status", [500, 502, 503, 520])
    def test_server_errors(self, sandbox: Sandbox, provider: str, status: int) -> None:
        sandbox.faults.add("server_error", provider=provider, status=status, retry_after="30")
        answer = send(sandbox, provider)
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "30")

    @pytest.mark.parametrize("counted", [False, True])
    def test_cut_before_and_after_it_was_counted(self, sandbox: Sandbox, provider: str, counted: bool) -> None:
        sandbox.faults.add("cut", provider=provider, times=1, counted=counted)
        with pytest.raises(requests.ConnectionError):
            send(sandbox, provider)
        if provider == "fashn" and counted:  # charged at the end
            deadline = time.monotonic() + PATIENCE
            while not sandbox.charges() and time.monotonic() < deadline:
                time.sleep(0.01)
        call = sandbox.calls[-1]
        assert call.status == 0
        assert bool(call.job_id) == counted
        if provider != "superstyle":
            assert bool(sandbox.charges()) == counted

    def test_garbage_that_was_paid(self, sandbox: Sandbox, provider: str) -> None:
        sandbox.faults.add("garbage", provider=provider, content="truncated", counted=True)
        answer = send(sandbox, provider)
        assert answer.status_code == 200
        with pytest.raises(ValueError, match=r"."):
            answer.json()
        assert sandbox.calls[-1].job_id


class TestAnswers:
    @pytest.mark.parametrize(
        "content", ["html", "empty", "null", "list", "text", "number", "deep", "duplicate_keys", "long_id"]
    )
    def test_garbage(self, sandbox: Sandbox, client: Client, content: str) -> None:
        sandbox.faults.add("garbage", content=content)
        answer = client.post("/v1/run", RUN)
        assert answer.status_code == 200
        if content == "long_id":
            assert len(answer.json()["id"]) == 4096
        if content == "deep":
            assert answer.text == "[" * 100_000
        assert sandbox.charges() == []

    def test_redirect(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("redirect:status=307,location=http://127.0.0.1:9/x")
        answer = client.post("/v1/run", RUN, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/x")

    def test_latency(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("latency:seconds=0.3")
        start = time.monotonic()
        assert client.post("/v1/run", RUN).status_code == 200
        assert time.monotonic() - start >= 0.3

    def test_hang(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("hang:times=1,counted=true")
        with pytest.raises(requests.ReadTimeout):
            client.session.post(f"{client.base}/v1/run", json=RUN, timeout=0.3)
        assert sandbox.calls[-1].job_id

    def test_drip(self, sandbox: Sandbox, client: Client) -> None:
        """Each byte comes in time for a read timeout: only a total deadline helps."""
        sandbox.faults.add("drip:seconds=0.02")
        start = time.monotonic()
        answer = client.session.post(f"{client.base}/v1/run", json=RUN, timeout=0.3)
        assert answer.json()["error"] is None
        assert time.monotonic() - start > 1

    def test_cut_body(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("cut_body", provider="fashn")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.post("/v1/run", RUN)

    def test_edited_json(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add({"kind": "json", "stage": "status", "set": {"status": "warming"}, "times": 1})
        sandbox.faults.add({"kind": "json", "stage": "submit", "drop": "error"})
        job = client.post("/v1/run", RUN).json()
        assert set(job) == {"id"}
        assert client.get(f"/v1/status/{job['id']}").json()["status"] == "warming"
        assert client.get(f"/v1/status/{job['id']}").json()["status"] != "warming"


class TestResults:
    def url(self, sandbox: Sandbox) -> str:
        return str(finished(Client(sandbox, "fashn"))["output"][0])

    def test_expired_once(self, sandbox: Sandbox) -> None:
        url = self.url(sandbox)
        sandbox.faults.add("expired:times=1")
        assert [fetch(url).status_code for _ in range(2)] == [403, 200]

    def test_wrong_mime(self, sandbox: Sandbox) -> None:
        sandbox.faults.add("wrong_mime:stage=result,content_type=text/html")
        assert fetch(self.url(sandbox)).headers["content-type"] == "text/html"

    def test_contents(self, sandbox: Sandbox) -> None:
        url = self.url(sandbox)
        for content, kind in (
            ("svg", "image/svg+xml"),
            ("html", "text/html"),
            ("polyglot", "image/jpeg"),
            ("bomb", "image/png"),
        ):
            sandbox.faults.clear()
            sandbox.faults.add("result", content=content)
            assert fetch(url).headers["content-type"] == kind

    def test_short(self, sandbox: Sandbox) -> None:
        url = self.url(sandbox)
        sandbox.faults.add("result:content=short")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            fetch(url)

    def test_endless(self, sandbox: Sandbox) -> None:
        url = self.url(sandbox)
        sandbox.faults.add("result:content=endless")
        with requests.get(url, stream=True, timeout=PATIENCE) as answer:
            read = 0
            for piece in answer.iter_content(1 << 20):
                read += len(piece)
                if read > 40 << 20:
                    break
        assert read > 40 << 20

    def test_a_small_bomb(self) -> None:
        assert len(bomb()) < 200_000
        assert opened(bomb(512)).size == (512, 512)


class TestJobs:
    def test_stuck(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("stuck:times=1")
        job = client.post("/v1/run", RUN).json()["id"]
        sandbox.clock.advance(86_400)
        assert client.get(f"/v1/status/{job}").json()["status"] == "processing"
        assert sandbox.charges() == []

    def test_vanished(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("vanished:times=1")
        job = client.post("/v1/run", RUN).json()["id"]
        assert client.get(f"/v1/status/{job}").status_code == 404

    @pytest.mark.parametrize(
        "code", ["ThirdPartyError", "3rdPartyProviderError", "InternalServerError", "LoRALoadError"]
    )
    def test_failed(self, sandbox: Sandbox, client: Client, code: str) -> None:
        sandbox.faults.add("job_failed", code=code)
        assert finished(client)["error"]["name"] == code

    def test_blocked(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("job_blocked")
        assert finished(client)["error"]["name"] == "ContentModerationError"

    def test_slow(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox()
        sandbox.faults.add("slow_job:seconds=50")
        client = Client(sandbox, "fashn")
        job = client.post("/v1/run", RUN).json()["id"]
        sandbox.clock.advance(40)
        assert client.get(f"/v1/status/{job}").json()["status"] == "processing"
        sandbox.clock.advance(20)
        client.until(f"/v1/status/{job}", "completed")

    def test_unchanged(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("unchanged")
        assert fetch(finished(client)["output"][0]).content == person()

    def test_same_id_as_another_job(self, sandbox: Sandbox, client: Client) -> None:
        first = client.post("/v1/run", RUN).json()["id"]
        sandbox.faults.add({"kind": "json", "stage": "submit", "set": {"id": first}})
        assert client.post("/v1/run", RUN).json()["id"] == first


class TestControl:
    def call(self, sandbox: Sandbox, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, sandbox.base_url + path, json=body, timeout=10)

    def test_faults(self, sandbox: Sandbox, client: Client) -> None:
        rules = [{"kind": "server_error", "times": 1}, "latency:seconds=0.01"]
        assert len(self.call(sandbox, "POST", "/_faults", rules).json()["faults"]) == 2
        assert client.get("/v1/credits").status_code == 500
        assert client.get("/v1/credits").status_code == 200
        assert self.call(sandbox, "GET", "/_faults").json()["faults"][0]["struck"] == 1
        assert self.call(sandbox, "DELETE", "/_faults").json() == {"faults": []}

    def test_calls_and_accounts(self, sandbox: Sandbox, client: Client) -> None:
        finished(client)
        told = self.call(sandbox, "GET", "/_calls?provider=fashn").json()
        assert told["calls"][0]["endpoint"] == "POST /v1/run"
        assert sum(charge["credits"] for charge in told["charges"]) == told["calls"][0]["charged"] == 1
        self.call(sandbox, "POST", "/_accounts", {"provider": "fashn", "key": "a-key", "credits": 0})
        assert client.post("/v1/run", RUN).json()["error"] == "OutOfCredits"
        self.call(sandbox, "DELETE", "/_calls")
        assert self.call(sandbox, "GET", "/_calls").json()["calls"] == []

    def test_clock(self, sandbox: Sandbox) -> None:
        before = sandbox.clock.now()
        assert self.call(sandbox, "POST", "/_clock", {"advance": 3600}).json()["ahead"] == 3600
        assert sandbox.clock.now() - before >= 3600

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/_faults", "soup", 400),
            ("POST", "/_faults", [7], 400),
            ("POST", "/_clock", {"advance": -1}, 400),
            ("POST", "/_clock", {}, 400),
            ("POST", "/_accounts", {"provider": "x", "key": "y"}, 400),
            ("PUT", "/_faults", None, 404),
            ("GET", "/_other", None, 404),
        ],
    )
    def test_mistakes(self, sandbox: Sandbox, method: str, path: str, body: Any, status: int) -> None:
        answer = self.call(sandbox, method, path, body)
        assert answer.status_code == status
        assert answer.json()["error"]


# ---- the collection of answers that providers have been seen to give

NOT_THE_SERVERS = ("dns_fail", "blackhole", "our_disk_full")  # nothing that a server can do
GENERATED = {
    "long_id": "garbage:content=long_id", "deep_json": "garbage:content=deep", "svg_script": "result:content=svg",
    "endless": "result:content=endless", "png_bomb": "result:content=bomb", "jpeg_html": "result:content=polyglot",
    "same_as_input": "unchanged",
}  # fmt: skip


def faults_of(row: dict[str, Any]) -> list[Any]:
    """The rules that bring one row of the collection about."""
    timing, made = row["timing"], row["body_gen"]
    if row["headers"].get("content-length"):
        return ["result:content=short"]
    answer = {"kind": "answer", "status": row["status"], "headers": row["headers"], "body": row["body"] or ""}
    rules: list[Any] = [GENERATED.get(made, answer)]
    if "delay_ms" in timing:
        rules.append({"kind": "latency", "seconds": timing["delay_ms"] / 1000})
    if "byte_every_ms" in timing:
        rules.append({"kind": "drip", "seconds": timing["byte_every_ms"] / 1000})
    if "close_early" in timing:
        rules.append("cut_body")
    return rules


def rows() -> list[dict[str, Any]]:
    path = SHARED / "hostile" / "provider_answers.jsonl"
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        row
        for row in found
        if row["stage"] in ("submit", "status", "result") and not set(row["timing"]) & set(NOT_THE_SERVERS)
    ]


def test_the_collection_is_there() -> None:
    need(SHARED / "hostile" / "provider_answers.jsonl", "the collection of hostile answers")
    assert len(rows()) > 30


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_collected_answers(sandbox: Sandbox, row: dict[str, Any]) -> None:
    """Every answer of the collection can be brought about, byte for byte where it has bytes."""
    client, path = Client(sandbox, "fashn"), "/fashn/v1/run"
    if row["stage"] != "submit":
        job = finished(client)
        path = f"/fashn/v1/status/{job['id']}" if row["stage"] == "status" else urlsplit(job["output"][0]).path
    for spec in faults_of(row):
        rule = fault(spec)
        if rule.phase != "job":
            rule.stage = row["stage"]
        sandbox.faults.add(rule)
    if row["body_gen"] == "same_as_input":
        assert fetch(finished(client)["output"][0]).content == person()
        return
    got = exchange(sandbox, "POST" if row["stage"] == "submit" else "GET", path, wait=1.0)
    if "delay_ms" in row["timing"]:
        assert got == b""
        return
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {row['status']} ".encode())
    for name, text in row["headers"].items():
        if name != "content-length":
            assert f"{name}: {text}".lower().encode() in head.lower()
    if row["body"] is not None:
        whole = row["body"].encode()
        assert body == whole if not row["timing"] else whole.startswith(body)


def exchange(sandbox: Sandbox, method: str, path: str, wait: float) -> bytes:
    """What comes back on a plain connection until it is closed or nothing more comes for ``wait`` seconds."""
    address = urlsplit(sandbox.base_url)
    body = json.dumps(RUN) if method == "POST" else ""
    lines = [
        f"{method} {path} HTTP/1.1", f"Host: {address.netloc}", "Authorization: Bearer a-key", "Connection: close",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "", body,
    ]  # fmt: skip
    with socket.create_connection((address.hostname, address.port), timeout=wait) as connection:
        connection.sendall("\r\n".join(lines).encode())
        came = b""
        while len(came) < 1 << 20:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                break
            if not piece:
                break
            came += piece
        return came


def test_every_kind_is_tried_here() -> None:
    source = Path(__file__).read_text() + (Path(__file__).parent / "test_fashn.py").read_text()
    assert [kind for kind in KINDS if f'"{kind}' not in source] == []
