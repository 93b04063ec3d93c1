"""PixelAPI: image operations, image, audio and video generation, virtual try-on, account.

Charged at submission; blocked jobs are refunded, as documented. Nothing is said about failed jobs: they stay paid
here. Invalid parameters are a list in ``detail``, as its framework answers today, and a text in the older form.
"""

from __future__ import annotations

import base64
import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tryon.errors import TryOnError
from tryon.images.picture import MEGABYTE
from tryon.sandbox import drawing, schema
from tryon.sandbox.accounts import Rate
from tryon.sandbox.inputs import Bounds, Source, Unusable, fetch, from_base64, inspect, is_address, is_forbidden
from tryon.sandbox.jobs import Job, JobFailed, Made, Terms, Work
from tryon.sandbox.schema import Param
from tryon.sandbox.service import HOUR, Exchange, Route
from tryon.sandbox.services import _pixelapi_operations as operations
from tryon.sandbox.services._pixelapi_answers import PLANS, PixelApiAnswers
from tryon.sandbox.services._pixelapi_operations import EDITS, Edit
from tryon.sandbox.wire import BadBody, Form, Refusal, Request, Response

BOUNDS = Bounds(10 * MEGABYTE, 1, 4096)
URL_SECONDS = 24 * HOUR
SMALLEST_PERSON = 100
_WORDS = {"starting": "queued"}
_UNUSABLE = {"size": 413, "too_large": 422}


