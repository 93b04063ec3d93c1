"""The tiles and plots of the overview: what ``tryon.insight`` found, in words and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.plots import Bar, Cell, Line, Plot, Series, Table, colour_of, rounded_up
from tryon.admin.words import duration, staff_text
from tryon.choices import FunnelStep
from tryon.insight import Report, Spread
from tryon.periods import HOUR, WEEK
from tryon.studio.money import money

FUNNEL_WORDS = {
    FunnelStep.OPENED: gettext_lazy("Opened the dialog"),
    FunnelStep.PHOTO: gettext_lazy("Gave a photo or chose a model"),
    FunnelStep.STARTED: gettext_lazy("Started a preview"),
    FunnelStep.DONE: gettext_lazy("Saw a preview"),
    FunnelStep.BAG: gettext_lazy("Added to the bag"),
}
POINTS, PERCENT = 2.0, 10.0  # a change of at least this much is good or bad


# ---------------------------------------------------------------- tiles


@dataclass(frozen=True, slots=True)
class Tile:
    """``tone`` good or bad where a change is one; "" where it is neither."""

    key: str
    label: str
    value: str
    change: str = ""
    tone: str = ""
    note: str = ""


def tiles(found: Report, *, spend: bool) -> Iterator[Tile]:
    now, before = found.now, found.before
    if spend:
        yield Tile("spend", _("Spend"), money(now.spend), *_grown(float(now.spend), float(before.spend), better=None))
    yield Tile("tryons", _("Try-ons"), number_format(now.asked), *_grown(now.asked, before.asked, better="more"))
    yield _success(found)
    for key, label, share in (("p50", _("Latency, p50"), "p50"), ("p95", _("Latency, p95"), "p95")):
        value, former = getattr(now.latency, share), getattr(before.latency, share)
        note = _("from the worker to the picture")
        yield Tile(key, label, _seconds(value), *_grown(value, former, better="less"), note=note)
    yield _waiting(found)
    if spend:
        yield _budget(found)


def _success(found: Report) -> Tile:
    rate, former = found.now.success_rate, found.before.success_rate
    change, tone = _grown(None, None, better=None)
    if rate is not None and former is not None:
        points = round(100 * rate, 1) - round(100 * former, 1)
        change, tone = _("%(points)s points against before") % {"points": f"{points:+.1f}"}, _tone(points, "rate")
    note = _("%(failed)d failed, %(canceled)d cancelled") % {
        "failed": found.now.failed,
        "canceled": found.now.canceled,
    }
    return Tile("success", _("Success rate"), percent(rate), change, tone, note)


def _waiting(found: Report) -> Tile:
    oldest = found.waiting.oldest
    note = _("the oldest for %(time)s") % {"time": duration(timezone.now() - oldest)} if oldest else _("nobody waits")
    usual, former = found.now.wait.p50, found.before.wait.p50
    change, tone = _grown(usual, former, better="less")
    usually = _("usual wait %(time)s") % {"time": _seconds(usual)} if usual is not None else ""
    return Tile(
        "waiting", _("Waiting now"), number_format(found.waiting.count), " · ".join(filter(None, (usually, change))),
        tone, note,
    )  # fmt: skip


def _budget(found: Report) -> Tile:
    budget = found.budget
    if not budget.limit:
        note = _("No cap is set: TRYON['CAPS'] = {'shop': {'day': 50}}")
        return Tile("budget", _("Budget used today"), _("no cap"), note=note)
    share = budget.share(budget.today) or 0.0
    note = _("%(used)s of %(limit)s") % {"used": money(budget.today), "limit": money(budget.limit)}
    change = _("yesterday %(percent)s") % {"percent": percent(budget.share(budget.yesterday))}
    return Tile("budget", _("Budget used today"), percent(share), change, "bad" if share >= 0.8 else "", note)


def _grown(value: float | None, former: float | None, *, better: str | None) -> tuple[str, str]:
    """(words, tone) of a change in percent."""
    if not value and not former:
        return "", ""
    if not former or value is None:
        return _("nothing to compare with before"), ""
    change = 100 * (value - former) / former
    if abs(change) < 0.5:
        return _("as before"), ""
    words = _("%(percent)s %% against before") % {"percent": f"{change:+.0f}"}
    return words, _tone(change, better)


def _tone(change: float, better: str | None) -> str:
    """A small change is neither good nor bad."""
    if not better or abs(change) < (POINTS if better == "rate" else PERCENT):
        return ""
    return "good" if (change > 0) == (better != "less") else "bad"


def percent(share: float | None) -> str:
    if share is None:
        return "–"
    return _("%(number)s %%") % {"number": number_format(100 * share, decimal_pos=0 if share in (0, 1) else 1)}


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return _("%(seconds)s s") % {"seconds": number_format(value, decimal_pos=1 if value < 100 else 0)}


# ---------------------------------------------------------------- plots


def plots(found: Report, *, spend: bool) -> list[Plot | Table]:
    names = sorted({*found.spend, *found.latency, *found.approvals})
    shown: list[Plot | Table] = [_outcomes(found)]
    if spend:
        shown.insert(0, _spend(found, names))
    return [
        *shown, _latency(found, names), _waits(found), _failures(found), _funnel(found), _approvals(found, spend=spend)
    ]  # fmt: skip


def _per(found: Report, words: dict[str, str]) -> str:
    return words["hour" if found.period.step == HOUR else "week" if found.period.step == WEEK else "day"]


def _labels(found: Report) -> list[Cell]:
    return [_label(cut, hours=found.period.step == HOUR) for cut in found.period.cuts]


def _label(cut: datetime, *, hours: bool) -> Cell:
    local = timezone.localtime(cut)
    if hours:
        return Cell(date_format(local, "H:i"), local.isoformat(timespec="minutes"))
    return Cell(date_format(local, "j M"), local.date().isoformat())


def _spend(found: Report, names: Sequence[str]) -> Plot:
    series = [
        Series(
            provider,
            colour_of(names, provider),
            [float(amount) for amount in amounts],
            [_money_cell(amount) for amount in amounts],
        )
        for provider, amounts in found.spend.items()
    ]
    highest = max((sum(one.heights[place] for one in series) for place in range(len(found.period.cuts))), default=0.0)
    cap = found.cap
    top = rounded_up(max(highest, float(cap or 0)))
    titles = {"hour": _("Spend per hour"), "day": _("Spend per day"), "week": _("Spend per week")}
    return Plot(
        "spend",
        _per(found, titles),
        _labels(found),
        series,
        money(Decimal(str(top))),
        top,
        Line(float(cap), _("Cap: %(amount)s") % {"amount": money(cap)}) if cap else None,
    )


def _money_cell(amount: Decimal) -> Cell:
    return Cell(money(amount) if amount else "–", f"{amount:.6f}".rstrip("0").rstrip("."))


def _count_cell(number: int) -> Cell:
    return Cell(number_format(number) if number else "–", number)


def _outcomes(found: Report) -> Plot:
    kinds = (
        ("succeeded", _("ready"), "good"),
        ("failed", _("failed"), "bad"),
        ("canceled", _("cancelled"), "quiet"),
    )
    series = [
        Series(words, colour, found.outcomes[kind], [_count_cell(number) for number in found.outcomes[kind]])
        for kind, words, colour in kinds
    ]
    highest = max(sum(one.heights[place] for one in series) for place in range(len(found.period.cuts)))
    top = rounded_up(highest)
    titles = {"hour": _("Try-ons per hour"), "day": _("Try-ons per day"), "week": _("Try-ons per week")}
    return Plot("outcomes", _per(found, titles), _labels(found), series, number_format(top, decimal_pos=0), top)


def _latency(found: Report, names: Sequence[str]) -> Table:
    longest = max((one.p95 or 0.0 for one in found.latency.values()), default=0.0) or 1.0
    bars = [
        Bar(
            [Cell(provider, provider), _count_cell(one.count), _seconds_cell(one.p50), _seconds_cell(one.p95)],
            _both_parts(one, longest),
        )
        for provider, one in found.latency.items()
    ]
    head = (_("Provider"), _("Pictures"), _("p50"), _("p95"))
    note = _("From the worker to the picture: half of them took no longer than p50, 95 of 100 no longer than p95.")
    return Table("latency", _("Time taken by provider"), head, bars, note, _both_legend())


def _both_parts(one: Spread, longest: float) -> list[tuple[int | str, float]]:
    p50, p95 = one.p50 or 0.0, one.p95 or 0.0
    return [("half", p50 / longest), ("most", (p95 - p50) / longest)]


def _both_legend() -> tuple[tuple[str, str], ...]:
    return (("half", _("p50")), ("most", _("p95")))


def _seconds_cell(value: float | None) -> Cell:
    return Cell(_seconds(value), "" if value is None else round(value, 3))


def _waits(found: Report) -> Plot:
    p50 = [one.p50 or 0.0 for one in found.waits]
    p95 = [one.p95 or 0.0 for one in found.waits]
    series = [
        Series(_("p50"), "half", p50, [_seconds_cell(one.p50) for one in found.waits]),
        Series(
            _("p95"),
            "most",
            [most - half for half, most in zip(p50, p95, strict=True)],
            [_seconds_cell(one.p95) for one in found.waits],
        ),
    ]
    top = rounded_up(max(p95, default=0.0))
    note = _("From the request to the worker.")
    return Plot("waits", _("Wait in the queue"), _labels(found), series, _seconds(top), top, note=note)


def _failures(found: Report) -> Table:
    most = found.failures[0][1] if found.failures else 1
    bars = []
    for code, number in found.failures:
        words = Cell(staff_text(code), code, quiet=code) if code else Cell("–")
        bars.append(Bar([words, _count_cell(number)], [("bad", number / most)]))
    return Table("failures", _("Failures by code"), (_("Failure"), _("Number")), bars)


def _funnel(found: Report) -> Table:
    first, most = found.funnel[FunnelStep.OPENED.value], max(found.funnel.values())
    bars = []
    for step in FunnelStep if most else ():
        number = found.funnel[step.value]
        share = Cell(percent(number / first), round(number / first, 4)) if first else Cell("–")
        cells = [Cell(str(FUNNEL_WORDS[step]), step.value), _count_cell(number), share]
        bars.append(Bar(cells, [("half", number / most)]))
    days = {"first": date_format(found.period.first_day, "j M"), "last": date_format(found.period.last_day, "j M")}
    note = _("Whole days, from %(first)s to %(last)s. Counts only: nobody is followed.") % days
    return Table("funnel", _("From the button to the bag"), (_("Step"), _("Times"), _("Of opened")), bars, note)


def _approvals(found: Report, *, spend: bool) -> Table:
    bars = []
    for provider, one in found.approvals.items():
        cells = [
            Cell(provider or "–", provider),
            _count_cell(one.approved),
            _count_cell(one.rejected),
            Cell(percent(one.rate), "" if one.rate is None else round(one.rate, 4)),
        ]
        if spend:
            cells.append(Cell("–", "") if one.cost is None else _money_cell(one.cost))
        rate = one.rate or 0.0
        bars.append(Bar(cells, [("good", rate), ("bad", 1 - rate)]))
    head = [_("Provider"), _("Approved"), _("Rejected"), _("Approval rate")]
    note = _("Pictures for the shop that were asked for in this time and have been reviewed.")
    if spend:
        head.append(_("Cost per approved picture"))
        note += " " + _("The cost holds everything the provider was paid for such pictures.")
    return Table(
        "approvals", _("Approval by provider"), head, bars, note, (("good", _("approved")), ("bad", _("rejected")))
    )
