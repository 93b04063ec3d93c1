"""What servers do below HTTP's manners: told on raw sockets, judged by what was sent, kept and paid."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.providers.over_http import TLSServer, client, public, refused
from tryon.images.picture import MEGABYTE
from tryon.providers import wire
from tryon.providers.base import Charged, ProviderError
from tryon.providers.http import HttpClient, Timeouts, before_paid
from tryon.providers.wire import Network, dial
from tryon.testing import Canned, Server

Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def talking(*talks: Talk) -> Iterator[str]:
    """A server's address. Each connection gets the next talk, the last one again and again, and is closed after it."""

    def serve(number: int, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            talks[min(number, len(talks) - 1)](connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            for number in range(100):
                threading.Thread(target=serve, args=[number, listening.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def heads(connection: socket.socket) -> Iterator[str]:
    """The path of each request without a body, as it comes."""
    read = b""
    while data := connection.recv(4096):
        read += data
        while b"\r\n\r\n" in read:
            head, _, read = read.partition(b"\r\n\r\n")
            yield head.split()[1].decode()


def saying(body: bytes, *, before: bytes = b"") -> bytes:
    return before + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def submit(api: HttpClient, **more: Any) -> Any:
    return api.send("POST", "/run", paid=True, **more).json()


@contextlib.contextmanager
def leaving(step: Callable[[], None]) -> Iterator[None]:
    token = before_paid.set(step)
    try:
        yield
    finally:
        before_paid.reset(token)


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("between", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_answers_in_between_are_passed_over(between: bytes) -> None:
    """Or the paid job is lost, and each question on that connection gets the answer to the one before."""

    def talk(connection: socket.socket) -> None:
        for path in heads(connection):
            hint = b"HTTP/1.1 " + between + b"\r\nLink: </a>\r\n\r\n"
            connection.sendall(saying(f'"{path}"'.encode(), before=hint))

    with talking(talk) as url:
        api = client(url)
        assert submit(api) == "/run"
        assert [api.send("GET", f"/{number}").json() for number in range(3)] == ["/0", "/1", "/2"]
        api.close()


def test_another_protocol_is_no_answer() -> None:
    def talk(connection: socket.socket) -> None:
        for path in heads(connection):
            upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
            connection.sendall(saying(f'"{path}"'.encode(), before=upgrade if path in ("/run", "/a") else b""))

    with talking(talk) as url:
        api = client(url)
        assert refused(submit, api).charged == Charged.UNKNOWN
        assert refused(api.send, "GET", "/a").retryable
        assert api.send("GET", "/b").json() == "/b"
        api.close()


def test_a_chunk_of_a_negative_size_is_no_way_around_the_largest_answer() -> None:
    left: list[int] = []

    def talk(connection: socket.socket) -> None:
        next(heads(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(64):
                connection.sendall(b"x" * MEGABYTE)
                left.append(MEGABYTE)

    with talking(talk) as url:
        error = refused(client(url).send, "GET", "/x", max_bytes=1000)
        assert error.code == "provider_down"
    assert sum(left) < 32 * MEGABYTE


def test_what_came_unasked_over_tls_is_not_the_next_answer(tls: TLSServer) -> None:
    """It lies decrypted in our memory, where looking at the socket does not show it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\nX-Fill: "
    asked = head + b"x" * (8192 - len(head) - 4 - 8000) + b"\r\n\r\n" + b"a" * 8000
    assert len(asked) == io.DEFAULT_BUFFER_SIZE  # all of it is read at once, and nothing more
    tls.answer = asked + saying(b"evil")
    api = HttpClient("https://cdn.example.com", network=Network(resolve=public, dial=tls.dial), ca_bundle=tls.ca)
    assert [api.send("GET", "/x").data[:4] for _ in range(2)] == [b"aaaa"] * 2
    api.close()


def test_a_refusal_is_heard_while_the_request_is_still_leaving() -> None:
    """What was refused was not paid. The server reads no more than it needs for that."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")

    with talking(talk) as url:
        answer = client(url).send("POST", "/run", body=b"x" * 20 * MEGABYTE, paid=True)
        assert (answer.status, answer.retry_after) == (429, 7)


@pytest.mark.parametrize(("packing", "body"), [("gzip", b""), ("gzip", b"broken"), ("br", b"x")])
def test_a_refusal_is_one_in_any_packing(server: Server, packing: str, body: bytes) -> None:
    server.answers(Canned(401, body, {"Content-Encoding": packing}))
    assert client(server).send("POST", "/run", paid=True).status == 401


# ---------------------------------------------------------------- until the first byte leaves


def test_a_connection_that_was_closed_while_we_waited_to_send_is_replaced() -> None:
    closed = threading.Event()

    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    def talk(connection: socket.socket) -> None:
        next(heads(connection))
        connection.sendall(saying(b'"taken"'))

    def wait() -> None:
        assert closed.wait(10)
        time.sleep(2 * wire.WAITED)

    with talking(hang_up, talk) as url, leaving(wait):
        assert submit(client(url)) == "taken"


def test_a_connection_that_stands_is_used_after_a_wait(server: Server) -> None:
    server.answers(Canned(200, {}))
    with leaving(lambda: time.sleep(2 * wire.WAITED)):
        submit(client(server))
    assert server.connections == 1


def test_tls_connections_stand_though_the_server_has_sent_tickets(tls: TLSServer) -> None:
    dialled: list[str] = []

    def note(address: str, port: int, timeout: float) -> socket.socket:
        dialled.append(address)
        return tls.dial(address, port, timeout)

    tls.answer = saying(b"{}")
    api = HttpClient("https://cdn.example.com", network=Network(resolve=public, dial=note), ca_bundle=tls.ca)
    with leaving(lambda: time.sleep(2 * wire.WAITED)):
        submit(api)
    assert len(dialled) == 1
    for _ in range(3):
        api.send("GET", "/x")
    assert len(dialled) == 2
    api.close()


def test_without_time_left_nothing_leaves(server: Server) -> None:
    server.answers(Canned(200, {}))
    let_go: list[bool] = []

    def slowly(address: str, port: int, timeout: float) -> socket.socket:
        time.sleep(0.3)
        return dial(address, port, timeout)

    with leaving(lambda: let_go.append(True)):
        error = refused(submit, client(server, total=0.2, network=Network(dial=slowly)))
    assert (error.charged, error.retryable, let_go, server.seen) == (Charged.NO, True, [], [])


@pytest.mark.parametrize("where", ["name server", "handshake"])
def test_the_deadline_holds_before_the_request(where: str) -> None:
    over = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        over.wait(10)
        return ["127.0.0.1"]

    with talking(lambda connection: (over.wait(10), None)[1]) as url:
        scheme, network = ("http", Network(resolve=silent)) if where == "name server" else ("https", Network())
        host = f"name.test:{url.rpartition(':')[2]}" if where == "name server" else url.partition("//")[2]
        times = Timeouts(connect=5, read=5, total=0.4)
        begun = time.monotonic()
        error = refused(submit, client(f"{scheme}://{host}", network=network, timeouts=times))
        assert time.monotonic() - begun < 3
        assert (error.charged, error.retryable) == (Charged.NO, True)
        over.set()


def test_what_keeps_a_request_back_carries_no_key(server: Server) -> None:
    def keep_back() -> None:
        raise ProviderError("provider_down", "not sent: the worker is ending", retryable=True)

    with leaving(keep_back):
        error = refused(submit, client(server), json={"photo": "canary-photo"})
    assert error.charged == Charged.NO
    files = {frame.f_code.co_filename.rpartition("/")[2] for frame, _ in traceback.walk_tb(error.__traceback__)}
    assert "wire.py" not in files
    assert server.seen == []
