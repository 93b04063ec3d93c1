"""The blocking loop of ``benchmarks.runner`` as a Celery task. Celery is no dependency: pip install celery[redis]."""

from __future__ import annotations

from celery import Celery

from benchmarks.runner import blocking_loop

app = Celery("bench", broker="redis://127.0.0.1:6379/8")
app.conf.worker_prefetch_multiplier = 1


@app.task  # type: ignore[untyped-decorator]
def run_loop(address: str) -> None:
    blocking_loop(address)
