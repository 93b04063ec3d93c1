"""Shop and worker side by side, until Ctrl-C. For trying out; a deployment runs a WSGI server and ``qcluster``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SANDBOX_PORT = 8765
START_SECONDS = 60
STOP_SECONDS = 15


class Command(BaseCommand):
    help = "Start the demo shop and its worker; Ctrl-C stops both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--sandbox", action="store_true", help="Pictures come from a local server instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        if _answers(port):
            raise CommandError(f"Port {port} is in use. Choose another: make demo PORT={port + 1}")
        signal.signal(signal.SIGTERM, _interrupt)
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        # the checks have been shown once already
        processes = []
        if options["sandbox"]:
            os.environ["TRYON_SANDBOX"] = f"http://127.0.0.1:{SANDBOX_PORT}"
            processes.append(_start([*manage, "tryon_sandbox", "--port", str(SANDBOX_PORT)]))
        processes.append(_start([*manage, "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]))
        processes.append(_start([*manage, "qcluster"]))
        try:
            self._wait_until_ready(port, *processes)
            self.stdout.write(_welcome(port, sandbox=options["sandbox"]))
            self._watch(*processes)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        finally:
            _stop(processes)

    def _wait_until_ready(self, port: int, *processes: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in processes):
                raise CommandError("The shop or its worker ended at once; its message is above.")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise CommandError(f"The shop did not answer within {START_SECONDS} s.")

    def _watch(self, *processes: subprocess.Popen[bytes]) -> None:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise CommandError("The shop or its worker ended by itself; its message is above.")


def _welcome(port: int, *, sandbox: bool) -> str:
    base = f"http://127.0.0.1:{port}"
    source = (
        [f"  Sandbox http://127.0.0.1:{SANDBOX_PORT}/_calls    what the providers were asked, and what they charged"]
        if sandbox
        else []
    )
    return "\n".join(
        [
            "",
            "The demo shop is ready.",
            f"  Shop    {base}/                 open a product, choose “See it on you”",
            f"  Admin   {base}/admin/           log in as merchandiser / merchandiser, or admin / admin",
            "          Garments → select some → Generate on-model shots",
            *source,
            "  Stop    Ctrl-C",
            "",
        ]
    )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # out of reach of the terminal's Ctrl-C: a cluster that is told to stop twice takes long to do it
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
