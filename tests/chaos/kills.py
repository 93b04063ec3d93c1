"""Clusters are killed at random, and deployed anew, while they carry jobs; then the books are compared.

    python -m tests.chaos.kills --jobs 10000 --kills 1000 --deploys 20

Needs PostgreSQL. Prints the outcome as JSON: from our rows, from our ledger, and from the provider's side.

A kill is SIGKILL to one process of a cluster chosen at random: a worker, the sentinel, the monitor, the pusher, or
the main process, in which case its whole group is ended, as a service manager does. A deploy is SIGTERM to every
cluster and a new one for each. With ``--hosts`` every cluster has a host name of its own (needs root). A third of the
jobs are pictures by FASHN (polled), a third by Pixelcut (one blocking request), a third sounds by PixelAPI. Some of
the provider's answers are cut, refused or late. One job in twenty is asked for by a visitor over HTTP, with one
idempotency key however often; the web process that serves them is killed as well, in the middle of a request.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.chaos.visitors import Visitors
from tests.postgres import own_database
from tryon.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
FAULTS = [
    "cut:stage=submit,counted=true,probability=0.01",  # done and charged, and nobody heard it
    "server_error:stage=submit,status=503,probability=0.03",
    "server_error:stage=status,status=500,probability=0.02",
    "slow_job:seconds=2,probability=0.02",
]
STUCK_SECONDS = 300
STOP_SECONDS = 15.0  # then a service manager ends a service by force
VISITORS = 20  # one job in so many comes over HTTP
WEB_KILLS = 0.15  # of all
STANDSTILL_SECONDS = 10.0  # django-q2 may hang when it loses an idle worker: a service manager's watchdog restarts it


@contextlib.contextmanager
def stage(broker: str, drains: int, seed: int) -> Iterator[Sandbox]:
    folder, database = Path(tempfile.mkdtemp(prefix="tryon-chaos-")), f"tryon_chaos_{os.getpid()}"
    generous = {"fashn": 1e9, "pixelapi": 1e9, "pixelcut": 1e9}
    with (
        own_database(database),
        Sandbox(0, pace=0.1, pictures="drawn", limits=False, credits=generous, seed=seed) as sandbox,
    ):
        os.environ.update(
            DJANGO_SETTINGS_MODULE="tests.chaos.settings",
            CHAOS_DATABASE=database,
            CHAOS_FOLDER=str(folder),
            CHAOS_SANDBOX=sandbox.base_url,
            CHAOS_BROKER=broker,
            CHAOS_DRAINS=str(drains),
        )
        import django
        from django.core.management import call_command

        django.setup()
        try:
            call_command("migrate", verbosity=0)
            yield sandbox
        finally:
            from django.db import connections

            connections.close_all()
            shutil.rmtree(folder, ignore_errors=True)


def add_jobs(count: int) -> int:
    """The id of the model that visitors may ask for as well."""
    from django.utils import timezone

    from tests.providers.fakes import jpeg
    from tryon.choices import Category, Operation
    from tryon.garments import garment_picture, picture_limits, save_garment, set_picture
    from tryon.images.intake import intake
    from tryon.models import PresetModel, TryOnResult

    garment = save_garment("1", "", name="Tee", category=Category.UPPER, picture=garment_picture(jpeg(300, 360)))[0]
    preset = PresetModel(name="Noor")
    set_picture(preset, intake(jpeg(360, 600), limits=picture_limits()))
    deadline = timezone.now() + timedelta(hours=12)
    kinds: list[tuple[str, Operation, dict[str, Any]]] = [
        ("fashn", Operation.TRY_ON, {}),
        ("pixelcut", Operation.TRY_ON, {}),
        ("pixelapi", Operation.GENERATE_AUDIO, {"prompt": "calm piano", "duration": 5}),
    ]
    TryOnResult.objects.bulk_create(
        TryOnResult(
            operation=operation.value,
            garment=garment,
            preset_model=preset if operation == Operation.TRY_ON else None,
            provider=provider,
            pinned=True,
            options=options,
            priority=1,
            deadline_at=deadline,
        )
        for provider, operation, options in (kinds[number % len(kinds)] for number in range(count))
    )
    return preset.pk


# ---------------------------------------------------------------- clusters and their killer


def descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


@dataclass
class Clusters:
    wanted: int
    hosts: bool = False
    started: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    hurt: set[int] = field(default_factory=set)  # lost a child
    forced: int = 0  # did not stop when told to

    def fill(self) -> None:
        """What a service manager does: end what is left of one that died, start another."""
        for cluster in [one for one in self.running if one.poll() is not None]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(cluster.pid, signal.SIGKILL)
            self.running.remove(cluster)
        while len(self.running) < self.wanted:
            self.started += 1
            command = [sys.executable, "-m", "django", "qcluster"]
            if self.hosts:  # the shell is replaced by the cluster, which stays the leader of its group
                name = f"host-{self.started}"
                command = ["unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh", *command]
            self.running.append(
                subprocess.Popen(
                    command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )

    def kill_one(self, rng: random.Random) -> str:
        cluster = rng.choice(self.running)
        children = descendants(cluster.pid)
        if not children or rng.random() < 0.1:
            cluster.kill()
            cluster.wait()
            return "main"
        self.hurt.add(cluster.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(children), signal.SIGKILL)
        return "child"

    def deploy(self) -> float:
        """How long the slowest whole one took to stop. What does not stop is ended after ``STOP_SECONDS``, as usual."""
        started, slowest = time.monotonic(), 0.0
        for cluster in self.running:
            cluster.terminate()
        for cluster in self.running:
            try:
                cluster.wait(max(0.1, started + STOP_SECONDS - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.forced += 1
                os.killpg(cluster.pid, signal.SIGKILL)
                cluster.wait()
            if cluster.pid not in self.hurt:
                slowest = max(slowest, time.monotonic() - started)
        self.fill()
        return slowest

    def end(self) -> None:
        for cluster in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(cluster.pid, signal.SIGKILL)
            cluster.wait()


def torment(
    clusters: Clusters, visitors: Visitors, rng: random.Random, *, kills: int, deploys: int, patience: float
) -> dict[str, Any]:
    """Until every row is over. The kills are spread over the work; what hangs is met by the next deploy or kill."""
    from django.utils import timezone

    from tryon import tasks
    from tryon.models import TryOnResult, WorkerSlot

    total = TryOnResult.objects.count() + visitors.left
    done_kills, slowest_stop, done_deploys = Counter[str](), 0.0, 0
    started = last_change = time.monotonic()
    live_before, longest_still, restarts = total, 0.0, 0
    hosts = set[str]()
    while True:
        clusters.fill()
        tasks.nudge()  # what every page that a shopper polls does
        hosts |= {owner.partition(":")[0] for owner in WorkerSlot.objects.values_list("owner", flat=True) if owner}
        live = visitors.left + TryOnResult.objects.live().count()
        now = time.monotonic()
        if live != live_before:
            live_before, last_change = live, now
        longest_still = max(longest_still, now - last_change)
        if not live or now - started > patience:
            break
        share = 1 - live / total
        visitors.let_in(share)
        if sum(done_kills.values()) < kills and share >= 0.9 * sum(done_kills.values()) / max(1, kills):
            if rng.random() < WEB_KILLS:
                visitors.kill_web(rng)
                done_kills["web"] += 1
            else:
                done_kills[clusters.kill_one(rng)] += 1
        if done_deploys < deploys and share >= 0.9 * (done_deploys + 1) / deploys:
            slowest_stop = max(slowest_stop, clusters.deploy())
            done_deploys += 1
        if now - last_change > STUCK_SECONDS:
            break
        if now - last_change > STANDSTILL_SECONDS * (1 + restarts):
            restarts += 1
            clusters.deploy()
        time.sleep(rng.uniform(0.02, 0.3))
    left = list(TryOnResult.objects.live().values_list("status", flat=True))
    ages = TryOnResult.objects.exclude(finished_at=None).values_list("started_at", "finished_at")
    longest = max(((end - begin).total_seconds() for begin, end in ages if begin and end), default=0.0)
    return {
        "seconds": round(time.monotonic() - started),
        "kills": dict(done_kills),
        "deploys": done_deploys,
        "slowest_stop_of_a_whole_cluster_s": round(slowest_stop, 1),
        "ended_by_force": clusters.forced,
        "restarts_after_standstill": restarts,
        "hosts_that_carried": len(hosts),
        "left_over": dict(Counter(left)),
        "longest_standstill_s": round(longest_still, 1),
        "longest_last_attempt_s": round(longest, 1),
        "ended_at": timezone.now().isoformat(timespec="seconds"),
    }


# ---------------------------------------------------------------- the books


def compare(sandbox: Sandbox) -> dict[str, Any]:
    """The invariant, from the provider's side. Every figure under ``must_be_0`` has to be."""
    from tryon import ledger, strays
    from tryon.models import EntryState, LedgerEntry, TryOnOutput, TryOnResult
    from tryon.storage import result_storage

    charged = Counter[str]()
    for charge in sandbox.charges():
        charged[charge.job_id] += 1 if charge.kind == "charge" else -1
    paid_jobs = {job for job, count in charged.items() if count > 0}
    entries = list(LedgerEntry.objects.all())
    by_state = Counter(entry.state for entry in entries)
    committed = Counter(entry.result_id for entry in entries if entry.state == EntryState.COMMITTED)
    known = {entry.provider_job_id for entry in entries if entry.provider_job_id}
    # a blocking provider names no job: there one charge answers one committed call
    unknown_paid = len(paid_jobs - known)
    nameless = sum(1 for entry in entries if entry.state == EntryState.COMMITTED and not entry.provider_job_id)
    uncertain = by_state[EntryState.UNCERTAIN.value]
    rows = Counter(TryOnResult.objects.values_list("status", flat=True))
    storage, files = result_storage(), set[str]()
    with contextlib.suppress(FileNotFoundError):
        for folder in storage.listdir("results")[0]:
            files |= {f"results/{folder}/{name}" for name in storage.listdir(f"results/{folder}")[1]}
    named = {name for output in TryOnOutput.objects.values_list("file", "card", "thumb") for name in output if name}
    strays_found = {stray.name for stray in strays.strays()}
    succeeded = TryOnResult.objects.filter(status="succeeded")
    without_output = succeeded.filter(outputs=None).count()
    return {
        "rows": dict(rows),
        "ledger": dict(by_state),
        "jobs_paid_at_provider": len(paid_jobs),
        "stray_files_for_the_purge": len(strays_found),
        "must_be_0": {
            "lost_rows": sum(rows[status] for status in ("queued", "submitting", "processing", "delivering")),
            "rows_paid_twice": sum(1 for count in committed.values() if count > 1),
            "jobs_charged_twice": sum(1 for count in charged.values() if count > 1),
            # every charge is a committed call, or one of the calls that are shown as uncertain
            "charges_that_the_ledger_does_not_have": max(0, unknown_paid - nameless - uncertain),
            "committed_that_were_not_charged": max(0, by_state[EntryState.COMMITTED.value] - len(paid_jobs)),
            "open_reservations_of_finished_rows": by_state[EntryState.RESERVED.value],
            "succeeded_without_ledger": sum(1 for pk in succeeded.values_list("pk", flat=True) if committed[pk] != 1),
            "succeeded_without_output": without_output,
            "named_files_missing": len(named - files),
            "strays_that_the_purge_would_miss": len(files - named - strays_found),
            "counters_off": len(ledger.reconcile()),
        },
    }


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--deploys", type=int, default=3)
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--hosts", action="store_true", help="Each cluster on a host of its own.")
    parser.add_argument("--broker", choices=["orm", "redis"], default="orm")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--patience", type=float, default=3600, help="Seconds.")
    given = parser.parse_args(argv)
    rng = random.Random(given.seed)
    with stage(given.broker, 2 * given.clusters, given.seed) as sandbox:
        from tryon import tasks

        tasks.install_schedules()
        visitors = Visitors(given.jobs // VISITORS, add_jobs(given.jobs - given.jobs // VISITORS))
        for fault in FAULTS:
            sandbox.faults.add(fault)
        clusters = Clusters(given.clusters, given.hosts)
        try:
            with visitors.coming():
                story = torment(
                    clusters, visitors, rng, kills=given.kills, deploys=given.deploys, patience=given.patience
                )
        finally:
            clusters.end()
        found, wishes = compare(sandbox), visitors.books()
        must = found["must_be_0"] | wishes.pop("must_be_0")
        return {**vars(given), **story, **wishes, **found, "must_be_0": must}


if __name__ == "__main__":
    outcome = main()
    sys.stdout.write(json.dumps(outcome, indent=2) + "\n")
    sys.exit(any(outcome["must_be_0"].values()))
