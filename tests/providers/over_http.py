"""The HTTP client as the tests use it, and a server that speaks TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tryon.providers.base import ProviderError
from tryon.providers.http import HttpClient, Secret, Timeouts
from tryon.providers.wire import dial
from tryon.testing import Server

KEY = "sk_live_canary_0123456789"


def client(server: Server | str, *, total: float = 5.0, read: float = 5.0, **more: Any) -> HttpClient:
    url = server if isinstance(server, str) else server.url
    return HttpClient(
        url,
        **{
            "key": Secret(KEY),
            "timeouts": Timeouts(connect=2.0, read=read, total=total),
            "allow_private_hosts": True,
            **more,
        },
    )


def refused(call: Any, *args: Any, **kwargs: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call(*args, **kwargs)
    return caught.value


def public(host: str, port: int) -> list[str]:
    return ["93.184.216.34"]


class TLSServer(threading.Thread):
    """Serves one file over TLS for ``cdn.example.com`` with a certificate that only the test trusts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.ca = str(folder / "cert.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cdn.example.com",
             "-addext", "subjectAltName=DNS:cdn.example.com", "-keyout", str(folder / "key.pem"), "-out", self.ca],
            check=True, capture_output=True,
        )  # fmt: skip
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca, folder / "key.pem")
        self.names: list[str | None] = []
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.requests: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.start()

    def run(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self.context.wrap_socket(plain, server_side=True) as sock:
                while request := sock.recv(65536):
                    self.requests.append(request)
                    sock.sendall(self.answer)
        except OSError:
            plain.close()

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """Every address leads here."""
        return dial("127.0.0.1", self.port, timeout)

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(5)
