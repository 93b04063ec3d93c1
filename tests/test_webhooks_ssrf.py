"""No row of the corpus of addresses leads the sender of webhooks into our own network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import need
from tests.providers.test_ssrf import CASES, Net, cases
from tryon import webhooks
from tryon.models import WebhookDelivery, WebhookEndpoint
from tryon.providers.wire import Network, dial
from tryon.testing import Canned, Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.answers(Canned(204))
        yield running


def heard(url: str, network: Network, monkeypatch: pytest.MonkeyPatch) -> webhooks.Heard:
    """What the sender hears. Nothing is stored, so that a thousand addresses cost a second."""
    monkeypatch.setattr(webhooks, "NETWORK", network)
    return webhooks._send(WebhookDelivery(endpoint=WebhookEndpoint(url=url), event="webhook.test", body="{}"))


@pytest.mark.parametrize("https", [False, True], ids=["as it is", "https"])
def test_addresses(https: bool, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    need(CASES, "the corpus of addresses")
    tried = 0
    for case in cases():
        if case["redirect"] or case["cls"] == "result-host-allowlist":
            continue
        url = case["url"].replace("http://", "https://", 1) if https else case["url"]
        net = Net(case["dns"], server)
        said = heard(url, net.network, monkeypatch)
        assert said.status == 0, case
        if case["expect"] == "allow":
            assert net.dialled, (case, said)
        elif case["cls"] == "rebinding":  # the first answer is public, and is what is dialled
            assert net.dialled in ([], ["93.184.216.34"]), case
            assert len(net.asked) <= 1, case
        else:
            assert "refused" in said.words or "not called" in said.words, (case, said)
            assert net.dialled == [], case
        tried += 1
    assert tried > 80
    assert server.connections == 0


def test_redirects(server: Server, monkeypatch: pytest.MonkeyPatch, tryon_settings: Callable[..., None]) -> None:
    """Even where a development setting allows loopback: none is followed."""
    need(CASES, "the corpus of addresses")
    tryon_settings(ALLOW_PRIVATE_HOSTS=True)

    def there(address: str, port: int, timeout: float) -> socket.socket:
        return dial("127.0.0.1", server.port, timeout)

    network = Network(resolve=lambda host, port: ["93.184.216.34"], dial=there)
    found: list[Any] = [case for case in cases() if case["redirect"]]
    for case in found:
        server.answers(Canned(302, headers={"Location": case["redirect"][0].replace("\r\n", "%0d%0a ")}))
        said = heard(f"http://public.test:{server.port}/x", network, monkeypatch)
        assert "redirect" in said.words, case
        assert len(server.seen) == 1
    assert found
