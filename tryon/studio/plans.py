"""What a brief comes to for certain garments: how many pictures, by whom, for how much. Nothing is made here.

    quote = Plan(Brief(models=(1, 2), themes=("Beach",)), garment_ids).quote()

A ``Unit`` is one picture without its product; which units a garment gets depends on its category alone, so that ten
thousand products are counted with a few queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from tryon import ledger
from tryon.choices import Category
from tryon.models import Garment, PresetModel
from tryon.providers.base import Provider
from tryon.runner.routing import candidates, suits, takes
from tryon.studio.briefs import CHUNK, Brief, made_rows, makers_named, typed, with_words

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Unit:
    """One picture to be made of a garment. ``preset`` None: on a model that the provider makes up.

    ``ceiling`` is what it costs at most when another provider has to step in for ``provider``.
    """

    provider: Provider
    preset: PresetModel | None
    theme: str
    variant: int
    options: Mapping[str, Any]
    price: ledger.Price
    pinned: bool
    ceiling: Decimal

    @property
    def preset_id(self) -> int | None:
        return self.preset.pk if self.preset else None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Pictures of each garment that were asked for and will not be made. ``alias`` "": by nobody on the route."""

    alias: str
    preset: PresetModel | None
    theme: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """What one provider would make, in the shop's currency. ``left`` is what its caps leave; None: no cap.

    ``most`` is its own price at the most, ``ceiling`` that of whoever steps in for it.
    """

    alias: str
    shots: int
    least: Decimal
    most: Decimal
    ceiling: Decimal
    credits: Decimal
    free: bool
    leaves_server: bool
    left: Decimal | None

    @property
    def fits(self) -> int:
        """How many of the pictures the caps leave money for."""
        if self.left is None or not self.shots or self.left >= self.most:
            return self.shots
        return int(self.left * self.shots / self.most)


@dataclass(frozen=True, slots=True)
class Quote:
    """``skipped`` counts garments by reason; ``made`` counts pictures of the brief that are there or on their way;
    ``dropped`` counts pictures of the other garments that nobody can make as asked, by reason."""

    garments: int
    shots: int
    lines: tuple[Line, ...]
    skipped: Mapping[str, int]
    made: int
    left: Decimal | None = None  # what the caps of the whole shop leave; None: no cap
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def least(self) -> Decimal:
        return sum((line.least for line in self.lines), NOTHING)

    @property
    def most(self) -> Decimal:
        """Whoever makes them in the end."""
        return sum((line.ceiling for line in self.lines), NOTHING)

    @property
    def fits(self) -> int:
        """How many pictures there is money for: each provider's own caps, and the shop's over all of them."""
        found, left = 0, self.left
        for line in self.lines:
            number, each = line.fits, line.most / line.shots
            if left is not None and each:
                number = min(number, int(left / each))
                left -= number * each
            found += number
        return found

    @property
    def over_budget(self) -> bool:
        return self.fits < self.shots

    @property
    def skipped_number(self) -> int:
        return sum(self.skipped.values())


