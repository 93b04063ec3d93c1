"""A shopper's word on a preview: liked or not, and why, from a closed list."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from tryon.choices import FeedbackReason, Status
from tryon.errors import TryOnError
from tryon.models import Feedback, TryOnResult
from tryon.signals import feedback_given, send_after_commit

MOST_REASONS = 5
REASONS = {
    FeedbackReason.FACE: _("My face looks different"),
    FeedbackReason.BODY: _("My body or pose looks different"),
    FeedbackReason.GARMENT: _("The garment looks different"),
    FeedbackReason.COLOUR: _("The colour is wrong"),
    FeedbackReason.PLACE: _("It sits in the wrong place"),
    FeedbackReason.QUALITY: _("Blurred or unnatural"),
}


def choices() -> list[tuple[str, str]]:
    """Values and words for a form, in the active language."""
    return [(reason.value, str(words)) for reason, words in REASONS.items()]


def give(result: TryOnResult, *, liked: bool, reasons: Iterable[str] = ()) -> Feedback:
    """Record it; a second word on the same preview replaces the first. Raises invalid, not_found."""
    if result.status != Status.SUCCEEDED:
        raise TryOnError("invalid", "only a finished preview can be judged")
    chosen = list(dict.fromkeys(reasons))
    unknown = sorted(set(chosen) - {reason.value for reason in FeedbackReason})
    if unknown or len(chosen) > MOST_REASONS:
        raise TryOnError("invalid", f"unknown reasons: {', '.join(unknown)}" if unknown else "too many reasons")
    said = {"liked": liked, "reasons": chosen, "provider": result.provider, "garment_id": result.garment_id}
    try:
        with transaction.atomic():
            if not TryOnResult.objects.select_for_update().filter(pk=result.pk).exists():
                raise TryOnError("not_found")
            feedback, _made = Feedback.objects.update_or_create(result=result, defaults=said)
            send_after_commit(feedback_given, Feedback, feedback=feedback)
    except IntegrityError as error:  # deleted in between
        raise TryOnError("not_found") from error
    return feedback
