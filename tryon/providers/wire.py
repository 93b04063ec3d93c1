"""Connections with a total deadline, to checked addresses only, that know whether anything has been sent.

A connection resolves its host once, checks every address and connects to a checked one, so that a name can't change
its meaning between check and use; ``Host`` and the TLS name stay those of the URL.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import logging
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from tryon.providers import ssrf


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
            found = ssrf.addresses(host, port, resolve=self.network.resolve, allow_private=self.allow_private)
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


_here = threading.local()


@contextlib.contextmanager
def exchanging(exchange: Exchange) -> Iterator[Exchange]:
    """While inside, connections used by this thread belong to ``exchange``."""
    _here.exchange = exchange
    try:
        yield exchange
    finally:
        del _here.exchange


def _not_ours(record: logging.LogRecord) -> bool:
    """urllib3 logs whole addresses, and those of ours may hold the token of a webhook."""
    return not hasattr(_here, "exchange")


logging.getLogger("urllib3.connectionpool").addFilter(_not_ours)


def _current() -> Exchange:
    exchange: Exchange = _here.exchange
    return exchange


class _TimedStream(io.RawIOBase):
    """Reads from a socket. Every single read gets what is left of the deadline, so that a trickle can't outlast it."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._stream, self._sock, self._exchange = stream, sock, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._sock, self._exchange.left(self._exchange.read_timeout))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        stream: Any = sock.makefile("rb", buffering=0)  # keeps the socket open as long as the body is read
        self.fp = io.BufferedReader(_TimedStream(stream, sock, _current()))


class PlainConnection(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _current().open(self.host, self.port)

    def send(self, data: Any) -> None:
        _send(self, super().send, data)


class TLSConnection(HTTPSConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _current().open(self.host, self.port or 443)

    def send(self, data: Any) -> None:
        _send(self, super().send, data)


Connection = PlainConnection | TLSConnection


def _send(connection: HTTPConnection, send: Callable[[Any], None], data: Any) -> None:
    """Before the first byte leaves, the connection stands: a failure until then can't have cost anything."""
    if connection.sock is None:
        connection.connect()
    exchange = _current()
    if not exchange.sent and exchange.leaving is not None:
        before = time.monotonic()
        exchange.leaving()
        exchange.until += time.monotonic() - before
    exchange.sent = True
    connection.timeout = exchange.left(exchange.read_timeout)  # what urllib3 sets once more before it reads
    _limit(connection.sock, connection.timeout)
    send(data)


def _limit(sock: socket.socket, seconds: float) -> None:
    """Give it a timeout. That is a system call each, left out where it changes nothing that anyone could notice."""
    if abs((sock.gettimeout() or 0.0) - seconds) > 0.05:
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
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """GET ``target``, within ``exchanging``. ``tls`` is for https. An answer that is not read whole costs the
        connection."""
        exchange = _current()
        # of this process: a child that was forked has the same sockets, and must not use them
        place = (os.getpid(), target.scheme, target.host, target.port, tls, exchange.allow_private, exchange.network)
        connection = self._open.pop(place, None)
        if connection is None:
            connection = _connection(target, tls)
        elif not connection.is_connected:
            connection.close()
        with contextlib.ExitStack() as unless_kept:
            unless_kept.callback(connection.close)
            response = _answer(connection, "GET", target.path, headers)
            unless_kept.callback(response.close)
            yield response
            if response.closed:
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
) -> Iterator[urllib3.BaseHTTPResponse]:
    """Send to ``target`` once, within ``exchanging``, over a connection of its own. ``tls`` is for https.

    A kept connection may be closed by the other side in the very moment of sending, and then nobody knows whether the
    request was taken: never for what may cost money.
    """
    with (
        contextlib.closing(_connection(target, tls)) as connection,
        contextlib.closing(_answer(connection, method, target.path, headers, body)) as response,
    ):
        yield response


def _answer(
    connection: Connection, method: str, path: str, headers: Mapping[str, str], body: bytes | str | None = None
) -> urllib3.BaseHTTPResponse:
    connection.request(method, path, body, headers, preload_content=False, decode_content=False)
    return connection.getresponse()


def _close_all(connections: dict[tuple[Any, ...], Connection]) -> None:
    while connections:
        connections.popitem()[1].close()


def _connection(target: ssrf.Target, tls: ssl.SSLContext | None) -> Connection:
    if target.scheme == "https":
        return TLSConnection(target.host, target.port, ssl_context=tls)
    return PlainConnection(target.host, target.port)
