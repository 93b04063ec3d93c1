"""What ``tryon_doctor`` looks at. Each look gives lines; a line that is not ok says what to run next."""

from __future__ import annotations

import struct
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from tryon import alerts, local_engine, tasks
from tryon.condition import Health
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.garments import picture_limits
from tryon.images.intake import intake
from tryon.models import Mark, ProviderAccount, WorkerSlot
from tryon.providers import get_provider, provider_aliases
from tryon.providers.base import Provider
from tryon.providers.hosted import HostedProvider
from tryon.runner import balances
from tryon.storage import garment_storage, photo_storage, result_storage

OK, WARN, FAIL = "ok", "warn", "fail"
SKEW_SECONDS = 5.0
MIGRATE = "python manage.py migrate"
SETUP = "python manage.py tryon_setup"


@dataclass(frozen=True, slots=True)
class Line:
    area: str
    state: str
    words: str
    todo: str = ""


Look = Callable[[], Iterator[Line]]


def examine(*, provider: str = "", online: bool = False) -> list[Line]:
    """Everything, or with ``provider`` only what concerns that one. ``online`` also asks the providers for balances."""
    aliases = [provider] if provider else provider_aliases()
    looks: list[Look] = [lambda: _providers(aliases, online=online)]
    if not provider:
        looks = [
            _settings,
            _database,
            _clock,
            _cache,
            _worker,
            _schedules,
            _purge,
            _storages,
            _decoder,
            _extras,
            *looks,
        ]
        looks.append(_warnings)
    found: list[Line] = []
    for look in looks:
        try:
            found += look()
        except DatabaseError as error:
            found.append(
                Line("database", FAIL, f"it answers with {type(error).__name__}", f"Look at DATABASES; {MIGRATE}")
            )
            break
    return found


# ---------------------------------------------------------------- the project


def _settings() -> Iterator[Line]:
    problems = [message for message in checks.run_checks(tags=["tryon"]) if not message.is_silenced()]
    for message in problems:
        if message.level >= checks.WARNING:
            state = FAIL if message.level >= checks.ERROR else WARN
            yield Line("settings", state, f"{message.id}: {message.msg}", str(message.hint or ""))
    if not any(message.level >= checks.WARNING for message in problems):
        yield Line("settings", OK, "nothing to complain of")


def _database() -> Iterator[Line]:
    executor = MigrationExecutor(connection)
    wanted = [node for node in executor.loader.graph.leaf_nodes() if node[0] in ("tryon", "django_q")]
    missing = executor.migration_plan(wanted)
    if missing:
        yield Line("database", FAIL, f"{len(missing)} migrations are not applied", MIGRATE)
    else:
        yield Line("database", OK, f"{connection.vendor}, all migrations applied")


def _clock() -> Iterator[Line]:
    if connection.vendor != "postgresql":
        yield Line("clock", OK, "the database is on this machine")
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        skew = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    words = f"{skew:.1f} s from the database's"
    if skew > SKEW_SECONDS:
        yield Line("clock", WARN, words, "Let NTP keep the clocks of all machines.")
    else:
        yield Line("clock", OK, words)


def _cache() -> Iterator[Line]:
    key, value = f"tryon-doctor-{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        cache.set(key, value, 30)
        kept = cache.get(key) == value
        cache.delete(key)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        yield Line("cache", FAIL, f"it answers with {type(error).__name__}", "Look at CACHES in the settings.")
        return
    if kept:
        yield Line("cache", OK, "keeps what it is given")
    else:
        yield Line("cache", WARN, "forgets at once", "Choose a cache that is shared by all processes: CACHES.")


def _worker() -> Iterator[Line]:
    now, start = timezone.now(), "python manage.py qcluster"
    silent = alerts.worker_silence(now)
    seen = alerts.marked(Mark.WORKER)
    running = WorkerSlot.objects.filter(until__gt=now).exclude(owner="").count()
    if silent:
        yield Line("worker", FAIL, f"none has been seen for {silent.total_seconds():.0f} s", start)
    elif running:
        yield Line("worker", OK, f"{running} at work")
    elif seen:
        yield Line("worker", OK, f"seen {(now - seen).total_seconds():.0f} s ago")
    else:
        yield Line("worker", WARN, "none has been seen yet", start)


def _schedules() -> Iterator[Line]:
    missing = tasks.install_schedules(dry_run=True)
    if missing:
        yield Line("schedules", FAIL, f"missing: {', '.join(missing)}", f"{SETUP} --only schedules")
    else:
        yield Line("schedules", OK, "all there")


def _purge() -> Iterator[Line]:
    done = alerts.marked(Mark.PURGE)
    if done is None:
        yield Line("purge", WARN, "has not run yet", "python manage.py tryon_purge")
        return
    hours = (timezone.now() - done).total_seconds() / 3600
    late = hours * 3600 > alerts.PURGE_LATE.total_seconds()
    yield Line("purge", FAIL if late else OK, f"ran {hours:.1f} h ago", "python manage.py tryon_purge" if late else "")


def _warnings() -> Iterator[Line]:
    """What the watchdog would tell now, but for what stands above."""
    above = ("no_worker", "purge_late", "provider_stopped", "drift")
    for found in alerts.findings():
        if found.kind not in above:
            yield Line("alerts", WARN, found.words, found.todo)


# ---------------------------------------------------------------- files


