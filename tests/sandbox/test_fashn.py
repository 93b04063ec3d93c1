from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.client import Client, fetch, garment, opened, person, plain, receiver, uri, words_of_life
from tryon.sandbox import Sandbox

FLAT = {"model_image": uri(person()), "garment_image": uri(garment()), "category": "tops"}
INPUTS = {"model_image": uri(person()), "garment_image": uri(garment())}
P, G = uri(person()), uri(garment())
HOUR = 3600


def run(client: Client, inputs: dict[str, Any], model: str = "tryon-v1.6", **query: str) -> Any:
    return client.post("/v1/run", {"model_name": model, "inputs": inputs}, params=query)


def finish(client: Client, answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return client.until(f"/v1/status/{answer.json()['id']}", "completed", "failed")[1]


class TestSeedForm:
    def test_life_cycle(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=1000)
        client = Client(sandbox, "fashn", form="seed")
        answer = client.post("/v1/run", FLAT)
        assert set(answer.json()) == {"id", "error"}
        assert answer.json()["error"] is None
        assert answer.json()["id"].endswith("-u1")
        path = f"/v1/status/{answer.json()['id']}"
        words = words_of_life(client, path, sandbox, answer.json()["id"])
        assert words == ["starting", "in_queue", "processing", "completed"]
        last = client.get(path)
        assert "x-fashn-credits-used" not in last.headers
        picture = fetch(last.json()["output"][0])
        assert picture.headers["content-type"] == "image/png"
        assert opened(picture.content).size == (360, 480)

    def test_running_answer_has_no_output(self, make_sandbox: Callable[..., Sandbox]) -> None:
        client = Client(make_sandbox(pace=5), "fashn", form="seed")
        job = client.post("/v1/run", FLAT).json()["id"]
        assert client.get(f"/v1/status/{job}").json() == {"id": job, "status": "starting", "error": None}

    def test_cancel(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=5)
        client = Client(sandbox, "fashn", form="seed")
        job = client.post("/v1/run", FLAT).json()["id"]
        wanted = {"id": job, "status": "canceled", "error": None}
        assert client.get(f"/v1/cancel/{job}").json() == wanted
        assert client.get(f"/v1/status/{job}").json() == wanted
        assert sandbox.charges() == []
        assert sandbox.account("fashn", "a-key").available == 1000

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"category": "shoes"}, "choice parameter: category"),
            ({"category": None}, "type parameter: category"),
            ({"guidance_scale": 3.5}, "range parameter: guidance_scale"),
            ({"guidance_scale": True}, "type parameter: guidance_scale"),
            ({"timesteps": 9}, "range parameter: timesteps"),
            ({"num_samples": 5}, "range parameter: num_samples"),
            ({"num_samples": "2"}, "type parameter: num_samples"),
            ({"cover_feet": "yes"}, "type parameter: cover_feet"),
            ({"garment_photo_type": "worn"}, "choice parameter: garment_photo_type"),
            ({"mode": "quality"}, "unknown parameter: mode"),
            ({"model_image": ""}, "missing parameter: model_image"),
        ],
    )
    def test_strict(self, sandbox: Sandbox, change: dict[str, Any], reason: str) -> None:
        answer = Client(sandbox, "fashn", form="seed").post("/v1/run", {**FLAT, **change})
        assert answer.status_code == 400
        assert answer.json()["error"]["name"] == "InputValidationError"
        assert sandbox.calls[-1].refused == reason
        assert sandbox.calls[-1].job_id == ""

    def test_all_parameters(self, sandbox: Sandbox) -> None:
        flags = ("nsfw_filter", "cover_feet", "adjust_hands", "restore_background", "restore_clothes", "long_top")
        numbers = {"guidance_scale": 1.5, "timesteps": 10, "seed": 7, "num_samples": 2}
        body = {**FLAT, **dict.fromkeys(flags, True), **numbers, "garment_photo_type": "flat-lay"}
        client = Client(sandbox, "fashn", form="seed")
        assert len(finish(client, client.post("/v1/run", body)).json()["output"]) == 2
        assert sum(charge.credits for charge in sandbox.charges()) == 2

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"model_image": uri(plain())}, "PoseError"),
            ({"garment_image": uri(plain("#cc0000"))}, "NSFWError"),
            ({"model_image": "data:image/jpg;base64,AAAA"}, "ImageLoadError"),
            ({"model_image": "AAAA"}, "ImageLoadError"),
            ({"garment_image": "https://example.com/g.jpg"}, "ImageLoadError"),
        ],
    )
    def test_runtime_errors(self, sandbox: Sandbox, change: dict[str, Any], name: str) -> None:
        client = Client(sandbox, "fashn", form="seed")
        body = finish(client, client.post("/v1/run", {**FLAT, **change})).json()
        assert body["status"] == "failed"
        assert body["error"]["name"] == name
        assert sandbox.charges() == []

    def test_content_type_of_an_address(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn", form="seed")
        address = f"{sandbox.base_url}/_calls"
        body = finish(client, client.post("/v1/run", {**FLAT, "model_image": address})).json()
        assert "Content-Type is not an image" in body["error"]["message"]

    def test_rate(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=1)
        client = Client(sandbox, "fashn", form="seed")
        statuses = [client.post("/v1/run", {}).status_code for _ in range(26)]
        assert statuses == [400] * 25 + [429]
        sandbox.clock.advance(60)
        assert client.post("/v1/run", {}).status_code == 400


MODELS = [
    ("tryon-v1.6", INPUTS, 1, "image/png"),
    ("tryon-v1.6", {**INPUTS, "num_samples": 3, "output_format": "jpeg", "mode": "quality"}, 3, "image/jpeg"),
    ("tryon-v1.6", {**INPUTS, "model_image": "saved:anna"}, 1, "image/png"),
    ("tryon-max", {"product_image": G, "model_image": P}, 2, "image/png"),
    (
        "tryon-max",
        {"product_image": G, "model_image": P, "generation_mode": "quality", "num_images": 2},
        6,
        "image/png",
    ),
    ("product-to-model", {"product_image": G, "generation_mode": "fast"}, 1, "image/png"),
    ("product-to-model", {"product_image": G, "face_reference": P}, 5, "image/png"),
    ("face-to-model", {"face_image": P}, 1, "image/jpeg"),
    ("model-create", {"prompt": "tall", "aspect_ratio": "1:1"}, 1, "image/png"),
    ("model-create", {"prompt": "tall", "face_reference": P, "face_reference_mode": "match_base"}, 4, "image/png"),
    ("model-swap", {"model_image": P, "face_reference": P}, 4, "image/png"),
    ("edit", {"image": P, "prompt": "roll up the sleeves", "mask": P}, 1, "image/png"),
    ("background-change", {"image": P, "prompt": "beach"}, 1, "image/png"),
    ("background-remove", {"image": G}, 1, "image/png"),
    ("reframe", {"image": P, "aspect_ratio": "1:1"}, 1, "image/png"),
    ("packshot", {"product_image": G}, 1, "image/png"),
    ("image-to-video", {"image": P}, 1, "video/mp4"),
    ("image-to-video", {"image": P, "resolution": "720p", "duration": 10}, 6, "video/mp4"),
]


class TestTodaysForm:
    @pytest.mark.parametrize(("model", "inputs", "credits", "mime"), MODELS)
    def test_models(self, sandbox: Sandbox, model: str, inputs: dict[str, Any], credits: int, mime: str) -> None:
        client = Client(sandbox, "fashn", form="today")
        last = finish(client, run(client, inputs, model))
        body = last.json()
        assert body["status"] == "completed", body
        assert last.headers["x-fashn-credits-used"] == str(credits)
        assert len(body["output"]) == inputs.get("num_samples", inputs.get("num_images", 1))
        for url in body["output"]:
            assert fetch(url).headers["content-type"] == mime
        assert client.get("/v1/credits").json()["credits"]["total"] == 1000 - credits

    def test_shapes(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn", form="today")

        def picture(inputs: dict[str, Any], model: str) -> Any:
            return opened(fetch(finish(client, run(client, inputs, model)).json()["output"][0]).content)

        assert picture({"image": P, "aspect_ratio": "16:9"}, "reframe").size == (1360, 768)
        cut = picture({"image": G}, "background-remove")
        assert cut.mode == "RGBA"
        assert cut.getchannel("A").getextrema() == (0, 255)
        large = picture(
            {"prompt": "x", "resolution": "2k", "aspect_ratio": "2:3", "output_format": "jpeg"}, "model-create"
        )
        assert large.size == (1664, 2496)

    def test_base64(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        job = run(client, {**INPUTS, "return_base64": True})
        output = finish(client, job).json()["output"][0]
        assert output.startswith("data:image/png;base64,")
        assert opened(base64.b64decode(output.partition(",")[2])).format == "PNG"
        sandbox.clock.advance(HOUR + 1)
        late = client.get(f"/v1/status/{job.json()['id']}")
        assert (late.status_code, late.json()["error"]) == (404, "NotFound")

    @pytest.mark.parametrize(
        ("model", "inputs"),
        [
            ("tryon-v1.6", {**INPUTS, "cover_feet": True}),
            ("tryon-v1.6", {**INPUTS, "seed": 2**32}),
            ("tryon-v1.6", {"model_image": P}),
            ("tryon-max", {"product_image": G, "model_image": P, "generation_mode": "fast"}),
            ("product-to-model", {"product_image": G, "model_image": P, "image_prompt": P}),
            ("image-to-video", {"image": P, "duration": 7}),
            ("image-to-video", {"image": P, "end_image": P}),
            ("background-remove", {"image": P, "output_format": "png"}),
            ("reframe", {"image": P, "aspect_ratio": "2:1"}),
            ("tryon-v1.5", INPUTS),
        ],
    )
    def test_strict(self, sandbox: Sandbox, model: str, inputs: dict[str, Any]) -> None:
        answer = run(Client(sandbox, "fashn", form="today"), inputs, model)
        assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
        assert set(answer.json()) == {"error", "message"}
        assert sandbox.calls[-1].refused.startswith("BadRequest: ")

    def test_bodies_that_are_no_requests(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn", form="today")
        for body in (b"", b"[1]", b"{", b'"text"'):
            answer = client.post("/v1/run", data=body, headers={"Content-Type": "application/json"})
            assert answer.json()["error"] == "BadRequest"
        assert client.post("/v1/run", data={"a": "b"}).json()["error"] == "BadRequest"
        assert client.post("/v1/run", FLAT).json()["error"] == "BadRequest"

    def test_keys_beside_inputs_pass_and_are_noted(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        body = {"model_name": "tryon-v1.6", "inputs": INPUTS, "pollInterval": 50}
        assert client.post("/v1/run", body).status_code == 200
        assert sandbox.calls[-1].notes == ("undocumented key beside inputs: pollInterval",)

    @pytest.mark.parametrize(
        ("model", "inputs", "name"),
        [
            ("tryon-v1.6", {**INPUTS, "model_image": uri(plain())}, "PoseError"),
            ("tryon-v1.6", {**INPUTS, "garment_image": uri(plain("#cc0000"))}, "ContentModerationError"),
            ("edit", {"image": P, "prompt": "sandbox:blocked"}, "ContentModerationError"),
            ("edit", {"image": P, "prompt": "sandbox:failed"}, "PipelineError"),
            ("reframe", {"image": uri(person(400, 600)), "aspect_ratio": "2:3"}, "InputValidationError"),
        ],
    )
    def test_runtime_errors_cost_nothing(self, sandbox: Sandbox, model: str, inputs: dict[str, Any], name: str) -> None:
        client = Client(sandbox, "fashn", form="today")
        last = finish(client, run(client, inputs, model))
        assert last.json()["error"]["name"] == name
        assert last.headers["x-fashn-credits-used"] == "0"
        assert client.get("/v1/credits").json()["credits"]["total"] == 1000

    def test_moderation_can_be_switched_off(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        inputs = {**INPUTS, "model_image": uri(plain("#cc0000")), "moderation_level": "none"}
        assert finish(client, run(client, inputs)).json()["error"]["name"] == "PoseError"

    def test_keys(self, sandbox: Sandbox) -> None:
        for key in ("revoked", ""):
            client = Client(sandbox, "fashn", key or "x")
            if not key:
                del client.session.headers["Authorization"]
            answer = client.get("/v1/credits")
            assert (answer.status_code, answer.json()["error"]) == (401, "UnauthorizedAccess")

    def test_other_keys_jobs_are_not_found(self, sandbox: Sandbox) -> None:
        job = run(Client(sandbox, "fashn", "one"), INPUTS).json()["id"]
        assert Client(sandbox, "fashn", "two").get(f"/v1/status/{job}").json()["error"] == "NotFound"

    def test_no_cancel_any_more(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn", form="today")
        job = run(client, INPUTS).json()["id"]
        assert client.get(f"/v1/cancel/{job}").status_code == 404

    def test_expiry_of_results(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        answer = run(client, INPUTS)
        url = finish(client, answer).json()["output"][0]
        sandbox.clock.advance(72 * HOUR - 10)
        assert fetch(url).status_code == 200
        sandbox.clock.advance(20)
        assert fetch(url).status_code == 403
        assert client.get(f"/v1/status/{answer.json()['id']}").status_code == 404


class TestCreditsAndLimits:
    def test_reserved_credits_can_not_be_spent_twice(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=5, credits={"fashn": 3})
        client = Client(sandbox, "fashn")
        assert run(client, {**INPUTS, "num_samples": 2}).status_code == 200
        assert client.get("/v1/credits").json()["credits"]["total"] == 3
        refused = run(client, {**INPUTS, "num_samples": 2})
        assert (refused.status_code, refused.json()["error"]) == (429, "OutOfCredits")
        assert "Retry-After" not in refused.headers
        sandbox.clock.advance(60)
        assert run(client, INPUTS).status_code == 200

    def test_an_empty_account(self, sandbox: Sandbox) -> None:
        assert run(Client(sandbox, "fashn", "empty"), INPUTS).json()["error"] == "OutOfCredits"

    def test_six_at_a_time(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=5)
        client = Client(sandbox, "fashn")
        answers = [run(client, INPUTS) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429]
        assert answers[-1].json()["error"] == "ConcurrencyLimitExceeded"
        sandbox.clock.advance(60)
        client.until(f"/v1/status/{answers[0].json()['id']}", "completed")
        assert run(client, INPUTS).status_code == 200

    @pytest.mark.parametrize(("method", "path", "count"), [("POST", "/v1/run", 50), ("GET", "/v1/credits", 30)])
    def test_rates(self, make_sandbox: Callable[..., Sandbox], method: str, path: str, count: int) -> None:
        sandbox = make_sandbox(pace=1)
        client = Client(sandbox, "fashn", form="today")
        send = client.get if method == "GET" else client.post
        answers = [send(path) for _ in range(count + 1)]
        assert [answer.status_code for answer in answers].count(429) == 1
        assert answers[-1].json()["error"] == "RateLimitExceeded"
        assert int(answers[-1].headers["Retry-After"]) >= 1

    def test_limits_can_be_switched_off(self, make_sandbox: Callable[..., Sandbox]) -> None:
        client = Client(make_sandbox(pace=1, limits=False), "fashn")
        assert {client.get("/v1/credits").status_code for _ in range(40)} == {200}

    def test_the_book(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn", "secret-key")
        job = run(client, {**INPUTS, "num_samples": 2}).json()["id"]
        client.until(f"/v1/status/{job}", "completed")
        submit = next(call for call in sandbox.calls if call.stage == "submit")
        assert (submit.endpoint, submit.job_id, submit.charged, submit.status) == ("POST /v1/run", job, 2, 200)
        assert [(c.job_id, c.credits, c.kind, c.key_id) for c in sandbox.charges("fashn")] == [
            (job, 2, "charge", submit.key_id)
        ]
        assert "secret-key" not in json.dumps(fetch(f"{sandbox.base_url}/_calls").json())


class TestWebhooks:
    def test_same_payload_as_status(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        with receiver() as (address, came):
            last = finish(client, run(client, INPUTS, webhook_url=address))
            assert json.loads(came.get(timeout=10)) == last.json()

    def test_failures_are_told_too(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        with receiver() as (address, came):
            run(client, {**INPUTS, "model_image": uri(plain())}, webhook_url=address)
            assert json.loads(came.get(timeout=10))["error"]["name"] == "PoseError"

    def test_five_retries(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=0.001)
        client = Client(sandbox, "fashn")
        with receiver(*[500] * 9) as (address, came):
            run(client, INPUTS, webhook_url=address)
            bodies = [came.get(timeout=10) for _ in range(6)]
            assert len(set(bodies)) == 1
            sandbox.clock.advance(1000)
            assert came.empty()
        assert [(sent.attempt, sent.status) for sent in sandbox.deliveries][:5] == [(n, 500) for n in range(1, 6)]

    def test_retry_stops_at_success(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=0.001)
        with receiver(503) as (address, came):
            run(Client(sandbox, "fashn"), INPUTS, webhook_url=address)
            came.get(timeout=10)
            came.get(timeout=10)
            assert came.empty()

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("webhook_duplicate", ["completed", "completed"]),
            ("webhook_failed_first", ["failed", "completed"]),
            ("webhook_early", ["completed", "completed"]),
        ],
    )
    def test_faults(self, sandbox: Sandbox, kind: str, words: list[str]) -> None:
        sandbox.faults.add(kind, provider="fashn")
        with receiver() as (address, came):
            client = Client(sandbox, "fashn")
            answer = run(client, INPUTS, webhook_url=address)
            if kind == "webhook_early":
                assert json.loads(came.queue[0])["id"] == answer.json()["id"]
            assert [json.loads(came.get(timeout=10))["status"] for _ in words] == words

    def test_lost(self, sandbox: Sandbox) -> None:
        sandbox.faults.add("webhook_lost")
        with receiver() as (address, came):
            client = Client(sandbox, "fashn")
            finish(client, run(client, INPUTS, webhook_url=address))
            assert came.empty()
        assert sandbox.deliveries == []

    def test_addresses(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "fashn")
        assert run(client, INPUTS, webhook_url="no address").status_code == 400
        assert run(client, INPUTS, hook="http://127.0.0.1/").status_code == 400
