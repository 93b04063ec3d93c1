"""What is offered to a shopper: the garment of a product, its other colours, what they made before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.admission import garment_for, refused_by_shop, unavailable_reason
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation, Status
from tryon.conf import conf
from tryon.consent import standing_consent
from tryon.garments import photo_tips
from tryon.models import Garment, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.runner.routing import candidates

FACES = ("face_only", "no_person")  # errors after which a photo may well be a selfie
NIL = UUID(int=0)  # in an address, where the widget puts the id of a preview
BESIDE = 5  # earlier previews that are shown beside a new one


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

    @property
    def separator(self) -> str:
        """What joins another parameter to ``try_url``."""
        return "&" if self.variant else "?"

    @property
    def tips(self) -> list[str]:
        return photo_tips(self.garment.category)

    @property
    def dialog_url(self) -> str:
        return f"{self.try_url}{self.separator}fragment=1"


def offer_for(product_ref: str, variant: str = "", request: HttpRequest | None = None) -> Offer | None:
    """None when there is nothing to try on: unknown, hidden, switched off, or nobody can make it.

    With ``request`` the shop may also have something against this very visitor.
    """
    garment = garment_for(product_ref, variant)
    return _offered(garment, variant, request) if garment else None


def _offered(garment: Garment, variant: str, request: HttpRequest | None = None) -> Offer | None:
    if unavailable_reason(garment) or (request and refused_by_shop(garment, request)):
        return None
    catalog = get_catalog()
    product = catalog.get_product(garment.product_ref)
    return Offer(
        garment=garment,
        variant=variant,
        product_name=catalog.product_name(product),
        product_url=catalog.variant_url(product, garment.variant),
        label=button_label(),
    )


def offer_of(garment: Garment) -> Offer | None:
    return offer_for(garment.product_ref, garment.variant)


def colours_of(garment: Garment) -> list[Offer]:
    """The other variants of the same product that can be tried on now."""
    others = Garment.objects.filter(product_ref=garment.product_ref, active=True).exclude(pk=garment.pk)
    return [offer for other in others if (offer := _offered(other, other.variant))]


def last_photo(shopper: Shopper | None) -> ShopperPhoto | None:
    """The photo this shopper gave last, if it is still here."""
    return shopper.photos.usable().order_by("-created_at").first() if shopper else None


def earlier_previews(shopper: Shopper | None, but: TryOnResult | None = None) -> list[TryOnOutput]:
    """What this shopper made lately, newest first, to see things side by side."""
    if shopper is None:
        return []
    made = TryOnOutput.objects.filter(
        result__shopper=shopper,
        result__operation=Operation.TRY_ON.value,
        result__status=Status.SUCCEEDED.value,
        result__expires_at__gt=timezone.now(),
        position=0,
    )
    if but is not None:
        made = made.exclude(result=but)
    return list(made.select_related("result__garment", "result__preset_model").order_by("-result__created_at")[:BESIDE])


def offers_instant(garment: Garment) -> bool:
    """Whether a quick picture made here comes before the one that another company makes."""
    able = candidates(Operation.TRY_ON, Category(garment.category)) if conf.INSTANT_PREVIEW else []
    return bool(able) and able[0].leaves_server and not all(one.leaves_server for one in able)


def selfie_options(garment: Garment, shopper: Shopper | None) -> dict[str, Any]:
    """Options with which a provider that the shopper agreed to makes a body for a face; {} when none can."""
    consent = standing_consent(shopper) if shopper else None
    if consent is None:
        return {}
    able = candidates(Operation.TRY_ON, Category(garment.category), allowed=consent.providers)
    return next((dict(one.selfie_options) for one in able if one.selfie_options), {})


def ref_of(product: Any) -> str:
    """The reference of a shop's own product object; a string is one already."""
    return product if isinstance(product, str) else get_catalog().product_ref(product)


def button_label() -> str:
    return conf.BUTTON_LABEL or _("See it on you")
