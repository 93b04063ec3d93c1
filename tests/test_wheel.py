"""What a shop installs: the wheel, in a clean environment, in a new project with four lines added."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.providers.fakes import jpeg

PROJECT = Path(__file__).resolve().parents[1]
FOUR_LINES = {
    "settings.py": [
        'INSTALLED_APPS += ["django_q", "tryon"]',
        'Q_CLUSTER = {"orm": "default", "timeout": 240, "retry": 300, "max_attempts": 1, "ack_failures": True}',
        "TRYON = {}",
    ],
    "urls.py": ['from django.urls import include; urlpatterns += [path("tryon/", include("tryon.urls"))]'],
}
PAGE = """{% load tryon %}<!doctype html><html lang="en"><head><title>Tee</title>{% tryon_assets %}</head>
<body><h1>Tee</h1>{% tryon_widget product %}{% tryon_shots product %}{% tryon_badge %}</body></html>"""
PAGE_LINES = [
    "from django.views.generic import TemplateView",
    'urlpatterns += [path("tee/", TemplateView.as_view(template_name="tee.html", extra_context={"product": "tee"}))]',
]
GET_PAGE = """
from django.test import Client
answer = Client(raise_request_exception=True).get("/tee/", HTTP_HOST="localhost")
print(f"status {answer.status_code}.", answer.content.decode())
"""
ADD_GARMENT = """
from pathlib import Path
from tryon.choices import Category
from tryon.garments import garment_picture, save_garment
picture = garment_picture(Path("garment.jpg").read_bytes())
save_garment("tee", "", name="Tee", category=Category.UPPER, picture=picture)
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, PROJECT, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def shop(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project with the five required libraries and nothing else; ``python`` in it is its interpreter."""
    root = tmp_path_factory.mktemp("shop")
    run(sys.executable, "-m", "venv", root / "venv", cwd=root)
    python = root / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=root)
    run(python, "-m", "django", "startproject", "shop", ".", cwd=root)
    for name, lines in FOUR_LINES.items():
        path = root / "shop" / name
        path.write_text(path.read_text() + "\n".join(["", *lines, ""]))
    urls = root / "shop" / "urls.py"
    urls.write_text(urls.read_text() + "\n".join(["", *PAGE_LINES, ""]))
    settings = root / "shop" / "settings.py"
    settings.write_text(
        settings.read_text() + '\nTEMPLATES[0]["DIRS"] = [BASE_DIR]\nSTATIC_ROOT = BASE_DIR / "static"\n'
    )
    (root / "tee.html").write_text(PAGE)
    (root / "garment.jpg").write_bytes(jpeg(500, 600))
    return root


def manage(shop: Path, *arguments: str) -> str:
    return run(shop / "venv" / "bin" / "python", "manage.py", *arguments, cwd=shop)


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tryon"}
    for wanted in ("py.typed", "static/tryon/widget.js", "templates/tryon/base.html", "migrations/0001_initial.py"):
        assert f"tryon/{wanted}" in names
    for language in ("de", "fr", "ar"):
        assert f"tryon/locale/{language}/LC_MESSAGES/django.mo" in names
    assert any(name.startswith("tryon/local_engine/mannequins/") for name in names)


def test_first_the_required_libraries_then_the_engine(shop: Path, wheel: Path) -> None:
    """Without the extra the shop runs and the page renders without a button; with it the button is there."""
    installed = run(shop / "venv" / "bin" / "python", "-m", "pip", "list", "--format=freeze", cwd=shop)
    assert "numpy" not in installed
    manage(shop, "migrate", "--verbosity", "0")
    manage(shop, "check")
    manage(shop, "collectstatic", "--noinput", "--verbosity", "0")
    manage(shop, "shell", "-c", ADD_GARMENT)
    page = manage(shop, "shell", "-c", GET_PAGE)
    assert "status 200." in page
    assert "<tryon-widget" not in page

    python = shop / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[local]", cwd=shop)
    manage(shop, "tryon_setup")
    page = manage(shop, "shell", "-c", GET_PAGE)
    assert "status 200." in page
    assert "<tryon-widget" in page
    assert "tryon/widget" in page
