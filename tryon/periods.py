"""The times that operators look back on, and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

NAMED = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LONGEST_DAYS = 366
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` up to ``end``, cut at ``cuts``: the first is the start, the rest are full hours, days or weeks."""

    start: datetime
    end: datetime
    step: timedelta
    cuts: tuple[datetime, ...]

    @property
    def before(self) -> datetime:
        """The start of the period of the same length before this one."""
        return self.start - (self.end - self.start)

    @property
    def first_day(self) -> date:
        return timezone.localdate(self.start)

    @property
    def last_day(self) -> date:
        return timezone.localdate(self.end - timedelta(microseconds=1))


def named(name: str, now: datetime | None = None) -> Period:
    """``24h``: the last 24 hours. ``7d``, ``30d``: today and the days before it."""
    now = now or timezone.now()
    length = NAMED[name]
    if length <= DAY:
        return since(length, now)
    first = timezone.localdate(now) - length + DAY
    return _period(midnight(first), now)


def since(length: timedelta, now: datetime | None = None) -> Period:
    now = now or timezone.now()
    return _period(now - length, now)


def days(first: date, last: date, now: datetime | None = None) -> Period:
    """Both days included, as far as they have passed. Raises ValueError for days that make no period."""
    now = now or timezone.now()
    if not first <= last or (last - first).days >= LONGEST_DAYS or midnight(first) >= now:
        raise ValueError
    return _period(midnight(first), min(midnight(last + DAY), now))


def _period(start: datetime, end: datetime) -> Period:
    length = end - start
    step = HOUR if length <= 2 * DAY else DAY if length <= 92 * DAY else WEEK
    cuts, at = [start], _first_cut(start, step)
    while at < end:
        cuts.append(at)
        at = at + HOUR if step == HOUR else midnight(timezone.localdate(at) + step)
    return Period(start, end, step, tuple(cuts))


def _first_cut(start: datetime, step: timedelta) -> datetime:
    """The first full hour or midnight after ``start``."""
    if step == HOUR:
        return start.replace(minute=0, second=0, microsecond=0) + HOUR
    day = timezone.localdate(start)
    return midnight(day + (step if start == midnight(day) else DAY))


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
