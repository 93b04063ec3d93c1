"""Nothing stays longer than promised, and nothing else goes."""

from __future__ import annotations

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from tests.providers.fakes import InstantProvider, jpeg, setting
from tests.studio.orders import order_shots
from tryon import admission, feedback, funnel, retention, sharing
from tryon.choices import FunnelStep, Status
from tryon.consent import current_notice, give_consent
from tryon.errors import TryOnError
from tryon.garments import picture_limits
from tryon.images.intake import intake
from tryon.models import (
    Consent,
    ErasureReceipt,
    Feedback,
    FormerPicture,
    FunnelCount,
    Garment,
    PresetModel,
    ShareLink,
    Shopper,
    ShopperPhoto,
    TryOnOutput,
    TryOnResult,
)
from tryon.providers.base import Submission, TryOnRequest
from tryon.runner.drain import Drain
from tryon.signals import photos_deleted
from tryon.storage import garment_storage, photo_storage, private_root, result_storage
from tryon.strays import BATCH
from tryon.tasks import watch

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


@pytest.fixture(autouse=True)
def empty_storage() -> None:
    """Files that the tests before this one left behind are no business of these."""
    shutil.rmtree(private_root(), ignore_errors=True)


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
    order_shots(garment, preset_model, user=admin_user)
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


def test_who_deletes_only_the_photo_still_gets_the_preview(
    shopper: Shopper, garment: Garment, photo: ShopperPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = InstantProvider.submit

    def meanwhile(self: InstantProvider, request: TryOnRequest) -> Submission:
        retention.delete_photo(photo)
        connections.close_all()  # this thread's own
        return answer(self, request)

    monkeypatch.setattr(InstantProvider, "submit", meanwhile)
    monkeypatch.setattr("tryon.tasks._enqueue", lambda: None)
    result = admission.request(admission.Demand(shopper, garment, photo=photo)).result
    Drain(idle=0.0).run()
    result.refresh_from_db()
    assert (result.status, result.photo) == (Status.SUCCEEDED, None)


def lay(storage: Any, name: str) -> Path:
    return Path(storage.path(storage.save(name, ContentFile(b"x"))))


def grow_old(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - 7200, time.time() - 7200))


def test_a_photo_without_a_row_is_swept_when_old(finished: TryOnResult, photo: ShopperPhoto) -> None:
    stray = lay(photo_storage(), "photos/stray.jpg")
    retention.purge()
    assert stray.exists(), "its row may just be on its way"
    grow_old(stray, Path(photo.file.path))
    assert retention.purge().orphans == 1
    assert not stray.exists()
    assert Path(photo.file.path).exists()


def test_former_pictures_and_masks_without_a_row_are_swept_when_old(
    garment: Garment, preset_model: PresetModel, admin_user: Any
) -> None:
    kept = FormerPicture(garment=garment, width=1, height=1, sha256="0" * 64)
    kept.image.save("x.jpg", ContentFile(b"x"))
    row = order_shots(garment, preset_model, user=admin_user).results.get()
    row.mask.save("x.png", ContentFile(b"x"))
    known = [Path(kept.image.path), Path(row.mask.path)]
    strays = [lay(garment_storage(), f"{folder}/{'ab' * 16}.png") for folder in ("former", "masks")]
    foreign = lay(garment_storage(), "former/logo.png")  # the alias may be the shop's own media
    grow_old(*known, foreign, strays[0])
    assert retention.purge().orphans == 1
    assert [path.exists() for path in strays] == [False, True]
    grow_old(strays[1])
    assert retention.purge().orphans == 1
    assert all(path.exists() for path in (*known, foreign))