def _storages() -> Iterator[Line]:
    people = (("PHOTO_STORAGE", photo_storage()), ("RESULT_STORAGE", result_storage()))
    for name, storage in (*people, ("GARMENT_STORAGE", garment_storage())):
        yield _tried(name, storage)
    for name, storage in people:
        if public := _public_place(storage):
            yield Line("privacy", FAIL, f"{name} lies inside {public}, which the web server gives to anybody",
                       'TRYON = {"PRIVATE_ROOT": str(BASE_DIR / "private")}')  # fmt: skip
        elif getattr(storage, "querystring_auth", True) is False or "public" in str(
            getattr(storage, "default_acl", "") or ""
        ):
            yield Line("privacy", FAIL, f"{name} is a bucket with public addresses",
                       'STORAGES: "OPTIONS": {"querystring_auth": True, "default_acl": None}')  # fmt: skip
        else:
            yield Line("privacy", OK, f"{name} is not public")


def _tried(name: str, storage: Storage) -> Line:
    data = uuid.uuid4().bytes
    try:
        stored = storage.save(f"doctor/{uuid.uuid4().hex}.bin", ContentFile(data))
        with storage.open(stored) as stream:
            same = stream.read() == data
        storage.delete(stored)
        gone = not storage.exists(stored)
    except Exception as error:  # noqa: BLE001 - each storage has errors of its own
        todo = f'Look at STORAGES["{getattr(conf, name)}"], and at the rights on the folder.'
        return Line("storage", FAIL, f"{name}: {type(error).__name__}", todo)
    if not (same and gone):
        return Line("storage", FAIL, f"{name} does not {'delete' if same else 'keep'} what it is given", "")
    return Line("storage", OK, f"{name}: written, read, deleted")


def _public_place(storage: Storage) -> str:
    if not isinstance(storage, FileSystemStorage):
        return ""
    place = Path(storage.location).resolve()
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        root = str(getattr(settings, name, "") or "")
        public = Path(root).resolve()
        if root and (place == public or public in place.parents):
            return name
    return ""


def _decoder() -> Iterator[Line]:
    began = time.monotonic()
    try:
        intake(_png(), limits=picture_limits())
    except TryOnError as error:
        yield Line("decoder", FAIL, f"{error.code} {error.detail}", "pip install --upgrade pillow")
        return
    yield Line("decoder", OK, f"a picture was decoded in {time.monotonic() - began:.1f} s, in a process of its own")


def _png(side: int = 320) -> bytes:
    """A small picture with something on it."""
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(side)) for y in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _extras() -> Iterator[Line]:
    heif = find_spec("pi_heif") is not None
    words = "HEIC photos are read" if heif else 'HEIC photos are refused (pip install "django-tryon[heif]" reads them)'
    yield Line("extras", OK, words)
    yield Line("fonts", OK, "none are needed")
    folders = {
        str(entry.get("OPTIONS", {}).get("models_dir") or "")
        for entry in conf.PROVIDERS.values()
        if str(entry.get("BACKEND", "")).endswith(".LocalProvider")
    }
    for folder in sorted(folders):
        missing = local_engine.models_missing(folder or None)
        if missing:
            yield Line("extras", FAIL, f"the local engine lacks {', '.join(missing)}", f"{SETUP} --only models")
        else:
            yield Line("extras", OK, "the local engine has its model files")


# ---------------------------------------------------------------- providers


def _providers(aliases: list[str], *, online: bool) -> Iterator[Line]:
    for alias in aliases:
        area = f"provider {alias}"
        try:
            provider = get_provider(alias)
        except ImproperlyConfigured as error:
            yield Line(area, FAIL, str(error), f'Look at TRYON["PROVIDERS"]["{alias}"].')
            continue
        for problem in provider.problems():
            yield Line(area, FAIL, problem, f"python manage.py tryon_run --provider {alias} …")
        if isinstance(provider, HostedProvider):
            yield Line(area, OK, "a key is present; it is never printed")
        account = ProviderAccount.objects.filter(alias=alias).first()
        if account:
            yield from _standing(area, account)
        if provider.paid:
            yield _balance(area, provider, online=online)
        elif not provider.problems():
            yield Line(area, OK, "ready; it costs nothing")


def _standing(area: str, account: ProviderAccount) -> Iterator[Line]:
    health = Health(account)
    word, tone, why = health.state
    state = {"good": OK, "note": WARN, "quiet": WARN}.get(tone, FAIL)
    if not health.problems:
        todo = "" if state == OK else "Resume it on its page in the admin, or wait until it is tried again."
        yield Line(area, state, f"{word}: {why}" if why else word, todo)
    if account.drift and account.drift > 0:
        yield Line(area, WARN, f"{account.drift.normalize():f} credits are gone that the ledger does not know of",
                   "Compare the ledger in the admin with the provider's own list of calls.")  # fmt: skip


def _balance(area: str, provider: Provider, *, online: bool) -> Line:
    if not online:
        return Line(area, OK, "balance not asked (--online asks it)")
    told, why = balances.told(provider.alias)
    if told is None:
        if not why:
            return Line(area, OK, "it tells no balance")
        return Line(area, FAIL, f"no balance: {why}", "Look at its key and its status page.")
    words = f"{told.credits:,g} credits left"
    return Line(area, OK, words) if told.credits > 0 else Line(area, FAIL, words, "Buy credits at the provider.")
