"""Garments and preset models from pictures: the only way in, through intake."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.catalog import get_catalog
from tryon.choices import Category
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.images.intake import Limits, Picture, intake
from tryon.images.renditions import renditions
from tryon.models import FormerPicture, Garment, PresetModel, TryOnOutput

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from tryon.catalog import GarmentSource

MIN_GARMENT_SIDE = 128


def picture_limits(**changes: Any) -> Limits:
    """The limits of the settings, for every picture that people give."""
    return Limits(
        **{
            "max_bytes": conf.MAX_UPLOAD_MB * 1024 * 1024,
            "max_pixels": conf.MAX_PIXELS,
            "min_side": conf.MIN_SIDE,
            "max_edge": conf.MAX_EDGE,
            **changes,
        }
    )


def photo_tips(category: str = "") -> list[str]:
    """What a good photo shows, for a garment of ``category``; "": for any."""
    upper = category == Category.UPPER
    return [
        _("Only you, facing the camera"),
        _("From head to hips, arms at your sides") if upper else _("From head to toe, arms at your sides"),
        _("Good light, close-fitting clothes"),
    ]


def garment_picture(source: IO[bytes] | bytes) -> Picture:
    """A garment picture, decoded and checked; transparency is kept. Raises TryOnError."""
    return intake(source, limits=picture_limits(min_side=MIN_GARMENT_SIDE, keep_alpha=True))


def set_picture(row: Garment | PresetModel, picture: Picture) -> None:
    """Write the picture and its thumbnail and save the row; files that are replaced go after the commit."""
    old = [field for field in (row.image, row.thumb) if field]
    old_files = [(field.storage, field.name) for field in old if field.name]
    suffix = ".png" if picture.mime == "image/png" else ".jpg"
    row.image.save(f"picture{suffix}", ContentFile(picture.data), save=False)
    small = renditions(picture)["thumb"]
    row.thumb.save("thumb.png" if small.mime == "image/png" else "thumb.jpg", ContentFile(small.data), save=False)
    row.width, row.height, row.sha256 = picture.width, picture.height, picture.sha256
    row.save()

    def discard() -> None:
        for storage, name in old_files:
            storage.delete(name)

    transaction.on_commit(discard)


@transaction.atomic
def exchange_picture(garment: Garment, picture: Picture, *, user: AbstractBaseUser | None = None) -> FormerPicture:
    """Give the garment another picture and keep the one it had."""
    former = FormerPicture(garment=garment, replaced_by=user)  # type: ignore[misc]
    former.width, former.height, former.sha256 = garment.width, garment.height, garment.sha256
    with garment.image.open("rb") as file:
        former.image.save(str(garment.image.name), ContentFile(file.read()), save=False)
    former.save()
    set_picture(garment, picture)
    return former


@transaction.atomic
def bring_back(former: FormerPicture, *, user: AbstractBaseUser | None = None) -> FormerPicture:
    """Put a former picture in place again; the present one becomes a former one."""
    with former.image.open("rb") as file:
        data = file.read()
    mime = "image/png" if str(former.image.name).endswith(".png") else "image/jpeg"
    replaced = exchange_picture(former.garment, Picture.of(data, mime, (former.width, former.height)), user=user)
    former.delete()
    return replaced


@transaction.atomic
def save_garment(
    product_ref: str, variant: str, *, name: str, category: Category, picture: Picture
) -> tuple[Garment, bool]:
    """Make or refresh the garment of one variant. (garment, changed): an unchanged picture is left alone."""
    garment = Garment.objects.filter(product_ref=product_ref, variant=variant).first()
    if garment is None:
        garment = Garment(product_ref=product_ref, variant=variant)
    kept = not garment._state.adding and _has_it(garment, picture)
    if kept and garment.name == name and garment.category == category:
        return garment, False
    garment.name, garment.category = name, category.value
    if kept:
        garment.save()
    else:
        set_picture(garment, picture)
    return garment, True


def _has_it(garment: Garment, picture: Picture) -> bool:
    """It has this picture, or staff put an edited one in its place: that stays until the shop has a new one."""
    return garment.sha256 == picture.sha256 or garment.former_pictures.filter(sha256=picture.sha256).exists()


def sync_product(product: Any) -> tuple[list[Garment], list[tuple[str, TryOnError]]]:
    """Make garments of all pictures the catalog gives for ``product``: (garments, [(variant, why not)])."""
    catalog = get_catalog()
    ref = catalog.product_ref(product)
    garments: list[Garment] = []
    refused: list[tuple[str, TryOnError]] = []
    sources: list[tuple[GarmentSource, Picture]] = []
    seen = set()
    for source in catalog.garment_sources(product):
        seen.add(source.variant)
        try:
            sources.append((source, garment_picture(source.picture)))
        except TryOnError as error:
            refused.append((source.variant, error))
    known = list(Garment.objects.filter(product_ref=ref))
    gone = [garment for garment in known if garment.active and garment.variant not in seen]
    for source, picture in sources:
        if all(garment.variant != source.variant for garment in known):
            _rename(gone, source.variant, picture)
        garment, _changed = save_garment(
            ref, source.variant, name=source.name, category=source.category, picture=picture
        )
        garments.append(garment)
    # kept, with its shots, but no longer offered; what the shop still shows of it is not true any more
    keys = [garment.pk for garment in gone]
    Garment.objects.filter(pk__in=keys).update(active=False)
    shown = TryOnOutput.objects.filter(result__garment__in=keys, published_at__isnull=False, stale_at=None)
    shown.update(stale_at=timezone.now())
    return garments, refused


def _rename(gone: list[Garment], variant: str, picture: Picture) -> None:
    """A colour that the shop gave another name is the same garment still: it has the picture of one that is gone."""
    for garment in gone:
        if _has_it(garment, picture):
            garment.variant = variant
            garment.save(update_fields=["variant", "updated_at"])  # the studio notices, see studio/stale.py
            gone.remove(garment)
            return
