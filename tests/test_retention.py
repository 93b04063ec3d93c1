"""Nothing stays longer than promised, and nothing else goes."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from tryon import admission, retention
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.runner.drain import Drain
from tryon.signals import photos_deleted
from tryon.storage import photo_storage, result_storage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("instant")]


@pytest.fixture
def finished(shopper: Shopper, garment: Garment, photo: ShopperPhoto, monkeypatch: pytest.MonkeyPatch) -> TryOnResult:
    monkeypatch.setattr("tryon.tasks._enqueue", lambda: None)
    result = admission.request(admission.Demand(shopper, garment, photo=photo)).result
    Drain(idle=0.0).run()
    result.refresh_from_db()
    return result


def files_of(result: TryOnResult) -> list[Path]:
    output = TryOnOutput.objects.get(result=result)
    return [Path(file.path) for file in (output.file, output.card, output.thumb)]


def test_before_its_time_nothing_goes(finished: TryOnResult) -> None:
    counts = retention.purge()
    assert (counts.photos, counts.results, counts.orphans) == (0, 0, 0)
    assert all(path.exists() for path in files_of(finished))


def test_photo_and_preview_go_on_time(finished: TryOnResult, photo: ShopperPhoto) -> None:
    files = [*files_of(finished), Path(photo.file.path)]
    counts = retention.purge(timezone.now() + timedelta(hours=25))
    assert (counts.photos, counts.results) == (1, 1)
    assert not any(path.exists() for path in files)
    assert not TryOnResult.objects.exists()
    assert not ShopperPhoto.objects.exists()
    assert retention.purge(timezone.now() + timedelta(hours=25)).photos == 0


def test_shots_of_the_shop_stay(garment: Garment, preset_model: PresetModel, admin_user: Any) -> None:
    admission.request_shots(admission.plan_shots([garment], [preset_model]), user=admin_user)
    assert retention.purge(timezone.now() + timedelta(days=400)).results == 0


def test_deleting_takes_the_photo_that_nothing_else_uses(finished: TryOnResult, photo: ShopperPhoto) -> None:
    heard: list[dict[str, int]] = []

    def receiver(sender: type, photos: int, results: int, **kwargs: Any) -> None:
        heard.append({"photos": photos, "results": results})

    photos_deleted.connect(receiver)
    try:
        counts = retention.delete_result(finished)
    finally:
        photos_deleted.disconnect(receiver)
    assert (counts.results, counts.photos) == (1, 1)
    assert heard == [{"photos": 0, "results": 1}, {"photos": 1, "results": 0}]
    assert not photo_storage().exists(str(photo.file.name))


def test_files_without_a_row_are_swept_when_old(finished: TryOnResult, photo: ShopperPhoto) -> None:
    strays = [
        Path(photo_storage().path(photo_storage().save("photos/stray.jpg", ContentFile(b"x")))),
        Path(result_storage().path(result_storage().save(f"results/{finished.pk.hex}/stray.jpg", ContentFile(b"x")))),
    ]
    assert retention.purge().orphans == 0, "young files may belong to a row that is just being written"
    for path in [*strays, *files_of(finished), Path(photo.file.path)]:
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    assert retention.purge().orphans == 2
    assert not any(path.exists() for path in strays)
    assert all(path.exists() for path in [*files_of(finished), Path(photo.file.path)])


def test_idle_sessions_go_and_users_stay(admin_user: Any) -> None:
    past = timezone.now() - timedelta(days=1)
    Shopper.objects.create(expires_at=past)
    kept = Shopper.objects.create(user=admin_user)
    assert retention.purge().shoppers == 1
    assert list(Shopper.objects.all()) == [kept]


def test_a_file_that_cannot_go_is_reported(
    finished: TryOnResult, photo: ShopperPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, name: str) -> None:
        raise PermissionError(name)

    ShopperPhoto.objects.update(expires_at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr("django.core.files.storage.FileSystemStorage.delete", refuse)
        with pytest.raises(SystemExit) as stopped:
            call_command("tryon_purge", verbosity=0)
    assert stopped.value.code == 3
    path = Path(photo.file.path)
    os.utime(path, (time.time() - 7200, time.time() - 7200))
    call_command("tryon_purge", verbosity=0)
    assert not path.exists()


def test_a_photo_in_use_stays_until_it_is_not(
    finished: TryOnResult, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    wish = admission.Demand(shopper, garment, photo=photo, idempotency_key="again")
    running = admission.request(wish).result
    assert retention.delete_result(finished).photos == 0
    assert photo_storage().exists(str(photo.file.name))
    assert retention.delete_result(running).photos == 1
    assert not photo_storage().exists(str(photo.file.name))


def test_erasing_a_shopper_leaves_nothing(finished: TryOnResult, shopper: Shopper, photo: ShopperPhoto) -> None:
    files = [*files_of(finished), Path(photo.file.path)]
    counts = retention.erase(shopper)
    assert (counts.results, counts.photos) == (1, 1)
    assert not any(path.exists() for path in files)
    assert not shopper.consents.filter(withdrawn_at=None).exists()
    assert not TryOnResult.objects.exists()
