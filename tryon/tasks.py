"""The doorbell: the only module that names the queue.

The rows are the truth. A message only says "look", may come twice, late or never, and carries nothing.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from tryon import retention
from tryon.models import TryOnResult
from tryon.runner import claim
from tryon.runner.drain import Drain

logger = logging.getLogger("tryon.tasks")

WAKE_INTERVAL = timedelta(seconds=2)
NUDGE_SECONDS = 3.0
SCHEDULES = {
    "tryon: look after waiting previews": ("tryon.tasks.watch", Schedule.MINUTES, 1),
    "tryon: delete what is due": ("tryon.tasks.purge", Schedule.HOURLY, None),
}
_last_nudge = 0.0


def wake() -> None:
    """Ring for a runner, at most once in ``WAKE_INTERVAL``, unless one is at work and will see the row anyway.

    Call after commit. A drain lets go of its slot before it looks for rows left over, so a row is never missed.
    """
    now = timezone.now()
    if not claim.any_drain_alive(now) and claim.may_wake(now, interval=WAKE_INTERVAL):
        _enqueue()


def nudge() -> None:
    """For pages that shoppers poll: if rows are due and no runner is alive, ring. Cheap, a few seconds apart."""
    global _last_nudge
    if time.monotonic() - _last_nudge < NUDGE_SECONDS:
        return
    _last_nudge = time.monotonic()
    watch()


def watch() -> None:
    """The watchdog: free what dead runners held, end what is late, ring when something is due."""
    now = timezone.now()
    if not TryOnResult.objects.live().exists():
        return
    claim.reap(now)
    claim.expire(now)
    if TryOnResult.objects.due(now).exists():
        wake()


def run() -> None:
    """The task: carry rows for a while, then hand over to the next message when rows are left."""
    if Drain().run():
        _enqueue()


def purge() -> None:
    """The scheduled deletion; ``tryon_purge`` runs the same by hand."""
    logger.info("purged: %s", retention.purge())


def install_schedules(*, dry_run: bool = False) -> list[str]:
    """Create the schedules that are missing; their names."""
    missing = []
    for name, (func, kind, minutes) in SCHEDULES.items():
        if Schedule.objects.filter(func=func).exists():
            continue
        missing.append(name)
        if not dry_run:
            Schedule.objects.create(name=name, func=func, schedule_type=kind, minutes=minutes, repeats=-1)
    return missing


def _enqueue() -> None:
    # a savepoint: a broker in the database that fails must not spoil the caller's transaction
    with transaction.atomic():
        async_task("tryon.tasks.run", q_options={"save": False, "ack_failure": True})
