"""What shots have cost, and the log's entries that say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from tryon.caps import COUNTED
from tryon.models import LedgerEntry, TryOnResult
from tryon.studio.log import log
from tryon.studio.money import money


def costs(result_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """What was paid, or is set aside, for each."""
    rows = LedgerEntry.objects.filter(result_id__in=list(result_ids), state__in=COUNTED).order_by()
    return dict(rows.values_list("result_id").annotate(total=Sum("amount")))


def log_with_cost(user: Any, rows: Iterable[TryOnResult], message: str) -> None:
    """One entry for each shot, with what it has cost; nothing is said of what was free."""
    rows = list(rows)
    paid = costs(row.pk for row in rows)
    alike: dict[Decimal, list[TryOnResult]] = defaultdict(list)
    for row in rows:
        alike[paid.get(row.pk, Decimal(0))].append(row)
    for cost, some in alike.items():
        words = _("It cost %(amount)s.") % {"amount": money(cost)}
        log(user, some, f"{message} {words}" if cost else message)
