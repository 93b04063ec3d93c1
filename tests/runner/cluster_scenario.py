"""A real cluster loses its worker in the middle of a try-on. Run as a program under tests.cluster_settings.

    python -m tests.runner.cluster_scenario worker|cluster|term

Prints the outcome as JSON. Needs a migrated database.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

ROOT = Path(os.environ["CLUSTER_ROOT"])
PATIENCE = 60


def wait_for(what: str, condition: Callable[[], bool]) -> float:
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > PATIENCE:
            raise TimeoutError(what)
        time.sleep(0.05)
    return time.monotonic() - start


def start_cluster() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "django", "qcluster"]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def main(victim: str) -> dict[str, object]:
    from tests.providers.fakes import jpeg
    from tryon import admission, tasks
    from tryon.choices import Category, Status
    from tryon.garments import garment_picture, picture_limits, save_garment, set_picture
    from tryon.images.intake import intake
    from tryon.models import PresetModel, Shopper, TryOnResult

    picture = garment_picture(jpeg(500, 600))
    garment, _made = save_garment("1", "", name="Tee", category=Category.UPPER, picture=picture)
    preset = PresetModel(name="Noor")
    set_picture(preset, intake(jpeg(600, 1000), limits=picture_limits()))

    cluster = start_cluster()
    clusters = [cluster]
    try:
        result = admission.request(admission.Demand(Shopper.objects.create(), garment, preset_model=preset)).result
        begun = ROOT / "begun-0"
        wait_for("the first call", lambda: begun.exists() and begun.read_text() != "")
        worker = int(begun.read_text())
        stopped_in = None
        if victim == "worker":
            os.kill(worker, signal.SIGKILL)
        elif victim == "cluster":
            kill_group(cluster)
            clusters.append(start_cluster())
        else:
            cluster.terminate()
            (ROOT / "gate").touch()
            stopped_in = wait_for("the cluster to stop", lambda: cluster.poll() is not None)
            clusters.append(start_cluster())
        (ROOT / "gate").touch()

        def over() -> bool:
            tasks.watch()  # what the shopper's page does while it waits
            result.refresh_from_db()
            return result.is_final

        seconds = wait_for("the end of the try-on", over)
        return {
            "status": result.status,
            "succeeded": result.status == Status.SUCCEEDED,
            "attempts": result.attempts,
            "outputs": result.outputs.count(),
            "rows": TryOnResult.objects.count(),
            "calls": len(list(ROOT.glob("begun-*"))),
            "seconds": round(seconds, 1),
            "stopped_in": stopped_in,
        }
    finally:
        for process in clusters:
            if process.poll() is None:
                kill_group(process)


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(main(sys.argv[1])))
