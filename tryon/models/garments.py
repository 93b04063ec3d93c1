"""What can be tried on, and the models a shop offers beside the shopper's own photo."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tryon.choices import Category
from tryon.storage import garment_storage


def garment_path(garment: Garment, filename: str) -> str:
    """A name we make: nothing of the uploaded name is kept."""
    return f"garments/{uuid.uuid4().hex}{_suffix(filename)}"


def preset_path(preset: PresetModel, filename: str) -> str:
    return f"models/{uuid.uuid4().hex}{_suffix(filename)}"


def _suffix(filename: str) -> str:
    return ".png" if filename.endswith(".png") else ".jpg"


class Garment(models.Model):
    """One picture of one product variant, ready to be tried on.

    ``product_ref`` is the shop's own key of the product, made by the catalog adapter; ``variant`` tells the colours
    of a product apart.
    """

    product_ref = models.CharField(_("product"), max_length=200)
    variant = models.CharField(_("variant"), max_length=100, blank=True, help_text=_("For example the colour."))
    name = models.CharField(_("name"), max_length=200)
    category = models.CharField(
        _("category"),
        max_length=10,
        choices=[
            (Category.UPPER.value, _("Upper body")),
            (Category.LOWER.value, _("Lower body")),
            (Category.FULL.value, _("Full body")),
        ],
    )
    image = models.FileField(_("picture"), storage=garment_storage, upload_to=garment_path, max_length=200)
    thumb = models.FileField(storage=garment_storage, upload_to=garment_path, max_length=200, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    active = models.BooleanField(_("can be tried on"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("garment")
        verbose_name_plural = _("garments")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["product_ref", "variant"], name="tryon_garment_product_variant"),
            models.CheckConstraint(
                condition=models.Q(category__in=[c.value for c in Category]), name="tryon_garment_category"
            ),
            models.CheckConstraint(condition=~models.Q(product_ref=""), name="tryon_garment_product_ref"),
        ]
        indexes = [models.Index(fields=["active", "category", "id"], name="tryon_garment_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.variant})" if self.variant else self.name


def former_path(former: FormerPicture, filename: str) -> str:
    return f"former/{uuid.uuid4().hex}{_suffix(filename)}"


class FormerPicture(models.Model):
    """A picture that a garment had before an edited one was put in its place. It can come back."""

    garment = models.ForeignKey(Garment, on_delete=models.CASCADE, related_name="former_pictures")
    image = models.FileField(storage=garment_storage, upload_to=former_path, max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    replaced_at = models.DateTimeField(auto_now_add=True)
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("former picture")
        verbose_name_plural = _("former pictures")
        ordering = ["-replaced_at", "-id"]

    def __str__(self) -> str:
        return f"{self.garment}, {self.replaced_at:%Y-%m-%d}"


class PresetModel(models.Model):
    """A model to see a garment on: a drawn mannequin of the local engine, or a photo that the shop may use."""

    name = models.CharField(_("name"), max_length=100)
    image = models.FileField(_("picture"), storage=garment_storage, upload_to=preset_path, max_length=200)
    thumb = models.FileField(storage=garment_storage, upload_to=preset_path, max_length=200, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    mannequin = models.CharField(
        _("mannequin"),
        max_length=50,
        blank=True,
        editable=False,
        help_text=_("Key of a drawn mannequin; its joints are known and need not be found."),
    )
    size = models.CharField(_("size"), max_length=20, blank=True)
    skin_tone = models.CharField(_("skin tone"), max_length=40, blank=True)
    active = models.BooleanField(_("offered"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("preset model")
        verbose_name_plural = _("preset models")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["mannequin"], condition=~models.Q(mannequin=""), name="tryon_presetmodel_mannequin"
            ),
        ]
        indexes = [models.Index(fields=["active", "position", "id"], name="tryon_presetmodel_list")]

    def __str__(self) -> str:
        return self.name