class Plan:
    """A brief for certain garments. Looking at it makes and costs nothing."""

    def __init__(self, brief: Brief, garment_ids: Iterable[int]) -> None:
        self.brief = brief
        self.garment_ids = list(dict.fromkeys(garment_ids))

    @cached_property
    def presets(self) -> list[PresetModel]:
        """Those of the brief that are offered, in its order."""
        found = PresetModel.objects.filter(active=True).in_bulk(list(self.brief.models))
        return [found[key] for key in dict.fromkeys(self.brief.models) if key in found]

    @cached_property
    def _parts(self) -> dict[Category, list[Unit | Dropped]]:
        return {category: list(self._parts_of(category)) for category in Category}

    @cached_property
    def units(self) -> dict[Category, list[Unit]]:
        return {key: [part for part in parts if isinstance(part, Unit)] for key, parts in self._parts.items()}

    @cached_property
    def dropped(self) -> dict[Category, list[Dropped]]:
        return {key: [part for part in parts if isinstance(part, Dropped)] for key, parts in self._parts.items()}

    def _parts_of(self, category: Category) -> Iterator[Unit | Dropped]:
        models: list[PresetModel | None] = [*self.presets, *([None] if self.brief.generated else [])]
        themes = self.brief.themes or ("",)
        for preset in models:
            for alias in dict.fromkeys(self.brief.providers):
                for theme in themes:
                    yield from self._chosen(alias, category, preset, theme)
            if not self.brief.providers:
                for theme in themes:
                    yield from self._routed(category, preset, theme)

    def _chosen(
        self, alias: str, category: Category, preset: PresetModel | None, theme: str
    ) -> Iterator[Unit | Dropped]:
        """By this provider and no other."""
        provider = next(iter(makers_named(self.brief.operation, [alias])), None)
        names = {"provider": alias, "theme": theme, "model": preset or _("a made-up model")}
        options = self._told(provider, theme) if provider else None
        if provider is None:
            why = _("%(provider)s is not ready")
        elif not provider.can(self.brief.operation, category):
            why = _("%(provider)s does not make shots of this category")
        elif not suits(provider, self.brief.operation, preset):
            why = _("%(provider)s needs a photo of a person: not with %(model)s")
        elif options is None:
            why = _("%(provider)s can’t be told “%(theme)s”")
        else:
            yield from self._variants(provider, preset, theme, options, [provider])
            return
        yield Dropped(alias, preset, theme, self.brief.variants, why % names)

    def _routed(self, category: Category, preset: PresetModel | None, theme: str) -> Iterator[Unit | Dropped]:
        """By the first on the route that can show it on this model and be told the theme."""
        able = [one for one in candidates(self.brief.operation, category) if suits(one, self.brief.operation, preset)]
        for provider in able:
            options = self._told(provider, theme)
            if options is not None:
                others = [one for one in able if one is provider or takes(one, self.brief.operation, options)]
                yield from self._variants(provider, preset, theme, options, others)
                return
        if able:
            why = _("nobody on the route can be told “%(theme)s”") % {"theme": theme}
        else:
            why = _("nobody on the route makes it with %(model)s") % {"model": preset or _("a made-up model")}
        yield Dropped("", preset, theme, self.brief.variants, why)

    def _told(self, provider: Provider, theme: str) -> Mapping[str, Any] | None:
        """Its options of the brief, with the theme; None where it can't be told."""
        options = typed(provider, self.brief.operation, self.brief.options.get(provider.alias, {}))
        return with_words(provider, self.brief.operation, options, theme) if theme else options

    def _variants(
        self,
        provider: Provider,
        preset: PresetModel | None,
        theme: str,
        options: Mapping[str, Any],
        makers: Sequence[Provider],
    ) -> Iterator[Unit]:
        """``makers``: whoever may make it in the end."""
        price = ledger.price(provider, self.brief.operation, options)
        ceiling = max(ledger.price(one, self.brief.operation, options).amount for one in makers)
        for variant in range(self.brief.variants):
            # the same seed would give the same picture
            own = {**options, "seed": options["seed"] + variant} if isinstance(options.get("seed"), int) else options
            yield Unit(provider, preset, theme, variant, own, price, bool(self.brief.providers), ceiling)

    def check(self) -> None:
        """Raises ProviderError("invalid") when a provider would not take its options."""
        seen = set()
        for unit in (unit for units in self.units.values() for unit in units):
            key = (unit.provider.alias, unit.theme)
            if key not in seen:
                seen.add(key)
                unit.provider.clean_options(self.brief.operation, unit.options)

    # ------------------------------------------------------------ counting

    @cached_property
    def categories(self) -> set[str]:
        """Of the garments that are switched on."""
        found = (rows.filter(active=True).order_by().values_list("category", flat=True) for rows in self._chunks())
        return {category for some in found for category in some.distinct()}

    def quote(self) -> Quote:
        skipped: Counter[str] = Counter()
        per: Counter[Category] = Counter()
        made: Counter[tuple[str, int | None]] = Counter()
        for rows in self._chunks():
            for category, active, number in rows.order_by().values_list("category", "active").annotate(n=Count("pk")):
                reason = self._reason(Category(category), active=active)
                if reason:
                    skipped[reason] += number
                else:
                    per[Category(category)] += number
            made.update(self._made(rows))
        lines: dict[str, dict[str, Any]] = {}
        dropped: Counter[str] = Counter()
        present = 0
        for category, number in per.items():
            for unit in self.units[category]:
                there = made[category, unit.preset_id]
                present += there
                _add(lines, unit, number - (there if self.brief.only_missing else 0))
            for part in self.dropped[category]:
                dropped[part.why] += number * part.number
        return Quote(
            garments=len(self.garment_ids),
            shots=sum(line["shots"] for line in lines.values()),
            lines=tuple(Line(**line) for line in lines.values() if line["shots"]),
            skipped=dict(skipped),
            made=present,
            left=ledger.room().left,
            dropped=dict(dropped),
        )

    def _made(self, garments: QuerySet[Garment]) -> Counter[tuple[str, int | None]]:
        """How many of ``garments`` have, or will have, a picture on each model."""
        rows = made_rows(self.brief.operation).filter(
            garment__in=garments.order_by().values("pk"), garment__active=True
        )
        counted = (
            rows.order_by().values_list("garment__category", "preset_model").annotate(n=Count("garment", distinct=True))
        )
        return Counter({(category, preset): number for category, preset, number in counted})

    def _reason(self, category: Category, *, active: bool) -> str:
        """Why nothing is made of such garments; "" when something is."""
        if not active:
            return _("switched off")
        if self.units[category]:
            return ""
        if not self.presets and not self.brief.generated:
            return _("no model is chosen")
        if not candidates(self.brief.operation, category):
            return _("no provider makes shots of this category")
        return _("no provider that is chosen can make it with this model or theme")

    # ------------------------------------------------------------ row by row

    def _chunks(self) -> Iterator[QuerySet[Garment]]:
        for start in range(0, len(self.garment_ids), CHUNK):
            yield Garment.objects.filter(pk__in=self.garment_ids[start : start + CHUNK])

    def rows(self) -> Iterator[tuple[Garment, str, list[Unit]]]:
        """(garment, why it is skipped or "", its units), in the order given, a chunk in memory at a time."""
        for start in range(0, len(self.garment_ids), CHUNK):
            keys = self.garment_ids[start : start + CHUNK]
            found = Garment.objects.in_bulk(keys)
            made = self._made_of(keys) if self.brief.only_missing else set()
            for key in keys:
                garment = found.get(key)
                if garment is None:
                    continue
                category = Category(garment.category)
                reason = self._reason(category, active=garment.active)
                units = [] if reason else self.units[category]
                if made:
                    units = [unit for unit in units if (key, unit.preset_id) not in made]
                yield garment, reason, units

    def _made_of(self, keys: Sequence[int]) -> set[tuple[int, int | None]]:
        rows = made_rows(self.brief.operation).filter(garment__in=keys)
        return set(rows.values_list("garment_id", "preset_model_id"))

    def skipped(self, most: int | None = None) -> Iterator[tuple[Garment, str]]:
        """Garments that nothing is made of, with the reason."""
        found = 0
        for garment, reason, _units in self.rows():
            if reason:
                yield garment, reason
                found += 1
                if found == most:
                    return


def _add(lines: dict[str, dict[str, Any]], unit: Unit, number: int) -> None:
    provider = unit.provider
    if provider.alias not in lines:
        lines[provider.alias] = {
            "alias": provider.alias,
            "shots": 0,
            "least": NOTHING,
            "most": NOTHING,
            "ceiling": NOTHING,
            "credits": NOTHING,
            "free": not provider.paid,
            "leaves_server": provider.leaves_server,
            "left": ledger.room(provider=provider.alias).left if provider.paid else None,
        }
    line = lines[provider.alias]
    line["shots"] += number
    line["least"] += unit.price.least * number
    line["most"] += unit.price.amount * number
    line["ceiling"] += unit.ceiling * number
    line["credits"] += unit.price.credits * number
