from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.template import Context, Template
from django.utils import timezone

import tryon
from tests.storefront.test_pictures import output_of
from tryon.catalog import ProductCatalog
from tryon.choices import Operation
from tryon.models import Garment, TryOnOutput

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("instant")]

STATIC = Path(tryon.__file__).parent / "static" / "tryon"


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


# ---------------------------------------------------------------- the files behind them


def test_the_widget_is_small() -> None:
    """12 KB for script and styles together, compressed as servers do by default."""
    sizes = {name: len(gzip.compress((STATIC / name).read_bytes(), 6, mtime=0)) for name in ("widget.js", "widget.css")}
    assert sum(sizes.values()) <= 12 * 1024, sizes
    assert len((STATIC / "widget.js").read_text().splitlines()) <= 600


def test_one_module_without_imports_or_maps() -> None:
    """Django's manifest storage leaves imports without a hash, and fails on source maps that are not there."""
    script = (STATIC / "widget.js").read_text()
    assert not re.search(r"^\s*import\b|\bimport\(", script, re.MULTILINE)
    assert "sourceMappingURL" not in script
    for name in ("widget.css", "pages.css"):
        assert "url(" not in (STATIC / name).read_text()


def test_collectstatic_with_the_manifest_storage(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert re.search(r'src="/static/tryon/widget\.[0-9a-f]{12}\.js"', render("tryon_assets"))


def test_twelve_variables() -> None:
    root = (STATIC / "widget.css").read_text().split(":root {")[1].split("}")[0]
    assert len(re.findall(r"^\s*--tryon-[\w-]+:", root, re.MULTILINE)) == 12


def test_templates_have_no_inline_script_or_style() -> None:
    for template in (STATIC.parents[1] / "templates" / "tryon").glob("[!a]*.html"):
        text = template.read_text()
        assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)|\son\w+=", text), template.name


def test_data_hooks_of_the_script_are_in_the_templates() -> None:
    """A hook that was renamed on one side only would fail silently in the browser."""
    script = (STATIC / "widget.js").read_text()
    templates = "".join(path.read_text() for path in (STATIC.parents[1] / "templates" / "tryon").rglob("*.html"))
    for hook in set(re.findall(r"\[(data-tryon-[\w-]+)", script)):
        assert hook in templates, hook
    acts = set(re.findall(r'data-tryon-do="(\w+)"', templates))
    methods = set(re.findall(r"^  (?:async )?(\w+)\([\w, ]*\) \{", script, re.MULTILINE))
    assert acts <= methods
