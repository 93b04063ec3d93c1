"""Who did what to which row, and what it costs: the admin's log, and ``Act`` for what that can not hold.

The admin's log knows people only. What nobody did (``user`` None: a limit that was reached, a command without
``--user``) is entered under whoever ordered it, with the words who did it; where nobody did, it is an ``Act``, and so
is everything in a shop without the admin. The history pages of the admin show both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from tryon.models import Act

_actor: ContextVar[str] = ContextVar("tryon_actor", default="")


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Who does what is done within without a user. Elsewhere that is the system."""
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


def log(user: Any, rows: Iterable[Model], message: str, *, new: bool = False, gone: bool = False) -> None:
    """One entry for each of ``rows``, in the caller's transaction; for what is deleted before it is ``gone``."""
    rows = list(rows)
    if not rows:
        return
    actor = user.get_username() if user is not None else _actor.get() or _("the system")
    if not apps.is_installed("django.contrib.admin"):
        _enter(actor, rows, message)
        return
    from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry

    flag = ADDITION if new else DELETION if gone else CHANGE
    if user is not None:
        LogEntry.objects.log_actions(user.pk, rows, flag, message)
        return
    for key, theirs in _by_owner(rows).items():
        if key is None:
            _enter(actor, theirs, message)
        else:
            words = _("By %(who)s: %(message)s") % {"who": actor, "message": message}
            LogEntry.objects.log_actions(key, theirs, flag, words)


def acts_on(model: type[Model], object_id: str) -> QuerySet[Act]:
    return Act.objects.filter(kind=model._meta.label_lower, object_id=object_id)


def _enter(actor: str, rows: Iterable[Model], message: str) -> None:
    Act.objects.bulk_create(
        Act(actor=actor[:150], kind=row._meta.label_lower, object_id=str(row.pk), message=message) for row in rows
    )


def _by_owner(rows: Iterable[Model]) -> dict[Any, list[Model]]:
    found: dict[Any, list[Model]] = defaultdict(list)
    for row in rows:
        found[getattr(row, "created_by_id", None) or getattr(row, "requested_by_id", None)].append(row)
    return found
