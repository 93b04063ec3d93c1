"""What an operator should know without looking: found by the watchdog, told as a signal and, if wanted, by mail.

findings(now)   what is wrong now
check(now)      once a minute over all processes: look, remember, and tell each cause at most every 15 minutes
holding(now)    what the last checks found, for the pages
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.mail import mail_admins
from django.db import IntegrityError, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.caps import DAY, HOUR, MICRO, Counter, window_start
from tryon.choices import Status
from tryon.conf import conf
from tryon.errors import ERRORS, NextStep
from tryon.models import Alert, Mark, ProviderAccount, ShopperPhoto, TryOnResult
from tryon.providers.http import ADDRESS_REFUSED
from tryon.runner.claim import any_drain_alive
from tryon.signals import send_after_commit, tryon_alert

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

logger = logging.getLogger("tryon.alerts")

CHECK_EVERY = timedelta(seconds=50)
TELL_EVERY = timedelta(minutes=15)
HOLDS_FOR = timedelta(minutes=5)  # a cause not seen for longer is over
SAMPLE, LOWEST_SUCCESS = 20, 0.8
SAMPLE_AGE = timedelta(hours=6)
REFUSED_AGE = timedelta(hours=1)
LONGEST_WAIT = timedelta(minutes=5)
WORKER_PATIENCE = timedelta(minutes=1)
WORKER_SILENCE = timedelta(minutes=5)
PURGE_LATE = timedelta(hours=26)


_WORDS: Mapping[str, tuple[_StrPromise, _StrPromise]] = {
    "budget_80": (
        _("%(percent)s %% of the budget of %(scope)s is used."),
        _("Raise it in TRYON['CAPS'], or wait: it starts anew by itself."),
    ),
    "budget_100": (
        _("The budget of %(scope)s is used up; the try-on button is closed or another provider works."),
        _("Raise it in TRYON['CAPS'], or wait: it starts anew by itself."),
    ),
    "success_rate": (
        _("Only %(percent)s %% of the last %(number)s try-ons succeeded; most failed with “%(code)s”."),
        _("Run: python manage.py tryon_doctor --online"),
    ),
    "oldest_waiting": (
        _("A shopper has been waiting for %(minutes)s minutes."),
        _("Start more workers: python manage.py qcluster"),
    ),
    "no_worker": (_("No worker has been seen for %(minutes)s minutes."), _("Run: python manage.py qcluster")),
    "purge_late": (
        _("Photos and previews were last deleted on time %(hours)s hours ago."),
        _("Run: python manage.py tryon_purge"),
    ),
    "provider_stopped": (
        _("The provider “%(provider)s” is stopped: %(because)s"),
        _("Run: python manage.py tryon_doctor --online --provider %(provider)s"),
    ),
    "result_refused": (
        _("“%(provider)s” gave addresses of pictures that were refused, %(number)s in the last hour."),
        _("Look at the newest failed previews: their provider may have moved its files, or somebody speaks for it."),
    ),
    "drift": (
        _("The balance of “%(provider)s” fell by %(credits)s credits more than the ledger says."),
        _("Compare the ledger with the provider's own list of calls."),
    ),
}
KINDS = tuple(_WORDS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``cause`` is the same as long as it is the same thing."""

    kind: str
    about: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        return f"{self.kind}:{self.about}" if self.about else self.kind

    @property
    def words(self) -> str:
        return str(_WORDS[self.kind][0]) % self.params

    @property
    def todo(self) -> str:
        return str(_WORDS[self.kind][1]) % self.params


# ---------------------------------------------------------------- looking


def findings(now: datetime | None = None) -> list[Finding]:
    now = now or timezone.now()
    looks = (_budgets, _success, _refused, _oldest, _worker, _purge, _providers)
    return [found for look in looks for found in look(now)]


def _budgets(now: datetime) -> Iterator[Finding]:
    for scope, name, window, limit in _caps():
        counter = Counter(0, scope, window, window_start(window, now))
        known = counter.row.values_list("micros", flat=True).first()
        used = (counter.counted() if known is None else known) * MICRO
        share = used / limit
        if share >= Decimal("0.8"):
            params = {"percent": int(share * 100), "scope": f"{name}/{window}"}
            yield Finding("budget_100" if share >= 1 else "budget_80", f"{name}/{window}", params)


def _caps() -> Iterator[tuple[str, str, str, Decimal]]:
    """(scope of the counter, its name, window, limit) of every cap that is set for all shoppers together."""
    places = [("shop", "shop", conf.CAPS.get("shop", {}))]
    places += [(f"provider:{alias}", alias, caps) for alias, caps in conf.CAPS.get("providers", {}).items()]
    for scope, name, caps in places:
        for window in (HOUR, DAY):
            limit = Decimal(str(caps.get(window) or 0))
            if limit > 0:
                yield scope, name, window, limit


