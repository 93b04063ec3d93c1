"""The whole suite: once on SQLite, then what touches the database again on PostgreSQL when there is one.

A missing service is said loudly; with CI=true it is a failure.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

WORKERS = str(2 * (os.cpu_count() or 1))  # many tests wait for a server, a browser or a worker
ON_POSTGRES = [
    "tests/models",
    "tests/runner",
    "--ignore=tests/runner/test_hosted.py",  # about the wire
    "tests/api/test_idempotency.py",
    "tests/api/test_queries.py",
    "tests/api/test_tryons.py",
    "tests/api/test_polling.py",
    "tests/test_admission.py",
    "tests/test_erasure.py",
    "tests/test_ledger.py",
    "tests/test_retention.py",
    "tests/test_webhooks.py",
    "tests/test_webhooks_in.py",
]


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pytest(*args: str, **environment: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, *args]
    variables = {**os.environ, **environment}
    # the suite starts hundreds of processes: each would compile all of it again
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, env=variables, check=False).returncode


def main() -> int:
    failed = pytest(*sys.argv[1:])
    if reachable(int(os.environ.get("PGPORT", "5432"))):
        # the worker tests bring their own databases and have run in the first pass
        failed |= pytest("-m", "not browser and not worker", *ON_POSTGRES, TEST_DATABASE="postgres")
    else:
        sys.stdout.write("NOT RUN: the PostgreSQL tests, because nothing answers on 127.0.0.1:5432\n")
        failed |= os.environ.get("CI") == "true"
    return failed


if __name__ == "__main__":
    sys.exit(main())
