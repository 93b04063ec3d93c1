"""The one error table: code, HTTP status, words for the shopper, what to do next, words for the shop.

``TryOnError(code, detail, **params)`` is raised for everything that a person can act on; the code is looked up
in ``ERRORS``. ``detail`` is for the shop's staff and the log: it names sizes and reasons, and never carries a
request body, a key, a URL or a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, InternalError, OperationalError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


# gone, restarting, read-only, or the statement was ended: the same request may succeed a little later
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)
AWAY_SECONDS = 30  # for Retry-After


class NextStep(StrEnum):
    """What helps after this error."""

    OTHER_PHOTO = "other_photo"
    SAME_PHOTO = "same_photo"  # nothing was wrong with the photo: try again
    CHOICE = "choice"  # a warning; the shopper may go on
    LATER = "later"  # try again at the time given
    AGREE = "agree"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One row of the table. ``text`` and ``staff`` may hold ``{name}`` fields filled from the error's params."""

    status: int
    title: _StrPromise
    text: _StrPromise
    next_step: NextStep
    staff: _StrPromise

    @property
    def retryable(self) -> bool:
        """True when the same request may succeed later without another photo."""
        return self.next_step in (NextStep.SAME_PHOTO, NextStep.LATER, NextStep.AGREE)


class TryOnError(Exception):
    """An expected fault with a code from ``ERRORS``."""

    def __init__(self, code: str, detail: str = "", **params: Any) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.params = params

    @property
    def spec(self) -> ErrorText:
        return ERRORS.get(self.code, ERRORS["provider_down"])

    @property
    def text(self) -> str:
        """The shopper's words, in the active language."""
        return shopper_text(self.code, self.params)

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait, when the error knows them."""
        value = self.params.get("retry_after")
        return None if value is None else int(value)


def shopper_text(code: str, params: dict[str, Any] | None = None) -> str:
    """The shopper's words for ``code``; an unknown code reads as ``provider_down``."""
    params = params or {}
    template = _counted(code, params) or str(ERRORS.get(code, ERRORS["provider_down"]).text)
    return template.format_map(_Params(params))


def _counted(code: str, params: dict[str, Any]) -> str:
    """The words of the two rows that count something, in the plural form of the active language."""
    limit, minutes = params.get("limit"), params.get("minutes")
    if code == "quota_shopper" and isinstance(limit, int):
        return ngettext(
            "You've used today's {limit} preview. More at {time}.",
            "You've used today's {limit} previews. More at {time}.",
            limit,
        )
    if code == "busy" and isinstance(minutes, int):
        return ngettext(
            "Many people are trying things on. Try again in about {minutes} minute.",
            "Many people are trying things on. Try again in about {minutes} minutes.",
            minutes,
        )
    return ""


class _Params(dict[str, Any]):
    """A missing field becomes a neutral word instead of a crash while an error is being shown."""

    def __missing__(self, key: str) -> str:
        return "…"


_TITLE_PHOTO = _("This photo can't be used")
_TITLE_FILE = _("This file can't be used")
_TITLE_OURS = _("The preview could not be made")
_TITLE_WAIT = _("Please try again later")

OTHER, SAME, CHOICE, LATER = NextStep.OTHER_PHOTO, NextStep.SAME_PHOTO, NextStep.CHOICE, NextStep.LATER

