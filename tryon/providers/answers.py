"""What a provider sends is as little trusted as what a shopper sends: strict parsing, and words made safe to show."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import accumulate
from typing import Any

from tryon.images.picture import MEGABYTE
from tryon.providers.base import Charged, ProviderError

SMALL_ANSWER = MEGABYTE
PICTURE_ANSWER = 64 * MEGABYTE  # base64 pictures inside JSON
LONGEST_WAIT = 600  # seconds that a provider may tell us to stay away
LONGEST_DETAIL = 200
DEEPEST_JSON = 100  # lists and objects within each other; APIs nest a handful
MOST_VALUES = 100_000  # in JSON: each takes many times the memory of its text

_JOB_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*:\S*//\S*|\bdata:\S*|\bwww\.\S*", re.IGNORECASE)
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{33,}")  # keys, tokens, base64
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # in which brackets are text
_STEPS = bytes.maketrans(b"[{]}", bytes((1, 1, 255, 255)))  # as signed bytes: one level down, one up
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_EPOCH = 1_000_000_000  # a "reset" header beyond this is a point in time, not a number of seconds


class NotUnderstood(ValueError):
    """The answer is not what the API promises. The text says how, without quoting it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole. Header names are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether this is a web page: of a captive portal, a firewall or a gateway, not of an API."""
        return "html" in self.headers.get("content-type", "").lower() or self.data[:256].lstrip()[:1] == b"<"

    def json(self) -> Any:
        return parse_json(self.data)

    def error_json(self) -> Any:
        """The parsed body of a refusal, None when there is none that can be parsed."""
        try:
            return self.json()
        except NotUnderstood:
            return None

    @property
    def request_id(self) -> str:
        for name in ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray"):
            value = self.headers.get(name, "")
            if _JOB_ID.fullmatch(value):
                return value[:64]
        return ""

    @property
    def retry_after(self) -> int | None:
        """Seconds to stay away, as the headers say, at most ``LONGEST_WAIT``."""
        # when a rate's window begins anew is in every answer of some: a reason to wait only where there were too many
        for name in ("retry-after", "x-ratelimit-reset") if self.status == 429 else ("retry-after",):
            seconds = _seconds(self.headers.get(name, ""))
            if seconds is not None:
                return seconds
        return None


def parse_json(data: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no infinite numbers, no key twice, no bottomless nesting. Raises NotUnderstood."""
    if data.count(b",") > MOST_VALUES:
        raise NotUnderstood("JSON of too many values")
    if _too_deep(data):
        raise NotUnderstood("JSON nested too deep")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_not_a_number, parse_float=_float
        )
    except NotUnderstood:
        raise
    except UnicodeDecodeError:
        raise NotUnderstood("not UTF-8") from None
    except ValueError:
        raise NotUnderstood("not JSON") from None


def _too_deep(data: bytes) -> bool:
    """Told before parsing, never by the parser running into the interpreter's limit: there any finalizer that the
    garbage collector happens to run, of a connection say, fails as well. In linear time."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST_JSON:
        return False
    steps = _STRING.sub(b"", data).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b"), initial=0)) > DEEPEST_JSON


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotUnderstood("JSON with a key twice")
    return found


def _not_a_number(name: str) -> Any:
    raise NotUnderstood(f"JSON with {name}")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotUnderstood("JSON with an infinite number")
    return value


def gunzip(data: bytes, limit: int) -> bytes:
    """Unpack what was not asked to be packed, of which no more than one byte beyond ``limit`` is ever made."""
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(data, limit + 1)
    except zlib.error:
        raise NotUnderstood("broken gzip") from None
    if len(plain) > limit:
        raise NotUnderstood(f"more than {limit} bytes when unpacked")
    if not unpack.eof:
        raise NotUnderstood("cut gzip")
    return plain


def job_id(value: Any) -> str:
    """``value`` as an id that may go into a path. Raises NotUnderstood."""
    if not isinstance(value, str) or not _JOB_ID.fullmatch(value) or not value.strip("."):
        raise NotUnderstood("a job id of an odd form")
    return value


def number(value: Any) -> float | None:
    """A count of credits, which some send as text; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None


