"""The demo shop speaks four languages, one of them from right to left."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

WORDS = {"en": "Size guide", "de": "Größentabelle", "fr": "Guide des tailles", "ar": "دليل المقاسات"}


@pytest.mark.parametrize("language", WORDS)
def test_the_switch_in_the_footer(language: str, client: Client) -> None:
    here = "http://testserver/size-guide/?a=1"
    assert f'<a href="/language/{language}/" lang="{language}"' in client.get(here).content.decode()
    answer = client.get(f"/language/{language}/", headers={"referer": here}, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain == [(here, 302)]
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in html
    assert f"<h1>{WORDS[language]}</h1>" in html
    assert f'lang="{language}" hreflang="{language}" aria-current="true"' in html


def test_the_switch_leads_nowhere_else(client: Client) -> None:
    assert client.get("/language/de/", headers={"referer": "https://evil.example/"})["Location"] == "/"
    assert client.get("/language/xx/").status_code == 404


def test_languages_are_named_in_themselves(client: Client) -> None:
    html = client.get("/", headers={"accept-language": "ar"}).content.decode()
    for name in ("English", "Deutsch", "Français", "العربيّة"):
        assert f">{name}</a>".casefold() in html.casefold()


def test_departments_keep_their_addresses(client: Client) -> None:
    html = client.get("/shop/bottoms/", headers={"accept-language": "de"}).content.decode()
    assert '<h1 class="list-title">Hosen und Röcke</h1>' in html
