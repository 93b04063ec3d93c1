"""The second half of the catalog adapter: the page of a colour, and how published shots get into its gallery.

A shop can do without it: ``{% tryon_shots %}`` shows what is published anyway.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from tryon.catalog import ProductCatalog
from tryon.models import TryOnOutput
from tryon_shop.models import GalleryImage, Product


class GalleryCatalog(ProductCatalog):
    def variant_url(self, product: Product, variant: str) -> str:
        colour = product.colours.filter(name=variant).first()
        return colour.get_absolute_url() if colour else product.get_absolute_url()

    def gallery(self, product: Product, variant: str = "") -> list[str]:
        colour = product.colours.filter(name=variant).first()
        return [shown.alt for shown in colour.gallery] if colour else []

    def publish(
        self, product: Product, output: TryOnOutput, alt: str, *, variant: str = "", position: int | None = None
    ) -> dict[str, Any]:
        """A copy of the file with all that is in it, in public: the original stays private."""
        colour = product.colours.get(name=variant)
        places = sorted([0.0, *colour.images.values_list("position", flat=True)])
        image = GalleryImage(colour=colour, alt=alt, position=between(places, position), ai_generated=True)
        image.width, image.height = output.width, output.height
        with output.file.open("rb") as stream:
            name = f"{output.pk.hex}{PurePath(str(output.file.name)).suffix}"
            image.picture.save(name, ContentFile(stream.read()), save=False)
        image.save()
        return {"image": image.pk}

    def unpublish(self, product: Product | None, output: TryOnOutput, published_as: dict[str, Any]) -> None:
        image = GalleryImage.objects.filter(pk=published_as.get("image", 0)).first()
        if image is None:
            return
        storage, name = image.picture.storage, str(image.picture.name)
        image.delete()
        transaction.on_commit(lambda: storage.delete(name))


def between(places: list[float], index: int | None) -> float:
    """A place at ``index`` among sorted ``places``; None: behind all."""
    if index is None or index >= len(places):
        return places[-1] + 1
    return places[0] - 1 if index <= 0 else (places[index - 1] + places[index]) / 2