def test_a_picture_without_a_row_is_swept_unless_a_runner_may_be_writing(
    finished: TryOnResult, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    wish = admission.Demand(shopper, garment, photo=photo, idempotency_key="more")
    running = admission.request(wish).result
    being_written = lay(result_storage(), f"results/{running.pk.hex}/1-0-file.jpg")
    late = lay(result_storage(), f"results/{finished.pk.hex}/9-0-file.jpg")
    nobodys = lay(result_storage(), f"results/{'ab' * 16}/1-0-file.jpg")
    assert retention.purge().orphans == 2
    assert being_written.exists()
    assert not late.exists()
    assert not nobodys.exists()
    assert all(path.exists() for path in files_of(finished))


def test_what_a_killed_worker_wrote_after_the_erasure_is_gone_in_a_minute(
    finished: TryOnResult, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    others = admission.request(admission.Demand(shopper, garment, photo=photo, idempotency_key="other")).result
    kept = [lay(result_storage(), f"results/{others.pk.hex}/1-0-file.jpg"), *files_of(finished)]
    late = lay(result_storage(), f"results/{'cd' * 16}/1-0-file.jpg")
    watch()
    assert not late.parent.exists()
    assert all(path.exists() for path in kept)


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
    grow_old(path)
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
    feedback.give(finished, liked=True)
    sharing.share(finished)
    receipt = retention.erase(shopper)
    counts = (receipt.results, receipt.pictures, receipt.photos, receipt.feedback, receipt.share_links)
    assert counts == (1, 1, 1, 1, 1)
    assert receipt.consents_withdrawn == 1
    assert not any(path.exists() for path in files)
    assert not shopper.consents.filter(withdrawn_at=None).exists()
    for model in (TryOnResult, TryOnOutput, ShopperPhoto, ShareLink, Feedback):
        assert not model.objects.exists(), model.__name__
    assert not Path(result_storage().path(f"results/{finished.pk.hex}")).exists(), "the folder's name is an id"


def test_a_receipt_names_nobody(finished: TryOnResult, shopper: Shopper, photo: ShopperPhoto) -> None:
    receipt = retention.erase(shopper)
    kept = str(ErasureReceipt.objects.filter(pk=receipt.pk).values().get())
    for identity in (shopper.pk, finished.pk, photo.pk):
        assert identity.hex not in kept.replace("-", "")
    assert retention.erase(shopper).is_blank
    assert ErasureReceipt.objects.count() == 1, "nothing to delete, nothing to keep"


def test_the_evidence_outlives_photo_and_shopper(shopper: Shopper, consent: Consent, photo: ShopperPhoto) -> None:
    retention.erase(shopper)
    Shopper.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert retention.purge().shoppers == 1
    consent.refresh_from_db()
    assert (consent.shopper, consent.subject) == (None, shopper.pk)
    assert consent.withdrawn_at
    assert "shows me" in consent.text
    soon = timezone.now() + timedelta(days=1094)
    assert retention.purge(soon).consents == 0
    assert retention.purge(soon + timedelta(days=2)).consents == 1


def test_a_consent_with_a_photo_stays(photo: ShopperPhoto, consent: Consent, tryon_settings: Any) -> None:
    tryon_settings(CONSENT_RETENTION_DAYS=0)
    assert retention.purge().consents == 0
    assert ShopperPhoto.objects.exists()


def test_kinds_without_a_picture_have_their_own_clocks(finished: TryOnResult, tryon_settings: Any) -> None:
    feedback.give(finished, liked=False, reasons=["colour"])
    funnel.count(FunnelStep.OPENED)
    after = timezone.now() + timedelta(hours=25)
    counts = retention.purge(after)
    assert (counts.results, counts.feedback, counts.funnel) == (1, 0, 0)
    said = Feedback.objects.get()
    assert (said.result, said.liked, said.reasons, said.provider) == (None, False, ["colour"], "instant")
    tryon_settings(FEEDBACK_RETENTION_DAYS=2, FUNNEL_RETENTION_DAYS=2)
    assert retention.due(after).feedback == 0
    later = timezone.now() + timedelta(days=4)
    steps = FunnelCount.objects.count()
    assert (retention.due(later).feedback, retention.due(later).funnel) == (1, steps)
    counts = retention.purge(later)
    assert (counts.feedback, counts.funnel) == (1, steps)
    assert not Feedback.objects.exists()
    assert not FunnelCount.objects.exists()


def test_deleting_a_user_takes_the_files_along(
    finished: TryOnResult, shopper: Shopper, photo: ShopperPhoto, django_user_model: Any
) -> None:
    user = django_user_model.objects.create_user("ann")
    Shopper.objects.filter(pk=shopper.pk).update(user=user)
    files = [*files_of(finished), Path(photo.file.path)]
    with transaction.atomic():
        user.delete()
        transaction.set_rollback(True)
    assert all(path.exists() for path in files), "files go when it is certain"
    django_user_model.objects.get(username="ann").delete()
    assert not any(path.exists() for path in files)
    assert not TryOnResult.objects.exists()
    assert Consent.objects.get().shopper is None


def ask_and_drain(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    result = admission.request(admission.Demand(shopper, garment, photo=photo)).result
    Drain(idle=0.0).run()
    result.refresh_from_db()
    return result


@pytest.fixture
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.tasks._enqueue", lambda: None)


def test_a_refused_photo_goes_at_once(no_queue: None, tryon_settings: Any, shopper: Shopper, garment: Garment) -> None:
    tryon_settings(PROVIDERS={"strict": setting("RefusingProvider", code="content_blocked")})
    consent = give_consent(shopper, current_notice().version, channel="web")
    photo = admission.store_photo(shopper, intake(jpeg(), limits=picture_limits()), consent)
    file = Path(photo.file.path)
    result = ask_and_drain(shopper, garment, photo)
    assert (result.error_code, result.photo) == ("content_blocked", None)
    assert not file.exists()
    assert not ShopperPhoto.objects.exists()


@pytest.mark.parametrize("when_done", [True, False])
def test_a_shop_may_keep_no_photo_that_is_done_with(
    when_done: bool, no_queue: None, tryon_settings: Any, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    tryon_settings(DELETE_PHOTO_WHEN_DONE=when_done)
    file = Path(photo.file.path)
    result = ask_and_drain(shopper, garment, photo)
    assert result.status == Status.SUCCEEDED
    assert file.exists() is not when_done


def test_what_was_erased_meanwhile_is_not_started(
    shopper: Shopper, garment: Garment, photo: ShopperPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure comes between the look at the consent and the row."""
    before = admission._check

    def erased_behind(demand: admission.Demand) -> Any:
        consent = before(demand)
        retention.erase(shopper)
        return consent

    monkeypatch.setattr(admission, "_check", erased_behind)
    with pytest.raises(TryOnError, match="consent_missing"):
        admission.request(admission.Demand(shopper, garment, photo=photo))
    assert not TryOnResult.objects.exists()


def test_a_photo_that_comes_in_during_an_erasure_is_not_kept(shopper: Shopper, consent: Consent) -> None:
    retention.erase(shopper)
    with pytest.raises(TryOnError, match="consent_missing"):
        admission.store_photo(shopper, intake(jpeg(), limits=picture_limits()), consent)
    assert not ShopperPhoto.objects.exists()
    assert photo_storage().listdir("photos")[1] == []


@pytest.mark.prove
def test_a_purge_of_ten_thousand_holds_no_lock_for_long(shopper: Shopper, consent: Consent, garment: Garment) -> None:
    """Every transaction is shorter than a second: nobody waits longer for a row or, on SQLite, for the database."""
    total, past = 10_000, timezone.now() - timedelta(hours=1)
    ShopperPhoto.objects.bulk_create(
        [
            ShopperPhoto(
                shopper=shopper, consent=consent, file=f"photos/{lay(photo_storage(), f'photos/{n}.jpg').name}",
                width=1, height=1, sha256=f"{n:064d}", expires_at=past,
            )
            for n in range(total)
        ],
        batch_size=500,
    )  # fmt: skip
    fields = {"status": Status.SUCCEEDED.value, "next_at": None, "deadline_at": past, "expires_at": past}
    rows = TryOnResult.objects.bulk_create(
        [TryOnResult(shopper=shopper, garment=garment, finished_at=past, **fields) for _ in range(total)],
        batch_size=500,
    )
    TryOnOutput.objects.bulk_create(
        [TryOnOutput(result=row, file=f"results/{row.pk.hex}/f", width=1, height=1, sha256="") for row in rows],
        batch_size=500,
    )
    spent: list[float] = []

    class Timed(transaction.Atomic):
        def __enter__(self) -> None:
            self.outer = not connection.in_atomic_block
            self.begun = time.monotonic()
            super().__enter__()

        def __exit__(self, *args: Any) -> None:
            super().__exit__(*args)
            if self.outer:
                spent.append(time.monotonic() - self.begun)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "Atomic", Timed)
        begun = time.monotonic()
        counts = retention.purge()
    print(f"{time.monotonic() - begun:.1f} s, {len(spent)} transactions, longest {max(spent):.3f} s")  # noqa: T201
    assert (counts.photos, counts.results, counts.left_over) == (total, total, 0)
    assert not ShopperPhoto.objects.exists()
    assert not TryOnResult.objects.exists()
    assert len(spent) >= 2 * total // BATCH
    assert max(spent) < 1
