"""FASHN: ``POST /v1/run``, status, cancel (older document only), credits, webhooks.

A body with ``model_name`` is today's form; a flat one is the older document's. Neither says what HTTP status a
refused flat body has: it is 400 here.
"""

from __future__ import annotations

import base64
import threading
import uuid
from typing import Any, ClassVar
from urllib.parse import urlsplit

from tryon.sandbox import schema
from tryon.sandbox.accounts import Rate
from tryon.sandbox.jobs import Job
from tryon.sandbox.service import HOUR, Exchange, Route, Service
from tryon.sandbox.services._fashn_models import MODELS, SEED_MODEL, Model
from tryon.sandbox.services._fashn_work import FashnWork
from tryon.sandbox.webhooks import post
from tryon.sandbox.wire import BadBody, Refusal, Request, Response

RUN, STATUS, CREDITS, SEED_RUN = Rate(50, 60), Rate(50, 10), Rate(30, 10), Rate(25, 60)
CONCURRENT = 6
URL_SECONDS, BASE64_SECONDS = 72 * HOUR, HOUR
RUN_KEYS = {"model_name", "inputs"}
_WORDS = {"starting": "starting", "queued": "in_queue", "blocked": "failed"}
_API_ERRORS = {
    "BadRequest": 400, "UnauthorizedAccess": 401, "NotFound": 404, "RateLimitExceeded": 429,
    "ConcurrencyLimitExceeded": 429, "OutOfCredits": 429, "InternalServerError": 500,
}  # fmt: skip


