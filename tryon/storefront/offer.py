"""What can be tried on at a product: shared by the pages and the template tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from tryon.admission import garment_for, unavailable_reason
from tryon.catalog import get_catalog
from tryon.conf import conf
from tryon.models import Garment


@dataclass(frozen=True, slots=True)
class Offer:
    """A garment that a shopper may try on now, and the words and addresses around it."""

    garment: Garment
    variant: str  # as asked for; "" for the first one
    product_name: str
    product_url: str
    label: str

    @property
    def try_url(self) -> str:
        path = reverse("tryon:try", kwargs={"product_ref": self.garment.product_ref})
        return f"{path}?{urlencode({'variant': self.variant})}" if self.variant else path


def offer_for(product_ref: str, variant: str = "") -> Offer | None:
    """None when there is nothing to try on: unknown, hidden, switched off, or nobody can make it."""
    garment = garment_for(product_ref, variant)
    if garment is None or unavailable_reason(garment):
        return None
    catalog = get_catalog()
    product = catalog.get_product(product_ref)
    return Offer(
        garment=garment,
        variant=variant,
        product_name=catalog.product_name(product),
        product_url=catalog.product_url(product),
        label=button_label(),
    )


def offer_of(garment: Garment) -> Offer | None:
    return offer_for(garment.product_ref, garment.variant)


def ref_of(product: Any) -> str:
    """The reference of a shop's own product object; a string is one already."""
    return product if isinstance(product, str) else get_catalog().product_ref(product)


def button_label() -> str:
    return conf.BUTTON_LABEL or _("See it on you")
