"""The runner carries rows from queued to their end, on a real database, with real files and real threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.providers.fakes import JobProvider, SlowProvider, setting
from tests.runner.conftest import in_thread
from tests.studio.orders import order_shots
from tryon import admission, retention
from tryon.choices import Operation, Status
from tryon.images.disclosure import is_marked
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnOutput, TryOnResult, WorkerSlot
from tryon.providers import get_provider
from tryon.runner import claim
from tryon.runner.drain import Drain
from tryon.signals import tryon_finished
from tryon.storage import result_storage

pytestmark = pytest.mark.django_db(transaction=True)


def ask(shopper: Shopper, garment: Garment, photo: ShopperPhoto, **options: Any) -> TryOnResult:
    return admission.request(admission.Demand(shopper, garment, photo=photo, options=options)).result


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run drains themselves."""
    monkeypatch.setattr("tryon.tasks._enqueue", lambda: None)


def drain() -> bool:
    return Drain(idle=0.0).run()


def test_a_wait_ends_however_short_it_is() -> None:
    """On a busy machine a wait may be over before it begins; there was one that then never ended."""

    def wait() -> None:
        for _ in range(500):
            Drain()._collect(wait=1e-6)

    thread = in_thread(wait)
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_photo_becomes_a_marked_picture(
    instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    result = ask(shopper, garment, photo)
    assert result.status == Status.QUEUED
    drain()
    result.refresh_from_db()
    assert (result.status, result.error_code, result.attempts) == (Status.SUCCEEDED, "", 1)
    assert (result.provider, result.engine_version) == ("instant", "instant 1")
    assert result.lease_owner == ""
    assert result.next_at is None
    output = result.outputs.get()
    for file in (output.file, output.card, output.thumb):
        with file.open("rb") as stream:
            assert is_marked(stream.read()), f"{file.name} lost the AI mark"
    assert (output.width, output.height) == (600, 800)


def test_a_preset_model_needs_no_photo(
    instant: None, shopper: Shopper, garment: Garment, preset_model: PresetModel
) -> None:
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    drain()
    result.refresh_from_db()
    assert result.status == Status.SUCCEEDED
    assert result.consent is None


@pytest.mark.parametrize("code", ["no_person", "several_people", "legs_not_visible", "content_blocked"])
def test_a_refused_picture_says_why(
    code: str,
    tryon_settings: Callable[..., None],
    shopper: Shopper,
    garment: Garment,
    preset_model: PresetModel,
) -> None:
    tryon_settings(PROVIDERS={"refusing": setting("RefusingProvider", code=code)})
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    drain()
    result.refresh_from_db()
    assert (result.status, result.error_code) == (Status.FAILED, code)
    assert result.error_params == {"limit": 256}
    assert not TryOnOutput.objects.exists()


def test_a_provider_with_jobs_is_polled(
    tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch, shopper: Shopper, garment: Garment,
    preset_model: PresetModel,
) -> None:  # fmt: skip
    monkeypatch.setattr("tryon.runner.decide.FIRST_POLL_SECONDS", 0.01)
    monkeypatch.setattr("tryon.runner.decide.SHORTEST_POLL_SECONDS", 0.01)
    tryon_settings(PROVIDERS={"job": setting("JobProvider", polls=3)})
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    drain()
    result.refresh_from_db()
    provider = get_provider("job")
    assert isinstance(provider, JobProvider)
    assert result.status == Status.SUCCEEDED
    assert provider.asked == {f"job-{result.pk.hex}": 3}
    assert len(provider.requests) == 1


def test_shots_are_made_for_every_garment_and_model(
    instant: None, garment: Garment, preset_model: PresetModel, admin_user: Any
) -> None:
    order_shots(garment, preset_model, user=admin_user)
    drain()
    made = TryOnResult.objects.get()
    assert (made.operation, made.status) == (Operation.MODEL_SHOT, Status.SUCCEEDED)
    assert made.outputs.count() == 1


def test_signal_after_the_end(instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    heard: list[str] = []

    def receiver(sender: type, result: TryOnResult, **kwargs: Any) -> None:
        heard.append(TryOnResult.objects.get(pk=result.pk).status)
        raise RuntimeError("a receiver that fails breaks nothing")

    tryon_finished.connect(receiver)
    try:
        result = ask(shopper, garment, photo)
        drain()
    finally:
        tryon_finished.disconnect(receiver)
    assert heard == [Status.SUCCEEDED]
    assert TryOnResult.objects.get(pk=result.pk).status == Status.SUCCEEDED


class Killed(BaseException):
    """Stands for the process going away: nothing after it runs."""


def die_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain that claims and then is gone, without giving anything back."""
    with monkeypatch.context() as patch:
        patch.setattr(Drain, "_dispatch", lambda self: (_ for _ in ()).throw(Killed()))
        patch.setattr(claim, "give_back", lambda *args: None)
        patch.setattr(claim, "release_slot", lambda *args: None)
        with pytest.raises(Killed):
            Drain(idle=0.0).run()


def lease_runs_out() -> None:
    WorkerSlot.objects.update(until=timezone.now() - timedelta(seconds=1))


def test_a_dead_runner_is_taken_over(
    instant: None, monkeypatch: pytest.MonkeyPatch, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    result = ask(shopper, garment, photo)
    die_midway(monkeypatch)
    result.refresh_from_db()
    assert (result.status, result.attempts) == (Status.SUBMITTING, 1)
    drain()  # the lease still runs: hands off
    result.refresh_from_db()
    assert result.status == Status.SUBMITTING
    lease_runs_out()
    drain()
    result.refresh_from_db()
    assert (result.status, result.attempts) == (Status.SUCCEEDED, 2)


def test_a_row_that_kills_its_worker_ends(
    instant: None, monkeypatch: pytest.MonkeyPatch, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    result = ask(shopper, garment, photo)
    for _ in range(3):
        die_midway(monkeypatch)
        lease_runs_out()
    drain()
    result.refresh_from_db()
    assert (result.status, result.error_code, result.attempts) == (Status.FAILED, "worker_died", 3)


def test_a_paid_submit_without_an_answer_is_never_sent_again(
    tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch, shopper: Shopper, garment: Garment,
    preset_model: PresetModel,
) -> None:  # fmt: skip
    tryon_settings(PROVIDERS={"hosted": setting("HostedProvider")})
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    die_midway(monkeypatch)
    lease_runs_out()
    drain()
    drain()
    result.refresh_from_db()
    assert result.status == Status.UNCERTAIN
    assert get_provider("hosted").requests == []  # type: ignore[attr-defined]


def test_deleting_while_it_is_made_leaves_nothing(
    tryon_settings: Callable[..., None], shopper: Shopper, garment: Garment, preset_model: PresetModel
) -> None:
    tryon_settings(PROVIDERS={"slow": setting("SlowProvider")})
    provider = get_provider("slow")
    assert isinstance(provider, SlowProvider)
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    folder = f"results/{result.pk.hex}"

    def erase() -> None:
        provider.entered.wait(30)
        retention.delete_result(result)
        provider.gate.set()

    eraser = in_thread(erase)
    drain()
    eraser.join()
    assert not TryOnResult.objects.exists()
    storage = result_storage()
    assert not storage.exists(folder) or storage.listdir(folder)[1] == []


def test_cancel_wins_over_a_late_answer(
    tryon_settings: Callable[..., None], shopper: Shopper, garment: Garment, preset_model: PresetModel
) -> None:
    tryon_settings(PROVIDERS={"slow": setting("SlowProvider")})
    provider = get_provider("slow")
    assert isinstance(provider, SlowProvider)
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result

    def stop() -> None:
        provider.entered.wait(30)
        assert admission.cancel(result)
        provider.gate.set()

    stopper = in_thread(stop)
    drain()
    stopper.join()
    result.refresh_from_db()
    assert result.status == Status.CANCELED
    assert not result.outputs.exists()


def test_what_waits_too_long_fails(instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    result = ask(shopper, garment, photo)
    TryOnResult.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert claim.expire(timezone.now()) == 1
    result.refresh_from_db()
    assert (result.status, result.error_code) == (Status.FAILED, "timed_out")


@pytest.fixture
def former_provider(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS={"former": setting("InstantProvider")})


def test_consent_bounds_the_route(
    former_provider: None,
    tryon_settings: Callable[..., None],
    shopper: Shopper,
    garment: Garment,
    photo: ShopperPhoto,
) -> None:
    """A provider that joined after the shopper agreed gets nothing."""
    tryon_settings(PROVIDERS={"instant": setting("InstantProvider")})
    result = TryOnResult.objects.create(
        shopper=shopper,
        garment=garment,
        photo=photo,
        consent=photo.consent,
        deadline_at=timezone.now() + timedelta(minutes=1),
    )
    assert photo.consent.providers == ["former"]
    drain()
    result.refresh_from_db()
    assert (result.status, result.error_code) == (Status.FAILED, "provider_down")
    assert get_provider("instant").requests == []  # type: ignore[attr-defined]


def test_shoppers_come_before_the_shop(
    tryon_settings: Callable[..., None],
    shopper: Shopper,
    garment: Garment,
    preset_model: PresetModel,
    admin_user: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tryon.runner.lanes.cpu_threads", lambda: 1)
    tryon_settings(PROVIDERS={"instant": setting("InstantProvider")}, MAX_QUEUE=2)
    order_shots(garment, preset_model, user=admin_user, number=4)
    result = admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
    while drain():
        pass
    requests = get_provider("instant").requests  # type: ignore[attr-defined]
    assert [request.reference for request in requests].index(result.pk.hex) == 0
    assert len(requests) == 5


def test_cancelling_is_told(instant: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    heard: list[str] = []

    def receiver(sender: type, result: TryOnResult, **kwargs: Any) -> None:
        heard.append(str(result.pk))

    tryon_finished.connect(receiver)
    try:
        result = ask(shopper, garment, photo)
        assert admission.cancel(result)
        assert not admission.cancel(result)
    finally:
        tryon_finished.disconnect(receiver)
    assert heard == [str(result.pk)]
