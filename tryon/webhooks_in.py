"""Providers' calls back. They are hints and nothing else: what is true is asked with our own key, by the runner.

The token in the address is checked before the body is read and before the database is touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tryon import tasks
from tryon.choices import Status
from tryon.conf import conf
from tryon.errors import AWAY_SECONDS, DATABASE_AWAY
from tryon.models import LedgerEntry, TryOnResult
from tryon.providers.answers import NotUnderstood, job_id, parse_json
from tryon.runner import clock
from tryon.runner.callbacks import check_token

MAX_BYTES = 1024 * 1024
OFTEN = timedelta(seconds=1)  # a hint that is repeated sooner is none
JOB_FIELDS = ("id", "job_id", "task_id", "generation_id")


@transaction.non_atomic_requests  # else a database that is away is met before we are
@csrf_exempt
@never_cache
@require_POST
def webhook(request: HttpRequest, alias: str, pk: UUID, token: str) -> HttpResponse:
    """200: heard, whatever came of it. 401: not one of our addresses, or its time is over. 503: come again."""
    try:
        attempt = check_token(token, alias, pk)
    except ImproperlyConfigured:  # there is no key to check it with
        return HttpResponse(status=503)
    if attempt is None:
        return HttpResponse(status=401)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BYTES:
        return HttpResponse(status=413)
    try:
        job = _job_of(parse_json(request.body))
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except (NotUnderstood, UnreadablePostError):
        return HttpResponse(status=400)
    try:
        _hint(alias, pk, attempt, job)
    except DATABASE_AWAY:
        return HttpResponse(status=503, headers={"Retry-After": str(AWAY_SECONDS)})
    return HttpResponse(status=200)


def _job_of(body: Any) -> str:
    """The job that an event names, "" when it names none that could be one."""
    for field in JOB_FIELDS:
        value = body.get(field) if isinstance(body, dict) else None
        if value is not None:
            try:
                return job_id(value)
            except NotUnderstood:
                return ""
    return ""


def _is_anothers(job: str, alias: str, pk: UUID, now: datetime) -> bool:
    """Whether a row had that job that is deleted by now: the ledger remembers its call. Rows that are here are found by
    their own constraint. Only so far back as a row may stay uncertain, and as the job of an earlier one may last."""
    since = now - 2 * timedelta(hours=conf.UNCERTAIN_HOURS)
    calls = LedgerEntry.objects.filter(provider=alias, created_at__gte=since, provider_job_id=job)
    return calls.exclude(result_id=pk).exists()


def _hint(alias: str, pk: UUID, attempt: int, job: str) -> None:
    """A row that is under way is looked at now. One whose answer was never seen is told which job may be its own."""
    now = clock.now()
    rows = TryOnResult.objects.filter(pk=pk, provider=alias, attempts=attempt)
    quiet = rows.filter(Q(hinted_at=None) | Q(hinted_at__lt=now - OFTEN))
    heard = quiet.filter(next_at__isnull=False).update(hinted_at=now)
    lost = rows.filter(status=Status.UNCERTAIN.value, provider_job_id="")
    if not heard and job and lost.exists() and not _is_anothers(job, alias, pk, now):
        try:
            with transaction.atomic():
                heard = lost.update(provider_job_id=job, hinted_at=now)
        except IntegrityError:  # another row's job
            return
    if heard:
        tasks.wake()
