"""Our adapters against the sandbox: both were written from the providers' documents, by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.fakes import jpeg
from tryon.choices import Category, Operation
from tryon.images.probe import probe
from tryon.providers.base import Charged, ProviderError, TryOnRequest
from tryon.providers.fashn import FashnProvider
from tryon.providers.hosted import HostedProvider
from tryon.providers.http import fetch
from tryon.providers.pebblely import PebblelyProvider
from tryon.providers.pixelapi import PixelAPIProvider
from tryon.providers.pixelcut import PixelcutProvider
from tryon.providers.superstyle import SuperStyleProvider
from tryon.sandbox import Sandbox

ADAPTERS: dict[str, type[HostedProvider]] = {
    "fashn": FashnProvider,
    "pixelcut": PixelcutProvider,
    "pixelapi": PixelAPIProvider,
    "superstyle": SuperStyleProvider,
    "pebblely": PebblelyProvider,
}
NEEDED: dict[tuple[str, Operation], dict[str, Any]] = {
    ("fashn", Operation.GENERATE_IMAGE): {"prompt": "a model on a beach"},
    ("pixelapi", Operation.GENERATE_IMAGE): {"model": "sdxl", "prompt": "a linen shirt"},
    ("pixelapi", Operation.GENERATE_AUDIO): {"prompt": "soft waves"},
    ("pixelapi", Operation.GENERATE_VIDEO): {"prompt": "a dress in the wind"},
    ("pixelapi", Operation.REPLACE_BACKGROUND): {"prompt": "a beach"},
    ("pixelapi", Operation.REMOVE_OBJECT): {"prompt": "the label"},
    ("fashn", Operation.REPLACE_BACKGROUND): {"prompt": "a beach"},
}
PATIENCE = 30.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=0, pace=0.02, pictures="drawn", limits=False) as running:
        yield running


def provider(sandbox: Sandbox, name: str, version: str, **options: Any) -> HostedProvider:
    return ADAPTERS[name](
        alias=name,
        api_key="pk_live_sandbox",
        base_url=sandbox.url(name, form=version),
        api_version=version,
        allow_private_hosts=True,
        **options,
    )


def make(provider: HostedProvider, operation: Operation) -> list[bytes]:
    """Submit, ask until it is done, fetch."""
    photo, garment = jpeg(600, 900), jpeg(600, 700, "#335577")
    submission = provider.submit(
        TryOnRequest(
            operation=operation,
            person=photo,
            garment=garment,
            picture=garment,
            category=Category.UPPER,
            description="blue tee",
            options=NEEDED.get((provider.alias, operation), {}),
        )
    )
    outputs, deadline = submission.outputs, time.monotonic() + PATIENCE
    while submission.job_id and not outputs:
        assert time.monotonic() < deadline, "the job never ended"
        update = provider.poll(submission.job_id, operation=operation)
        assert update.error is None
        outputs = update.outputs
    return [
        output.data
        or fetch(
            output.url,
            allowed_hosts=provider.download_hosts(),
            max_bytes=30_000_000,
            deadline=20,
            allow_private_hosts=True,
        )
        for output in outputs
    ]


def operations(name: str, version: str) -> list[Operation]:
    unused = ADAPTERS[name](alias=name, api_key="pk_live_x", base_url="https://api.example.com", api_version=version)
    return list(unused.capabilities)


CASES = [  # every operation in today's form; what the older form is like on the wire, the tests of the adapters say
    pytest.param(name, version, operation, marks=marks)
    for name in ADAPTERS
    for version, marks in (("today", ()), ("seed", pytest.mark.prove))
    for operation in operations(name, version)
]


def paid_calls(sandbox: Sandbox, name: str) -> int:
    """Counted by the provider. SuperStyle has no credits: there each POST is one."""
    if name == "superstyle":
        return sum(call.provider == name and call.endpoint.startswith("POST") for call in sandbox.calls)
    return len(sandbox.charges(name))


@pytest.mark.parametrize(("name", "version", "operation"), CASES)
def test_every_operation(sandbox: Sandbox, name: str, version: str, operation: Operation) -> None:
    before = paid_calls(sandbox, name)
    made = make(provider(sandbox, name, version), operation)
    assert made
    assert paid_calls(sandbox, name) == before + 1, "sent more than once, or not at all"
    if operation == Operation.GENERATE_AUDIO:
        assert made[0].startswith(b"RIFF")
    elif operation == Operation.GENERATE_VIDEO:
        assert made[0][4:8] == b"ftyp"
    else:
        _mime, width, height = probe(made[0])
        assert min(width, height) >= 256


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "superstyle"])
def test_without_credit_it_says_so_and_nothing_is_paid(sandbox: Sandbox, name: str) -> None:
    empty = ADAPTERS[name](
        alias=name, api_key="pk_live_empty", base_url=sandbox.url(name), allow_private_hosts=True
    )  # fmt: skip
    operation = Operation.MODEL_SHOT if name == "pebblely" else Operation.TRY_ON
    before = paid_calls(sandbox, name)
    with pytest.raises(ProviderError) as caught:
        make(empty, operation)
    assert caught.value.charged == Charged.NO
    assert paid_calls(sandbox, name) == before
    if name != "pebblely":  # which documents no code for it
        assert (caught.value.code, caught.value.retryable) == ("config", False)
