from __future__ import annotations

import base64
import http.client
import io
import wave
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.client import Client, fetch, garment, opened, person, plain, raw, words_of_life
from tryon.sandbox import Sandbox

EDITS = {
    "remove-background": ("bg-rm-", 4), "replace-background": ("bg-rp-", 8), "restore-face": ("face-", 5),
    "remove-object": ("obj-rm-", 8), "upscale": ("up-", 20),
}  # fmt: skip
PROMPTED = {"prompt": "a marble table"}
TRY_ON = {"person_image": raw(person()), "garment_image": raw(garment()), "category": "upperbody"}
START = 60_000


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, "pixelapi")


def picture(data: bytes = b"", **more: bytes) -> dict[str, Any]:
    parts = {"image": data or garment(300, 300), **more}
    return {name: (f"{name}.jpg", part, "image/jpeg") for name, part in parts.items()}


def balance(client: Client) -> float:
    return float(client.get("/v1/account/balance").json()["credits_remaining"])


@pytest.mark.parametrize("name", EDITS)
def test_edits_by_file(client: Client, name: str) -> None:
    prefix, price = EDITS[name]
    answer = client.post(
        f"/v1/image/{name}", files=picture(), data=PROMPTED if name in ("replace-background", "remove-object") else {}
    )
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "generation_id": body["generation_id"], "status": "queued", "operation": name, "credits_used": float(price),
    }  # fmt: skip
    assert body["generation_id"].startswith(prefix)
    last = client.until(f"/v1/image/{body['generation_id']}", "completed")[1].json()
    assert set(last) == {"id", "status", "output_url", "operation", "credits_used", "created_at"}
    made = opened(fetch(last["output_url"]).content)
    assert made.format == "PNG"
    assert made.size == ((1200, 1200) if name == "upscale" else (300, 300))
    assert balance(client) == START - price


def test_edits_by_url(client: Client) -> None:
    first = client.post("/v1/image/upscale", files=picture()).json()["generation_id"]
    url = client.until(f"/v1/image/{first}", "completed")[1].json()["output_url"]
    for name in ("remove-background", "restore-face", "upscale", "replace-background"):
        body = {"image_url": url, **(PROMPTED if name == "replace-background" else {})}
        assert client.post(f"/v1/image/{name}", body).status_code == 200


def test_transparent_background(client: Client) -> None:
    job = client.post("/v1/image/remove-background", files=picture(garment())).json()["generation_id"]
    url = client.until(f"/v1/image/{job}", "completed")[1].json()["output_url"]
    assert opened(fetch(url).content).getchannel("A").getextrema() == (0, 255)


def test_mask(client: Client) -> None:
    fitting = picture(person(), mask=plain("#ffffff"))
    assert client.post("/v1/image/remove-object", files=fitting).status_code == 200
    other = client.post("/v1/image/remove-object", files=picture(person(), mask=plain("#ffffff", 300, 300)))
    assert (other.status_code, other.json()["detail"]) == (422, "mask must have the same dimensions as image")


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("remove-background", {"json": {}}, 400),
        ("remove-background", {"files": picture(), "data": {"image_url": "http://127.0.0.1:9/x.jpg"}}, 400),
        ("remove-background", {"files": picture(), "data": PROMPTED}, 422),
        ("remove-background", {"files": picture(mask=garment(300, 300))}, 422),
        ("remove-background", {"files": picture(b"no picture")}, 400),
        ("remove-background", {"files": picture(bytes(10 * 1024 * 1024 + 1))}, 413),
        ("remove-background", {"files": picture(plain("#123456", 4097, 50))}, 422),
        ("remove-background", {"json": {"image_url": "https://example.com/x.jpg"}}, 400),
        ("remove-background", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("replace-background", {"files": picture()}, 422),
        ("remove-object", {"files": picture()}, 422),
        ("remove-object", {"json": {"image_url": "http://127.0.0.1:9/x.jpg", "prompt": "x"}}, 422),
        ("generate", {"json": {"prompt": "x"}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "dalle"}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "sdxl", "width": 511}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "sdxl", "height": 1537}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "sdxl", "steps": 19}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "flux-schnell", "steps": 9}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "flux-schnell", "negative_prompt": "y"}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "sdxl", "seed": 1.5}}, 422),
        ("generate", {"json": {"prompt": "x", "model": "sdxl", "size": "1k"}}, 422),
        ("../audio/generate", {"json": {"prompt": "ab"}}, 422),
        ("../audio/generate", {"json": {"prompt": "abc", "duration": 31}}, 422),
        ("../audio/generate", {"json": {"prompt": "abc", "duration": 7.5}}, 422),
        ("../audio/generate", {"json": {"prompt": "abc", "model": "other"}}, 422),
        ("../video/generate", {"json": {"prompt": "x" * 2001}}, 422),
        ("../video/generate", {"json": {"prompt": "x", "duration": 0.5}}, 422),
        ("../video/generate", {"json": {"prompt": "x", "resolution": "1080p"}}, 422),
        ("../video/generate", {"json": {"prompt": "x", "negative_prompt": "x" * 2001}}, 422),
    ],
)
def test_refusals(sandbox: Sandbox, client: Client, name: str, options: dict[str, Any], status: int) -> None:
    path = f"/v1/image/{name}".replace("/image/..", "")
    answer = client.session.post(client.base + path, timeout=20, **options)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert sandbox.calls[-1].refused
    assert sandbox.charges() == []


