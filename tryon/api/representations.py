"""The bodies of answers. Plain values, ready for JSON; texts are in the language that is active."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework.request import Request

from tryon import links
from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.models import Garment, PresetModel, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.progress import STAGES, Progress, alt_text

PROGRESS_STEPS = 20  # a poll answers 304 until progress has moved by a twentieth
LINK_REFRESH = links.LIFETIME / 2  # a 304 never leaves a client with a link that is about to run out
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


def tryon_body(result: TryOnResult, progress: Progress, request: Request, *, signed: bool) -> dict[str, Any]:
    """``signed``: picture links work for a few minutes without a cookie."""
    outputs = []
    if result.status == Status.SUCCEEDED:
        outputs = [_output_body(output, result, request, signed=signed) for output in result.outputs.all()]
    return {
        "id": result.pk,
        "status": result.status,
        "stage": progress.stage,
        "progress": progress.progress,
        "eta_seconds": progress.eta_seconds,
        "queue_position": progress.queue_position,
        "created_at": result.created_at,
        "result": outputs[0] if outputs else None,
        "outputs": outputs,
        "error": _error_body(result) if result.is_final and result.error_code else None,
    }


def _output_body(output: TryOnOutput, result: TryOnResult, request: Request, *, signed: bool) -> dict[str, Any]:
    expires_at: datetime | None = links.signed_until() if signed else result.expires_at
    return {
        "url": request.build_absolute_uri(links.picture_url(output, signed=signed)),
        "thumb_url": request.build_absolute_uri(links.picture_url(output, "thumb", signed=signed)),
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


def entity_tag(body: dict[str, Any], *, signed: bool) -> str:
    """A tag that changes with everything in ``body`` that a client acts on.

    Progress counts in twentieths, and the estimate goes with it. Signed links differ in each answer; they count as
    changed every ``LINK_REFRESH``, so that a client that was told "not modified" still holds a link that works.
    """
    lasting: dict[str, Any] = {**body, "progress": int(body["progress"] * PROGRESS_STEPS)}
    del lasting["eta_seconds"]
    if signed and body["outputs"]:
        del lasting["result"]
        lasting["outputs"] = [[o["url"].partition("?")[0], o["width"], o["height"], o["alt"]] for o in body["outputs"]]
        lasting["links"] = int(timezone.now().timestamp() // LINK_REFRESH.total_seconds())
    text = json.dumps([lasting, get_language()], sort_keys=True, default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_current(tag: str, if_none_match: str) -> bool:
    """Whether the client has this body already. Proxies that compress make tags weak; those match too."""
    return any(given == "*" or given.removeprefix("W/") == tag for given in parse_etags(if_none_match))


def seconds_to_next_poll(progress: Progress) -> int:
    """A quarter of what is left, within bounds."""
    return min(LONGEST_POLL, max(SHORTEST_POLL, (progress.eta_seconds or 0) // 4))
