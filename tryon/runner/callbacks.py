"""Addresses that a provider calls when a job is done. Each holds a secret of its own, so that only it can be a hint.

The token is ``<attempt>-<time>-<mac>``: an HMAC with SECRET_KEY over alias, row, attempt and time. It can be checked
without the database, and a rotated key goes on working through SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import re
import time
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from tryon.conf import conf
from tryon.models import TryOnResult
from tryon.providers.base import Provider

SALT = "tryon.runner.callbacks"
EARLY_SECONDS = 300  # clocks of two of our machines may differ
TOKEN = re.compile(r"(\d{1,5})-(\d{1,12})-([0-9a-f]{64})")


def webhook_url(row: TryOnResult, provider: Provider) -> str:
    """Where this attempt's provider may call back; "" when the app can't be reached from outside."""
    if not conf.PUBLIC_URL or not provider.leaves_server:
        return ""
    token = make_token(provider.alias, row.pk, row.attempts, int(time.time()))
    return f"{conf.PUBLIC_URL.rstrip('/')}/webhooks/{provider.alias}/{row.pk}/{token}/"


def make_token(alias: str, pk: UUID, attempt: int, made: int) -> str:
    return f"{attempt}-{made}-{_mac(alias, pk, attempt, made, settings.SECRET_KEY)}"


def check_token(token: str, alias: str, pk: UUID, now: float | None = None) -> int | None:
    """The attempt that ``token`` was made for; None for a forged one, or one whose time is over."""
    match = TOKEN.fullmatch(token)
    if match is None:
        return None
    attempt, made = int(match[1]), int(match[2])
    good = False
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        good |= constant_time_compare(match[3], _mac(alias, pk, attempt, made, key))
    age = (time.time() if now is None else now) - made
    return attempt if good and -EARLY_SECONDS <= age <= lifetime() else None


def lifetime() -> float:
    """A webhook may come as long as an uncertain call is waited for, and a shot may take its day before."""
    return (conf.UNCERTAIN_HOURS + 25) * 3600.0


def _mac(alias: str, pk: UUID, attempt: int, made: int, key: str | bytes) -> str:
    return salted_hmac(SALT, f"{alias}:{pk.hex}:{attempt}:{made}", secret=key, algorithm="sha256").hexdigest()
