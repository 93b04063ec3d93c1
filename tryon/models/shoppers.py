"""Who the shopper is to us (a key, no name), what they agreed to, and their photos."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.storage import photo_storage

if TYPE_CHECKING:
    from datetime import datetime


def photo_path(photo: ShopperPhoto, filename: str) -> str:
    return f"photos/{photo.pk.hex}.jpg"


class Shopper(models.Model):
    """The owner of photos and previews: a signed-in user, or an anonymous key.

    Browsers carry the id in a signed cookie; apps carry a token of which only the hash is here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    token_hash = models.CharField(max_length=64, null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("shopper")
        verbose_name_plural = _("shoppers")

    def __str__(self) -> str:
        return str(self.pk)


class Consent(models.Model):
    """Evidence of one agreement: which words, in which language, naming which providers, when, through which door.

    It outlives its shopper for ``CONSENT_RETENTION_DAYS``: ``subject`` is then all that is left, an id without a name.
    """

    shopper = models.ForeignKey(Shopper, on_delete=models.SET_NULL, null=True, blank=True, related_name="consents")
    subject = models.UUIDField(null=True, editable=False)
    version = models.CharField(max_length=16)
    text = models.TextField()
    language = models.CharField(max_length=16)
    providers = models.JSONField(default=list)
    channel = models.CharField(max_length=10)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["shopper", "version"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="tryon_consent_one_per_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.given_at:%Y-%m-%d}"


class ShopperPhotoQuerySet(models.QuerySet["ShopperPhoto"]):
    def usable(self, now: datetime | None = None) -> ShopperPhotoQuerySet:
        return self.filter(expires_at__gt=now or timezone.now())


class ShopperPhoto(models.Model):
    """A photo a shopper gave: upright, without metadata, private, deleted at ``expires_at``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    shopper = models.ForeignKey(Shopper, on_delete=models.CASCADE, related_name="photos")
    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="photos")
    file = models.FileField(storage=photo_storage, upload_to=photo_path, max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    warnings = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = ShopperPhotoQuerySet.as_manager()

    class Meta:
        verbose_name = _("shopper photo")
        verbose_name_plural = _("shopper photos")
        indexes = [models.Index(fields=["shopper", "-created_at"], name="tryon_photo_latest")]

    def __str__(self) -> str:
        return str(self.pk)
