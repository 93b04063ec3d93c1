"""The adapter between a shop's own product model and garments. Subclass it and name it in ``TRYON["CATALOG"]``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from django.utils.module_loading import import_string

from tryon.choices import Category
from tryon.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

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

    def refusal(self, product: Any, request: HttpRequest) -> str:
        """Why this visitor may not try ``product`` on, as an error code: ``region``, or "" when they may.

        Asked before the button is shown, before the API says that a product can be tried on, and before a preview is
        started.
        """
        return ""

    def visible_refs(self, refs: Collection[str]) -> set[str]:
        """Those of ``refs`` whose product shoppers may see. Override it with one query when lists grow long."""
        return {ref for ref in refs if self.get_product(ref) is not None}

    def product_name(self, product: Any) -> str:
        return str(product)

    def product_url(self, product: Any) -> str:
        """The page to go back to; "" when there is none."""
        get_absolute_url = getattr(product, "get_absolute_url", None)
        return str(get_absolute_url()) if get_absolute_url else ""

    def variant_url(self, product: Any, variant: str) -> str:
        """The page of one variant, where it has one of its own."""
        return self.product_url(product)

    def garment_sources(self, product: Any) -> Iterable[GarmentSource]:
        """The pictures that ``tryon.garments.sync_product`` makes garments of."""
        return ()

    # ---- the product's own gallery. A shop that leaves these alone shows its shots with ``{% tryon_shots %}``.

    def gallery(self, product: Any, variant: str = "") -> list[str]:
        """The pictures of the gallery in their order, each in a few words: for the list shown before publishing."""
        return []

    def publish(
        self, product: Any, output: Any, alt: str, *, variant: str = "", position: int | None = None
    ) -> dict[str, Any]:
        """Put the picture of ``output``, a ``TryOnOutput``, in the gallery: at ``position`` (0: the first) or the end.

        The gallery must show the badge with it, and its file must keep its metadata, as a copy of the bytes does.
        Called inside a transaction. Gives what ``unpublish`` needs to restore the order as it was, as plain JSON.
        """
        return {}

    def unpublish(self, product: Any, output: Any, published_as: dict[str, Any]) -> None:
        """Take it out again. ``product`` is None when it is gone. A picture that is not there any more is no error."""


def get_catalog() -> ProductCatalog:
    return cast("ProductCatalog", import_string(conf.CATALOG)())
