"""PostgreSQL for tests, proofs and benchmarks: where it is, and databases that are gone afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any


def settings(name: str, **more: Any) -> dict[str, Any]:
    """An entry of DATABASES; the environment says where the server is."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", "5432"),
        "USER": os.environ.get("PGUSER", "postgres"),
        **more,
    }


@contextlib.contextmanager
def own_database(name: str) -> Iterator[str]:
    """An empty database, dropped at the end whoever is connected to it."""
    _administer(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        _administer(f"DROP DATABASE {name} WITH (FORCE)")


def _administer(statement: str) -> None:
    import psycopg

    where = settings(os.environ.get("PGDATABASE", "test"))
    address = {"host": where["HOST"], "port": where["PORT"], "user": where["USER"], "dbname": where["NAME"]}
    with psycopg.connect(**address, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
