"""The first minutes with another shop: what ``manage.py check`` says, and how little of one's own code is needed."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.template import Context, Template
from django.test import Client

from tryon.catalog import ProductCatalog
from tryon.models import Garment

PROJECT = Path(__file__).resolve().parents[2]
KEYLESS = (
    'TRYON = {"PROVIDERS": {"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider",'
    ' "OPTIONS": {"api_key": os.environ.get("FASHN_API_KEY", "")}}}}'
)


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ("TRYON = {}; DEBUG = True", 0, ["tryon.I014", "All previews are made by the built-in engine"]),
        ("TRYON = {}; DEBUG = False", 0, ["tryon.W014", "All previews are made by the built-in engine"]),
        (KEYLESS, 1, ["tryon.E003", '"OPTIONS": {"api_key": os.environ["FASHN_API_KEY"]}']),
    ],
    ids=["empty settings", "empty settings in production", "a key that is not there"],
)
def test_check_says_what_to_do(tmp_path: Path, lines: str, code: int, words: list[str]) -> None:
    (tmp_path / "first_steps.py").write_text(f"import os\nfrom tests.settings import *\n{lines}\n")
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "first_steps", "PYTHONPATH": f"{tmp_path}:{PROJECT}"}
    env.pop("FASHN_API_KEY", None)
    done = subprocess.run(
        [sys.executable, PROJECT / "manage.py", "check"], env=env, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    for part in words:
        assert part in said


@pytest.mark.django_db
def test_the_page_renders_without_the_key(
    garment: Garment, tryon_settings: Callable[..., None], client: Client
) -> None:
    hosted = {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": {"api_key": ""}}
    tryon_settings(PROVIDERS={"fashn": hosted})
    page = Template('{% load tryon %}<h1>Tee</h1>{% tryon_widget "1" %}').render(Context())
    assert page.strip() == "<h1>Tee</h1>"
    assert client.get("/tryon/privacy/").status_code == 200


class Jacket:
    """A product of a shop that knows nothing of us."""

    def __init__(self, sku: str, title: str) -> None:
        self.sku, self.title = sku, title


class SecondShop(ProductCatalog):
    stock: ClassVar[dict[str, Jacket]] = {"1": Jacket("1", "Waxed jacket")}

    def product_ref(self, product: Any) -> str:
        return str(product.sku)

    def get_product(self, ref: str) -> Jacket | None:
        return self.stock.get(ref)

    def product_name(self, product: Any) -> str:
        return str(product.title)

    def product_url(self, product: Any) -> str:
        return f"/jackets/{product.sku}/"


@pytest.mark.django_db
@pytest.mark.usefixtures("instant")
def test_another_shop_needs_an_adapter_of_fifteen_lines(
    garment: Garment, tryon_settings: Callable[..., None], client: Client
) -> None:
    lines = [line for line in inspect.getsource(SecondShop).splitlines() if line.strip()]
    assert len(lines) <= 15
    tryon_settings(CATALOG=f"{__name__}.SecondShop")
    button = Template("{% load tryon %}{% tryon_widget jacket %}").render(Context({"jacket": SecondShop.stock["1"]}))
    assert "Waxed jacket</span>" in button
    html = client.get("/tryon/try/1/").content.decode()
    assert 'href="/jackets/1/"' in html
    assert "Waxed jacket" in html
