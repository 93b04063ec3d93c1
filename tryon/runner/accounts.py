"""Pace and health of the providers' accounts, known to every process through one small row each.

``reserve_times`` keeps rate and concurrency: a strict sliding window of reserved send times. ``record`` keeps the
circuit breaker: open after ``ROW`` failures in a row or when half of the last ``SAMPLE`` failed; then one trial.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from tryon.choices import Status
from tryon.conf import conf
from tryon.models import ProviderAccount, TryOnResult
from tryon.providers.base import Provider

logger = logging.getLogger("tryon.runner")

MARGIN = 1.02  # of the period: our clock and theirs, and the way there
HORIZON = 2.0  # seconds ahead that send times are reserved
LEAD_SECONDS = 0.25  # a request with a time of its own is made this long before it leaves
ROW, SAMPLE = 5, 20
OPEN_SECONDS, OPEN_AGAIN_SECONDS = 60.0, 90.0
JITTER = 0.1
TRIAL = timedelta(seconds=90)  # how long the one that tries may take
LONGEST_PAUSE = 600.0
SHUT = timedelta(minutes=15)  # without key or credit; sooner when the balance says so
FAR = datetime(9999, 1, 1, tzinfo=UTC)
CONFIG = "config: "


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an account may be called: not before ``until``, because. ``trial``: then one call first."""

    until: datetime | None = None
    because: str = ""
    trial: bool = False
    failures: int = 0  # in a row

    @property
    def shut(self) -> bool:
        """Nothing will change by waiting a little: no key, no credit, switched off."""
        return self.until == FAR or self.because.startswith(CONFIG)


OPEN = Standing()


def standing(account: ProviderAccount, now: datetime) -> Standing:
    if account.stopped:
        return Standing(FAR, "switched off by staff")
    if account.paused_until and account.paused_until > now:
        return Standing(account.paused_until, account.paused_because)
    if account.open_until:
        because = f"circuit open: {account.last_error[:150]}"
        return Standing(max(account.open_until, now), because, trial=True, failures=account.failures)
    return Standing(failures=account.failures)


def standings(now: datetime) -> dict[str, Standing]:
    """Of every account about which something is known. One query of a few rows."""
    return {account.alias: standing(account, now) for account in ProviderAccount.objects.all()}


def lock(alias: str) -> ProviderAccount:
    """The account, locked until the end of the transaction."""
    rows = ProviderAccount.objects.select_for_update().filter(alias=alias)
    found = rows.first()
    if found is None:
        try:
            with transaction.atomic():
                ProviderAccount.objects.create(alias=alias)
        except IntegrityError:  # another process made it
            pass
        found = rows.get()
    return found


# ---------------------------------------------------------------- pace


def is_limited(provider: Provider) -> bool:
    return bool(provider.rate or provider.concurrency)


def in_flight(alias: str) -> int:
    begun = (Status.SUBMITTING.value, Status.PROCESSING.value)
    return TryOnResult.objects.live().filter(provider=alias, status__in=begun).count()


def has_company() -> bool:
    """Whether other drains may send to the same accounts."""
    return conf.DRAINS > 1


def free_times(account: ProviderAccount, provider: Provider, wanted: int, now: datetime) -> tuple[list[float], float]:
    """Up to ``wanted`` times (seconds since the epoch) when a submit may leave, and how long until there are more.

    The account is locked; ``keep_times`` writes those that are used.
    """
    if provider.concurrency:
        wanted = min(wanted, provider.concurrency - in_flight(provider.alias))
    if wanted <= 0:
        return [], 0.0
    if not provider.rate:
        return [now.timestamp()] * wanted, 0.0
    calls, period = provider.rate.calls, provider.rate.seconds * MARGIN
    log = [float(when) for when in account.sent][-calls:]
    # where other processes count on a narrow margin there must be time to get ready
    lead = LEAD_SECONDS if has_company() and period - provider.rate.seconds < LEAD_SECONDS else 0.0
    times: list[float] = []
    while len(times) < wanted:
        when = max(now.timestamp() + lead, log[-1] if log else 0.0)
        if len(log) >= calls:
            when = max(when, log[-calls] + period)
        if when > now.timestamp() + HORIZON:
            return times, when - now.timestamp() - HORIZON
        times.append(when)
        log.append(when)
    return times, 0.0


def keep_times(account: ProviderAccount, provider: Provider, used: Iterable[float]) -> None:
    if provider.rate:
        account.sent = [*account.sent, *(round(when, 4) for when in used)][-provider.rate.calls :]
        account.save(update_fields=["sent", "updated_at"])


# ---------------------------------------------------------------- health


def record(alias: str, answers: Iterable[bool], why: str, now: datetime) -> None:
    """What came of calls: True for every answer, also one that refuses a picture; False when the provider failed."""
    with transaction.atomic():
        account = lock(alias)
        for answered in answers:
            if answered:
                _answered(account)
            else:
                _failed(account, why, now)
        account.save()


def _answered(account: ProviderAccount) -> None:
    account.failures = 0
    if account.open_until:
        account.open_until, account.trial, account.outcomes = None, None, []
        logger.warning("provider %s answers again", account.alias)
    account.outcomes = [*account.outcomes, True][-SAMPLE:]


def _failed(account: ProviderAccount, why: str, now: datetime) -> None:
    account.last_error, account.last_error_at = why[:300], now
    account.failures += 1
    if account.open_until:
        if account.trial is None:
            return  # sent before it opened
        account.trial = None
        account.open_until = now + _jittered(OPEN_AGAIN_SECONDS)
        return
    account.outcomes = [*account.outcomes, False][-SAMPLE:]
    half = len(account.outcomes) == SAMPLE and account.outcomes.count(False) * 2 >= SAMPLE
    if account.failures >= ROW or half:
        account.open_until, account.outcomes = now + _jittered(OPEN_SECONDS), []
        logger.error("provider %s: circuit open: %s", account.alias, why[:200])


def take_trial(alias: str, row: UUID, now: datetime) -> bool:
    """True for the one process that may try whether the provider is back."""
    ready = ProviderAccount.objects.filter(alias=alias, open_until__lte=now)
    return bool(ready.update(trial=row, open_until=now + TRIAL))


def pause(alias: str, seconds: float, because: str, now: datetime) -> None:
    """The provider asked for quiet: everybody keeps it."""
    until = now + timedelta(seconds=min(LONGEST_PAUSE, max(1.0, seconds)))
    with transaction.atomic():
        account = lock(alias)
        if account.paused_until is None or account.paused_until < until:
            account.paused_until, account.paused_because = until, because[:200]
            account.save(update_fields=["paused_until", "paused_because", "updated_at"])


def shut(alias: str, why: str, now: datetime) -> None:
    """The account itself was refused: no key, no credit. Until its balance is seen, or one call after a while."""
    with transaction.atomic():
        account = lock(alias)
        if account.paused_until and account.paused_until > now and account.paused_because.startswith(CONFIG):
            return
        account.paused_until = account.open_until = now + SHUT
        account.paused_because = f"{CONFIG}{why}"[:200]
        account.last_error, account.last_error_at, account.trial = why[:300], now, None
        account.save()
        logger.error("provider %s refused the account: %s", alias, why[:200])


def reopen(alias: str) -> None:
    """Staff, or its balance, say that it works again."""
    ProviderAccount.objects.filter(alias=alias).update(
        stopped=False, paused_until=None, paused_because="", open_until=None, trial=None, failures=0, outcomes=[]
    )


def _jittered(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
