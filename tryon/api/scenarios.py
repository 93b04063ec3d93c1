"""Made-up outcomes for developers of apps: ``X-TryOn-Scenario`` on ``POST tryons/``, only while DEBUG is on.

Everything else about the request must be right: it is judged first.

=====================  ==========================================================================
``slow``               waits twenty seconds in the queue first
``timeout``            nobody takes it, and its deadline passes after five seconds
``fail:<code>``        is over at once, failed with that code, for example ``fail:no_person``
``blocked``            is over at once, refused by content rules
``duplicate-webhook``  is over at once, failed, and its webhook comes twice with the same ``webhook-id``
``429``                the day's previews are used up
``503``                the queue is too long
``refuse:<code>``      is refused with that code, for example ``refuse:image_too_small``; on ``POST photos/`` too
=====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from tryon import webhooks
from tryon.admission import Admitted
from tryon.choices import Status
from tryon.conf import conf
from tryon.errors import ERRORS, TryOnError
from tryon.models import TryOnResult
from tryon.runner.claim import end

HEADER = "X-TryOn-Scenario"
PLAYED = ("fail", "slow", "timeout", "blocked", "duplicate-webhook")


SAMPLES: dict[str, Any] = {"limit": 256, "minutes": 2, "time": "00:00", "why": "…"}
WAITS = (409, 429, 503)  # answers that may come with Retry-After


def asked_for(request: Request) -> str:
    return request.headers.get(HEADER, "") if settings.DEBUG else ""


def refuse(request: Request) -> None:
    """Raise the refusal that the request's header asks for, if any."""
    kind, _colon, code = asked_for(request).partition(":")
    if kind != "refuse":
        return
    if code not in ERRORS:
        raise ValidationError({HEADER: ["There is no such code."]})
    wait = {"retry_after": 60} if ERRORS[code].status in WAITS else {}
    raise TryOnError(code, "scenario", **SAMPLES, **wait)


def played(request: Request, start: Callable[[], Admitted]) -> Admitted:
    """``start()``, with the outcome that the request's header asks for."""
    name = asked_for(request)
    if not name:
        return start()
    refuse(request)
    if name == "429":
        raise TryOnError("quota_shopper", "scenario", limit=conf.DAILY_LIMIT, time="00:00", retry_after=60)
    if name == "503":
        raise TryOnError("busy", "scenario", minutes=1, retry_after=60)
    kind, _colon, code = name.partition(":")
    if kind not in PLAYED or (kind == "fail" and code not in ERRORS):
        raise ValidationError({HEADER: [f"Use {', '.join(PLAYED[1:])}, 429, 503, fail:<code> or refuse:<code>."]})
    with transaction.atomic():  # no runner sees the row before its fate is in it
        admitted = start()
        if not admitted.replayed:
            _play(admitted.result, kind, code)
    admitted.result.refresh_from_db()
    return admitted


def _play(result: TryOnResult, kind: str, code: str) -> None:
    now = timezone.now()
    row = TryOnResult.objects.filter(pk=result.pk)
    if kind == "slow":
        row.update(next_at=now + timedelta(seconds=20))
    elif kind == "timeout":
        row.update(next_at=now + timedelta(days=1), deadline_at=now + timedelta(seconds=5))
    elif kind == "blocked":
        # by the way that a refusal takes: it was claimed, and the provider said no
        row.move(Status.SUBMITTING, started_at=now)
        end(result, Status.BLOCKED, error_code="content_blocked")
    else:
        end(result, Status.FAILED, error_code=code or "provider_down")
        if kind == "duplicate-webhook":
            webhooks.send_twice(result)
