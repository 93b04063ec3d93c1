"""How the providers do: may they be called, what is wrong, and what came of a week. For the admin and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.insight import SPENT
from tryon.models import LedgerEntry, Outcome, ProviderAccount, TryOnResult
from tryon.providers import get_provider, provider_aliases
from tryon.runner import accounts

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tryon.providers.base import Provider

WEEK = timedelta(days=7)


def known_accounts() -> list[ProviderAccount]:
    """One for each alias of the settings, and those that were in them once. The missing are made."""
    there = set(ProviderAccount.objects.values_list("alias", flat=True))
    missing = [ProviderAccount(alias=alias) for alias in provider_aliases() if alias not in there]
    if missing:
        ProviderAccount.objects.bulk_create(missing, ignore_conflicts=True)
    return list(ProviderAccount.objects.order_by("alias"))


class Health:
    """How one account does, in words."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account = account
        self.now = timezone.now()
        self.problems: list[str] = []
        self.provider: Provider | None = None
        try:
            self.provider = get_provider(account.alias)
            self.problems = self.provider.problems()
        except ImproperlyConfigured as error:
            self.problems = [str(error)]

    @cached_property
    def standing(self) -> accounts.Standing:
        return accounts.standing(self.account, self.now)

    @cached_property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, why); the tone is good, note, bad or quiet."""
        account, standing = self.account, self.standing
        if self.provider is None and account.alias not in provider_aliases():
            return _("Not in the settings"), "quiet", _("TRYON['PROVIDERS'] has no such name any more.")
        if self.problems:
            return _("Not ready"), "bad", " ".join(self.problems)
        if account.stopped:
            return _("Paused by staff"), "note", ""
        if standing.because.startswith(accounts.CONFIG):
            return _("Refused the account"), "bad", standing.because.removeprefix(accounts.CONFIG)
        if standing.trial:
            return _("Circuit open"), "bad", account.last_error
        if standing.until:
            return _("Asked for a pause"), "note", standing.because
        if account.failures:
            why = _("%(number)d failures in a row; the circuit opens at %(row)d")
            return _("Failing"), "note", why % {"number": account.failures, "row": accounts.ROW}
        return _("Well"), "good", ""

    @property
    def until(self) -> Any:
        """When it will be tried again by itself."""
        until = self.standing.until
        return until if until and self.now < until < accounts.FAR else None

    @property
    def is_down(self) -> bool:
        return self.account.stopped or bool(self.standing.until)

    @property
    def breaker(self) -> str:
        answered = sum(1 for outcome in self.account.outcomes if outcome)
        if self.account.open_until:
            return _("open")
        if not self.account.outcomes:
            return _("closed")
        words = _("closed; %(answered)d of the last %(all)d calls were answered")
        return words % {"answered": answered, "all": len(self.account.outcomes)}


@dataclass(frozen=True, slots=True)
class Week:
    """What came of a provider's work in the last seven days."""

    done: int = 0
    failed: int = 0
    spend: Decimal = Decimal(0)

    @property
    def rate(self) -> float | None:
        return self.done / (self.done + self.failed) if self.done + self.failed else None


def weeks() -> dict[str, Week]:
    """By provider, in three queries."""
    since = timezone.now() - WEEK
    counts: dict[str, list[int]] = {}
    for model in (TryOnResult, Outcome):
        rows: QuerySet[Any] = model.objects.filter(created_at__gte=since).order_by()
        good, bad = Q(status="succeeded"), Q(status__in=("failed", "blocked"))
        counted = rows.values_list("provider").annotate(done=Count("pk", filter=good), lost=Count("pk", filter=bad))
        for alias, done, failed in counted:
            both = counts.setdefault(alias, [0, 0])
            both[0] += done
            both[1] += failed
    spent = LedgerEntry.objects.filter(created_at__gte=since, state__in=SPENT).order_by()
    sums = dict(spent.values_list("provider").annotate(Sum("amount")))
    found = {}
    for alias in {*counts, *sums}:
        done, failed = counts.get(alias, (0, 0))
        found[alias] = Week(done, failed, sums.get(alias) or Decimal(0))
    return found
