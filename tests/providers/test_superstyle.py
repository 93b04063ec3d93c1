"""SuperStyle: a selfie and words."""

from __future__ import annotations

import base64
import random
from datetime import timedelta
from io import BytesIO
from typing import Any, ClassVar

import pytest
from django.utils import timezone
from PIL import Image

from tryon.choices import Category, Operation
from tryon.providers.base import Charged, ImageInput, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.providers.superstyle import PLAIN_WORDS, SuperStyleProvider
from tryon.testing import GARMENT, JOB, PERSON, PICTURE, Canned, HostedConformance, Server

LINK = "https://superstyle-user-images.s3.us-east-1.amazonaws.com/usr_123/try-on/20260228T153000Z_a1b2c3.jpg"


class TestSuperStyle(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = SuperStyleProvider

    def accepted(self, operation: Operation, version: str) -> Canned:
        if version == "seed":
            return Canned(200, {"image_base64": base64.b64encode(PICTURE).decode(), "mime_type": "image/jpeg"})
        return Canned(200, {"image_url": LINK, "image_id": "img_a1b2c3d4e5f6"})

    def refusal(self, code: str) -> Canned | None:
        return Canned(429 if "progress" in code else 400, {"error": code})

    def test_the_seeds_form(self, server: Server) -> None:
        provider = self.make(server, "seed")
        server.answers(self.accepted(Operation.TRY_ON, "seed"))
        submission = provider.submit(self.request(Operation.TRY_ON))
        assert (server.last.method, server.last.path) == ("POST", "/generate_image")
        assert server.last.json == {
            "selfie_base64": base64.b64encode(PERSON).decode(),
            "clothing_description": "Navy crew tee",
            "mode": "studio",
        }
        output = submission.outputs[0]
        assert (submission.job_id, output.data, output.mime) == (None, PICTURE, "image/jpeg")
        garment = ImageInput.from_bytes(GARMENT, url="https://example.com/jacket.jpg")
        provider.submit(self.request(Operation.TRY_ON, garment=garment, options={"mode": "environment"}))
        assert server.last.json["clothing_image_url"] == "https://example.com/jacket.jpg"
        assert server.last.json["mode"] == "environment"

    def test_todays_form(self, server: Server) -> None:
        provider = self.make(server)
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        output = provider.submit(self.request(Operation.TRY_ON)).outputs[0]
        assert server.last.path == "/try_on_outfit"
        assert server.last.json == {
            "selfie_base64": base64.b64encode(PERSON).decode(),
            "outfit_base64": base64.b64encode(GARMENT).decode(),
            "clothing_description": "Navy crew tee",
            "mode": "model_shot",
            "store_image": False,
        }
        assert output.url == LINK
        assert output.expires_at is not None
        assert timedelta(hours=23) < output.expires_at - timezone.now() <= timedelta(hours=24)
        garment = ImageInput.from_bytes(GARMENT, url="https://example.com/jacket.jpg")
        request = self.request(Operation.TRY_ON, garment=garment, options={"store_image": True})
        assert provider.submit(request).outputs[0].expires_at is None
        assert server.last.json["clothing_image_url"] == "https://example.com/jacket.jpg"
        assert "outfit_base64" not in server.last.json

    @pytest.mark.parametrize("category", [*Category, None])
    def test_there_are_always_words(self, category: Category | None, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, description=" \n", category=category))
        assert server.last.json["clothing_description"] == PLAIN_WORDS[category or Category.FULL]
        words = {"clothing_description": "Oversized denim jacket"}
        self.make(server).submit(self.request(Operation.TRY_ON, options=words))
        assert server.last.json["clothing_description"] == "Oversized denim jacket"

    def test_two_large_pictures_fit_into_the_servers_six_megabytes(self, server: Server) -> None:
        noise = Image.frombytes("RGB", (1800, 2400), random.Random(1).randbytes(1800 * 2400 * 3))
        stream = BytesIO()
        noise.save(stream, "JPEG", quality=95)
        assert len(stream.getvalue()) > 4_000_000
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        request = self.request(Operation.TRY_ON, person=stream.getvalue(), garment=stream.getvalue())
        self.make(server).submit(request)
        assert len(server.last.data) < 6 * 1024 * 1024

    def test_refusals(self, server: Server) -> None:
        provider, request = self.make(server), self.request(Operation.TRY_ON)
        server.answers(Canned(403, {"error": "Invalid API key"}))
        assert self.refused(provider, request).code == "config"
        body: dict[str, Any] = {"error": "Rate limit exceeded", "limit": 20, "remaining": 0, "reset": "tomorrow"}
        server.answers(Canned(429, body, {"Retry-After": "3600"}))
        error = self.refused(provider, request)
        assert (error.retryable, error.retry_after, error.charged) == (True, 600, Charged.NO)
        server.answers(Canned(429, {"error": "A request is already in progress. Please wait."}))
        assert self.refused(provider, request).detail.startswith("one request at a time")

    def test_results_that_are_none(self, server: Server) -> None:
        for version, bodies in (
            ("seed", ({"image_base64": "@@@"}, {"image_base64": None}, {"mime_type": "image/jpeg"})),
            ("today", ({"image_url": None}, {"image_url": 7}, {"image_id": "img_1"})),
        ):
            for body in bodies:
                server.answers(Canned(200, body))
                error = self.refused(self.make(server, version), self.request(Operation.TRY_ON))
                assert (error.retryable, error.charged) == (False, Charged.YES)

    def test_usage(self, server: Server) -> None:
        provider = self.make(server)
        assert isinstance(provider, SuperStyleProvider)
        server.answers(Canned(200, {"requests": []}))
        assert provider.usage(limit=500, cursor="abc") == {"requests": []}
        assert (server.last.path, server.last.query) == ("/usage", {"limit": "100", "cursor": "abc"})

    def test_there_are_no_jobs(self, server: Server) -> None:
        with pytest.raises(ProviderError):
            self.make(server).poll(JOB, operation=Operation.TRY_ON)
