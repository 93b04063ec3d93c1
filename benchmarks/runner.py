"""How the runner carries many jobs: makespan, added time, CPU, memory and row writes, against a fast local provider.

    python -m benchmarks.runner carry --jobs 500 2000        one worker process, jobs of 5 s; needs PostgreSQL
    python -m benchmarks.runner carry --jobs 500 --processes 2
    python -m benchmarks.runner carry --jobs 500 2000 --affinity 1   each worker kept to one core
    python -m benchmarks.runner rate --limit 60/60 --jobs 120   a limited provider: share used, answers 429
    python -m benchmarks.runner loops --jobs 8              a blocking loop per task, django-q2 and Celery

The jobs are sounds: their results go the whole way (submit, polls, download, storage, ledger, signals) but for the
decoding of a picture, which costs the same whoever runs it. Ratios are to the ideal: all jobs at once, no overhead.

``carry`` measures an account that is known: 20 jobs go first, so that the provider's usual time is on record. Rows come
with their money set aside, as admission leaves them; what is counted is what the runner writes. In the same run, before
and after, ``bare``: the same three exchanges a job from as many threads with plain requests, which know when a job is
ready and keep nothing. That is the floor; ``loop_ms``, a fixed piece of Python (a million multiplications and
additions), says how fast the machine was just then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.postgres import own_database

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900.0
WARM_UP = 20  # jobs, before those that are measured


# ---------------------------------------------------------------- the stage


@contextlib.contextmanager
def stage(seconds: float, **environment: str) -> Iterator[str]:
    """A provider, an empty database and a folder; Django is set up on them. Gives the provider's address."""
    files = Path(tempfile.mkdtemp(prefix="tryon-bench-"))
    database = f"tryon_bench_{os.getpid()}"
    provider = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.provider", "--seconds", str(seconds)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert provider.stdout
    address = f"http://127.0.0.1:{int(provider.stdout.readline())}"
    os.environ.update(
        DJANGO_SETTINGS_MODULE="benchmarks.settings",
        BENCH_PROVIDER=address,
        BENCH_DATABASE=database,
        BENCH_FILES=str(files),
        **environment,
    )
    try:
        with own_database(database):
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            yield address
            connections.close_all()
    finally:
        provider.terminate()
        provider.wait()
        shutil.rmtree(files, ignore_errors=True)


def stats(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/_stats") as answer:  # noqa: S310 - our own server on this machine
        found: dict[str, Any] = json.load(answer)
        return found


def add_jobs(count: int) -> None:
    """Rows as admission leaves them: queued, with the money of their call set aside."""
    from django.db import transaction

    from tests.providers.fakes import jpeg
    from tryon import ledger
    from tryon.choices import Category, Operation
    from tryon.garments import garment_picture, save_garment
    from tryon.models import Garment, TryOnResult
    from tryon.providers import get_provider

    garment = Garment.objects.first()
    if garment is None:
        picture = garment_picture(jpeg(500, 600))
        garment = save_garment("1", "", name="Tee", category=Category.UPPER, picture=picture)[0]
    from django.utils import timezone

    deadline = timezone.now() + timedelta(hours=1)
    made = [
        TryOnResult(
            operation=Operation.GENERATE_AUDIO.value,
            garment=garment,
            provider="pixelapi",
            options={"prompt": "calm piano"},
            priority=1,
            deadline_at=deadline,
        )
        for _ in range(count)
    ]
    with transaction.atomic():
        TryOnResult.objects.bulk_create(made)
        ledger.reserve_all(made, get_provider("pixelapi"))


def row_writes() -> int:
    """Rows inserted and updated so far in our tables, as PostgreSQL counts them."""
    from django.db import connection

    time.sleep(2)  # the server's own counters come a second late
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables WHERE relname LIKE 'tryon\\_%'")
        return int(cursor.fetchone()[0])


# ---------------------------------------------------------------- one worker process


def drain() -> None:
    """In a process of its own: run drains until every row is over, then tell what it cost."""
    import django

    django.setup()
    import tryon.providers.http  # noqa: F401 - a job does not import; ``bare`` has its imports done as well
    from tryon.models import TryOnResult
    from tryon.runner.drain import Drain

    loop = reference_loop()
    before = usage()
    while TryOnResult.objects.live().exists():
        Drain(idle=0.0).run()
    cpu = usage() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "memory_mb": round(memory), "loop_ms": round((loop + reference_loop()) / 2)}))


def reference_loop() -> float:
    """Milliseconds of CPU for a fixed piece of work: how fast this machine is just now."""
    before, total = time.thread_time(), 0
    for number in range(1_000_000):
        total += number * number
    return 1000 * (time.thread_time() - before)


