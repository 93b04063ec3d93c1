"""Pebblely's fashion API: one endpoint that makes a model wear a top, two utilities.

The document says nothing about errors: refusals here have the shape of a web framework that its request notation
looks like ({"detail": ...}), and their HTTP statuses are guesses. The utilities cost nothing here, although the
document says "each API query consumes 1 credit"; themes are served without a token, as in its example.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image, ImageColor

from tryon.errors import TryOnError
from tryon.images.picture import MEGABYTE
from tryon.sandbox import drawing, schema
from tryon.sandbox.accounts import Rate
from tryon.sandbox.inputs import (
    Bounds,
    Source,
    Unusable,
    fetch,
    from_base64,
    from_data_uri,
    inspect,
    is_address,
    is_data_uri,
    is_forbidden,
)  # fmt: skip
from tryon.sandbox.jobs import JobFailed, Made, Work
from tryon.sandbox.schema import Param
from tryon.sandbox.service import HOUR, Exchange, Route, Service
from tryon.sandbox.wire import BadBody, Refusal, Request, Response

THEMES = ("Streets", "Beach", "Rooftop", "Home", "Park", "Cafe")
DEFAULT_PROMPT = "Black hair, beautiful female model posing in jeans"
SIDE, MAX_SIDE, MIN_SIDE = 1024, 2048, 1
BOUNDS = Bounds(max_bytes=5 * MEGABYTE)
RATE = Rate(1, 1)
PARAMS = (
    Param("cloth_image", "image", required=True),
    Param("theme", nullable=True, choices=THEMES),
    Param("prompt", default=DEFAULT_PROMPT),
    Param("negative_prompt", default=""),
    Param("background_color", nullable=True),
    Param("height", "integer", low=MIN_SIDE, high=MAX_SIDE),
    Param("width", "integer", low=MIN_SIDE, high=MAX_SIDE),
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_STATUS = {"content": 422, "pipeline": 500}


class PebblelyService(Service):
    name: ClassVar[str] = "pebblely"
    failed_code: ClassVar[str] = "pipeline"
    blocked_code: ClassVar[str] = "content"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/utils/credits", "balance", "balance"),
        Route("GET", "/utils/themes", "themes", "other"),
        Route("POST", "/generate/virtual_pose", "pose", "submit"),
    )

    def find(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        """The base address may carry the real one's ``/api_v1``."""
        request.path = request.path.removeprefix("/api_v1")
        return super().find(request)

    # ---- endpoints

    def balance(self, exchange: Exchange) -> Response:
        account = self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        self.world.jobs.settle()
        return Response.json({"credits": int(account.credits)})

    def themes(self, exchange: Exchange) -> Response:
        listed = []
        for label in THEMES:
            picture = drawing.marked(drawing.scene(label, (256, 256)), label)
            made = Made(drawing.encoded(picture, "jpeg"), "image/jpeg", f"{label}.jpg")
            url = self.world.results.put(f"/pebblely/themes/{label.lower()}.jpg", made, 24 * 365 * HOUR)
            listed.append({"label": label, "thumbnail": url})
        return Response.json(listed)

    def pose(self, exchange: Exchange) -> Response:
        account = self.sign_in(exchange)
        self.limit(exchange, "all", RATE)
        values = self._read(exchange.request)
        source = self._source(values["cloth_image"])
        job = self.start(exchange, str(uuid.uuid4()), "virtual_pose", 1, self._work(source, values), first=source)
        if not self.world.jobs.wait(job):
            return self.server_error(503)
        if job.failure is not None:
            return self._error(job.failure.message, _STATUS.get(job.failure.code, 422))
        data = base64.b64encode(job.outputs[0].data).decode()
        return Response.json({"data": data, "credits": int(account.credits)})

    # ---- reading

    def _read(self, request: Request) -> dict[str, Any]:
        if request.media_type != "application/json":
            raise self._refusal("the body must be application/json", 415)
        try:
            values = schema.read(PARAMS, request.json)
        except BadBody as error:
            raise self._refusal(str(error), 400) from error
        except schema.Problems as problems:
            detail = [
                {"loc": ["body", problem.param], "msg": problem.text, "type": problem.fault}
                for problem in problems.found
            ]
            logged = f"{problems.first.fault} parameter: {problems.first.param}"
            raise Refusal(Response.json({"detail": detail}, 422), logged) from problems
        colour = values["background_color"]
        if colour is not None and not _COLOUR.fullmatch(colour):
            raise self._refusal("background_color must look like #FFFFFF", 422)
        return values

    def _source(self, text: str) -> Source:
        """An address, or base64 with or without prefix and line breaks: the document allows all of them."""
        try:
            if is_address(text):
                return inspect(fetch(text), BOUNDS)
            data = from_data_uri(text) if is_data_uri(text) else from_base64(text, line_breaks=True)
            return inspect(data, BOUNDS)
        except Unusable as error:
            raise self._refusal(f"cloth_image: {error.text}", 413 if error.reason == "size" else 422) from error

    # ---- making

    def _work(self, source: Source, values: Mapping[str, Any]) -> Work:
        def work() -> list[Made]:
            if is_forbidden(source) or "sandbox:blocked" in values["prompt"]:
                raise JobFailed("content", "The request was refused by content rules", blocked=True)
            try:
                image = self.world.maker.model_shot(source, values["prompt"])
            except TryOnError as error:
                raise JobFailed("garment", f"No apparel was found in cloth_image ({error.code})") from error
            return [Made(drawing.encoded(self._staged(image, values), "jpeg"), "image/jpeg", "pose.jpg")]

        return work

    def _staged(self, image: Image.Image, values: Mapping[str, Any]) -> Image.Image:
        height, width = values["height"], values["width"]
        size = (width or height or SIDE, height or width or SIDE)
        if values["background_color"]:
            backdrop = Image.new("RGB", size, ImageColor.getrgb(values["background_color"])[:3])
            image = drawing.in_front(image, backdrop)
        elif values["theme"]:
            image = drawing.in_front(image, drawing.scene(values["theme"], size))
        return drawing.marked(drawing.fitted(image, size), f"virtual_pose  {values['theme'] or ''}")

    # ---- refusals

    def key(self, request: Request) -> str:
        return request.header("X-Pebblely-Access-Token")

    def _error(self, text: str, status: int) -> Response:
        return Response.json({"detail": text}, status)

    def _refusal(self, text: str, status: int) -> Refusal:
        return Refusal(self._error(text, status), text)

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._error("Access token missing" if missing else "Invalid access token", 401)

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        return self._error("Insufficient credits", 402)

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        response = self._error("Rate limit exceeded: 1 query per second", 429)
        response.headers["Retry-After"] = retry_after
        return response

    def not_found(self) -> Response:
        return self._error("Not Found", 404)

    def server_error(self, status: int, code: str = "") -> Response:
        return self._error("Internal Server Error", status)


SERVICE = PebblelyService
