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
from tryon.providers.base import Provider
from tryon.providers.facts import Facts
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
    aliases = tuple(provider.alias for provider in routed)
    receivers = [provider for provider in routed if provider.leaves_server]
    return Notice(version=_version(aliases, receivers), text=_text(receivers), providers=aliases)


def _version(aliases: tuple[str, ...], receivers: list[Provider]) -> str:
    """Of the facts and of the English words: a translation that is mended asks nobody to agree again, and neither do
    two providers that change places.
    """
    by_name = sorted(receivers, key=lambda provider: provider.alias)
    with translation.override("en"):
        facts = [sorted(aliases), [[each.alias, *_documented(each.facts)] for each in by_name], _text(by_name)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _documented(facts: Facts | None) -> list[str]:
    return [str(facts.place), str(facts.photo), str(facts.result)] if facts else []


def _named(provider: Provider) -> str:
    """Who, and where if their documentation says so."""
    if provider.facts is None or not provider.facts.place:
        return provider.company
    return _("%(company)s (%(place)s)") % {"company": provider.company, "place": provider.facts.place}


def _text(receivers: list[Provider]) -> str:
    sentences = []
    if conf.MINIMUM_AGE:
        sentences.append(
            _("I am %(age)d or older, and this photo shows me or somebody who agreed.") % {"age": conf.MINIMUM_AGE}
        )
    else:
        sentences.append(_("This photo shows me or somebody who agreed."))
    if receivers:
        sentences.append(
            _("It is sent to %(receivers)s to make the preview.") % {"receivers": ", ".join(map(_named, receivers))}
        )
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
                subject=shopper.pk,
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
