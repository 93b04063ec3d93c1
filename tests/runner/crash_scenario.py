"""A drain dies at a point of its way, as by kill -9, and another one goes on. Run as a program under cluster settings.

    python -m tests.runner.crash_scenario RUNS PROVIDER... -- POINT...

Prints one JSON object a case: what became of the row, and what ledger and provider say about the money.
"""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import sys
import time
from typing import Any

import django

PATIENCE = 30.0
CHILD_PATIENCE = 60.0

# This process has threads (the sandbox's), and a fork of it may inherit a lock that one of them held, for ever:
# the children are forked by a process that has none.
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload([__spec__.name])

django.setup()


def drain(point: str, tryon: dict[str, Any]) -> None:
    from django.conf import settings

    from tryon.runner.drain import Drain

    settings.TRYON = tryon
    os.environ["TRYON_CRASH_AT"] = point
    quicken()
    Drain(idle=0.2).run()
    os._exit(0)


def crash(point: str) -> int | None:
    """Run a drain in a child that dies at ``point``; its exit code."""
    from django.conf import settings

    child = CHILDREN.Process(target=drain, args=(point, settings.TRYON))
    child.start()
    child.join(CHILD_PATIENCE)
    return child.exitcode


def quicken() -> None:
    from tryon.runner import decide

    decide.FIRST_POLL_SECONDS = decide.SHORTEST_POLL_SECONDS = 0.05


def go_on(row: Any) -> None:
    """The lease of the dead runs out, and the next drain takes what there is."""
    from django.utils import timezone

    from tryon.models import WorkerSlot
    from tryon.runner.drain import Drain

    deadline = time.monotonic() + PATIENCE
    WorkerSlot.objects.update(until=timezone.now())
    while time.monotonic() < deadline:
        Drain(idle=0.2).run()
        row.refresh_from_db()
        if row.next_at is None:
            return


def case(sandbox: Any, provider: str, point: str, garment: Any, preset: Any) -> dict[str, Any]:
    from datetime import timedelta

    from django.utils import timezone

    from tryon.models import LedgerEntry, TryOnOutput, TryOnResult
    from tryon.storage import result_storage

    row = TryOnResult.objects.create(
        operation="model_shot",
        garment=garment,
        preset_model=preset,
        provider=provider,
        pinned=True,
        deadline_at=timezone.now() + timedelta(minutes=5),
    )
    calls, charges = len(sandbox.calls), len(sandbox.charges())
    code = crash(point)
    go_on(row)
    while sandbox.jobs.live():  # what nobody heard of ends, and is charged, a little later: before the next case
        time.sleep(0.01)
        sandbox.jobs.settle()
    entries = list(LedgerEntry.objects.filter(result_id=row.pk))
    storage, folder = result_storage(), f"results/{row.pk.hex}"
    files = storage.listdir(folder)[1] if storage.exists(folder) else []
    named = TryOnOutput.objects.filter(result=row).count() * 3
    return {
        "provider": provider,
        "point": point,
        "code": code,
        "status": row.status,
        "attempts": row.attempts,
        "detail": row.error_detail,
        "posts": sum(call.stage == "submit" for call in sandbox.calls[calls:]),
        "charged": sum(charge.credits for charge in sandbox.charges()[charges:]),
        "entries": [(entry.state, float(entry.credits)) for entry in entries],
        "named": named,
        "strays": len(files) - named,
        "lease": row.lease_owner,
    }


def main(runs: int, providers: list[str], points: list[str]) -> None:
    from django.conf import settings

    from tests.providers.fakes import jpeg
    from tests.runner.conftest import BACKENDS, SETTINGS
    from tryon.choices import Category
    from tryon.garments import garment_picture, picture_limits, save_garment, set_picture
    from tryon.images.intake import intake
    from tryon.models import PresetModel
    from tryon.sandbox import Sandbox

    quicken()
    garment, _made = save_garment("1", "", name="Tee", category=Category.UPPER, picture=garment_picture(jpeg(500, 600)))
    preset = PresetModel(name="Noor")
    set_picture(preset, intake(jpeg(600, 1000), limits=picture_limits()))
    with Sandbox(0, pace=0.002, pictures="drawn", limits=False) as sandbox:
        settings.TRYON = {
            **settings.TRYON,
            "PROVIDERS": {
                name: {
                    "BACKEND": f"tryon.providers.{BACKENDS[name]}",
                    "OPTIONS": {
                        "api_key": "pk_live_sandbox",
                        "base_url": sandbox.url(name),
                        "allow_private_hosts": True,
                        "rate": (1000, 1),
                        **SETTINGS.get(name, {}),
                    },
                }
                for name in providers
            },
        }
        for name in providers:
            sandbox.account(name, SETTINGS.get(name, {}).get("api_key", "pk_live_sandbox")).credits = 1e6
            for point in points:
                for _ in range(runs):
                    faulthandler.dump_traceback_later(2 * CHILD_PATIENCE, exit=True)  # says where it hangs
                    sys.stdout.write(json.dumps(case(sandbox, name, point, garment, preset)) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    split = sys.argv.index("--")
    main(int(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1 :])
