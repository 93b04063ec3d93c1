"""What can be tried on, for many garments at a time, and within which limits."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from tryon.admission import Quota, refused_by_shop, unavailable_reason
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation
from tryon.conf import conf
from tryon.garments import picture_limits
from tryon.models import Garment, Shopper, TryOnResult
from tryon.runner import accounts
from tryon.runner.routing import affordable, candidates, reachable

# Looked for, not imported: pictures are decoded in another process. Pillow may be built without AVIF.
_OPTIONAL_FORMATS = {"image/avif": "PIL._avif", "image/heic": "pi_heif"}


def reason(request: Request, product_ref: str, garment: Garment | None, shopper: Shopper | None, left: Quota) -> str:
    """Why this shopper can't try a product on now, as an error code; "" when they can. ``garment``: that product's.

    Without a product: whether anything can be tried on. ``not_available``: not this product, or nothing at all;
    ``region``, or what else the shop says: not by this visitor; ``busy``: the budget is spent or the queue is full;
    ``provider_down``: nobody who could make it can be reached.
    """
    if product_ref:
        why = unavailable_reason(garment, shopper) or (refused_by_shop(garment, request._request) if garment else "")
        category = Category(garment.category) if garment else None
    else:
        why, category = _nothing_at_all(shopper), None
    if why:
        return "provider_down" if why == "busy" and _all_down(category) else why
    if not left.remaining:
        return "quota_shopper"
    if _all_down(category):
        return "provider_down"
    return "busy" if TryOnResult.objects.live().filter(shopper__isnull=False).count() >= conf.MAX_QUEUE else ""


def _nothing_at_all(shopper: Shopper | None) -> str:
    if not tryable_categories():
        return "not_available"
    return "" if affordable(candidates(Operation.TRY_ON), Operation.TRY_ON, shopper=shopper) else "busy"


def _all_down(category: Category | None) -> bool:
    now = timezone.now()
    return not reachable(candidates(Operation.TRY_ON, category), accounts.standings(now), now)


def tryable_categories() -> set[str]:
    if not conf.ENABLED:
        return set()
    return {category.value for category in Category if candidates(Operation.TRY_ON, category)}


def visible(garments: Iterable[Garment]) -> list[Garment]:
    """Those whose product shoppers may see."""
    page = list(garments)
    seen = get_catalog().visible_refs({garment.product_ref for garment in page})
    return [garment for garment in page if garment.product_ref in seen]


def limits() -> dict[str, Any]:
    """Of a photo: bytes, pixels, shortest side in pixels, and the content types that can be read here."""
    bounds = picture_limits()
    optional = [mime for mime, module in _OPTIONAL_FORMATS.items() if find_spec(module)]
    return {
        "max_bytes": bounds.max_bytes,
        "max_pixels": bounds.max_pixels,
        "min_side": bounds.min_side,
        "formats": ["image/jpeg", "image/png", "image/webp", *optional],
    }
