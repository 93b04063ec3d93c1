"""A small adapter as somebody outside would write it, and its suite. The kit is tried on it, whole and broken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from tryon.choices import Operation, ProviderStatus
from tryon.images.picture import MEGABYTE
from tryon.providers import answers
from tryon.providers.answers import OUT_OF_CREDITS, Fault
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    Option,
    Output,
    Provider,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.hosted import TODAY, HostedProvider, given, text_of
from tryon.testing import JOB, Canned, HostedConformance

OPTIONS = (
    Option("quality", str, "good", "How fine.", ("good", "best")),
    Option("steps", int, 20, "Fewer is faster.", minimum=10, maximum=50),
    Option("seed", int, None, "The same seed gives the same picture."),
)
LINK = "https://cdn.acme.example/results/a.png"


class AcmeProvider(HostedProvider):
    label: ClassVar[str] = "acme"
    style: ClassVar[CallStyle] = CallStyle.POLLING
    api_versions = (TODAY,)
    default_base_url = "https://api.acme.example"
    key_variable = "ACME_API_KEY"
    result_hosts: ClassVar[tuple[str, ...]] = ("cdn.acme.example",)

    STATUS = {
        "waiting": ProviderStatus.QUEUED,
        "running": ProviderStatus.PROCESSING,
        "done": ProviderStatus.SUCCEEDED,
        "failed": ProviderStatus.FAILED,
    }
    ERRORS = {
        "no_money": OUT_OF_CREDITS,
        "bad_photo": Fault("no_person", "no person was found"),
        "unsafe": Fault("content_blocked", "refused by content rules"),
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        only = Capability(
            OPTIONS, max_edge=1500, min_side=200, max_bytes=3 * MEGABYTE, cost=2.0, upright_person=True,
            inputs=("person", "garment"),
        )  # fmt: skip
        return {Operation.TRY_ON: only}

    def submit(self, request: TryOnRequest) -> Submission:
        options = self.clean_options(request.operation, request.options)
        body = {name: self.picture(request, name).base64 for name in ("person", "garment")}
        reply = self.post("/jobs", json={**body, **given(options, OPTIONS)})
        return Submission(job_id=self.new_job(reply.body.get("job")))

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        body = self.get(f"/jobs/{self.known_job(job_id)}", about_job=True).body
        self.same_job(body, "job", job_id)
        status = self.status_of(body.get("state"))
        if status == ProviderStatus.SUCCEEDED:
            return Update(status, outputs=(self.output(body),))
        if status != ProviderStatus.FAILED:
            return Update(status)
        code, words, _ = self.read_error(body)
        return self.job_failed(status, code, words)

    def output(self, body: Mapping[str, Any]) -> Output:
        return self.linked(body.get("url"), timedelta(hours=1), "image/png")

    def cancel(self, job_id: str) -> bool:
        answer = self.client.send("DELETE", f"/jobs/{self.known_job(job_id)}")
        if answer.status == 409:
            return False
        if not answer.ok:
            raise self.refusal(answer)
        return True

    def balance(self) -> Balance | None:
        found = answers.number(self.get("/account").body.get("credits"))
        if found is None:
            raise answers.protocol_error("no number of credits", charged=Charged.NO, retryable=True)
        return Balance(found)

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        if not isinstance(body, dict):
            return "", "", {}
        return text_of(body.get("code")), text_of(body.get("message")), {}


class AcmeSuite(HostedConformance):
    backend: ClassVar[type[HostedProvider]] = AcmeProvider

    def accepted(self, operation: Operation, version: str) -> Canned:
        return Canned(201, {"job": JOB})

    def job(self, word: str, operation: Operation) -> Canned:
        return Canned(200, {"job": JOB, "state": word, "url": LINK if word == "done" else None})

    def failed_job(self, code: str) -> Canned | None:
        return Canned(200, {"job": JOB, "state": "failed", "code": code, "message": "Words"})

    def refusal(self, code: str) -> Canned | None:
        return None if code == "unsafe" else Canned(422, {"code": code, "message": "Words"})

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        return [(Canned(200, {"credits": 12}), 12.0)]

    def cancellations(self, version: str) -> list[tuple[Canned, bool]]:
        return [(Canned(204, b""), True), (Canned(409, {"code": "over"}), False)]


class AtHome(Provider):
    """One that makes its pictures here."""

    label: ClassVar[str] = "home"
    style: ClassVar[CallStyle] = CallStyle.CPU
    paid: ClassVar[bool] = False
    leaves_server: ClassVar[bool] = False

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return {Operation.TRY_ON: Capability(OPTIONS, inputs=("garment",))}

    def submit(self, request: TryOnRequest) -> Submission:
        self.clean_options(request.operation, request.options)
        return Submission(outputs=(Output(data=request.image("garment").data, mime="image/jpeg"),))

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise answers.protocol_error("there are no jobs", charged=Charged.NO)
