"""The one HTTP client, against a real server that misbehaves on the wire."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import socket
import ssl
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from tests.providers.over_http import KEY, TLSServer, client, public, refused
from tryon.images.picture import MEGABYTE
from tryon.providers import answers, http, ssrf
from tryon.providers.answers import NotUnderstood, clean, parse_json
from tryon.providers.base import Charged, ProviderError
from tryon.providers.http import HttpClient, Secret, Timeouts, fetch
from tryon.providers.wire import KeptConnections, Network, dial
from tryon.testing import Canned, Server, serving

# ---------------------------------------------------------------- what is sent


def test_a_request_goes_out_as_written(server: Server) -> None:
    server.answers(Canned(200, {"id": "a"}))
    answer = client(f"{server.url}/prefix/").send(
        "POST", "/v1/run", json={"a": 1}, query={"webhook_url": "https://x/?t=1"}
    )
    seen = server.last
    assert (seen.method, seen.path, seen.query) == ("POST", "/prefix/v1/run", {"webhook_url": "https://x/?t=1"})
    assert seen.json == {"a": 1}
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["user-agent"].startswith("django-tryon/")
    assert seen.headers["accept-encoding"] == "identity"
    assert answer.json() == {"id": "a"}


def test_files_are_sent_as_multipart(server: Server) -> None:
    server.answers(Canned(200, {}))
    client(server).send(
        "POST", "/x", fields={"prompt": "a b"}, files={"image": ("image.jpg", b"\xff\xd8", "image/jpeg")}
    )
    assert server.last.form == {"prompt": "a b", "image": b"\xff\xd8"}


def test_the_environment_is_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password x\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers(Canned(200, {}))
    client(server, key=None).send("GET", "/x")
    assert "authorization" not in server.last.headers


def test_questions_share_a_connection_and_paid_calls_have_their_own(server: Server) -> None:
    server.answers(Canned(200, {}))
    api = client(server)
    for _ in range(3):
        api.send("GET", "/x")
    assert server.connections == 1
    api.send("POST", "/x", paid=True)
    assert server.connections == 2
    api.close()


# ---------------------------------------------------------------- what can go wrong, and whether it was paid


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def failing_resolver(host: str, port: int) -> list[str]:
    raise socket.gaierror(-2, "Name or service not known")


def black_hole(address: str, port: int, timeout: float) -> socket.socket:
    """Every address leads to a listener whose queue is full: connecting never ends."""
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    try:
        for _ in range(3):
            filler = socket.socket()
            fillers.append(filler)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        return dial("127.0.0.1", full.getsockname()[1], timeout)
    finally:
        for sock in (*fillers, full):
            sock.close()


@pytest.mark.parametrize(
    ("url", "network"),
    [
        (f"http://127.0.0.1:{closed_port()}", Network()),
        ("http://api.example.com", Network(resolve=failing_resolver)),
        ("http://api.example.com", Network(resolve=lambda host, port: ["127.0.0.1"], dial=black_hole)),
    ],
    ids=["refused", "no such name", "connect timeout"],
)
def test_what_never_arrived_was_not_paid(url: str, network: Network) -> None:
    started = time.monotonic()
    api = client(url, network=network, timeouts=Timeouts(connect=0.3, read=5, total=5))
    error = refused(api.send, "POST", "/x", json={}, paid=True)
    assert (error.code, error.retryable, error.charged) == ("provider_down", True, Charged.NO)
    assert time.monotonic() - started < 3


def test_a_certificate_that_is_not_trusted_stops_before_anything_is_sent(tls: TLSServer) -> None:
    api = client(f"https://127.0.0.1:{tls.port}")
    error = refused(api.send, "POST", "/x", json={}, paid=True)
    assert (error.retryable, error.charged) == (True, Charged.NO)
    assert tls.requests == []


@pytest.mark.parametrize(
    "canned",
    [
        Canned(200, {"id": "a"}, delay=30),
        Canned(200, {"id": "a" * 100}, drip=0.1),
        Canned(200, {"id": "a"}, drip=0.1, drip_headers=True),
        Canned(200, {"id": "pred"}, cut=5),
        Canned(drop=True),
        Canned(200, b"{}", length=999_999, cut=2),
        Canned(200, endless=True),
        Canned(200, {}, headers={f"X-{n}": "x" for n in range(200)}),
        Canned(200, {}, headers={"X-Long": "x" * 100_000}),
    ],
    ids=["silence", "drip", "drip in headers", "cut", "dropped", "short", "endless", "many headers", "long header"],
)
def test_what_may_have_arrived_may_have_been_paid_and_is_sent_once(server: Server, canned: Canned) -> None:
    server.answers(canned)
    started = time.monotonic()
    error = refused(client(server, total=0.7).send, "POST", "/x", json={"photo": "…"}, paid=True)
    assert time.monotonic() - started < 3
    assert (error.retryable, error.charged) == (False, Charged.UNKNOWN)
    assert len(server.seen) == 1
    error = refused(client(server, total=0.7).send, "GET", "/x")
    assert (error.retryable, error.charged) == (True, Charged.NO)


def test_silence_is_noticed_before_the_deadline(server: Server) -> None:
    server.answers(Canned(200, {}, delay=30))
    started = time.monotonic()
    error = refused(client(server, total=20, read=0.3).send, "GET", "/x")
    assert error.code == "timed_out"
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_redirect_is_never_followed(server: Server, status: int, method: str) -> None:
    server.answers(Canned(status, headers={"Location": f"{server.url}/elsewhere"}))
    error = refused(client(server).send, method, "/x", paid=method == "POST")
    assert error.charged == (Charged.UNKNOWN if method == "POST" else Charged.NO)
    assert [seen.path for seen in server.seen] == ["/x"]


def test_an_inner_address_is_not_called(server: Server) -> None:
    api = HttpClient("https://api.example.com", network=Network(resolve=lambda host, port: ["127.0.0.1"]))
    error = refused(api.send, "POST", "/x", json={}, paid=True)
    assert (error.code, error.retryable, error.charged) == ("config", False, Charged.NO)
    assert server.connections == 0
    with pytest.raises(ssrf.Refused):
        HttpClient("http://api.example.com")


def test_answers_have_a_largest_size(server: Server) -> None:
    server.answers(Canned(200, b"x" * 2000))
    error = refused(client(server).send, "POST", "/x", max_bytes=1999, paid=True)
    assert "more than 1999 bytes" in error.detail
    assert len(client(server).send("GET", "/x", max_bytes=2000).data) == 2000


def test_packed_answers(server: Server) -> None:
    server.answers(Canned(200, gzip.compress(b'{"id":"a"}'), {"Content-Encoding": "gzip"}))
    assert client(server).send("GET", "/x").json() == {"id": "a"}
    bomb = gzip.compress(b"0" * 60_000_000)
    server.answers(Canned(200, bomb, {"Content-Encoding": "gzip"}))
    assert "when unpacked" in refused(client(server).send, "GET", "/x").detail
    server.answers(Canned(200, bomb[:1000], {"Content-Encoding": "gzip"}))
    assert refused(client(server).send, "GET", "/x", max_bytes=10_000_000).detail.endswith("cut gzip")
    server.answers(Canned(200, b"x", {"Content-Encoding": "br"}))
    assert "not asked for" in refused(client(server).send, "GET", "/x").detail


def test_threads_do_not_share_connections(server: Server) -> None:
    server.answers(Canned(200, {"ok": True}, delay=0.05))
    api = client(server)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(api.send("GET", "/x").json())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [{"ok": True}] * 8


def test_questions_keep_their_connection_and_what_is_paid_has_one_of_its_own(server: Server) -> None:
    server.answers(Canned(200, {"ok": True}))
    api = client(server)
    for method in ("GET", "GET", "POST", "GET", "POST", "GET"):
        api.send(method, "/x", paid=method == "POST")
    assert server.connections == 3
    api.close()
    api.send("GET", "/x")
    assert server.connections == 4


def test_a_kept_connection_that_the_other_side_closed_is_replaced() -> None:
    closed = threading.Event()

    def serve(listening: socket.socket) -> None:
        for _ in range(2):
            with listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=[listening], daemon=True).start()
        api = client(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert api.send("GET", "/x").json() is True
        assert closed.wait(10)
        assert api.send("GET", "/x").json() is True
        api.close()


# ---------------------------------------------------------------- keys


def test_a_secret_does_not_show() -> None:
    secret = Secret(KEY)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        "{} {!r}".format(*[secret] * 2),
        repr({"k": secret}),
    ]
    assert not any(KEY in text for text in shown)
    assert secret.reveal() == KEY


def test_errors_and_logs_hold_no_key(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api = client(server, total=0.5)
    for canned in (Canned(drop=True), Canned(200, {}, delay=9), Canned(307, headers={"Location": "/x"})):
        server.answers(canned)
        error = refused(api.send, "POST", "/x", json={"photo": "canary-photo"}, paid=True)
        told = "".join(traceback.format_exception(error)) + repr(error.__dict__) + repr(error.__context__)
        assert KEY not in told
        assert "canary-photo" not in told
        assert error.__context__ is None
    assert KEY not in caplog.text
    assert KEY not in repr(api)
    assert KEY not in repr(vars(api))


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "data",
    [
        b"", b"nope", b"<html>", b'{"a":1', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}',
        b'{"a":1,"a":2}', b'{"b":{"a":1,"a":2}}', b'"\xff"', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000,
        "{}".encode("utf-16"), b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_odd_json_is_not_understood(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_json(data)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 101 + b"]" * 101, b'["[",' * 101])
def test_deep_nesting_is_refused_before_it_is_parsed(data: bytes) -> None:
    with pytest.raises(NotUnderstood, match="nested"):
        parse_json(data)


@pytest.mark.parametrize(
    "value",
    [
        [[]] * 500,
        {"a": "[" * 500},
        ['{"\\[' * 500, [["]"]]],
        {'{"': [{"}": "\\"}] * 60},
        json.loads("[" * 100 + "]" * 100),
    ],
)
def test_wide_json_and_brackets_in_text_are_understood(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


def test_too_many_values_are_refused_before_they_are_made() -> None:
    """Fourteen megabytes of empty lists would take 345 of memory."""
    with pytest.raises(NotUnderstood, match="too many"):
        parse_json(b"[" + b"[]," * 200_000 + b"[]]")


def test_depth_is_told_in_linear_time() -> None:
    """A scan that looks for the end of a string again from each quote in it would take hours."""
    with pytest.raises(NotUnderstood, match="not JSON"):
        parse_json(b"[]" * 200 + b'"\\' * MEGABYTE)


@pytest.mark.parametrize(
    "value", [None, 1, "", ".", "..", "a/b", "a b", "a\n", "é", "x" * 129, "a%2f", "../a", {"a": 1}]
)
def test_odd_job_ids_are_refused(value: Any) -> None:
    with pytest.raises(NotUnderstood):
        answers.job_id(value)


@pytest.mark.parametrize("value", ["123a87r9-4129-4bb3-be18-9c9fb5bd7fc1-u1", "a", "x" * 128, "a.b:c_d-e"])
def test_job_ids(value: str) -> None:
    assert answers.job_id(value) == value


def test_words_of_a_provider_are_cleaned() -> None:
    text = f"<script>alert(1)</script>\r\nSee https://evil.test/?t=1 data:image/png;base64,{'A' * 99} key {KEY} \u202e"
    told = clean(text, secret=KEY)
    assert not any(bad in told for bad in ("<", ">", "http", "AAAA", KEY, "\n", "\u202e"))
    assert told.startswith("script alert(1) /script See …")
    assert len(clean("word " * 1000)) == answers.LONGEST_DETAIL
    assert clean({"a": 1}) == ""
    assert clean("\ud800 bad").encode() == b"bad"


def test_how_long_to_stay_away() -> None:
    def wait(**headers: str) -> int | None:
        return answers.Answer(429, {name.replace("_", "-"): value for name, value in headers.items()}, b"").retry_after

    assert wait(retry_after="30") == 30
    assert wait(retry_after="Fri, 31 Dec 2099 23:59:59 GMT") == answers.LONGEST_WAIT
    assert wait(retry_after="Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert wait(retry_after="99999") == answers.LONGEST_WAIT
    assert wait(retry_after="soon") is None
    assert wait(retry_after="Fri, 31 Dec 2099 23:59:59 +99999999999999") is None
    assert wait(retry_after="Fri, 31 Dec 99999999999999999999 23:59:59 GMT") is None
    assert wait(retry_after="nan", x_ratelimit_reset="12") == 12
    assert wait(x_ratelimit_reset=str(int(time.time()) + 50)) in (49, 50, 51)
    assert wait() is None


def test_base64_pictures() -> None:
    for text in ("/9j/", "data:image/jpeg;base64,/9j/", "/9\nj/\r\n"):
        assert answers.picture_bytes(text) == b"\xff\xd8\xff"
    for bad in ("", "@@@", "abc", None, 7, "data:image/png;base64,", "data:,", "/9j/é"):
        with pytest.raises(NotUnderstood):
            answers.picture_bytes(bad)


# ---------------------------------------------------------------- fetch


def get(url: str, **more: Any) -> bytes:
    return fetch(url, **{"allowed_hosts": None, "max_bytes": 1000, "deadline": 3, "allow_private_hosts": True, **more})


def test_files_of_one_server_come_over_one_connection(server: Server) -> None:
    server.answers(Canned(200, b"file"))
    assert [get(f"{server.url}/{number}.jpg") for number in range(3)] == [b"file"] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    "odd", [Canned(404, b"gone"), Canned(200, b"x" * 2000), Canned(302, b"there", headers={"Location": "/b.jpg"})]
)
def test_an_answer_that_is_not_read_whole_costs_its_connection(server: Server, odd: Canned) -> None:
    """What is left of it must not be taken for the next answer."""
    server.answers(odd, Canned(200, b"file"))
    with contextlib.suppress(ProviderError):
        get(f"{server.url}/a.jpg")
    assert get(f"{server.url}/c.jpg") == b"file"
    assert server.connections == 2


def test_a_connection_that_the_other_side_has_closed_is_opened_anew(server: Server) -> None:
    server.answers(Canned(200, b"file", headers={"Connection": "close"}))
    assert [get(f"{server.url}/{number}.jpg") for number in range(2)] == [b"file"] * 2
    assert server.connections == 2


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads; they are the server's
def test_a_forked_process_has_connections_of_its_own(server: Server) -> None:
    """Two that read from one socket would get each other's answers."""
    server.answers(Canned(200, b"file"))
    get(f"{server.url}/a.jpg")
    child = os.fork()
    if not child:
        try:
            os._exit(int(get(f"{server.url}/b.jpg") != b"file"))
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert server.connections == 2
    get(f"{server.url}/c.jpg")
    assert server.connections == 2


