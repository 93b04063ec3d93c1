"""Kling's Kolors Virtual Try-On: submit, ask, callback.

Every pair of keys is taken: the token's form and times are checked, its signature can't be. What a try-on costs is not
documented and is 1 unit here; a failed job costs none. The list of tasks is not spoken.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from tryon.errors import TryOnError
from tryon.images.picture import MEGABYTE
from tryon.sandbox import drawing, schema
from tryon.sandbox.inputs import Bounds, Source, Unusable, fetch, from_base64, inspect, is_address, is_forbidden
from tryon.sandbox.jobs import Job, JobFailed, Made, Work
from tryon.sandbox.schema import Param
from tryon.sandbox.service import HOUR, Exchange, Route, Service
from tryon.sandbox.wire import BadBody, Refusal, Request, Response

PATH = "/v1/images/kolors-virtual-try-on"
URL_SECONDS = 30 * 24 * HOUR
UNITS = 1.0
BOUNDS = Bounds(max_bytes=10 * MEGABYTE, min_side=300)
MIMES = ("image/jpeg", "image/png")
PARAMS = (
    Param(
        "model_name",
        default="kolors-virtual-try-on-v1",
        choices=("kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"),
    ),
    Param("human_image", "image", required=True),
    Param("cloth_image", "image", required=True),
    Param("callback_url", default=""),
    Param("external_task_id", default=""),
)
_WORDS = {"starting": "submitted", "queued": "submitted", "completed": "succeed", "blocked": "failed"}
_STATUS = {"10": 401, "11": 429, "12": 400, "13": 429, "50": 500}
_OTHER_STATUS = {1203: 404, 5001: 503, 5002: 504}
_SERVER_ERRORS = {502: 5001, 503: 5001, 504: 5002}


class KlingService(Service):
    name: ClassVar[str] = "kling"
    failed_code: ClassVar[str] = "failed"
    blocked_code: ClassVar[str] = "risk"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", PATH, "create", "submit"),
        Route("GET", f"{PATH}/{{id}}", "task", "status"),
    )

    # ---- endpoints

    def create(self, exchange: Exchange) -> Response:
        self._sign_in(exchange)
        values = self._read(exchange.request)
        person, garment = (self._source(name, values[name]) for name in ("human_image", "cloth_image"))
        job = self.start(
            exchange, uuid.uuid4().hex, values["model_name"], UNITS, self._work(person, garment), first=person,
            webhook=values["callback_url"], own_id=values["external_task_id"],
            hooks=[rule.kind for rule in exchange.faults if rule.phase == "webhook"],
        )  # fmt: skip
        return self._answer(0, "SUCCEED", self._times(job) | {"task_id": job.id, "task_status": "submitted"})

    def task(self, exchange: Exchange) -> Response:
        self._sign_in(exchange)
        return self._answer(0, "SUCCEED", self._payload(self.own_job(exchange, exchange.ids["id"])))

    # ---- reading

    def _sign_in(self, exchange: Exchange) -> None:
        code = _token_fault(exchange.request)
        if code:
            raise self._refusal(code, "Authorization failed")
        self.sign_in(exchange)

    def _read(self, request: Request) -> dict[str, Any]:
        if request.media_type != "application/json":
            raise self._refusal(1200, "Content-Type must be application/json")
        try:
            return schema.read(PARAMS, request.json)
        except BadBody as error:
            raise self._refusal(1200, str(error)) from error
        except schema.Problems as problems:
            logged = f"{problems.first.fault} parameter: {problems.first.param}"
            raise self._refusal(1201, problems.first.text, logged) from problems

    def _source(self, name: str, text: str) -> Source:
        """An address, or base64 without the prefix of a data URI."""
        try:
            source = inspect(fetch(text) if is_address(text) else from_base64(text), BOUNDS)
            if source.mime not in MIMES:
                raise Unusable("format", "the file is not a JPEG or PNG picture")
        except Unusable as error:
            raise self._refusal(1201, f"{name}: {error.text}") from error
        return source

    # ---- making

    def _work(self, person: Source, garment: Source) -> Work:
        def work() -> list[Made]:
            if is_forbidden(person) or is_forbidden(garment):
                raise JobFailed(self.blocked_code, "Failure to pass the risk control system", blocked=True)
            try:
                image = self.world.maker.try_on(person, garment)
            except TryOnError as error:
                raise JobFailed(self.failed_code, f"The pictures can't be used ({error.code})") from error
            return [Made(drawing.encoded(drawing.marked(image, "kolors"), "png"), "image/png", "image_0.png")]

        return work

    # ---- answers

    def _payload(self, job: Job) -> dict[str, Any]:
        failure = job.failure
        payload: dict[str, Any] = {
            "task_id": job.id,
            "task_status": _WORDS.get(job.state, job.state),
            "task_status_msg": failure.message if failure else "",
            "task_info": {"external_task_id": job.details["own_id"]},
            **self._times(job),
        }
        if not job.live:
            payload["final_unit_deduction"] = f"{job.paid:g}"
        if job.state == "completed":
            payload["task_result"] = {"images": [{"index": i, "url": url} for i, url in enumerate(self._urls(job))]}
        return payload

    def _urls(self, job: Job) -> list[str]:
        left = job.finished_at + URL_SECONDS - self.world.clock.now()
        return [self.world.results.put(f"/kling/cdn/{job.id}/{made.name}", made, left) for made in job.outputs]

    def _times(self, job: Job) -> dict[str, int]:
        updated = job.finished_at or job.created
        return {"created_at": int(job.created * 1000), "updated_at": int(updated * 1000)}

    def finished(self, job: Job) -> None:
        url, hooks = job.details["webhook"], job.details["hooks"]
        if url and "webhook_lost" not in hooks:
            payload = self._payload(job)
            self.world.webhooks.send(job.id, url, [payload, payload] if "webhook_duplicate" in hooks else [payload])

    def _answer(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> Response:
        body = {"code": code, "message": message, "request_id": uuid.uuid4().hex[:16], "data": data}
        status = 200 if code == 0 else _OTHER_STATUS.get(code) or _STATUS[str(code)[:2]]
        return Response.json(body, status)

    # ---- refusals

    def key(self, request: Request) -> str:
        return str(_claims(request).get("iss", ""))

    def _refusal(self, code: int, message: str, logged: str = "") -> Refusal:
        return Refusal(self._answer(code, message), f"{code}: {logged or message}")

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._answer(1001 if missing else 1002, "Authorization failed")

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        return self._answer(1102, "Resource pack depleted or expired")

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        response = self._answer(int(code) if code.isdecimal() else 1302, "API requests are too fast")
        response.headers["Retry-After"] = retry_after
        return response

    def not_found(self) -> Response:
        return self._answer(1203, "The requested resource does not exist")

    def server_error(self, status: int, code: str = "") -> Response:
        response = self._answer(int(code) if code.isdecimal() else _SERVER_ERRORS.get(status, 5000), "Server error")
        response.status = status
        return response


def _token(request: Request) -> list[str]:
    scheme, _, token = request.header("Authorization").partition(" ")
    return token.strip().split(".") if scheme.lower() == "bearer" else []


def _claims(request: Request) -> dict[str, Any]:
    """What the token says of itself; {} when it is none."""
    parts = _token(request)
    if len(parts) != 3:
        return {}
    try:
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (binascii.Error, ValueError):
        return {}
    whole = isinstance(head, dict) and head.get("alg") == "HS256" and isinstance(claims, dict)
    return claims if whole else {}


def _token_fault(request: Request) -> int:
    """The code of what is wrong with the token's form or times; 0 when nothing is."""
    if not _token(request):
        return 1001
    claims = _claims(request)
    starts, ends = claims.get("nbf"), claims.get("exp")
    if not (claims.get("iss") and isinstance(starts, int) and isinstance(ends, int)):
        return 1002
    if starts > time.time():
        return 1003
    return 1004 if ends <= time.time() else 0


SERVICE = KlingService
