"""Real django-q2 clusters, killed in the middle of a try-on, on each broker and database."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable

PROJECT = Path(__file__).resolve().parents[2]


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A migrated database and a broker of our own, gone afterwards."""
    database, broker = request.param
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.cluster_settings",
        "CLUSTER_ROOT": str(tmp_path),
        "CLUSTER_BROKER": broker,
        "TEST_DATABASE": database,
    }
    if broker == "redis" and not reachable(6379):
        unavailable("Redis on 127.0.0.1:6379")
    name = ""
    if database == "postgres":
        if not reachable(5432):
            unavailable("PostgreSQL on 127.0.0.1:5432")
        name = f"tryon_cluster_{uuid.uuid4().hex[:8]}"
        admin(f"CREATE DATABASE {name}")
        variables["CLUSTER_DATABASE"] = name
    run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"], variables)
    yield variables
    if name:
        admin(f"DROP DATABASE {name} WITH (FORCE)")


def admin(statement: str) -> None:
    import psycopg

    where = os.environ.get("PGDATABASE", "test"), os.environ.get("PGUSER", "postgres")
    with psycopg.connect(host="127.0.0.1", dbname=where[0], user=where[1], autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def run(command: list[str], variables: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "victim"),
    [
        (("sqlite", "orm"), "worker"),
        (("sqlite", "orm"), "cluster"),
        (("sqlite", "orm"), "term"),
        pytest.param(("postgres", "orm"), "cluster", marks=pytest.mark.postgres),
        pytest.param(("postgres", "redis"), "worker", marks=[pytest.mark.postgres, pytest.mark.redis]),
        pytest.param(("sqlite", "redis"), "cluster", marks=pytest.mark.redis),
    ],
    indirect=["environment"],
)
def test_a_try_on_survives(environment: dict[str, str], victim: str) -> None:
    outcome = json.loads(run([sys.executable, "-m", "tests.runner.cluster_scenario", victim], environment))
    assert outcome["succeeded"], outcome
    assert (outcome["rows"], outcome["outputs"]) == (1, 1)
    if victim == "term":  # what was begun is finished before the worker goes
        assert (outcome["attempts"], outcome["calls"]) == (1, 1)
        assert outcome["stopped_in"] < 10
    else:
        assert (outcome["attempts"], outcome["calls"]) == (2, 2)
