from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tryon.sandbox import Sandbox


@pytest.fixture
def make_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """A running sandbox with plain drawings and a hundredth of the waiting time, unless the test says otherwise."""
    started: list[Sandbox] = []

    def make(**options: Any) -> Sandbox:
        sandbox = Sandbox(0, **{"pictures": "drawn", "pace": 0.01, **options}).start()
        started.append(sandbox)
        return sandbox

    yield make
    for sandbox in started:
        sandbox.close()


@pytest.fixture
def sandbox(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return make_sandbox()
