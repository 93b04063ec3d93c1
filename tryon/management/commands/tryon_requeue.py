"""Set going again what stands still, or order anew what failed. A paid call of unknown outcome is never repeated."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandParser
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from tryon import ledger, tasks
from tryon.choices import Category, Operation, Status
from tryon.errors import ERRORS, NextStep, TryOnError
from tryon.management.commands._base import ATTENTION, TryonCommand
from tryon.management.commands.tryon_stats import length
from tryon.models import EntryState, LedgerEntry, TryOnResult
from tryon.providers import get_provider
from tryon.runner import claim
from tryon.runner.routing import candidates
from tryon.studio.again import make_again
from tryon.studio.money import money

CHUNK = 500
# asking again for these gives the same answer, or somebody wanted it so
SETTLED = [code for code, row in ERRORS.items() if row.next_step in (NextStep.OTHER_PHOTO, NextStep.CHOICE)]


class Command(TryonCommand):
    help = (
        "--stalled: free what dead workers held and ring for a worker; costs nothing beyond what is set aside. "
        "--failed: order the shop's failed pictures anew, at a price that is said. Shoppers were told and may try "
        "again themselves. Calls of unknown outcome are left alone. Exit 3: some were."
    )
    example = "python manage.py tryon_requeue --failed --since 1h --dry-run"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--stalled", action="store_true", help="Rows that nobody works on. This is the default.")
        which.add_argument("--failed", action="store_true", help="Pictures for the shop that failed.")
        parser.add_argument("--since", default="1h", metavar="TIME", help="With --failed: 90m, 24h, 7d. Default: 1h.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and what it would cost.")

    def handle(self, *args: Any, **options: Any) -> None:
        work = self._failed if options["failed"] else self._stalled
        data, lines = work(length(options["since"]), dry_run=options["dry_run"])
        unknown = TryOnResult.objects.filter(status=Status.UNCERTAIN.value).count()
        if unknown:
            lines.append(f"Left alone: {unknown} of unknown outcome. Settle them in the ledger of the admin.")
        self.report(options, {"dry_run": options["dry_run"], **data, "uncertain": unknown}, lines)
        if unknown:
            sys.exit(ATTENTION)

    def _stalled(self, since: timedelta, *, dry_run: bool) -> tuple[dict[str, Any], list[str]]:
        now = timezone.now()
        freed = claim.abandoned(now).count() if dry_run else claim.reap(now)
        waiting = TryOnResult.objects.due(now).count() + (freed if dry_run else 0)
        if waiting and not dry_run:
            tasks.wake()
        words = "Would free" if dry_run else "Freed"
        lines = [f"{words} {freed} rows that dead workers held; {waiting} wait for a worker."]
        if waiting and not claim.any_drain_alive(now):
            lines.append("None is at work. Run: python manage.py qcluster")
        return {"freed": freed, "waiting": waiting, "cost": Decimal(0)}, lines

    def _failed(self, since: timedelta, *, dry_run: bool) -> tuple[dict[str, Any], list[str]]:
        rows = again(since)
        number, cost = 0, Decimal(0)
        for row in rows.select_related("garment").iterator(chunk_size=CHUNK):
            number, cost = number + 1, cost + price(row)
        left = ledger.room().left
        if not dry_run:
            while some := list(rows.select_related("garment", "batch")[:CHUNK]):
                make_again(some, user=None)
        words = "Would order" if dry_run else "Ordered"
        lines = [f"{words} {number} pictures anew, for at most {money(cost)}."]
        if left is not None and cost > left:
            lines.append(f"The budget leaves {money(left)}: the rest waits for it.")
        return {"requeued": number, "cost": cost}, lines


def again(since: timedelta) -> QuerySet[TryOnResult]:
    """The shop's failed pictures that may be asked for again: nothing about them is unknown, and none was already."""
    unknown = LedgerEntry.objects.filter(result_id=OuterRef("pk"), state=EntryState.UNCERTAIN.value)
    begun_anew = TryOnResult.objects.filter(again_of=OuterRef("pk"))
    failed = TryOnResult.objects.filter(
        status=Status.FAILED.value, shopper=None, finished_at__gte=timezone.now() - since, garment__active=True
    ).exclude(error_code__in=SETTLED)
    return failed.filter(~Exists(unknown), ~Exists(begun_anew)).order_by("created_at")


def price(row: TryOnResult) -> Decimal:
    """The most that one more call may cost."""
    operation = Operation(row.operation)
    try:
        if row.pinned:
            return ledger.price(get_provider(row.provider), operation, row.options).amount
        able = candidates(operation, Category(row.garment.category))
        return max((ledger.price(one, operation, row.options).amount for one in able), default=Decimal(0))
    except (ImproperlyConfigured, TryOnError):
        return Decimal(0)
