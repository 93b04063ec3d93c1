"""Casting: who is shown wearing what. Which garments lack a size, a skin tone or a view, and what to make next.

    report = Report(views=("back view",))
    report.lacks(garment)               what one garment lacks
    plan = report.plan(shots=60, budget=Decimal(10))     a balanced choice, each pick with its reason
    batches.create(plan, user=user)     the plan as a batch

A view is a word of the theme that a shot was ordered with ("back view"); a shot without any shows the front.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tryon import ledger
from tryon.choices import Category, Operation
from tryon.errors import TryOnError
from tryon.models import Garment, PresetModel
from tryon.studio.briefs import Brief, made_rows
from tryon.studio.money import money
from tryon.studio.plans import NOTHING, Line, Plan, Quote, Unit

FRONT = ""
MOST_SHOTS = 2000
MOST_LOOKS = 200  # lines judged anew for one pick
# What a pick is worth: a garment's first picture counts most, then what nobody has shown it on
FIRST, SIZE, TONE, VIEW, BALANCE = 4.0, 2.0, 2.0, 2.0, 1.0


LETTERS = re.compile(r"(\d*)(X*)([SML])", re.IGNORECASE)


def size_order(size: str) -> tuple[int, float]:
    """XS before S before 2XL before 3XL, then numbers, then what else there is, in the shop's own order."""
    if letters := LETTERS.fullmatch(size):
        extent = int(letters[1] or len(letters[2]))
        return 0, {"S": -1 - extent, "M": 0, "L": 1 + extent}[letters[3].upper()]
    return (1, float(size)) if size.isdecimal() else (2, 0)


@dataclass(frozen=True, slots=True)
class Lack:
    """What one garment has no shot of."""

    shots: int
    sizes: tuple[str, ...]
    tones: tuple[str, ...]
    views: tuple[str, ...]

    @property
    def number(self) -> int:
        return len(self.sizes) + len(self.tones) + len(self.views) + (self.shots == 0)


@dataclass(slots=True)
class Seen:
    """What the shots of one garment show."""

    shots: int = 0
    sizes: set[str] = field(default_factory=set)
    tones: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    pairs: set[tuple[int, str]] = field(default_factory=set)

    def add(self, preset: PresetModel, view: str) -> None:
        self.shots += 1
        self.sizes.add(preset.size)
        self.tones.add(preset.skin_tone)
        self.views.add(view)
        self.pairs.add((preset.pk, view))

    def with_one(self, preset: PresetModel, view: str) -> Seen:
        more = Seen(self.shots, set(self.sizes), set(self.tones), set(self.views), set(self.pairs))
        more.add(preset, view)
        return more


@dataclass(frozen=True, slots=True)
class Pick:
    garment_id: int
    category: Category
    unit: Unit
    why: str


class Report:
    """``views``: further views that every garment should have, beside the front."""

    def __init__(self, garments: QuerySet[Garment] | None = None, *, views: Sequence[str] = ()) -> None:
        base = Garment.objects.all() if garments is None else garments
        self.garments = base.filter(active=True)
        self.views = (FRONT, *dict.fromkeys(view.strip() for view in views if view.strip()))

    @cached_property
    def presets(self) -> list[PresetModel]:
        return list(PresetModel.objects.filter(active=True))

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        return tuple(sorted(dict.fromkeys(preset.size for preset in self.presets if preset.size), key=size_order))

    @cached_property
    def tones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(preset.skin_tone for preset in self.presets if preset.skin_tone))

    @cached_property
    def categories(self) -> dict[int, Category]:
        return {pk: Category(category) for pk, category in self.garments.order_by("pk").values_list("pk", "category")}

    @cached_property
    def seen(self) -> dict[int, Seen]:
        """By garment, from the shots that are there or on their way and were not refused. One query."""
        known = {preset.pk: preset for preset in PresetModel.objects.all()}
        found: dict[int, Seen] = defaultdict(Seen)
        rows = made_rows(Operation.MODEL_SHOT).filter(garment__active=True).order_by()
        for garment, preset, note in rows.values_list("garment_id", "preset_model_id", "note").iterator(5000):
            if garment in self.categories and preset in known:
                found[garment].add(known[preset], self.view_of(note))
        return found

    def view_of(self, note: str) -> str:
        words = note.casefold()
        return next((view for view in self.views if view and view.casefold() in words), FRONT)

    def lacks(self, garment_id: int) -> Lack:
        seen = self.seen.get(garment_id, Seen())
        return Lack(
            seen.shots,
            tuple(size for size in self.sizes if size not in seen.sizes),
            tuple(tone for tone in self.tones if tone not in seen.tones),
            tuple(view for view in self.views if view not in seen.views),
        )

    def table(self) -> list[tuple[int, Lack]]:
        """Every garment that lacks something, the poorest first."""
        rows = [(pk, self.lacks(pk)) for pk in self.categories]
        return sorted((row for row in rows if row[1].number), key=lambda row: (-row[1].number, row[1].shots, row[0]))

    def shares(self) -> dict[str, Counter[str]]:
        """How often each size, tone and view is shown in the whole shop."""
        counts: dict[str, Counter[str]] = {
            "sizes": Counter(dict.fromkeys(self.sizes, 0)),
            "tones": Counter(dict.fromkeys(self.tones, 0)),
            "views": Counter(dict.fromkeys(self.views, 0)),
        }
        known = {preset.pk: preset for preset in PresetModel.objects.all()}
        for seen in self.seen.values():
            for pk, view in seen.pairs:
                counts["sizes"][known[pk].size] += 1
                counts["tones"][known[pk].skin_tone] += 1
                counts["views"][view] += 1
        return counts

    def plan(self, *, shots: int, budget: Decimal | None = None, providers: tuple[str, ...] = ()) -> CastingPlan:
        """The shots that help most, within a number and a budget."""
        brief = Brief(models=tuple(preset.pk for preset in self.presets), themes=self.views, providers=providers)
        return CastingPlan(brief, list(self.categories), _Chooser(self, brief, min(shots, MOST_SHOTS), budget).picks())


