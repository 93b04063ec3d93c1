"""SuperStyle: ``POST /generate_image`` (older document), ``POST /try_on_outfit`` and the account's pages (today).

The older document gives the words of two errors and no HTTP status; 400, 401 and 403 are from today's overview.
``/analyze_outfit`` and ``/style_me`` are known by name only and answer 501.
"""

from __future__ import annotations

import base64
import datetime
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tryon.errors import TryOnError
from tryon.sandbox import drawing, schema
from tryon.sandbox.accounts import Rate
from tryon.sandbox.inputs import Source, Unusable, fetch, from_base64, inspect, is_address, is_forbidden
from tryon.sandbox.jobs import Job, JobFailed, Made
from tryon.sandbox.schema import Param
from tryon.sandbox.service import HOUR, Exchange, Route, Service
from tryon.sandbox.wire import BadBody, Refusal, Request, Response

DAY = Rate(20, 24 * 3600)
URL_SECONDS, STORED_SECONDS = 24 * HOUR, 24 * 365 * HOUR
MAX_REQUEST = 6 * 1024 * 1024  # of the function URL that the API runs behind
_COMMON = (
    Param("selfie_base64", "image", required=True),
    Param("clothing_description", required=True),
    Param("clothing_image_url", "image"),
)
GENERATE = (*_COMMON, Param("mode", required=True, choices=("studio", "environment")))
TRY_ON = (
    *_COMMON,
    Param("outfit_base64", "image"),
    Param("mode", required=True, choices=("reference_environment", "model_shot")),
    Param("store_image", "boolean", default=False),
)
_STATUS = {"guardrail": 400, "input": 400}


