"""Kling: signed tokens, one endpoint, and codes that HTTP statuses do not tell apart."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from PIL import Image

from tryon.choices import Operation, ProviderStatus
from tryon.providers.base import Charged, ImageInput, ProviderError, TryOnRequest, Update
from tryon.providers.hosted import HostedProvider
from tryon.providers.http import fetch
from tryon.providers.kling import JOBS, KlingProvider
from tryon.sandbox import Sandbox
from tryon.testing import GARMENT, JOB, PERSON, Canned, HostedConformance, Seen, Server

ACCESS, SECRET = "ak_canary_0123456789", "sk_canary_9876543210"
LINK = "https://cdn.klingai.com/bs2/upload-kling-api/0923471513/image/a_raw_image_0.png"
HTTP = {"11": 429, "12": 400, "13": 400, "10": 401, "50": 500}
OTHERS = {"1103": 403, "1202": 404, "1203": 404, "1302": 429, "1303": 429, "1304": 429, "5001": 503, "5002": 504}


def unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class TestKling(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = KlingProvider
    key: ClassVar[str] = f"{ACCESS}:{SECRET}"

    def authorised(self, seen: Seen) -> bool:
        scheme, token = seen.headers["authorization"].split()
        head, claims, signature = token.split(".")
        wanted = hmac.digest(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256)
        return scheme == "Bearer" and unpacked(signature) == wanted

    def accepted(self, operation: Operation, version: str) -> Canned:
        data = {"task_id": JOB, "task_status": "submitted", "created_at": 1722769557708, "updated_at": 1722769557708}
        return Canned(200, {"code": 0, "message": "SUCCEED", "request_id": "r1", "data": data})

    def job(self, word: str, operation: Operation) -> Canned:
        data: dict[str, Any] = {"task_id": JOB, "task_status": word, "task_status_msg": ""}
        if word == "succeed":
            data["task_result"] = {"images": [{"index": 0, "url": LINK}]}
        return Canned(200, {"code": 0, "message": "SUCCEED", "request_id": "r1", "data": data})

    def refusal(self, code: str) -> Canned | None:
        body = {"code": int(code), "message": "Words", "request_id": "r-7"}
        return Canned(OTHERS.get(code, HTTP[code[:2]]), body)

    def test_what_is_sent(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        submission = self.make(server).submit(self.request(Operation.TRY_ON))
        assert (server.last.method, server.last.path) == ("POST", JOBS)
        assert server.last.json == {
            "model_name": "kolors-virtual-try-on-v1",
            "human_image": base64.b64encode(PERSON).decode(),
            "cloth_image": base64.b64encode(GARMENT).decode(),
        }
        assert (submission.job_id, submission.version) == (JOB, "kling kolors-virtual-try-on-v1")
        garment = ImageInput.from_bytes(GARMENT, url="https://shop.example.com/tee.jpg")
        hook = "https://shop.example.com/hook/?t=1"
        self.make(server).submit(self.request(Operation.TRY_ON, garment=garment, webhook_url=hook))
        assert server.last.json["cloth_image"] == "https://shop.example.com/tee.jpg"
        assert server.last.json["callback_url"] == hook

    def test_the_token(self, server: Server) -> None:
        server.answers(self.accepted(Operation.TRY_ON, "today"))
        self.make(server).submit(self.request(Operation.TRY_ON))
        head, claims, _ = server.last.headers["authorization"].removeprefix("Bearer ").split(".")
        assert json.loads(unpacked(head)) == {"alg": "HS256", "typ": "JWT"}
        told = json.loads(unpacked(claims))
        now = timezone.now().timestamp()
        assert told["iss"] == ACCESS
        assert now - 10 < told["nbf"] <= now
        assert now + 1790 < told["exp"] <= now + 1800

    @pytest.mark.parametrize("key", ["only-one", ":secret", "access:"])
    def test_the_key_has_two_halves(self, key: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="<access key>:<secret key>"):
            KlingProvider("alias", api_key=key)

    def test_neither_half_is_told(self, server: Server) -> None:
        for half in (ACCESS, SECRET):
            server.answers(Canned(400, {"code": 1201, "message": f"no such key: {half}", "request_id": "r-7"}))
            error = self.refused(self.make(server), self.request(Operation.TRY_ON))
            assert half not in str(error)
            assert "r-7" in error.detail

    def test_a_refusal_may_come_with_200(self, server: Server) -> None:
        for code, ours, charged in ((1301, "content_blocked", Charged.NO), (9999, "provider_down", Charged.UNKNOWN)):
            server.answers(Canned(200, {"code": code, "message": "Words", "data": {"task_id": JOB}}))
            error = self.refused(self.make(server), self.request(Operation.TRY_ON))
            assert (error.code, error.charged) == (ours, charged)
            assert f"code {code}" in error.detail

    def test_out_of_money_is_no_rate_limit(self, server: Server) -> None:
        server.answers(Canned(429, {"code": 1102, "message": "Resource pack depleted"}))
        error = self.refused(self.make(server), self.request(Operation.TRY_ON))
        assert (error.code, error.retryable) == ("config", False)
        server.answers(Canned(429, {"code": 1302, "message": "Too fast"}))
        assert self.refused(self.make(server), self.request(Operation.TRY_ON)).retryable

    def test_a_finished_job(self, server: Server) -> None:
        canned = self.job("succeed", Operation.TRY_ON)
        canned.body["data"]["final_unit_deduction"] = "1.5"
        server.answers(canned)
        update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert server.last.path == f"{JOBS}/{JOB}"
        assert [output.url for output in update.outputs] == [LINK]
        assert update.credits_used == 1.5
        expires = update.outputs[0].expires_at
        assert expires is not None
        assert timedelta(days=29) < expires - timezone.now() <= timedelta(days=30)

    @pytest.mark.parametrize("result", [None, {}, {"images": []}, {"images": [7]}, {"images": [{}]}])
    def test_a_result_that_is_none(self, result: Any, server: Server) -> None:
        server.answers(Canned(200, {"code": 0, "data": {"task_status": "succeed", "task_result": result}}))
        with pytest.raises(ProviderError) as caught:
            self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert (caught.value.retryable, caught.value.charged) == (False, Charged.YES)

    @pytest.mark.parametrize(("units", "charged"), [("0", Charged.NO), (None, Charged.NO), ("1", Charged.YES)])
    def test_a_failed_job(self, units: str | None, charged: Charged, server: Server) -> None:
        data = {"task_id": JOB, "task_status": "failed", "task_status_msg": "no human", "final_unit_deduction": units}
        server.answers(Canned(200, {"code": 0, "data": data}))
        update = self.make(server).poll(JOB, operation=Operation.TRY_ON)
        assert update.status == ProviderStatus.FAILED
        assert update.error is not None
        assert (update.error.charged, "no human" in update.error.detail) == (charged, True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=0, pictures="drawn", pace=0.02) as running:
        yield running


class TestAgainstTheSandbox:
    """The adapter and the local server were written from the same reference: they must understand each other."""

    def provider(self, sandbox: Sandbox, key: str = f"{ACCESS}:{SECRET}") -> KlingProvider:
        return KlingProvider("kling", base_url=sandbox.url("kling"), api_key=key, allow_private_hosts=True)

    def request(self, **changes: Any) -> TryOnRequest:
        return TryOnRequest(**{"operation": Operation.TRY_ON, "person": PERSON, "garment": GARMENT, **changes})

    def finished(self, provider: KlingProvider, job_id: str) -> Update:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            update = provider.poll(job_id, operation=Operation.TRY_ON)
            if update.status not in (ProviderStatus.QUEUED, ProviderStatus.PROCESSING):
                return update
        raise AssertionError("the job never ended")

    def test_a_try_on(self, sandbox: Sandbox) -> None:
        provider = self.provider(sandbox)
        submission = provider.submit(self.request())
        update = self.finished(provider, str(submission.job_id))
        assert (update.status, update.credits_used) == (ProviderStatus.SUCCEEDED, 1.0)
        data = fetch(
            update.outputs[0].url,
            allowed_hosts=provider.download_hosts(),
            max_bytes=10_000_000,
            deadline=10,
            allow_private_hosts=True,
        )
        assert data.startswith(b"\x89PNG")

    def test_refusals(self, sandbox: Sandbox) -> None:
        revoked = self.provider(sandbox, f"revoked-{ACCESS}:{SECRET}")
        with pytest.raises(ProviderError, match="key was refused"):
            revoked.submit(self.request())
        provider = self.provider(sandbox)
        with pytest.raises(ProviderError) as caught:
            provider.poll("never-made", operation=Operation.TRY_ON)
        assert not caught.value.retryable

    def test_content_rules(self, sandbox: Sandbox) -> None:
        """A plain red picture stands for one that is refused. The API tells it in words only."""
        red = BytesIO()
        Image.new("RGB", (400, 500), "#e01010").save(red, "JPEG")
        provider = self.provider(sandbox)
        submission = provider.submit(self.request(person=red.getvalue()))
        update = self.finished(provider, str(submission.job_id))
        assert update.status == ProviderStatus.FAILED
        assert update.error is not None
        assert (update.error.charged, "risk control" in update.error.detail) == (Charged.NO, True)

    @pytest.mark.parametrize(
        ("kind", "code", "retryable"),
        [
            ("rate_limited", "provider_down", True),
            ("out_of_credits", "config", False),
            ("unauthorized", "config", False),
        ],
    )
    def test_faults(self, sandbox: Sandbox, kind: str, code: str, *, retryable: bool) -> None:
        sandbox.faults.add({"kind": kind, "provider": "kling"})
        with pytest.raises(ProviderError) as caught:
            self.provider(sandbox).submit(self.request())
        assert (caught.value.code, caught.value.retryable, caught.value.charged) == (code, retryable, Charged.NO)

    @pytest.mark.parametrize(("later", "code"), [(-4000, "1004"), (4000, "1003")])
    def test_a_wrong_clock(self, sandbox: Sandbox, later: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class WrongClock(KlingProvider):
            def token(self, key: str) -> str:
                now = time.time()
                with monkeypatch.context() as patch:
                    patch.setattr("tryon.providers.kling.time.time", lambda: now + later)
                    return super().token(key)

        provider = WrongClock("kling", base_url=sandbox.url("kling"), api_key="a:b", allow_private_hosts=True)
        with pytest.raises(ProviderError, match=f"clock; .*code {code}"):
            provider.submit(self.request())
