"""The bodies of answers. Plain values, ready for JSON; texts are in the language that is active."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from math import ceil
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import parse_etags
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from tryon import links
from tryon.admission import Quota
from tryon.choices import Status
from tryon.consent import Notice
from tryon.errors import TryOnError
from tryon.models import ErasureReceipt, Garment, PresetModel, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.progress import STAGES, Progress, alt_text

SHORTEST_POLL, LONGEST_POLL = 2, 5  # seconds


def garment_body(garment: Garment, request: Request, *, available: bool) -> dict[str, Any]:
    return {
        "id": garment.pk,
        "product": garment.product_ref,
        "name": str(garment),
        "category": garment.category,
        "thumb_url": _picture(request, "garment-picture", garment),
        "available": available,
    }


def notice_body(notice: Notice, request: Request) -> dict[str, Any]:
    """``html``: the same words, and where to read more."""
    more = request.build_absolute_uri(reverse("tryon:privacy"))
    html = format_html('<p>{}</p><p><a href="{}">{}</a></p>', notice.text, more, _("How we treat your photo"))
    return {"version": notice.version, "text": notice.text, "html": str(html)}


def model_body(preset: PresetModel, request: Request) -> dict[str, Any]:
    return {"id": preset.pk, "name": preset.name, "thumb_url": _picture(request, "model-picture", preset)}


def _picture(request: Request, name: str, row: Garment | PresetModel) -> str:
    # the digest changes with the picture, so the link may be cached for long
    path = reverse(f"tryon:{name}", kwargs={"pk": row.pk, "size": "thumb"})
    return request.build_absolute_uri(f"{path}?v={row.sha256[:12]}")


def photo_body(photo: ShopperPhoto) -> dict[str, Any]:
    return {
        "id": photo.pk,
        "width": photo.width,
        "height": photo.height,
        "expires_at": photo.expires_at,
        "warnings": list(photo.warnings),
    }


def listed_progress(result: TryOnResult) -> Progress:
    """For lists: without the estimate and the place in the queue, which cost queries for each row."""
    if result.is_final:
        return Progress("done", 1.0, None, None)
    return Progress(STAGES[Status(result.status)], result.progress or 0.0, None, None)


def tryon_body(
    result: TryOnResult, progress: Progress, request: Request | HttpRequest, *, epoch: int | None
) -> dict[str, Any]:
    """``epoch``: of the links to pictures, which work for a few minutes without a cookie; None: by the cookie."""
    outputs = []
    if result.status == Status.SUCCEEDED:
        outputs = [_output_body(output, result, request, epoch) for output in result.outputs.all()]
    return {
        "id": result.pk,
        "status": result.status,
        "stage": progress.stage,
        "progress": progress.progress,
        "eta_seconds": progress.eta_seconds,
        "queue_position": progress.queue_position,
        "created_at": result.created_at,
        "updated_at": result.updated_at,
        "result": outputs[0] if outputs else None,
        "outputs": outputs,
        "error": _error_body(result) if result.is_final and result.error_code else None,
    }


def _output_body(
    output: TryOnOutput, result: TryOnResult, request: Request | HttpRequest, epoch: int | None
) -> dict[str, Any]:
    expires_at: datetime | None = result.expires_at if epoch is None else links.valid_until(epoch)
    full, thumb = links.picture_urls(output, "full", "thumb", epoch=epoch)
    return {
        "url": request.build_absolute_uri(full),
        "thumb_url": request.build_absolute_uri(thumb),
        "width": output.width,
        "height": output.height,
        "expires_at": expires_at,
        "ai_generated": True,
        "alt": alt_text(result),
    }


def _error_body(result: TryOnResult) -> dict[str, Any]:
    error = TryOnError(result.error_code)
    error.params = dict(result.error_params)
    return {
        "code": error.code,
        "title": str(error.spec.title),
        "detail": error.text,
        "retryable": error.spec.retryable,
    }


def receipt_body(receipt: ErasureReceipt) -> dict[str, Any]:
    counts = ("photos", "results", "pictures", "share_links", "feedback", "consents_withdrawn", "left_over")
    return {
        "id": receipt.pk,
        "made_at": receipt.made_at,
        **{name: getattr(receipt, name) for name in counts},
        "elsewhere": receipt.elsewhere,
    }


def as_json(body: dict[str, Any]) -> dict[str, Any]:
    """The very values that go over the wire, so that they can be kept and sent again."""
    plain: dict[str, Any] = json.loads(json.dumps(body, cls=JSONEncoder))
    return plain


def rate_limit(left: Quota) -> dict[str, str]:
    """How many previews may be started today, as headers."""
    seconds = ceil((left.resets_at - timezone.now()).total_seconds())
    values = {"Limit": left.limit, "Remaining": left.remaining, "Reset": max(0, seconds)}
    return {f"RateLimit-{name}": str(value) for name, value in values.items()}


def body_tag(body: dict[str, Any]) -> str:
    """A tag that changes with anything in ``body``."""
    return f'"{hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:32]}"'


def entity_tag(result: TryOnResult, progress: Progress, *, product: str, epoch: int | None) -> str:
    """A strong tag: equal tags are equal bodies, so everything that may change in a body is in it.

    ``product`` (the garment's name, for the words of a picture) and ``epoch`` are those of the body. A new epoch makes
    a new tag: a client that was told "not modified" still holds a link that works for a while.
    """
    ends = result.expires_at if epoch is None else epoch
    shown = (product, result.preset_model_id, ends) if result.status == Status.SUCCEEDED else ()
    lasting = (
        result.pk,
        result.version,
        result.updated_at,
        result.status,
        progress.progress,
        progress.eta_seconds,
        progress.queue_position,
        shown,
        epoch is None,
        get_language(),
    )
    return f'"{hashlib.sha256(repr(lasting).encode()).hexdigest()[:32]}"'


def is_current(tag: str, if_none_match: str) -> bool:
    """Whether the client has this body already. Proxies that compress make tags weak; those match too."""
    return any(given == "*" or given.removeprefix("W/") == tag for given in parse_etags(if_none_match))


def poll_headers(result: TryOnResult, progress: Progress, tag: str) -> dict[str, str]:
    again = {} if result.is_final else {"Retry-After": str(seconds_to_next_poll(progress))}
    return {"ETag": tag, **again}


def seconds_to_next_poll(progress: Progress) -> int:
    """A quarter of what is left, within bounds."""
    return min(LONGEST_POLL, max(SHORTEST_POLL, (progress.eta_seconds or 0) // 4))
