"""``{% load tryon %}``: the try-on button, its assets, the AI badge and the on-model shots of a product.

A tag never breaks a shop's page: whatever goes wrong, it renders nothing and says why at DEBUG.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tryon import links
from tryon.choices import Operation
from tryon.conf import conf
from tryon.models import TryOnOutput
from tryon.storefront.offer import NIL, offer_for, ref_of

logger = logging.getLogger("tryon.tags")
register = template.Library()


def _harmless(tag: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(tag)
    def wrapped(*args: Any, **kwargs: Any) -> str:
        try:
            return tag(*args, **kwargs)
        except Exception:  # a shop's product page is worth more than our button
            logger.debug("{%% %s %%} renders nothing", tag.__name__, exc_info=True)
            return ""

    return wrapped


@register.simple_tag(takes_context=True)
@_harmless
def tryon_widget(context: Context, product: Any, variant: str = "", for_form: str = "") -> str:
    """The button. ``product``: the shop's own object or its reference; ``for_form``: id of the add-to-bag form."""
    offer = offer_for(ref_of(product), str(variant or ""), context.get("request"))
    if offer is None:
        logger.debug("nothing to try on at %s %s", product, variant)
        return ""
    around = {
        "offer": offer,
        "for_form": for_form,
        "photos_url": reverse("tryon:api-photos"),
        "tryons_url": reverse("tryon:api-tryons"),
        # the widget puts the id of a preview in place of the zeros
        "preview_url": reverse("tryon:result", kwargs={"pk": NIL}),
    }
    return render_to_string("tryon/widget.html", around)


@register.simple_tag
@_harmless
def tryon_assets() -> str:
    """The module and the stylesheet, once a page."""
    return render_to_string("tryon/assets.html") if conf.ENABLED else SafeString("")


@register.simple_tag
@_harmless
def tryon_badge(image: Any = True) -> str:
    """The visible mark "AI-generated preview", for a picture of ours or anything else that is true."""
    return render_to_string("tryon/badge.html") if image else SafeString("")


@register.simple_tag
@_harmless
def tryon_shots(product: Any, variant: str = "") -> str:
    """The published on-model shots of a product, or of one variant of it, each with the badge."""
    outputs = TryOnOutput.objects.filter(
        published_at__isnull=False,
        result__operation=Operation.MODEL_SHOT.value,
        result__garment__product_ref=ref_of(product),
    )
    if variant:
        outputs = outputs.filter(result__garment__variant=str(variant))
    outputs = outputs.select_related("result__garment").order_by("published_at", "position")
    shots = [
        {
            "card_url": links.picture_url(output, "card"),
            "width": output.width,
            "height": output.height,
            "alt": _("%(product)s worn by a model. AI-generated") % {"product": output.result.garment.name},
        }
        for output in outputs
    ]
    return render_to_string("tryon/shots.html", {"shots": shots}) if shots else SafeString("")


@register.filter(expects_localtime=True)
def tryon_time(value: datetime | None) -> str:
    """Day and time as the language writes them. Django has the two joined for some languages only, not for Arabic."""
    if value is None:
        return ""
    return _("%(day)s, %(time)s") % {
        "day": date_format(value, "DATE_FORMAT"),
        "time": time_format(value, "TIME_FORMAT"),
    }
