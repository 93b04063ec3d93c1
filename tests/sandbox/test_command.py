from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from tryon.sandbox import KINDS

ROOT = Path(__file__).resolve().parents[2]


def test_served_until_interrupted(tmp_path: Path) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text('[{"kind": "server_error", "provider": "pixelcut"}]')
    command = [
        sys.executable, "manage.py", "tryon_sandbox", "--port", "0", "--fast", "--pictures", "drawn", "--json",
        "--faults", str(rules), "--fault", "unauthorized:provider=fashn,times=1", "--credits", "fashn=7",
    ]  # fmt: skip
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            urls = json.loads(server.stdout.readline())
            assert set(urls) == {"fashn", "kling", "pebblely", "pixelapi", "pixelcut", "superstyle"}
            headers = {"Authorization": "Bearer k"}
            answers = [requests.get(urls["fashn"] + "/v1/credits", headers=headers, timeout=10) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [401, 200]
            assert answers[1].json()["credits"]["total"] == 7
            assert requests.get(urls["pixelcut"] + "/v1/credits", timeout=10).status_code == 500
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 0


def test_kinds_are_listed() -> None:
    out = StringIO()
    call_command("tryon_sandbox", list_faults=True, as_json=True, stdout=out)
    assert set(json.loads(out.getvalue())) == set(KINDS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fault": ["nonsense"]}, "unknown fault"),
        ({"fault": ["cut:times=often"]}, "not a number"),
        ({"credits": ["nobody=1"]}, "unknown provider"),
        ({"credits": ["fashn"]}, "could not convert"),
        ({"faults": Path("/nowhere.json")}, "No such file"),
    ],
)
def test_mistakes_end_with_code_2(options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        call_command("tryon_sandbox", port=0, pictures="drawn", **options)
    assert caught.value.returncode == 2
