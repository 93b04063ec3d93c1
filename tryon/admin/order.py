"""What is chosen on the page "Generate on-model shots". Nothing is made by looking at it."""

from __future__ import annotations

import uuid
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from tryon.admin.pictures import source_url
from tryon.choices import Operation
from tryon.models import Batch, PresetModel
from tryon.providers import provider_aliases
from tryon.providers.base import ProviderError
from tryon.runner.routing import configured, suits
from tryon.studio.briefs import MAX_THEMES, MAX_VARIANTS, Brief, makers_named, takes_words, theme_choices
from tryon.studio.money import money
from tryon.studio.options import OptionsForm
from tryon.studio.permissions import SEE_SPEND
from tryon.studio.plans import Plan
from tryon.studio.shootout import advice

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from django.http import QueryDict

    from tryon.providers.base import Provider
    from tryon.studio.plans import Line, Quote


class Order:
    """Read from the page's form. ``errors`` are in words, and nothing can be ordered while there are any.

    Before anything is chosen, the models of this user's last order are ticked; of their first order, one model: each
    one more is another picture of every garment.
    """

    operation = Operation.MODEL_SHOT

    def __init__(self, garment_ids: list[int], data: QueryDict, user: AbstractUser) -> None:
        self.garment_ids = garment_ids
        self.data = data
        self.user = user
        self.errors: list[str] = []
        self.given = "choice" in data
        self.presets = list(PresetModel.objects.filter(active=True))
        ticked = set(data.getlist("models"))
        self.chosen = [preset for preset in self.presets if str(preset.pk) in ticked] if self.given else self.usual
        self.name = data.get("name", "").strip()[:200]
        self.max_cost = self._amount(data.get("max_cost", "").strip())
        self.brief = self._brief()
        self.plan = Plan(self.brief, garment_ids)

    # ------------------------------------------------------------ what can be chosen

    @cached_property
    def last_used(self) -> list[PresetModel]:
        """Those of this user's last order that are still offered."""
        last = Batch.objects.filter(created_by=self.user.pk, operation=self.operation.value).order_by("-created_at")
        brief: dict[str, Any] = last.values_list("brief", flat=True).first() or {}
        used = brief.get("models", [])
        return [preset for preset in self.presets if preset.pk in used]

    @property
    def usual(self) -> list[PresetModel]:
        return self.last_used or self.presets[:1]

    @cached_property
    def makers(self) -> list[Provider]:
        """Every ready provider, those of the route first."""
        routed = [one.alias for one in configured(self.operation)]
        return makers_named(self.operation, dict.fromkeys([*routed, *provider_aliases()]))

    @property
    def aliases(self) -> list[str]:
        return [one.alias for one in self.makers]

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Those chosen by hand; () leaves it to the route. Of several each makes every picture."""
        asked = self.data.getlist("provider")
        return tuple(alias for alias in self.aliases if alias in asked)

    @property
    def is_comparison(self) -> bool:
        return len(self.providers) > 1

    @property
    def route(self) -> str:
        ready = {one.alias for one in self.makers}
        return ", ".join(one.alias for one in configured(self.operation) if one.alias in ready)

    @cached_property
    def option_forms(self) -> list[OptionsForm]:
        """Of the providers that would make something of this order, or have been chosen."""
        wanted = [one for one in self.makers if one.alias in self.providers] if self.providers else self._routed()
        return [OptionsForm(one, self.operation, self.data if self.given else None) for one in wanted]

    def _routed(self) -> list[Provider]:
        """Without their options: those are what is asked for."""
        plain = Plan(Brief(tuple(preset.pk for preset in self.chosen), self.generated), ())
        found = [unit.provider for units in plain.units.values() for unit in units]
        return list({one.alias: one for one in found}.values())

    @property
    def generated(self) -> bool:
        return self.can_generate_models and self.data.get("generated") == "1"

    @cached_property
    def can_generate_models(self) -> bool:
        return any(suits(one, self.operation, None) and one.leaves_server for one in self.makers)

    @property
    def can_be_told(self) -> bool:
        return any(takes_words(one, self.operation) for one in self.makers) or bool(self.theme_choices)

    @cached_property
    def theme_choices(self) -> list[str]:
        return theme_choices(self.makers, self.operation)

    @property
    def variant_choices(self) -> range:
        return range(1, MAX_VARIANTS + 1)

    # ------------------------------------------------------------ what was chosen

    @cached_property
    def themes(self) -> tuple[str, ...]:
        written = [line.strip()[:200] for line in self.data.get("themes", "").splitlines()]
        named = [theme for theme in self.data.getlist("theme") if theme in self.theme_choices]
        themes = tuple(dict.fromkeys(filter(None, [*named, *written])))
        if len(themes) > MAX_THEMES:
            self.errors.append(_("At most %(number)d places and poses at once.") % {"number": MAX_THEMES})
        return themes[:MAX_THEMES]

    @property
    def written_themes(self) -> str:
        return "\n".join(theme for theme in self.themes if theme not in self.theme_choices)

    @property
    def variants(self) -> int:
        text = self.data.get("variants", "1")
        return int(text) if text in map(str, self.variant_choices) else 1

    @property
    def only_missing(self) -> bool:
        return self.data.get("missing") == "1"

    def _amount(self, text: str) -> Decimal | None:
        amount = amount_of(text)
        if text and amount is None:
            self.errors.append(_("“Spend at most” is not an amount."))
        return amount

    def _brief(self) -> Brief:
        options = {}
        for form in self.option_forms:
            if self.given and not form.is_valid():
                self.errors.append(_("Please check the options of %(provider)s.") % {"provider": form.provider.alias})
            elif self.given:
                options[form.provider.alias] = form.given()
        return Brief(
            models=tuple(preset.pk for preset in self.chosen),
            generated=self.generated,
            themes=self.themes,
            variants=self.variants,
            providers=self.providers,
            options=options,
            only_missing=self.only_missing,
            operation=self.operation,
        )

    # ------------------------------------------------------------ what it comes to

    @cached_property
    def quote(self) -> Quote:
        return self.plan.quote()

    @cached_property
    def refused(self) -> str:
        """What the providers themselves would say to their options; "" when nothing."""
        try:
            self.plan.check()
        except ProviderError as error:
            return error.detail
        return ""

    @property
    def lines(self) -> list[tuple[Line, str]]:
        return [(line, price_words(line)) for line in self.quote.lines]

    @cached_property
    def sees_spend(self) -> bool:
        """What is left of a budget says what was spent."""
        return self.user.has_perm(SEE_SPEND)

    @property
    def budgets(self) -> list[tuple[str, str]]:
        if not self.sees_spend:
            return []
        return [(line.alias, money(line.left)) for line in self.quote.lines if line.left is not None]

    @property
    def total(self) -> str:
        return price_range(self.quote.least, self.quote.most)

    @property
    def over_own_limit(self) -> bool:
        return self.max_cost is not None and self.quote.most > self.max_cost

    @property
    def possible(self) -> bool:
        return bool(self.quote.shots) and not self.errors and not self.refused and not self.quote.over_budget

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The preset models as the page offers them."""
        rows = []
        for preset in self.presets:
            # "Mannequin M, tan" says both already
            about = ", ".join(word for word in (preset.size, preset.skin_tone) if word and word not in preset.name)
            rows.append({"preset": preset, "url": source_url(preset), "about": about, "ticked": preset in self.chosen})
        return rows

    @property
    def advice(self) -> list[str]:
        """What reviewers said lately about those who would make this."""
        makers = [line.alias for line in self.quote.lines]
        known = advice(makers, categories=self.plan.categories, with_money=self.sees_spend)
        return [f"{line.provider}: {line.words}" for line in known]

    @cached_property
    def key(self) -> str:
        """The batch that this form makes; the same form twice makes it once."""
        try:
            return str(uuid.UUID(self.data.get("key", "")))
        except ValueError:
            return str(uuid.uuid4())


def amount_of(text: str) -> Decimal | None:
    """None for what is no amount."""
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**8 else None


def price_words(line: Line) -> str:
    """What one provider's part costs, in words, and what it may come to by somebody else's hand."""
    words = _own_price(line)
    if line.ceiling <= line.most:
        return words
    more = _("up to %(most)s if another provider has to step in") % {"most": money(line.ceiling)}
    return f"{words}; {more}"


def _own_price(line: Line) -> str:
    if line.free:
        return _("free: made on this server") if not line.leaves_server else _("free")
    if not line.most:
        return _("charged by the provider; the price is not known here")
    credits = _("%(number)g credits") % {"number": line.credits}
    return f"{price_range(line.least, line.most)} ({credits})"


def price_range(least: Decimal, most: Decimal) -> str:
    if least == most:
        return money(most)
    return _("%(least)s to %(most)s") % {"least": money(least), "most": money(most)}
