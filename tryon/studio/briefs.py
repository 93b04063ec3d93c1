"""What a merchandiser asks for: products x (preset models and/or models that the provider makes up) x themes x variants
x providers. What that comes to is counted in ``plans``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet

from tryon.choices import Category, Operation, Status
from tryon.errors import TryOnError
from tryon.models import LIVE, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import Option, Provider

MAX_VARIANTS = 4
MAX_THEMES = 12
CHUNK = 1000  # rows in memory at a time
THEME_OPTION, WORDS_OPTION = "theme", "prompt"


@dataclass(frozen=True, slots=True)
class Brief:
    """``models``: keys of preset models. ``generated``: also on a model of the provider's own making.

    ``providers``: () leaves the choice to the route; several make each picture by each of them. ``options`` are the
    providers' own, by alias. ``themes`` are words for place and pose. ``only_missing`` leaves out a garment on a model
    of which a picture is there, or on its way.
    """

    models: tuple[int, ...] = ()
    generated: bool = False
    themes: tuple[str, ...] = ()
    variants: int = 1
    providers: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    only_missing: bool = False
    operation: Operation = Operation.MODEL_SHOT

    def __post_init__(self) -> None:
        if not 1 <= self.variants <= MAX_VARIANTS:
            raise TryOnError("invalid", f"variants: 1 to {MAX_VARIANTS}")
        if len(self.themes) > MAX_THEMES:
            raise TryOnError("invalid", f"themes: at most {MAX_THEMES}")

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "operation": self.operation.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Brief:
        """Raises TryOnError("invalid")."""
        try:
            return cls(
                models=tuple(int(key) for key in data.get("models", ())),
                generated=bool(data.get("generated", False)),
                themes=tuple(
                    dict.fromkeys(str(theme).strip() for theme in data.get("themes", ()) if str(theme).strip())
                ),
                variants=int(data.get("variants", 1)),
                providers=tuple(dict.fromkeys(map(str, data.get("providers", ())))),
                options={str(alias): dict(options) for alias, options in dict(data.get("options", {})).items()},
                only_missing=bool(data.get("only_missing", False)),
                operation=Operation(data.get("operation", Operation.MODEL_SHOT)),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise TryOnError("invalid", f"not a brief: {error}") from error


# ---------------------------------------------------------------- what providers can do with it


def made_rows(operation: Operation) -> QuerySet[TryOnResult]:
    """The shop's pictures that are there or on their way; what a reviewer refused is not there."""
    rows = TryOnResult.objects.filter(operation=operation.value, shopper=None, status__in=[Status.SUCCEEDED, *LIVE])
    return rows.exclude(outputs__review="rejected")


def makers_named(operation: Operation, aliases: Iterable[str], category: Category | None = None) -> list[Provider]:
    """The ready providers of these names that can do it, whether or not a route leads to them."""
    found = []
    for alias in aliases:
        try:
            provider = get_provider(alias)
        except ImproperlyConfigured:  # the checks of the project complain about it
            continue
        if provider.can(operation, category) and not provider.problems():
            found.append(provider)
    return found


def takes_words(provider: Provider, operation: Operation) -> bool:
    """Whether place, pose or a reviewer's note can be told to it."""
    return WORDS_OPTION in _options(provider, operation)


def with_words(
    provider: Provider, operation: Operation, options: Mapping[str, Any], words: str
) -> dict[str, Any] | None:
    """``options`` with a theme or note in the way this provider takes it; None where it can't be told."""
    known = _options(provider, operation)
    theme = known.get(THEME_OPTION)
    if theme and theme.takes(words):
        return {**options, THEME_OPTION: words}
    if WORDS_OPTION not in known:
        return None
    before = options.get(WORDS_OPTION) or known[WORDS_OPTION].default or ""
    told = f"{before}, {words}" if before else words
    return {**options, WORDS_OPTION: told} if known[WORDS_OPTION].takes(told) else None


def typed(provider: Provider, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in their types, as far as they are right; ``Plan.check`` complains about the others."""
    known = _options(provider, operation)
    return {
        name: known[name].clean(value) if name in known and known[name].takes(value) else value
        for name, value in options.items()
    }


def theme_choices(providers: Iterable[Provider], operation: Operation) -> list[str]:
    """The themes that providers name themselves, to be offered."""
    found: dict[str, None] = {}
    for provider in providers:
        theme = _options(provider, operation).get(THEME_OPTION)
        found.update(dict.fromkeys(map(str, theme.choices if theme else ())))
    return list(found)


def _options(provider: Provider, operation: Operation) -> dict[str, Option]:
    return {option.name: option for option in provider.capability(operation).options}
