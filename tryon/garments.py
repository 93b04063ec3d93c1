"""Garments and preset models from pictures: the only way in, through intake."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db import transaction

from tryon.catalog import get_catalog
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.images.intake import Limits, Picture, intake
from tryon.images.renditions import renditions
from tryon.models import Garment, PresetModel

if TYPE_CHECKING:
    from tryon.choices import Category

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
def save_garment(
    product_ref: str, variant: str, *, name: str, category: Category, picture: Picture
) -> tuple[Garment, bool]:
    """Make or refresh the garment of one variant. (garment, changed): an unchanged picture is left alone."""
    garment = Garment.objects.filter(product_ref=product_ref, variant=variant).first()
    if garment is None:
        garment = Garment(product_ref=product_ref, variant=variant)
    elif garment.sha256 == picture.sha256 and garment.name == name and garment.category == category:
        return garment, False
    garment.name, garment.category = name, category.value
    set_picture(garment, picture)
    return garment, True


def sync_product(product: Any) -> tuple[list[Garment], list[tuple[str, TryOnError]]]:
    """Make garments of all pictures the catalog gives for ``product``: (garments, [(variant, why not)])."""
    catalog = get_catalog()
    ref = catalog.product_ref(product)
    garments: list[Garment] = []
    refused: list[tuple[str, TryOnError]] = []
    seen = set()
    for source in catalog.garment_sources(product):
        seen.add(source.variant)
        try:
            picture = garment_picture(source.picture)
        except TryOnError as error:
            refused.append((source.variant, error))
            continue
        garment, _changed = save_garment(
            ref, source.variant, name=source.name, category=source.category, picture=picture
        )
        garments.append(garment)
    # kept, with its shots, but no longer offered
    Garment.objects.filter(product_ref=ref, active=True).exclude(variant__in=seen).update(active=False)
    return garments, refused
