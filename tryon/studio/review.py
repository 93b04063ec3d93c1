"""Review: who looks at which picture, what they decide, and taking that back.

    mine = claim(to_review(batch), reviewer)      pictures that nobody else is looking at
    approve / reject / regenerate                 decisions; each call is one group, written to the history
    undo(group, reviewer)                         as it was before

A decision is one conditional UPDATE: of two people who decide at once, one is told that somebody was quicker.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admission import cancel
from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.models import Batch, Review, ReviewEvent, ReviewLink, TryOnOutput, TryOnResult
from tryon.studio.again import make_again
from tryon.studio.log import log
from tryon.studio.spent import log_with_cost

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

CLAIM = timedelta(minutes=5)  # renewed while the page is open
PAGE = 30
LINK_DAYS = 7
UNDO_SECONDS = 10


class Reason(StrEnum):
    """Why a picture is refused: the closed list, so that refusals can be counted."""

    COLOUR = "colour"
    SHAPE = "shape"
    DETAILS = "details"
    GARMENT = "garment"
    FACE = "face"
    HANDS = "hands"
    POSE = "pose"
    BACKGROUND = "background"
    QUALITY = "quality"
    STYLE = "style"


REASON_WORDS: dict[Reason, _StrPromise] = {
    Reason.COLOUR: gettext_lazy("Wrong colour"),
    Reason.SHAPE: gettext_lazy("Wrong shape or length"),
    Reason.DETAILS: gettext_lazy("Details wrong: print, buttons, logo"),
    Reason.GARMENT: gettext_lazy("Another garment"),
    Reason.FACE: gettext_lazy("Face"),
    Reason.HANDS: gettext_lazy("Hands or arms"),
    Reason.POSE: gettext_lazy("Body or pose"),
    Reason.BACKGROUND: gettext_lazy("Background"),
    Reason.QUALITY: gettext_lazy("Blurred or damaged"),
    Reason.STYLE: gettext_lazy("Not our style"),
}


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A member of staff, or somebody with a link. ``key`` is what claims and the history know them by."""

    key: str
    name: str
    user: Any = None  # in whose name the admin's log is written
    link: ReviewLink | None = None

    @classmethod
    def staff(cls, user: Any) -> Reviewer:
        return cls(f"user:{user.pk}", user.get_username(), user)

    @classmethod
    def outside(cls, link: ReviewLink) -> Reviewer:
        return cls(f"link:{link.pk}", link.name, link.created_by, link)


@dataclass(slots=True)
class Decided:
    """``group`` names the decision, for ``undo``; None when nothing was decided. ``lost``: others were quicker."""

    done: list[TryOnOutput] = field(default_factory=list)
    lost: list[TryOnOutput] = field(default_factory=list)
    group: uuid.UUID | None = None


def reviewable() -> QuerySet[TryOnOutput]:
    """Pictures made for the shop."""
    return TryOnOutput.objects.exclude(review=Review.NONE.value).filter(result__shopper=None)


def to_review(batch: Batch | None = None) -> QuerySet[TryOnOutput]:
    waiting = reviewable().filter(review=Review.TO_REVIEW.value)
    return waiting.filter(result__batch=batch) if batch else waiting


def words_of(reasons: Iterable[str]) -> list[str]:
    known = {reason.value: words for reason, words in REASON_WORDS.items()}
    return [str(known.get(reason, reason)) for reason in reasons]


# ---------------------------------------------------------------- claims


def _free(reviewer: Reviewer, now: datetime) -> Q:
    return Q(claimed_by="") | Q(claimed_by=reviewer.key) | Q(claimed_until__lt=now) | Q(claimed_until=None)


def claim(waiting: QuerySet[TryOnOutput], reviewer: Reviewer, number: int = PAGE) -> list[TryOnOutput]:
    """Up to ``number`` of ``waiting`` in their order, for this reviewer alone until ``CLAIM`` has passed."""
    now = timezone.now()
    for _attempt in range(3):  # somebody else may have been quicker with some of them
        keys = list(waiting.filter(_free(reviewer, now)).values_list("pk", flat=True)[:number])
        wanted = TryOnOutput.objects.filter(_free(reviewer, now), pk__in=keys)
        if wanted.update(claimed_by=reviewer.key, claimed_until=now + CLAIM) == len(keys):
            break
    return loaded(keys, TryOnOutput.objects.filter(claimed_by=reviewer.key))


