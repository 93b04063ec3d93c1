"""Tells the shop's own servers what happened, signed by the rules of Standard Webhooks (standardwebhooks.com).

``record`` writes a row for each endpoint in the transaction of what it tells about, so nothing is told that did not
happen and nothing that happened is forgotten. ``deliver_due`` sends what is due, at least once: a receiver tells
repetitions by the ``webhook-id``. The bodies are thin. They name rows that can be asked for over the API, and never
carry a picture, a link to one, or anything about a person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.dispatch import Signal, receiver
from django.utils import timezone
from django.utils.encoding import force_bytes

from tryon import signals
from tryon.conf import conf
from tryon.models import TryOnOutput, TryOnResult, WebhookDelivery, WebhookEndpoint
from tryon.providers import ssrf
from tryon.providers.base import ProviderError
from tryon.providers.http import HttpClient, Timeouts
from tryon.providers.wire import NETWORK

logger = logging.getLogger("tryon.webhooks")

FINISHED, PUBLISHED, TEST = "tryon.finished", "shot.published", "webhook.test"
EVENTS = (FINISHED, PUBLISHED)

TIMEOUT = Timeouts(connect=5.0, read=15.0, total=15.0)
# After this many seconds and a little more, so that not all come at once, the next attempt: nine in about three days.
RETRY_AFTER = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
JITTER = 0.2
LONGEST_PAUSE = 300  # seconds that an endpoint is left alone after it failed
LEASE = timedelta(seconds=60)  # a sender that is silent for this long has died
BOTH_SECRETS = timedelta(hours=24)  # after a rotation each message is signed with the old secret as well
KEPT = timedelta(days=7)
ONCE_MORE = "to be sent twice"
BATCH, THREADS = 24, 8  # three rounds of timeouts end within the lease


# ---------------------------------------------------------------- what to tell

due = Signal()
"""Sent after the commit of a new row: somebody should call ``deliver_due``."""


@receiver(signals.announced)
def record(sender: type[Any], what: Signal, told: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
    """Write down what the enabled endpoints want to hear about."""
    if what is signals.tryon_finished:
        endpoints = _listening(FINISHED)
        for each in told if endpoints else ():
            tell(FINISHED, _about_tryon(each["result"].pk), endpoints)
    elif what is signals.shot_published:
        endpoints = _listening(PUBLISHED)
        for each in told if endpoints else ():
            tell(PUBLISHED, _about_shot(each["output"].pk), endpoints)


def _listening(event: str) -> list[WebhookEndpoint]:
    enabled = WebhookEndpoint.objects.filter(disabled_at=None)
    return [endpoint for endpoint in enabled if not endpoint.events or event in endpoint.events]


def tell(event: str, data: dict[str, Any] | None, endpoints: list[WebhookEndpoint]) -> list[WebhookDelivery]:
    """A row for each endpoint; none where there is nothing to tell."""
    if data is None:
        return []
    body = json.dumps({"type": event, "timestamp": timezone.now().isoformat(), "data": data}, default=str)
    rows = [WebhookDelivery(endpoint=endpoint, event=event, body=body) for endpoint in endpoints]
    WebhookDelivery.objects.bulk_create(rows)
    transaction.on_commit(lambda: due.send_robust(sender=WebhookDelivery))
    return rows


def send_test(endpoints: Iterable[WebhookEndpoint]) -> list[WebhookDelivery]:
    return tell(TEST, {"hello": "world"}, list(endpoints))


def send_again(deliveries: QuerySet[WebhookDelivery]) -> list[WebhookDelivery]:
    """At once, to those endpoints that are on, with the same ``webhook-id``. Those that will be."""
    again = list(deliveries.filter(endpoint__disabled_at=None))
    WebhookDelivery.objects.filter(pk__in=[row.pk for row in again]).update(next_at=timezone.now())
    WebhookEndpoint.objects.filter(pk__in={row.endpoint_id for row in again}).update(paused_until=None)
    transaction.on_commit(lambda: due.send_robust(sender=WebhookDelivery))
    return again


def send_twice(result: TryOnResult) -> None:
    """What was written down about the end of ``result`` goes out twice: as it may, so that receivers can be tried."""
    deliveries = WebhookDelivery.objects.filter(event=FINISHED, attempts=0, created_at__gte=result.created_at)
    deliveries.filter(body__contains=str(result.pk)).update(last_answer=ONCE_MORE)


def _about_tryon(pk: UUID) -> dict[str, Any] | None:
    row = TryOnResult.objects.filter(pk=pk).select_related("garment").first()
    return (
        None
        if row is None or row.preview_of_id
        else {
            "id": row.pk,
            "operation": row.operation,
            "status": row.status,
            "error": row.error_code or None,
            "product": row.garment.product_ref,
            "variant": row.garment.variant,
            "batch": row.batch_id,
            "created_at": row.created_at.isoformat(),
            "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        }
    )


def _about_shot(pk: UUID) -> dict[str, Any] | None:
    output = TryOnOutput.objects.filter(pk=pk).select_related("result__garment").first()
    return (
        None
        if output is None
        else {
            "id": output.pk,
            "tryon": output.result_id,
            "product": output.result.garment.product_ref,
            "variant": output.result.garment.variant,
        }
    )


# ---------------------------------------------------------------- signing


def secret(endpoint: WebhookEndpoint) -> str:
    """What a receiver checks with. Made from SECRET_KEY each time, so that it is stored nowhere."""
    return f"whsec_{base64.b64encode(_key(settings.SECRET_KEY, endpoint, endpoint.generation)).decode()}"


def rotate(endpoint: WebhookEndpoint) -> str:
    """A new secret. For ``BOTH_SECRETS`` messages are signed with the one before too, however often it is done."""
    now = timezone.now()
    former = {str(generation): until.isoformat() for generation, until in _former(endpoint, now)}
    endpoint.former = {**former, str(endpoint.generation): (now + BOTH_SECRETS).isoformat()}
    endpoint.generation += 1
    endpoint.rotated_at = now
    endpoint.save(update_fields=["generation", "rotated_at", "former"])
    return secret(endpoint)


def change(endpoint: WebhookEndpoint, **changes: Any) -> WebhookEndpoint:
    """``url``, ``description``, ``events``; ``enabled`` switches it on again, or off."""
    enabled = changes.pop("enabled", None)
    if enabled is not None and enabled != (endpoint.disabled_at is None):
        changes |= {"disabled_at": None if enabled else timezone.now(), "disabled_because": ""}
        changes |= {"failures": 0, "paused_until": None}
    for name, value in changes.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=list(changes))
    return endpoint


def signed_headers(delivery: WebhookDelivery, now: datetime) -> dict[str, str]:
    name, stamp = f"msg_{delivery.pk.hex}", str(int(now.timestamp()))
    content = f"{name}.{stamp}.{delivery.body}".encode()
    signatures = [
        base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for key in _keys(delivery.endpoint, now)
    ]
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _keys(endpoint: WebhookEndpoint, now: datetime) -> Iterator[bytes]:
    generations = [endpoint.generation, *(generation for generation, _until in _former(endpoint, now))]
    for project_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        for generation in generations:
            yield _key(project_key, endpoint, generation)


def _former(endpoint: WebhookEndpoint, now: datetime) -> list[tuple[int, datetime]]:
    """Earlier generations that still sign, newest first, and until when."""
    known = [(int(number), datetime.fromisoformat(until)) for number, until in endpoint.former.items()]
    return sorted(((number, until) for number, until in known if until > now), reverse=True)


def _key(project_key: str | bytes, endpoint: WebhookEndpoint, generation: int) -> bytes:
    words = f"tryon.webhook:{endpoint.pk.hex}:{generation}"
    return hmac.new(force_bytes(project_key), words.encode(), hashlib.sha256).digest()


# ---------------------------------------------------------------- sending


def check_address(url: str) -> None:
    """Raises ``ssrf.Refused`` for what may not be an endpoint. Where the name leads is checked at each call."""
    ssrf.parse(url, plain=conf.ALLOW_PRIVATE_HOSTS, any_port=conf.ALLOW_PRIVATE_HOSTS)


def any_due(now: datetime | None = None) -> bool:
    return bool(_due(now or timezone.now()).exists())


def _due(now: datetime) -> Any:
    paused = Q(endpoint__paused_until__isnull=True) | Q(endpoint__paused_until__lte=now)
    return WebhookDelivery.objects.filter(paused, next_at__lte=now, endpoint__disabled_at=None)


def deliver_due() -> int:
    """Send one batch; how many were tried. No transaction is open while the network is used."""
    claimed = _claim(timezone.now())
    if claimed:
        with ThreadPoolExecutor(min(THREADS, len(claimed)), thread_name_prefix="tryon-webhook") as pool:
            answers = list(pool.map(_send, claimed))
        for delivery, answer in zip(claimed, answers, strict=True):
            _settle(delivery, answer)
    return len(claimed)


def _claim(now: datetime) -> list[WebhookDelivery]:
    """Due rows, now ours: the attempt is counted and the next one put off before anything is sent.

    An endpoint that failed the last time gets one row, to see whether it is back.
    """
    with transaction.atomic():
        locked = _due(now).select_for_update(skip_locked=True, of=("self",))
        rows: list[WebhookDelivery] = []
        tried: set[UUID] = set()
        for row in locked.select_related("endpoint").order_by("next_at")[:BATCH]:
            if not row.endpoint.failures or row.endpoint_id not in tried:
                rows.append(row)
            tried.add(row.endpoint_id)
        WebhookDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            attempts=F("attempts") + 1, next_at=now + LEASE
        )
    for row in rows:
        row.attempts += 1
    return rows


@dataclass(frozen=True, slots=True)
class Heard:
    """How an attempt went. ``status`` 0: there was no answer. ``wait``: the seconds that the receiver asks for."""

    words: str
    status: int = 0
    wait: int = 0


def _send(delivery: WebhookDelivery) -> Heard:
    """In a thread, without the database."""
    headers = {**signed_headers(delivery, timezone.now()), "Content-Type": "application/json"}
    url = delivery.endpoint.url
    try:
        check_address(url)
        parts = urlsplit(url)
        server = f"{parts.scheme}://{parts.netloc}"
        client = HttpClient(
            server,
            headers=headers,
            timeouts=TIMEOUT,
            allow_private_hosts=conf.ALLOW_PRIVATE_HOSTS,
            network=NETWORK,
        )
    except ssrf.Refused as error:
        return Heard(f"the address was refused: {error}")
    try:
        answer = client.send("POST", url[len(server) :], body=delivery.body.encode())
        return Heard(f"HTTP {answer.status}", answer.status, answer.retry_after or 0)
    except ProviderError as error:
        return Heard(error.detail)


def _settle(delivery: WebhookDelivery, heard: Heard) -> None:
    """Write down how it went, unless another sender took the row over in the meantime."""
    now = timezone.now()
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    outcome: Mapping[str, Any] = {"last_answer": heard.words[:200]}
    if 200 <= heard.status < 300:
        again = now if delivery.last_answer == ONCE_MORE else None
        if mine.update(**outcome, delivered_at=now, next_at=again):
            endpoint.exclude(failures=0).update(failures=0, paused_until=None)
    elif heard.status == 410:
        mine.update(**outcome, next_at=None)
        endpoint.filter(disabled_at=None).update(disabled_at=now, disabled_because="It answered 410 Gone.")
        logger.warning("webhook %s answered 410 and is switched off", delivery.endpoint_id)
    else:
        tries = delivery.attempts
        again = now + timedelta(seconds=_pause(tries, heard)) if tries <= len(RETRY_AFTER) else None
        if mine.update(**outcome, next_at=again):
            pause = max(heard.wait, min(LONGEST_PAUSE, 5 * 2 ** min(delivery.endpoint.failures, 10)))
            endpoint.update(failures=F("failures") + 1, paused_until=now + timedelta(seconds=pause))
        logger.warning("webhook %s failed: %s", delivery.endpoint_id, outcome["last_answer"])


def _pause(tries: int, heard: Heard) -> float:
    return max(heard.wait, RETRY_AFTER[tries - 1] * random.uniform(1, 1 + JITTER))  # noqa: S311 - no secret


def purge(now: datetime | None = None) -> int:
    """Delete what was told, or given up, some days ago."""
    old = WebhookDelivery.objects.filter(next_at=None, created_at__lte=(now or timezone.now()) - KEPT)
    return old.delete()[0]
