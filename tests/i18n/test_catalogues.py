"""Every word a shopper may read is there in every language, says what the English says, and is compiled."""

from __future__ import annotations

from typing import Any

import polib
import pytest
from django.test import Client
from django.utils import translation

from tests.i18n.messages import (
    CATALOGUES,
    LANGUAGES,
    PLURALS,
    ROOT,
    TRYON,
    Catalogue,
    Message,
    in_template,
    placeholders,
)
from tryon import feedback
from tryon.consent import current_notice
from tryon.errors import ERRORS
from tryon.models import Garment
from tryon.passport import span

RERUN = "run: python -m tests.i18n.messages --write, then translate what came in empty"
ALL = [(catalogue, language) for catalogue in CATALOGUES for language in LANGUAGES]
each = pytest.mark.parametrize(("catalogue", "language"), ALL, ids=lambda value: getattr(value, "folder", value))


def entries(catalogue: Catalogue, language: str) -> list[polib.POEntry]:
    return list(polib.pofile(str(catalogue.po(language))))


def words(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


@each
def test_nothing_is_missing_and_nothing_is_left_over(catalogue: Catalogue, language: str) -> None:
    there = {Message(entry.msgid, entry.msgid_plural) for entry in entries(catalogue, language)}
    assert there == set(catalogue.messages()), RERUN


@each
def test_everything_is_translated(catalogue: Catalogue, language: str) -> None:
    forms = int(PLURALS[language].split("=")[1].split(";")[0])
    for entry in entries(catalogue, language):
        assert all(words(entry)), f"{entry.msgid!r} is empty"
        assert not entry.fuzzy, entry.msgid
        assert len(words(entry)) == (forms if entry.msgid_plural else 1), entry.msgid


@each
def test_placeholders_survive(catalogue: Catalogue, language: str) -> None:
    """A form for exactly one or two may say the number in words; the others need it."""
    for entry in entries(catalogue, language):
        wanted = placeholders([entry.msgid, entry.msgid_plural])
        for number, form in enumerate(words(entry)):
            there = placeholders([form])
            assert there <= wanted, f"{entry.msgid!r}: {form!r}"
            if not entry.msgid_plural or number == len(words(entry)) - 1:
                assert there == wanted, f"{entry.msgid!r}: {form!r}"


@each
def test_compiled_is_what_is_written(catalogue: Catalogue, language: str) -> None:
    """Shops install the compiled file alone; nobody there has gettext."""
    path = catalogue.po(language)
    compiled = {(e.msgid, e.msgid_plural): words(e) for e in polib.mofile(str(path.with_suffix(".mo")))}
    assert compiled == {(e.msgid, e.msgid_plural): words(e) for e in entries(catalogue, language)}, RERUN


def test_arabic_has_its_six_forms() -> None:
    from datetime import timedelta

    with translation.override("ar"):
        said = [span(timedelta(hours=n)) for n in (1, 2, 5, 11, 26, 100)]
    assert len(set(said)) == 6
    assert "ساعتين" in said[1]
    assert "5" in said[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_shown_is_translated(language: str, db: None) -> None:
    with translation.override("en"):
        english = {str(spec.text) for spec in ERRORS.values()} | {label for _value, label in feedback.choices()}
        notice = current_notice()
    with translation.override(language):
        shown = {str(spec.text) for spec in ERRORS.values()} | {label for _value, label in feedback.choices()}
        assert shown & english <= {"{why}"}
        assert current_notice().text != notice.text
        assert current_notice().version == notice.version


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_pages_are_in_the_language_of_the_browser(
    language: str, client: Client, instant: None, garment: Garment, settings: Any
) -> None:
    for url in ("/tryon/privacy/", "/tryon/passport/", "/tryon/previews/", "/tryon/try/1/"):
        html = client.get(url, headers={"accept-language": language}).content.decode()
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in html, url
    assert (
        "Your photos and privacy"
        in client.get("/tryon/privacy/", headers={"accept-language": language}).content.decode()
    ) == (language == "en")


def test_extraction_finds_what_django_finds() -> None:
    text = (
        "{% load i18n %}{% translate \"It's one\" %}{% trans 'two' %}"
        "{% blocktranslate count n=x %}{{ n }} file{% plural %}{{ n }} files{% endblocktranslate %}"
        "{% translate '100% three' %}{% include 'x' with y=_('four') %}"
    )
    assert set(in_template(text)) == {
        Message("It's one"),
        Message("two"),
        Message("%(n)s file", "%(n)s files"),
        Message("100%% three"),
        Message("four"),
    }


def test_the_admin_is_not_half_translated() -> None:
    names = {part for path in TRYON.files() for part in path.relative_to(ROOT).parts}
    assert not names & {"admin", "models", "studio"}
    assert {"storefront", "api", "errors.py", "templatetags"} <= names
