"""What the providers can do, and how they are."""

from __future__ import annotations

import sys
from typing import Any

from tryon.choices import Operation
from tryon.condition import Health, Week, known_accounts, weeks
from tryon.management.commands._base import ATTENTION, TryonCommand
from tryon.runner.routing import route


class Command(TryonCommand):
    help = (
        "List the providers: their operations with the credits of a call, their place in the routes, their health, and "
        "the last seven days. Exit 3: one of them gets no work just now."
    )
    example = "python manage.py tryon_providers --json"

    def handle(self, *args: Any, **options: Any) -> None:
        week = weeks()
        found = [_row(Health(account), week.get(account.alias, Week())) for account in known_accounts()]
        found = [row for row in found if row["configured"]]
        lines = [text for row in found for text in _lines(row)]
        self.report(options, {"providers": found}, lines or ["No provider is in TRYON['PROVIDERS']."])
        if any(row["down"] for row in found):
            sys.exit(ATTENTION)


def _row(health: Health, week: Week) -> dict[str, Any]:
    account, provider = health.account, health.provider
    word, tone, why = health.state
    operations = {
        operation.value: {
            "credits": capability.cost,
            "categories": sorted(category.value for category in capability.categories),
            "options": [option.name for option in capability.options],
            "route": _place(account.alias, operation),
        }
        for operation, capability in (provider.capabilities.items() if provider else ())
    }
    return {
        "alias": account.alias,
        "configured": tone != "quiet",
        "backend": provider.label if provider else None,
        "paid": provider.paid if provider else None,
        "state": word,
        "why": why,
        "down": bool(health.problems) or health.is_down,
        "breaker": health.breaker,
        "credits_left": account.balance,
        "drift": account.drift,
        "week": {"succeeded": week.done, "failed": week.failed, "success_rate": week.rate, "spend": week.spend},
        "operations": operations,
    }


def _place(alias: str, operation: Operation) -> int | None:
    """Its place in the route, from 1; None when no route leads there."""
    aliases = route(operation)
    return aliases.index(alias) + 1 if alias in aliases else None


def _lines(row: dict[str, Any]) -> list[str]:
    state = f"{row['state']}: {row['why']}" if row["why"] else row["state"]
    rate = row["week"]["success_rate"]
    lately = "nothing in 7 days" if rate is None else f"{100 * rate:.1f} % of {_ended(row)} in 7 days"
    left = f", {row['credits_left'].normalize():,f} credits left" if row["credits_left"] is not None else ""
    lines = [f"{row['alias']}: {state} ({lately}{left})"]
    for name, one in row["operations"].items():
        cost = "credits not known before" if one["credits"] is None else f"{one['credits']:g} credits"
        if not row["paid"]:
            cost = "free"
        place = f"no. {one['route']} in the route" if one["route"] else "in no route"
        lines.append(f"  {name:20} {cost:26} {place}")
    return lines


def _ended(row: dict[str, Any]) -> int:
    return int(row["week"]["succeeded"] + row["week"]["failed"])
