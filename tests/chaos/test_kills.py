"""Nothing lost, nothing paid twice, whatever is killed. Long: runs with ``make prove``.

``TRYON_CHAOS_JOBS`` (default 600) scales it; there is a kill for every ten jobs and a deploy for every five hundred.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
JOBS = int(os.environ.get("TRYON_CHAOS_JOBS", "600"))


def torment(jobs: int, kills: int, deploys: int, *more: str) -> dict[str, Any]:
    numbers = ["--jobs", str(jobs), "--kills", str(kills), "--deploys", str(deploys)]
    command = [sys.executable, "-m", "tests.chaos.kills", *numbers, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-3000:]
    outcome: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    assert not any(outcome["must_be_0"].values()), outcome
    assert not outcome["left_over"], outcome
    assert sum(outcome["kills"].values()) == kills, outcome
    return outcome


@pytest.mark.prove
@pytest.mark.parametrize("broker", ["orm", "redis"])
def test_the_books_agree_after_random_kills(broker: str) -> None:
    torment(JOBS, JOBS // 10, max(1, JOBS // 500), "--broker", broker)


@pytest.mark.prove
@pytest.mark.parametrize("broker", ["orm", "redis"])
def test_several_hosts_share_the_work(broker: str) -> None:
    """Clusters that know nothing of each other but the database and the broker; one dies now and then."""
    if subprocess.run(["unshare", "--uts", "true"], check=False).returncode:
        unavailable("the right to give a process a host name of its own")
    outcome = torment(240, 6, 1, "--broker", broker, "--clusters", "3", "--hosts")
    assert outcome["hosts_that_carried"] >= 2, outcome
