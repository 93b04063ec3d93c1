"""Pebblely Fashion: a made-up model posing in a top. For the shop's own pictures only: there is no person to give.

Source: its documentation, which says nothing about errors; the base address is from its web page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from tryon.choices import Category, Operation
from tryon.images.picture import MEGABYTE
from tryon.providers import answers
from tryon.providers.answers import BY_STATUS, Fault
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    Option,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import Facts
from tryon.providers.hosted import HostedProvider, Rate, given, text_of

MAX_MEGABYTES = 5
LONGEST_SIDE = 2048
THEMES = ("Streets", "Beach", "Rooftop", "Home", "Park", "Cafe")
SIDES = ("height", "width")

OPTIONS = (
    Option("theme", str, None, "Where the model poses.", THEMES),
    Option("prompt", str, "Black hair, beautiful female model posing in jeans", "The model, and the place."),
    Option("negative_prompt", str, "", "What to avoid, separated by commas."),
    Option("background_color", str, None, "A plain background, as #rrggbb.", pattern="#[0-9A-Fa-f]{6}"),
    Option("height", int, 1024, "Pixels. Of height and width alone: a square.", minimum=1, maximum=LONGEST_SIDE),
    Option("width", int, 1024, "Pixels. Of height and width alone: a square.", minimum=1, maximum=LONGEST_SIDE),
)


class PebblelyProvider(HostedProvider):
    label: ClassVar[str] = "pebblely"
    facts = Facts("Pebblely", source="pebblely.com/docs/fashion", seen=date(2026, 11, 21))
    style: ClassVar[CallStyle] = CallStyle.BLOCKING
    default_base_url = "https://fashion-api.pebblely.com/api_v1"
    key_variable = "PEBBLELY_ACCESS_TOKEN"
    key_header = ("X-Pebblely-Access-Token", "{key}")
    default_timeout = 90.0
    default_rates = {"today": Rate(1, 1), "seed": Rate(1, 1)}

    BY_STATUS = {
        **BY_STATUS,
        413: Fault("file_size_too_large", "the picture was too large", params={"limit": MAX_MEGABYTES}),
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return {
            Operation.MODEL_SHOT: Capability(
                OPTIONS,
                categories=frozenset({Category.UPPER}),
                max_bytes=MAX_MEGABYTES * MEGABYTE,
                cost=1.0,
                inputs=("garment",),
            )
        }

    def submit(self, request: TryOnRequest) -> Submission:
        if request.category not in (None, Category.UPPER):
            raise ProviderError("garment_unsuitable", "only tops can be shown")
        options = self.clean_options(request.operation, request.options)
        body = {"cloth_image": self._garment(request), **given(options, OPTIONS)}
        chosen = {*self.defaults, *request.options}.intersection(SIDES)
        if len(chosen) == 1:  # the other side follows the one that is given
            for side in {*SIDES} - chosen:
                del body[side]
        reply = self.post("/generate/virtual_pose", json=body, picture_answer=True)
        output = self.inline(reply.body.get("data"))
        return Submission(outputs=(output,), credits_used=1.0, version="pebblely")

    def _garment(self, request: TryOnRequest) -> str:
        garment = self.picture(request, "garment")
        return garment.url or garment.base64

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise ProviderError("provider_down", "pebblely answers at once and has no jobs")

    def balance(self) -> Balance | None:
        found = answers.number(self.get("/utils/credits").body.get("credits"))
        if found is None:
            raise answers.protocol_error("no number of credits", charged=Charged.NO, retryable=True)
        return Balance(found)

    def themes(self) -> list[dict[str, str]]:
        """The themes that the API offers now, each with ``label`` and ``thumbnail`` (an address)."""
        found = self.parsed(self.ask("/utils/themes"))
        if not isinstance(found, list):
            raise answers.protocol_error("no list of themes", charged=Charged.NO, retryable=True)
        return [
            {"label": self.words(item.get("label")), "thumbnail": text_of(item.get("thumbnail"))}
            for item in found
            if isinstance(item, dict)
        ]

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """The document shows no error: these are the usual places."""
        if not isinstance(body, dict):
            return "", "", {}
        return "", next(filter(None, (text_of(body.get(name)) for name in ("detail", "error", "message"))), ""), {}