class SuperStyleService(Service):
    name: ClassVar[str] = "superstyle"
    credits: ClassVar[float] = 1_000_000  # no credits are known here: a day's requests are the limit
    failed_code: ClassVar[str] = "internal"
    blocked_code: ClassVar[str] = "guardrail"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/generate_image", "generate", "submit"),
        Route("POST", "/try_on_outfit", "try_on", "submit", ("today",)),
        Route("GET", "/", "health", "other", ("today",)),
        Route("GET", "/usage", "usage", "balance", ("today",)),
        Route("GET", "/images", "images", "other", ("today",)),
        Route("GET", "/images/{id}", "image", "status", ("today",)),
        Route("POST", "/analyze_outfit", "unknown_form", "other", ("today",)),
        Route("POST", "/style_me", "unknown_form", "other", ("today",)),
    )
    _door = threading.Lock()

    # ---- endpoints

    def health(self, exchange: Exchange) -> Response:
        return Response.json({"status": "ok"})

    def generate(self, exchange: Exchange) -> Response:
        job = self._made(exchange, GENERATE, "generate_image")
        data = base64.b64encode(job.outputs[0].data).decode()
        return Response.json({"image_base64": data, "mime_type": job.outputs[0].mime})

    def try_on(self, exchange: Exchange) -> Response:
        job = self._made(exchange, TRY_ON, "try_on_outfit")
        return Response.json({"image_url": self._url(job), "image_id": job.id})

    def usage(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        limit = exchange.request.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise self._refusal("limit must be from 1 to 100", 400)
        jobs = list(reversed(self.world.jobs.of(exchange.customer)))
        start = exchange.request.query.get("cursor", "0")
        if not start.isdecimal():
            raise self._refusal("cursor is invalid", 400)
        page = jobs[int(start) : int(start) + int(limit)]
        after = int(start) + len(page)
        items = [
            {"endpoint": f"/{job.operation}", "created_at": _iso(job.created), "status": job.state} for job in page
        ]
        return Response.json({"usage": items, "cursor": str(after) if after < len(jobs) else None})

    def images(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        return Response.json({"images": [self._listed(job) for job in self._kept(exchange)]})

    def image(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        for job in self._kept(exchange):
            if job.id == exchange.ids["id"]:
                return Response.json(self._listed(job))
        raise Refusal(self.not_found(), "unknown image")

    def unknown_form(self, exchange: Exchange) -> Response:
        self.sign_in(exchange)
        raise self._refusal("the form of this endpoint is not documented; the sandbox can't answer it", 501)

    # ---- one picture

    def _made(self, exchange: Exchange, params: tuple[Param, ...], operation: str) -> Job:
        """Check, make, wait. Raises ``Refusal`` with the provider's error when there is no picture."""
        self.sign_in(exchange)
        values = self._read(exchange.request, params)
        selfie, garment = self._sources(values)
        limited = self.world.limits and exchange.request.form != "seed"  # the older document knows no limits
        with self._door:
            if limited and any(job.live for job in self.world.jobs.of(exchange.customer)):
                text = "A request is already in progress. Please wait for it to complete."
                raise Refusal(Response.json({"error": text}, 429, Retry_After="5"), "one at a time")
            if limited:
                self.limit(exchange, "day", DAY)
            job = self.start(
                exchange, f"img_{uuid.uuid4().hex}", operation, 0, self._work(selfie, garment, values), first=selfie,
                stored=values.get("store_image", False),
            )  # fmt: skip
        if not self.world.jobs.wait(job):
            raise Refusal(self.server_error(500), "closing")
        if job.failure is not None:
            status = _STATUS.get(job.failure.code, 500)
            raise self._refusal(job.failure.message, status)
        return job

    def _read(self, request: Request, params: tuple[Param, ...]) -> dict[str, Any]:
        if len(request.body) > MAX_REQUEST:
            raise self._refusal("Request body is too large", 413)
        try:
            return schema.read(params, request.json)
        except BadBody as error:
            raise self._refusal(str(error), 400) from error
        except schema.Problems as problems:
            raise self._refusal(problems.first.text, 400) from problems

    def _sources(self, values: Mapping[str, Any]) -> tuple[Source, Source | None]:
        name = "selfie_base64"
        try:
            selfie = inspect(from_base64(values[name]))
            garment = None
            name = "outfit_base64"
            if values.get(name):
                garment = inspect(from_base64(values[name]))
            name = "clothing_image_url"
            if values[name] and garment is None:
                if not is_address(values[name]):
                    raise Unusable("fetch", "not a URL")
                garment = inspect(fetch(values[name]))
        except Unusable as error:
            raise self._refusal(f"{name}: {error.text}", 400) from error
        return selfie, garment

    def _work(self, selfie: Source, garment: Source | None, values: Mapping[str, Any]) -> Callable[[], list[Made]]:
        def work() -> list[Made]:
            words = values["clothing_description"]
            if is_forbidden(selfie) or "sandbox:blocked" in words:
                raise JobFailed("guardrail", "The request was refused by the image guardrails", blocked=True)
            refused = self.world.maker.person_refusal(selfie)
            if refused:
                raise JobFailed("input", f"No usable person was found in the selfie ({refused})")
            try:
                image = self.world.maker.try_on(selfie, garment) if garment else drawing.on_white(selfie.image())
            except TryOnError as error:
                raise JobFailed("input", f"The pictures can't be used together ({error.code})") from error
            if values["mode"] == "environment":
                image = drawing.on_scene(image, words)
            label = f"{values['mode']}  {words}"
            return [Made(drawing.encoded(drawing.marked(image, label), "jpeg"), "image/jpeg", "image.jpg")]

        return work

    # ---- kept pictures

    def _kept(self, exchange: Exchange) -> list[Job]:
        now = self.world.clock.now()
        return [
            job
            for job in self.world.jobs.of(exchange.customer)
            if job.state == "completed" and job.operation == "try_on_outfit" and now < job.finished_at + _lifetime(job)
        ]

    def _listed(self, job: Job) -> dict[str, str]:
        return {"image_id": job.id, "image_url": self._url(job), "created_at": _iso(job.created)}

    def _url(self, job: Job) -> str:
        left = job.finished_at + _lifetime(job) - self.world.clock.now()
        return self.world.results.put(f"/superstyle/files/{job.id}.jpg", job.outputs[0], left)

    # ---- refusals

    def key(self, request: Request) -> str:
        return request.header("X-API-Key")

    def _error(self, text: str, status: int) -> Response:
        return Response.json({"error": text}, status)

    def _refusal(self, text: str, status: int) -> Refusal:
        return Refusal(self._error(text, status), text)

    def decorate(self, exchange: Exchange, response: Response) -> None:
        room = exchange.headroom
        if room is not None:
            response.headers |= {
                "X-RateLimit-Limit": str(room.limit),
                "X-RateLimit-Remaining": str(room.remaining),
                "X-RateLimit-Reset": str(round(room.reset_at)),
            }

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._error("API key is required", 401) if missing else self._error("Invalid API key", 403)

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        """There are no credits here: an empty account is one whose day is used up."""
        return self.rate_limited("3600")

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        seconds = int(retry_after) if retry_after.isdecimal() else 3600
        reset = round(self.world.clock.now() + seconds)
        body = {"error": "Rate limit exceeded", "limit": DAY.requests, "remaining": 0, "reset": reset}
        return Response.json(
            body, 429, Retry_After=retry_after, X_RateLimit_Limit=str(DAY.requests), X_RateLimit_Remaining="0",
            X_RateLimit_Reset=str(reset),
        )  # fmt: skip

    def not_found(self) -> Response:
        return self._error("Not found", 404)

    def server_error(self, status: int, code: str = "") -> Response:
        return self._error("Internal server error", status)


def _lifetime(job: Job) -> float:
    return STORED_SECONDS if job.details["stored"] else URL_SECONDS


def _iso(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat().replace("+00:00", "Z")


SERVICE = SuperStyleService
