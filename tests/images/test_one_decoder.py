"""Nobody else opens pictures: a second way in would be one without limits."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "tryon"


def test_pictures_are_opened_in_one_package() -> None:
    users = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if "Image.open(" in path.read_text()}
    assert users
    assert {path.parts[0] for path in users} == {"images"}
