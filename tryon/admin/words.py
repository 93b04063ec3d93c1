"""Words of the admin: what a status is called, and what staff can do about an error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.choices import Status
from tryon.errors import ERRORS, NextStep, TryOnError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class StatusWord:
    word: _StrPromise
    tone: str  # CSS class of the chip: wait, work, good, bad, note or quiet


STATUS_WORDS = {
    Status.QUEUED: StatusWord(gettext_lazy("Waiting"), "wait"),
    Status.SUBMITTING: StatusWord(gettext_lazy("Being made"), "work"),
    Status.PROCESSING: StatusWord(gettext_lazy("Being made"), "work"),
    Status.DELIVERING: StatusWord(gettext_lazy("Being saved"), "work"),
    Status.SUCCEEDED: StatusWord(gettext_lazy("Ready"), "good"),
    Status.FAILED: StatusWord(gettext_lazy("Failed"), "bad"),
    Status.BLOCKED: StatusWord(gettext_lazy("Refused"), "bad"),
    Status.CANCELED: StatusWord(gettext_lazy("Cancelled"), "quiet"),
    Status.UNCERTAIN: StatusWord(gettext_lazy("Outcome unknown"), "note"),
}

_OTHER_GARMENT_PICTURE = gettext_lazy("Upload another picture of the garment, then make it again.")
_OTHER_MODEL_PHOTO = gettext_lazy("Choose another preset model, or give this one another photo.")
_FIXES = {
    "garment_unsuitable": _OTHER_GARMENT_PICTURE,
    "gone": _OTHER_GARMENT_PICTURE,  # the file of the garment is missing
    "content_blocked": _OTHER_GARMENT_PICTURE,
    "image_too_small": _OTHER_GARMENT_PICTURE,
    "aspect_ratio": _OTHER_GARMENT_PICTURE,
    "malformed_image": _OTHER_GARMENT_PICTURE,
    "no_person": _OTHER_MODEL_PHOTO,
    "several_people": _OTHER_MODEL_PHOTO,
    "face_only": _OTHER_MODEL_PHOTO,
    "turned_away": _OTHER_MODEL_PHOTO,
    "not_upright": _OTHER_MODEL_PHOTO,
    "legs_not_visible": _OTHER_MODEL_PHOTO,
    "config": gettext_lazy("Check the key and the credit of the provider in the settings, then make it again."),
    "timed_out": gettext_lazy("Check that a worker runs (manage.py qcluster), then make it again."),
    "worker_died": gettext_lazy("The worker's log says why, often too little memory. Then make it again."),
    "provider_down": gettext_lazy("Make it again. If it fails again, see the log and the provider's status page."),
    "canceled": gettext_lazy("Make it again when you want it."),
}


_ENGINE_WARNINGS = {
    "garment_worn_by_model": gettext_lazy("The garment was cut out of a photo of somebody wearing it."),
    "garment_background_textured": gettext_lazy(
        "The background of the garment picture is not plain; look at the edges."
    ),
    "crotch_guessed": gettext_lazy("Where the legs of the garment part was guessed."),
    "arm_outside_frame": gettext_lazy("An arm of the model is outside the picture."),
    "outline_uncertain": gettext_lazy("The outline of the model was hard to find; look at the edges."),
}


def chip(word: str, tone: str) -> SafeString:
    return format_html('<span class="tryon-chip tryon-chip-{}">{}</span>', tone, word)


def status_chip(status: str) -> SafeString:
    known = STATUS_WORDS[Status(status)]
    return chip(str(known.word), known.tone)


def staff_text(code: str, params: Mapping[str, Any] | None = None) -> str:
    """The table's words for staff. An unknown code reads as the code itself."""
    if code not in ERRORS:
        return code.replace("_", " ")
    return str(ERRORS[code].staff).format_map(defaultdict(lambda: "…", params or {}))


def warning_text(code: str) -> str:
    """What the maker of a picture remarked on it."""
    return str(_ENGINE_WARNINGS[code]) if code in _ENGINE_WARNINGS else staff_text(code)


def fix_text(code: str) -> str:
    """What staff can do about a shot that ended with ``code``."""
    if code in _FIXES:
        return str(_FIXES[code])
    step = ERRORS[code].next_step if code in ERRORS else NextStep.SAME_PHOTO
    return str(_OTHER_GARMENT_PICTURE if step in (NextStep.OTHER_PHOTO, NextStep.CHOICE) else _FIXES["provider_down"])


def upload_error(error: TryOnError) -> str:
    """For a form field: what staff should know, then what a shopper would be told to do."""
    words = f"{staff_text(error.code, error.params)} {error.text}"
    return f"{words} ({error.detail})" if error.detail else words


def duration(length: timedelta) -> str:
    """``0.4 s``, ``38 s``, ``12 min``."""
    seconds = length.total_seconds()
    if seconds < 10:
        return _("%(seconds).1f s") % {"seconds": seconds}
    if seconds < 120:
        return _("%(seconds)d s") % {"seconds": seconds}
    return _("%(minutes)d min") % {"minutes": seconds / 60}


def count_shots(number: int) -> str:
    return ngettext("%(number)d shot", "%(number)d shots", number) % {"number": number}
