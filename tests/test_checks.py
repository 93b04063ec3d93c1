"""Each check fires when it should, stays quiet when it should, and is bound."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.db import connection

from tests.providers.fakes import setting
from tryon.catalog import ProductCatalog

GOOD_CLUSTER = {"timeout": 240, "retry": 300, "max_attempts": 1, "ack_failures": True}


class HalfACatalog:
    def product_ref(self, product: Any) -> str:
        return ""


class WholeCatalog(ProductCatalog):
    pass


def ids() -> set[str]:
    return {str(message.id) for message in checks.run_checks(tags=["tryon"])}


def test_bound_to_manage_py_check() -> None:
    assert "tryon" in checks.registry.registry.tags_available()


def test_an_empty_dict_passes(settings: Any) -> None:
    settings.TRYON = {}
    assert not {found for found in ids() if found.startswith("tryon.E")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DALY_LIMIT": 5}, "tryon.E001"),
        ({"DAILY_LIMIT": "5"}, "tryon.E001"),
        ({"DAILY_LIMIT": True}, "tryon.E001"),
        ({"PROVIDERS": []}, "tryon.E001"),
        ({"PROVIDERS": {"x": {"BACKEND": "no.such.Provider"}}}, "tryon.E002"),
        ({"PROVIDERS": {"x": {}}}, "tryon.E002"),
        ({"PROVIDERS": {"x": setting("InstantProvider", api_kee="1")}}, "tryon.E003"),
        ({"PROVIDERS": {"x": {**setting("InstantProvider"), "NAME": "x"}}}, "tryon.E003"),
        ({"ROUTES": {"try-on": ["local"]}}, "tryon.E003"),
        ({"ROUTES": {"try_on": ["nobody"]}}, "tryon.E003"),
        ({"CATALOG": "no.such.Catalog"}, "tryon.E006"),
        ({"CAPS": {"shops": {"day": 5}}}, "tryon.E009"),
        ({"CAPS": {"shop": {"week": 5}}}, "tryon.E009"),
        ({"CAPS": {"shop": {"day": "much"}}}, "tryon.E009"),
        ({"CAPS": {"shop": 5}}, "tryon.E009"),
        ({"CAPS": {"providers": {"nobody": {"day": 5}}}}, "tryon.E009"),
        ({"CAPS": {"shop": {"day": 5}}, "PROVIDERS": {"x": setting("HostedProvider")}}, "tryon.W027"),
        ({"CATALOG": "tests.test_checks.HalfACatalog"}, "tryon.E006"),
    ],
)
def test_settings(tryon_settings: Callable[..., None], changes: dict[str, Any], expected: str) -> None:
    assert expected not in ids()
    tryon_settings(**changes)
    assert expected in ids()


def test_the_near_name_is_offered(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(DALY_LIMIT=5)
    (message,) = checks.run_checks(tags=["tryon"])
    assert message.hint == 'Did you mean "DAILY_LIMIT"?'


def test_a_whole_adapter_is_fine(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CATALOG="tests.test_checks.WholeCatalog")
    assert "tryon.E006" not in ids()


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({**GOOD_CLUSTER}, set()),
        ({**GOOD_CLUSTER, "ack_failures": False}, {"tryon.E004"}),
        ({**GOOD_CLUSTER, "max_attempts": 3}, {"tryon.E004"}),
        ({**GOOD_CLUSTER, "timeout": None}, {"tryon.E005"}),
        ({**GOOD_CLUSTER, "timeout": 30}, {"tryon.E005"}),
        ({**GOOD_CLUSTER, "retry": 240}, {"tryon.E005"}),
        ({}, {"tryon.E004", "tryon.E005"}),
    ],
)
def test_queue(settings: Any, cluster: dict[str, Any], expected: set[str]) -> None:
    settings.Q_CLUSTER = cluster
    assert ids() & {"tryon.E004", "tryon.E005"} == expected


@pytest.mark.parametrize(
    ("backend", "warned"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", True),
        ("django.core.cache.backends.dummy.DummyCache", True),
        ("django.core.cache.backends.db.DatabaseCache", False),
    ],
)
def test_cache(settings: Any, backend: str, warned: bool) -> None:
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "x"}}
    assert ("tryon.W010" in ids()) is warned


@pytest.mark.skipif(connection.vendor != "sqlite", reason="is about SQLite")
@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({}, True),
        ({"transaction_mode": "IMMEDIATE"}, True),
        ({"init_command": "PRAGMA journal_mode=WAL;"}, True),
        ({"transaction_mode": "immediate", "init_command": "PRAGMA journal_mode = WAL;"}, False),
    ],
)
def test_sqlite(monkeypatch: pytest.MonkeyPatch, options: dict[str, str], warned: bool) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert ("tryon.W011" in ids()) is warned


def test_photos_under_public_media(settings: Any, tryon_settings: Callable[..., None]) -> None:
    assert "tryon.W012" not in ids()
    tryon_settings(PRIVATE_ROOT=str(Path(settings.MEDIA_ROOT) / "people"))
    assert "tryon.W012" in ids()


def test_only_the_built_in_engine(
    settings: Any, tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = False
    assert "tryon.W014" in ids()
    settings.DEBUG = True
    assert not ids() & {"tryon.W014", "tryon.I014"}
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    assert ids() & {"tryon.W014", "tryon.I014"} == {"tryon.I014"}
    tryon_settings(PROVIDERS={"hosted": setting("HostedProvider")})
    assert not ids() & {"tryon.W014", "tryon.I014"}


def test_a_provider_that_is_not_ready_names_the_command(
    tryon_settings: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    tryon_settings(PROVIDERS={"local": {"BACKEND": "tryon.providers.local.LocalProvider"}})
    messages = {message.id: message.msg for message in checks.run_checks(tags=["tryon"])}
    assert "manage.py tryon_setup" in messages["tryon.W019"]


def deploy_ids() -> set[str]:
    return {str(message.id) for message in checks.run_checks(tags=["tryon"], include_deployment_checks=True)}


@pytest.mark.parametrize(("allowed", "warned"), [(True, True), (False, False)])
def test_private_hosts_are_for_development(tryon_settings: Callable[..., None], *, allowed: bool, warned: bool) -> None:
    options = {"api_key": "sk_1", "allow_private_hosts": allowed}
    tryon_settings(
        PROVIDERS={
            "fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options},
            "local": {"BACKEND": "tryon.providers.local.LocalProvider"},
            "wrong": {"BACKEND": "no.such.Provider"},
            "empty": {},
        }
    )
    assert ("tryon.W023" in deploy_ids()) is warned
    assert "tryon.W023" not in ids(), "only check --deploy says it"


@pytest.mark.parametrize(
    ("allowed", "debug", "warned"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_photos_from_inside_are_for_development(
    tryon_settings: Callable[..., None], settings: Any, *, allowed: bool, debug: bool, warned: bool
) -> None:
    settings.DEBUG = debug
    tryon_settings(ALLOW_PRIVATE_HOSTS=allowed)
    assert ("tryon.W028" in deploy_ids()) is warned
    assert "tryon.W028" not in ids()


def test_private_hosts_are_a_matter_of_security(tryon_settings: Callable[..., None]) -> None:
    options = {"api_key": "sk_1", "allow_private_hosts": True}
    tryon_settings(PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options}})
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    (message,) = [message for message in found if message.id == "tryon.W023"]
    assert '"fashn"' in message.msg
    assert "allow_private_hosts" in str(message.hint)
    tryon_settings(DALY_LIMIT=1)
    assert "tryon.W023" not in deploy_ids(), "nothing is read from settings that are wrong"


# ---------------------------------------------------------------- each rule about production has a test that fires it

PAID = {"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": {"api_key": "from-the-environment"}}}


@pytest.mark.parametrize("kind", ["MEMORY_SIZE", "NUMBER_FIELDS", "NUMBER_FILES"])
def test_bodies_have_an_end(settings: Any, kind: str) -> None:
    assert "tryon.W030" not in deploy_ids()
    setattr(settings, f"DATA_UPLOAD_MAX_{kind}", None)
    assert "tryon.W030" in deploy_ids()


def test_sync_mode_is_not_for_production(settings: Any) -> None:
    settings.Q_CLUSTER = {**GOOD_CLUSTER, "sync": True}
    assert "tryon.E007" in deploy_ids()
    settings.Q_CLUSTER = GOOD_CLUSTER
    assert "tryon.E007" not in deploy_ids()


@pytest.mark.parametrize(
    ("caps", "warned"), [({}, True), ({"shopper": {"day": 1}}, True), ({"shop": {"day": 5}}, False)]
)
def test_paid_providers_need_a_cap(tryon_settings: Callable[..., None], caps: dict[str, Any], warned: bool) -> None:
    tryon_settings(PROVIDERS=PAID, CAPS=caps)
    assert ("tryon.W024" in deploy_ids()) is warned


def test_the_built_in_engine_needs_no_cap(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={})
    assert "tryon.W024" not in deploy_ids()


@pytest.mark.parametrize(
    ("key", "url", "warned"),
    [
        ("short", "https://shop.example/tryon/", True),
        ("django-insecure-" + "x" * 50, "https://shop.example/tryon/", True),
        ("x" * 50, "http://shop.example/tryon/", True),
        ("x" * 50, "https://shop.example/tryon/", False),
        ("short", "", False),
    ],
)
def test_webhooks_need_a_secret(
    settings: Any, tryon_settings: Callable[..., None], key: str, url: str, warned: bool
) -> None:
    settings.SECRET_KEY = key
    tryon_settings(PUBLIC_URL=url)
    assert ("tryon.W025" in deploy_ids()) is warned


@pytest.mark.parametrize("name", ["PHOTO_RETENTION_HOURS", "RESULT_RETENTION_HOURS"])
def test_pictures_of_people_need_an_end(tryon_settings: Callable[..., None], name: str) -> None:
    assert "tryon.E008" not in ids()
    tryon_settings(**{name: 0})
    assert "tryon.E008" in ids()


def test_a_key_in_the_settings_file(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=PAID)
    assert "tryon.W026" not in deploy_ids()
    written = {**PAID["fashn"], "OPTIONS": {"api_key": "django-tryon-tests"}}  # a text that stands in tests/settings.py
    tryon_settings(PROVIDERS={"fashn": written})
    (message,) = [one for one in checks.run_checks(include_deployment_checks=True) if one.id == "tryon.W026"]
    assert "settings.py" in message.msg
    assert "django-tryon-tests" not in f"{message.msg} {message.hint}"


def test_debug_is_said_by_django(settings: Any) -> None:
    settings.DEBUG = True
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    assert "security.W018" in {message.id for message in found}


@pytest.mark.slow
def test_the_demo_shop_is_fit_for_a_server(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"},  # browser tests
        "DJANGO_SETTINGS_MODULE": "tryon_shop.settings",
        "TRYON_SHOP_VAR": str(tmp_path),
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
    assert "no issues" in told.stdout
