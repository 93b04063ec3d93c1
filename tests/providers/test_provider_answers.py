"""The corpus of answers that providers give on bad days: each is classified as it is listed."""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import SHARED, need
from tests.providers.fakes import jpeg
from tests.providers.test_http import black_hole, failing_resolver
from tryon.choices import Category, Operation, ProviderStatus
from tryon.errors import NextStep
from tryon.providers.base import Charged, Output, ProviderError, TryOnRequest, Update
from tryon.providers.fashn import FashnProvider
from tryon.providers.hosted import HostedProvider
from tryon.providers.http import HttpClient, Timeouts
from tryon.providers.pebblely import PebblelyProvider
from tryon.providers.pixelcut import PixelcutProvider
from tryon.providers.wire import Network
from tryon.runner import delivery
from tryon.testing import GARMENT, PERSON, Canned, Server

CORPUS = SHARED / "hostile" / "provider_answers.jsonl"
JOB = "pred_1"
KEY = "sk_canary"
MATTERS_OF_THE_ROW = {
    "p041": "whether another job has the same id, only the database can tell",
    "p053": "a row that has succeeded is over; see MOVES",
    "p079": "the pictures are compared where both are at hand",
    "p081": "the disk is the runner's",
}


def rows(stage: str) -> list[Any]:
    found = [json.loads(line) for line in CORPUS.read_text().splitlines()] if CORPUS.exists() else []
    return [
        pytest.param(row, id=f"{row['id']}-{row['name'][:40]}")
        for row in found
        if row["stage"] == stage and row["id"] not in MATTERS_OF_THE_ROW
    ]


def png_bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 60001 * 50)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


GENERATED: dict[str, Callable[[], bytes]] = {
    "long_id": lambda: json.dumps({"id": "x" * 4096, "error": None}).encode(),
    "deep_json": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "svg_script": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "jpeg": lambda: jpeg(300, 300),
    "png_bomb": png_bomb,
    "jpeg_html": lambda: jpeg(300, 300) + b"<html><script>alert(1)</script></html>",
    "endless": lambda: b"",
}


def canned(row: dict[str, Any]) -> Canned:
    timing = row["timing"]
    body = GENERATED[row["body_gen"]]() if row["body_gen"] else (row["body"] or "").encode()
    headers = {"-".join(part.title() for part in name.split("-")): value for name, value in row["headers"].items()}
    length = int(headers.pop("Content-Length", len(body)))
    early = timing.get("close_early") or length != len(body)
    return Canned(
        row["status"],
        body,
        headers,
        delay=9 if "delay_ms" in timing else 0,
        drip=0.3 if "byte_every_ms" in timing else 0,
        cut=len(body) if early else None,
        length=length if length != len(body) else len(body) + 20 if early else None,
        endless=row["body_gen"] == "endless",
    )


def provider_for(row: dict[str, Any], server: Server) -> HostedProvider:
    body = row["body"] or ""
    backend = PixelcutProvider if "error_code" in body else PebblelyProvider if '"data"' in body else FashnProvider
    provider = backend(api_key=KEY, base_url=server.url, allow_private_hosts=True, timeout=1)
    timing = row["timing"]
    if "dns_fail" in timing or "blackhole" in timing:
        broken = Network(resolve=failing_resolver)
        if "blackhole" in timing:
            broken = Network(resolve=lambda host, port: ["127.0.0.1"], dial=black_hole)
        provider.client = HttpClient(
            "http://api.example.com", timeouts=Timeouts(0.3, 1, 1), allow_private_hosts=True, network=broken
        )
    return provider


def ask(provider: HostedProvider) -> ProviderError | str | None:
    operation = next(iter(provider.capabilities))
    request = TryOnRequest(operation=operation, person=PERSON, garment=GARMENT, category=Category.UPPER)
    try:
        return provider.submit(request).job_id
    except ProviderError as error:
        return error


