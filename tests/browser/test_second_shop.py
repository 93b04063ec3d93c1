"""Another shop, as its owner would set it up: a project of its own, started as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.providers.fakes import jpeg

PROJECT = Path(__file__).resolve().parents[2]
ADAPTER = """
from tryon.catalog import ProductCatalog
from shop.products import STOCK


class Jackets(ProductCatalog):
    def product_ref(self, product):
        return product.sku

    def get_product(self, ref):
        return STOCK.get(ref)

    def product_name(self, product):
        return product.title

    def product_url(self, product):
        return f"/jackets/{product.sku}/"
"""
# What the shop was before, and after the marks what it adds.
FILES = {
    "shop/products.py": """
from dataclasses import dataclass


@dataclass
class Jacket:
    sku: str
    title: str


STOCK = {"wax": Jacket("wax", "Waxed jacket")}
""",
    "shop/urls.py": """
from django.shortcuts import render
from django.urls import include, path
from shop.products import STOCK


def jacket(request, sku):
    return render(request, "jacket.html", {"jacket": STOCK[sku]})


urlpatterns = [path("jackets/<str:sku>/", jacket)]
# ---
urlpatterns += [path("tryon/", include("tryon.urls"))]
""",
    "templates/jacket.html": """{% load tryon %}<!doctype html><html lang="en"><head><title>{{ jacket.title }}</title>
<link rel="icon" href="data:,">{% tryon_assets %}</head>
<body><h1>{{ jacket.title }}</h1>{% tryon_widget jacket %}</body></html>""",
    "shop/adapter.py": ADAPTER,
}
SETTINGS = """
import os
ALLOWED_HOSTS = ["127.0.0.1"]
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
# ---
INSTALLED_APPS += ["django_q", "tryon"]
Q_CLUSTER = {"orm": "default", "timeout": 240, "retry": 300, "max_attempts": 1, "ack_failures": True}
TRYON = {
    "CATALOG": "shop.adapter.Jackets",
    "PROVIDERS": {
        "fashn": {
            "BACKEND": "tryon.providers.fashn.FashnProvider",
            "OPTIONS": {"api_key": os.environ.get("FASHN_API_KEY", "")},
        }
    },
}
"""
GARMENT = """
from pathlib import Path
from tryon.choices import Category
from tryon.garments import garment_picture, save_garment
picture = garment_picture(Path("jacket.jpg").read_bytes())
save_garment("wax", "", name="Waxed jacket", category=Category.UPPER, picture=picture)
"""


def environment(**more: str) -> dict[str, str]:
    ours = ("DJANGO_SETTINGS_MODULE", "FASHN_API_KEY")
    return {name: value for name, value in os.environ.items() if name not in ours} | {
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def manage(root: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=root, env=environment(**more), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@contextmanager
def served(root: Path, **more: str) -> Iterator[str]:
    """By ``runserver`` on a port that the system chooses. Like servers in production it runs without the checks."""
    with subprocess.Popen(
        [sys.executable, "manage.py", "runserver", "--noreload", "--skip-checks", "127.0.0.1:0"],
        cwd=root, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout
            said = ""
            while not (found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", said)):
                line = server.stdout.readline()
                assert line, f"the server does not come up: {said}"
                said += line
            yield found[0]
        finally:
            server.terminate()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "second"
    root.mkdir()
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "shop", "."], cwd=root, env=environment(), check=True
    )
    settings = root / "shop" / "settings.py"
    settings.write_text(settings.read_text() + SETTINGS)
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "jacket.jpg").write_bytes(jpeg(500, 600))
    return root


@pytest.mark.prove
def test_a_second_shop_with_a_provider(root: Path, page: Page) -> None:
    """An app, an include, migrate, a tag and an adapter of fifteen lines; then one dict entry and one variable."""
    assert len([line for line in ADAPTER.splitlines() if line.strip()]) <= 15

    checked = manage(root, "check")
    assert checked.returncode == 1
    assert "tryon.E003" in checked.stderr
    assert '"OPTIONS": {"api_key": os.environ["FASHN_API_KEY"]}' in checked.stderr
    key = {"FASHN_API_KEY": "key-of-a-test"}
    for arguments in (("check",), ("migrate", "--verbosity", "0"), ("shell", "-c", GARMENT)):
        done = manage(root, *arguments, **key)
        assert done.returncode == 0, done.stderr

    with served(root) as url:
        page.goto(f"{url}/jackets/wax/")
        expect(page.get_by_role("heading", name="Waxed jacket")).to_be_visible()
        expect(page.locator("tryon-widget, .tryon-opener")).to_have_count(0)
    with served(root, **key) as url:
        page.goto(f"{url}/jackets/wax/")
        page.get_by_role("button", name="See it on you Waxed jacket").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("It is sent to FASHN to make the preview.")).to_be_visible()
        dialog.locator("input[type=file]").set_input_files(root / "jacket.jpg")
        dialog.get_by_role("checkbox").check()
        expect(dialog.get_by_role("button", name="Create preview")).to_be_enabled()
        page.goto(f"{url}/tryon/try/wax/")
        page.get_by_role("link", name="Back to the product").click()
        expect(page).to_have_url(f"{url}/jackets/wax/")
