"""Modules, suites, pages, matrix and README speak of the same providers, and say what the code says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers import matrix
from tests.providers.suites import NO_PROVIDERS, provider_modules, suites
from tryon.choices import Operation
from tryon.providers import build_provider
from tryon.providers.base import Provider

HEADINGS = ["Settings", "Options", "Versions", "Cost", "Retention and region", "Errors", "Known gaps", "Tried"]
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)
HOSTED = [name for name in provider_modules() if name != "local"]
ROWS = list(csv.DictReader(matrix.CSV.read_text(encoding="utf-8").splitlines()))


def page(name: str) -> str:
    return (matrix.PAGES / f"{name}.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- nobody is forgotten


def test_modules_pages_suites_and_rows_are_the_same() -> None:
    names = set(provider_modules())
    assert {"fashn", "kling", "local", "pebblely", "pixelapi", "pixelcut", "superstyle"} <= names
    assert {path.stem for path in matrix.PAGES.glob("*.md")} - {"adding"} == names
    assert {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} >= names
    assert {row["provider"] for row in ROWS} == names


def test_a_module_is_a_provider_or_listed_as_none() -> None:
    """A module of neither kind would be taken for a provider by the tests above."""
    for name in provider_modules():
        assert name not in NO_PROVIDERS
        backend = suites()[name].backend
        assert issubclass(backend, Provider)
        assert backend.__module__ == f"tryon.providers.{name}"


def test_what_is_made_is_made_from_the_code() -> None:
    rerun = "run: python -m tests.providers.matrix --write"
    assert matrix.as_csv(matrix.rows(suites())) == matrix.CSV.read_text(encoding="utf-8"), rerun
    for path, name, inner in matrix.blocks(suites()):
        assert matrix.block(path.read_text(encoding="utf-8"), name) == inner, f"{path.name}, {name}: {rerun}"


def test_the_matrix_names_every_operation() -> None:
    for name, suite in suites().items():
        provider = suite.backend(api_key="a:b") if name in HOSTED else suite.backend()
        own = {row["operation"] for row in ROWS if row["provider"] == name and row["api_version"] in ("today", "")}
        assert own == {operation.value for operation in provider.capabilities}
    assert {row["operation"] for row in ROWS} == {operation.value for operation in Operation}


def test_a_changed_declaration_is_noticed() -> None:
    """The written tables can differ from the code only until the next run of the tests."""
    row = ROWS[0]
    assert matrix.as_csv([{**row, "credits": "99"}]) != matrix.as_csv([row])
    text = "x\n<!-- facts: " + matrix.MADE_BY + " -->\nold\n<!-- /facts -->\ny"
    assert matrix.block(text, "facts") == "old\n"
    assert matrix.with_block(text, "facts", "new\n") == text.replace("old", "new")


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("name", HOSTED)
def test_a_page_says_what_a_shop_must_know(name: str) -> None:
    text = page(name)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    for heading, body in sections(text):
        assert body.strip(), f"{heading} is empty"
    tried = dict(sections(text))["Tried"]
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", tried)
    assert "Never with a real key" in tried
    assert f"tests/providers/test_{name}.py" in tried


def sections(text: str) -> Iterator[tuple[str, str]]:
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    for part in parts:
        heading, _, body = part.partition("\n")
        yield heading, body


@pytest.mark.parametrize("name", HOSTED)
def test_the_settings_of_a_page_work(name: str, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = suites()[name]
    monkeypatch.setenv(suite.backend.key_variable, suite.key)  # type: ignore[attr-defined]
    (example,) = FENCE.findall(page(name))
    found: dict[str, object] = {}
    exec(example, found)  # noqa: S102  a page of ours
    settings.TRYON = found["TRYON"]  # type: ignore[attr-defined]
    provider = build_provider(name)
    assert type(provider) is suite.backend
    assert provider.problems() == []


def test_the_recipe_names_the_four_places() -> None:
    text = page("adding")
    for place in ("tryon/providers/", "tryon/sandbox/services/", "tests/providers/test_", "docs/providers/"):
        assert place in text