@pytest.mark.skipif(not CORPUS.exists(), reason=f"NOT RUN: the corpus of answers is not at {CORPUS}")
@pytest.mark.parametrize("row", rows("submit"))
def test_submit(row: dict[str, Any], server: Server) -> None:
    server.answers(canned(row))
    outcome = ask(provider_for(row, server))
    assert len(server.posts) <= 1
    expect = row["expect"]
    if expect == "accepted":
        assert outcome == JOB
        return
    assert isinstance(outcome, ProviderError)
    seen = (outcome.retryable, outcome.charged)
    if row["charged"] in ("no", "unknown"):
        assert outcome.charged == row["charged"]
    if expect in ("ambiguous", "failed_protocol", "refuse_redirect"):
        assert seen == (False, Charged.UNKNOWN)
    elif expect in ("retry", "retry_after", "retry_when_slot_free"):
        assert seen == (True, Charged.NO)
        assert (outcome.retry_after is not None) == (expect == "retry_after")
        assert (outcome.retry_after or 0) <= 600
    elif expect in ("out_of_credits", "config_error"):
        assert (outcome.code, outcome.retryable) == ("config", False)
        assert ("out of credits" in outcome.detail) == (expect == "out_of_credits")
    elif expect == "input_error":
        assert (outcome.spec.next_step, outcome.retryable) == (NextStep.OTHER_PHOTO, False)
    elif expect == "blocked":
        assert outcome.code == "content_blocked"
    else:
        assert (expect, outcome.code) == ("provider_down", "provider_down")


@pytest.mark.skipif(not CORPUS.exists(), reason=f"NOT RUN: the corpus of answers is not at {CORPUS}")
@pytest.mark.parametrize("row", rows("status"))
def test_status(row: dict[str, Any], server: Server) -> None:
    server.answers(canned(row))
    outcome: Update | ProviderError
    try:
        outcome = provider_for(row, server).poll(JOB, operation=Operation.TRY_ON)
    except ProviderError as error:
        outcome = error
    expect = row["expect"]
    if expect in ("keep_polling", "retry_after"):
        assert isinstance(outcome, ProviderError)
        assert outcome.retryable
        assert (outcome.retry_after == 3) == (expect == "retry_after")
    elif expect == "failed":
        assert isinstance(outcome, Update)
        assert outcome.status == ProviderStatus.FAILED
        assert outcome.error is not None
        assert "<" not in outcome.error.detail
    else:
        assert isinstance(outcome, ProviderError)
        assert (expect, outcome.retryable, outcome.charged) == ("failed_protocol", False, Charged.YES)


@pytest.mark.skipif(not CORPUS.exists(), reason=f"NOT RUN: the corpus of answers is not at {CORPUS}")
@pytest.mark.parametrize("row", rows("result"))
def test_result(row: dict[str, Any], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FETCH_SECONDS", 2.0)
    server.answers(canned(row))
    provider = provider_for(row, server)
    if "json" in row["headers"].get("content-type", ""):
        outcome: Any = ask(provider)
    else:
        outcome = delivered(provider, f"{server.url}/o.png")
    expect = row["expect"]
    if expect == "ok_reencoded":
        assert [(stored.width, stored.height) for stored in outcome] == [(300, 300)]
        delivery.discard(outcome)
        return
    assert isinstance(outcome, ProviderError)
    assert (outcome.code, outcome.charged) == ("provider_down", Charged.YES)
    if expect in ("refetch_url_then_fail", "retry"):
        assert outcome.retryable
    else:
        assert expect == "failed_protocol"


def delivered(provider: HostedProvider, url: str) -> Any:
    try:
        return delivery.deliver(uuid.uuid4(), 1, [Output(url=url)], provider=provider)
    except ProviderError as error:
        return error


def test_the_corpus_is_there() -> None:
    need(CORPUS, "the corpus of answers")
    assert len(rows("submit")) >= 20
    assert len(rows("status")) >= 5
    assert len(rows("result")) >= 7
