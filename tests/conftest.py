from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone, translation

from tests.providers.fakes import jpeg, setting
from tryon.admission import store_photo
from tryon.choices import Category
from tryon.consent import current_notice, give_consent
from tryon.garments import picture_limits, save_garment, set_picture
from tryon.images.intake import Picture, intake
from tryon.models import Consent, Garment, PresetModel, Shopper, ShopperPhoto

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="run the long proofs, and only them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--prove")
    left_out = [item for item in items if bool(item.get_closest_marker("prove")) != wanted]
    items[:] = [item for item in items if bool(item.get_closest_marker("prove")) == wanted]
    config.hook.pytest_deselected(items=left_out)


# Tests of such a file share something that takes long to make - a client, shots, networks in memory - and run in one
# process. By the file's name: since pytest 9.2, xdist 3.8 no longer sees the marks of its own --dist loadgroup.
SHARING = (
    "tests/api/test_description.py",
    "tests/api/test_generated_client.py",
    "tests/i18n/",
    "tests/local_engine/",
    "tests/providers/test_documented.py",
    "tests/providers/test_local.py",
    "tests/shop/test_drawing.py",
    "tests/studio/test_fidelity.py",
    "tests/test_wheel.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class BySharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0] if nodeid.startswith(SHARING) else nodeid

    return BySharing(config, log)


def need(path: Path, what: str) -> Path:
    """A path outside the project that tests may use but do not need."""
    if not path.exists():
        pytest.skip(f"NOT RUN: {what} is not at {path}")
    return path


def first(count: int, rows: Iterable[Any]) -> list[Any]:
    """The first ``count`` rows of a parametrisation run with the suite, the others with ``make prove``."""
    found = [row if isinstance(row, tuple) else (row,) for row in rows]
    return [pytest.param(*row, marks=[pytest.mark.prove] if at >= count else []) for at, row in enumerate(found)]


def unavailable(what: str) -> None:
    """A tool this test needs is not on the machine: skip loudly, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and with CI=true nothing is skipped")
    pytest.skip(f"NOT RUN: {what} is missing")


def only_on_postgres() -> None:
    """For tests about row locks. ``tests/run.py`` has a pass of its own for them, which fails when it can't run."""
    if connection.vendor != "postgresql":
        pytest.skip("runs in the PostgreSQL pass (TEST_DATABASE=postgres)")


@pytest.fixture(scope="session", autouse=True)
def clean_files() -> Iterator[None]:
    """Nothing is left in the temporary folder."""
    yield
    shutil.rmtree(Path(django_settings.MEDIA_ROOT).parent, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The tables were made from the models; the list of migrations says what it says after ``migrate``."""
    with django_db_blocker.unblock():
        recorder = MigrationRecorder(connection)
        recorder.ensure_schema()
        for app, name in MigrationLoader(connection).disk_migrations or ():
            recorder.record_applied(app, name)


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """What Django does to every table after a test with transactions, at a tenth of the cost.

    PostgreSQL takes a second to truncate all tables, and milliseconds to delete the few rows of a test. Foreign keys
    are checked at the end of the transaction, so the order of the tables does not matter. Content types and
    permissions are nobody's rows: they stay, instead of being made again each time.
    """
    kept = {"django_content_type", "auth_permission"}

    def sql_flush(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        return [f"DELETE FROM {self.quote_name(table)};" for table in tables if table not in kept]  # noqa: S608

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "sql_flush", sql_flush)
        patch.setattr("django.core.management.commands.flush.emit_post_migrate_signal", lambda *args, **kwargs: None)
        yield


@pytest.fixture(autouse=True)
def language_of_the_settings() -> Iterator[None]:
    """A request in another language leaves it behind in the thread of the tests."""
    yield
    translation.deactivate()


@pytest.fixture
def noon() -> Iterator[None]:
    """For tests about a day, whatever the hour they run at."""
    with time_machine.travel(timezone.now().replace(hour=12, minute=0), tick=True):
        yield


@pytest.fixture
def tryon_settings(settings: Any) -> Callable[..., None]:
    """``tryon_settings(DAILY_LIMIT=1)`` changes TRYON for one test."""

    def change(**changes: Any) -> None:
        settings.TRYON = {**settings.TRYON, **changes}

    return change


@pytest.fixture
def instant(tryon_settings: Callable[..., None]) -> None:
    """Previews are made by the instant provider instead of the local engine."""
    tryon_settings(PROVIDERS={"instant": setting("InstantProvider")})


@pytest.fixture
def photo_bytes() -> bytes:
    return jpeg()


@functools.cache
def plain_picture(width: int, height: int, colour: str, keep_alpha: bool = False) -> Picture:
    """Through intake once a run: decoding in a child process is not what most tests are about."""
    return intake(jpeg(width, height, colour), limits=picture_limits(keep_alpha=keep_alpha))


def garment_of(width: int, height: int, colour: str) -> Picture:
    return plain_picture(width, height, colour, keep_alpha=True)


@pytest.fixture
def garment(db: None) -> Garment:
    picture = garment_of(500, 600, "#335577")
    return save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=picture)[0]


@pytest.fixture
def preset_model(db: None) -> PresetModel:
    preset = PresetModel(name="Noor", size="M")
    set_picture(preset, plain_picture(600, 1000, "#ccbbaa"))
    return preset


@pytest.fixture
def shopper(db: None) -> Shopper:
    return Shopper.objects.create()


@pytest.fixture
def consent(shopper: Shopper) -> Consent:
    return give_consent(shopper, current_notice().version, channel="web")


@pytest.fixture
def photo(shopper: Shopper, consent: Consent) -> ShopperPhoto:
    return store_photo(shopper, plain_picture(600, 800, "#8899aa"), consent)
