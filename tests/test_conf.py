from __future__ import annotations

from typing import Any

from tests.settings_table import in_readme, table
from tryon.conf import conf, documented


def test_settings_are_read_at_call_time(settings: Any) -> None:
    settings.TRYON = {"DAILY_LIMIT": 3}
    assert conf.DAILY_LIMIT == 3
    settings.TRYON = {}
    assert conf.DAILY_LIMIT == 20


def test_without_the_dict_there_are_defaults(settings: Any) -> None:
    del settings.TRYON
    assert conf.ENABLED is True


def test_every_setting_is_explained() -> None:
    for name, (kind, _default, meaning) in documented().items():
        assert kind in {"bool", "int", "str", "dict"}, name
        assert meaning.endswith("."), name


def test_the_readme_has_every_setting() -> None:
    assert in_readme() == table(), "run: python -m tests.settings_table --write"
