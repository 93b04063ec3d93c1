"""The commands of docs/rest.md, run as they stand there against a real server."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.api.description import PROJECT
from tests.conftest import unavailable
from tests.providers.fakes import jpeg
from tryon.choices import Category
from tryon.garments import garment_picture, save_garment
from tryon.models import ShopperPhoto, TryOnResult
from tryon.runner.drain import Drain

PAGE = PROJECT / "docs" / "rest.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """One shell for all blocks; it stops at the first command that fails."""
    if subprocess.run(["which", "curl"], capture_output=True, check=False).returncode:
        unavailable("curl")
    (tmp_path / "me.jpg").write_bytes(jpeg())
    kept = tmp_path / "kept.sh"
    kept.write_text("")

    def run(block: str) -> str:
        script = f"set -e; source {kept}\n{block}\ndeclare -p > {kept}.new 2>/dev/null; declare -f >> {kept}.new\n"
        script += f"grep -v -e '^declare -[a-zA-Z]*r' {kept}.new > {kept}\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def test_the_commands_do_what_the_page_says(shell: Any, live_server: Any, tmp_path: Path) -> None:
    for ref in ("1", "2"):
        save_garment(ref, "", name="Tee", category=Category.UPPER, picture=garment_picture(jpeg(500, 600)))
    first, *blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert "API=http://127.0.0.1:8000/tryon/api/v1\n" in first
    shell(first.replace("http://127.0.0.1:8000", live_server.url).replace("crew-tee", "1").replace("breton-top", "2"))
    seen = []
    for block in blocks:
        if block.startswith("until"):  # there is no worker beside this test
            Drain(idle=0).run()
        seen.append(shell(block))
        if "/feedback/" in block:
            assert (tmp_path / "preview.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
        if "photos/" in block:
            assert TryOnResult.objects.count() == ShopperPhoto.objects.count() == 2
    assert any(text == "succeeded\n" for text in seen)
    assert len(blocks) == 7
    assert zipfile.is_zipfile(tmp_path / "mine.zip")
    assert not TryOnResult.objects.exists()
    receipt = json.loads(next(line for line in seen[-1].splitlines() if '"receipt"' in line or '"photos"' in line))
    assert receipt["results"] == 1


def test_the_page_names_only_what_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#h][^)]*)\)", text):
        assert (PAGE.parent / target).exists(), target


@pytest.mark.parametrize("name", ["TryOnClient.swift", "TryOnClient.kt"])
def test_the_samples_speak_of_what_is_described(name: str) -> None:
    """They are read, not compiled: at least every path, field and status in them exists."""
    text = (PROJECT / "docs" / "samples" / name).read_text(encoding="utf-8")
    described = (PROJECT / "tryon" / "api" / "openapi.yaml").read_text(encoding="utf-8")
    for word in ("sessions/", "config/", "tryons/", "consent_version", "Idempotency-Key", "Retry-After", "token"):
        assert word in text
        assert word in described
    assert 50 < len(text.splitlines()) < 90
