"""Signals, all sent after commit with ``send_robust``: a receiver that fails never breaks a preview.

``tryon_requested(sender=TryOnResult, result)``  a row was queued
``tryon_finished(sender=TryOnResult, result)``   a row reached a final status
``shot_published(sender=TryOnOutput, output)``   an on-model shot went to the product gallery
``consent_given(sender=Consent, consent)``       a shopper agreed to the photo notice
``photos_deleted(sender=Shopper, shopper_id, photos, results)``  counts of what was deleted
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import Signal

tryon_requested = Signal()
tryon_finished = Signal()
shot_published = Signal()
consent_given = Signal()
photos_deleted = Signal()


def send_after_commit(signal: Signal, sender: type[Any], **kwargs: Any) -> None:
    transaction.on_commit(lambda: signal.send_robust(sender=sender, **kwargs))
