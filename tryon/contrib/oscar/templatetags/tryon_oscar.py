"""``{{ image|made_with_ai }}``: true for a product image that is one of our shots."""

from __future__ import annotations

from typing import Any

from django import template

from tryon.contrib.oscar.catalog import is_ours

register = template.Library()
register.filter("made_with_ai", is_ours)


@register.filter
def shown_name(image: Any) -> str:
    """What to say about a product image to who does not see it."""
    return str(image.caption or image.product.get_title())
