from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_migrations_go_back_and_forth() -> None:
    before = {name for name in connection.introspection.table_names() if name.startswith("tryon_")}
    ours = {name for name in before if not name.startswith("tryon_shop_")}
    assert ours
    call_command("migrate", "tryon", "zero", verbosity=0)
    left = {name for name in connection.introspection.table_names() if name.startswith("tryon_")}
    assert left == before - ours
    call_command("migrate", "tryon", verbosity=0)
    assert {name for name in connection.introspection.table_names() if name.startswith("tryon_")} == before


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "tryon", check=True, dry_run=True, stdout=StringIO())
