"""Why a product page shows the try-on button, or does not: rule by rule."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from tryon import admission
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation
from tryon.conf import conf
from tryon.consent import current_notice, standing_consent
from tryon.management.commands._base import ATTENTION, TryonCommand
from tryon.management.commands._shopper import add_shopper_arguments, shopper_from
from tryon.models import Garment, Shopper, TryOnResult
from tryon.providers.base import Provider
from tryon.runner import accounts
from tryon.runner.routing import affordable, configured, route


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds`` None: it does not decide about the button."""

    holds: bool | None
    rule: str
    detail: str

    def __str__(self) -> str:
        sign = {True: "yes ", False: "NO  ", None: "    "}[self.holds]
        return f"{sign} {self.rule}: {self.detail}"


class Command(TryonCommand):
    help = "Say rule by rule why a product can be tried on or not. Exit 3: it can not."
    example = "python manage.py tryon_explain linen-shirt --session 4f3c…"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("product", help="The reference of a product, as the catalog adapter makes it.")
        parser.add_argument("--variant", default="", help="Of one variant; otherwise the first garment of the product.")
        add_shopper_arguments(parser, required=False)

    def handle(self, *args: Any, **options: Any) -> None:
        garment = admission.garment_for(options["product"], options["variant"])
        rules = [*_about_the_shop(options["product"], options["variant"], garment)]
        if garment:
            rules += _about_providers(Category(garment.category))
        # the last word has the doorkeeper itself, so that this can never tell something else than the page does
        reason = admission.unavailable_reason(garment)
        if options["user"] or options["session"]:
            rules += _about_the_shopper(shopper_from(options))
        verdict = "The button shows." if not reason else f"The button does not show ({reason})."
        told = {
            "product": options["product"],
            "shows": not reason,
            "reason": reason,
            "rules": [asdict(r) for r in rules],
        }
        self.report(options, told, [*map(str, rules), verdict])
        if reason:
            sys.exit(ATTENTION)


def _about_the_shop(ref: str, variant: str, garment: Garment | None) -> Iterator[Rule]:
    yield Rule(conf.ENABLED, "switched on", 'TRYON["ENABLED"] is ' + str(conf.ENABLED))
    product = get_catalog().get_product(ref)
    yield Rule(
        product is not None,
        "product",
        "the catalog adapter shows it to shoppers" if product is not None else f"{conf.CATALOG} has no such product",
    )
    if garment:
        yield Rule(True, "garment", f"{garment} (number {garment.pk}, {garment.category} body)")
        return
    known = Garment.objects.filter(product_ref=ref)
    if variant:
        known = known.filter(variant=variant)
    off = known.filter(active=False).count()
    yield Rule(False, "garment", f"{off} switched off in the admin" if off else "none is stored for this product")


def _about_providers(category: Category) -> Iterator[Rule]:
    """Each is enough if the others are not; so a line decides only when it is the last one that could."""
    known, now = accounts.standings(timezone.now()), timezone.now()
    ready = []
    found = {provider.alias: provider for provider in configured(Operation.TRY_ON)}
    for alias in route(Operation.TRY_ON):
        problem = _problem(found.get(alias), category)
        if not problem:
            ready.append(found[alias])
        yield Rule(None, f"provider {alias}", problem or _health(known.get(alias, accounts.OPEN)))
    yield Rule(bool(ready), "providers", ", ".join(provider.alias for provider in ready) or "none is ready")
    if ready:
        paid = affordable(ready, Operation.TRY_ON, now=now)
        yield Rule(None if paid else False, "budget", "there is room" if paid else "the caps leave nothing for any")
    waiting = TryOnResult.objects.live().filter(shopper__isnull=False).count()
    full = waiting >= conf.MAX_QUEUE
    yield Rule(
        None, "queue", f"{waiting} of {conf.MAX_QUEUE} waiting" + (": new ones are refused as busy" if full else "")
    )


def _problem(provider: Provider | None, category: Category) -> str:
    if provider is None:
        return "its settings are wrong, or it makes no try-ons; see: python manage.py check"
    if not provider.can(Operation.TRY_ON, category):
        return f"does not do garments for the {category} body"
    return " ".join(provider.problems())


def _health(standing: accounts.Standing) -> str:
    return "ready" if standing.until is None else f"not now: {standing.because}"


def _about_the_shopper(shopper: Shopper) -> Iterator[Rule]:
    consent = standing_consent(shopper)
    version = current_notice().version
    yield Rule(
        None, "agreement", f"to notice {version}" if consent else f"none yet to notice {version}: they are asked"
    )
    left = admission.quota(shopper)
    yield Rule(None, "quota", f"{left.remaining} of {left.limit} left until {left.resets_at:%Y-%m-%d %H:%M %Z}")