def test_detail_is_a_list_today_and_a_text_in_the_document(sandbox: Sandbox) -> None:
    for form, kind in (("today", list), ("seed", str)):
        answer = Client(sandbox, "pixelapi", form=form).post("/v1/image/generate", {"model": "sdxl"})
        assert isinstance(answer.json()["detail"], kind)


@pytest.mark.parametrize("model", ["flux-schnell", "sdxl"])
def test_generate_image(client: Client, model: str) -> None:
    body = {"prompt": "earbuds", "model": model, "width": 512, "height": 640, "guidance_scale": 0, "seed": 3}
    answer = client.post("/v1/image/generate", body).json()
    assert (answer["model"], answer["credits_used"]) == (model, 5.0)
    url = client.until(f"/v1/image/{answer['generation_id']}", "completed")[1].json()["output_url"]
    assert opened(fetch(url).content).size == (512, 640)


@pytest.mark.parametrize(("seconds", "price"), [(5, 5), (15, 5), (16, 10)])
def test_audio(client: Client, seconds: int, price: int) -> None:
    answer = client.post("/v1/audio/generate", {"prompt": "calm beat", "duration": seconds}).json()
    assert (answer["model"], answer["duration"], answer["estimated_seconds"]) == ("musicgen-small", seconds, 30)
    assert answer["credits_used"] == price
    file = fetch(client.until(f"/v1/image/{answer['generation_id']}", "completed")[1].json()["output_url"])
    assert file.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(file.content)) as sound:
        assert sound.getnframes() / sound.getframerate() == seconds


def test_video(client: Client) -> None:
    answer = client.post("/v1/video/generate", {"prompt": "a dog", "duration": 1.5, "negative_prompt": "cats"}).json()
    assert (answer["model"], answer["credits_used"], answer["estimated_seconds"]) == ("wan2.1", 50.0, 60)
    last = client.until(f"/v1/video/{answer['generation_id']}", "completed")[1].json()
    assert set(last) == {"generation_id", "status", "output_url", "processing_ms"}
    file = fetch(last["output_url"])
    assert (file.headers["content-type"], file.content[4:8]) == ("video/mp4", b"ftyp")
    assert client.get(f"/v1/image/{answer['generation_id']}").json()["status"] == "completed"


