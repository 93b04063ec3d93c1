"""Kling AI (Kuaishou), Kolors Virtual Try-On: made by jobs, paid by units.

Source: its API reference (general information, virtual try-on, callback protocol). The codes from 1103 on are from
secondary sources.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from tryon.choices import Operation, ProviderStatus
from tryon.images.picture import MEGABYTE
from tryon.providers import answers
from tryon.providers.answers import OUT_OF_CREDITS, SLOW_DOWN, UNSURE, WRONG_KEY, Fault
from tryon.providers.base import (
    CallStyle,
    Capability,
    Charged,
    Option,
    Output,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import SINGAPORE, Facts
from tryon.providers.hosted import TODAY, HostedProvider, given, text_of

JOBS = "/v1/images/kolors-virtual-try-on"
RESULT_LASTS = timedelta(days=30)
MAX_MEGABYTES = 10
SMALLEST_SIDE = 300
TOKEN_LASTS, TOKEN_EARLIER = 1800, 5  # seconds after and before now

OPTIONS = (
    Option(
        "model_name", str, "kolors-virtual-try-on-v1", "v1-5 also takes one picture of a top and a bottom.",
        ("kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"),
    ),
)  # fmt: skip

_REFUSED = Fault("provider_down", "the request was refused")
_BLOCKED = Fault("content_blocked", "refused by content rules")
_NOT_FOUND = Fault("config", "no such address or model: look at base_url and model_name")


class KlingProvider(HostedProvider):
    """``api_key`` is "<access key>:<secret key>": each request carries a token that is signed with the second."""

    label: ClassVar[str] = "kling"
    facts = Facts("Kling AI", place=SINGAPORE, result=RESULT_LASTS, source="klingai.com", seen=date(2026, 11, 21))
    style: ClassVar[CallStyle] = CallStyle.POLLING
    api_versions = (TODAY,)
    default_base_url = "https://api-singapore.klingai.com"
    key_variable = "KLING_KEYS"
    result_hosts: ClassVar[tuple[str, ...]] = ("*.klingai.com", "*.inkwai.com")

    STATUS = {
        "submitted": ProviderStatus.QUEUED,
        "processing": ProviderStatus.PROCESSING,
        "succeed": ProviderStatus.SUCCEEDED,
        "failed": ProviderStatus.FAILED,
    }
    # Out of money is HTTP 429 here, like too many requests: only the code tells them apart.
    ERRORS = {
        "1000": WRONG_KEY,
        "1001": WRONG_KEY,
        "1002": WRONG_KEY,
        "1003": Fault("config", "the token is not valid yet: set this server's clock"),
        "1004": Fault("config", "the token has expired: set this server's clock"),
        "1100": Fault("config", "something is wrong with the account"),
        "1101": OUT_OF_CREDITS,
        "1102": OUT_OF_CREDITS,
        "1103": Fault("config", "the account may not use this model"),
        "1200": _REFUSED,
        "1201": _REFUSED,
        "1202": _NOT_FOUND,
        "1203": _NOT_FOUND,
        "1300": _BLOCKED,
        "1301": _BLOCKED,
        "1302": SLOW_DOWN,
        "1303": Fault("provider_down", "too many jobs at once", retryable=True, pace=True),
        "1304": Fault("config", "this server's address is not on the account's list"),
        "5000": UNSURE,
        "5001": Fault("provider_down", "the provider is not available", retryable=True),
        "5002": UNSURE,
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        only = Capability(
            OPTIONS,
            min_side=SMALLEST_SIDE,
            max_bytes=MAX_MEGABYTES * MEGABYTE,
            cost=None,
            mimes=frozenset({"image/jpeg", "image/png"}),
            inputs=("person", "garment"),
        )
        return {Operation.TRY_ON: only, Operation.MODEL_SHOT: only}

    # ------------------------------------------------------------ key

    def _text(self, options: Mapping[str, Any], name: str) -> str:
        value = super()._text(options, name)
        if not all(value.partition(":")[::2]):
            raise self._wrong("api_key", 'of the form "<access key>:<secret key>"')
        return value

    def token(self, key: str) -> str:
        """A JSON Web Token (RFC 7519, HS256)."""
        access, _, secret = key.partition(":")
        now = int(time.time())
        claims = {"iss": access, "exp": now + TOKEN_LASTS, "nbf": now - TOKEN_EARLIER}
        signed = b".".join(_packed(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signature = hmac.digest(secret.encode(), signed, hashlib.sha256)
        return b".".join((signed, _packed(signature))).decode()

    def words(self, text: Any) -> str:
        """Either half of the key is as secret as the whole."""
        known = text_of(text)
        for half in self._key.reveal().split(":", 1):
            known = known.replace(half, "…")
        return super().words(known)

    # ------------------------------------------------------------ submit

    def submit(self, request: TryOnRequest) -> Submission:
        options = self.clean_options(request.operation, request.options)
        body = {
            "human_image": self._encoded(request, "person"),
            "cloth_image": self._encoded(request, "garment"),
            **given(options, OPTIONS),
        }
        if request.webhook_url:
            body["callback_url"] = request.webhook_url
        reply = self.post(JOBS, json=body)
        code, words, _ = self.read_error(reply.body)
        if code:
            fault = self.fault_of(code) or Fault("provider_down", "the job was refused", charged=Charged.UNKNOWN)
            raise fault.error(self.words(words), self._coded(code))
        job_id = self.new_job(_data(reply.body).get("task_id"))
        return Submission(job_id=job_id, version=f"kling {options['model_name']}")

    def _encoded(self, request: TryOnRequest, name: str) -> str:
        image = self.picture(request, name)
        return image.url or image.base64

    # ------------------------------------------------------------ ask

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        body = _data(self.get(f"{JOBS}/{self.known_job(job_id)}", about_job=True).body)
        self.same_job(body, "task_id", job_id)
        status = self.status_of(body.get("task_status"))
        units = answers.number(body.get("final_unit_deduction"))
        if status == ProviderStatus.SUCCEEDED:
            return Update(status, outputs=self._outputs(body.get("task_result")), credits_used=units)
        if status != ProviderStatus.FAILED:
            return Update(status)
        update = self.job_failed(status, "", text_of(body.get("task_status_msg")))
        if update.error is not None and units:
            update.error.charged = Charged.YES
        return update

    def _outputs(self, result: Any) -> tuple[Output, ...]:
        images = result.get("images") if isinstance(result, dict) else None
        if not isinstance(images, list) or not images or not all(isinstance(image, dict) for image in images):
            raise answers.protocol_error("finished without a list of images", charged=Charged.YES)
        return tuple(self.linked(image.get("url"), RESULT_LASTS) for image in images)

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """{"code", "message", "request_id"}, in every answer; code 0 is none."""
        if not isinstance(body, dict) or not isinstance(body.get("code"), int) or not body["code"]:
            return "", "", {}
        words = (text_of(body.get("message")), text_of(body.get("request_id")))
        return str(body["code"]), " request ".join(filter(None, words)), {}


def _packed(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _data(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("data")
    return found if isinstance(found, dict) else {}
