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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "settings", "checks"),
    [("oscar", "oscar_settings", "oscar_checks"), ("unfold", "unfold_settings", "unfold_checks")],
    ids=["django-oscar", "django-unfold"],
)
def test_the_real_thing(package: str, settings: str, checks: str) -> None:
    if importlib.util.find_spec(package) is None:
        unavailable(f"django-{package} (pip install django-{package})")
    apart(settings, checks)


@pytest.mark.slow
@pytest.mark.parametrize("app", ["easy_thumbnails", "sorl.thumbnail"])
def test_small_pictures_of_both_libraries_keep_the_mark(app: str) -> None:
    if importlib.util.find_spec("oscar") is None or importlib.util.find_spec(app.partition(".")[0]) is None:
        unavailable(f"django-oscar with {app}")
    apart("oscar_settings", "oscar_checks", "-k", "thumbnails", THUMBNAILS=app)
