"""What the REST API costs: the status poll beside a bare view, answers under load, lists as their tables grow.

    python -m benchmarks.api polls [--postgres]            requests a second of the poll and of a bare Django view
    python -m benchmarks.api load [--postgres]             50 clients that poll as they are told, and back to back
    python -m benchmarks.api lists [--postgres] [--rows N]   query plan and time at 1,000 rows and at N (1,000,000)

Everything is measured in one run, side by side: what is given are ratios. The server is Django's threaded one, in a
process of its own. The figures are kept in benchmarks/results/api.json; what misses its mark ends with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.api_lists import lists
from benchmarks.api_stage import API, LASTS, ROOT, WAITS, WARM, Client, Rows, database, serve, server

RESULTS = ROOT / "benchmarks" / "results" / "api.json"
LEAST_SHARE = 0.8  # of the throughput of the bare view
MOST_P95 = 3.0  # times that of one client

Outcome = tuple[dict[str, Any], list[str]]
"""(figures, what is not as it should be)."""


# ---------------------------------------------------------------- polls


def polls(postgres: bool, rounds: int = 250) -> Outcome:
    with database(postgres):
        rows = Rows()
        with server() as port:
            client = Client(port, rows.token)
            times: dict[str, list[float]] = {}
            lives: list[list[tuple[int, float, float]]] = []
            ways: dict[str, tuple[str, str]] = {"bare view": (f"/bare/{rows.by_status['queued']}/", "")}
            for status, pk in rows.by_status.items():
                path = f"{API}tryons/{pk}/"
                ways[f"{status}, 200"] = (path, "")
                ways[f"{status}, 304"] = (path, str(client.get(path)[1]["ETag"]))
            for number in range(rounds + WARM):  # turn by turn: what else the machine does hits all alike
                for name, (path, tag) in ways.items():
                    status, _headers, seconds = client.get(path, tag)
                    assert status in (200, 304), (name, status)
                    if number >= WARM:
                        times.setdefault(name, []).append(seconds)
                if number % 10 == 0:
                    lives.append(life(client, rows))
    usual = {name: quicker(found) for name, found in times.items()}
    base = usual["bare view"]
    shares = {name: base / here for name, here in usual.items()}
    for name, here in usual.items():
        print(f"{name:20} {1 / here:8.0f} a second   {shares[name]:5.0%} of the bare view")
    # all lives are alike, so poll by poll
    steps = list(zip(*lives, strict=False))
    here = statistics.mean(quicker([poll for _status, poll, _bare in step]) for step in steps)
    base = statistics.mean(quicker([bare for _status, _poll, bare in step]) for step in steps)
    print(f"{'a job from poll to poll':20} {1 / here:5.0f} a second   {base / here:5.0%} of the bare view beside it")
    print("    answered with", *(status for status, _poll, _bare in lives[0]))
    shares["a job from poll to poll"] = base / here
    return {name: round(share, 2) for name, share in shares.items()}, [
        f"{name}: {share:.0%} of the bare view, less than {LEAST_SHARE:.0%}"
        for name, share in shares.items()
        if share < LEAST_SHARE
    ]


def quicker(times: list[float]) -> float:
    """The quicker quarter: what else the machine was doing is in the rest."""
    return statistics.quantiles(times, n=4)[0]


def life(client: Client, rows: Rows) -> list[tuple[int, float, float]]:
    """The polls of one app from the first to the last, as it is told to ask: their statuses and times, and those of the
    bare view, each after somebody has written to the row.

    No time passes: the row is moved back by it.
    """
    from django.db.models import F
    from django.utils import timezone

    from tryon.models import TryOnResult

    result = rows.add("queued")
    mine = TryOnResult.objects.filter(pk=result.pk)
    seen: list[tuple[int, float, float]] = []
    tag, now, pause = "", 0.0, 1.0
    while True:
        before, now = now, now + pause
        mine.update(created_at=F("created_at") - timedelta(seconds=pause))
        if now >= WAITS + LASTS:
            rows.finish(result)
        elif now >= WAITS > before:
            mine.update(status="processing", version=F("version") + 1, started_at=timezone.now())
        elif now >= WAITS:
            mine.update(started_at=F("started_at") - timedelta(seconds=pause))
        bare = client.get(f"/bare/{result.pk}/")[2]
        mine.update(polls=F("polls") + 1)
        status, headers, spent = client.get(f"{API}tryons/{result.pk}/", tag)
        seen.append((status, spent, bare))
        if "Retry-After" not in headers:
            mine.delete()
            return seen
        tag, pause = headers["ETag"], float(headers["Retry-After"]) * 1.25  # with the usual chance, half as much again


# ---------------------------------------------------------------- load


def load(postgres: bool, clients: int = 50, seconds: float = 20.0) -> Outcome:
    """Each client has a row and a token of its own."""
    with database(postgres):
        rows = Rows()
        owners = rows.others(clients)
        with server() as port:
            token, pk = owners[0]
            alone = ask_as_told(port, token, pk, seconds / 2, pause=0.05)
            found = together(owners, lambda token, pk: ask_as_told(port, token, pk, seconds))
            paths = {"polls": f"{API}tryons/%s/", "bare view": "/bare/%s/"}
            counts = dict.fromkeys(paths, 0)

            def press(path: str) -> int:
                return len(together(owners, lambda token, pk: back_to_back(port, token, path % pk, seconds / 8)))

            for _ in range(4):  # turn by turn: what else the machine does hits both
                for name, path in paths.items():
                    counts[name] += press(path)
    idle, busy = (statistics.quantiles(times, n=20)[18] for times in (alone, found))
    times, share, rate = busy / idle, counts["polls"] / counts["bare view"], counts["polls"] / seconds * 2
    print(f"one client   p95 {idle * 1000:6.1f} ms   ({len(alone)} requests)")
    print(f"{clients} clients   p95 {busy * 1000:6.1f} ms   ({len(found)} requests)   {times:.1f} times")
    print(f"{clients} clients back to back: {rate:.0f} polls a second, {share:.0%} of the bare view")
    wrong = [f"p95 with {clients} clients: {times:.1f} times, more than {MOST_P95}"] if times > MOST_P95 else []
    if share < LEAST_SHARE:
        wrong.append(f"back to back: {share:.0%} of the bare view, less than {LEAST_SHARE:.0%}")
    return {"clients": clients, "p95_times": round(times, 2), "back_to_back": round(share, 2)}, wrong


def together(owners: list[tuple[str, str]], work: Callable[[str, str], list[float]]) -> list[float]:
    """The times of all, who work side by side."""
    found: list[float] = []
    lock = threading.Lock()

    def run(token: str, pk: str) -> None:
        mine = work(token, pk)
        with lock:
            found.extend(mine)

    threads = [threading.Thread(target=run, args=owner) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ask_as_told(port: int, token: str, pk: str, seconds: float, pause: float | None = None) -> list[float]:
    """Asks again when it is told to, with half as much again of chance, as the widget does; or after ``pause``."""
    client, tag, times = Client(port, token), "", []
    end = time.monotonic() + seconds
    if pause is None:
        time.sleep(random.random() * 2)
    while time.monotonic() < end:
        _status, headers, spent = client.get(f"{API}tryons/{pk}/", tag)
        tag = headers["ETag"]
        times.append(spent)
        time.sleep(float(headers["Retry-After"]) * (1 + random.random() / 2) if pause is None else pause)
    return times[1:]  # the first opened the connection


def back_to_back(port: int, token: str, path: str, seconds: float) -> list[float]:
    client, times = Client(port, token), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(client.get(path)[2])
    return times[1:]


# ---------------------------------------------------------------- all


def keep(what: str, vendor: str, figures: dict[str, Any]) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known.setdefault(vendor, {})[what] = {"date": datetime.now(tz=UTC).date().isoformat(), **figures}
    RESULTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["polls", "load", "lists", "serve"])
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="Of load.")
    given = parser.parse_args()
    if given.what == "serve":
        serve()
        return 0
    if given.what == "polls":
        figures, wrong = polls(given.postgres)
    elif given.what == "load":
        figures, wrong = load(given.postgres, seconds=given.seconds)
    else:
        figures, wrong = lists(given.postgres, given.rows)
    keep(given.what, "postgresql" if given.postgres else "sqlite", figures)
    for words in wrong:
        print(f"MISSED  {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
