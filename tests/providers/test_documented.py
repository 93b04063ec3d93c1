"""Everything that the five API documents name is expressed by the adapters.

``documented.csv`` has a row for each: the document's line, and for options their default and values (``a|b`` choices,
``1..4`` a range). The documents themselves are read where they are at hand, to keep the lines true.
"""

from __future__ import annotations

import contextlib
import csv
import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.providers.suites import hosted_suites
from tryon.choices import Category, Operation
from tryon.providers.base import ImageInput, Option, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.testing import GARMENT, JOB, PICTURE, Canned, HostedConformance, Seen, Server, sample, serving

ROWS = list(csv.DictReader((Path(__file__).parent / "documented.csv").read_text(encoding="utf-8").splitlines()))
SEEDS = {"pebblely": "000", "pixelcut": "001", "pixelapi": "002", "superstyle": "003", "fashn": "004"}
SUITES = {label: suite for label, suite in hosted_suites().items() if label in SEEDS}
URL = "https://shop.example.com/p.jpg"
HANDLED = {"200", "202", "500"}  # success, and the failure that needs no row in a table


def of(kind: str) -> list[Any]:
    return named(row for row in ROWS if row["kind"] == kind)


def named(rows: Iterable[dict[str, str]]) -> list[Any]:
    return [pytest.param(row, id=f"{row['provider']}-{row['line']}-{row['name']}") for row in rows]


@pytest.fixture(scope="module")
def spoken() -> dict[str, list[tuple[str, Seen, dict[str, Any]]]]:
    """All requests that each adapter makes in the documents' form: (operation, request, parameters)."""
    found: dict[str, list[tuple[str, Seen, dict[str, Any]]]] = {}
    with serving() as server:
        for label, suite in SUITES.items():
            provider = suite.make(server, "seed")
            found[label] = [*submits(suite, provider, server), *questions(provider, server)]
    return found


def submits(
    suite: HostedConformance, provider: HostedProvider, server: Server
) -> Iterator[tuple[str, Seen, dict[str, Any]]]:
    public = {name: ImageInput.from_bytes(data, url=URL) for name, data in (("garment", GARMENT), ("picture", PICTURE))}
    for operation in provider.capabilities:
        for context, option in [*suite.contexts(operation, provider), ({}, None)]:
            options = dict(context)
            if option is not None and option.sent:
                options[option.name] = sample(option)
            for pictures in ({"mask": PICTURE}, public, {**public, "person": public["garment"]}):
                for category in Category:
                    server.answers(suite.accepted(operation, "seed"))
                    request = suite.request(operation, options=options, category=category, **pictures)
                    with contextlib.suppress(ProviderError):  # not every mixture is meant
                        provider.submit(request)
                    if not server.seen:
                        continue
                    yield operation.value, server.last, dict(suite.sent(server.last))


def questions(provider: HostedProvider, server: Server) -> Iterator[tuple[str, Seen, dict[str, Any]]]:
    calls: list[Any] = [lambda operation=operation: provider.poll(JOB, operation=operation) for operation in Operation]
    calls += [lambda: provider.cancel(JOB), provider.balance]
    calls += [getattr(provider, name) for name in ("usage", "models", "themes") if hasattr(provider, name)]
    for call in calls:
        server.answers(Canned(400))
        with contextlib.suppress(ProviderError):
            call()
        if server.seen:
            yield getattr(call, "__name__", ""), server.last, dict(server.last.query)


# ---------------------------------------------------------------- each kind of row


@pytest.mark.parametrize("row", of("parameter"))
def test_parameter(row: dict[str, str], spoken: Any) -> None:
    sent = [sent for operation, _, sent in spoken[row["provider"]] if operation == row["operation"]]
    assert any(row["name"] in parameters for parameters in sent)
    option = declared(row)
    if not (row["default"] or row["values"]):
        return
    assert option is not None
    assert str(option.default) == row["default"]
    if ".." in row["values"]:
        low, high = (float(edge) if edge else None for edge in row["values"].split(".."))
        assert option.maximum == high
        assert low is None or option.minimum == low
    elif row["values"]:
        assert "|".join(option.choices) == row["values"]


def declared(row: dict[str, str]) -> Option | None:
    provider = SUITES[row["provider"]].backend(api_key="x", api_version="seed")
    if row["operation"] not in [operation.value for operation in provider.capabilities]:
        return None
    options = provider.capabilities[Operation(row["operation"])].options
    return next((option for option in options if option.name == row["name"]), None)


