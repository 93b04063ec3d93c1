"""Connections with a total deadline, to checked addresses only, that know whether anything has been sent.

A connection resolves its host once, checks every address and connects to a checked one, so that a name can't change
its meaning between check and use; ``Host`` and the TLS name stay those of the URL.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from tryon.providers import ssrf

RESOLVE_SECONDS = 10.0  # for a name: two tries of the system's resolver
WAITED = 0.1  # seconds of waiting to send after which a connection is looked at again


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """A connected TCP socket."""
    return socket.create_connection((address, port), timeout)


@dataclass(frozen=True, slots=True)
class Network:
    """How a name becomes addresses and an address a socket. Tests put their own in."""

    resolve: ssrf.Resolver = ssrf.system_resolver
    dial: Callable[[str, int, float], socket.socket] = dial


NETWORK = Network()


class Exchange:
    """One request and its answer: how long it may last, where it may go, and whether a byte of it has left us."""

    def __init__(
        self,
        *,
        total: float,
        connect: float,
        read: float,
        allow_private: bool,
        network: Network,
        leaving: Callable[[], None] | None = None,
    ) -> None:
        self.until = time.monotonic() + total
        self.connect_timeout, self.read_timeout = connect, read
        self.allow_private, self.network = allow_private, network
        self.leaving = leaving  # called before the first byte; what it raises keeps it from leaving
        self.sent = False
        self.refused = ""

    def left(self, at_most: float) -> float:
        """Seconds until the deadline, no more than ``at_most``. Raises TimeoutError when there are none."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the total deadline has passed")
        return min(seconds, at_most)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def open(self, host: str, port: int) -> socket.socket:
        """A socket to the first checked address that answers."""
        try:
            found = ssrf.addresses(host, port, resolve=self._resolve, allow_private=self.allow_private)
        except ssrf.Refused as error:
            self.refused = str(error)
            raise
        failure: OSError = OSError("no address")
        for address in found:
            try:
                sock = self.network.dial(address, port, self.left(self.connect_timeout))
            except OSError as error:
                failure = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        raise failure

    def _resolve(self, host: str, port: int) -> list[str]:
        """In a thread that is left behind when it takes too long: the system's resolver knows no deadline of ours."""
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self.network.resolve(host, port))
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                found.set_exception(error)

        threading.Thread(target=look_up, daemon=True).start()
        return found.result(self.left(RESOLVE_SECONDS))


_here = threading.local()


@contextlib.contextmanager
def exchanging(exchange: Exchange) -> Iterator[Exchange]:
    """While inside, connections used by this thread belong to ``exchange``."""
    _here.exchange = exchange
    try:
        yield exchange
    finally:
        del _here.exchange


def _current() -> Exchange:
    exchange: Exchange = _here.exchange
    return exchange


class _TimedStream(io.RawIOBase):
    """Reads from a socket. Every single read gets what is left of the deadline, so that a trickle can't outlast it."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._stream: Any = sock.makefile("rb", buffering=0)  # keeps the socket open as long as the body is read
        self._sock, self._exchange = sock, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._sock, self._exchange.left(self._exchange.read_timeout))
        read: int | None = self._stream.readinto(buffer)
        return read

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedSocket:
    """What a response sees of a socket: it makes a file of it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedStream(self._sock, _current()))


