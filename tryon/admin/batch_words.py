"""A batch in words: its state, how far it is, why it waits, what was ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.words import chip
from tryon.models import Batch, BatchStatus
from tryon.studio.batches import is_own_limit
from tryon.studio.log import acts_on

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from tryon.caps import Room
    from tryon.studio.batches import Progress

BATCH_WORDS = {
    BatchStatus.DRAFT: (gettext_lazy("Being written"), "wait"),
    BatchStatus.RUNNING: (gettext_lazy("Running"), "work"),
    BatchStatus.PAUSED: (gettext_lazy("Paused"), "note"),
    BatchStatus.CANCELED: (gettext_lazy("Cancelled"), "quiet"),
    BatchStatus.DONE: (gettext_lazy("Done"), "good"),
}


def batch_chip(batch: Batch) -> SafeString:
    words, tone = BATCH_WORDS[BatchStatus(batch.status)]
    return chip(str(words), tone)


def progress_words(done: Progress) -> str:
    return _("%(finished)d of %(total)d") % {"finished": done.finished, "total": done.total}


def duration_words(seconds: int | None) -> str:
    """About how long it still takes; "" when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 90:
        return _("about %(number)d s left") % {"number": seconds}
    if seconds < 5400:
        return _("about %(number)d min left") % {"number": round(seconds / 60)}
    return _("about %(number).1f h left") % {"number": seconds / 3600}


def paused_words(batch: Batch) -> str:
    if batch.status != BatchStatus.PAUSED.value:
        return ""
    if batch.paused_because:
        return _("It has spent what it may. Raise its limit, then go on.")
    return _("Nothing more is made until you go on.")


def money_missing(room: Room | None) -> str:
    """A shop-wide cap is reached: the rest waits, and goes on by itself."""
    if room is None:
        return ""
    if is_own_limit(room):
        return _("Its limit leaves no money for more than what is being made now.")
    words = _("The budget of the shop or of the provider is used up. The rest waits and goes on by itself.")
    if room.resets_at is None:
        return words
    when = date_format(timezone.localtime(room.resets_at), "SHORT_DATETIME_FORMAT")
    return f"{words} {_('There is money again at %(time)s.') % {'time': when}}"


def brief_words(batch: Batch, *, blind: bool) -> list[tuple[str, str]]:
    """What was ordered, in words; ``blind``: without the providers' names."""
    brief = batch.brief
    makers = brief.get("providers", [])
    number = _("%(number)d providers, compared without names") % {"number": len(makers)}
    facts = [
        (_("Ordered by"), _orderer(batch)),
        (_("Pictures of each"), str(brief.get("variants", 1))),
        (_("Places and poses"), ", ".join(brief.get("themes", []))),
        (_("Made by"), number if blind else ", ".join(makers) or _("as routed")),
    ]
    for alias, options in ({} if blind else brief.get("options", {})).items():
        facts.append((_("Options of %(alias)s") % {"alias": alias}, ", ".join(f"{k}: {v}" for k, v in options.items())))
    return [(name, words) for name, words in facts if words]


def _orderer(batch: Batch) -> str:
    if batch.created_by:
        return batch.created_by.get_username()
    return acts_on(Batch, str(batch.pk)).values_list("actor", flat=True).first() or "–"