class TestTryOn:
    def test_life_cycle(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=1000, limits=False)
        client = Client(sandbox, "pixelapi")
        answer = client.post("/v1/virtual-tryon", TRY_ON).json()
        assert answer == {"job_id": answer["job_id"], "status": "queued", "credits_used": 25}
        path = f"/v1/virtual-tryon/jobs/{answer['job_id']}"
        words = words_of_life(client, path, sandbox, answer["job_id"])
        assert words == ["queued", "queued", "processing", "completed"]
        last = client.get(path)
        assert set(last.json()) == {"status", "result_image_b64", "inference_time_ms"}
        assert opened(base64.b64decode(last.json()["result_image_b64"])).format == "PNG"

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"category": "shoes"}, 422, "invalid_category"),
            ({"person_image": raw(person(99, 300))}, 422, "image_too_small"),
            ({"person_image": raw(person(500, 400))}, 422, "wrong_aspect_ratio"),
            ({"person_image": raw(plain())}, 422, "body_segmentation_failed"),
            ({"person_image": "data:image/jpeg;base64," + raw(person())}, 400, "invalid_image"),
            ({"garment_image": raw(b"no picture")}, 400, "invalid_image"),
            ({"garment_image": raw(garment())[:-1]}, 400, "invalid_image"),
        ],
    )
    def test_errors(self, sandbox: Sandbox, client: Client, change: dict[str, str], status: int, code: str) -> None:
        answer = client.post("/v1/virtual-tryon", {**TRY_ON, **change})
        detail = answer.json()["detail"]
        assert (answer.status_code, detail["error"]) == (status, code)
        assert {"error", "message", "guidance"} <= set(detail)
        assert detail.get("received_size", "") == {
            "image_too_small": "99x300px",
            "wrong_aspect_ratio": "500x400px",
        }.get(code, "")
        assert sandbox.charges() == []

    def test_gpu_out_of_memory(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.faults.add("server_error:status=503,code=gpu_out_of_memory,stage=submit,times=1")
        answer = client.post("/v1/virtual-tryon", TRY_ON)
        assert (answer.status_code, answer.json()["detail"]["error"]) == (503, "gpu_out_of_memory")
        assert client.post("/v1/virtual-tryon", TRY_ON).status_code == 200

    def test_todays_fields(self, sandbox: Sandbox) -> None:
        body = {**TRY_ON, "category": "saree", "n_steps": 20, "guidance_scale": 2.5, "n_samples": 1}
        assert Client(sandbox, "pixelapi", form="today").post("/v1/virtual-tryon", body).status_code == 200
        assert Client(sandbox, "pixelapi", form="seed").post("/v1/virtual-tryon", body).status_code == 422

    def test_no_blocked_state(self, client: Client) -> None:
        job = client.post("/v1/virtual-tryon", {**TRY_ON, "person_image": raw(plain("#cc0000"))}).json()["job_id"]
        last = client.until(f"/v1/virtual-tryon/jobs/{job}", "failed")[1].json()
        assert last["error_message"] == "Content policy violation"

    def test_jobs_belong_to_their_endpoint(self, client: Client) -> None:
        job = client.post("/v1/virtual-tryon", TRY_ON).json()["job_id"]
        assert client.get(f"/v1/image/{job}").status_code == 404


class TestMoney:
    def test_charged_at_submission_and_refunded_when_blocked(self, sandbox: Sandbox, client: Client) -> None:
        body = {"model": "sdxl", "prompt": "sandbox:blocked"}
        job = client.post("/v1/image/generate", body).json()["generation_id"]
        last = client.until(f"/v1/image/{job}", "blocked")[1].json()
        assert last["output_url"] is None
        assert [(charge.credits, charge.kind) for charge in sandbox.charges()] == [(5, "charge"), (-5, "refund")]
        assert balance(client) == START
        assert next(call for call in sandbox.calls if call.stage == "submit").charged == 0

    def test_failed_jobs_stay_paid(self, client: Client) -> None:
        job = client.post("/v1/image/generate", {"model": "sdxl", "prompt": "sandbox:failed"}).json()["generation_id"]
        last = client.until(f"/v1/image/{job}", "failed")[1].json()
        assert last["error"] == last["error_message"] == "Processing failed on the GPU"
        assert balance(client) == START - 5

    def test_insufficient(self, make_sandbox: Callable[..., Sandbox]) -> None:
        client = Client(make_sandbox(credits={"pixelapi": 24}), "pixelapi")
        answer = client.post("/v1/virtual-tryon", TRY_ON)
        assert answer.status_code == 402
        assert answer.json()["detail"].startswith("Insufficient credits. Required: 25, available: 24. Upgrade at ")

    def test_plans(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=1, plans={"pixelapi": "free"})
        client = Client(sandbox, "pixelapi")
        answers = [client.get("/v1/account/balance") for _ in range(6)]
        assert answers[0].json() == {"credits_remaining": 10.0, "plan": "free", "email": "sandbox@example.com"}
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert float(answers[-1].headers["X-RateLimit-Reset"]) > sandbox.clock.now()
        sandbox.clock.advance(61)
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize("agent", ["", "Python-urllib/3.11", None])
def test_user_agent_is_mandatory(sandbox: Sandbox, agent: str | None) -> None:
    link = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=10)
    headers = {"Authorization": "Bearer pk_live_x", **({} if agent is None else {"User-Agent": agent})}
    link.request("GET", "/pixelapi/v1/models", headers=headers)
    answer = link.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (403, "text/html")
    link.close()


def test_keys(sandbox: Sandbox) -> None:
    for key in ("sk_live_1", "pk_live_revoked"):
        assert Client(sandbox, "pixelapi", key).get("/v1/models").json() == {"detail": "Invalid API key"}


def test_account_pages(client: Client) -> None:
    assert {entry["id"]: entry["credits"] for entry in client.get("/v1/models").json()["models"]}["upscale-4x"] == 20
    for prompt in ("one", "two", "three"):
        client.post("/v1/image/generate", {"model": "sdxl", "prompt": prompt})
    assert len(client.get("/v1/account/usage?limit=2").json()["jobs"]) == 2
    assert client.get("/v1/account/usage?limit=0").status_code == 422


def test_results_last_a_day(sandbox: Sandbox, client: Client) -> None:
    job = client.post("/v1/image/restore-face", files=picture()).json()["generation_id"]
    url = client.until(f"/v1/image/{job}", "completed")[1].json()["output_url"]
    sandbox.clock.advance(24 * 3600 - 10)
    assert fetch(url).status_code == 200
    sandbox.clock.advance(20)
    assert fetch(url).status_code == 403