class PixelApiService(PixelApiAnswers):
    terms: ClassVar[Terms] = Terms(at_submit=True, refund_blocked=True)
    failed_code: ClassVar[str] = "failed"
    blocked_code: ClassVar[str] = "blocked"
    routes: ClassVar[Sequence[Route]] = (
        *(Route("POST", f"/v1/image/{name}", "edit", "submit") for name in EDITS),
        Route("POST", "/v1/image/generate", "generate_image", "submit"),
        Route("POST", "/v1/audio/generate", "generate_audio", "submit"),
        Route("POST", "/v1/video/generate", "generate_video", "submit"),
        Route("GET", "/v1/image/{id}", "image_status", "status"),
        Route("GET", "/v1/video/{id}", "video_status", "status"),
        Route("POST", "/v1/virtual-tryon", "try_on", "submit"),
        Route("GET", "/v1/virtual-tryon/jobs/{id}", "try_on_status", "status"),
        Route("GET", "/v1/models", "models", "other"),
        Route("GET", "/v1/account/balance", "balance", "balance"),
        Route("GET", "/v1/account/usage", "usage", "other"),
    )

    # ---- submitting

    def edit(self, exchange: Exchange) -> Response:
        self._admit(exchange)
        name = exchange.request.path.rpartition("/")[2]
        edit = EDITS[name]
        values, form = self._edit_values(exchange.request, edit)
        source, mask = self._edit_sources(edit, values, form)

        def work() -> list[Made]:
            self._judge(values, source)
            picture = drawing.marked(edit.make(source, mask, values), name)
            return [Made(drawing.encoded(picture, "png"), "image/png", "0.png")]

        job = self.start(exchange, f"{edit.prefix}-{uuid.uuid4()}", name, edit.price, work, first=source)
        return Response.json(
            {"generation_id": job.id, "status": "queued", "operation": name, "credits_used": float(job.cost)}
        )

    def generate_image(self, exchange: Exchange) -> Response:
        values = self._words(exchange, operations.GENERATE_IMAGE)
        lowest, highest, default = operations.STEPS[values["model"]]
        steps = default if values["steps"] is None else values["steps"]
        if not lowest <= steps <= highest:
            raise self._invalid(exchange.request, "steps", "range", f"steps must be from {lowest} to {highest}")
        if values["negative_prompt"] and values["model"] != "sdxl":
            raise self._invalid(exchange.request, "negative_prompt", "unknown", "negative_prompt is for sdxl only")
        work = self._generation(values, lambda: operations.drawn_image(values))
        job = self.start(
            exchange, str(uuid.uuid4()), "generate", operations.IMAGE_PRICE, work, model=values["model"]
        )  # fmt: skip
        return self._accepted(job, values["model"])

    def generate_audio(self, exchange: Exchange) -> Response:
        values = self._words(exchange, operations.GENERATE_AUDIO)
        work = self._generation(values, lambda: operations.played_audio(values))
        price = operations.audio_price(values)
        job = self.start(exchange, str(uuid.uuid4()), "generate-audio", price, work, model=values["model"])
        return self._accepted(job, values["model"], duration=values["duration"], estimated_seconds=30)

    def generate_video(self, exchange: Exchange) -> Response:
        values = self._words(exchange, operations.GENERATE_VIDEO)
        work = self._generation(values, lambda: operations.filmed_video(values))
        price = operations.video_price(values)
        job = self.start(exchange, str(uuid.uuid4()), "generate-video", price, work, model="wan2.1")
        return self._accepted(job, "wan2.1", estimated_seconds=60 if values["resolution"] == "480p" else 120)

    def try_on(self, exchange: Exchange) -> Response:
        self._admit(exchange)
        is_seed = exchange.request.form == "seed"
        params = operations.TRY_ON if is_seed else (*operations.TRY_ON, *operations.TRY_ON_TODAY)
        values = self._json(exchange.request, params)
        categories = operations.CATEGORIES if is_seed else operations.CATEGORIES_TODAY
        if values["category"] not in categories:
            raise self._try_on_refusal("invalid_category")
        person, garment = (self._inline(values[name]) for name in ("person_image", "garment_image"))
        size = f"{person.width}x{person.height}px"
        if min(person.width, person.height) < SMALLEST_PERSON:
            raise self._try_on_refusal("image_too_small", size)
        if person.width > person.height:
            raise self._try_on_refusal("wrong_aspect_ratio", size)
        if not is_forbidden(person) and self.world.maker.person_refusal(person):
            raise self._try_on_refusal("body_segmentation_failed")

        def work() -> list[Made]:
            self._judge({}, person)
            self._judge({}, garment)
            try:
                image = self.world.maker.try_on(person, garment, categories[values["category"]])
            except TryOnError as error:
                raise JobFailed("failed", f"The try-on could not be made ({error.code})") from error
            return [Made(drawing.encoded(drawing.marked(image, "virtual-tryon"), "png"), "image/png", "0.png")]

        job = self.start(exchange, uuid.uuid4().hex, "virtual-tryon", operations.TRY_ON_PRICE, work, first=person)
        return Response.json({"job_id": job.id, "status": "queued", "credits_used": operations.TRY_ON_PRICE})

    # ---- asking

    def image_status(self, exchange: Exchange) -> Response:
        job = self._asked(exchange, lambda job: job.operation != "virtual-tryon")
        body: dict[str, Any] = {
            "id": job.id, "status": _word(job), "output_url": self._url(job), "operation": job.operation,
            "credits_used": float(job.cost), "created_at": _iso(job.created),
        }  # fmt: skip
        return Response.json(body | _failure(job))

    def video_status(self, exchange: Exchange) -> Response:
        job = self._asked(exchange, lambda job: job.operation == "generate-video")
        body: dict[str, Any] = {"generation_id": job.id, "status": _word(job), "output_url": self._url(job)}
        if job.state == "completed":
            body["processing_ms"] = round((job.finished_at - job.starts) * 1000)
        return Response.json(body | _failure(job))

    def try_on_status(self, exchange: Exchange) -> Response:
        job = self._asked(exchange, lambda job: job.operation == "virtual-tryon")
        body: dict[str, Any] = {"status": "failed" if job.state == "blocked" else _word(job)}
        if job.state == "completed":
            body["result_image_b64"] = base64.b64encode(job.outputs[0].data).decode()
            body["inference_time_ms"] = round((job.finished_at - job.starts) * 1000)
        return Response.json(body | _failure(job))

    def models(self, exchange: Exchange) -> Response:
        self._admit(exchange)
        return Response.json({"models": operations.MODELS})

    def balance(self, exchange: Exchange) -> Response:
        self._admit(exchange)
        account = exchange.customer
        body = {"credits_remaining": float(account.credits), "plan": account.plan, "email": "sandbox@example.com"}
        return Response.json(body)

    def usage(self, exchange: Exchange) -> Response:
        self._admit(exchange)
        limit = exchange.request.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100 or set(exchange.request.query) - {"limit"}:
            raise self._invalid(exchange.request, "limit", "range", "limit must be from 1 to 100", "query")
        jobs = self.world.jobs.of(exchange.customer)[-int(limit) :]
        listed = [
            {
                "id": job.id, "operation": job.operation, "model": job.details.get("model"), "status": _word(job),
                "output_url": self._url(job), "credits_used": float(job.cost), "created_at": _iso(job.created),
            }
            for job in reversed(jobs)
        ]  # fmt: skip
        return Response.json({"jobs": listed})

    # ---- reading

    def _admit(self, exchange: Exchange) -> None:
        """Key and rate. Every request counts, polls too: the document makes no difference."""
        account = self.sign_in(exchange)
        self.limit(exchange, "all", Rate(PLANS[account.plan][1], 60))

    def _words(self, exchange: Exchange, params: tuple[Param, ...]) -> dict[str, Any]:
        self._admit(exchange)
        return self._json(exchange.request, params)

    def _json(self, request: Request, params: tuple[Param, ...]) -> dict[str, Any]:
        if request.media_type != "application/json":
            raise self._refusal(422, "Content-Type must be application/json")
        try:
            return schema.read(params, request.json)
        except BadBody as error:
            raise self._refusal(400, str(error)) from error
        except schema.Problems as problems:
            raise self._invalid_all(request, problems.found) from problems

    def _edit_values(self, request: Request, edit: Edit) -> tuple[dict[str, Any], Form]:
        if request.media_type != "multipart/form-data":
            if not edit.takes_json:
                raise self._refusal(422, "Content-Type must be multipart/form-data")
            return self._json(request, edit.params), Form({}, {})
        try:
            form = request.multipart
            values = schema.read(edit.params, form.fields, as_text=True)
        except BadBody as error:
            raise self._refusal(400, str(error)) from error
        except schema.Problems as problems:
            raise self._invalid_all(request, problems.found) from problems
        for name in set(form.files) - ({"image", "mask"} if edit.takes_mask else {"image"}):
            raise self._invalid(request, name[:40], "unknown", "is not a documented parameter")
        return values, form

    def _edit_sources(self, edit: Edit, values: Mapping[str, Any], form: Form) -> tuple[Source, Source | None]:
        address = values.get("image_url")
        if ("image" in form.files) == bool(address):
            raise self._refusal(400, "Provide either image (file upload) or image_url (JSON), not both")
        mask = form.files.get("mask")
        if edit.takes_mask and mask is None and not values.get("prompt"):
            raise self._refusal(422, "Provide either mask or prompt")
        try:
            if address and not is_address(address):
                raise Unusable("decode", "image_url is not a URL")
            source = inspect(fetch(address) if address else form.files["image"].data, BOUNDS)
            if mask is None:
                return source, None
            other = inspect(mask.data, BOUNDS)
        except Unusable as error:
            raise self._refusal(_UNUSABLE.get(error.reason, 400), error.text, error.reason) from error
        if (other.width, other.height) != (source.width, source.height):
            raise self._refusal(422, "mask must have the same dimensions as image")
        return source, other

    def _inline(self, text: str) -> Source:
        try:
            return inspect(from_base64(text), BOUNDS)
        except Unusable as error:
            if error.reason == "size":
                raise self._refusal(413, "File too large. Maximum 10MB.") from error
            raise self._try_on_refusal("invalid_image", logged=error.text) from error

    # ---- making

    def _generation(self, values: Mapping[str, Any], make: Work) -> Work:
        def work() -> list[Made]:
            self._judge(values, None)
            return make()

        return work

    def _judge(self, values: Mapping[str, Any], source: Source | None) -> None:
        words = str(values.get("prompt") or "")
        if "sandbox:blocked" in words or (source is not None and is_forbidden(source)):
            raise JobFailed("blocked", "Content policy violation", blocked=True)
        if "sandbox:failed" in words:
            raise JobFailed("failed", "Processing failed on the GPU")

    def _accepted(self, job: Job, model: str, **more: Any) -> Response:
        body = {"generation_id": job.id, "status": "queued", "model": model}
        return Response.json({**body, **more, "credits_used": float(job.cost)})

    def _asked(self, exchange: Exchange, belongs: Any) -> Job:
        self._admit(exchange)
        job = self.own_job(exchange, exchange.ids["id"])
        if not belongs(job):
            raise Refusal(self.not_found(), "job of another endpoint")
        return job

    def _url(self, job: Job) -> str | None:
        if job.state != "completed" or job.operation == "virtual-tryon":
            return None
        made = job.outputs[0]
        day = datetime.datetime.fromtimestamp(job.created, datetime.UTC).strftime("%Y/%m/%d")
        kind = made.mime.partition("/")[0] + "s"
        path = f"/pixelapi/outputs/{kind}/{day}/{job.id}{made.name[1:]}"
        return self.world.results.put(path, made, job.finished_at + URL_SECONDS - self.world.clock.now())


def _word(job: Job) -> str:
    return _WORDS.get(job.state, job.state)


def _failure(job: Job) -> dict[str, str]:
    """The document's table says ``error``, its examples read ``error_message``: both are there."""
    return {} if job.failure is None else {"error": job.failure.message, "error_message": job.failure.message}


def _iso(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SERVICE = PixelApiService
