"""Pebblely and SuperStyle: one long request, one picture."""

from __future__ import annotations

import base64
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.sandbox.client import Client, fetch, garment, opened, person, plain, raw, uri
from tryon.sandbox import Sandbox

POSE = "/generate/virtual_pose"


class TestPebblely:
    @pytest.fixture
    def client(self, sandbox: Sandbox) -> Client:
        return Client(sandbox, "pebblely")

    @pytest.mark.parametrize(
        ("change", "size"),
        [
            ({}, (1024, 1024)),
            ({"theme": "Beach", "prompt": "Blue hair"}, (1024, 1024)),
            ({"theme": None, "background_color": "#FFFFFF", "negative_prompt": "hat"}, (1024, 1024)),
            ({"width": 640}, (640, 640)),
            ({"height": 512, "width": 384}, (384, 512)),
            ({"cloth_image": uri(garment())}, (1024, 1024)),
            ({"cloth_image": "\n".join(textwrap.wrap(raw(garment()), 60))}, (1024, 1024)),
        ],
    )
    def test_pose(self, make_sandbox: Callable[..., Sandbox], change: dict[str, Any], size: tuple[int, int]) -> None:
        client = Client(make_sandbox(credits={"pebblely": 20}), "pebblely")
        answer = client.post(POSE, {"cloth_image": raw(garment()), **change})
        assert set(answer.json()) == {"data", "credits"}
        assert answer.json()["credits"] == 19
        assert opened(base64.b64decode(answer.json()["data"])).size == size

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 422),
            ({"cloth_image": ""}, 422),
            ({"cloth_image": raw(garment()), "theme": "Moon"}, 422),
            ({"cloth_image": raw(garment()), "width": 2049}, 422),
            ({"cloth_image": raw(garment()), "height": "1024"}, 422),
            ({"cloth_image": raw(garment()), "background_color": "white"}, 422),
            ({"cloth_image": raw(garment()), "seed": 1}, 422),
            ({"cloth_image": "@@@"}, 422),
            ({"cloth_image": raw(plain())}, 422),
            ({"cloth_image": raw(plain("#cc0000"))}, 422),
            ({"cloth_image": raw(bytes(5 * 1024 * 1024 + 1))}, 413),
        ],
    )
    def test_refusals(self, sandbox: Sandbox, client: Client, body: dict[str, Any], status: int) -> None:
        answer = client.post(POSE, body)
        assert (answer.status_code, set(answer.json())) == (status, {"detail"})
        assert sandbox.charges() == []

    def test_account(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox()
        assert Client(sandbox, "pebblely", "empty").post(POSE, {"cloth_image": raw(garment())}).status_code == 402
        assert Client(sandbox, "pebblely", "revoked").get("/utils/credits").status_code == 401
        assert Client(sandbox, "pebblely", "k").get("/utils/credits").json() == {"credits": 1000}
        assert Client(sandbox, "pebblely", "k2").get("/api_v1/utils/credits").json() == {"credits": 1000}

    def test_one_query_a_second(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=60)
        client = Client(sandbox, "pebblely")
        assert [client.get("/utils/credits").status_code for _ in range(2)] == [200, 429]
        sandbox.clock.advance(60)
        assert client.get("/utils/credits").status_code == 200

    def test_themes_need_no_token(self, sandbox: Sandbox) -> None:
        themes = requests.get(f"{sandbox.url('pebblely')}/utils/themes", timeout=10).json()
        assert [theme["label"] for theme in themes] == ["Streets", "Beach", "Rooftop", "Home", "Park", "Cafe"]
        assert fetch(themes[0]["thumbnail"]).headers["content-type"] == "image/jpeg"


STUDIO = {"selfie_base64": raw(person()), "clothing_description": "black leather jacket", "mode": "studio"}
OUTFIT = {**STUDIO, "mode": "model_shot", "outfit_base64": raw(garment())}


class TestSuperStyle:
    @pytest.fixture
    def client(self, sandbox: Sandbox) -> Client:
        return Client(sandbox, "superstyle")

    @pytest.mark.parametrize("mode", ["studio", "environment"])
    def test_generate_image(self, client: Client, mode: str) -> None:
        answer = client.post("/generate_image", {**STUDIO, "mode": mode})
        assert set(answer.json()) == {"image_base64", "mime_type"}
        assert answer.json()["mime_type"] == "image/jpeg"
        assert answer.json()["image_base64"].startswith("/9j/")

    def test_reference_image(self, client: Client) -> None:
        url = client.post("/try_on_outfit", OUTFIT).json()["image_url"]
        assert client.post("/generate_image", {**STUDIO, "clothing_image_url": url}).status_code == 200

    @pytest.mark.parametrize(
        ("path", "change", "text"),
        [
            ("/generate_image", {"selfie_base64": ""}, "selfie_base64 is required"),
            ("/generate_image", {"clothing_description": ""}, "clothing_description is required"),
            ("/generate_image", {"mode": "model_shot"}, "mode must be one of: studio, environment"),
            ("/generate_image", {"outfit_base64": raw(garment())}, "outfit_base64 is not a documented parameter"),
            ("/generate_image", {"selfie_base64": uri(person())}, "selfie_base64: not valid base64"),
            (
                "/generate_image",
                {"selfie_base64": raw(plain())},
                "No usable person was found in the selfie (no_person)",
            ),
            ("/try_on_outfit", {"mode": "studio"}, "mode must be one of: reference_environment, model_shot"),
            ("/try_on_outfit", {"mode": "model_shot", "store_image": "yes"}, "store_image must be a boolean"),
        ],
    )
    def test_refusals(self, client: Client, path: str, change: dict[str, Any], text: str) -> None:
        answer = client.post(path, {**STUDIO, **change})
        assert (answer.status_code, answer.json()) == (400, {"error": text})

    def test_keys(self, sandbox: Sandbox, client: Client) -> None:
        assert Client(sandbox, "superstyle", "revoked").post("/generate_image", STUDIO).status_code == 403
        del client.session.headers["X-API-Key"]
        assert client.post("/generate_image", STUDIO).status_code == 401
        assert client.get("/nowhere").status_code == 404

    def test_pictures_last_a_day_unless_stored(self, sandbox: Sandbox, client: Client) -> None:
        lost, kept = (client.post("/try_on_outfit", {**OUTFIT, "store_image": keep}).json() for keep in (False, True))
        assert lost["image_id"].startswith("img_")
        assert len(client.get("/images").json()["images"]) == 2
        sandbox.clock.advance(24 * 3600 + 1)
        assert (fetch(lost["image_url"]).status_code, fetch(kept["image_url"]).status_code) == (403, 200)
        assert client.get(f"/images/{kept['image_id']}").json()["image_url"] == kept["image_url"]
        assert client.get(f"/images/{lost['image_id']}").status_code == 404

    def test_twenty_a_day(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=0.001)
        client = Client(sandbox, "superstyle", form="today")
        account = sandbox.account("superstyle", "a-key")
        sandbox.clock.pace = 0.01  # a day of 864 seconds, jobs of some 20 ms
        answers = [client.post("/try_on_outfit", OUTFIT) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert answers[4].headers["X-RateLimit-Remaining"] == "15"
        assert {"error", "limit", "remaining", "reset"} == set(answers[-1].json())
        assert int(answers[-1].headers["Retry-After"]) > 60
        assert account.windows["day"].rate.requests == 20
        assert len(client.get("/usage?limit=5").json()["usage"]) == 5
        sandbox.clock.advance(900)
        assert client.post("/try_on_outfit", OUTFIT).status_code == 200

    def test_one_at_a_time(self, make_sandbox: Callable[..., Sandbox]) -> None:
        sandbox = make_sandbox(pace=5)
        client, other = Client(sandbox, "superstyle"), Client(sandbox, "superstyle")
        first = threading.Thread(target=lambda: client.post("/try_on_outfit", OUTFIT))
        first.start()
        while not sandbox.jobs.live():
            assert first.is_alive()
        answer = other.post("/try_on_outfit", OUTFIT)
        assert answer.status_code == 429
        assert answer.json()["error"].startswith("A request is already in progress")
        sandbox.clock.advance(60)
        first.join()

    def test_guardrail(self, client: Client) -> None:
        answer = client.post("/try_on_outfit", {**OUTFIT, "selfie_base64": raw(plain("#cc0000"))})
        assert answer.json() == {"error": "The request was refused by the image guardrails"}

    def test_too_large_a_request(self, client: Client) -> None:
        assert client.post("/generate_image", {**STUDIO, "selfie_base64": "A" * 7_000_000}).status_code == 413

    def test_unknown_forms_say_so(self, client: Client) -> None:
        assert client.post("/style_me", {}).status_code == 501
        assert client.get("/").json() == {"status": "ok"}

    def test_older_document(self, sandbox: Sandbox) -> None:
        client = Client(sandbox, "superstyle", form="seed")
        assert client.post("/generate_image", STUDIO).status_code == 200
        assert client.post("/try_on_outfit", OUTFIT).status_code == 404
