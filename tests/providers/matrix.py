"""What each provider can do, read from the adapters: docs/providers/matrix.csv, the README's table, and the tables of
the providers' pages.

python -m tests.providers.matrix --write
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

if __name__ == "__main__":  # before anything that needs models
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from tryon.choices import Category, Operation, ProviderStatus
from tryon.images.picture import MEGABYTE
from tryon.passport import documented
from tryon.providers.base import CallStyle, Capability, Option, Output, Provider
from tryon.providers.hosted import HostedProvider
from tryon.testing import JOB, HostedConformance, ProviderConformance, Server, serving

PROJECT = Path(__file__).resolve().parents[2]
PAGES = PROJECT / "docs" / "providers"
CSV, README = PAGES / "matrix.csv", PROJECT / "README.md"
MADE_BY = "made by `python -m tests.providers.matrix --write`"
COLUMNS = ("provider", "operation", "api_version", "categories", "call", "result", "expires_hours", "credits")
FITTED = (Operation.TRY_ON, Operation.MODEL_SHOT)  # the operations that a garment's category matters to
CALLS = {CallStyle.POLLING: "job", CallStyle.BLOCKING: "waits", CallStyle.CPU: "computed here"}

# ---------------------------------------------------------------- rows


def rows(suites: Mapping[str, ProviderConformance]) -> list[dict[str, str]]:
    """A row for each operation of each form of each API. Results and their expiry are those of scripted answers."""
    found = []
    with serving() as server:
        for name, suite in suites.items():
            for provider, version in _forms(suite, server):
                for operation, capability in provider.capabilities.items():
                    cells = (
                        name,
                        operation.value,
                        version,
                        _categories(capability) if operation in FITTED else "",
                        CALLS[provider.style],
                        *_result(suite, provider, operation, version, server),
                        "" if capability.cost is None else f"{capability.cost:g}",
                    )
                    found.append(dict(zip(COLUMNS, cells, strict=True)))
    return found


def _forms(suite: ProviderConformance, server: Server) -> Iterator[tuple[Provider, str]]:
    if isinstance(suite, HostedConformance):
        for version in suite.backend.api_versions:
            yield suite.make(server, version), version
    else:
        yield suite.provider(), ""


def _categories(capability: Capability) -> str:
    return " ".join(category.value for category in Category if category in capability.categories)


def _result(
    suite: ProviderConformance, provider: Provider, operation: Operation, version: str, server: Server
) -> tuple[str, str]:
    """(form, hours until it expires) of what the first scripted success gives."""
    if not (isinstance(suite, HostedConformance) and isinstance(provider, HostedProvider)):
        return "bytes", ""
    server.answers(suite.accepted(operation, version))
    submission = provider.submit(suite.minimal(provider, operation))
    outputs: tuple[Output, ...] = submission.outputs
    if submission.job_id is not None:
        good = next(word for word, status in provider.STATUS.items() if status == ProviderStatus.SUCCEEDED)
        server.answers(suite.job(good, operation))
        outputs = provider.poll(JOB, operation=operation).outputs
    first = outputs[0]
    if first.url:
        left = first.expires_at - timezone.now() if first.expires_at else None
        return "URL", "" if left is None else f"{round(left / timedelta(hours=1), 1):g}"
    return "bytes", ""


def as_csv(table: list[dict[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue()


# ---------------------------------------------------------------- the README's table


def readme_table(table: list[dict[str, str]]) -> str:
    """A line for each provider, of the form of its API that is spoken by itself."""
    lines = ["| provider | does | garments | call | result kept | credits a call |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row["provider"] for row in table):
        own = [row for row in table if row["provider"] == name and row["api_version"] in ("today", "")]
        operations = ", ".join(f"`{row['operation']}`" for row in own)
        garments = next(row["categories"] for row in own if row["categories"]).replace(" ", ", ")
        hours = sorted({float(row["expires_hours"]) for row in own if row["expires_hours"]})
        kept = f"{hours[0]:g} h" if hours else "in the answer"
        if any(row["result"] == "URL" and not row["expires_hours"] for row in own):
            kept = "not stated"
        cells = (f"[{name}](docs/providers/{name}.md)", operations, garments, own[0]["call"], kept, _credits(own))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _credits(own: list[dict[str, str]]) -> str:
    known = sorted({float(row["credits"]) for row in own if row["credits"]})
    if not known:
        return "not stated"
    if known == [0]:
        return "free"
    return f"{known[0]:g}" if len(known) == 1 else f"{known[0]:g} to {known[-1]:g}"


# ---------------------------------------------------------------- the pages' tables


def facts(suite: ProviderConformance, own: list[dict[str, str]], server: Server) -> str:
    """Operations, limits, cost and life of results, a table for each form of the API."""
    parts = []
    for provider, version in _forms(suite, server):
        mine = [row for row in own if row["api_version"] == version]
        lines = [f"`api_version` **{version}**\n"] if version else []
        lines += ["| operation | garments | pictures | call | result | credits a call |", "|---|---|---|---|---|---|"]
        lines += [_fact(row, provider.capabilities[Operation(row["operation"])]) for row in mine]
        limits = dict.fromkeys(_limits(capability) for capability in provider.capabilities.values())
        lines.append(f"\nLimits: {'; or '.join(filter(None, limits)) or 'none are declared'}.")
        if isinstance(provider, HostedProvider):
            rate = provider.rate
            told = f"{rate.calls} submits in {rate.seconds:g} s" if rate else "none is documented"
            lines.append(f"Rate: {told}.")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _fact(row: Mapping[str, str], capability: Capability) -> str:
    kept = f", {row['expires_hours']} h" if row["expires_hours"] else ""
    cells = (
        f"`{row['operation']}`",
        row["categories"].replace(" ", ", ") or "-",
        ", ".join(capability.inputs) or "-",
        row["call"],
        row["result"] + kept,
        row["credits"] or "not stated",
    )
    return f"| {' | '.join(cells)} |"


def _limits(capability: Capability) -> str:
    """What holds for the pictures of an operation; "" for one that takes none."""
    if not capability.inputs:
        return ""
    parts = [
        f"at most {capability.max_edge} px a side (shrunk)" if capability.max_edge else "",
        f"at most {capability.max_bytes / MEGABYTE:g} MB (shrunk)" if capability.max_bytes else "",
        f"at least {capability.min_side} px a side" if capability.min_side else "",
        "a person's photo no wider than tall" if capability.upright_person else "",
        ", ".join(sorted(mime.removeprefix("image/").upper() for mime in capability.mimes)),
    ]
    return ", ".join(filter(None, parts))


def retention(suite: ProviderConformance) -> str:
    """What shoppers are told about it: in the notice, on the privacy page and in their photo passport."""
    told = suite.backend.facts
    assert told is not None, f"{suite.backend.__name__} says nothing about photos: give it ``facts``"
    return f"{told.company} ({told.source}, read on {told.seen}): {' '.join(documented(told))}\n"


def options(suite: ProviderConformance, server: Server) -> str:
    """All options as they are declared; operations, and forms of the API, that have the same share a table."""
    shared: dict[tuple[Option, ...], list[str]] = {}
    for provider, version in _forms(suite, server):
        for operation, capability in provider.capabilities.items():
            where = f"`{operation.value}`" + (f" ({version})" if version else "")
            shared.setdefault(capability.options, []).append(where)
    parts = []
    for declared, places in shared.items():
        lines = [f"{', '.join(places)}:\n"]
        if declared:
            lines += ["| option | type | default | values | meaning |", "|---|---|---|---|---|"]
            lines += [_option(option) for option in declared]
        else:
            lines.append("no options.")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _option(option: Option) -> str:
    default = "**required**" if option.required else "-" if option.default is None else f"`{_shown(option.default)}`"
    name = f"`{option.name}`" + ("" if option.sent else " (ours)")
    cells = (name, option.type.__name__, default, _values(option), option.help)
    return f"| {' | '.join(cells)} |"


def _values(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if option.pattern:
        return f"`{option.pattern}`"
    low, high = option.minimum, option.maximum
    unit = " letters" if option.type is str else ""
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {low:g}{unit}"
    return (f"at most {high:g}" if low is None else f"{low:g} to {high:g}") + unit


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


# ---------------------------------------------------------------- writing


def block(text: str, name: str) -> str:
    """What stands between the markers of ``name``."""
    start, end = _markers(name)
    return text[text.index(start) + len(start) : text.index(end)]


def with_block(text: str, name: str, inner: str) -> str:
    start, end = _markers(name)
    return text[: text.index(start) + len(start)] + inner + text[text.index(end) :]


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}: {MADE_BY} -->\n", f"<!-- /{name} -->"


def blocks(suites: Mapping[str, ProviderConformance]) -> Iterator[tuple[Path, str, str]]:
    """(file, marker, what should stand there) of everything that is made, but the CSV."""
    table = rows(suites)
    yield README, "providers", readme_table(table)
    with serving() as server:
        for name, suite in suites.items():
            own = [row for row in table if row["provider"] == name]
            yield PAGES / f"{name}.md", "facts", facts(suite, own, server)
            yield PAGES / f"{name}.md", "options", options(suite, server)
            if suite.backend.leaves_server:
                yield PAGES / f"{name}.md", "retention", retention(suite)


def write() -> None:
    from tests.providers.suites import suites

    CSV.write_text(as_csv(rows(suites())), encoding="utf-8")
    for path, name, inner in blocks(suites()):
        path.write_text(with_block(path.read_text(encoding="utf-8"), name, inner), encoding="utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    write()
