"""The photo notice: written from the live settings, so that it can't promise what isn't done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon.choices import Operation
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.models import Consent, Shopper
from tryon.runner.routing import configured
from tryon.signals import consent_given, send_after_commit


@dataclass(frozen=True, slots=True)
class Notice:
    """What a shopper agrees to. ``version`` changes whenever the facts behind the words change."""

    version: str
    text: str
    providers: tuple[str, ...]


def current_notice() -> Notice:
    """The notice in the active language."""
    routed = configured(Operation.TRY_ON)
    providers = tuple(provider.alias for provider in routed)
    receivers = tuple(provider.alias for provider in routed if provider.leaves_server)
    facts = {
        "providers": sorted(providers),
        "receivers": sorted(receivers),
        "photo_hours": conf.PHOTO_RETENTION_HOURS,
        "result_hours": conf.RESULT_RETENTION_HOURS,
        "age": conf.MINIMUM_AGE,
    }
    return Notice(version=_version(facts), text=_text(receivers), providers=providers)


def _version(facts: dict[str, object]) -> str:
    """Of the facts and of the English words: a translation that is mended asks nobody to agree again."""
    with translation.override("en"):
        words = _text(tuple(map(str, facts["receivers"])))  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps([facts, words], sort_keys=True).encode()).hexdigest()[:12]


def _text(receivers: tuple[str, ...]) -> str:
    sentences = []
    if conf.MINIMUM_AGE:
        sentences.append(
            _("I am %(age)d or older, and this photo shows me or somebody who agreed.") % {"age": conf.MINIMUM_AGE}
        )
    else:
        sentences.append(_("This photo shows me or somebody who agreed."))
    if receivers:
        sentences.append(_("It is sent to %(receivers)s to make the preview.") % {"receivers": ", ".join(receivers)})
    else:
        sentences.append(_("The preview is made on this shop's own server; nobody else gets the photo."))
    sentences.append(
        ngettext(
            "The photo is deleted after %(hours)d hour,",
            "The photo is deleted after %(hours)d hours,",
            conf.PHOTO_RETENTION_HOURS,
        )
        % {"hours": conf.PHOTO_RETENTION_HOURS}
        + " "
        + ngettext(
            "the preview after %(hours)d hour, and both at once when I say so.",
            "the preview after %(hours)d hours, and both at once when I say so.",
            conf.RESULT_RETENTION_HOURS,
        )
        % {"hours": conf.RESULT_RETENTION_HOURS}
    )
    return " ".join(sentences)


def standing_consent(shopper: Shopper) -> Consent | None:
    """The shopper's consent to the notice as it is now."""
    version = current_notice().version
    return shopper.consents.filter(version=version, withdrawn_at__isnull=True).first()


def give_consent(shopper: Shopper, version: str, *, channel: str) -> Consent:
    """Record that the shopper agreed to ``version``. Raises consent_missing or consent_outdated."""
    notice = current_notice()
    if not version:
        raise TryOnError("consent_missing")
    if version != notice.version:
        raise TryOnError("consent_outdated")
    existing = standing_consent(shopper)
    if existing:
        return existing
    try:
        with transaction.atomic():
            consent = Consent.objects.create(
                shopper=shopper,
                version=notice.version,
                text=notice.text,
                language=translation.get_language() or "",
                providers=list(notice.providers),
                channel=channel,
                given_at=timezone.now(),
            )
    except IntegrityError:  # a second request was quicker
        return Consent.objects.get(shopper=shopper, version=version, withdrawn_at__isnull=True)
    send_after_commit(consent_given, Consent, consent=consent)
    return consent
