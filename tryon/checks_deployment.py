"""System checks of ``manage.py check --deploy``: what is fine on a developer's machine and not on a server.

What a checker of Django itself says (DEBUG, a weak SECRET_KEY, cookies without TLS) is not said again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from tryon.checks import setting_names
from tryon.conf import conf
from tryon.providers import build_provider
from tryon.providers.base import Provider

SHORTEST_SECRET, INSECURE = 50, "django-insecure-"  # as Django has them for its own check
SHORTEST_KEY = 8  # a shorter one would be found in any file


@register("tryon", Tags.security, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    if list(setting_names()):  # nothing can be read safely
        return []
    providers = dict(_built())
    return [
        *_private_hosts(providers),
        *_endless_bodies(),
        *_sync_mode(),
        *_spend_cap(providers),
        *_webhook_secret(),
        *_literal_keys(providers),
    ]


def _built() -> Iterator[tuple[str, Provider]]:
    for alias in conf.PROVIDERS:
        try:
            yield alias, build_provider(alias)
        except (ImproperlyConfigured, KeyError, TypeError):  # the other checks say so
            continue


def _private_hosts(providers: Mapping[str, Provider]) -> Iterator[CheckMessage]:
    if conf.ALLOW_PRIVATE_HOSTS and not settings.DEBUG:
        yield Warning(
            "Addresses of photos, which anybody may send, and of webhooks may lead into your own network, and without "
            "TLS.",
            hint='Take "ALLOW_PRIVATE_HOSTS" out of TRYON: it is for a developer\'s machine.',
            id="tryon.W028",
        )
    for alias, provider in providers.items():
        if provider.allow_private_hosts:
            yield Warning(
                f'The provider "{alias}" may call and fetch from addresses inside your own network, and without TLS.',
                hint=f'Take "allow_private_hosts" out of TRYON["PROVIDERS"]["{alias}"]["OPTIONS"]: it is for a '
                "sandbox on the developer's machine.",
                id="tryon.W023",
            )


def _endless_bodies() -> Iterator[CheckMessage]:
    for kind in ("MEMORY_SIZE", "NUMBER_FIELDS", "NUMBER_FILES"):
        name = f"DATA_UPLOAD_MAX_{kind}"
        if getattr(settings, name) is None:
            yield Warning(
                f"{name} is None: one request may take as much memory and time as it likes.",
                hint=f"Take {name} out of the settings: Django's own value is enough for try-on.",
                id="tryon.W030",
            )


def _sync_mode() -> Iterator[CheckMessage]:
    if getattr(settings, "Q_CLUSTER", {}).get("sync"):
        yield Error(
            "Q_CLUSTER works in sync mode: a shopper's request makes all waiting pictures before it is answered.",
            hint='Take "sync" out of Q_CLUSTER and run: python manage.py qcluster',
            id="tryon.E007",
        )


def _spend_cap(providers: Mapping[str, Provider]) -> Iterator[CheckMessage]:
    paid = [alias for alias, provider in providers.items() if provider.paid]
    caps: Mapping[str, Any] = conf.CAPS.get("shop", {})
    if paid and not any(caps.get(window) for window in ("hour", "day")):
        yield Warning(
            f"Nothing limits what is spent at {', '.join(paid)}.",
            hint='TRYON = {"CAPS": {"shop": {"day": 50}, "shopper": {"day": 1}}}, in your currency.',
            id="tryon.W024",
        )


def _webhook_secret() -> Iterator[CheckMessage]:
    """Providers call back at addresses that hold a signature; it is made with SECRET_KEY."""
    key = str(settings.SECRET_KEY)
    weak = len(key) < SHORTEST_SECRET or key.startswith(INSECURE)
    if conf.PUBLIC_URL and (weak or not conf.PUBLIC_URL.startswith("https://")):
        yield Warning(
            "Webhooks of providers are not secret: they need a strong SECRET_KEY, and an address with https.",
            hint='SECRET_KEY = os.environ["SECRET_KEY"] of 50 letters and more; '
            'TRYON = {"PUBLIC_URL": "https://shop.example/tryon/"}',
            id="tryon.W025",
        )


def _literal_keys(providers: Mapping[str, Provider]) -> Iterator[CheckMessage]:
    """A key that stands in the settings file stands in the repository as well."""
    sources = _settings_sources()
    for alias, provider in providers.items():
        key = conf.PROVIDERS[alias].get("OPTIONS", {}).get("api_key")
        if provider.allow_private_hosts or not isinstance(key, str) or len(key) < SHORTEST_KEY:
            continue
        for path, text in sources.items():
            if key in text:
                yield Warning(
                    f'The key of the provider "{alias}" is written in {path.name}.',
                    hint=f'"OPTIONS": {{"api_key": os.environ["{getattr(provider, "key_variable", "API_KEY")}"]}}, '
                    "and a new key: this one may have been seen.",
                    id="tryon.W026",
                )


def _settings_sources() -> dict[Path, str]:
    """The settings module and the modules beside it that it was made of."""
    name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    module = sys.modules.get(name)
    if module is None or not module.__file__:
        return {}
    package = name.rpartition(".")[0]
    beside = [one for key, one in sys.modules.items() if "settings" in key and key.rpartition(".")[0] == package]
    files = {Path(str(one.__file__)) for one in (module, *beside) if getattr(one, "__file__", None)}
    return {path: path.read_text(errors="replace") for path in sorted(files) if path.suffix == ".py" and path.exists()}
