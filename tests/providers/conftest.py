from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.over_http import TLSServer
from tryon.testing import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TLSServer]:
    server = TLSServer(tmp_path)
    yield server
    server.stop()
