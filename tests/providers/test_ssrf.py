"""No address that we were told by somebody else leads into our own network."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import SHARED, need
from tryon.providers import ssrf
from tryon.providers.base import ProviderError
from tryon.providers.http import fetch
from tryon.providers.wire import Network, dial
from tryon.testing import Canned, Server

CASES = SHARED / "hostile" / "ssrf_urls.jsonl"
HOSTS = (
    "cdn.fashn.ai",
    "assets.pixelcut.app",
    "public.test",
    "*.public.test",
    "2606:2800:220:1:248:1893:25c8:1946",
)
LOCAL_NAMES = {"localhost": ["127.0.0.1", "::1"], "ip6-localhost": ["::1"], "metadata": ["169.254.169.254"]}


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CASES.read_text().splitlines()] if CASES.exists() else []


class Net:
    """Answers names as a case says, in turn where it says so, and notes what would be dialled."""

    def __init__(self, dns: Any, canary: Server) -> None:
        self.rounds = dns if dns and isinstance(dns[0], list) else [dns] * 50 if dns else []
        self.canary = canary
        self.asked: list[str] = []
        self.dialled: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if self.rounds:
            return list(self.rounds[min(len(self.asked), len(self.rounds)) - 1])
        if host in LOCAL_NAMES:
            return LOCAL_NAMES[host]
        # as a resolver that reads every form of an address would
        return [socket.inet_ntoa(socket.inet_aton(host))] if _is_aton(host) else ["93.184.216.34"]

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append(address)
        if ssrf.is_public(address):
            raise ConnectionRefusedError("a public address, not reached in tests")
        return dial("127.0.0.1", self.canary.port, timeout)

    @property
    def network(self) -> Network:
        return Network(resolve=self.resolve, dial=self.dial)


def _is_aton(host: str) -> bool:
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def ways() -> Iterator[Any]:
    """Each case as an address that staff gave, as a result's, and with https in front so that no scheme saves us."""
    for case in cases():
        if case["redirect"]:
            continue
        for way in ("by staff", "result", "https"):
            if way == "result" or case["cls"] != "result-host-allowlist":
                yield pytest.param(case, way, id=f"{case['id']}-{case['cls']}-{way}")


@pytest.mark.skipif(not CASES.exists(), reason=f"NOT RUN: the corpus of addresses is not at {CASES}")
@pytest.mark.parametrize(("case", "way"), ways())
def test_case(case: dict[str, Any], way: str, server: Server) -> None:
    server.answers(Canned(200, b"secrets"))
    url = case["url"].replace("http://", "https://", 1) if way == "https" else case["url"]
    net = Net(case["dns"], server)
    with pytest.raises(ProviderError) as caught:
        fetch(
            url,
            allowed_hosts=HOSTS if way == "result" else None,
            max_bytes=1000,
            deadline=5,
            network=net.network,
        )
    if case["expect"] == "allow":
        assert net.dialled, "a good address was refused"
    elif case["cls"] == "rebinding":
        # the first answer is public and is what gets dialled; the second is never asked for
        assert net.dialled in ([], ["93.184.216.34"])
        assert len(net.asked) <= 1
    else:
        assert "refused" in caught.value.detail or "not called" in caught.value.detail
        assert net.dialled == []
    assert server.connections == 0


@pytest.mark.skipif(not CASES.exists(), reason=f"NOT RUN: the corpus of addresses is not at {CASES}")
@pytest.mark.parametrize("case", [case for case in cases() if case["redirect"]], ids=lambda case: case["id"])
def test_redirects_of_the_corpus(case: dict[str, Any], server: Server) -> None:
    """Over http on loopback, as a development setting would allow it: even then only the same host is gone to."""
    start = f"http://public.test:{server.port}/x.jpg"
    hops = [hop.replace("https://public.test/", f"http://public.test:{server.port}/") for hop in case["redirect"]]
    server.answers(
        *[Canned(302, headers={"Location": hop.replace("\r\n", "%0d%0a ")}) for hop in hops], Canned(200, b"x")
    )
    dialled: list[tuple[str, int]] = []

    def note(address: str, port: int, timeout: float) -> socket.socket:
        dialled.append((address, port))
        return dial("127.0.0.1", server.port, timeout)

    network = Network(resolve=lambda host, port: ["93.184.216.34"], dial=note)
    with pytest.raises(ProviderError):
        fetch(
            start, allowed_hosts=["public.test"], max_bytes=100, deadline=5, allow_private_hosts=True, network=network
        )  # fmt: skip
    assert set(dialled) == {("93.184.216.34", server.port)}
    assert len(server.seen) <= 4


