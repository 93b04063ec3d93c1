"""The one join between this shop and try-on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from io import BytesIO

from tryon.catalog import GarmentSource
from tryon.choices import Category
from tryon_shop.gallery import GalleryCatalog
from tryon_shop.models import Product


class ShopCatalog(GalleryCatalog):
    def product_ref(self, product: Product) -> str:
        return product.slug

    def get_product(self, ref: str) -> Product | None:
        return Product.objects.filter(slug=ref).first()

    def visible_refs(self, refs: Collection[str]) -> set[str]:
        return set(Product.objects.filter(slug__in=refs).values_list("slug", flat=True))

    def product_name(self, product: Product) -> str:
        return product.name

    def garment_sources(self, product: Product) -> Iterator[GarmentSource]:
        for colour in product.colours.all():
            with colour.picture.open() as file:
                picture = BytesIO(file.read())
            yield GarmentSource(colour.name, product.name, Category(product.category), picture)