class _Chooser:
    """Greedy: again and again the pick with the most gain for its price, until money or number are used up.

    Garments that are shown alike gain alike: they wait in one line, and only the lines are compared. The shop's
    balance moves with every pick, so a line's gain is computed anew when its turn comes; it keeps the turn only if it
    is still the best, or when many lines were looked at.
    """

    def __init__(self, report: Report, brief: Brief, shots: int, budget: Decimal | None) -> None:
        self.report, self.shots, self.budget = report, shots, budget
        self.units = Plan(brief, ()).units
        self.shares = report.shares()
        self.room: dict[str, Decimal | None] = {}
        self.lines: dict[Hashable, deque[int]] = defaultdict(deque)
        self.looks: dict[Hashable, tuple[Category, Seen]] = {}
        for pk, category in report.categories.items():
            self._line_up(pk, category, report.seen.get(pk, Seen()))

    def _line_up(self, pk: int, category: Category, seen: Seen) -> Hashable:
        shown = tuple(frozenset(values) for values in (seen.sizes, seen.tones, seen.views))
        key = (category, seen.shots > 0, shown, frozenset(seen.pairs))
        self.looks.setdefault(key, (category, seen))
        self.lines[key].append(pk)
        return key

    def picks(self) -> list[Pick]:
        order = itertools.count()
        heap = [(-gain, next(order), key) for key in self.lines if (gain := self._best(key)[0]) > 0]
        heapq.heapify(heap)
        chosen: list[Pick] = []
        spent, looked = NOTHING, 0
        while heap and len(chosen) < self.shots:
            _old, _place, key = heapq.heappop(heap)
            gain, unit = self._best(key, spent)
            if unit is None or unit.preset is None or not self.lines[key]:
                continue
            if heap and gain < -heap[0][0] and looked < MOST_LOOKS:
                heapq.heappush(heap, (-gain, next(order), key))
                looked += 1
                continue
            looked = 0
            category, seen = self.looks[key]
            pk = self.lines[key].popleft()
            chosen.append(Pick(pk, category, unit, self._why(seen, unit)))
            spent += unit.price.amount
            self._count(unit)
            after = seen.with_one(unit.preset, unit.theme)
            for line in {key, self._line_up(pk, category, after)}:
                if self.lines[line] and (more := self._best(line, spent)[0]) > 0:
                    heapq.heappush(heap, (-more, next(order), line))
        return chosen

    def _best(self, key: Hashable, spent: Decimal = NOTHING) -> tuple[float, Unit | None]:
        category, seen = self.looks[key]
        best: tuple[float, Unit | None] = (0.0, None)
        for unit in self.units[category]:
            if unit.preset is None or unit.variant or not self._affordable(unit, spent):
                continue
            gain = self._gain(seen, unit.preset, unit.theme)
            value = gain / (1.0 + float(unit.price.amount))
            if value > best[0]:
                best = (value, unit)
        return best

    def _affordable(self, unit: Unit, spent: Decimal) -> bool:
        if self.budget is not None and spent + unit.price.amount > self.budget:
            return False
        alias = unit.provider.alias
        if unit.provider.paid and alias not in self.room:
            self.room[alias] = ledger.room(provider=alias).left
        left = self.room.get(alias)
        return left is None or unit.price.amount <= left

    def _gain(self, seen: Seen, preset: PresetModel, view: str) -> float:
        """0 for what is there already; else what is new for the garment, and a little for what the shop shows least."""
        if (preset.pk, view) in seen.pairs:
            return 0.0
        new = FIRST * (seen.shots == 0) + VIEW * (view not in seen.views)
        new += SIZE * bool(preset.size and preset.size not in seen.sizes)
        new += TONE * bool(preset.skin_tone and preset.skin_tone not in seen.tones)
        if not new:
            return 0.0
        return new + BALANCE * (self._rare("sizes", preset.size) + self._rare("tones", preset.skin_tone)) / 2

    def _rare(self, kind: str, value: str) -> float:
        """1 for what is never shown, falling to 0 for what is shown most."""
        counts = self.shares[kind]
        most = max(counts.values(), default=0)
        return 1.0 if not most else 1.0 - counts[value] / (most + 1)

    def _why(self, seen: Seen, unit: Unit) -> str:
        preset = unit.preset
        assert preset is not None  # noqa: S101 - only such units are picked
        reasons = []
        if seen.shots == 0:
            reasons.append(_("first shot"))
        if preset.size and preset.size not in seen.sizes:
            reasons.append(_("size %(size)s is missing") % {"size": preset.size})
        if preset.skin_tone and preset.skin_tone not in seen.tones:
            reasons.append(_("skin tone %(tone)s is missing") % {"tone": preset.skin_tone})
        if unit.theme not in seen.views and unit.theme:
            reasons.append(_("%(view)s is missing") % {"view": unit.theme})
        return ", ".join(reasons)

    def _count(self, unit: Unit) -> None:
        preset = unit.preset
        assert preset is not None  # noqa: S101
        self.shares["sizes"][preset.size] += 1
        self.shares["tones"][preset.skin_tone] += 1
        self.shares["views"][unit.theme] += 1
        left = self.room.get(unit.provider.alias)
        if left is not None:
            self.room[unit.provider.alias] = left - unit.price.amount