class _TimedResponse(http.client.HTTPResponse):
    """Within the deadline, and stricter than http.client, which takes any answer between 101 and 199 for the last one,
    and a chunk of a negative size for everything that comes."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if found[1] == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.UnknownProtocol("one that was not asked for")
            if not 100 < found[1] < 200:
                return found
            http.client.parse_headers(self.fp)  # of an answer in between: the real one follows

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("a chunk of a negative size")
        return size


class Connection(http.client.HTTPConnection):
    """To a checked address, within the deadline of the exchange that uses it. ``tls``: by https."""

    response_class = _TimedResponse

    def __init__(self, target: ssrf.Target, tls: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port)
        self._tls = tls
        self.default_port = 443 if tls else 80  # which the Host header leaves out

    def connect(self) -> None:
        exchange = _current()
        sock = exchange.open(self.host, self.port)
        if self._tls:
            sock.settimeout(exchange.left(exchange.connect_timeout))
            sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        self.sock = sock

    @property
    def stands(self) -> bool:
        """Not closed by either side, and nothing came that was not asked for, as far as can be known."""
        if self.sock is None:
            return False
        self.sock.settimeout(0.0)
        try:
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def send(self, data: Any) -> None:
        """Before the first byte leaves, the connection stands: a failure until then can't have cost anything."""
        if self.sock is None:
            self.connect()
        exchange = _current()
        if not exchange.sent and exchange.leaving is not None:
            self._wait_to_leave(exchange, exchange.leaving)
        seconds = exchange.left(exchange.read_timeout)
        exchange.sent = True
        _limit(self.sock, seconds)
        super().send(data)

    def _wait_to_leave(self, exchange: Exchange, leaving: Callable[[], None]) -> None:
        exchange.left(exchange.read_timeout)  # or it would be let go, and not leave
        before = time.monotonic()
        leaving()
        waited = time.monotonic() - before
        exchange.until += waited
        if waited > WAITED and not self.stands:
            # not close(), which would forget the request
            self.sock.close()
            self.connect()

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | str | None = None
    ) -> http.client.HTTPResponse:
        try:
            self.request(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # a server that refuses need not read the rest, and says why; without an answer this fails again
            if self.sock is None or not _current().sent:
                raise
        return self.getresponse()


def _limit(sock: socket.socket, seconds: float) -> None:
    """Give it a timeout. That is a system call each, left out where it changes nothing that anyone could notice."""
    now = sock.gettimeout()
    if not now or abs(now - seconds) > 0.05:
        sock.settimeout(seconds)


class KeptConnections(threading.local):
    """Connections for what may be asked again, kept open from one question to the next: each thread has its own.

    They are closed when the thread ends or this object is gone.
    """

    MOST = 4  # places a thread stays connected to

    def __init__(self) -> None:
        self._open: dict[tuple[Any, ...], Connection] = {}
        self._alive = threading.Lock()  # anything that ends with the rest and can be watched
        # not __del__: in a cycle of garbage a socket may come to its end, and complain, before us
        weakref.finalize(self._alive, _close_all, self._open)

    @contextlib.contextmanager
    def asking(
        self, target: ssrf.Target, headers: Mapping[str, str], tls: ssl.SSLContext | None
    ) -> Iterator[http.client.HTTPResponse]:
        """GET ``target``, within ``exchanging``. ``tls`` is for https. An answer that is not read whole costs the
        connection."""
        exchange = _current()
        # of this process: a child that was forked has the same sockets, and must not use them
        place = (os.getpid(), target.scheme, target.host, target.port, tls, exchange.allow_private, exchange.network)
        connection = self._open.pop(place, None) or Connection(target, tls)
        if not connection.stands:
            connection.close()
        with contextlib.ExitStack() as unless_kept:
            unless_kept.callback(connection.close)
            response = connection.answer("GET", target.path, headers)
            unless_kept.callback(response.close)
            yield response
            if response.isclosed():
                unless_kept.pop_all()
                self._open[place] = connection
        if len(self._open) > self.MOST:
            self._open.pop(next(iter(self._open))).close()

    def close(self) -> None:
        """This thread's."""
        _close_all(self._open)


@contextlib.contextmanager
def sending(
    method: str, target: ssrf.Target, headers: Mapping[str, str], body: bytes | str | None, tls: ssl.SSLContext | None
) -> Iterator[http.client.HTTPResponse]:
    """Send to ``target`` once, within ``exchanging``, over a connection of its own. ``tls`` is for https.

    A kept connection may be closed by the other side in the very moment of sending, and then nobody knows whether the
    request was taken: never for what may cost money.
    """
    with (
        contextlib.closing(Connection(target, tls)) as connection,
        contextlib.closing(connection.answer(method, target.path, headers, body)) as response,
    ):
        yield response


def _close_all(connections: dict[tuple[Any, ...], Connection]) -> None:
    while connections:
        connections.popitem()[1].close()
