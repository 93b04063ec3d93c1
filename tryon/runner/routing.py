"""Which provider makes it: by operation, category, consent and whether it is ready."""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.core.exceptions import ImproperlyConfigured

from tryon.choices import Category, Operation
from tryon.conf import conf
from tryon.providers import get_provider, provider_aliases
from tryon.providers.base import Provider

logger = logging.getLogger("tryon.routing")


def route(operation: Operation) -> list[str]:
    """Aliases in order of preference."""
    return list(conf.ROUTES.get(operation.value, provider_aliases()))


def configured(operation: Operation) -> list[Provider]:
    """Providers that the settings allow for it, best first, whether or not they are ready this minute."""
    found = []
    for alias in route(operation):
        try:
            provider = get_provider(alias)
        except ImproperlyConfigured as error:
            logger.error("provider %s is not usable: %s", alias, error)
            continue
        if provider.can(operation):
            found.append(provider)
    return found


def candidates(
    operation: Operation, category: Category | None = None, *, allowed: Collection[str] | None = None
) -> list[Provider]:
    """Providers that could do it now, best first. ``allowed``: the aliases a consent names."""
    return [
        provider
        for provider in configured(operation)
        if (allowed is None or provider.alias in allowed)
        and provider.can(operation, category)
        and not provider.problems()
    ]