def test_a_thread_stays_connected_to_a_few_places_only() -> None:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serving()) for _ in range(KeptConnections.MOST + 1)]
        for one in [*servers, *reversed(servers)]:
            one.answers(Canned(200, b"file"))
            assert get(f"{one.url}/a.jpg") == b"file"
        assert [one.connections for one in servers] == [2, *([1] * KeptConnections.MOST)]


def test_nobody_uses_a_connection_to_where_they_may_not_go(tls: TLSServer) -> None:
    """An inner address was fine for who opened it."""
    network = Network(resolve=lambda host, port: ["10.0.0.7"], dial=tls.dial)
    url = "https://cdn.example.com/a.jpg"
    assert get(url, network=network, ca_bundle=tls.ca) == b"file"
    error = refused(get, url, network=network, ca_bundle=tls.ca, allow_private_hosts=False)
    assert error.detail == "the address of the file was refused: the address is not public"


def test_a_file_is_fetched_from_the_checked_address_under_its_own_name(tls: TLSServer) -> None:
    dialled: list[str] = []

    def note(address: str, port: int, timeout: float) -> socket.socket:
        dialled.append(f"{address}:{port}")
        return tls.dial(address, port, timeout)

    url = "https://CDN.example.com/%E2%9C%93/a%2fb.jpg?sig=a%2Fb%7e&x=1"
    network = Network(resolve=public, dial=note)
    assert (
        get(url, network=network, ca_bundle=tls.ca, allow_private_hosts=False, allowed_hosts=["*.example.com"])
        == b"file"
    )
    assert dialled == ["93.184.216.34:443"]
    assert tls.names == ["cdn.example.com"]
    head = tls.requests[0].decode().split("\r\n")
    assert head[0] == "GET /%E2%9C%93/a%2fb.jpg?sig=a%2Fb%7e&x=1 HTTP/1.1"
    assert "Host: cdn.example.com" in head


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_api_is_known_by_its_certificate(tls: TLSServer, method: str) -> None:
    network, body = Network(resolve=public, dial=tls.dial), b"{}" if method == "POST" else None
    api = HttpClient("https://cdn.example.com", network=network, ca_bundle=tls.ca)
    assert api.send(method, "/x", body=body, paid=True).data == b"file"
    assert tls.names == ["cdn.example.com"]
    tls.requests.clear()
    for url, ca in (("https://other.example.com", tls.ca), ("https://cdn.example.com", "")):
        stranger = HttpClient(url, network=network, ca_bundle=ca)
        assert refused(stranger.send, method, "/x", body=body, paid=True).charged == Charged.NO
    assert tls.requests == []


