"""Clients that others wrote, run against the sandbox with nothing changed but the base address.

The Python ones come with the ``dev`` extra; ``make test`` installs the JavaScript one where there is an npm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.sandbox.client import garment, person, uri
from tryon.sandbox import Sandbox

NODE_MODULES = Path(sys.prefix) / "node" / "node_modules"
SECONDS = 60

FASHN = """
import json, sys
from fashn import AuthenticationError, BadRequestError, Fashn, InternalServerError, NotFoundError, RateLimitError
base, person, garment = json.load(sys.stdin)
client = Fashn(api_key="sandbox", base_url=base, max_retries=0)
seen = []
made = client.predictions.subscribe(model_name="tryon-v1.6", poll_interval=50, webhook_url="http://127.0.0.1:9/cb",
    inputs={"model_image": person, "garment_image": garment, "category": "tops", "num_samples": 2},
    on_queue_update=lambda update: seen.append(update.status))
assert made.status == "completed" and made.credits_used == 2 and len(made.output) == 2, made
assert set(seen) <= {"starting", "in_queue", "processing", "completed"}, seen
inputs = {
    "tryon-max": {"product_image": garment, "model_image": person}, "product-to-model": {"product_image": garment},
    "face-to-model": {"face_image": person}, "model-create": {"prompt": "tall"}, "model-swap": {"model_image": person},
    "edit": {"image": person, "prompt": "x"}, "background-change": {"image": person, "prompt": "x"},
    "background-remove": {"image": person}, "reframe": {"image": person, "aspect_ratio": "1:1"},
    "packshot": {"product_image": garment}, "image-to-video": {"image": person},
}
for name, values in inputs.items():
    made = client.predictions.subscribe(model_name=name, poll_interval=50, inputs=values)
    assert made.status == "completed", (name, made)
made = client.predictions.subscribe(model_name="edit", poll_interval=50, inputs={"image": "AAAA", "prompt": "x"})
assert made.status == "failed" and made.error.name == "ImageLoadError" and made.credits_used == 0, made

def refused(kind, call):
    try:
        call()
    except kind as error:
        return error.body["error"]
    raise AssertionError(kind)

def other(key):
    return Fashn(api_key=key, base_url=base, max_retries=0).predictions
run = {"model_name": "edit", "inputs": {"image": person, "prompt": "x"}}
assert refused(BadRequestError, lambda: client.predictions.run(model_name="nope", inputs={})) == "BadRequest"
assert refused(NotFoundError, lambda: client.predictions.status("nope")) == "NotFound"
assert refused(AuthenticationError, lambda: other("revoked").run(**run)) == "UnauthorizedAccess"
assert refused(RateLimitError, lambda: other("empty").run(**run)) == "OutOfCredits"
"""

FASHN_RETRY = """
import json, sys
from fashn import Fashn
base, person, garment = json.load(sys.stdin)
client = Fashn(api_key="sandbox", base_url=base, max_retries=1)
assert client.predictions.run(model_name="edit", inputs={"image": person, "prompt": "x"}).id
"""

PIXELAPI = """
import json, sys
from pixelapi import AuthError, InsufficientCredits, PixelAPI, PixelAPIError, RateLimitError, SafetyBlockError
base, person, garment = json.load(sys.stdin)
client = PixelAPI("pk_live_sandbox", base_url=base)
made = client.generate("red sneaker", poll_interval=0.05)
assert made["status"] == "completed" and made["output_url"].endswith(".png") and made["credits_used"] == 5, made
assert client.generate("hat", model="sdxl", negative_prompt="blur", steps=20, seed=1, wait=False)["status"] == "queued"
assert client.get_balance()["credits_remaining"] == 59990, client.get_balance()
assert client.get_models()["models"] and len(client.get_usage(1)["jobs"]) == 1

def refused(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, error
        return str(error)
    raise AssertionError(kind)

def other(key):
    return PixelAPI(key, base_url=base)
refused(SafetyBlockError, lambda: client.generate("sandbox:blocked", poll_interval=0.05))
refused(PixelAPIError, lambda: client.generate("sandbox:failed", poll_interval=0.05))
refused(PixelAPIError, lambda: client.generate("x", width=300))
refused(AuthError, lambda: other("pk_live_revoked").get_balance())
assert "Required: 5, available: 0" in refused(InsufficientCredits, lambda: other("pk_live_empty").generate("x"))
"""

NODE = """
const Fashn = require('fashn').default;
const [base, person, garment] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const client = new Fashn({apiKey: 'sandbox', baseURL: base, maxRetries: 0});
(async () => {
  const made = await client.predictions.subscribe({model_name: 'tryon-v1.6', pollInterval: 50,
    inputs: {model_image: person, garment_image: garment}});
  if (made.status !== 'completed' || made.creditsUsed !== 1) throw new Error(JSON.stringify(made));
  const bad = await client.predictions.run({model_name: 'nope', inputs: {}}).then(() => null, error => error);
  if (!bad || bad.status !== 400 || bad.error.error !== 'BadRequest') throw new Error(String(bad));
})().catch(error => { console.error(error); process.exit(1); });
"""


def python(script: str, sandbox: Sandbox, provider: str) -> None:
    finish([sys.executable, "-c", script], sandbox, provider)


def finish(command: list[str], sandbox: Sandbox, provider: str, **environment: str) -> None:
    given = json.dumps([sandbox.url(provider), uri(person()), uri(garment())])
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=SECONDS, check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_client_of_fashn(sandbox: Sandbox) -> None:
    python(FASHN, sandbox, "fashn")
    assert [call.refused for call in sandbox.calls if call.refused] == [
        "BadRequest: model_name", "unknown job", "key", "credits",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["rate_limited:retry_after=1,times=1", "server_error:retry_after=1,times=1"])
def test_python_client_of_fashn_tries_again(sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.add(fault)
    python(FASHN_RETRY, sandbox, "fashn")
    assert [call.status for call in sandbox.calls] == [int(sandbox.calls[0].status), 200]


def test_javascript_client_of_fashn(sandbox: Sandbox) -> None:
    if not (NODE_MODULES / "fashn").exists() or not shutil.which("node"):
        unavailable(f"node, or the package fashn in {NODE_MODULES},")
    finish([shutil.which("node") or "", "-e", NODE], sandbox, "fashn", NODE_PATH=str(NODE_MODULES))
    assert any("pollInterval" in note for call in sandbox.calls for note in call.notes)


def test_python_client_of_pixelapi(make_sandbox: Callable[..., Sandbox]) -> None:
    python(PIXELAPI, make_sandbox(), "pixelapi")
