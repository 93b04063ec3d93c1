"""The API documents' own sample scripts, taken out of the documents, with the base address changed.

Their pauses between polls are shortened too, and the pictures they name are test pictures.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SHARED, need, unavailable
from tests.sandbox.client import garment, person
from tryon.sandbox import Sandbox

DOCUMENTS = SHARED / "seeds"
PIXELAPI, SUPERSTYLE, FASHN = "002_*.txt", "003_*.txt", "004_*.txt"
PLACEHOLDERS = ("YOUR_API_KEY_HERE", "YOUR_API_KEY", "YOUR_KEY", "pk_live_your_key")


def document(pattern: str) -> str:
    need(DOCUMENTS, "the API documents")
    return next(DOCUMENTS.glob(pattern)).read_text(encoding="utf-8")


def adapted(script: str, old: str, base: str) -> str:
    for word in PLACEHOLDERS:
        script = script.replace(word, "pk_live_sandbox")
    return re.sub(r"time\.sleep\(\d+\)", "time.sleep(0.05)", script.replace(old, base))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("person.jpg", "portrait.jpg"):
        (tmp_path / name).write_bytes(person())
    for name in ("tshirt.jpg", "garment.jpg", "product.jpg", "photo.jpg"):
        (tmp_path / name).write_bytes(garment())
    return tmp_path


def python(script: str, folder: Path, *arguments: str) -> str:
    (folder / "sample.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "sample.py", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


SAMPLES = {
    "/v1/audio/generate": "Python Example\n\n",
    "/v1/video/generate": "Python Example\n\n",
    "/v1/virtual-tryon": "Example — Python\n\n",
    "/v1/image/remove-background": "Raw Python (no SDK)\n\n",
}


@pytest.mark.parametrize("endpoint", SAMPLES)
def test_pixelapi_python(sandbox: Sandbox, folder: Path, endpoint: str) -> None:
    parts = document(PIXELAPI).split(SAMPLES[endpoint])[1:]
    script = next(code for code in map(_code, parts) if endpoint in code)
    said = python(adapted(script, "https://api.pixelapi.dev", sandbox.url("pixelapi")), folder)
    assert re.search(r"URL: http|Done! http|Saved result\.png", said), said
    if endpoint == "/v1/virtual-tryon":
        assert (folder / "result.png").read_bytes().startswith(b"\x89PNG")
    assert {call.status for call in sandbox.calls} == {200}
    assert sandbox.calls[0].endpoint == f"POST {endpoint}"


def test_pixelapi_urllib(sandbox: Sandbox, folder: Path) -> None:
    """The long script that builds its multipart body by hand."""
    text = document(PIXELAPI)
    end = text.index('print(".", end="", flush=True)') + len('print(".", end="", flush=True)')
    start = max(
        text.rfind("#!/usr/bin/env python3", 0, end), text.rfind("\nimport ", 0, text.index("def api_post_file"))
    )
    script = adapted(text[start:end], "https://api.pixelapi.dev", sandbox.url("pixelapi"))
    said = python(script, folder, "product.jpg")
    assert "Done! Download your transparent PNG" in said


def curl(command: str, folder: Path) -> str:
    if shutil.which("curl") is None:
        unavailable("curl")
    done = subprocess.run(
        ["sh", "-c", f"set -e\n{command}"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fashn_curl(sandbox: Sandbox, folder: Path) -> None:
    commands = re.findall(r"curl -X .*?(?:}'|HERE\"$)", document(FASHN), re.DOTALL | re.MULTILINE)
    assert len(commands) == 3
    base = sandbox.url("fashn", "seed")
    said = curl(adapted(commands[0], "https://api.fashn.ai", base), folder)
    job = re.search(r'"id": "([^"]+)"', said)
    assert job is not None
    for command in commands[1:]:
        asked = re.sub(r"123a87r9[\w-]+", job[1], command)
        assert f'"id": "{job[1]}"' in curl(adapted(asked, "https://api.fashn.ai", base), folder)


def test_superstyle_curl(sandbox: Sandbox, folder: Path) -> None:
    commands = re.findall(r"curl -X POST .*? }'", document(SUPERSTYLE))
    assert len(commands) == 2
    picture = base64.b64encode(person()).decode()
    plain = commands[0].replace("BASE64_ENCODED_IMAGE", picture).replace(" \\ ", " ")
    base = sandbox.url("superstyle", "seed")
    (folder / "run.sh").write_text(re.sub(r"https://\S+\.on\.aws", base, plain))
    assert '"mime_type": "image/jpeg"' in curl(". ./run.sh", folder)


def _code(text: str) -> str:
    """A script ends where the document goes on in words: at the first line that is neither code nor indented."""
    lines = text.splitlines()
    kept = []
    for line in lines:
        if line and not re.match(r"[\s#)}\]]|import|from|def |while |for |if |else|with |print|\w+ ?=|\w+\(", line):
            break
        kept.append(line)
    return "\n".join(kept)
