"""Pixelcut (now Pixa) Try On, in beta: by URL or by file, waited for or as a job.

Source of ``seed``: the API reference of the try-on endpoint. Source of ``today``: pixelcut.ai/docs, which adds the
job's status and cancel endpoints, the credits endpoint and wider limits. The base address and the name of the key's
header are from there, for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from tryon.choices import Category, Operation, ProviderStatus
from tryon.images.picture import MEGABYTE
from tryon.providers import answers
from tryon.providers.answers import OUT_OF_CREDITS, SLOW_DOWN, WRONG_KEY, Fault
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    ImageInput,
    Option,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import Facts
from tryon.providers.hosted import HostedProvider, Rate, Reply, given, text_of

RESULT_LASTS = timedelta(hours=1)
MAX_MEGABYTES = 25
MODES = {Category.UPPER: "upper", Category.LOWER: "lower", Category.FULL: "full"}

OPTIONS = (
    Option(
        "garment_mode", str, "auto", "By itself that of the garment; auto: found out.",
        ("auto", "full", "upper", "lower"),
    ),
    Option("preprocess_garment", bool, True, "Remove the garment's background first."),
    Option("remove_background", bool, False, "Remove the background of the result."),
    Option("wait_for_result", bool, True, "False: the answer is a job, and the result is asked for."),
)  # fmt: skip

_REFUSED = Fault("provider_down", "the request was refused")


class PixelcutProvider(HostedProvider):
    label: ClassVar[str] = "pixelcut"
    facts = Facts("Pixelcut", result=RESULT_LASTS, source="pixelcut.ai/docs", seen=date(2026, 11, 21))
    style: ClassVar[CallStyle] = CallStyle.BLOCKING
    default_base_url = "https://api.developer.pixelcut.ai"
    key_variable = "PIXELCUT_API_KEY"
    key_header = ("X-API-Key", "{key}")
    default_timeout = 90.0
    default_rates = {"today": Rate(5, 1)}
    result_hosts: ClassVar[tuple[str, ...]] = ("assets.pixelcut.app", "*.pixelcut.app", "*.pixelcut.ai", "*.pixa.com")

    STATUS = {
        "pending": ProviderStatus.QUEUED,
        "running": ProviderStatus.PROCESSING,
        "completed": ProviderStatus.SUCCEEDED,
        "failed": ProviderStatus.FAILED,
    }
    ERRORS = {
        "invalid_request_body": _REFUSED,
        "missing_parameter": _REFUSED,
        "invalid_parameter": _REFUSED,
        "unsupported_content_type": _REFUSED,
        "malformed_image": Fault("malformed_image", "a picture could not be decoded"),
        "unsupported_image_format": Fault("unsupported_image_format", "a picture's format is not taken"),
        "file_size_too_large": Fault("file_size_too_large", "a file is too large", params={"limit": MAX_MEGABYTES}),
        "resolution_too_high": Fault("resolution_too_high", "a picture has too many pixels"),
        "unknown_foreground": Fault("no_person", "no foreground was found in a picture"),
        "invalid_auth_token": WRONG_KEY,
        "insufficient_api_credits": OUT_OF_CREDITS,
        "rate_limit_exceeded": SLOW_DOWN,
        # of jobs
        "content_filter_error": Fault("content_blocked", "refused by content rules"),
        "request_timeout": Fault("timed_out", "the job took too long", retryable=True),
        "job_expired": Fault("provider_down", "the job has expired"),
        "job_cancelled": Fault("canceled", "the job was cancelled"),
        "unexpected_error": Fault("provider_down", "the provider failed", retryable=True),
        "service_unavailable": Fault("provider_down", "the provider is not available", retryable=True),
        "not_found": Fault("provider_down", "the job is not known"),
        "job_finished": Fault("provider_down", "the job is over already"),
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        only = Capability(
            OPTIONS,
            max_edge=1920 if self.seed else 6000,
            min_side=256 if self.seed else 64,
            max_bytes=MAX_MEGABYTES * MEGABYTE,
            cost=None,
            inputs=("person", "garment"),
        )
        return {Operation.TRY_ON: only, Operation.MODEL_SHOT: only}

    # ------------------------------------------------------------ submit

    def submit(self, request: TryOnRequest) -> Submission:
        options = given(self.clean_options(request.operation, request.options), OPTIONS)
        if request.category and "garment_mode" not in {*self.defaults, *request.options}:
            options["garment_mode"] = MODES[request.category]
        person, garment = self.picture(request, "person"), self.picture(request, "garment")
        if person.url and garment.url:
            body = {"person_image_url": person.url, "garment_image_url": garment.url, **options}
            reply = self.post("/v1/try-on", json=body)
        else:
            reply = self._upload(person, garment, options)
        return self._submission(reply)

    def _upload(self, person: ImageInput, garment: ImageInput, options: Mapping[str, Any]) -> Reply:
        """A file for each picture; for one that is public anyway, its address."""
        fields = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.items()}
        files = {}
        for name, image in (("person_image", person), ("garment_image", garment)):
            if image.url:
                fields[f"{name}_url"] = image.url
            else:
                files[name] = (f"{name}.{image.mime.removeprefix('image/')}", image.data, image.mime)
        return self.post("/v1/try-on", fields=fields, files=files)

    def _submission(self, reply: Reply) -> Submission:
        url, job = reply.body.get("result_url"), reply.body.get("job_id")
        if reply.status == 202 or (url is None and job is not None):
            # Location names the job's address; only the id in it is ever used
            last = reply.headers.get("location", "").rstrip("/").rpartition("/")[2]
            return Submission(job_id=self.new_job(job if job is not None else last), version="pixelcut")
        if url is None:
            raise answers.protocol_error("neither a result nor a job", charged=Charged.UNKNOWN)
        return Submission(outputs=(self.linked(url, RESULT_LASTS, "image/jpeg"),), version="pixelcut")

    # ------------------------------------------------------------ ask

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        body = self.get(f"/v1/try-on/job/{self.known_job(job_id)}", about_job=True).body
        self.same_job(body, "job_id", job_id)
        status = self.status_of(body.get("status"))
        if status == ProviderStatus.SUCCEEDED:
            return Update(status, outputs=(self.linked(body.get("result_url"), RESULT_LASTS, "image/jpeg"),))
        if status != ProviderStatus.FAILED:
            return Update(status)
        code, words, _ = self.read_error(body.get("error"))
        return self.job_failed(status, code, words)

    def cancel(self, job_id: str) -> bool:
        """Only a job that is pending or running can be cancelled."""
        if self.seed:
            return False
        answer = self.client.send("POST", f"/v1/try-on/job/{self.known_job(job_id)}/cancel")
        if answer.ok:
            return True
        error = self.refusal(answer)
        if answer.status in (404, 409):
            return False
        raise error

    def balance(self) -> Balance | None:
        if self.seed:
            return None
        found = answers.number(self.get("/v1/credits").body.get("credits_remaining"))
        if found is None:
            raise answers.protocol_error("no number of credits", charged=Charged.NO, retryable=True)
        return Balance(found)

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """{"error": words, "error_code"}; inside a job's status {"message": words, "error_code"}."""
        if not isinstance(body, dict):
            return "", "", {}
        return text_of(body.get("error_code")), text_of(body.get("error")) or text_of(body.get("message")), {}
