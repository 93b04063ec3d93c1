from __future__ import annotations

import pytest

from tests.conftest import SHARED, need, unavailable
from tryon import local_engine


@pytest.fixture(scope="session")
def models() -> None:
    """The network files; tests that need them skip loudly, and fail with CI=true."""
    if local_engine.models_missing():
        unavailable("the network files of the local engine (python manage.py tryon_setup)")


@pytest.fixture(scope="session")
def person_photos() -> dict[str, bytes]:
    folder = need(SHARED / "images" / "person", "the folder of test persons")
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}


@pytest.fixture(scope="session")
def garment_photos() -> dict[str, bytes]:
    folder = need(SHARED / "images" / "garment", "the folder of test garments")
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}