def test_the_corpus_is_there() -> None:
    assert len(need(CASES, "the corpus of addresses").read_text().splitlines()) >= 100


def effective() -> Iterator[str]:
    for case in cases():
        if case["expect"] == "block" and case["stage"] == "connect" and case["cls"] != "dns":
            yield from case["effective_ips"]


@pytest.mark.parametrize("address", sorted(set(effective())))
def test_inner_addresses_of_the_corpus(address: str) -> None:
    assert not ssrf.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16", "169.254.169.254",
        "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.19.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:7f00:1", "::ffff:0:7f00:1", "::ffff:8.8.8.8", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:20::1", "2002:a00:1::", "3fff::1", "5f00::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "not an address", "",
    ],
)  # fmt: skip
def test_inner_addresses(address: str) -> None:
    assert not ssrf.is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "168.63.129.17", "2606:2800:220:1::1", "2a00:1450::1"],
)
def test_public_addresses(address: str) -> None:
    assert ssrf.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://a b.test/", "https://a.test/\r\nX: y", "https://a.test\\@b.test/", "https://user@a.test/",
        "https://user:pass@a.test/", "https://a.test#@b.test/", "https://a.test/#x", "https://a.test./", "https://.a.test/",
        "https://a..test/", "https://-a.test/", "https://a-.test/", "https://1.2.3/", "https://1.2.3.4.5/",
        "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://1.2.3.0x4/", "https://2130706433/", "https://[::1%25lo]/",
        "https://[127.0.0.1]/", "https://[::1/", "https://a.test:443x/", "https://a.test:/", "https://a.test:0/",
        "https://é.test/", "https://a%2e.test/", "https:a.test/", "https:///a.test/", "//a.test/", "a.test/x",
        f"https://a.test/{'x' * 5000}", f"https://{'a' * 64}.test/", f"https://{'a.' * 130}test/", "https://a.test/<x>",
    ],
)  # fmt: skip
def test_what_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ssrf.Refused) as caught:
        ssrf.parse(url, any_port=True, plain=True)
    assert url not in str(caught.value)


def test_parts_of_an_address() -> None:
    assert ssrf.parse("HTTPS://CDN.Fashn.AI/a/b.png?x=%2F") == ssrf.Target(
        "https", "cdn.fashn.ai", 443, "/a/b.png?x=%2F"
    )
    assert ssrf.parse("https://a.test?x=1").path == "/?x=1"
    assert ssrf.parse("https://[2606:2800:220:1:0:0:0:1]").host == "2606:2800:220:1::1"
    assert ssrf.parse("http://a.test:8000/x", plain=True, any_port=True).port == 8000
    assert ssrf.parse("https://xn--bcher-kva.test/").host == "xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("cdn.fashn.ai", True),
        ("a.pixelcut.app", True),
        ("a.b.pixelcut.app", True),
        ("pixelcut.app", False),
        ("evilpixelcut.app", False),
        ("cdn.fashn.ai.evil.test", False),
        ("x.cdn.fashn.ai", False),
        ("", False),
    ],
)
def test_host_patterns(host: str, allowed: bool) -> None:
    assert ssrf.host_allowed(host, ("CDN.fashn.ai", "*.pixelcut.app")) == allowed


def test_one_bad_address_spoils_them_all() -> None:
    with pytest.raises(ssrf.Refused):
        ssrf.addresses("a.test", 443, resolve=lambda host, port: ["8.8.8.8", "10.0.0.5"])
    with pytest.raises(ssrf.Refused):
        ssrf.addresses("a.test", 443, resolve=lambda host, port: [])
    assert ssrf.addresses("a.test", 443, resolve=lambda host, port: ["10.0.0.5"], allow_private=True) == ["10.0.0.5"]
    assert ssrf.system_resolver("localhost", 80)
