"""The adapter between a shop's own product model and garments. Subclass it and name it in ``TRYON["CATALOG"]``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import IO, Any, cast

from django.utils.module_loading import import_string

from tryon.choices import Category
from tryon.conf import conf

REQUIRED_METHODS = ("product_ref", "get_product", "product_name", "product_url", "garment_sources")


@dataclass(frozen=True, slots=True)
class GarmentSource:
    """A picture of one variant of a product, from which a garment is made."""

    variant: str
    name: str
    category: Category
    picture: IO[bytes]


class ProductCatalog:
    """Works without any product model: a product is its own reference.

    A shop overrides what differs. Methods get and give the shop's own product objects; ``tryon`` itself only ever
    stores the string of ``product_ref``.
    """

    def product_ref(self, product: Any) -> str:
        """The key under which garments of ``product`` are stored. Unsaved products have none: return ""."""
        ref = product if isinstance(product, str | int) else getattr(product, "pk", None)
        return "" if ref is None else str(ref)

    def get_product(self, ref: str) -> Any | None:
        """The product behind a reference, or None when shoppers may not see it (any more)."""
        return ref

    def visible_refs(self, refs: Collection[str]) -> set[str]:
        """Those of ``refs`` whose product shoppers may see. Override it with one query when lists grow long."""
        return {ref for ref in refs if self.get_product(ref) is not None}

    def product_name(self, product: Any) -> str:
        return str(product)

    def product_url(self, product: Any) -> str:
        """The page to go back to; "" when there is none."""
        get_absolute_url = getattr(product, "get_absolute_url", None)
        return str(get_absolute_url()) if get_absolute_url else ""

    def garment_sources(self, product: Any) -> Iterable[GarmentSource]:
        """The pictures that ``tryon.garments.sync_product`` makes garments of."""
        return ()


def get_catalog() -> ProductCatalog:
    return cast("ProductCatalog", import_string(conf.CATALOG)())