def loaded(keys: Sequence[uuid.UUID], rows: QuerySet[TryOnOutput] | None = None) -> list[TryOnOutput]:
    """With all that a card shows and a decision needs, in the order of the keys."""
    related = ("result__garment", "result__preset_model", "result__batch", "result__source", "result__again_of")
    found = (TryOnOutput.objects.all() if rows is None else rows).select_related(*related).in_bulk(keys)
    return [found[key] for key in keys if key in found]


def renew(keys: Iterable[uuid.UUID], reviewer: Reviewer) -> int:
    """Still looking at them."""
    held = TryOnOutput.objects.filter(pk__in=list(keys), claimed_by=reviewer.key)
    return held.update(claimed_until=timezone.now() + CLAIM)


def release(reviewer: Reviewer, keys: Iterable[uuid.UUID] | None = None, *, age: timedelta = timedelta(0)) -> int:
    """Let others have them. ``age``: only what was claimed at least so long ago.

    A page says goodbye when the next one may have claimed the same pictures already; that claim is younger.
    """
    held = TryOnOutput.objects.filter(claimed_by=reviewer.key, claimed_until__lte=timezone.now() + CLAIM - age)
    if keys is not None:
        held = held.filter(pk__in=list(keys))
    return held.update(claimed_by="", claimed_until=None)


def claimed_by_others(waiting: QuerySet[TryOnOutput], reviewer: Reviewer) -> int:
    return waiting.exclude(_free(reviewer, timezone.now())).count()


# ---------------------------------------------------------------- decisions


def approve(outputs: Sequence[TryOnOutput], reviewer: Reviewer) -> Decided:
    return _decide(outputs, reviewer, Review.APPROVED, [])


def reject(outputs: Sequence[TryOnOutput], reviewer: Reviewer, reasons: Iterable[str]) -> Decided:
    """Raises TryOnError("invalid") for a reason that is not in the list, or none at all."""
    given = list(dict.fromkeys(reasons))
    unknown = [reason for reason in given if reason not in list(Reason)]
    if unknown or not given:
        raise TryOnError("invalid", f"reasons: {', '.join(unknown) or 'none given'}")
    return _decide(outputs, reviewer, Review.REJECTED, given)


def _decide(outputs: Sequence[TryOnOutput], reviewer: Reviewer, after: Review, reasons: list[str]) -> Decided:
    decided, now, group = Decided(), timezone.now(), uuid.uuid4()
    changed = []
    with transaction.atomic():
        for output in sorted(outputs, key=lambda output: output.pk):
            if output.review == after and output.reasons == reasons:
                decided.done.append(output)
            elif _set(output, reviewer, after, reasons, now):
                changed.append(output)
            else:
                decided.lost.append(output)
        _write_history(changed, reviewer, after, reasons, group, now)
    decided.done += changed
    decided.group = group if changed else None
    for output in changed:
        output.review, output.reasons = after.value, reasons
    return decided


def _set(output: TryOnOutput, reviewer: Reviewer, after: Review, reasons: list[str], now: datetime) -> bool:
    """False: somebody else looks at it or was quicker, it is published, or it is not theirs to decide."""
    if output.review == Review.NONE or not _allowed(output, reviewer):
        return False
    same = TryOnOutput.objects.filter(_free(reviewer, now), pk=output.pk, review=output.review, published_at=None)
    return bool(
        same.update(
            review=after.value,
            reasons=reasons,
            reviewed_by=None if reviewer.link else reviewer.user,
            reviewed_at=now,
            claimed_by="",
            claimed_until=None,
        )
    )


def _allowed(output: TryOnOutput, reviewer: Reviewer) -> bool:
    """An outside reviewer decides about their batch and nothing else."""
    return reviewer.link is None or (reviewer.link.is_open() and output.result.batch_id == reviewer.link.batch_id)


def _write_history(
    outputs: Sequence[TryOnOutput],
    reviewer: Reviewer,
    after: Review,
    reasons: list[str],
    group: uuid.UUID,
    now: datetime,
) -> None:
    ReviewEvent.objects.bulk_create(
        ReviewEvent(
            output=output,
            group=group,
            before=output.review,
            before_reasons=output.reasons,
            after=after.value,
            reasons=reasons,
            actor=reviewer.key,
            name=reviewer.name,
            user=reviewer.user,
            at=now,
        )
        for output in outputs
    )
    message = (
        _("Approved.") if after == Review.APPROVED else _("Rejected: %(why)s.") % {"why": ", ".join(words_of(reasons))}
    )
    _log(outputs, reviewer, message)


