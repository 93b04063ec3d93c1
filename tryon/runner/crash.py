"""A hook for tests: the process dies, as by kill -9, at the point that the environment names."""

from __future__ import annotations

import os

POINTS = (
    "claimed",  # intent and money are committed, nothing is sent
    "sending",  # the paid request is about to leave
    "answered",  # the provider's answer is here, and not written yet
    "submitted",  # the job id, or the result's address, is committed
    "polled",  # the provider said that it is done
    "fetched",  # a result is in memory
    "stored",  # its files are written, no row names them
    "finished",  # all is committed
)


def point(name: str) -> None:
    if os.environ.get("TRYON_CRASH_AT") == name:
        os._exit(9)