def keep_to(cores: int) -> None:
    """So many cores for all threads of this process, as ``taskset`` gives; 0: any."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def usage() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bare(jobs: int, seconds: float, address: str) -> None:
    """In a process of its own: what the exchanges of ``jobs`` jobs cost when nobody keeps anything."""
    from concurrent.futures import ThreadPoolExecutor

    import requests

    here = threading.local()

    def session() -> requests.Session:
        if not hasattr(here, "session"):
            here.session = requests.Session()
            here.session.trust_env = False
        found: requests.Session = here.session
        return found

    def submit(number: int) -> tuple[str, float]:
        answer = session().post(f"{address}/v1/audio/generate", json={"prompt": "calm piano"}, timeout=30)
        return str(answer.json()["generation_id"]), time.monotonic() + seconds

    def fetch(job: tuple[str, float]) -> None:
        time.sleep(max(0.0, job[1] - time.monotonic()))
        answer = session().get(f"{address}/v1/image/{job[0]}", timeout=30).json()
        session().get(answer["output_url"], timeout=30)

    begun, before = time.monotonic(), usage()
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(fetch, list(pool.map(submit, range(jobs)))))
    took = time.monotonic() - begun
    print(json.dumps({"cpu_ms_a_job": 1000 * (usage() - before) / jobs, "ratio_to_ideal": took / seconds}))


def run_bare(jobs: int, seconds: float, address: str, affinity: int) -> dict[str, float]:
    given = ["bare", "--jobs", str(jobs), "--seconds", str(seconds), "--address", address, "--affinity", str(affinity)]
    command = [sys.executable, "-m", "benchmarks.runner", *given]
    found: dict[str, float] = json.loads(subprocess.check_output(command, cwd=ROOT, timeout=PATIENCE))
    return found


def run_drains(processes: int, affinity: int = 0) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.runner", "drain", "--affinity", str(affinity)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(processes)]
    return [json.loads(process.communicate(timeout=PATIENCE)[0].splitlines()[-1]) for process in running]


# ---------------------------------------------------------------- scenarios


def carry(jobs: int, seconds: float, processes: int, address: str, affinity: int) -> dict[str, Any]:
    """``jobs`` jobs of ``seconds`` each, all due at once."""
    from django.utils import timezone

    from tryon.models import TryOnResult

    if not TryOnResult.objects.exists():
        add_jobs(WARM_UP)
        run_drains(1)
    add_jobs(jobs)
    floors = [run_bare(jobs, seconds, address, affinity)]
    writes = row_writes()
    ready = timezone.now()
    costs = run_drains(processes, affinity)
    writes = row_writes() - writes
    floors.append(run_bare(jobs, seconds, address, affinity))
    floor = {name: sum(found[name] for found in floors) / len(floors) for name in floors[0]}
    cpu = 1000 * sum(cost["cpu"] for cost in costs) / jobs
    found = TryOnResult.objects.filter(started_at__gte=ready)
    rows = list(found.values_list("status", "started_at", "submitted_at", "finished_at"))
    done = [row for row in rows if row[0] == "succeeded"]
    begun = min(row[1] for row in done)
    makespan = (max(row[3] for row in done) - begun).total_seconds()
    added = sorted((row[3] - row[2]).total_seconds() - seconds for row in done)
    return {
        "jobs": jobs,
        "processes": processes,
        "affinity": affinity,
        "succeeded": len(done),
        "start_up_s": round((begun - ready).total_seconds(), 2),
        "makespan_s": round(makespan, 2),
        "ratio_to_ideal": round(makespan / seconds, 2),
        "added_after_provider_p50_s": round(added[len(added) // 2], 2),
        "added_after_provider_p95_s": round(added[int(len(added) * 0.95)], 2),
        "bare_ratio_to_ideal": round(floor["ratio_to_ideal"], 2),
        "cpu_ms_a_job": round(cpu, 2),
        "bare_cpu_ms_a_job": round(floor["cpu_ms_a_job"], 2),
        "cpu_to_bare": round(cpu / floor["cpu_ms_a_job"], 2),
        "loop_ms": max(cost["loop_ms"] for cost in costs),
        "load": round(os.getloadavg()[0], 1),
        "memory_mb": max(cost["memory_mb"] for cost in costs),
        "row_writes_a_job": round(writes / jobs, 2),
    }


def rate(jobs: int, limit: str, processes: int, address: str) -> dict[str, Any]:
    """A provider that takes ``limit`` (calls/seconds) in any window.

    Share used: the shortest time in which the limit lets so many calls go (the first ones at once, the rest window by
    window), to the time that it took.
    """
    calls, window = int(limit.split("/")[0]), float(limit.split("/")[1])
    body = json.dumps({"seconds": 1.0, "calls": calls, "window": window}).encode()
    urllib.request.urlopen(f"{address}/_reset", data=body)  # noqa: S310
    add_jobs(jobs)
    run_drains(processes)
    seen = stats(address)
    submits = sorted(seen["submits"])
    span = submits[-1] - submits[0]
    shortest = ((len(submits) - 1) // calls) * window
    busiest = max(sum(1 for other in submits if at <= other < at + window) for at in submits)
    return {
        "jobs": jobs,
        "processes": processes,
        "limit": limit,
        "sent": len(submits),
        "answers_429": seen["refused"],
        "span_s": round(span, 1),
        "share_of_limit_used": round(shortest / span, 3),
        "most_in_a_window": busiest,
    }


def blocking_loop(address: str) -> None:
    """What people do today, as one task: submit, sleep, ask, fetch. Shared by django-q2 and Celery."""
    import requests

    session = requests.Session()
    job = session.post(f"{address}/v1/audio/generate", json={"prompt": "calm piano"}, timeout=30).json()
    while True:
        time.sleep(1.0)
        answer = session.get(f"{address}/v1/image/{job['generation_id']}", timeout=30).json()
        if answer["status"] == "completed":
            session.get(answer["output_url"], timeout=30)
            return


def loops(jobs: int, seconds: float, address: str) -> dict[str, Any]:
    """The blocking loop in one worker process of django-q2 and of Celery."""
    found: dict[str, Any] = {"jobs": jobs}
    found["django-q2 ratio_to_ideal"] = round(_in_django_q(jobs, address) / seconds, 1)
    try:
        import celery
    except ImportError:
        found["celery"] = "NOT RUN: pip install celery[redis]"
    else:
        found["celery ratio_to_ideal"] = round(_in_celery(jobs, address) / seconds, 1)
        found["celery version"] = celery.__version__
    return found


def _wait_for_files(address: str, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while stats(address)["files"] < count:
        if time.monotonic() > end:
            raise TimeoutError("the jobs did not finish")
        time.sleep(0.1)


def _in_django_q(jobs: int, address: str) -> float:
    from django_q.tasks import async_task

    _forget(address)
    for _ in range(jobs):
        async_task("benchmarks.runner.blocking_loop", address)
    return _timed(jobs, address, "django", "qcluster", BENCH_Q_WORKERS="1")


def _in_celery(jobs: int, address: str) -> float:
    from benchmarks.celery_loop import app, run_loop

    _forget(address)
    app.control.purge()
    for _ in range(jobs):
        run_loop.delay(address)
    return _timed(jobs, address, "celery", "-A", "benchmarks.celery_loop", "worker", "-c", "1", "-l", "ERROR")


def _forget(address: str) -> None:
    urllib.request.urlopen(f"{address}/_reset", data=json.dumps({}).encode())  # noqa: S310


def _timed(jobs: int, address: str, *module: str, **environment: str) -> float:
    """Seconds from the first submit until one worker process, started here, has made all the jobs."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    worker = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env={**os.environ, **environment}, **quiet)
    try:
        _wait_for_files(address, jobs)
        return time.time() - min(stats(address)["submits"])
    finally:
        worker.terminate()
        worker.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["carry", "rate", "loops", "drain", "bare"])
    parser.add_argument("--jobs", type=int, nargs="+", default=[500])
    parser.add_argument("--seconds", type=float, default=5.0, help="The provider's own time for a job.")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--affinity", type=int, default=0, help="Cores for each worker process; 0: all.")
    parser.add_argument("--limit", default="60/60", help="calls/seconds")
    parser.add_argument("--address", default="", help="The provider's, for ``bare``.")
    given = parser.parse_args()
    if given.what in ("drain", "bare"):
        keep_to(given.affinity)
    if given.what == "drain":
        drain()
        return
    if given.what == "bare":
        bare(given.jobs[0], given.seconds, given.address)
        return
    environment = {"BENCH_DRAINS": str(given.processes)}
    if given.what == "rate":
        environment["BENCH_RATE"] = given.limit
    with stage(given.seconds, **environment) as address:
        for jobs in given.jobs:
            if given.what == "carry":
                outcome = carry(jobs, given.seconds, given.processes, address, given.affinity)
            elif given.what == "rate":
                outcome = rate(jobs, given.limit, given.processes, address)
            else:
                outcome = loops(jobs, given.seconds, address)
            print(json.dumps(outcome, indent=2), flush=True)


if __name__ == "__main__":
    main()
