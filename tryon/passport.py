"""Every copy of every photo of one shopper: where it is, who got it, when it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon.copies import SentCopy, sent_copies
from tryon.models import Consent, ShareLink, Shopper, ShopperPhoto, TryOnResult
from tryon.providers.facts import Facts

DAY = timedelta(days=1)


@dataclass(slots=True)
class PhotoPage:
    """One photo with what was made of it and whom it was sent to. Without ``photo``: it is deleted here already."""

    photo: ShopperPhoto | None
    previews: list[TryOnResult] = field(default_factory=list)
    sent: list[SentCopy] = field(default_factory=list)
    links: list[ShareLink] = field(default_factory=list)

    @property
    def files(self) -> int:
        """Our own copies: the photo, three sizes of each preview, a picture of its own for a link that hides a face."""
        pictures = 3 * sum(len(preview.outputs.all()) for preview in self.previews)
        return bool(self.photo) + pictures + sum(link.hide_face for link in self.links)


@dataclass(frozen=True, slots=True)
class Passport:
    pages: list[PhotoPage]
    consents: list[Consent]

    @property
    def is_empty(self) -> bool:
        return not self.pages and not self.consents


def passport(shopper: Shopper) -> Passport:
    pages = {photo.pk: PhotoPage(photo) for photo in shopper.photos.usable().order_by("-created_at")}
    rest = PhotoPage(None)
    # a quick picture names nobody: it is theirs by the preview that it stands in for
    of_theirs = TryOnResult.objects.filter(Q(shopper=shopper) | Q(preview_of__shopper=shopper))
    previews = of_theirs.exclude(expires_at__lte=timezone.now()).select_related("garment", "preset_model")
    for preview in previews.prefetch_related("outputs"):
        pages.get(preview.photo_id, rest).previews.append(preview)  # type: ignore[arg-type]
    for copy in sent_copies(shopper):
        if not copy.is_over:
            pages.get(copy.photo_id, rest).sent.append(copy)  # type: ignore[arg-type]
    mine = ShareLink.objects.open().filter(output__result__shopper=shopper).select_related("output__result")
    for link in mine:
        pages.get(link.output.result.photo_id, rest).links.append(link)  # type: ignore[arg-type]
    found = list(pages.values())
    if rest.previews or rest.sent or rest.links:
        found.append(rest)
    return Passport(found, list(shopper.consents.filter(withdrawn_at=None).order_by("-given_at")))


def documented(facts: Facts | None) -> list[str]:
    """What a company's own documentation says, in sentences. Its word, not ours."""
    if facts is None:
        return [_("What they keep is not known.")]
    return [
        _("Country: %(place)s.") % {"place": facts.place} if facts.place else _("Country: not stated."),
        _photos(facts.photo),
        _results(facts.result),
    ]


def _photos(kept: timedelta | None) -> str:
    if kept is None:
        return _("How long photos are kept is not stated.")
    if not kept:
        return _("Photos are not stored.")
    return _("Photos are deleted after %(time)s.") % {"time": span(kept)}


def _results(kept: timedelta | None) -> str:
    if kept is None:
        return _("How long previews are kept is not stated.")
    if not kept:
        return _("Previews are not stored.")
    return _("Previews are deleted after %(time)s.") % {"time": span(kept)}


def span(time: timedelta) -> str:
    """In days where that is exact and more than two, else in hours."""
    if time > 2 * DAY and not time % DAY:
        return ngettext("%(n)d day", "%(n)d days", time.days) % {"n": time.days}
    hours = round(time / timedelta(hours=1))
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
