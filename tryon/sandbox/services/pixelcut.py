"""Pixelcut: ``POST /v1/try-on`` as JSON or multipart, waiting or with a job to poll.

Neither document gives the price of a try-on; here it is ``PRICE``, and a garment that a person wears costs
``EXTRACTION`` more, as today's page says. The page on cancelling names no method or path; both usual ones answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.images.picture import MEGABYTE
from tryon.sandbox import drawing, schema
from tryon.sandbox.accounts import Rate
from tryon.sandbox.inputs import Bounds, Source, Unusable, fetch, inspect, is_address, is_forbidden
from tryon.sandbox.jobs import Job, JobFailed, Made, Terms, Work
from tryon.sandbox.schema import Param
from tryon.sandbox.service import HOUR, Exchange, Route, Service
from tryon.sandbox.wire import BadBody, Form, Refusal, Request, Response

PRICE, EXTRACTION = 10, 5
RATE = Rate(5, 1)
URL_SECONDS = HOUR
BOUNDS = {
    "seed": Bounds(25 * MEGABYTE, 256, 1920),
    "today": Bounds(25 * MEGABYTE, 64, 6000),
}
PICTURES = ("person_image", "garment_image")
MODES = {"auto": None, "full": Category.FULL, "upper": Category.UPPER, "lower": Category.LOWER}
PARAMS = (
    Param("person_image_url", "image"), Param("garment_image_url", "image"),
    Param("garment_mode", default="auto", choices=tuple(MODES)),
    Param("preprocess_garment", "flag", default=True), Param("remove_background", "flag", default=False),
    Param("wait_for_result", "flag", default=True),
)  # fmt: skip
_WORDS = {"starting": "pending", "queued": "pending", "processing": "running", "completed": "completed"}
_UNUSABLE = {
    "fetch": ("invalid_parameter", "The image could not be downloaded"),
    "decode": ("malformed_image", "The image could not be decoded"),
    "format": ("unsupported_image_format", "Image format not supported"),
    "size": ("file_size_too_large", "File size too large"),
    "too_large": ("resolution_too_high", "Image resolution too high"),
    "too_small": ("invalid_parameter", "Image resolution too low"),  # no code of its own is documented
}
_SUBMIT_STATUS = {"service_unavailable": 500, "unexpected_error": 500, "request_timeout": 500}


class PixelcutService(Service):
    name: ClassVar[str] = "pixelcut"
    # "in some cases (safety moderation) credits may still be consumed": here they are
    terms: ClassVar[Terms] = Terms(refund_failed=True, refund_blocked=False)
    failed_code: ClassVar[str] = "unexpected_error"
    blocked_code: ClassVar[str] = "content_filter_error"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/v1/try-on", "try_on", "submit"),
        Route("GET", "/v1/try-on/job/{id}", "status", "status"),
        Route("POST", "/v1/try-on/job/{id}/cancel", "cancel", "cancel", ("today",)),
        Route("DELETE", "/v1/try-on/job/{id}", "cancel", "cancel", ("today",)),
        Route("GET", "/v1/credits", "balance", "balance", ("today",)),
    )

    # ---- endpoints

    def try_on(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        values, uploads = self._read(exchange.request)
        bounds = BOUNDS["seed" if exchange.request.form == "seed" else "today"]
        person, garment = (self._source(name, values, uploads, bounds) for name in PICTURES)
        if self.world.maker.person_refusal(person) and not is_forbidden(person):
            raise self._refusal("unknown_foreground", "The foreground subject of the image could not be detected")
        cost = PRICE + (0 if self.world.maker.person_refusal(garment) else self._extraction())
        job_id = str(uuid.uuid4())
        work = self._work(person, garment, values)
        job = self.start(exchange, job_id, "try-on", cost, work, first=person)
        if values["wait_for_result"]:
            return self._waited(job)
        where = f"{self.world.results.base_url}/pixelcut/v1/try-on/job/{job_id}"
        return Response.json({"job_id": job_id}, 202, Location=where)

    def status(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        job = self.own_job(exchange, exchange.ids["id"])
        body: dict[str, Any] = {"job_id": job.id, "status": _WORDS.get(job.state, "failed")}
        if not job.live and self.world.clock.now() > job.finished_at + URL_SECONDS:
            error = {"message": "The job has expired", "error_code": "job_expired"}
            return Response.json({"job_id": job.id, "status": "failed", "error": error})
        if job.state == "completed":
            body["result_url"] = self._result_url(job)
        elif job.state == "canceled":
            body["error"] = {"message": "Job cancelled", "error_code": "job_cancelled"}
        elif job.failure is not None:
            body["error"] = {"message": job.failure.message, "error_code": job.failure.code or self.failed_code}
        return Response.json(body)

    def cancel(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        job = self.own_job(exchange, exchange.ids["id"])
        if not self.world.jobs.cancel(job):
            raise self._refusal("invalid_parameter", "Only pending and running jobs can be cancelled")
        return Response.json({"message": "Job cancelled"})

    def balance(self, exchange: Exchange) -> Response:
        account = self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        self.world.jobs.settle()
        return Response.json({"credits_remaining": int(account.credits)})

    # ---- reading

    def _read(self, request: Request) -> tuple[dict[str, Any], Form]:
        nothing = Form({}, {})
        try:
            if request.media_type == "application/json":
                return self._checked(request.json, as_text=False), nothing
            if request.media_type == "multipart/form-data":
                form = request.multipart
                extra = set(form.files) - set(PICTURES)
                if extra:
                    raise self._refusal("invalid_parameter", f"Unknown file {min(extra)[:40]}", "unknown parameter")
                return self._checked(form.fields, as_text=True), form
        except BadBody as error:
            raise self._refusal("invalid_request_body", str(error)) from error
        raise self._refusal(
            "unsupported_content_type", "The content type must be application/json or multipart/form-data"
        )

    def _checked(self, given: Mapping[str, Any], *, as_text: bool) -> dict[str, Any]:
        if not given and not as_text:
            raise self._refusal("invalid_request_body", "The request body is empty")
        try:
            return schema.read(PARAMS, given, as_text=as_text)
        except schema.Problems as problems:
            code = "missing_parameter" if problems.first.fault == "missing" else "invalid_parameter"
            logged = f"{problems.first.fault} parameter: {problems.first.param}"
            raise self._refusal(code, problems.first.text, logged) from problems

    def _source(self, name: str, values: Mapping[str, Any], form: Form, bounds: Bounds) -> Source:
        """A file wins over an address when both are given."""
        address = values[f"{name}_url"]
        try:
            if name in form.files:
                return inspect(form.files[name].data, bounds)
            if not address:
                raise self._refusal("missing_parameter", f"{name}_url is required", f"missing parameter: {name}")
            if not is_address(address):
                raise self._refusal("invalid_parameter", f"{name}_url is not a URL", f"type parameter: {name}_url")
            return inspect(fetch(address), bounds)
        except Unusable as error:
            code, text = _UNUSABLE[error.reason]
            raise self._refusal(code, text, f"{name}: {error.text}") from error

    def _extraction(self) -> int:
        """Only the engine can tell a worn garment from a flat one."""
        return EXTRACTION if self.world.maker.uses_engine else 0

    # ---- making

    def _work(self, person: Source, garment: Source, values: Mapping[str, Any]) -> Work:
        def work() -> list[Made]:
            if is_forbidden(person) or is_forbidden(garment):
                raise JobFailed("content_filter_error", "The request was refused by content rules", blocked=True)
            try:
                image = self.world.maker.try_on(person, garment, MODES[values["garment_mode"]])
            except TryOnError as error:
                raise JobFailed("invalid_parameter", f"The images can't be used together ({error.code})") from error
            if values["remove_background"]:
                image = drawing.on_white(drawing.cutout(image))
            return [Made(drawing.encoded(drawing.marked(image, "try-on"), "jpeg"), "image/jpeg", "result.jpg")]

        return work

    def _waited(self, job: Job) -> Response:
        if not self.world.jobs.wait(job):
            return self.server_error(500)
        if job.state == "completed":
            return Response.json({"result_url": self._result_url(job)})
        code = job.failure.code if job.failure else "job_cancelled"
        text = job.failure.message if job.failure else "Job cancelled"
        return self._error(code or self.failed_code, text, _SUBMIT_STATUS.get(code or self.failed_code, 400))

    def _result_url(self, job: Job) -> str:
        left = job.finished_at + URL_SECONDS - self.world.clock.now()
        return self.world.results.put(f"/pixelcut/public/result/{job.id}.jpg", job.outputs[0], left)

    # ---- refusals

    def key(self, request: Request) -> str:
        return request.header("X-API-Key")

    def _error(self, code: str, text: str, status: int = 400) -> Response:
        return Response.json({"error": text, "error_code": code}, status)

    def _refusal(self, code: str, text: str, logged: str = "") -> Refusal:
        return Refusal(self._error(code, text), f"{code}: {logged}" if logged else code)

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._error("invalid_auth_token", "API Token not found", 401)

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        return self._error("insufficient_api_credits", "Insufficient credits available", 403)

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        response = self._error(code or "rate_limit_exceeded", "Too many requests", 429)
        response.headers["Retry-After"] = retry_after
        return response

    def not_found(self) -> Response:
        """404 is documented for jobs, its body is not."""
        return self._error("not_found", "Not found", 404)

    def server_error(self, status: int, code: str = "") -> Response:
        return Response.text("Internal service error", status)


SERVICE = PixelcutService
