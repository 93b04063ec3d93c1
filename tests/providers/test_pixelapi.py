"""PixelAPI: try-on, editing and generation, and the many shapes of its errors and results."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from tryon.choices import Category, Operation, ProviderStatus
from tryon.providers.base import Charged, ImageInput, Option, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.providers.pixelapi import EDITS, GENERATORS, TRY_ONS, PixelAPIProvider
from tryon.providers.pixelapi_operations import STEP_RANGES
from tryon.testing import GARMENT, JOB, PERSON, PICTURE, Canned, HostedConformance, Seen, Server, jpeg, sample

LINK = "https://api.pixelapi.dev/outputs/images/2026/02/19/abc123.png"
STATUSES = {"invalid_image": 400, "gpu_out_of_memory": 503, "vton_preflight_unavailable": 503}
NOT_TRY_ONS = [*EDITS, *GENERATORS]


class TestPixelAPI(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = PixelAPIProvider

    def accepted(self, operation: Operation, version: str) -> Canned:
        if operation in TRY_ONS:
            return Canned(200, {"job_id": JOB, "status": "queued", "credits_used": 25})
        return Canned(200, {"generation_id": JOB, "status": "queued", "model": "sdxl", "credits_used": 4.0})

    def sent(self, seen: Seen) -> Mapping[str, Any]:
        return seen.form if seen.headers["content-type"].startswith("multipart/") else seen.json

    def job(self, word: str, operation: Operation) -> Canned:
        if operation in TRY_ONS:
            done: dict[str, Any] = {"result_image_b64": base64.b64encode(PICTURE).decode(), "inference_time_ms": 35000}
        else:
            done = {"output_url": LINK, "credits_used": 4.0}
        return Canned(200, {"status": word} | (done if word == "completed" else {}))

    def failed_job(self, code: str) -> Canned | None:
        return Canned(200, {"status": "failed", "error": {"error": code, "message": "Words"}})

    def refusal(self, code: str) -> Canned | None:
        detail = {"error": code, "message": "Words.", "guidance": "Advice.", "received_size": "48x32px"}
        return Canned(STATUSES.get(code, 422), {"detail": detail})

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        body = {"credits_remaining": 9997.0, "plan": "starter", "email": "shop@example.com"}
        return [(Canned(200, body), 9997.0)]

    def contexts(self, operation: Operation, provider: HostedProvider) -> Iterator[tuple[dict[str, Any], Option]]:
        if operation == Operation.REMOVE_OBJECT:
            yield {"prompt": "the shadow"}, provider.capabilities[operation].options[0]
            return
        for needed, option in super().contexts(operation, provider):
            if option.name == "steps":  # its range hangs on the model
                for model, (low, high) in STEP_RANGES.items():
                    yield {**needed, "model": model}, Option("steps", int, None, minimum=low, maximum=high)
            elif option.name == "negative_prompt" and operation == Operation.GENERATE_IMAGE:
                yield {**needed, "model": "sdxl"}, option
            else:
                yield needed, option

    def test_the_user_agent_is_always_sent(self, server: Server) -> None:
        """Their CDN refuses requests without."""
        provider = self.make(server)
        server.answers(Canned(200, {"credits_remaining": 1}))
        provider.balance()
        assert server.last.headers["user-agent"].startswith("django-tryon/")
        server.answers(Canned(403, b"<html>blocked</html>", {"Content-Type": "text/html"}))
        assert self.refused(provider, self.request(Operation.TRY_ON)).detail.startswith("blocked by the provider's CDN")

    @pytest.mark.parametrize(
        ("category", "word"), [(Category.UPPER, "upperbody"), (Category.LOWER, "lowerbody"), (Category.FULL, "dress")]
    )
    def test_a_try_on(self, category: Category, word: str, server: Server) -> None:
        for version in ("seed", "today"):
            server.answers(self.accepted(Operation.TRY_ON, version))
            submission = self.make(server, version).submit(self.request(Operation.TRY_ON, category=category))
            assert (submission.job_id, submission.credits_used) == (JOB, 25.0)
            assert (server.last.method, server.last.path) == ("POST", "/v1/virtual-tryon")
            assert server.last.json == {
                "person_image": base64.b64encode(PERSON).decode(),
                "garment_image": base64.b64encode(GARMENT).decode(),
                "category": word,
            }

    def test_a_category_is_needed(self, server: Server) -> None:
        assert self.refused(self.make(server), self.request(Operation.TRY_ON, category=None)).code == "invalid"
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, category=None, options={"category": "saree"}))
        assert server.last.json["category"] == "saree"

    def test_a_photo_that_is_wider_than_tall_is_refused(self, server: Server) -> None:
        error = self.refused(self.make(server), self.request(Operation.TRY_ON, person=jpeg(800, 600)))
        assert (error.code, error.charged) == ("aspect_ratio", Charged.NO)
        assert server.seen == []

    @pytest.mark.parametrize("operation", list(EDITS))
    def test_editing(self, operation: Operation, server: Server) -> None:
        provider = self.make(server)
        options = {option.name: "a wall" for option in provider.capabilities[operation].options}
        server.answers(self.accepted(operation, "today"))
        submission = provider.submit(self.request(operation, options=options))
        assert (submission.job_id, submission.credits_used) == (JOB, 4.0)
        assert server.last.path == f"/v1/image/{EDITS[operation]}"
        assert server.last.form == {"image": PICTURE, **options}
        picture = ImageInput.from_bytes(PICTURE, url="https://shop.example.com/p.jpg")
        provider.submit(self.request(operation, options=options, picture=picture))
        if operation == Operation.REMOVE_OBJECT:  # knows files only
            assert server.last.form["image"] == PICTURE
        else:
            assert server.last.json == {"image_url": "https://shop.example.com/p.jpg", **options}

    def test_an_object_is_removed_by_mask_or_words(self, server: Server) -> None:
        provider = self.make(server)
        assert "mask or a prompt" in self.refused(provider, self.request(Operation.REMOVE_OBJECT)).detail
        wrong = self.request(Operation.REMOVE_OBJECT, mask=jpeg(600, 600))
        assert "differ in size" in self.refused(provider, wrong).detail
        assert server.seen == []
        server.answers(self.accepted(Operation.REMOVE_OBJECT, "today"))
        provider.submit(self.request(Operation.REMOVE_OBJECT, mask=PICTURE))
        assert server.last.form == {"image": PICTURE, "mask": PICTURE}
        provider.submit(self.request(Operation.REMOVE_OBJECT, mask=PICTURE, options={"prompt": "it"}))
        assert server.last.form == {"image": PICTURE, "mask": PICTURE, "prompt": "it"}

    def test_generating(self, server: Server) -> None:
        provider = self.make(server)
        wanted: dict[Operation, tuple[dict[str, Any], dict[str, Any]]] = {
            Operation.GENERATE_IMAGE: (
                {"model": "flux-schnell", "prompt": "x"},
                {"model": "flux-schnell", "prompt": "x", "width": 1024, "height": 1024},
            ),
            Operation.GENERATE_AUDIO: (
                {"prompt": "calm lofi"},
                {"prompt": "calm lofi", "duration": 15, "model": "musicgen-small"},
            ),
            Operation.GENERATE_VIDEO: ({"prompt": "x"}, {"prompt": "x", "duration": 3.0, "resolution": "480p"}),
        }
        for operation, (options, body) in wanted.items():
            server.answers(self.accepted(operation, "today"))
            submission = provider.submit(self.request(operation, options=options))
            assert (server.last.path, server.last.json) == (GENERATORS[operation], body)
            assert submission.version == "pixelapi sdxl"

    def test_what_hangs_on_the_model(self, server: Server) -> None:
        provider = self.make(server)
        for model, options in (
            ("flux-schnell", {"steps": 9}),
            ("sdxl", {"steps": 19}),
            ("flux-schnell", {"negative_prompt": "x"}),
        ):
            request = self.request(Operation.GENERATE_IMAGE, options={"model": model, "prompt": "x", **options})
            assert self.refused(provider, request).code == "invalid"
        assert server.seen == []

    @pytest.mark.parametrize(
        ("operation", "path", "mime"),
        [
            (Operation.TRY_ON, "/v1/virtual-tryon/jobs", "image/png"),
            (Operation.MODEL_SHOT, "/v1/virtual-tryon/jobs", "image/png"),
            (Operation.UPSCALE, "/v1/image", ""),
            (Operation.GENERATE_AUDIO, "/v1/image", "audio/wav"),
            (Operation.GENERATE_VIDEO, "/v1/video", "video/mp4"),
        ],
    )
    def test_where_jobs_are_asked_about(self, operation: Operation, path: str, mime: str, server: Server) -> None:
        server.answers(self.job("completed", operation))
        update = self.make(server).poll(JOB, operation=operation)
        assert server.last.path == f"{path}/{JOB}"
        assert update.outputs[0].mime == mime

    def test_results_inside_and_by_address(self, server: Server) -> None:
        provider = self.make(server)
        server.answers(self.job("completed", Operation.TRY_ON))
        assert provider.poll(JOB, operation=Operation.TRY_ON).outputs[0].data == PICTURE
        for body in (
            {"output_url": LINK},
            {"result_image_url": LINK},
            {"result_url": LINK},
            {"result_urls": [LINK]},
            {"output": LINK, "output_url": None},
        ):
            server.answers(Canned(200, {"status": "completed", **body}))
            output = provider.poll(JOB, operation=Operation.TRY_ON).outputs[0]
            assert output.url == LINK
            assert output.expires_at is not None
            assert timedelta(hours=23) < output.expires_at - timezone.now() <= timedelta(hours=24)
        for bad in ({}, {"result_image_b64": "@@"}, {"output_url": {"a": 1}}, {"result_urls": [7]}, {"id": "other"}):
            server.answers(Canned(200, {"status": "completed", **bad}))
            with pytest.raises(ProviderError) as caught:
                provider.poll(JOB, operation=Operation.TRY_ON)
            assert (caught.value.retryable, caught.value.charged) == (False, Charged.YES)

    def test_where_a_failure_is_told(self, server: Server) -> None:
        for body in ({"error_message": "Words"}, {"error": "Words"}, {"friendly_message": "Words"}, {}):
            server.answers(Canned(200, {"status": "failed", **body}))
            update = self.make(server).poll(JOB, operation=Operation.UPSCALE)
            assert update.error is not None
            assert (update.status, "Words" in update.error.detail) == (ProviderStatus.FAILED, bool(body))

    def test_blocked_is_not_charged(self, server: Server) -> None:
        server.answers(Canned(200, {"status": "blocked"}))
        update = self.make(server).poll(JOB, operation=Operation.UPSCALE)
        assert update.error is not None
        assert (update.status, update.error.code) == (ProviderStatus.BLOCKED, "content_blocked")
        assert update.error.charged == Charged.NO

    def test_shapes_of_detail(self, server: Server) -> None:
        provider = self.make(server)
        link = "https://pixelapi.dev/app/#pricing"
        text = f"Insufficient credits. Required: 2, available: 0. Upgrade at {link}"
        server.answers(Canned(402, {"detail": text}))
        error = self.refused(provider, self.request(Operation.TRY_ON))
        assert (error.code, error.charged) == ("config", Charged.NO)
        assert error.detail == f"out of credits; {text.replace(link, '…')}; HTTP 402"
        server.answers(Canned(422, {"detail": [{"loc": ["body"], "msg": "field required"}, 7, {"msg": "too long"}]}))
        assert "field required, too long" in self.refused(provider, self.request(Operation.TRY_ON)).detail
        detail = {"code": "vton_preflight_unavailable", "retryable": True, "retry_after_s": 12, "message": "Busy"}
        server.answers(Canned(503, {"detail": detail}))
        error = self.refused(provider, self.request(Operation.TRY_ON))
        assert (error.retryable, error.retry_after) == (True, 12)
        server.answers(Canned(503, {"detail": {**detail, "retryable": False}}))
        assert self.refused(provider, self.request(Operation.TRY_ON)).retryable is False
        server.answers(Canned(500, {"detail": {"code": "boom", "retryable": True}}))
        error = self.refused(provider, self.request(Operation.TRY_ON))
        assert (error.retryable, error.charged) == (False, Charged.UNKNOWN), "it may have been charged"

    @pytest.mark.parametrize(
        ("code", "ours"), [("person_image_upside_down", "no_person"), ("garment_image_blurry", "garment_unsuitable")]
    )
    def test_new_codes_of_known_families(self, code: str, ours: str, server: Server) -> None:
        server.answers(Canned(422, {"detail": {"error": code}}))
        assert self.refused(self.make(server), self.request(Operation.TRY_ON)).code == ours

    def test_the_account(self, server: Server) -> None:
        provider = self.make(server)
        assert isinstance(provider, PixelAPIProvider)
        server.answers(self.balances("today")[0][0])
        balance = provider.balance()
        assert balance is not None
        assert balance.detail == "plan starter", "the account's e-mail address is nobody's business"
        assert server.last.path == "/v1/account/balance"
        server.answers(Canned(200, [{"id": "a"}]))
        assert provider.usage(limit=5) == [{"id": "a"}]
        assert (server.last.path, server.last.query) == ("/v1/account/usage", {"limit": "5"})
        assert provider.models() == [{"id": "a"}]
        assert server.last.path == "/v1/models"
        server.answers(Canned(200, b"{"))
        with pytest.raises(ProviderError):
            provider.models()

    def test_rate_limit_headers(self, server: Server) -> None:
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}
        server.answers(Canned(429, {"detail": "Too many requests"}, headers))
        error = self.refused(self.make(server), self.request(Operation.TRY_ON))
        assert (error.retryable, error.retry_after) == (True, 20)

    def test_each_operation_has_a_sample(self, server: Server) -> None:
        """The tests of the contract run over all of them: none may be empty by mistake."""
        capabilities = self.make(server).capabilities
        assert set(capabilities) == set(Operation)
        assert all(sample(option) is not None for each in capabilities.values() for option in each.options)
