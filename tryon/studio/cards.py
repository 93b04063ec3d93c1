"""What a reviewer sees of one picture: in words, for the admin's grid and for reviewers without an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from tryon.models import Review, TryOnOutput
from tryon.studio import fidelity_words
from tryon.studio.again import can_be_told
from tryon.studio.money import money
from tryon.studio.prices import once_more
from tryon.studio.review import words_of
from tryon.studio.spent import costs

FACTS = ("prompt", "theme", "seed")  # options worth a word


@dataclass(frozen=True, slots=True)
class Card:
    """``urls``: source, thumb, card and full. ``facts``: (name, words)."""

    output: TryOnOutput
    urls: dict[str, str]
    title: str
    model: str
    facts: tuple[tuple[str, str], ...]
    score: str
    flags: tuple[str, ...]
    explained: Sequence[Any]
    absence: str
    reasons: tuple[str, ...]
    is_picture: bool
    can_be_told: bool
    once_more: str

    @property
    def pk(self) -> UUID:
        return self.output.pk

    @property
    def state(self) -> str:
        return "published" if self.output.published_at else self.output.review


def cards(
    outputs: Sequence[TryOnOutput], url_of: Any, *, with_cost: bool, anonymous: bool = False, again: bool = False
) -> list[Card]:
    """``url_of(output, size)``; ``anonymous`` hides who made it, also its price, which says as much; ``again``: with
    what another one costs. Their results, garments and models are loaded."""
    with_cost = with_cost and not anonymous
    paid = costs(output.result_id for output in outputs) if with_cost else {}
    more = once_more((output.result for output in outputs), anonymous=anonymous) if again else {}
    return [
        _card(output, url_of, paid.get(output.result_id), more.get(output.result_id, ""), with_cost, anonymous)
        for output in outputs
    ]


def _card(output: TryOnOutput, url_of: Any, paid: Decimal | None, more: str, with_cost: bool, anonymous: bool) -> Card:
    result = output.result
    facts: list[tuple[str, str]] = [(_("Category"), str(result.garment.get_category_display()))]
    if not anonymous:
        maker = f"{result.provider} {result.engine_version}".strip()
        facts.append((_("Made by"), maker))
        facts += [(name.capitalize(), str(result.options[name])) for name in FACTS if result.options.get(name)]
    if with_cost:
        facts.append((_("Cost"), money(paid or Decimal(0))))
    if result.note:
        facts.append((_("Asked for"), result.note))
    if more:
        facts.append((_("Made again"), more))
    facts.append((_("Size"), f"{output.width} × {output.height}"))
    return Card(
        output=output,
        urls={size: url_of(output, size) for size in ("source", "thumb", "card", "full")},
        title=str(result.garment),
        model=str(result.preset_model) if result.preset_model else _("made-up model"),
        facts=tuple(facts),
        score="" if output.score is None else f"{output.score:.0f}",
        flags=tuple(fidelity_words.flag_words(output)),
        explained=fidelity_words.explain(output),
        absence=fidelity_words.absence(output),
        reasons=tuple(words_of(output.reasons)) if output.review == Review.REJECTED else (),
        is_picture=not output.mime or output.mime.startswith("image/"),
        can_be_told=not anonymous and can_be_told(result),
        once_more=more,
    )
