from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polib
import pytest
from django.core.management import call_command
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import trans_real

import tryon
from tests.browser.dialog import EVENTS
from tests.storefront.test_pictures import output_of
from tryon.catalog import ProductCatalog
from tryon.choices import Operation
from tryon.models import Garment, TryOnOutput

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("instant")]

STATIC = Path(tryon.__file__).parent / "static" / "tryon"
SCRIPTS = ("widget.js", "widget-more.js", "widget-face.js", "share.js")


def render(tag: str, **context: Any) -> str:
    return Template("{% load tryon %}{% " + tag + " %}").render(Context(context))


class Product:
    """A shop's own product."""

    def __init__(self, pk: int | None) -> None:
        self.pk = pk


class BrokenCatalog(ProductCatalog):
    def product_ref(self, product: Any) -> str:
        raise RuntimeError("no product today")

    def get_product(self, ref: str) -> Any:
        raise RuntimeError("no product today")


class HidingCatalog(ProductCatalog):
    def get_product(self, ref: str) -> None:
        return None


@pytest.mark.parametrize("product", ["1", Product(1)], ids=["reference", "object"])
def test_widget(garment: Garment, product: Any) -> None:
    html = render("tryon_widget product", product=product)
    assert 'href="/tryon/try/1/"' in html
    assert "See it on you" in html
    assert f'data-garment="{garment.pk}"' in html
    assert "style=" not in html
    assert "csrf" not in html  # nothing of the visitor: the shop's page stays cacheable


def test_widget_of_a_variant_and_a_form(garment: Garment) -> None:
    Garment.objects.update(variant="Ink & more")
    html = render('tryon_widget "1" variant="Ink & more" for_form="bag"')
    assert "/tryon/try/1/?variant=Ink+%26+more" in html
    assert 'for-form="bag"' in html
    assert render('tryon_widget "1" variant="Sand"').strip() == ""


