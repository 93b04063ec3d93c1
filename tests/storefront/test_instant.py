"""A quick picture of our own while another company works: shown to its shopper, counted nowhere, gone at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.providers.fakes import HostedProvider, InstantProvider, jpeg, setting
from tests.storefront.conftest import browser_of
from tryon import admission, retention
from tryon.admission import Demand, request
from tryon.choices import ProviderStatus, Status
from tryon.images.disclosure import is_marked
from tryon.models import Garment, Outcome, PresetModel, Shopper, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.passport import passport
from tryon.providers.base import CallStyle, Output, Submission, TryOnRequest, Update
from tryon.runner.drain import Drain
from tryon.storage import result_storage

pytestmark = pytest.mark.django_db


class AwayProvider(HostedProvider):
    """Another company that takes its time: it is done when a test says so."""

    style = CallStyle.POLLING
    paid = False
    done = False

    def submit(self, request: TryOnRequest) -> Submission:
        return Submission(job_id=f"job-{request.reference}")

    def poll(self, job_id: str, *, operation: Any) -> Update:
        if not self.done:
            return Update(ProviderStatus.PROCESSING)
        return Update(ProviderStatus.SUCCEEDED, outputs=(Output(data=jpeg(), mime="image/jpeg"),))


class HereProvider(InstantProvider):
    """An engine on this server."""


def providers(*names: str) -> dict[str, Any]:
    return {name: {"BACKEND": f"{__name__}.{name}"} for name in names}


@pytest.fixture
def both(tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    # messages to the queue stay in it, else a page that is looked at would wait for the company
    monkeypatch.setattr("django_q.conf.Conf.SYNC", False)
    tryon_settings(PROVIDERS=providers("AwayProvider", "HereProvider"))
    monkeypatch.setattr(AwayProvider, "done", False)


def start(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    return request(Demand(shopper, garment, photo=photo)).result


def run() -> None:
    Drain(idle=0, budget=3).run()


def instant(client: Client, result: TryOnResult) -> Any:
    return client.get(reverse("tryon:instant", args=[result.pk]))


@pytest.fixture
def waiting(both: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> TryOnResult:
    """The quick picture is there, the real one is not."""
    result = start(shopper, garment, photo)
    assert instant(browser_of(shopper), result).status_code == 204
    run()
    result.refresh_from_db()
    assert result.status == Status.PROCESSING
    return result


def test_shown_to_its_shopper_alone(waiting: TryOnResult, shopper: Shopper) -> None:
    answer = instant(browser_of(shopper), waiting)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    assert is_marked(answer.content)
    for other in (Client(), browser_of(Shopper.objects.create())):
        assert instant(other, waiting).status_code == 404
        output = TryOnOutput.objects.get()
        assert other.get(reverse("tryon:picture", args=[output.pk, "full"])).status_code == 404
    page = browser_of(shopper).get(reverse("tryon:result", args=[waiting.pk])).content.decode()
    assert "This is a quick preview. The better one follows." in page


def test_it_counts_nowhere(waiting: TryOnResult, shopper: Shopper) -> None:
    assert shopper.results.get() == waiting
    left = admission.quota(shopper)
    assert left.limit - left.remaining == 1
    listed = browser_of(shopper).get("/tryon/api/v1/tryons/").json()["results"]
    assert [row["id"] for row in listed] == [str(waiting.pk)]


def test_the_real_one_replaces_it(
    waiting: TryOnResult, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(AwayProvider, "done", True)
    before = set(files())
    TryOnResult.objects.filter(pk=waiting.pk).update(next_at=waiting.created_at)
    with django_capture_on_commit_callbacks(execute=True):
        run()
    waiting.refresh_from_db()
    assert waiting.status == Status.SUCCEEDED
    assert list(TryOnResult.objects.all()) == [waiting]
    assert instant(browser_of(shopper), waiting).status_code == 204
    after = set(files())
    assert (len(before - after), len(after - before)) == (3, 3)
    assert not Outcome.objects.exists()


def files() -> list[Path]:
    root = Path(result_storage().path("results"))  # type: ignore[attr-defined]
    return [path for path in root.rglob("*") if path.is_file()]


def test_it_goes_with_its_preview(waiting: TryOnResult) -> None:
    before = set(files())
    counts = retention.delete_result(waiting)
    assert (counts.results, TryOnResult.objects.count(), TryOnOutput.objects.count()) == (1, 0, 0)
    assert len(before - set(files())) == 3


def test_a_preview_that_is_cancelled_or_deleted_in_between(
    both: None, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    result = start(shopper, garment, photo)
    retention.erase(shopper)
    run()
    assert not TryOnResult.objects.exists()
    assert not TryOnOutput.objects.exists()
    assert result.pk


@pytest.mark.parametrize(
    "changes",
    [
        {"INSTANT_PREVIEW": False},
        {"PROVIDERS": providers("AwayProvider")},
        {"PROVIDERS": providers("HereProvider", "AwayProvider")},  # what is made here first needs no other
        {"ROUTES": {"try_on": ["AwayProvider"]}},  # the notice does not name the engine here
        {"PROVIDERS": {**providers("AwayProvider"), "elsewhere": setting("HostedProvider")}},
    ],
    ids=["off", "nothing here", "here first", "not in the notice", "two companies"],
)
def test_when_there_is_none(
    both: None,
    changes: dict[str, Any],
    tryon_settings: Callable[..., None],
    garment: Garment,
    request: pytest.FixtureRequest,
) -> None:
    tryon_settings(**changes)
    photo: ShopperPhoto = request.getfixturevalue("photo")  # agreed under these settings
    start(photo.shopper, garment, photo)
    assert not TryOnResult.objects.exclude(preview_of=None).exists()
    html = Client().get(reverse("tryon:try", args=["1"]) + "?fragment=1").content.decode()
    assert "data-instant" not in html
    assert "data-tryon-instant" not in html


def test_on_a_preset_model(both: None, shopper: Shopper, garment: Garment, preset_model: PresetModel) -> None:
    result = request_model(shopper, garment, preset_model)
    assert result.instant.provider == "HereProvider"


def request_model(shopper: Shopper, garment: Garment, preset_model: PresetModel) -> TryOnResult:
    return request(Demand(shopper, garment, preset_model=preset_model)).result


def test_the_passport_lists_its_copies(waiting: TryOnResult, shopper: Shopper) -> None:
    (page,) = passport(shopper).pages
    named = {name for output in TryOnOutput.objects.all() for name in (output.file.name, output.card.name)}
    assert named
    assert page.files == 1 + 3 * TryOnOutput.objects.count()
    html = browser_of(shopper).get(reverse("tryon:passport")).content.decode()
    assert "made here while you waited, a preview in three sizes." in " ".join(html.split())
    assert html.count(reverse("tryon:result", args=[waiting.pk])) == 2