@pytest.mark.parametrize("row", of("category"))
def test_category(row: dict[str, str], spoken: Any) -> None:
    assert any(sent.get("category") == row["name"] for _, _, sent in spoken[row["provider"]])


@pytest.mark.parametrize("row", of("path"))
def test_path(row: dict[str, str], spoken: Any) -> None:
    method, path = row["name"].split()
    path = path.replace("{generation_id}", JOB).replace("{job_id}", JOB).replace(":id", JOB)
    assert any((seen.method, seen.path) == (method, path) for _, seen, _ in spoken[row["provider"]])


@pytest.mark.parametrize("row", of("header"))
def test_header(row: dict[str, str], spoken: Any) -> None:
    assert all(row["name"].lower() in seen.headers for _, seen, _ in spoken[row["provider"]])


@pytest.mark.parametrize("row", of("status"))
def test_status(row: dict[str, str]) -> None:
    assert row["name"] in SUITES[row["provider"]].backend.STATUS


@pytest.mark.parametrize("row", of("error"))
def test_error(row: dict[str, str]) -> None:
    assert row["name"] in SUITES[row["provider"]].backend.ERRORS


@pytest.mark.parametrize("row", of("http"))
def test_http_status(row: dict[str, str]) -> None:
    assert row["name"] in HANDLED or int(row["name"]) in SUITES[row["provider"]].backend.BY_STATUS


@pytest.mark.parametrize("row", of("limit"))
def test_limit(row: dict[str, str]) -> None:
    provider = SUITES[row["provider"]].backend(api_key="x", api_version="seed")
    assert str(getattr(provider.capabilities[Operation(row["operation"])], row["name"])) == row["values"]


@pytest.mark.parametrize("row", of("rate"))
def test_rate(row: dict[str, str]) -> None:
    provider = SUITES[row["provider"]].backend(api_key="x", api_version="seed")
    assert provider.rate is not None
    assert f"{provider.rate.calls}/{provider.rate.seconds:g}" == row["name"]


@pytest.mark.parametrize("row", of("expiry"))
def test_expiry(row: dict[str, str]) -> None:
    module = sys.modules[SUITES[row["provider"]].backend.__module__]
    assert getattr(module, row["name"]).total_seconds() == float(row["values"])


@pytest.mark.parametrize("row", of("answer"))
def test_field_of_an_answer_is_read(row: dict[str, str]) -> None:
    from tryon.providers import answers

    source = inspect.getsource(sys.modules[SUITES[row["provider"]].backend.__module__]) + inspect.getsource(answers)
    assert f'"{row["name"]}"' in source


# ---------------------------------------------------------------- the table itself


def test_nothing_is_forgotten() -> None:
    """The numbers are counted by hand from the documents: a row that gets lost is noticed."""
    counted = Counter((row["provider"], row["kind"]) for row in ROWS)
    names = {(row["provider"], row["kind"], row["name"]) for row in ROWS}
    assert len([name for name in names if name[1] == "error"]) == 12 + 6 + 2 + 7
    assert len([name for name in names if name[1] == "status"]) == 5 + 6
    assert [counted[provider, "parameter"] for provider in SEEDS] == [7, 14, 33, 4, 14]
    assert {row["kind"] for row in ROWS} == {
        "parameter", "category", "path", "header", "status", "error", "http", "limit", "rate", "expiry", "answer",
    }  # fmt: skip


def test_options_beyond_the_documents_are_ours() -> None:
    """An option of the documents' form that no line names would be invented."""
    known = {(row["provider"], row["operation"], row["name"]) for row in ROWS if row["kind"] == "parameter"}
    shots = {(provider, "model_shot", name) for provider, operation, name in known if operation == "try_on"}
    for label, suite in SUITES.items():
        provider = suite.backend(api_key="x", api_version="seed")
        for operation, capability in provider.capabilities.items():
            for option in capability.options:
                assert (label, operation.value, option.name) in known | shots


@pytest.mark.skipif(not (SHARED / "seeds").exists(), reason=f"NOT RUN: the documents are not at {SHARED / 'seeds'}")
@pytest.mark.parametrize("row", named(ROWS))
def test_the_line_says_so(row: dict[str, str]) -> None:
    document = next((SHARED / "seeds").glob(f"{SEEDS[row['provider']]}_*.txt")).read_text(encoding="utf-8")
    line = document.split("\n")[int(row["line"]) - 1]
    assert (row["words"] or row["name"].split()[-1]) in line