ERRORS: dict[str, ErrorText] = {
    # ---- the file
    "unsupported_image_format": ErrorText(
        415,
        _TITLE_FILE,
        _("We can't read that kind of file. Choose a JPEG, PNG or WebP photo."),
        OTHER,
        _("File type not accepted. HEIC photos need: pip install django-tryon[heif]."),
    ),
    "malformed_image": ErrorText(
        422,
        _TITLE_FILE,
        _("That file is damaged. Try another photo."),
        OTHER,
        _("The picture could not be decoded whole."),
    ),
    "animated_image": ErrorText(
        422,
        _TITLE_FILE,
        _("That file moves. Use a still photo."),
        OTHER,
        _("The picture has more than one frame."),
    ),
    "file_size_too_large": ErrorText(
        413,
        _TITLE_FILE,
        _("That photo is over {limit} MB. Choose a smaller one."),
        OTHER,
        _("Larger than the limit of {limit} MB."),
    ),
    "resolution_too_high": ErrorText(
        422,
        _TITLE_FILE,
        _("That photo has too many pixels. Choose a smaller one."),
        OTHER,
        _("More pixels than the limit."),
    ),
    "image_too_small": ErrorText(
        422,
        _TITLE_PHOTO,
        _("That photo is too small. Use one at least {limit} pixels wide and high."),
        OTHER,
        _("Shorter side under {limit} pixels, or the person is too small in it."),
    ),
    "aspect_ratio": ErrorText(
        422,
        _TITLE_PHOTO,
        _("That photo is too long and narrow. Use an upright photo."),
        OTHER,
        _("Longer than 8:1."),
    ),
    "processing_timeout": ErrorText(
        422,
        _TITLE_FILE,
        _("We couldn't process that photo. Try another."),
        OTHER,
        _("Decoding took too long or too much memory."),
    ),
    "photo_dark": ErrorText(
        422,
        _TITLE_PHOTO,
        _("This photo looks too dark, so the preview may be poor."),
        CHOICE,
        _("Mean brightness under the limit."),
    ),
    "photo_blurry": ErrorText(
        422,
        _TITLE_PHOTO,
        _("This photo looks blurry, so the preview may be poor."),
        CHOICE,
        _("Sharpness under the limit."),
    ),
    "photo_unreachable": ErrorText(
        422,
        _TITLE_FILE,
        _("We couldn't fetch a photo from that address."),
        OTHER,
        _("The address was refused, or gave no photo in time."),
    ),
    # ---- who is in it
    "no_person": ErrorText(
        422,
        _TITLE_PHOTO,
        _("We couldn't find a person in this photo. Use one that shows you from head to hips."),
        OTHER,
        _("No person was found."),
    ),
    "several_people": ErrorText(
        422,
        _TITLE_PHOTO,
        _("We see more than one person. Use a photo with only you in it."),
        OTHER,
        _("More than one person was found."),
    ),
    "face_only": ErrorText(
        422,
        _TITLE_PHOTO,
        _("We can see a face but not enough of the body. Use a photo that shows you from head to hips."),
        OTHER,
        _("Shoulders or chest are not in the picture."),
    ),
    "turned_away": ErrorText(
        422,
        _TITLE_PHOTO,
        _("Please face the camera. This photo is taken from the side or from behind."),
        OTHER,
        _("The person is turned sideways or away."),
    ),
    "not_upright": ErrorText(
        422,
        _TITLE_PHOTO,
        _("This photo looks rotated. Use one where you stand or sit upright."),
        OTHER,
        _("The body axis is not upright."),
    ),
    "child_sized": ErrorText(
        422,
        _TITLE_PHOTO,
        _("This shop makes previews for adults only. Use a photo of an adult, taken from chest height."),
        OTHER,
        _("The body has a child's proportions. The option child_sized of the local provider sets the shop's rule."),
    ),
    "low_confidence": ErrorText(
        422,
        _TITLE_PHOTO,
        _("The preview would not look right. Stand facing the camera, arms a little away, in close-fitting clothes."),
        OTHER,
        _("The picture would be too poor to show. The option min_confidence of the local provider sets the limit."),
    ),
    "legs_not_visible": ErrorText(
        422,
        _TITLE_PHOTO,
        _("Your legs are not in the photo. For this garment use a full-length photo."),
        OTHER,
        _("Trousers, skirts and dresses need hips and knees in the picture."),
    ),
    "content_blocked": ErrorText(
        422, _TITLE_PHOTO, _("We can't use this photo."), OTHER, _("Refused by content rules.")
    ),
    # ---- consent, quota, load
    "consent_missing": ErrorText(
        422, _("Please agree first"), _("Please agree first."), NextStep.AGREE, _("No consent was given.")
    ),
    "consent_outdated": ErrorText(
        409,
        _("Please agree again"),
        _("Our photo notice changed, please read it again."),
        NextStep.AGREE,
        _("Consent to an older notice."),
    ),
    "quota_shopper": ErrorText(
        429,
        _TITLE_WAIT,
        _("You've used today's {limit} previews. More at {time}."),
        LATER,
        _("Daily limit of this shopper reached."),
    ),
    "busy": ErrorText(
        503,
        _TITLE_WAIT,
        _("Many people are trying things on. Try again in about {minutes} minutes."),
        LATER,
        _("The queue is too long."),
    ),
    # ---- the garment
    "garment_unsuitable": ErrorText(
        409,
        _("Not available for this product"),
        _("This product can't be tried on yet."),
        NextStep.NONE,
        _("The garment has no usable picture. Use a photo on a plain background, or a PNG with transparency."),
    ),
    "not_available": ErrorText(
        409,
        _("Not available for this product"),
        _("This product can't be tried on."),
        NextStep.NONE,
        _("No garment is linked, it is switched off, or no provider can make it."),
    ),
    "region": ErrorText(
        409,
        _("Not available for this product"),
        _("This product can't be tried on where you are."),
        NextStep.NONE,
        _("The shop's catalog adapter refused it for this visitor."),
    ),
    # ---- making it
    "provider_down": ErrorText(
        502,
        _TITLE_OURS,
        _("Something went wrong on our side. You were not charged a try."),
        SAME,
        _("The provider failed."),
    ),
    "timed_out": ErrorText(
        504,
        _TITLE_OURS,
        _("That took too long. You were not charged a try."),
        SAME,
        _("The deadline passed."),
    ),
    "worker_died": ErrorText(
        500,
        _TITLE_OURS,
        _("Something went wrong on our side. You were not charged a try."),
        SAME,
        _("The worker died while it made this picture, several times."),
    ),
    "config": ErrorText(
        502,
        _TITLE_OURS,
        _("Something went wrong on our side. You were not charged a try."),
        SAME,
        _("The provider refused our account: key or credit."),
    ),
    "canceled": ErrorText(
        409, _("Stopped"), _("You stopped this preview."), SAME, _("Stopped by the shopper or the shop.")
    ),
    "already_over": ErrorText(
        409,
        _("Too late"),
        _("This preview is finished already."),
        NextStep.NONE,
        _("The row had reached its end."),
    ),
    "decided_already": ErrorText(
        409,
        _("Too late"),
        _("Somebody else was quicker."),
        NextStep.NONE,
        _("The picture was decided about or published meanwhile."),
    ),
    "not_publishable": ErrorText(
        409, _("Can't be published"), _("{why}"), NextStep.NONE, _("What publishing would refuse.")
    ),
    "storage_unavailable": ErrorText(
        503,
        _TITLE_WAIT,
        _("We couldn't save your photo just now. Try again in a minute."),
        LATER,
        _("The private storage refused to write."),
    ),
    "face_not_hidden": ErrorText(
        422,
        _("The face could not be hidden"),
        _("We can't be sure to hide the face in this picture, so no link was made. You can make one that shows it."),
        NextStep.NONE,
        _("No face was found, or the built-in engine is not installed."),
    ),
    "sharing_off": ErrorText(
        409,
        _("Not shared"),
        _("This preview can't be shared."),
        NextStep.NONE,
        _("Sharing is off, or it has no picture."),
    ),
    # ---- the request itself
    "not_found": ErrorText(
        404, _("Not found"), _("This preview is no longer here."), NextStep.NONE, _("Foreign, deleted or never there.")
    ),
    "gone": ErrorText(410, _("Gone"), _("This preview is no longer here."), NextStep.NONE, _("Deleted or expired.")),
    "invalid": ErrorText(
        422,
        _("Please check the form"),
        _("Something in the form is missing or wrong."),
        NextStep.NONE,
        _("Validation failed."),
    ),
    "malformed_request": ErrorText(
        400,
        _("Bad request"),
        _("We could not read that request."),
        NextStep.NONE,
        _("The request could not be parsed."),
    ),
    "unsupported_media_type": ErrorText(
        415,
        _("Unsupported media type"),
        _("We can't read that kind of request."),
        NextStep.NONE,
        _("Content type not accepted."),
    ),
    "method_not_allowed": ErrorText(
        405, _("Method not allowed"), _("That can't be done here."), NextStep.NONE, _("Wrong HTTP method.")
    ),
    "not_acceptable": ErrorText(
        406, _("Not acceptable"), _("We can't answer in that form."), NextStep.NONE, _("No matching renderer.")
    ),
    "not_authenticated": ErrorText(
        401, _("Please sign in"), _("Please sign in or start a session."), NextStep.NONE, _("No valid session token.")
    ),
    "permission_denied": ErrorText(
        403, _("Not allowed"), _("You may not do that."), NextStep.NONE, _("Missing permission.")
    ),
    "throttled": ErrorText(
        429, _TITLE_WAIT, _("Too many requests. Please wait a moment."), LATER, _("Burst limit reached.")
    ),
    "idempotency_mismatch": ErrorText(
        422,
        _("Request differs"),
        _("This key was used for another request."),
        NextStep.NONE,
        _("Same Idempotency-Key, other body."),
    ),
    "idempotency_conflict": ErrorText(
        409,
        _("Still in progress"),
        _("The first request with this key is still running."),
        LATER,
        _("Same Idempotency-Key in flight."),
    ),
    "unavailable": ErrorText(
        503, _TITLE_WAIT, _("Something went wrong on our side."), LATER, _("The database does not answer; see the log.")
    ),
    "server_error": ErrorText(
        500,
        _TITLE_OURS,
        _("Something went wrong on our side."),
        SAME,
        _("An unexpected error; see the log."),
    ),
}
