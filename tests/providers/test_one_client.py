"""Only the provider layer's client opens network connections: everything else goes through its guards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "tryon"
# the nursery's socket pair joins two processes of ours and has no address
MAY_CALL_OUT = ("providers/http.py", "providers/wire.py", "sandbox/", "testing/", "images/nursery.py")
LIBRARIES = {"requests", "urllib3", "http.client", "urllib.request", "httpx", "aiohttp", "ftplib", "smtplib", "asyncio"}
# asking the name of this machine, and looking names up for the check of addresses, open no connection
HARMLESS = {"gethostname", "getaddrinfo", "gaierror", "SOCK_STREAM", "AF_INET", "AF_INET6"}


def uses(source: str) -> Iterator[str]:
    """What in a module could open a connection."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket":
            names = [] if node.attr in HARMLESS else [f"socket.{node.attr}"]
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            names = [name] if name in ("urlopen", "create_connection") else []
        else:
            continue
        for name in names:
            library = any(name == each or name.startswith(f"{each}.") for each in LIBRARIES)
            if library or name in ("urlopen", "create_connection") or name.startswith("socket."):
                yield f"line {node.lineno}: {name}"


def others() -> list[Path]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [path for path in paths if not path.relative_to(PACKAGE).as_posix().startswith(MAY_CALL_OUT)]


def test_nothing_else_opens_connections() -> None:
    paths = others()
    assert len(paths) > 80, "the package was found"
    found = {path.relative_to(PACKAGE).as_posix(): list(uses(path.read_text(encoding="utf-8"))) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import requests",
        "import urllib3.util",
        "from urllib.request import urlopen",
        "import urllib.request",
        "from urllib import request",
        "import http.client",
        "from http import client",
        "def inside():\n    import requests as r",
        "import socket\nsocket.create_connection(('a', 1))",
        "import socket\nsocket.socket()",
        "from socket import socket",
        "import asyncio\nasyncio.open_connection('a', 1)",
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert list(uses(source))


def test_what_is_harmless_is_not() -> None:
    source = "import socket, http\nsocket.gethostname()\nfrom urllib.parse import urlsplit\nfrom http import HTTPStatus"
    assert list(uses(source)) == []
