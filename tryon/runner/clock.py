"""One clock for all machines: the database's. What two of them compare (leases, send times) is read from it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.utils import timezone

FRESH_SECONDS = 60.0
SMALL = timedelta(seconds=1)  # network and rounding: less than this is no difference
NO_OFFSET = timedelta(0)

_measured_at = -FRESH_SECONDS  # monotonic
_wall = 0.0  # wall clock minus monotonic at that time: when this changes, somebody set the clock
_offset = NO_OFFSET


def now() -> datetime:
    """The time by the database's clock; by our own where the database is a file on this machine."""
    global _measured_at, _wall, _offset
    if connection.vendor != "postgresql":
        return timezone.now()
    steady = time.monotonic()
    wall = timezone.now().timestamp() - steady
    if steady - _measured_at > FRESH_SECONDS or abs(wall - _wall) > SMALL.total_seconds():
        measured = _measure()
        if measured is not None:
            _measured_at, _wall, _offset = steady, wall, measured
    return timezone.now() + _offset


def _measure() -> timedelta | None:
    """How far the database's clock is ahead of ours; None when it does not answer."""
    if connection.in_atomic_block and connection.needs_rollback:
        return None
    try:
        with connection.cursor() as cursor:
            before = timezone.now()
            cursor.execute("SELECT clock_timestamp()")
            there: datetime = cursor.fetchone()[0]
            between = before + (timezone.now() - before) / 2
    except DatabaseError:
        return None
    offset = there - between
    return offset if abs(offset) > SMALL else NO_OFFSET
