"""A provider that tells other processes when it has begun, and goes on when they allow it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

from tests.providers.fakes import InstantProvider
from tryon.providers.base import Submission, TryOnRequest

PATIENCE = 60


class GatedProvider(InstantProvider):
    """Each call writes ``begun-<n>`` holding its process id, then waits until ``gate`` exists in the folder."""

    label: ClassVar[str] = "gated"
    settings_options: ClassVar[frozenset[str]] = frozenset({"options", "folder"})

    def __init__(self, alias: str = "", *, folder: str, **options: Any) -> None:
        super().__init__(alias, **options)
        self.folder = Path(folder)

    def submit(self, request: TryOnRequest) -> Submission:
        number = len(list(self.folder.glob("begun-*")))
        (self.folder / f"begun-{number}").write_text(str(os.getpid()))
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "gate").exists():
            if time.monotonic() > deadline:
                raise AssertionError("the gate was never opened")
            time.sleep(0.02)
        return super().submit(request)
