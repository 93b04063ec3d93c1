"""The doorbell: the only module that names the queue.

The rows are the truth. A message only says "look", may come twice, late or never, and carries nothing.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.core.signing import BadSignature
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.cluster import Sentinel
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from tryon import alerts, caps, retention, webhooks
from tryon.models import Mark, TryOnResult
from tryon.runner import balances, claim, clock
from tryon.runner.drain import IDLE_SECONDS, Drain

logger = logging.getLogger("tryon.tasks")

WAKE_INTERVAL = timedelta(seconds=2)
NUDGE_SECONDS = 3.0
MEASURE = "tryon.studio.fidelity.sweep"
SCHEDULES = {
    "tryon: look after waiting previews": ("tryon.tasks.watch", Schedule.MINUTES, 1),
    "tryon: delete what is due": ("tryon.tasks.purge", Schedule.HOURLY, None),
    "tryon: compare the ledger with balances": ("tryon.tasks.reconcile", Schedule.HOURLY, None),
    "tryon: measure new shots": (MEASURE, Schedule.MINUTES, 1),
    "tryon: find stale shots": ("tryon.studio.stale.sweep", Schedule.MINUTES, 10),
}
MESSAGES_KEPT = timedelta(days=7)
TELL_SECONDS = 1.0
WEBHOOK_SECONDS = 60.0
_last_nudge = 0.0
_last_tell = 0.0


def wake() -> None:
    """Ring for a runner, at most once in ``WAKE_INTERVAL``, unless one is at work and will see the row anyway.

    Call after commit. A drain lets go of its slot before it looks for rows left over, so a row is never missed.
    """
    now = clock.now()
    if not claim.any_drain_alive(now) and claim.may_wake(now, interval=WAKE_INTERVAL):
        _enqueue()


def nudge() -> None:
    """For pages that shoppers poll: if rows are due and no runner is alive, ring. Cheap, a few seconds apart."""
    global _last_nudge
    if time.monotonic() - _last_nudge < NUDGE_SECONDS:
        return
    _last_nudge = time.monotonic()
    _look()


def watch() -> None:
    """The watchdog, every minute in a worker: free what dead runners held, end what is late, ring when rows are due."""
    Mark.done(Mark.WORKER)
    retention.sweep_erased()
    if balances.probe_shut(clock.now()):
        wake()
    claim.expire(clock.now())  # uncertain rows have their end too, when nothing else is there that brings a runner
    _look()


def _look() -> None:
    now = clock.now()
    alerts.check(now)
    if webhooks.any_due():
        _enqueue("tryon.tasks.send_webhooks")
    if not TryOnResult.objects.live().exists():
        return
    claim.reap(now)
    claim.expire(now)
    if TryOnResult.objects.due(now).exists():
        wake()


def run() -> None:
    """The task: carry rows for a while, then hand over to the next message when rows are left."""
    idle = 0.0 if Conf.SYNC else IDLE_SECONDS  # in sync mode somebody's request waits for us
    if Drain(idle=idle, stopping=_cluster_is_ending()).run():
        _enqueue()


def _cluster_is_ending() -> Callable[[], bool]:
    """A question that a task can ask often.

    django-q2 tells its workers nothing when it is stopped: it waits for them. A forked worker shares the memory in
    which its cluster keeps the flag. It is read without its lock: a process killed while it held that would hang all.
    """
    parent = os.getppid()
    found = [thing for thing in gc.get_objects() if type(thing) is Sentinel]
    flag = getattr(getattr(found[0], "stop_event", None), "_flag", None) if len(found) == 1 else None

    def ending() -> bool:
        try:
            stopped = flag is not None and flag.get_value() > 0
        except (AttributeError, NotImplementedError):  # not on this platform
            stopped = False
        return stopped or os.getppid() != parent  # an orphan must not go on either

    return ending


def reconcile() -> None:
    """The schedule: what providers say about our money, beside what the ledger says."""
    balances.reconcile(clock.now())


@receiver(webhooks.due)
def tell(**kwargs: object) -> None:
    """Ring for a sender of webhooks: at most once a second in this process, as each stays for a while."""
    global _last_tell
    if time.monotonic() - _last_tell >= TELL_SECONDS:
        _last_tell = time.monotonic()
        _enqueue("tryon.tasks.send_webhooks")


def send_webhooks() -> None:
    """The task: send what is due until nothing has been for a moment. What fails is found by the watchdog again."""
    end = time.monotonic() + WEBHOOK_SECONDS
    idle_since = time.monotonic()
    while (now := time.monotonic()) < end and now - idle_since < 2 * TELL_SECONDS:
        if webhooks.deliver_due():
            idle_since = time.monotonic()
        else:
            time.sleep(TELL_SECONDS / 4)


def measure_soon() -> None:
    """Ring for a sweep over shots that have not been measured."""
    _enqueue(MEASURE)


def purge() -> None:
    """The scheduled deletion; ``tryon_purge`` does the same by hand."""
    logger.info("purged: %s", delete_due())


def delete_due() -> retention.Purged:
    counts = retention.purge()
    counts.queue_rows = _forget_old_messages()
    webhooks.purge()
    caps.prune()
    return counts


def _forget_old_messages() -> int:
    """What the queue remembers of tasks of ours that ended a week ago, failures above all."""
    old = Task.objects.filter(func__startswith="tryon.", stopped__lte=timezone.now() - MESSAGES_KEPT)
    count: int = old.delete()[0]
    return count


def messages() -> Iterator[tuple[str, bytes]]:
    """Whatever the queue holds, for an audit: names and contents. A broker outside the database is asked to list."""
    for row in OrmQ.objects.iterator():
        yield f"queued message {row.pk}", _opened(row.payload)
    for task in Task.objects.filter(func__startswith="tryon.").iterator():
        yield f"task {task.id}", pickle.dumps((task.args, task.kwargs, task.result))
    broker = get_broker()
    if hasattr(broker, "list_key") and hasattr(broker.connection, "lrange"):
        for number, payload in enumerate(broker.connection.lrange(broker.list_key, 0, -1)):
            yield f"queued message {number}", _opened(payload)


def _opened(payload: str | bytes) -> bytes:
    """The content of a signed message; as it is where the signature is of another key."""
    try:
        return pickle.dumps(SignedPackage.loads(payload))
    except (BadSignature, TypeError):
        return payload if isinstance(payload, bytes) else payload.encode()


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


def _enqueue(task: str = "tryon.tasks.run") -> None:
    # a savepoint: a broker in the database that fails must not spoil the caller's transaction
    with transaction.atomic():
        async_task(task, q_options={"save": False, "ack_failure": True})