def test_the_label_is_the_shops(garment: Garment, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(BUTTON_LABEL="Anprobieren")
    assert "Anprobieren" in render('tryon_widget "1"')


@pytest.mark.parametrize(
    "changes",
    [
        {"ENABLED": False},
        {"PROVIDERS": {}},
        {"PROVIDERS": {"gone": {"BACKEND": "no.such.Provider"}}},
        {"CATALOG": "tests.storefront.test_tags.HidingCatalog"},
        {"CATALOG": "tests.storefront.test_tags.BrokenCatalog"},
        {"CATALOG": "no.such.Catalog"},
    ],
)
@pytest.mark.parametrize("tag", ["tryon_widget product", "tryon_shots product"])
def test_a_tag_never_breaks_the_page(
    garment: Garment, tryon_settings: Callable[..., None], changes: dict[str, Any], tag: str
) -> None:
    tryon_settings(**changes)
    assert render(tag, product=Product(1)) == ""


@pytest.mark.parametrize("product", ["unknown", Product(None), None, "", object()])
def test_nothing_to_try_on(garment: Garment, product: Any) -> None:
    for tag in ("tryon_widget product", "tryon_shots product"):
        assert render(tag, product=product) == ""


def test_not_for_this_visitor(garment: Garment, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CATALOG="tests.api.test_discovery.HomeOnly")
    for country, status in (("DE", 200), ("US", 404)):
        request = RequestFactory().get("/", headers={"CF-IPCountry": country})
        shown = Template("{% load tryon %}{% tryon_widget '1' %}").render(Context({"request": request}))
        assert ("<tryon-widget" in shown) == (status == 200)
        address = reverse("tryon:try", kwargs={"product_ref": "1"})
        assert Client().get(address, headers={"CF-IPCountry": country}).status_code == status


def test_without_a_urlconf(garment: Garment, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.ROOT_URLCONF = "tests.storefront.no_urls"
    with caplog.at_level(logging.DEBUG, logger="tryon.tags"):
        assert render('tryon_widget "1"') == ""
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert "tryon_assets" not in caplog.text
    assert render("tryon_assets") != ""


def test_a_broken_template_of_the_shop(garment: Garment, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "tryon").mkdir()
    for name in ("widget", "assets", "badge"):
        (tmp_path / "tryon" / f"{name}.html").write_text("{% no_such_tag %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    assert [render(tag) for tag in ('tryon_widget "1"', "tryon_assets", "tryon_badge")] == ["", "", ""]


def test_assets() -> None:
    html = render("tryon_assets")
    assert html.count("<script") == 1
    assert 'type="module" src="/static/tryon/widget.js"' in html
    assert html.count("<link") == 1


def test_badge() -> None:
    assert "AI-generated preview" in render("tryon_badge")
    assert "AI-generated preview" in render("tryon_badge image", image=TryOnOutput())
    assert render("tryon_badge image", image=None) == ""


def test_shots_are_the_published_ones_of_the_product(garment: Garment) -> None:
    shown = output_of(garment, None, Operation.MODEL_SHOT)
    output_of(garment, None, Operation.MODEL_SHOT)  # not published
    preview = output_of(garment, None)
    TryOnOutput.objects.filter(pk__in=[shown.pk, preview.pk]).update(published_at=timezone.now())
    html = render('tryon_shots "1"')
    assert html.count("<img") == 1
    assert str(shown.pk) in html
    assert "Crew tee worn by a model. AI-generated" in html
    assert "AI-generated preview" in html
    assert render('tryon_shots "2"') == ""
    Garment.objects.filter(pk=garment.pk).update(variant="Ink")
    assert "<img" in render('tryon_shots "1" variant="Ink"')
    assert render('tryon_shots "1" variant="Oat"') == ""


def test_a_shop_has_its_own_words(client: Client, garment: Garment, settings: Any, tmp_path: Path) -> None:
    """By a template, and by a catalogue for what is said by the code, as the document tells."""
    (tmp_path / "tryon").mkdir()
    (tmp_path / "tryon" / "_examples.html").write_text("<b>Our own examples</b>")
    folder = tmp_path / "locale" / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    entry = polib.POEntry(msgid="Only you, facing the camera", msgstr="Just yourself, please")
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(entry)
    catalogue.save_as_mofile(str(folder / "django.mo"))
    assert "Only you, facing the camera" in client.get("/tryon/try/1/").content.decode()
    try:
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        settings.LOCALE_PATHS = [tmp_path / "locale"]
        trans_real._translations.clear()
        trans_real._default = None
        html = client.get("/tryon/try/1/").content.decode()
    finally:
        trans_real._translations.clear()
        trans_real._default = None
    assert "<b>Our own examples</b>" in html
    assert "Just yourself, please" in html
    assert "Only you, facing the camera" not in html


# ---------------------------------------------------------------- the files behind them


def test_the_widget_is_small() -> None:
    """12 KB for script and styles together, compressed as servers do by default; what comes when used is smaller."""
    names = (*SCRIPTS, "widget.css")
    sizes = {name: len(gzip.compress((STATIC / name).read_bytes(), 6, mtime=0)) for name in names}
    assert sizes["widget.js"] + sizes["widget.css"] <= 12 * 1024, sizes
    assert sizes["widget-more.js"] <= 6 * 1024, sizes
    assert sizes["widget-face.js"] <= 4 * 1024, sizes
    assert sizes["share.js"] <= 1024, sizes
    for name in SCRIPTS:
        assert len((STATIC / name).read_text().splitlines()) <= 600, name


def test_nothing_moves_for_those_who_want_no_motion() -> None:
    """Also parts that no test can see move: the bar inside of a <progress>."""
    wanted = r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n  \}"
    for name in (*SCRIPTS, "widget.css", "pages.css"):
        text = (STATIC / name).read_text()
        assert not re.search(r"\b(transition|animation)[a-z-]*\s*:", re.sub(wanted, "", text, flags=re.DOTALL)), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_without_imports_or_maps(name: str) -> None:
    """Django's manifest storage leaves imports without a hash, and fails on source maps that are not there."""
    script = (STATIC / name).read_text()
    assert not re.search(r"^\s*import\b|\bimport\(", script, re.MULTILINE)
    assert "sourceMappingURL" not in script
    for name in ("widget.css", "pages.css"):
        assert "url(" not in (STATIC / name).read_text()


def test_collectstatic_with_the_manifest_storage(
    client: Client, garment: Garment, settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert re.search(r'src="/static/tryon/widget\.[0-9a-f]{12}\.js"', render("tryon_assets"))
    dialog = client.get(reverse("tryon:try", kwargs={"product_ref": "1"}) + "?fragment=1").content.decode()
    assert re.search(r'data-more="/static/tryon/widget-more\.[0-9a-f]{12}\.js"', dialog)


def test_twelve_variables() -> None:
    root = (STATIC / "widget.css").read_text().split(":root {")[1].split("}")[0]
    assert len(re.findall(r"^\s*--tryon-[\w-]+:", root, re.MULTILINE)) == 12


def test_templates_have_no_inline_script_or_style() -> None:
    for template in (STATIC.parents[1] / "templates" / "tryon").glob("[!a]*.html"):
        text = template.read_text()
        assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)|\son\w+=", text), template.name


def test_data_hooks_of_the_script_are_in_the_templates() -> None:
    """A hook that was renamed on one side only would fail silently in the browser."""
    script = "".join((STATIC / name).read_text() for name in SCRIPTS)
    templates = "".join(path.read_text() for path in (STATIC.parents[1] / "templates" / "tryon").rglob("*.html"))
    for hook in set(re.findall(r"\[(data-tryon-[\w-]+)", script)):
        assert hook in templates, hook
    acts = set(re.findall(r'data-tryon-do="(\w+)"', templates))
    methods = set(re.findall(r"^  (?:async )?(\w+)\(.*\) \{", script, re.MULTILINE))
    assert acts <= methods


def test_events_are_documented() -> None:
    """Every event that the scripts send is in the table, and the other way round."""
    scripts = "".join((STATIC / name).read_text() for name in SCRIPTS)
    sent = set(re.findall(r'emit\((?:made \? )?"([a-z-]+)"(?: : "([a-z-]+)")?', scripts))
    names = {name for pair in sent for name in pair if name}
    table = (Path(tryon.__file__).parents[1] / "docs" / "widget.md").read_text()
    assert names == set(re.findall(r"\| `tryon:([a-z-]+)` \|", table))
    assert names == set(EVENTS)
    assert scripts.count("new CustomEvent(") == 1  # all by the one way, whose detail is {product, tryon, code}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Nov. 21, 2026, 9:18 p.m."),
        ("de", "21. November 2026, 21:18 Uhr"),
        ("fr", "21 novembre 2026 à 21:18"),
        ("ar", "21 نوفمبر، 2026، 9:18 م"),
    ],
)
def test_a_time_is_written_as_the_language_does(language: str, said: str) -> None:
    when = datetime(2026, 11, 21, 21, 18, tzinfo=UTC)
    with translation.override(language):
        assert (
            Template("{% load tryon %}{{ when|tryon_time }}{{ none|tryon_time }}")
            .render(Context({"when": when, "none": None}))
            .replace("\xa0", " ")
            == said
        )
