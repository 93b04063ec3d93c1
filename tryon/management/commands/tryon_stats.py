"""The numbers of the overview, for terminals, scripts and Prometheus."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from tryon import alerts, insight, periods
from tryon.conf import conf
from tryon.insight import Report, Spread, Totals
from tryon.management.commands._base import TryonCommand

FORMATS = ("table", "json", "csv", "prometheus")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Sample = tuple[str, dict[str, str], float]


def length(text: str) -> timedelta:
    """``90m``, ``24h``, ``7d``, ``2w``."""
    match = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if not match or not int(match[1]):
        raise CommandError(f"{text!r} is no length of time. For example: 90m, 24h, 7d, 2w", returncode=2)
    return timedelta(**{UNITS[match[2]]: int(match[1])})


class Command(TryonCommand):
    help = "Try-ons, spend, latency, failures, funnel and approvals of a time."
    example = "python manage.py tryon_stats --since 24h --format prometheus"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", default="7d", metavar="TIME", help="90m, 24h, 7d, 2w; default: 7d.")
        parser.add_argument("--format", choices=FORMATS, default="table", help="Default: table.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = insight.report(periods.since(length(options["since"])))
        form = "json" if options["as_json"] else options["format"]
        if form == "json":
            self.stdout.write(json.dumps(as_data(found), default=_plain))
        elif options["verbosity"] > 0:
            self.stdout.write({"table": table, "csv": as_csv, "prometheus": prometheus}[form](found))


def as_data(found: Report) -> dict[str, Any]:
    return {
        "from": found.period.start,
        "to": found.period.end,
        "currency": conf.CURRENCY,
        "now": _totals(found.now),
        "before": _totals(found.before),
        "latency": {provider: _spread(one) for provider, one in found.latency.items()},
        "failures": dict(found.failures),
        "spend": {provider: sum(amounts) for provider, amounts in found.spend.items()},
        "approvals": {
            provider: {"approved": one.approved, "rejected": one.rejected, "rate": one.rate, "cost": one.cost}
            for provider, one in found.approvals.items()
        },
        "funnel": found.funnel,
        "waiting": {"count": found.waiting.count, "oldest_seconds": _age(found)},
        "budget": {
            "limit": found.budget.limit,
            "today": found.budget.today,
            "used": found.budget.share(found.budget.today),
        },
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "tryons": totals.asked,
        "succeeded": totals.succeeded,
        "failed": totals.failed,
        "canceled": totals.canceled,
        "success_rate": totals.success_rate,
        "spend": totals.spend,
        "latency": _spread(totals.latency),
        "wait": _spread(totals.wait),
    }


def _spread(one: Spread) -> dict[str, Any]:
    return {"count": one.count, "p50": one.p50, "p95": one.p95}


def _age(found: Report) -> float:
    oldest = found.waiting.oldest
    return round((timezone.now() - oldest).total_seconds(), 1) if oldest else 0.0


def flat(data: Any, *names: str) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield from flat(value, *names, str(name))
    else:
        yield ".".join(names), data


def table(found: Report) -> str:
    rows = [(name, _shown(value)) for name, value in flat(as_data(found))]
    width = max(len(name) for name, _value in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def as_csv(found: Report) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "value"])
    writer.writerows((name, "" if value is None else _plain(value)) for name, value in flat(as_data(found)))
    return stream.getvalue().rstrip("\n")


# ---------------------------------------------------------------- Prometheus

HELP = {
    "tryon_tryons": "Try-ons asked for in the window, by how they ended.",
    "tryon_latency_seconds": "From the worker to the picture, in the window.",
    "tryon_wait_seconds": "From the request to the worker, in the window.",
    "tryon_failures": "Failures in the window, by code.",
    "tryon_spend": "Money spent in the window, by provider.",
    "tryon_funnel": "Steps of shoppers in the days of the window.",
    "tryon_approved_shots": "Pictures approved, of those asked for in the window.",
    "tryon_rejected_shots": "Pictures rejected, of those asked for in the window.",
    "tryon_waiting": "Try-ons that nobody has begun.",
    "tryon_waiting_oldest_seconds": "Age of the oldest of them.",
    "tryon_budget_used": "Share of the shop's budget of today that is used.",
    "tryon_alert": "1 for each alert that holds.",
}


def prometheus(found: Report) -> str:
    """The text format 0.0.4; all are gauges, as they speak of a window."""
    lines: list[str] = []
    last = ""
    for name, labels, value in samples(found):
        if name != last:
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
            last = name
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value:.10g}" if inner else f"{name} {value:.10g}")
    return "\n".join(lines)


def samples(found: Report) -> Iterator[Sample]:
    now = found.now
    for status in ("succeeded", "failed", "canceled"):
        yield "tryon_tryons", {"status": status}, getattr(now, status)
    yield "tryon_tryons", {"status": "open"}, now.asked - now.succeeded - now.failed - now.canceled
    for provider, one in found.latency.items():
        yield from _quantiles("tryon_latency_seconds", one, {"provider": provider})
    yield from _quantiles("tryon_wait_seconds", now.wait, {})
    for code, number in found.failures:
        yield "tryon_failures", {"code": code}, number
    for provider, amounts in found.spend.items():
        yield "tryon_spend", {"provider": provider, "currency": conf.CURRENCY}, float(sum(amounts))
    for step, number in found.funnel.items():
        yield "tryon_funnel", {"step": step}, number
    for verdict in ("approved", "rejected"):
        for provider, seen in found.approvals.items():
            yield f"tryon_{verdict}_shots", {"provider": provider}, getattr(seen, verdict)
    yield "tryon_waiting", {}, found.waiting.count
    yield "tryon_waiting_oldest_seconds", {}, _age(found)
    used = found.budget.share(found.budget.today)
    if used is not None:
        yield "tryon_budget_used", {}, used
    for alert in alerts.holding():
        yield "tryon_alert", {"cause": alert.cause}, 1


def _quantiles(name: str, one: Spread, labels: dict[str, str]) -> Iterable[Sample]:
    for quantile, value in (("0.5", one.p50), ("0.95", one.p95)):
        if value is not None:
            yield name, {**labels, "quantile": quantile}, value


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