def test_certificates_are_read_once_for_all_requests(tls: TLSServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle takes longer to read than all the rest of a job."""
    read: list[Any] = []
    load = ssl.SSLContext.load_verify_locations

    def note(context: ssl.SSLContext, *places: Any, **more: Any) -> None:
        read.append(places)
        load(context, *places, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    api = HttpClient("https://cdn.example.com", network=Network(resolve=public, dial=tls.dial), ca_bundle=tls.ca)
    for _ in range(3):
        api.send("POST", "/x", body=b"{}")
    assert len(read) == 1


def test_a_certificate_for_another_name_is_refused(tls: TLSServer) -> None:
    network = Network(resolve=public, dial=tls.dial)
    for url, ca in (("https://other.example.com/x", tls.ca), ("https://cdn.example.com/x", "")):
        error = refused(get, url, network=network, ca_bundle=ca, allow_private_hosts=False)
        assert error.retryable
    assert tls.requests == []


def test_redirects_stay_on_the_host(server: Server) -> None:
    def answer(location: str, status: int = 302) -> Canned:
        return Canned(status, headers={"Location": location})

    server.answers(answer("/b"), answer(f"{server.url}/c", 307), answer("d"), Canned(200, b"there"))
    assert get(f"{server.url}/a") == b"there"
    assert [seen.path for seen in server.seen] == ["/a", "/b", "/c", "/d"]
    server.answers(answer("/again"))
    assert "too many redirects" in refused(get, f"{server.url}/a").detail
    assert len(server.seen) == http.MAX_REDIRECTS + 1
    for location in (
        f"http://localhost:{server.port}/x",
        "//example.com/",
        "file:///etc/passwd",
        "",
        "/a b",
        "\\\\x\\y",
    ):
        server.answers(answer(location))
        error = refused(get, f"{server.url}/a")
        assert (error.retryable, error.charged) == (False, Charged.YES), location
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("canned", "retryable"),
    [
        (Canned(403, b"AccessDenied: Request has expired"), True),
        (Canned(404), True),
        (Canned(410), True),
        (Canned(500), True),
        (Canned(429), True),
        (Canned(400), False),
        (Canned(204), False),
        (Canned(200, b"x" * 1001), False),
        (Canned(200, endless=True), False),
        (Canned(200, b"x" * 500, cut=100), True),
        (Canned(200, b"x", length=999_999, cut=1), True),
        (Canned(200, b"x" * 100, drip=0.1), True),
        (Canned(200, b"x", delay=30), True),
        (Canned(drop=True), True),
        (Canned(200, gzip.compress(b"x"), {"Content-Encoding": "gzip"}), False),
    ],
)
def test_a_paid_file_that_does_not_come(server: Server, canned: Canned, retryable: bool) -> None:
    server.answers(canned)
    started = time.monotonic()
    error = refused(get, f"{server.url}/token-canary.jpg?sig=canary", deadline=0.7)
    assert time.monotonic() - started < 3
    assert (error.code in ("provider_down", "timed_out"), error.retryable, error.charged) == (
        True,
        retryable,
        Charged.YES,
    )
    assert "canary" not in "".join(traceback.format_exception(error))
    assert error.__context__ is None


def test_the_host_must_be_on_the_list(server: Server) -> None:
    for hosts in ((), ("cdn.fashn.ai",), ("*.127.0.0.1",)):
        assert "not one that" in refused(get, f"{server.url}/x", allowed_hosts=hosts).detail
    assert server.connections == 0
    server.answers(Canned(200, b"x"))
    assert get(f"{server.url}/x", allowed_hosts=("127.0.0.1",)) == b"x"
