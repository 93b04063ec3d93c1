"""A worker dies at any point of the way: nothing is lost, nothing is paid twice, the ledger knows of every charge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runner.conftest import BACKENDS
from tryon.runner.crash import POINTS

PROJECT = Path(__file__).resolve().parents[2]
RUNS = int(os.environ.get("TRYON_CRASH_RUNS", "50"))
BEFORE_THE_ANSWER = {"claimed", "sending", "answered"}
NEVER = {"pebblely": ("submitted", "polled"), "pixelcut": ("polled",), "superstyle": ("polled",)}
INLINE = {"pebblely"}  # the picture comes inside the answer: there is nothing to ask for again


def run(folder: Path, runs: int, providers: list[str], timeout: float) -> list[dict[str, Any]]:
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.cluster_settings", "CLUSTER_ROOT": str(folder)}
    variables.pop("TEST_DATABASE", None)
    for command in (
        ["-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"],
        ["-m", "tests.runner.crash_scenario", str(runs), *providers, "--", *POINTS],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(case: dict[str, Any]) -> None:
    point, name = case["point"], case["provider"]
    reached = case["code"] == 9
    assert reached or point in NEVER.get(name, ()), case
    assert case["lease"] == ""
    assert case["posts"] <= 1, case
    (state, credits) = case["entries"][0] if len(case["entries"]) == 1 else (None, None)
    assert state is not None, case
    uncertain = reached and (point in BEFORE_THE_ANSWER or (name in INLINE and point in ("fetched", "stored")))
    if uncertain:
        assert (case["status"], state) == ("uncertain", "uncertain"), case
        assert case["charged"] <= credits, "what may have been paid is on the ledger"
    else:
        assert (case["status"], state) == ("succeeded", "committed"), case
        assert case["charged"] == credits or name == "superstyle", case
        assert case["named"] == 3
    if point not in ("fetched", "stored"):
        assert case["strays"] == 0, case


@pytest.mark.slow
@pytest.mark.worker  # on a database of its own
def test_every_point(tmp_path: Path) -> None:
    cases = run(tmp_path, 1, ["pixelapi"], 240)
    assert len(cases) == len(POINTS)
    for case in cases:
        check(case)


@pytest.mark.prove
@pytest.mark.parametrize("name", BACKENDS)
def test_every_point_with_every_provider_many_times(name: str, tmp_path: Path) -> None:
    cases = run(tmp_path, RUNS, [name], 72 * RUNS)
    assert len(cases) == RUNS * len(POINTS)
    for case in cases:
        check(case)
