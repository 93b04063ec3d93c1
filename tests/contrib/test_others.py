"""Other people's software, tried for real: django-oscar's catalogue, django-unfold's admin theme."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]


def apart(settings: str, checks: str, *only: str, **environment: str) -> None:
    """A process of its own: the apps must be in the settings before Django starts."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--nomigrations", "-p", "no:cacheprovider", "-W", "default"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    done = subprocess.run(
        [*command, f"--ds=tests.contrib.{settings}", f"tests/contrib/{checks}.py", *only],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def need(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            unavailable(package)


@pytest.mark.slow
def test_django_oscar() -> None:
    """All of it with one of the libraries that make Oscar's small pictures; see below for the others."""
    need("oscar", "easy_thumbnails")
    apart("oscar_settings", "oscar_checks", THUMBNAILS="easy_thumbnails")


@pytest.mark.slow
def test_django_unfold() -> None:
    need("unfold")
    apart("unfold_settings", "unfold_checks")


@pytest.mark.prove
@pytest.mark.parametrize("app", ["sorl.thumbnail", ""], ids=["sorl", "a thumbnailer of the shop's own"])
def test_small_pictures_keep_the_mark(app: str) -> None:
    need("oscar", *([app.partition(".")[0]] if app else []))
    apart("oscar_settings", "oscar_checks", "-k", "thumbnails", THUMBNAILS=app)
