"""Providers by alias, as the settings name them."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from tryon.choices import Category, Operation
from tryon.conf import conf
from tryon.providers.base import Capability, Option, Output, Provider, ProviderError, Submission, TryOnRequest, Update

__all__ = [
    "Capability",
    "Category",
    "Operation",
    "Option",
    "Output",
    "Provider",
    "ProviderError",
    "Submission",
    "TryOnRequest",
    "Update",
    "build_provider",
    "get_provider",
    "provider_aliases",
]

_instances: dict[str, Provider] = {}


def provider_aliases() -> list[str]:
    return list(conf.PROVIDERS)


def get_provider(alias: str) -> Provider:
    """The provider of an alias, made once a process. Raises ImproperlyConfigured when the settings are wrong."""
    if alias not in _instances:
        _instances[alias] = build_provider(alias)
    return _instances[alias]


def build_provider(alias: str) -> Provider:
    try:
        entry = conf.PROVIDERS[alias]
    except KeyError:
        raise ImproperlyConfigured(f'TRYON["PROVIDERS"] has no "{alias}"') from None
    unknown = sorted(set(entry) - {"BACKEND", "OPTIONS"})
    if unknown or "BACKEND" not in entry:
        raise ImproperlyConfigured(f'TRYON["PROVIDERS"]["{alias}"] takes BACKEND and OPTIONS, nothing else')
    try:
        backend = import_string(entry["BACKEND"])
    except ImportError as error:
        raise ImproperlyConfigured(f'TRYON["PROVIDERS"]["{alias}"]: {error}') from error
    return cast("Provider", backend(alias=alias, **entry.get("OPTIONS", {})))


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "TRYON":
        _instances.clear()


setting_changed.connect(_forget, dispatch_uid="tryon.providers")
