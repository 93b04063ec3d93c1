"""PixelAPI's plans, headers and refusals: ``detail`` as a text, an object or a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tryon.sandbox import schema
from tryon.sandbox.service import Exchange, Service
from tryon.sandbox.wire import Refusal, Request, Response

PLANS = {"free": (10, 5), "starter": (10_000, 20), "pro": (60_000, 60), "scale": (300_000, 200)}  # credits, a minute
UPGRADE = "https://pixelapi.dev/app/#pricing"
_CDN_PAGE = "<!DOCTYPE html><html><head><title>Access denied</title></head><body>error code: 1010</body></html>"
_TRY_ON_ERRORS = {
    "image_too_small": (422, "Person image is too small (minimum 100px).", "Use a photo that is at least 300x400px."),
    "wrong_aspect_ratio": (422, "Image is wider than tall.", "Use a portrait photo."),
    "body_segmentation_failed": (
        422, "The clothing region could not be identified.", "Use a clearer front-facing torso photo.",
    ),
    "invalid_category": (422, "Unknown category.", "category must be one of: upperbody, lowerbody, dress"),
    "invalid_image": (400, "Image data is corrupt or not a valid JPG/PNG/WebP.", "Check your base64 encoding."),
    "gpu_out_of_memory": (503, "GPU busy.", "Retry in a few seconds. Use smaller images (max 1024x1024)."),
}  # fmt: skip


class PixelApiAnswers(Service):
    name: ClassVar[str] = "pixelapi"
    plan: ClassVar[str] = "pro"

    @classmethod
    def starting_credits(cls, plan: str) -> float:
        return PLANS[plan][0]

    def gate(self, exchange: Exchange) -> None:
        agent = exchange.request.header("User-Agent")
        if not agent or agent.startswith("Python-urllib/"):
            raise Refusal(Response.text(_CDN_PAGE, 403, "text/html"), "no User-Agent")

    def decorate(self, exchange: Exchange, response: Response) -> None:
        if response.status == 403:
            return  # of the CDN, not of the API
        room, account = exchange.headroom, exchange.account
        limit = PLANS[account.plan if account else self.plan][1]
        response.headers["X-RateLimit-Remaining"] = str(room.remaining if room else limit)
        reset = room.reset_at if room else self.world.clock.now() + 60
        response.headers["X-RateLimit-Reset"] = str(round(reset))

    def key(self, request: Request) -> str:
        """A key that does not begin as documented is no key."""
        scheme, _, key = request.header("Authorization").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip().startswith("pk_live_") else ""

    def _detail(self, status: int, detail: Any) -> Response:
        return Response.json({"detail": detail}, status)

    def _refusal(self, status: int, text: str, logged: str = "") -> Refusal:
        return Refusal(self._detail(status, text), logged or text)

    def _invalid(self, request: Request, name: str, kind: schema.Fault, text: str, where: str = "body") -> Refusal:
        return self._invalid_all(request, [schema.Problem(name, kind, text)], where)

    def _invalid_all(self, request: Request, found: Sequence[schema.Problem], where: str = "body") -> Refusal:
        logged = f"{found[0].fault} parameter: {found[0].param}"
        if request.form == "seed":
            return Refusal(self._detail(422, found[0].text), logged)
        listed = [{"type": item.fault, "loc": [where, item.param], "msg": item.text} for item in found]
        return Refusal(self._detail(422, listed), logged)

    def _try_on_error(self, code: str, size: str = "") -> Response:
        status, message, guidance = _TRY_ON_ERRORS[code]
        detail = {"error": code, "message": message, "guidance": guidance}
        return self._detail(status, {**detail, "received_size": size} if size else detail)

    def _try_on_refusal(self, code: str, size: str = "", logged: str = "") -> Refusal:
        return Refusal(self._try_on_error(code, size), f"{code}: {logged}" if logged else code)

    def unauthorized(self, *, missing: bool = False) -> Response:
        return self._detail(401, "Invalid API key")

    def out_of_credits(self, exchange: Exchange, needed: float) -> Response:
        left = exchange.account.available if exchange.account else 0
        text = f"Insufficient credits. Required: {needed:g}, available: {left:g}. Upgrade at {UPGRADE}"
        return self._detail(402, text)

    def rate_limited(self, retry_after: str, code: str = "") -> Response:
        response = self._detail(429, "Rate limit exceeded. Wait and retry.")
        response.headers["Retry-After"] = retry_after
        return response

    def not_found(self) -> Response:
        return self._detail(404, "Not Found")

    def server_error(self, status: int, code: str = "") -> Response:
        if code in _TRY_ON_ERRORS:
            return self._try_on_error(code)
        return self._detail(status, "Internal Server Error")
