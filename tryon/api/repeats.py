"""``Idempotency-Key``: one key of one shopper is one request, however often and however fast it is sent.

The key is written down before the work begins and the answer when it is there, so a repetition gets the very same
answer; one that comes while the first is running gets a 409, one with another content a 422. A request that was
refused left nothing behind and forgets its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from tryon.api.authentication import Visitor
from tryon.errors import TryOnError
from tryon.models import RequestKey, Shopper

ABANDONED = timedelta(seconds=60)  # a first request that is silent for this long died with its server process


def once(
    visitor: Visitor, key: str, wish: dict[str, Any], work: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """(answer, whether it is a repetition). ``work`` gives an answer that JSON can hold.

    Without a key the same wish within a few seconds is one, see ``admission``.
    """
    shopper = visitor.shopper_of(key)
    if shopper is None or not key:
        return work(), False
    claimed = _claim(shopper, key, fingerprint(wish))
    if claimed.answer:
        return json.loads(claimed.answer), True
    try:
        answer = work()
    except BaseException:
        visitor.undo()  # while the key is ours
        claimed.delete()
        raise
    RequestKey.objects.filter(pk=claimed.pk).update(answer=json.dumps(answer))
    return answer, False


def fingerprint(wish: dict[str, Any]) -> str:
    """Of what was asked for, whichever form it came in."""
    plain = {name: _digest(value) if isinstance(value, UploadedFile) else value for name, value in wish.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _digest(file: UploadedFile[Any]) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _claim(shopper: Shopper, key: str, wanted: str) -> RequestKey:
    """The key's row: new and ours, or with the answer that was given. Raises what else there is to say."""
    try:
        with transaction.atomic():
            return RequestKey.objects.create(shopper=shopper, key=key, fingerprint=wanted)
    except IntegrityError:
        row = RequestKey.objects.filter(shopper=shopper, key=key).first()
    if row is None or (not row.answer and row.fingerprint == wanted):  # None: it was refused a moment ago
        if row is None or not _taken_over(row):
            raise TryOnError("idempotency_conflict", retry_after=1)
        return row
    if row.fingerprint != wanted:
        raise TryOnError("idempotency_mismatch")
    return row


def _taken_over(row: RequestKey) -> bool:
    now = timezone.now()
    silent = RequestKey.objects.filter(pk=row.pk, answer="", started_at__lte=now - ABANDONED)
    return bool(silent.update(started_at=now))
