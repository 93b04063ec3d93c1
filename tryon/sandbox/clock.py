"""The sandbox's time: the machine's, plus what the tester has added."""

from __future__ import annotations

import threading
import time


class Clock:
    """``pace`` shortens what providers make their clients wait for: 1.0 as documented, 0.05 twenty times as fast.

    Lifetimes of results are not shortened; ``advance`` takes the clock past them.
    """

    def __init__(self, pace: float = 1.0) -> None:
        self.pace = pace
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move time forward; returns the whole distance to the machine's clock in seconds."""
        if seconds < 0:
            raise ValueError("time goes forward only")
        with self._lock:
            self._offset += seconds
            return self._offset