def picture_bytes(text: Any) -> bytes:
    """The bytes of a base64 text, with or without ``data:`` prefix and line breaks. Raises NotUnderstood."""
    if not isinstance(text, str) or not text:
        raise NotUnderstood("no picture in the answer")
    packed = text.partition(",")[2] if text.startswith("data:") else text
    try:
        data = base64.b64decode("".join(packed.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotUnderstood("a picture that is not base64") from None
    if not data:
        raise NotUnderstood("an empty picture")
    return data


def _seconds(text: str) -> int | None:
    """A wait in seconds from seconds, an epoch or an HTTP date."""
    found = number(text)
    now = datetime.now(UTC)
    if found is None:
        try:
            found = (parsedate_to_datetime(text) - now).total_seconds()
        except (OverflowError, TypeError, ValueError):
            return None
    elif found > _EPOCH:
        found -= now.timestamp()
    return int(min(LONGEST_WAIT, max(0.0, math.ceil(found))))


def clean(text: Any, *, secret: str = "") -> str:
    """Words of a provider for our staff: one short line without links, keys, pictures or markup."""
    if not isinstance(text, str):
        return ""
    text = text[: 20 * LONGEST_DETAIL]
    if secret:
        text = text.replace(secret, "…")
    text = _LONG_RUN.sub("…", _LINK.sub("…", text))
    text = "".join(letter if letter.isprintable() and letter not in "<>" else " " for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_DETAIL else f"{text[: LONGEST_DETAIL - 1]}…"


def protocol_error(reason: str, *, charged: Charged, retryable: bool = False) -> ProviderError:
    """An answer came, but not one that the API promises."""
    return ProviderError("provider_down", f"answer not understood: {reason}", retryable=retryable, charged=charged)


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of a provider's error table: our code, words for the shop, and what may be done about it."""

    code: str
    reason: str = ""
    retryable: bool = False
    charged: Charged = Charged.NO
    params: Mapping[str, Any] = field(default_factory=dict)
    pace: bool = False  # too many at once: slower, and all is well

    def error(self, *details: str, retry_after: int | None = None) -> ProviderError:
        params = dict(self.params)
        if self.retryable and retry_after is not None:
            params["retry_after"] = retry_after
        detail = "; ".join(dict.fromkeys(filter(None, (self.reason, *details))))  # theirs may be ours
        return ProviderError(
            self.code, detail, retryable=self.retryable, charged=self.charged, pace=self.pace, **params
        )


OUT_OF_CREDITS = Fault("config", "out of credits")
WRONG_KEY = Fault("config", "the API key was refused")
SLOW_DOWN = Fault("provider_down", "rate limit", retryable=True, pace=True)
UNSURE = Fault("provider_down", "the server failed; whether it was charged is unknown", charged=Charged.UNKNOWN)

BY_STATUS: Mapping[int, Fault] = {
    400: Fault("provider_down", "the request was refused"),
    401: WRONG_KEY,
    402: OUT_OF_CREDITS,
    403: Fault("config", "access was refused"),
    404: Fault("config", "no such address: look at base_url and api_version"),
    405: Fault("config", "no such address: look at base_url and api_version"),
    410: Fault("config", "no longer offered"),
    413: Fault("file_size_too_large", "the request was too large"),
    415: Fault("provider_down", "the request was refused"),
    422: Fault("provider_down", "the request was refused"),
    429: SLOW_DOWN,
    502: Fault("provider_down", "the server is not reachable", retryable=True),
    503: Fault("provider_down", "the server is overloaded", retryable=True),
}
"""What a status means when the body has no code that we know. Everything else is ``UNSURE``."""
