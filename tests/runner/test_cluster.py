"""Real django-q2 clusters, killed in the middle of a try-on, on each broker and database."""

from __future__ import annotations

import contextlib
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
from tests.postgres import own_database

PROJECT = Path(__file__).resolve().parents[2]


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A database with all tables and a broker of our own, gone afterwards."""
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
    if database == "postgres" and not reachable(5432):
        unavailable("PostgreSQL on 127.0.0.1:5432")
    with contextlib.ExitStack() as stack:
        if database == "postgres":
            variables["CLUSTER_DATABASE"] = stack.enter_context(own_database(f"tryon_cluster_{uuid.uuid4().hex[:8]}"))
        run([sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"], variables)
        yield variables


def run(command: list[str], variables: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "victim"),
    [
        pytest.param(("sqlite", "orm"), "worker", marks=pytest.mark.prove),
        pytest.param(("sqlite", "orm"), "cluster", marks=pytest.mark.prove),
        (("sqlite", "orm"), "term"),
        pytest.param(("postgres", "orm"), "cluster", marks=[pytest.mark.postgres, pytest.mark.prove]),
        pytest.param(("postgres", "redis"), "worker", marks=[pytest.mark.postgres, pytest.mark.redis]),
        pytest.param(("sqlite", "redis"), "cluster", marks=[pytest.mark.redis, pytest.mark.prove]),
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
