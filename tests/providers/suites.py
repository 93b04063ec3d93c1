"""The conformance suites of all our providers, found by their modules' names: tryon/providers/x.py, test_x.py."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from pathlib import Path

import tryon.providers
from tryon.testing import HostedConformance, ProviderConformance

FOLDER = Path(tryon.providers.__path__[0])
NO_PROVIDERS = {"answers", "base", "facts", "hosted", "http", "ssrf", "wire"}


def provider_modules() -> list[str]:
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    return [name for name in names if name not in NO_PROVIDERS and not name.endswith(("__", "_models", "_operations"))]


def suite_of(name: str) -> ProviderConformance:
    """The suite in ``test_<name>.py``, which says which backend it is about."""
    module = importlib.import_module(f"tests.providers.test_{name}")
    suites = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, ProviderConformance) and item.__module__ == module.__name__
    ]
    (suite,) = suites
    return suite()


@functools.cache
def suites() -> Mapping[str, ProviderConformance]:
    return {name: suite_of(name) for name in provider_modules()}


def hosted_suites() -> dict[str, HostedConformance]:
    return {name: suite for name, suite in suites().items() if isinstance(suite, HostedConformance)}
