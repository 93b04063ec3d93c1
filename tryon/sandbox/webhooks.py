"""Calls back to the client when a job is over, with the documented retries."""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tryon.sandbox.clock import Clock
from tryon.sandbox.inputs import is_loopback

logger = logging.getLogger(__name__)

RETRY_AFTER = (10, 20, 40, 80, 150)  # seconds: "up to 5 retries over about 5 minutes"
TIMEOUT = 10
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. ``status`` is None when there was no answer."""

    at: float
    job_id: str
    attempt: int
    status: int | None
    url: str = field(repr=False)  # it holds the client's secret


class Webhooks:
    """Sends in a thread of its own. Addresses outside this machine are refused and logged."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, int, str, str, bytes]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._closing, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
        self.deliveries: list[Delivery] = []

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def send(self, job_id: str, url: str, payloads: Sequence[dict[str, Any]]) -> None:
        """Deliver the payloads one after the other."""
        for payload in payloads:
            self._push(self._clock.now(), 1, job_id, url, json.dumps(payload).encode())

    def _push(self, at: float, attempt: int, job_id: str, url: str, body: bytes) -> None:
        with self._lock:
            heapq.heappush(self._due, (at, next(self._order), attempt, job_id, url, body))
        self._wake.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            with self._lock:
                ready = bool(self._due) and self._due[0][0] <= self._clock.now()
                item = heapq.heappop(self._due) if ready else None
                idle = not self._due
            if item is None:
                self._wake.wait(0.5 if idle else _TICK)
                self._wake.clear()
                continue
            self._deliver(*item[2:])

    def _deliver(self, attempt: int, job_id: str, url: str, body: bytes) -> None:
        status = post(url, body)
        self.deliveries.append(Delivery(self._clock.now(), job_id, attempt, status, url))
        if (status is None or not 200 <= status < 300) and attempt <= len(RETRY_AFTER):
            at = self._clock.now() + RETRY_AFTER[attempt - 1] * self._clock.pace
            self._push(at, attempt + 1, job_id, url, body)


def post(url: str, body: bytes) -> int | None:
    """The answer's status; None when there was none or the address is not on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        logger.warning("a webhook address outside this machine was not called")
        return None
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json", "User-Agent": "sandbox-webhook"})
        answer = connection.getresponse()
        answer.read(1024)
        return answer.status
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
