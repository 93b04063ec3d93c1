"""What can be tried on, for many garments at a time, and within which limits."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from tryon.admission import garment_for, unavailable_reason
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation
from tryon.conf import conf
from tryon.garments import picture_limits
from tryon.models import Garment
from tryon.runner.routing import candidates

# Looked for, not imported: pictures are decoded in another process. Pillow may be built without AVIF.
_OPTIONAL_FORMATS = {"image/avif": "PIL._avif", "image/heic": "pi_heif"}


def reason(product_ref: str, variant: str) -> str:
    """Why a product can't be tried on, as an error code; "" when it can. Without a product: whether anything can."""
    if product_ref:
        return unavailable_reason(garment_for(product_ref, variant))
    return "" if tryable_categories() else "not_available"


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
