"""The one form of every review page, in the admin and behind a link: what was posted becomes decisions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon.errors import TryOnError
from tryon.models import TryOnOutput
from tryon.studio import review

if TYPE_CHECKING:
    from django.http import QueryDict

MOST = 500  # pictures in one form
MOST_SECONDS = 86400.0


@dataclass(slots=True)
class Decision:
    """What came of it, in words, and for the page's script."""

    words: str = ""
    done: list[TryOnOutput] = field(default_factory=list)
    lost: list[TryOnOutput] = field(default_factory=list)
    group: uuid.UUID | None = None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "words": self.error or self.words,
            "ok": not self.error,
            "done": [str(output.pk) for output in self.done],
            "lost": [str(output.pk) for output in self.lost],
            "group": str(self.group) if self.group else "",
        }


def ids_of(data: QueryDict) -> list[uuid.UUID]:
    """The pictures that the form is about: the one whose button was pressed, else those that are ticked."""
    _act, _sign, one = data.get("act", "").partition(":")
    found = []
    for text in [one] if one else data.getlist("outputs")[:MOST]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def decide(data: QueryDict, reviewer: review.Reviewer, outputs: Sequence[TryOnOutput]) -> Decision:
    """``act`` is approve, reject, regenerate, undo, renew or release; ``approve:<id>`` for one. Raises TryOnError."""
    act = data.get("act", "").partition(":")[0]
    if act == "undo":
        return _undo(data.get("group", ""), reviewer)
    if act == "renew":
        review.renew([output.pk for output in outputs], reviewer)
        return Decision()
    if act == "release":
        review.release(reviewer, [output.pk for output in outputs] or None, age=_seconds(data.get("held", "")))
        return Decision()
    if act not in ("approve", "reject", "regenerate"):
        raise TryOnError("invalid", "unknown act")
    if not outputs:
        return Decision(error=_("Tick at least one picture."))
    reasons = data.getlist("reasons")
    if act == "regenerate":
        return _regenerate(outputs, reviewer, data.get("note", ""), reasons)
    if act == "reject" and not reasons:
        return Decision(error=_("Say why: choose at least one reason."))
    decided = review.approve(outputs, reviewer) if act == "approve" else review.reject(outputs, reviewer, reasons)
    return Decision(_words(act, decided), decided.done, decided.lost, decided.group)


def _words(act: str, decided: review.Decided) -> str:
    number = len(decided.done)
    if act == "approve":
        words = ngettext("%(number)d approved.", "%(number)d approved.", number) % {"number": number}
    else:
        words = ngettext("%(number)d rejected.", "%(number)d rejected.", number) % {"number": number}
    if not decided.lost:
        return words
    lost = len(decided.lost)
    left = ngettext(
        "%(number)d left alone: somebody else has it, or it is published.",
        "%(number)d left alone: somebody else has them, or they are published.",
        lost,
    )
    return f"{words if number else ''} {left % {'number': lost}}".strip()


def _regenerate(
    outputs: Sequence[TryOnOutput], reviewer: review.Reviewer, note: str, reasons: Sequence[str]
) -> Decision:
    decided, _made = review.regenerate(outputs, reviewer, note=note, reasons=reasons)
    number = len(outputs)
    words = ngettext("%(number)d is made again.", "%(number)d are made again.", number) % {"number": number}
    return Decision(words, list(outputs), group=decided.group)


def _seconds(text: str) -> timedelta:
    """How long a page has been open; nonsense is no time at all."""
    try:
        return timedelta(seconds=min(max(0.0, float(text)), MOST_SECONDS)) if text else timedelta(0)
    except ValueError:
        return timedelta(0)


def _undo(text: str, reviewer: review.Reviewer) -> Decision:
    try:
        undone = review.undo(uuid.UUID(text), reviewer)
    except ValueError:
        undone = 0
    if not undone:
        return Decision(error=_("It can't be taken back any more: something else was decided since."))
    words = ngettext("%(number)d decision taken back.", "%(number)d decisions taken back.", undone)
    return Decision(words % {"number": undone})
