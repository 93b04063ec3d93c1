"""System checks. E: something will fail, or cost money twice. W: it works, but not as you would want.

Every hint can be pasted.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.db import connections
from django.utils.module_loading import import_string

from tryon.catalog.base import REQUIRED_METHODS
from tryon.choices import Operation
from tryon.conf import Settings, conf, documented, user_settings
from tryon.providers import build_provider
from tryon.runner.drain import BUDGET_SECONDS
from tryon.storage import photo_storage, result_storage

# a drain works for its budget and then waits for the step that is running: at worst a submit and three downloads
LONGEST_STEP_SECONDS = 185
SHORTEST_TIMEOUT = int(BUDGET_SECONDS) + LONGEST_STEP_SECONDS


@register("tryon")
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    found = list(setting_names())
    if found:  # nothing below can be read safely
        return found
    parts = (_secret_key, _providers, _routes, _catalog, _queue, _cache, _sqlite, _private_storage, _retention, _caps)
    return [message for part in parts for message in part()]


def _secret_key() -> Iterator[CheckMessage]:
    try:
        str(settings.SECRET_KEY)  # an empty one raises
    except ImproperlyConfigured:
        yield Error(
            "SECRET_KEY is empty: cookies, links to pictures and the addresses of webhooks are signed with it.",
            hint='SECRET_KEY = os.environ["SECRET_KEY"]',
            id="tryon.E010",
        )


def setting_names() -> Iterator[CheckMessage]:
    table = documented()
    for name, value in user_settings().items():
        if name not in table:
            near = difflib.get_close_matches(str(name), table, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"Known are: {', '.join(table)}."
            yield Error(f'TRYON has an unknown setting "{name}".', hint=hint, id="tryon.E001")
            continue
        default = vars(Settings)[name]
        kinds: Any = Mapping if isinstance(default, dict) else type(default)
        if not isinstance(value, kinds) or (isinstance(value, bool) and not isinstance(default, bool)):
            hint = f'For example: TRYON = {{"{name}": {default!r}}}'
            yield Error(f'TRYON["{name}"] should be of type {table[name][0]}.', hint=hint, id="tryon.E001")


def _providers() -> Iterator[CheckMessage]:
    ready = []
    for alias, entry in conf.PROVIDERS.items():
        try:
            import_string(entry["BACKEND"])
        except (ImportError, KeyError, TypeError) as error:
            hint = f'"{alias}": {{"BACKEND": "tryon.providers.local.LocalProvider"}}'
            yield Error(f'TRYON["PROVIDERS"]["{alias}"] cannot be loaded: {error}', hint=hint, id="tryon.E002")
            continue
        try:
            provider = build_provider(alias)
        except ImproperlyConfigured as error:
            yield Error(str(error), hint=f'Look at "OPTIONS" of "{alias}".', id="tryon.E003")
            continue
        ready.append(provider)
        for problem in provider.problems():
            yield Warning(f'The provider "{alias}" is not ready: {problem}', id="tryon.W019")
    if ready and not any(provider.leaves_server for provider in ready):
        message = "All previews are made by the built-in engine: free and private, but simpler than a hosted provider."
        if settings.DEBUG:
            if "check" in sys.argv[1:2]:  # said when asked, not before every other command
                yield Info(message, id="tryon.I014")
        else:
            yield Warning(message, hint='Silence with SILENCED_SYSTEM_CHECKS = ["tryon.W014"].', id="tryon.W014")


def _routes() -> Iterator[CheckMessage]:
    operations = [operation.value for operation in Operation]
    for operation, aliases in conf.ROUTES.items():
        if operation not in operations:
            near = difflib.get_close_matches(str(operation), operations, n=1) or operations
            yield Error(
                f'TRYON["ROUTES"] has an unknown operation "{operation}".',
                hint=f'Did you mean "{near[0]}"?',
                id="tryon.E003",
            )
        for alias in aliases:
            if alias not in conf.PROVIDERS:
                yield Error(
                    f'TRYON["ROUTES"]["{operation}"] names "{alias}", which is not in PROVIDERS.',
                    hint=f'Add "{alias}" to TRYON["PROVIDERS"] or take it out of the route.',
                    id="tryon.E003",
                )


def _catalog() -> Iterator[CheckMessage]:
    hint = "Subclass tryon.catalog.ProductCatalog: it has every method."
    try:
        adapter = import_string(conf.CATALOG)
    except ImportError as error:
        yield Error(f'TRYON["CATALOG"] cannot be loaded: {error}', hint=hint, id="tryon.E006")
        return
    missing = [name for name in REQUIRED_METHODS if not callable(getattr(adapter, name, None))]
    if missing:
        yield Error(f"{conf.CATALOG} lacks {', '.join(missing)}.", hint=hint, id="tryon.E006")


def _queue() -> Iterator[CheckMessage]:
    cluster: Mapping[str, Any] = getattr(settings, "Q_CLUSTER", {})
    if not cluster.get("ack_failures") or cluster.get("max_attempts") != 1:
        yield Error(
            "Q_CLUSTER lets django-q2 repeat a failed task by itself.",
            hint='Q_CLUSTER = {..., "ack_failures": True, "max_attempts": 1}',
            id="tryon.E004",
        )
    timeout, retry = cluster.get("timeout"), cluster.get("retry", 60)
    if timeout is None or not SHORTEST_TIMEOUT <= timeout < retry:
        yield Error(
            f"Q_CLUSTER needs {SHORTEST_TIMEOUT} <= timeout < retry (now: timeout {timeout}, retry {retry}): otherwise "
            "a worker is killed, or its task is started a second time, while it is working.",
            hint='Q_CLUSTER = {..., "timeout": 240, "retry": 300}',
            id="tryon.E005",
        )


def _cache() -> Iterator[CheckMessage]:
    backend = str(settings.CACHES.get("default", {}).get("BACKEND", ""))
    if backend.endswith(("LocMemCache", "DummyCache")):
        yield Warning(
            "The default cache is not shared between processes, so the web pages can't see whether a worker is alive.",
            hint='CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", '
            '"LOCATION": "cache"}}, then: python manage.py createcachetable',
            id="tryon.W010",
        )


def _sqlite() -> Iterator[CheckMessage]:
    connection = connections["default"]
    if connection.vendor != "sqlite":
        return
    options: Mapping[str, Any] = connection.settings_dict.get("OPTIONS") or {}
    immediate = str(options.get("transaction_mode", "")).upper() == "IMMEDIATE"
    wal = "journal_mode=wal" in str(options.get("init_command", "")).lower().replace(" ", "")
    if not (immediate and wal):
        yield Warning(
            'SQLite without these options answers "database is locked" when web and worker write at the same time.',
            hint='"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, '
            '"init_command": "PRAGMA journal_mode=WAL;"}',
            id="tryon.W011",
        )


def _private_storage() -> Iterator[CheckMessage]:
    if not str(settings.MEDIA_ROOT):
        return
    public = Path(settings.MEDIA_ROOT).resolve()
    for name, storage in (("PHOTO_STORAGE", photo_storage()), ("RESULT_STORAGE", result_storage())):
        if isinstance(storage, FileSystemStorage):
            place = Path(storage.location).resolve()
            if place == public or public in place.parents:
                yield Warning(
                    f'TRYON["{name}"] keeps pictures of people under MEDIA_ROOT, where anybody may fetch them.',
                    hint='TRYON = {"PRIVATE_ROOT": str(BASE_DIR / "private")}, outside MEDIA_ROOT.',
                    id="tryon.W012",
                )


def _retention() -> Iterator[CheckMessage]:
    for name in ("PHOTO_RETENTION_HOURS", "RESULT_RETENTION_HOURS"):
        if getattr(conf, name) < 1:
            yield Error(
                f'TRYON["{name}"] sets no time after which pictures of people are deleted.',
                hint=f'TRYON = {{"{name}": {vars(Settings)[name]}}}',
                id="tryon.E008",
            )


def _caps() -> Iterator[CheckMessage]:
    """``CAPS`` is the shop's own money: a word that is not understood must not mean "no limit"."""
    scopes = {"shop": ("hour", "day"), "shopper": ("hour", "day"), "providers": tuple(conf.PROVIDERS)}
    for scope, caps in conf.CAPS.items():
        place = f'TRYON["CAPS"]["{scope}"]'
        if scope not in scopes or not isinstance(caps, Mapping):
            yield _misspelt(place, str(scope), scopes)
            continue
        for name, value in caps.items():
            if name not in scopes[scope]:
                yield _misspelt(f'{place}["{name}"]', str(name), scopes[scope])
            elif scope != "providers":
                yield from _amount(f'{place}["{name}"]', value)
            elif not isinstance(value, Mapping) or not set(value) <= {"hour", "day"}:
                yield _misspelt(f'{place}["{name}"]', str(value), ("hour", "day"))
            else:
                yield from (message for key in value for message in _amount(f'{place}["{name}"]["{key}"]', value[key]))
    if conf.CAPS:
        yield from _unknown_prices()


def _misspelt(place: str, name: str, known: Iterable[str]) -> CheckMessage:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"Known are: {', '.join(known)}."
    return Error(f"{place} is not understood.", hint=hint, id="tryon.E009")


def _amount(place: str, value: Any) -> Iterator[CheckMessage]:
    try:
        good = not isinstance(value, bool) and Decimal(str(value)).is_finite() and Decimal(str(value)) >= 0
    except ArithmeticError:
        good = False
    if not good:
        yield Error(f"{place} should be an amount of money.", hint=f"For example: {place} = 50", id="tryon.E009")


def _unknown_prices() -> Iterator[CheckMessage]:
    for alias in conf.PROVIDERS:
        try:
            provider = build_provider(alias)
        except (ImproperlyConfigured, ImportError, KeyError, TypeError):  # the other checks say so
            continue
        if provider.paid and not provider.credit_price:
            yield Warning(
                f'What a credit of "{alias}" costs is not known, so the caps do not hold for it.',
                hint=f'Add "credit_price": "0.05" (in your currency) to TRYON["PROVIDERS"]["{alias}"]["OPTIONS"].',
                id="tryon.W027",
            )
