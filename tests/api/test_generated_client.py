"""A client that a generator made of our description drives the whole way, against a real server."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.api.conftest import stored_files
from tests.api.description import COMMITTED
from tests.providers.fakes import jpeg
from tryon.models import Garment, PresetModel
from tryon.runner.drain import Drain

CONFIG = """post_hooks: []
content_type_overrides:
  application/zip: application/octet-stream
  image/*: application/octet-stream
"""

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("client")
    (folder / "config.yaml").write_text(CONFIG)
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
    where = ["--path", str(COMMITTED), "--config", str(folder / "config.yaml"), "--output-path", str(folder / "app")]
    done = subprocess.run([*command, *where, "--fail-on-warning"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("app")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]


def call(path: str) -> Any:
    return importlib.import_module(f"app.api.{path}")


@pytest.fixture
def api(generated: Any, live_server: Any) -> Iterator[SimpleNamespace]:
    """An app that has got its session."""
    url = f"{live_server.url}/tryon/api/v1"
    with generated.Client(url) as nobody:
        session = call("sessions.create_session").sync(client=nobody)
    models, types = importlib.import_module("app.models"), importlib.import_module("app.types")
    with generated.AuthenticatedClient(url, token=session.token, raise_on_unexpected_status=True) as client:
        yield SimpleNamespace(client=client, models=models, types=types)


def test_the_whole_way(api: SimpleNamespace, garment: Garment, preset_model: PresetModel) -> None:
    config = call("discovery.get_config").sync(client=api.client, product="1")
    assert config.available
    assert [model.id for model in config.models] == [preset_model.pk]
    upper = api.models.ListGarmentsCategory.UPPER
    (row,) = call("discovery.list_garments").sync(client=api.client, category=upper).results
    photo = api.types.File(payload=io.BytesIO(jpeg()), file_name="me.jpg", mime_type="image/jpeg")

    wish = api.models.TryOnWish(garment=row.id, photo=photo, consent_version=config.consent.version)
    started = call("try_ons.start_try_on").sync_detailed(client=api.client, body=wish, idempotency_key="first")
    assert started.status_code == 202
    assert started.headers["RateLimit-Remaining"] == "99"
    pk = started.parsed.id

    waiting = call("try_ons.get_try_on").sync_detailed(pk, client=api.client)
    assert waiting.parsed.status.value == "queued"
    unchanged = call("try_ons.get_try_on").sync_detailed(
        pk, client=api.client, if_none_match=waiting.headers["ETag"], wait=20
    )
    assert unchanged.status_code == 304
    Drain(idle=0).run()
    done = call("try_ons.get_try_on").sync(pk, client=api.client)
    assert done.status.value == "succeeded"
    assert done.result.ai_generated is True
    picture = api.client.get_httpx_client().get(done.result.url, headers={"Authorization": "", "Range": "bytes=0-2"})
    assert (picture.status_code, picture.content) == (206, b"\xff\xd8\xff")

    word = api.models.FeedbackWord(liked=True)
    assert call("try_ons.give_feedback").sync(pk, client=api.client, body=word).liked is True
    export = call("me.export_me").sync(client=api.client)
    with zipfile.ZipFile(io.BytesIO(export.payload.read())) as archive:
        assert "data.json" in archive.namelist()
    assert [one.id for one in call("try_ons.list_try_ons").sync(client=api.client).results] == [pk]

    receipt = call("me.erase_me").sync(client=api.client)
    assert (receipt.photos, receipt.results, receipt.feedback) == (1, 1, 1)
    assert stored_files() == stored_files("results") == []
    gone = call("try_ons.get_try_on").sync(pk, client=api.client)
    assert (gone.status, gone.code) == (404, "not_found")
    assert call("sessions.end_session").sync_detailed(client=api.client).status_code == 204
    assert call("try_ons.list_try_ons").sync(client=api.client).code == "not_authenticated"


def test_a_photo_first_and_an_error_on_the_way(api: SimpleNamespace, garment: Garment) -> None:
    upload = call("photos.upload_photo").sync
    version = call("discovery.get_config").sync(client=api.client).consent.version
    small = api.types.File(payload=jpeg(200, 200), file_name="me.jpg", mime_type="image/jpeg")
    problem = upload(client=api.client, body=api.models.PhotoUpload(photo=small, consent_version=version))
    assert (problem.status, problem.code) == (422, "image_too_small")
    assert problem.detail
    photo = upload(client=api.client, body=api.types.File(payload=jpeg()), consent_version=version)
    wish = api.models.TryOnWishJSON(product="1", photo_id=str(photo.id))
    started = call("try_ons.start_try_on").sync(client=api.client, body=wish)
    assert call("try_ons.cancel_try_on").sync(started.id, client=api.client).error.code == "canceled"
    assert call("try_ons.delete_try_on").sync_detailed(started.id, client=api.client).status_code == 204
    assert call("photos.delete_photo").sync_detailed(photo.id, client=api.client).status_code == 404  # it went along
