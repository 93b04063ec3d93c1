"""SuperStyle by Meriedith: a selfie and the garment in words, with or without its picture; one long request.

Source of ``seed``: the reference of ``/generate_image``. Source of ``today``: superstyle.meriedith.com/developers,
where ``/try_on_outfit`` has taken its place. Hobby scale: 20 requests a day and one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from tryon.choices import Category, Operation
from tryon.images.picture import MEGABYTE
from tryon.providers.answers import BY_STATUS, SLOW_DOWN, WRONG_KEY, Fault
from tryon.providers.base import (
    CallStyle,
    Capability,
    Option,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import UNITED_STATES, Facts
from tryon.providers.hosted import HostedProvider, Rate, given, text_of

LINK_LASTS = timedelta(hours=24)
# The server is a function URL that takes 6 MB a request: two pictures in base64 must go in.
MAX_BYTES = 2 * MEGABYTE
# The garment must be told in words. These stand in when the request has none.
PLAIN_WORDS = {
    Category.UPPER: "the top in the reference picture",
    Category.LOWER: "the trousers or skirt in the reference picture",
    Category.FULL: "the outfit in the reference picture",
}

DESCRIPTION = Option(
    "clothing_description", str, None, "The garment in words; made from the product if empty.", minimum=1, maximum=1000
)  # fmt: skip
SEED_OPTIONS = (
    Option("mode", str, "studio", "White background or a place.", ("studio", "environment")),
    DESCRIPTION,
)
TODAY_OPTIONS = (
    Option("mode", str, "model_shot", "White background or the photo's own.", ("reference_environment", "model_shot")),
    DESCRIPTION,
    Option("store_image", bool, False, "Keep the picture on their side for longer than 24 hours."),
)

_REFUSED = Fault("provider_down", "the request was refused")


class SuperStyleProvider(HostedProvider):
    label: ClassVar[str] = "superstyle"
    facts = Facts(
        "SuperStyle", place=UNITED_STATES, result=LINK_LASTS, source="superstyle.meriedith.com", seen=date(2026, 11, 21)
    )
    style: ClassVar[CallStyle] = CallStyle.BLOCKING
    default_base_url = "https://mcll3bnfubyazfg6wekv3xc6fi0dgpyk.lambda-url.us-east-1.on.aws"
    key_variable = "SUPERSTYLE_API_KEY"
    key_header = ("X-API-Key", "{key}")
    default_timeout = 90.0
    default_rates = {"today": Rate(20, 86400)}
    default_concurrency = {"today": 1}
    most_credits: ClassVar[float] = 1.0  # it knows no credits: each request is one
    result_hosts: ClassVar[tuple[str, ...]] = ("superstyle-user-images.s3.us-east-1.amazonaws.com",)

    # Its errors have no codes: the words are what there is to go by.
    ERRORS = {
        "selfie_base64 is required": _REFUSED,
        "clothing_description is required": _REFUSED,
        "A request is already in progress": Fault("provider_down", "one request at a time", retryable=True, pace=True),
    }
    BY_STATUS = {
        **BY_STATUS,
        401: WRONG_KEY,
        403: WRONG_KEY,
        404: Fault("config", "no such address: look at base_url and api_version"),
        429: SLOW_DOWN,
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        options = SEED_OPTIONS if self.seed else TODAY_OPTIONS
        only = Capability(options, max_bytes=MAX_BYTES, cost=None, inputs=("person",))
        return {Operation.TRY_ON: only, Operation.MODEL_SHOT: only}

    def submit(self, request: TryOnRequest) -> Submission:
        declared = self.capability(request.operation).options
        body = given(self.clean_options(request.operation, request.options), declared)
        body.setdefault("clothing_description", self._description(request))
        body["selfie_base64"] = self.picture(request, "person").base64
        self._add_garment(request, body)
        if self.seed:
            reply = self.post("/generate_image", json=body, picture_answer=True)
            mime = text_of(reply.body.get("mime_type"))
            output = self.inline(reply.body.get("image_base64"), mime)
        else:
            reply = self.post("/try_on_outfit", json=body)
            output = self.linked(reply.body.get("image_url"), None if body["store_image"] else LINK_LASTS)
        return Submission(outputs=(output,), version="superstyle")

    def _description(self, request: TryOnRequest) -> str:
        words = " ".join(request.description.split())[:1000]
        return words or PLAIN_WORDS.get(request.category or Category.FULL, PLAIN_WORDS[Category.FULL])

    def _add_garment(self, request: TryOnRequest, body: dict[str, Any]) -> None:
        """By its address where it is public. The seed's form knows no other way, and then words must do."""
        if request.garment is None:
            return
        garment = self.picture(request, "garment")
        if garment.url:
            body["clothing_image_url"] = garment.url
        elif not self.seed:
            body["outfit_base64"] = garment.base64

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise ProviderError("provider_down", "superstyle answers at once and has no jobs")

    def usage(self, limit: int = 20, cursor: str = "") -> Any:
        """The account's last requests, as the provider tells them. Costs none of the daily requests."""
        query = {"limit": str(min(100, max(1, limit))), **({"cursor": cursor} if cursor else {})}
        return self.parsed(self.ask("/usage", query=query))

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """{"error": words}; of a limit also {"limit", "remaining", "reset"}."""
        words = text_of(body.get("error")) if isinstance(body, dict) else ""
        code = next((known for known in self.ERRORS if words.startswith(known)), "")
        return code, words, {}
