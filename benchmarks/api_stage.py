"""What the benchmarks of the API are played on: a database, a server in a process of its own, rows, a client."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.postgres import own_database

ROOT = Path(__file__).resolve().parents[1]
API = "/tryon/api/v1/"
WARM = 20  # rounds that are not counted
WAITS, LASTS = 3.0, 12.0  # seconds of a job, in the queue and with its provider


@contextlib.contextmanager
def database(postgres: bool) -> Iterator[None]:
    """An empty database; Django is set up on it."""
    name = f"tryon_bench_{os.getpid()}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.api_settings")
    with contextlib.ExitStack() as stack:
        if postgres:
            os.environ |= {"BENCH_VENDOR": "postgresql", "BENCH_DATABASE": stack.enter_context(own_database(name))}
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tryon-bench-"))
            os.environ["BENCH_DATABASE"] = str(Path(folder) / "db.sqlite3")
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        stack.callback(connections.close_all)
        yield


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The project, served by a process of its own. Gives the port."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.api", "serve"], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def serve() -> None:
    import django
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    django.setup()

    class Quiet(WSGIRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

    ThreadedWSGIServer.request_queue_size = 200
    running = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    running.set_app(get_wsgi_application())
    print(running.server_address[1], flush=True)
    running.serve_forever()


class Rows:
    """A garment, and one app with previews that wait, are made, and are ready."""

    def __init__(self) -> None:
        from tryon.identity import new_session
        from tryon.models import Garment

        self.garment = Garment.objects.create(
            product_ref="1", name="Tee", category="upper", image="g", thumb="t", width=1, height=1, sha256="a" * 64
        )
        self.shopper, self.token = new_session()
        self.by_status = {status: self.add(status).pk for status in ("queued", "processing", "succeeded")}

    def others(self, count: int) -> list[tuple[str, str]]:
        """(token, key of a preview that is being made), each of an app of its own."""
        from tryon.identity import new_session

        found = []
        for _ in range(count):
            shopper, token = new_session()
            found.append((token, str(self.add("processing", shopper).pk)))
        return found

    def add(self, status: str, shopper: Any = None) -> Any:
        from django.utils import timezone

        from tryon.models import TryOnResult

        now = timezone.now()
        row = TryOnResult.objects.create(
            shopper=shopper or self.shopper,
            garment=self.garment,
            status="processing" if status == "succeeded" else status,
            provider="local",
            progress=0.5 if status == "processing" else None,
            started_at=now - timedelta(seconds=LASTS),
            next_at=now + timedelta(hours=1),
            deadline_at=now + timedelta(hours=1),
            expires_at=now + timedelta(hours=1),
        )
        if status == "succeeded":
            self.finish(row)
        return row

    def finish(self, row: Any) -> None:
        from tryon.choices import Status
        from tryon.models import TryOnOutput, TryOnResult

        TryOnOutput.objects.create(result=row, file="f", card="c", thumb="t", width=1, height=1, sha256="")
        TryOnResult.objects.filter(pk=row.pk).move(Status.SUCCEEDED)


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, tag: str = "") -> tuple[int, http.client.HTTPMessage, float]:
        began = time.perf_counter()
        self.connection.request("GET", path, headers={**self.headers, **({"If-None-Match": tag} if tag else {})})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, answer.headers, time.perf_counter() - began
