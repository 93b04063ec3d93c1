"""The last line of ``make demo``: shop and worker start together, say where to look, and stop together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import first

PROJECT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.worker
@pytest.mark.parametrize("stop", first(1, [signal.SIGINT, signal.SIGTERM]))
def test_start_and_stop(tmp_path: Path, stop: signal.Signals) -> None:
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "tryon_shop.settings", "TRYON_SHOP_VAR": str(tmp_path)}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=PROJECT, env=variables, check=True, timeout=60)
    port = free_port()
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [*manage, "run_demo", "--port", str(port)],
            cwd=PROJECT,
            env={**variables, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as demo,
    ):
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        assert f"http://127.0.0.1:{port}/admin/" in said, (tmp_path / "log").read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
        listing = ["ps", "-o", "pid=", "--ppid", str(demo.pid)]
        children = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
        demo.send_signal(stop)
        demo.wait(timeout=30)
    assert len(children) == 2
    for pid in map(int, children):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
