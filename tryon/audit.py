"""Looks everywhere a shopper's picture could be, and lists what should not be there: the proof that deleting works."""

from __future__ import annotations

import base64
import contextlib
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.db import connection
from django.utils import timezone

from tryon import retention, tasks
from tryon.models import RequestKey, ShareLink, ShopperPhoto, TryOnOutput, TryOnResult, WebhookDelivery
from tryon.storage import photo_storage, result_storage
from tryon.strays import listed, strays

BATCH = 500
SETTLE_SECONDS = 0.5  # a photo whose row is just being written has it by then
SMALLEST = 1024  # bytes; no picture of ours is smaller
PICTURE = re.compile(  # how JPEG, PNG and WebP begin, as they are and in base64
    rb"\xff\xd8\xff[\xdb\xe0-\xef]|\x89PNG\r\n\x1a\n|RIFF....WEBP|/9j/[24]AA|iVBORw0KGgo|UklGR", re.DOTALL
)
NAMED: tuple[tuple[type[Any], str], ...] = (
    (ShopperPhoto, "file"),
    (TryOnOutput, "file"),
    (TryOnOutput, "card"),
    (TryOnOutput, "thumb"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind`` is expired, stray_file, missing_file, in_database, in_queue or in_cache."""

    kind: str
    where: str


@dataclass(slots=True)
class Audit:
    """``looked_at`` counts what was examined; ``not_seen`` names what could not be."""

    findings: list[Finding] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)
    not_seen: list[str] = field(default_factory=list)

    def saw(self, what: str, count: int = 1) -> None:
        self.looked_at[what] = self.looked_at.get(what, 0) + count

    def found(self, kind: str, where: str) -> None:
        self.findings.append(Finding(kind, where))


def audit(*, grace: timedelta = timedelta(0), skip_caches: Iterable[str] = ()) -> Audit:
    """``grace``: how long after its time something may still be here, as the purge runs hourly."""
    told = Audit()
    _expired(told, timezone.now() - grace)
    _files(told)
    _database(told)
    for name, payload in tasks.messages():
        told.saw("queue messages")
        if _has_picture(payload):
            told.found("in_queue", name)
    for alias in settings.CACHES:
        if alias not in set(skip_caches):
            _cache(told, alias)
    return told


def _expired(told: Audit, now: datetime) -> None:
    """By the very rules of the purge: what it would delete now should be gone already."""
    for model, rows in (
        (ShopperPhoto, ShopperPhoto.objects.filter(expires_at__lte=now)),
        (TryOnResult, TryOnResult.objects.filter(expires_at__lte=now)),
    ):
        told.saw("rows", model._default_manager.count())
        for pk in rows.order_by().values_list("pk", flat=True).iterator():
            told.found("expired", f"{model._meta.model_name} {pk}")
    counts = retention.due(now)
    for kind in ("share_links", "consents", "feedback", "funnel", "receipts", "request_keys"):
        if count := getattr(counts, kind):
            told.found("expired", f"{kind}: {count} rows")


def _files(told: Audit) -> None:
    for folder in ("photos", "shares", "results"):
        storage = photo_storage() if folder == "photos" else result_storage()
        folders, names = listed(storage, folder)
        told.saw("files", len(names) + sum(len(listed(storage, f"{folder}/{inner}")[1]) for inner in folders))
    suspects = {stray.name for stray in strays()}
    if suspects:
        time.sleep(SETTLE_SECONDS)
        for name in sorted(suspects & {stray.name for stray in strays()}):
            told.found("stray_file", name)
    for model, field_name in NAMED:
        for row in model._default_manager.only("pk", field_name).iterator(BATCH):
            file = getattr(row, field_name)
            if not file.storage.exists(str(file.name)) and model._default_manager.filter(pk=row.pk).exists():
                told.found("missing_file", f"{model._meta.model_name} {row.pk}: {file.name}")


def _database(told: Audit) -> None:
    """Columns for anything: a picture in base64 would fit."""
    places: list[tuple[Any, str]] = [
        (RequestKey, "answer"),
        (WebhookDelivery, "body"),
        (TryOnResult, "options"),
        (TryOnResult, "fetching"),
        (TryOnResult, "error_params"),
        (TryOnResult, "error_detail"),
    ]
    for model, column in places:
        for pk, value in model._default_manager.order_by().values_list("pk", column).iterator(BATCH):
            told.saw("values")
            if _has_picture(str(value).encode()):
                told.found("in_database", f"{model._meta.model_name}.{column} {pk}")
    told.saw("rows", ShareLink.objects.count() + TryOnOutput.objects.count())


def _has_picture(data: bytes) -> bool:
    return len(data) >= SMALLEST and PICTURE.search(data) is not None


# ---------------------------------------------------------------- caches


def _cache(told: Audit, alias: str) -> None:
    try:
        entries = _entries(caches[alias])
        if entries is None:
            told.not_seen.append(f'CACHES["{alias}"]: {type(caches[alias]).__name__} can not list what it holds')
            return
        for key, value in entries:
            told.saw("cache entries")
            if _has_picture(value):
                told.found("in_cache", f"{alias}: {key}")
    except Exception as error:  # noqa: BLE001 - a cache backend may raise anything
        told.not_seen.append(f'CACHES["{alias}"]: {type(error).__name__}')


def _entries(cache: BaseCache) -> Iterator[tuple[str, bytes]] | None:
    """Names and raw values of all that a cache holds; None for backends that do not say."""
    if isinstance(cache, LocMemCache):
        return ((str(key), value) for key, value in list(cache._cache.items()))  # type: ignore[attr-defined]
    if isinstance(cache, FileBasedCache):
        return _in_files(Path(cache._dir))  # type: ignore[attr-defined]
    if isinstance(cache, DatabaseCache):
        return _in_table(cache._table)  # type: ignore[attr-defined]
    if isinstance(cache, RedisCache):
        return _in_redis(cache._cache.get_client())
    return iter(()) if isinstance(cache, DummyCache) else None


def _in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.glob("*.djcache"):
        with contextlib.suppress(FileNotFoundError, zlib.error):  # ran out meanwhile, or being written
            raw = path.read_bytes()
            yield path.name, zlib.decompress(raw[raw.index(b".", 1) + 1 :]) if b"." in raw[1:] else raw


def _in_table(table: str) -> Iterator[tuple[str, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT cache_key, value FROM {connection.ops.quote_name(table)}")  # noqa: S608 - from settings
        for key, value in cursor.fetchall():
            yield key, base64.b64decode(value)


def _in_redis(client: Any) -> Iterator[tuple[str, bytes]]:
    for key in client.scan_iter(count=1000):
        if client.type(key) == b"string":
            yield key.decode(errors="replace"), client.get(key) or b""