class FashnService(Service):
    name: ClassVar[str] = "fashn"
    failed_code: ClassVar[str] = "PipelineError"
    blocked_code: ClassVar[str] = "ContentModerationError"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/v1/run", "run", "submit"),
        Route("GET", "/v1/status/{id}", "status", "status"),
        Route("GET", "/v1/cancel/{id}", "cancel", "cancel", ("seed",)),
        Route("GET", "/v1/credits", "balance", "balance", ("today",)),
    )
    _door = threading.Lock()  # two requests must not both take the last free place

    # ---- endpoints

    def run(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        request = exchange.request
        is_seed = request.form == "seed" or (request.form == "both" and self._is_flat(request))
        self.limit(exchange, "seed run" if is_seed else "run", SEED_RUN if is_seed else RUN)
        body = self._body(request)
        model, values = self._flat(body) if is_seed else self._nested(exchange, body)
        webhook = "" if is_seed else self._webhook(request)
        work = FashnWork(self.world.maker, model, values)
        job_id = f"{uuid.uuid4()}-u1"
        with self._door:
            if self.world.limits and not is_seed and self._live(exchange) >= CONCURRENT:
                raise self._refusal("ConcurrencyLimitExceeded", f"at most {CONCURRENT} predictions at a time")
            unchanged = any(rule.kind == "unchanged" for rule in exchange.faults)
            job = self.start(
                exchange, job_id, model.name, model.cost(values), work, first=work.first() if unchanged else None,
                seed=is_seed, base64=bool(values.get("return_base64")), webhook=webhook,
                hooks=[rule.kind for rule in exchange.faults if rule.phase == "webhook"],
            )  # fmt: skip
        if "webhook_early" in job.details["hooks"] and webhook:
            post(webhook, b'{"id":"%s","status":"completed","output":[],"error":null}' % job_id.encode())
        return Response.json({"id": job_id, "error": None})

    def status(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        self.limit(exchange, "status", STATUS)
        job = self.own_job(exchange, exchange.ids["id"])
        kept = BASE64_SECONDS if job.details["base64"] else URL_SECONDS
        if not job.live and self.world.clock.now() > job.finished_at + kept:
            raise Refusal(self.not_found(), "no longer tracked")
        headers = {} if job.live or job.details["seed"] else {"x_fashn_credits_used": f"{job.paid:g}"}
        return Response.json(self._payload(job), 200, **headers)

    def cancel(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        job = self.own_job(exchange, exchange.ids["id"])
        if not self.world.jobs.cancel(job):
            exchange.note("too late to cancel")
        return Response.json(self._payload(job))

    def balance(self, exchange: Exchange) -> Response:
        account = self.sign_in(exchange)
        self.limit(exchange, "credits", CREDITS)
        self.world.jobs.settle()
        total = int(account.credits)
        subscription = min(100, total)
        counts = {"total": total, "subscription": subscription, "on_demand": total - subscription}
        return Response.json({"credits": counts})

    # ---- reading a run

    def _is_flat(self, request: Request) -> bool:
        try:
            return not RUN_KEYS & set(request.json)
        except BadBody:
            return False

    def _body(self, request: Request) -> dict[str, Any]:
        if request.media_type != "application/json":
            raise self._refusal("BadRequest", "Content-Type must be application/json")
        try:
            return request.json
        except BadBody as error:
            raise self._refusal("BadRequest", str(error)) from error

    def _flat(self, body: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
        try:
            return SEED_MODEL, schema.read(SEED_MODEL.params, body)
        except schema.Problems as problems:
            error = {"name": "InputValidationError", "message": problems.first.text}
            code = f"{problems.first.fault} parameter: {problems.first.param}"
            raise Refusal(Response.json({"error": error}, 400), code) from problems

    def _nested(self, exchange: Exchange, body: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
        for extra in sorted(set(body) - RUN_KEYS):  # the official JavaScript client sends its own options along
            exchange.note(f"undocumented key beside inputs: {extra[:40]}")
        model = MODELS.get(str(body.get("model_name")))
        if model is None:
            raise self._refusal("BadRequest", f"model_name must be one of: {', '.join(MODELS)}", "model_name")
        inputs = body.get("inputs")
        if not isinstance(inputs, dict):
            raise self._refusal("BadRequest", "inputs must be an object", "inputs")
        try:
            values = schema.read(model.params, inputs)
        except schema.Problems as problems:
            code = f"{problems.first.fault} parameter: {problems.first.param}"
            raise self._refusal("BadRequest", problems.first.text, code) from problems
        rivals = ("image_prompt", "face_reference", "background_reference")
        clash = [name for name in rivals if values.get(name)]
        if model.name == "product-to-model" and values.get("model_image") and clash:
            raise self._refusal("BadRequest", f"model_image can't be combined with {clash[0]}", "combination")
        if values.get("end_image") and values["resolution"] != "1080p":
            raise self._refusal("BadRequest", "end_image needs resolution 1080p", "combination")
        return model, values

    def _webhook(self, request: Request) -> str:
        unknown = set(request.query) - {"webhook_url"}
        if unknown:
            raise self._refusal("BadRequest", f"unknown query parameter {min(unknown)[:40]}", "unknown parameter")
        url = request.query.get("webhook_url", "")
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise self._refusal("BadRequest", "webhook_url is not a valid address", "webhook_url")
        return url

    def _live(self, exchange: Exchange) -> int:
        return sum(job.live for job in self.world.jobs.of(exchange.customer))

    # ---- answers

    def _payload(self, job: Job) -> dict[str, Any]:
        payload: dict[str, Any] = {"id": job.id, "status": _WORDS.get(job.state, job.state)}
        if job.state == "completed":
            payload["output"] = self._outputs(job)
        failure = job.failure
        payload["error"] = None if failure is None else {"name": failure.code, "message": failure.message}
        return payload

    def _outputs(self, job: Job) -> list[str]:
        if job.details["base64"]:
            return [f"data:{made.mime};base64,{base64.b64encode(made.data).decode()}" for made in job.outputs]
        left = job.finished_at + URL_SECONDS - self.world.clock.now()
        return [self.world.results.put(f"/fashn/cdn/{job.id}/{made.name}", made, left) for made in job.outputs]

    def finished(self, job: Job) -> None:
        url, hooks = job.details["webhook"], job.details["hooks"]
        if not url or "webhook_lost" in hooks or job.state == "canceled":
            return
        payload = self._payload(job)
        payloads = [payload, payload] if "webhook_duplicate" in hooks else [payload]
        if "webhook_failed_first" in hooks:
            error = {"name": "PipelineError", "message": "asked for by a fault"}
            payloads.insert(0, {"id": job.id, "status": "failed", "error": error})
        self.world.webhooks.send(job.id, url, payloads)

    # ---- refusals

    def key(self, request: Request) -> str:
        scheme, _, key = request.header("Authorization").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def _error(self, code: str, message: str, status: int = 0) -> Response:
        return Response.json({"error": code, "message": message}, status or _API_ERRORS.get(code, 500))

    def _refusal(self, code: str, message: str, logged: str = "") -> Refusal:
        return Refusal(self._error(code, message), f"{code}: {logged}" if logged else code)

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._error("UnauthorizedAccess", "Missing API key" if missing else "Invalid API key")

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        return self._error("OutOfCredits", "Your account has run out of API credits")

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        response = self._error(code or "RateLimitExceeded", "Too many requests", 429)
        if code != "OutOfCredits":
            response.headers["Retry-After"] = retry_after
        return response

    def not_found(self) -> Response:
        return self._error("NotFound", "Not found")

    def server_error(self, status: int, code: str = "") -> Response:
        return self._error(code or "InternalServerError", "Internal server error", status)


SERVICE = FashnService