def _success(now: datetime) -> Iterator[Finding]:
    """Of the last that ended; a photo that was refused for its own sake says nothing about us."""
    photo = [code for code, row in ERRORS.items() if row.next_step in (NextStep.OTHER_PHOTO, NextStep.CHOICE)]
    ended = TryOnResult.objects.filter(
        status__in=[Status.SUCCEEDED.value, Status.FAILED.value, Status.BLOCKED.value],
        created_at__gte=now - SAMPLE_AGE,
        finished_at__isnull=False,
    ).exclude(error_code__in=photo)
    codes = list(ended.order_by("-finished_at").values_list("status", "error_code")[:SAMPLE])
    good = sum(status == Status.SUCCEEDED.value for status, _code in codes)
    if len(codes) == SAMPLE and good < LOWEST_SUCCESS * SAMPLE:
        failed = [code for status, code in codes if status != Status.SUCCEEDED.value]
        most = max(set(failed), key=failed.count)
        yield Finding("success_rate", params={"percent": 100 * good // SAMPLE, "number": SAMPLE, "code": most})


def _refused(now: datetime) -> Iterator[Finding]:
    """A provider sent us for its picture to where no picture of its own may be."""
    rows = TryOnResult.objects.filter(
        status=Status.FAILED.value, created_at__gte=now - SAMPLE_AGE, error_detail__startswith=ADDRESS_REFUSED
    )
    by_provider = rows.filter(finished_at__gt=now - REFUSED_AGE).order_by().values_list("provider")
    for provider, number in by_provider.annotate(number=Count("pk")):
        yield Finding("result_refused", provider, {"provider": provider, "number": number})


def _oldest(now: datetime) -> Iterator[Finding]:
    """Of shoppers: the shop's own batches may wait for hours."""
    waiting = TryOnResult.objects.live().filter(status=Status.QUEUED.value, priority=0)
    oldest = waiting.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest and now - oldest > LONGEST_WAIT:
        yield Finding("oldest_waiting", params={"minutes": _minutes(now - oldest)})


def _worker(now: datetime) -> Iterator[Finding]:
    silent = worker_silence(now)
    if silent:
        yield Finding("no_worker", params={"minutes": _minutes(silent)})


def worker_silence(now: datetime) -> timedelta | None:
    """For how long nobody has worked although somebody should; None when all is well."""
    oldest = TryOnResult.objects.due(now).aggregate(oldest=Min("next_at"))["oldest"]
    seen = marked(Mark.WORKER)
    silent = now - seen if seen and now - seen > WORKER_SILENCE else None
    return nobody_comes(now, oldest) or (None if any_drain_alive(now) else silent)


def nobody_comes(now: datetime, oldest: datetime | None) -> timedelta | None:
    """For how long the first row that is due has waited, when that is too long and no runner is alive."""
    if oldest is None or now - oldest <= WORKER_PATIENCE or any_drain_alive(now):
        return None
    return now - oldest


def _purge(now: datetime) -> Iterator[Finding]:
    done = marked(Mark.PURGE)
    if done is None:  # never: then only what should be gone by now tells
        done = ShopperPhoto.objects.aggregate(oldest=Min("expires_at"))["oldest"]
    if done and now - done > PURGE_LATE:
        yield Finding("purge_late", params={"hours": int((now - done).total_seconds() // 3600)})


def _providers(now: datetime) -> Iterator[Finding]:
    """Stopped by what the provider answered; what staff switched off is no news to them."""
    bad = Q(paused_until__gt=now) & ~Q(paused_because="") | Q(open_until__gt=now) | Q(drift__gt=0)
    for account in ProviderAccount.objects.filter(bad, alias__in=list(conf.PROVIDERS)):
        names = {"provider": account.alias}
        if account.drift and account.drift > 0:
            yield Finding("drift", account.alias, {**names, "credits": f"{account.drift.normalize():f}"})
        because = account.paused_because if account.paused_until and account.paused_until > now else ""
        if because or (account.open_until and account.open_until > now):
            yield Finding("provider_stopped", account.alias, {**names, "because": because or account.last_error})


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds() // 60)


def marked(name: str) -> datetime | None:
    return Mark.objects.filter(name=name).values_list("at", flat=True).first()


# ---------------------------------------------------------------- telling


def check(now: datetime | None = None) -> list[Finding]:
    """Look, if it is time; the findings that were told."""
    now = now or timezone.now()
    if not Mark.may(Mark.ALERTS, every=CHECK_EVERY, now=now):
        return []
    try:
        return [found for found in findings(now) if _is_news(found, now) and _tell(found)]
    except Exception:
        logger.exception("the check failed")  # the watchdog that called has other duties
        return []


def holding(now: datetime | None = None) -> list[Finding]:
    """What was found lately, newest first."""
    seen = Alert.objects.filter(seen_at__gt=(now or timezone.now()) - HOLDS_FOR, kind__in=KINDS)
    return [Finding(row.kind, row.cause.partition(":")[2], row.params) for row in seen.order_by("-since", "cause")]


def _is_news(found: Finding, now: datetime) -> bool:
    """Remember it. True for one caller in ``TELL_EVERY``."""
    params = dict(found.params)
    rows = Alert.objects.filter(cause=found.cause)
    rows.filter(seen_at__lte=now - HOLDS_FOR).update(since=now)  # it was over, and came back
    if rows.filter(told_at__lte=now - TELL_EVERY).update(told_at=now, seen_at=now, params=params):
        return True
    if rows.update(seen_at=now, params=params):
        return False
    try:
        with transaction.atomic():
            Alert.objects.create(cause=found.cause, kind=found.kind, params=params, since=now, told_at=now, seen_at=now)
    except IntegrityError:  # another process was quicker
        return False
    return True


def _tell(found: Finding) -> bool:
    logger.warning("%s: %s", found.cause, found.words)
    send_after_commit(tryon_alert, Alert, kind=found.kind, cause=found.cause, words=found.words, todo=found.todo)
    if conf.ALERT_MAIL:
        # in a thread: a mail server may be slow, and this may be a shopper's request
        mail = threading.Thread(
            target=mail_admins,
            args=(f"try-on: {found.words}", f"{found.words}\n\n{found.todo}\n"),
            kwargs={"fail_silently": True},
            name="tryon-mail",
        )
        transaction.on_commit(mail.start)
    return True