class CastingPlan(Plan):
    """A plan that holds exactly the chosen pictures; ``batches.create`` makes a batch of it."""

    def __init__(self, brief: Brief, garment_ids: Iterable[int], picks: Sequence[Pick]) -> None:
        self.picks = list(picks)
        chosen = {pick.garment_id for pick in self.picks}
        super().__init__(brief, [pk for pk in garment_ids if pk in chosen])
        self.by_garment: dict[int, list[Pick]] = defaultdict(list)
        for pick in self.picks:
            self.by_garment[pick.garment_id].append(pick)

    def check(self) -> None:
        if not self.picks:
            raise TryOnError("invalid", "nothing to make")
        for unit in {(pick.unit.provider.alias, pick.unit.theme): pick.unit for pick in self.picks}.values():
            unit.provider.clean_options(self.brief.operation, unit.options)

    def quote(self) -> Quote:
        lines: dict[str, Line] = {}
        for alias, units in self._by_provider().items():
            provider = units[0].provider
            lines[alias] = Line(
                alias=alias,
                shots=len(units),
                least=sum((unit.price.least for unit in units), NOTHING),
                most=sum((unit.price.amount for unit in units), NOTHING),
                ceiling=sum((unit.ceiling for unit in units), NOTHING),
                credits=sum((unit.price.credits for unit in units), NOTHING),
                free=not provider.paid,
                leaves_server=provider.leaves_server,
                left=ledger.room(provider=alias).left if provider.paid else None,
            )
        return Quote(len(self.by_garment), len(self.picks), tuple(lines.values()), {}, 0)

    def _by_provider(self) -> dict[str, list[Unit]]:
        found: dict[str, list[Unit]] = defaultdict(list)
        for pick in self.picks:
            found[pick.unit.provider.alias].append(pick.unit)
        return found

    def rows(self) -> Iterator[tuple[Garment, str, list[Unit]]]:
        for start in range(0, len(self.garment_ids), 1000):
            keys = self.garment_ids[start : start + 1000]
            found = Garment.objects.in_bulk(keys)
            for key in keys:
                if key in found and found[key].active:
                    yield found[key], "", [pick.unit for pick in self.by_garment[key]]


def in_words(plan: CastingPlan) -> str:
    quote = plan.quote()
    if not quote.most:
        return _("%(shots)d shots of %(garments)d garments, free.") % {
            "shots": quote.shots,
            "garments": quote.garments,
        }
    words = _("%(shots)d shots of %(garments)d garments, at most %(amount)s.")
    return words % {"shots": quote.shots, "garments": quote.garments, "amount": money(quote.most)}
