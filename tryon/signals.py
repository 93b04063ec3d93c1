"""Signals, all sent after commit with ``send_robust``: a receiver that fails never breaks a preview.

``tryon_requested(sender=TryOnResult, result)``  a row was queued
``tryon_finished(sender=TryOnResult, result)``   a row reached a final status
``shot_published(sender=TryOnOutput, output)``   an on-model shot went to the product gallery
``consent_given(sender=Consent, consent)``       a shopper agreed to the photo notice
``consent_withdrawn(sender=Shopper, shopper_id, consents)``  they took it back: how many agreements ended
``photo_stored(sender=ShopperPhoto, photo)``     a shopper's photo is here
``preview_shared(sender=ShareLink, link)``       a link to a preview was made; it does not hold the token
``feedback_given(sender=Feedback, feedback)``    a shopper said what they think of a preview
``picture_reported(sender=ShareLink, link)``     somebody reported a shared preview; its link shows nothing any more
``tryon_alert(sender=Alert, kind, cause, words, todo)``  an operator should know; see ``tryon.alerts``
``photos_deleted(sender=Shopper, shopper_id, photos, results)``  counts of what was deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.dispatch import Signal

tryon_requested = Signal()
tryon_finished = Signal()
shot_published = Signal()
consent_given = Signal()
consent_withdrawn = Signal()
photo_stored = Signal()
preview_shared = Signal()
feedback_given = Signal()
picture_reported = Signal()
photos_deleted = Signal()
tryon_alert = Signal()
# ours: for a call of this batch no money was left, of its own limit or of another cap
money_refused = Signal()
# ours: sent at once, inside the transaction, with ``what`` the others will tell after it: ``told``, a list of arguments
announced = Signal()


def send_after_commit(signal: Signal, sender: type[Any], **kwargs: Any) -> None:
    send_each_after_commit(signal, sender, [kwargs])


def send_each_after_commit(signal: Signal, sender: type[Any], told: Sequence[Mapping[str, Any]]) -> None:
    """Once for each of ``told``, the arguments."""

    def send() -> None:
        for kwargs in told:
            signal.send_robust(sender=sender, **kwargs)

    if told:
        announced.send(sender=sender, what=signal, told=told)
        transaction.on_commit(send)