def _log(outputs: Iterable[TryOnOutput], reviewer: Reviewer, message: str) -> None:
    """On the shots' own pages. What an outside reviewer did stands there with their name."""
    if reviewer.link:
        message = f"{message} {_('By %(name)s, with a review link.') % {'name': reviewer.name}}"
    rows = {output.result_id: output.result for output in outputs}.values()
    blind = any(row.batch and row.batch.blind for row in rows)  # a price would say whose it is
    (log if blind else log_with_cost)(reviewer.user, rows, message)


def undo(group: uuid.UUID, reviewer: Reviewer) -> int:
    """Take a decision back where nothing happened since; how many pictures are as before. Only one's own, by a link.

    A picture that was asked for with the decision is cancelled, unless it is being made already.
    """
    undone: list[TryOnOutput] = []
    with transaction.atomic():
        events = ReviewEvent.objects.select_for_update(of=("self",)).filter(group=group, undone_at=None)
        if reviewer.link:
            events = events.filter(actor=reviewer.key, output__result__batch=reviewer.link.batch_id)
        for event in events.select_related("output__result"):
            same = TryOnOutput.objects.filter(pk=event.output_id, review=event.after, published_at=None)
            if ReviewEvent.objects.filter(output=event.output_id, pk__gt=event.pk, undone_at=None).exists():
                continue
            if same.update(
                review=event.before, reasons=event.before_reasons, reviewed_by=None, reviewed_at=None, claimed_by=""
            ):
                event.undone_at = timezone.now()
                event.save(update_fields=["undone_at"])
                undone.append(event.output)
                _call_back(event)
        _log(undone, reviewer, _("Decision taken back."))
    return len(undone)


def history(batch: Batch | None = None) -> QuerySet[ReviewEvent]:
    events = ReviewEvent.objects.select_related("output__result__garment", "output__result__preset_model")
    return events.filter(output__result__batch=batch) if batch else events


def regenerate(
    outputs: Sequence[TryOnOutput], reviewer: Reviewer, *, note: str = "", reasons: Iterable[str] = ()
) -> tuple[Decided, list[TryOnResult]]:
    """Refuse these pictures and ask for other ones, all or none. Raises TryOnError.

    Of a picture that was refused already another one is asked for all the same.
    """
    if reviewer.link:
        raise TryOnError("permission_denied", "outside reviewers spend no money")
    fresh = [output for output in outputs if output.review != Review.REJECTED]
    with transaction.atomic():
        decided = _decide(fresh, reviewer, Review.REJECTED, [*reasons])
        if decided.lost:
            raise TryOnError("already_over", "somebody else decided about it")
        rows = {output.result_id: output.result for output in outputs}
        return decided, make_again(rows.values(), user=reviewer.user, note=note.strip())


def _call_back(event: ReviewEvent) -> None:
    """Cancel what was asked for with the decision, in the place of the picture, and is not being made yet."""
    again = TryOnResult.objects.filter(again_of=event.output.result_id, created_at__gte=event.at)
    for row in again.filter(requested_by=event.user_id, status=Status.QUEUED.value, lease_owner=""):
        cancel(row)


# ---------------------------------------------------------------- links for reviewers without an account


def make_link(batch: Batch, *, name: str, user: Any, days: int = LINK_DAYS) -> tuple[ReviewLink, str]:
    """(link, token). The token is shown once and can't be read back."""
    token = secrets.token_urlsafe(32)
    link = ReviewLink.objects.create(
        batch=batch,
        name=name.strip()[:100] or _("Outside reviewer"),
        token_hash=_hash(token),
        created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )
    log(user, [batch], _("Review link made for %(name)s.") % {"name": link.name})
    return link, token


def open_link(token: str) -> ReviewLink | None:
    """The link of a token; None when it never was, has ended or was taken back."""
    link = ReviewLink.objects.select_related("batch", "created_by").filter(token_hash=_hash(token)).first()
    return link if link and link.is_open() else None


def revoke(link: ReviewLink, *, user: Any) -> None:
    ReviewLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now())
    release(Reviewer.outside(link))
    log(user, [link.batch], _("Review link of %(name)s taken back.") % {"name": link.name})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
