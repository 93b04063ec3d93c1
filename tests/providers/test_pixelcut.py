"""Pixelcut: by address or by file, waited for or as a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from tryon.choices import Category, Operation, ProviderStatus
from tryon.providers.base import Charged, ImageInput, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.providers.pixelcut import PixelcutProvider
from tryon.testing import GARMENT, JOB, PERSON, Canned, HostedConformance, Seen, Server

LINK = "https://assets.pixelcut.app/public/result/a16646be-91c8-4e3a-b359.jpg"
REFUSALS = {
    "invalid_request_body": 400,
    "missing_parameter": 400,
    "invalid_parameter": 400,
    "unsupported_content_type": 400,
    "malformed_image": 400,
    "unsupported_image_format": 400,
    "file_size_too_large": 400,
    "resolution_too_high": 400,
    "unknown_foreground": 400,
    "invalid_auth_token": 401,
    "insufficient_api_credits": 403,
    "rate_limit_exceeded": 429,
}

CANCEL_REFUSALS = ((404, "not_found"), (409, "job_finished"))


class TestPixelcut(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = PixelcutProvider
    category_is_optional = True

    def accepted(self, operation: Operation, version: str) -> Canned:
        return Canned(200, {"result_url": LINK})

    def sent(self, seen: Seen) -> Mapping[str, Any]:
        return seen.form if seen.headers["content-type"].startswith("multipart/") else seen.json

    def job(self, word: str, operation: Operation) -> Canned:
        body = {"job_id": JOB, "status": word}
        return Canned(200, body | ({"result_url": LINK} if word == "completed" else {}))

    def failed_job(self, code: str) -> Canned | None:
        if code in REFUSALS and code != "invalid_parameter":
            return None
        error = {"message": "Job processing failed", "error_code": code}
        return Canned(200, {"job_id": JOB, "status": "failed", "error": error})

    def refusal(self, code: str) -> Canned | None:
        return Canned(REFUSALS[code], {"error": "Words", "error_code": code}) if code in REFUSALS else None

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        if version == "seed":
            return []
        return [(Canned(200, {"credits_remaining": 42}), 42.0), (Canned(200, {"credits_remaining": "17"}), 17.0)]

    def cancellations(self, version: str) -> list[tuple[Canned, bool]]:
        if version == "seed":
            return []
        refused = [Canned(status, {"error": "Words", "error_code": code}) for status, code in CANCEL_REFUSALS]
        return [(Canned(200, {"message": "Job cancelled"}), True), *((canned, False) for canned in refused)]

    def test_files_go_as_multipart(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON))
        assert (server.last.method, server.last.path) == ("POST", "/v1/try-on")
        assert server.last.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert server.last.headers["accept"] == "application/json"
        assert b'filename="person_image.jpeg"' in server.last.data
        assert server.last.form == {
            "person_image": PERSON,
            "garment_image": GARMENT,
            "garment_mode": "upper",
            "preprocess_garment": "true",
            "remove_background": "false",
            "wait_for_result": "true",
        }

    def test_addresses_go_as_json(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        person = ImageInput.from_bytes(PERSON, url="https://shop.example.com/m.jpg")
        garment = ImageInput.from_bytes(GARMENT, url="https://shop.example.com/g.jpg")
        self.make(server).submit(self.request(Operation.TRY_ON, person=person, garment=garment, category=None))
        assert server.last.headers["content-type"] == "application/json"
        assert server.last.json == {
            "person_image_url": "https://shop.example.com/m.jpg",
            "garment_image_url": "https://shop.example.com/g.jpg",
            "garment_mode": "auto",
            "preprocess_garment": True,
            "remove_background": False,
            "wait_for_result": True,
        }
        self.make(server).submit(self.request(Operation.TRY_ON, garment=garment))
        form = server.last.form
        assert (form["person_image"], form["garment_image_url"]) == (PERSON, "https://shop.example.com/g.jpg")
        assert "garment_image" not in form

    @pytest.mark.parametrize(
        ("category", "mode"),
        [(Category.UPPER, "upper"), (Category.LOWER, "lower"), (Category.FULL, "full"), (None, "auto")],
    )
    def test_garment_modes(self, category: Category | None, mode: str, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON, category=category))
        assert server.last.form["garment_mode"] == mode
        self.make(server).submit(self.request(Operation.TRY_ON, category=category, options={"garment_mode": "full"}))
        assert server.last.form["garment_mode"] == "full"

    def test_waiting_gives_the_result(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        submission = self.make(server).submit(self.request(Operation.TRY_ON))
        output = submission.outputs[0]
        assert (submission.job_id, output.url, output.mime) == (None, LINK, "image/jpeg")
        assert output.expires_at is not None
        assert timedelta(minutes=59) < output.expires_at - timezone.now() <= timedelta(hours=1)

    def test_not_waiting_gives_a_job(self, server: Server) -> None:
        provider = self.make(server)
        request = self.request(Operation.TRY_ON, options={"wait_for_result": False})
        location = {"Location": f"https://api.developer.pixelcut.ai/v1/try-on/job/{JOB}"}
        for canned in (Canned(202, {"job_id": JOB}, location), Canned(202, {}, location), Canned(200, {"job_id": JOB})):
            server.answers(canned)
            submission = provider.submit(request)
            assert (submission.job_id, submission.outputs) == (JOB, ())
        for canned in (Canned(202, {}), Canned(202, {}, {"Location": "/a/.."}), Canned(202, {"job_id": 7}, location)):
            server.answers(canned)
            assert self.refused(provider, request).charged == Charged.UNKNOWN

    def test_a_finished_job(self, server: Server) -> None:
        server.answers(self.job("completed", Operation.TRY_ON))
        update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert server.last.path == f"/v1/try-on/job/{JOB}"
        assert [output.url for output in update.outputs] == [LINK]
        server.answers(Canned(200, {"job_id": "other", "status": "completed", "result_url": LINK}))
        with pytest.raises(ProviderError, match="another job"):
            self.make(server).poll(JOB, operation=Operation.TRY_ON)
        server.answers(Canned(200, {"job_id": JOB, "status": "completed"}))
        with pytest.raises(ProviderError, match="no address"):
            self.make(server).poll(JOB, operation=Operation.TRY_ON)

    def test_what_ended_the_job(self, server: Server) -> None:
        for code, status in (
            ("job_cancelled", ProviderStatus.CANCELED),
            ("content_filter_error", ProviderStatus.BLOCKED),
            ("never_heard_of", ProviderStatus.FAILED),
        ):
            canned = Canned(200, {"status": "failed", "error": {"message": "Words", "error_code": code}})
            server.answers(canned)
            update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
            assert update.error is not None
            assert update.status == status
            assert "Words" in update.error.detail

    def test_cancel(self, server: Server) -> None:
        provider = self.make(server)
        server.answers(Canned(200, {"message": "Job cancelled"}))
        assert provider.cancel(JOB) is True
        assert (server.last.method, server.last.path) == ("POST", f"/v1/try-on/job/{JOB}/cancel")
        for status, code in ((404, "not_found"), (409, "job_finished")):
            server.answers(Canned(status, {"error": "Words", "error_code": code}))
            assert provider.cancel(JOB) is False
        server.answers(Canned(401, {"error": "API Token not found", "error_code": "invalid_auth_token"}))
        with pytest.raises(ProviderError) as caught:
            provider.cancel(JOB)
        assert caught.value.code == "config"
        server.seen.clear()
        assert self.make(server, "seed").cancel(JOB) is False
        assert server.seen == []

    def test_limits_of_both_versions(self, server: Server) -> None:
        old, new = (self.make(server, version).capabilities[Operation.TRY_ON] for version in ("seed", "today"))
        assert (old.min_side, old.max_edge, old.max_bytes) == (256, 1920, 25 * 1024 * 1024)
        assert (new.min_side, new.max_edge, new.max_bytes) == (64, 6000, 25 * 1024 * 1024)

    def test_out_of_credits(self, server: Server) -> None:
        server.answers(self.refusal("insufficient_api_credits") or Canned())
        error = self.refused(self.make(server), self.request(Operation.TRY_ON))
        assert (error.code, error.detail[:14]) == ("config", "out of credits")
