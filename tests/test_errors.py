from __future__ import annotations

import string

import pytest
from django.utils import translation

from tryon.errors import ERRORS, TryOnError, shopper_text


@pytest.mark.parametrize("code", ERRORS)
def test_every_column_is_filled(code: str) -> None:
    row = ERRORS[code]
    assert 400 <= row.status < 600
    for text in (row.title, row.text, row.staff):
        assert str(text).strip()
        assert not str(text).endswith(" ")


@pytest.mark.parametrize("code", ERRORS)
def test_fields_never_break_the_words(code: str) -> None:
    """An error is shown whether or not its numbers are known."""
    fields = {name for _text, name, *_rest in string.Formatter().parse(str(ERRORS[code].text)) if name}
    assert shopper_text(code)
    assert "{" not in shopper_text(code, dict.fromkeys(fields, 7))


def test_an_unknown_code_reads_as_ours() -> None:
    assert shopper_text("x") == shopper_text("provider_down")


def test_a_code_is_never_translated() -> None:
    with translation.override("de"):
        assert TryOnError("no_person").code == "no_person"


@pytest.mark.parametrize(("limit", "words"), [(1, "today's 1 preview."), (5, "today's 5 previews.")])
def test_words_that_count(limit: int, words: str) -> None:
    assert words in shopper_text("quota_shopper", {"limit": limit, "time": "07:00"})
    assert "7 minutes" in shopper_text("busy", {"minutes": 7})
    assert "1 minute." in shopper_text("busy", {"minutes": 1})
