"""FASHN: today's form with its models, and the seed's flat one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from tryon.choices import Category, Operation, ProviderStatus
from tryon.providers.base import Charged, ImageInput, Option, ProviderError
from tryon.providers.fashn import FashnProvider
from tryon.providers.fashn_models import MODELS, OPERATIONS
from tryon.providers.hosted import HostedProvider
from tryon.testing import GARMENT, JOB, PERSON, PICTURE, Canned, HostedConformance, Seen, Server, jpeg, sample

API_ERRORS = {
    "BadRequest": 400,
    "UnauthorizedAccess": 401,
    "NotFound": 404,
    "RateLimitExceeded": 429,
    "ConcurrencyLimitExceeded": 429,
    "OutOfCredits": 429,
    "InternalServerError": 500,
}
LINK = "https://cdn.fashn.ai/123a87r9/output_0.png"


def uri(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


class TestFashn(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = FashnProvider

    def accepted(self, operation: Operation, version: str) -> Canned:
        return Canned(200, {"id": JOB, "error": None})

    def sent(self, seen: Seen) -> dict[str, Any]:
        body = seen.json
        return {**body.get("inputs", body), "model_name": body.get("model_name")}

    def job(self, word: str, operation: Operation) -> Canned:
        output = [LINK] if word == "completed" else None
        return Canned(200, {"id": JOB, "status": word, "output": output, "error": None})

    def failed_job(self, code: str) -> Canned | None:
        error = {"name": code, "message": "The error message"}
        return Canned(200, {"id": JOB, "status": "failed", "error": error})

    def refusal(self, code: str) -> Canned | None:
        return Canned(API_ERRORS.get(code, 400), {"error": code, "message": "The error message"})

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        if version == "seed":
            return []
        body = {"credits": {"total": 234, "subscription": 100, "on_demand": 134}}
        return [(Canned(200, body), 234.0)]

    def cancellations(self, version: str) -> list[tuple[Canned, bool]]:
        if version == "today":
            return []
        words = (("canceled", True), ("completed", False))
        return [(Canned(200, {"id": JOB, "status": word, "error": None}), done) for word, done in words]

    def contexts(self, operation: Operation, provider: HostedProvider) -> Iterator[tuple[dict[str, Any], Option]]:
        if provider.api_version == "seed":
            yield from super().contexts(operation, provider)
            return
        model_name = provider.capabilities[operation].options[0]
        for name in OPERATIONS[operation]:
            model = MODELS[name]
            needed = {option.name: sample(option) for option in model.options if option.required}
            for option in model.options:
                yield {**needed, "model_name": name}, option
        first = MODELS[OPERATIONS[operation][0]]
        needed = {option.name: sample(option) for option in first.options if option.required}
        yield needed, Option(model_name.name, str, first.name, choices=(first.name,))

    def test_every_model_is_sent_with_its_own_pictures(self, server: Server) -> None:
        provider = self.make(server)
        references = {"face_reference": PERSON, "image_prompt": PICTURE, "background_reference": GARMENT}
        references |= dict.fromkeys(("image_reference", "image_context", "end_image"), PICTURE)
        sources = {"person": PERSON, "garment": GARMENT, "picture": PICTURE, "mask": PICTURE, **references}
        for operation, names in OPERATIONS.items():
            for name in names:
                model = MODELS[name]
                own = {source for _, source, _ in model.pictures}
                options = {option.name: sample(option) for option in model.options if option.required}
                request = self.request(
                    operation,
                    options={"model_name": name, **options},
                    mask=PICTURE,
                    references={key: value for key, value in references.items() if key in own},
                )
                server.answers(self.accepted(operation, "today"))
                provider.submit(request)
                body = server.last.json
                assert (server.last.path, body["model_name"]) == ("/v1/run", name)
                sent = {key: value for key, value in body["inputs"].items() if str(value).startswith("data:")}
                assert sent == {wire: uri(sources[source]) for wire, source, _ in model.pictures}, name

    def test_a_public_picture_goes_by_its_address(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        garment = ImageInput.from_bytes(GARMENT, url="https://shop.example.com/tee.jpg")
        self.make(server).submit(self.request(Operation.TRY_ON, garment=garment))
        assert server.last.json["inputs"]["garment_image"] == "https://shop.example.com/tee.jpg"

    @pytest.mark.parametrize(
        ("category", "today", "seed"),
        [(Category.UPPER, "tops", "tops"), (Category.LOWER, "bottoms", "bottoms"), (None, "auto", None),
         (Category.FULL, "one-pieces", "one-pieces")],
    )  # fmt: skip
    def test_categories(self, category: Category | None, today: str, seed: str | None, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, category=category))
        assert server.last.json["inputs"]["category"] == today
        provider, request = self.make(server, "seed"), self.request(Operation.TRY_ON, category=category)
        if seed is None:
            assert self.refused(provider, request).code == "invalid"
        else:
            provider.submit(request)
            assert server.last.json["category"] == seed

    def test_the_seed_speaks_flat(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "seed"))
        submission = self.make(server, "seed").submit(self.request(Operation.TRY_ON, options={"long_top": True}))
        assert submission.job_id == JOB
        assert server.last.path == "/v1/run"
        assert server.last.json == {
            "model_image": uri(PERSON),
            "garment_image": uri(GARMENT),
            "category": "tops",
            "nsfw_filter": True,
            "cover_feet": False,
            "adjust_hands": False,
            "restore_background": False,
            "restore_clothes": False,
            "garment_photo_type": "auto",
            "long_top": True,
            "guidance_scale": 2.0,
            "timesteps": 50,
            "seed": 42,
            "num_samples": 1,
        }

    def test_a_selfie_gets_a_body(self, server: Server) -> None:
        """In one call as the face of a made-up body, or first as a picture of its own to try things on."""
        provider = self.make(server)
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        options: dict[str, Any] = {"model_name": "product-to-model", "selfie": True}
        provider.submit(self.request(Operation.TRY_ON, options=options))
        inputs = server.last.json["inputs"]
        assert inputs["face_reference"] == uri(PERSON)
        assert "model_image" not in inputs
        assert "selfie" not in inputs
        provider.submit(self.request(Operation.GENERATE_IMAGE, options={"model_name": "face-to-model"}))
        assert server.last.json == {
            "model_name": "face-to-model",
            "inputs": {"face_image": uri(PERSON), "return_base64": False},
        }

    def test_a_saved_model_stands_for_the_photo(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, person=None, options={"saved_model": "Noor"}))
        assert server.last.json["inputs"]["model_image"] == "saved:Noor"

    def test_a_shot_needs_no_person(self, server: Server) -> None:
        server.answers(self.accepted(Operation.MODEL_SHOT, "today"))
        self.make(server).submit(self.request(Operation.MODEL_SHOT, person=None))
        assert server.last.json["model_name"] == "product-to-model"
        assert "model_image" not in server.last.json["inputs"]
        error = self.refused(
            self.make(server),
            self.request(Operation.TRY_ON, person=None, options={"model_name": "product-to-model"}),
        )
        assert error.code == "invalid"

    def test_options_of_another_model_are_refused(self, server: Server) -> None:
        provider = self.make(server, options={"mode": "quality"})
        request = self.request(Operation.TRY_ON, options={"model_name": "tryon-max", "num_samples": 3})
        assert "num_samples" in self.refused(provider, request).detail
        # a form that sends every field with its default means nothing by it, and settings are for those they fit
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        options = {"model_name": "tryon-max", "num_samples": 1, "segmentation_free": True}
        provider.submit(self.request(Operation.TRY_ON, options=options))
        assert set(server.last.json["inputs"]) == {"model_image", "product_image", "return_base64"}

    def test_references_of_another_model_are_refused(self, server: Server) -> None:
        request = self.request(Operation.TRY_ON, references={"end_image": PICTURE})
        assert self.refused(self.make(server), request).code == "invalid"

    def test_the_webhook_goes_into_the_query(self, server: Server) -> None:
        hook = "https://shop.example.com/tryon/hooks/abc/?t=a&b=c"
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, webhook_url=hook))
        assert server.last.query == {"webhook_url": hook}
        assert "webhook_url" not in server.last.json

    def test_tall_pictures_are_sent_smaller(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, person=jpeg(1500, 3000)))
        sent = base64.b64decode(server.last.json["inputs"]["model_image"].partition(",")[2])
        image = ImageInput.from_bytes(sent)
        assert (image.width, image.height) == (1000, 2000)

    def test_a_finished_job(self, server: Server) -> None:
        body = {"id": JOB, "status": "completed", "output": [LINK, uri(PICTURE)], "error": None}
        server.answers(Canned(200, body, {"X-Fashn-Credits-Used": "2"}))
        update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert server.last.path == f"/v1/status/{JOB}"
        first, second = update.outputs
        assert (first.url, first.data) == (LINK, None)
        assert first.expires_at is not None
        assert timedelta(hours=71) < first.expires_at - timezone.now() <= timedelta(hours=72)
        assert (second.data, second.mime) == (PICTURE, "image/jpeg")
        assert update.credits_used == 2.0

    def test_a_film(self, server: Server) -> None:
        server.answers(self.job("completed", Operation.GENERATE_VIDEO))
        update = self.make(server).poll(JOB, operation=Operation.GENERATE_VIDEO)
        assert update.outputs[0].mime == "video/mp4"

    @pytest.mark.parametrize(
        "body",
        [
            {"id": "another", "status": "completed", "output": [LINK]},
            {"id": JOB, "status": "completed", "output": None},
            {"id": JOB, "status": "completed", "output": {"a": 1}},
            {"id": JOB, "status": "completed", "output": [[LINK]]},
            {"id": JOB, "status": "completed", "output": []},
            {"id": JOB, "status": "completed", "output": ["data:image/png;base64,@@"]},
        ],
    )
    def test_a_result_that_is_none(self, body: dict[str, Any], server: Server) -> None:
        server.answers(Canned(200, body))
        with pytest.raises(ProviderError) as caught:
            self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert (caught.value.retryable, caught.value.charged) == (False, Charged.YES)

    def test_the_seeds_errors_are_objects(self, server: Server) -> None:
        provider = self.make(server, "seed")
        server.answers(Canned(200, {"id": None, "error": {"name": "RequestError", "message": "The error message"}}))
        error = self.refused(provider, self.request(Operation.TRY_ON))
        assert (error.code, error.charged) == ("provider_down", Charged.NO)
        assert error.detail == "the input was refused; The error message; code RequestError"
        server.answers(Canned(200, {"id": JOB, "error": {"name": "Surprise"}}))
        assert self.refused(provider, self.request(Operation.TRY_ON)).charged == Charged.UNKNOWN
        server.answers(Canned(200, {"error": None}))
        assert self.refused(provider, self.request(Operation.TRY_ON)).charged == Charged.UNKNOWN

    def test_out_of_credits_is_no_rate_limit(self, server: Server) -> None:
        server.answers(
            Canned(429, {"error": "OutOfCredits", "message": "x"}, {"Retry-After": "3", "X-Request-Id": "r1"})
        )
        error = self.refused(self.make(server), self.request(Operation.TRY_ON))
        assert (error.code, error.retryable, error.retry_after) == ("config", False, None)
        assert error.detail == "out of credits; x; code OutOfCredits; HTTP 429; request r1"

    def test_timed_out_on_their_side(self, server: Server) -> None:
        server.answers(Canned(200, {"id": JOB, "status": "time_out"}))
        update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert update.error is not None
        assert (update.status, update.error.code) == (ProviderStatus.FAILED, "timed_out")

    def test_cancel(self, server: Server) -> None:
        server.answers(Canned(200, {"id": JOB, "status": "canceled", "error": None}))
        assert self.make(server, "seed").cancel(JOB) is True
        assert (server.last.method, server.last.path) == ("GET", f"/v1/cancel/{JOB}")
        server.answers(Canned(200, {"id": JOB, "status": "completed"}))
        assert self.make(server, "seed").cancel(JOB) is False
        server.seen.clear()
        assert self.make(server).cancel(JOB) is False, "today there is no such address"
        assert server.seen == []

    def test_balance_says_what_it_is_made_of(self, server: Server) -> None:
        server.answers(self.balances("today")[0][0])
        balance = self.make(server).balance()
        assert balance is not None
        assert balance.detail == "subscription 100, on_demand 134"
        assert server.last.path == "/v1/credits"
