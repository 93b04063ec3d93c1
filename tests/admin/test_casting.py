"""The casting report and the page of stale shots."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tests.studio import providers
from tryon.choices import Status
from tryon.models import Batch, TryOnOutput, TryOnResult

CASTING, STALE = "/admin/tryon/garment/casting/", "/admin/tryon/garment/stale/"


@pytest.fixture(autouse=True)
def makers(tryon_settings: Any) -> None:
    tryon_settings(PROVIDERS=providers.settings("studio"), CAPS={})


@pytest.fixture
def stale_shot(garment, preset_model, make_result) -> TryOnOutput:
    make_result(garment, preset_model=preset_model, provider="studio")
    TryOnOutput.objects.update(published_at=timezone.now(), stale_at=timezone.now())
    return TryOnOutput.objects.get()


def test_the_report_names_what_is_missing_and_a_plan_is_shown_before_anything_is_made(login, garment, preset_model):
    client = login("view_garment", "generate_shots")
    html = client.get(CASTING).content.decode()
    assert "1 of 1 garments lacks something." in html
    html = client.get(CASTING, {"shots": "5", "budget": "", "views": "back view"}).content.decode()
    assert "2 shots of 1 garments, at most 1.00 USD." in html
    assert "first shot, size M is missing" in html
    assert not TryOnResult.objects.exists()


def test_one_click_makes_the_plan_a_batch_once(login, garment, preset_model):
    client = login("view_garment", "generate_shots")
    form = {"shots": "5", "budget": "0.60", "views": "", "key": "0c9b2a6e-7d0f-4e43-9d0a-111111111111"}
    for _ in range(2):
        assert client.post(CASTING, form).status_code == 302
    batch = Batch.objects.get()
    assert batch.results.count() == 1
    assert str(batch.max_cost) == "0.600000"


def test_without_the_permission_nothing_is_made(login, garment, preset_model, stale_shot):
    client = login("view_garment")
    assert "Make th" not in client.get(CASTING, {"shots": "5"}).content.decode()
    assert client.post(CASTING, {"shots": "5"}).status_code == 403
    assert client.post(STALE, {"shot": str(stale_shot.pk), "again": "1"}).status_code == 403
    assert client.post(STALE, {"shot": str(stale_shot.pk), "keep": "1"}).status_code == 403
    assert login(name="nobody").get(CASTING).status_code == 403
    assert login(name="nobody2").get(STALE).status_code == 403


NONSENSE = [{"shots": "0"}, {"shots": "x"}, {"shots": "9999999"}, {"shots": "5", "budget": "-1"}]


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_numbers_are_said_in_the_form(login, garment, preset_model, query):
    answer = login("view_garment", "generate_shots").get(CASTING, query)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_an_empty_shop_says_so(login):
    client = login("view_garment")
    assert "There are no garments yet." in client.get(CASTING).content.decode()
    assert "No published shot is stale" in client.get(STALE).content.decode()


def test_what_making_it_again_costs_is_said_to_whoever_may(login, stale_shot):
    page = login("view_garment", "generate_shots").get(STALE).content.decode()
    assert "Made again: It costs at most 0.50 USD." in page
    assert "USD" not in login("view_garment", "publish_shots", name="yann").get(STALE).content.decode()


def test_one_click_makes_stale_shots_again(login, stale_shot):
    client = login("view_garment", "generate_shots", "publish_shots")
    assert "Make the ticked shots again" in client.get(STALE).content.decode()
    answer = client.post(STALE, {"shot": [str(stale_shot.pk), "nonsense"], "again": "1"}, follow=True)
    assert "1 shot is made again." in answer.content.decode()
    assert "being made again" in answer.content.decode()
    assert TryOnResult.objects.get(again_of=stale_shot.result_id).requested_by is not None


def test_a_remake_that_failed_can_be_asked_for_again_and_many_rows_ask_little(
    login, stale_shot, make_result, django_assert_max_num_queries
):
    client = login("view_garment", "generate_shots")
    row = stale_shot.result
    for _ in range(50):
        other = make_result(row.garment, preset_model=row.preset_model, files=False)
        blank = {"file": "a", "card": "b", "thumb": "c", "width": 9, "height": 9, "sha256": "d"}
        TryOnOutput.objects.create(result=other, published_at=timezone.now(), stale_at=timezone.now(), **blank)
    make_result(row.garment, Status.FAILED, again_of=row)
    client.get(STALE)
    with django_assert_max_num_queries(12):
        page = client.get(STALE)
    assert len(page.context["rows"]) == 50
    assert "being made again" not in page.content.decode()
    make_result(row.garment, Status.QUEUED, again_of=row)
    assert "being made again" in client.get(STALE).content.decode()


def test_still_right_is_kept_and_written_down(login, stale_shot):
    from django.contrib.admin.models import LogEntry

    client = login("view_garment", "publish_shots")
    client.post(STALE, {"shot": str(stale_shot.pk), "keep": "1"})
    stale_shot.refresh_from_db()
    assert stale_shot.stale_at is None
    assert "Still right" in LogEntry.objects.get().change_message


def test_the_list_of_garments_leads_to_both(login, stale_shot):
    html = login("view_garment").get("/admin/tryon/garment/").content.decode()
    assert CASTING in html
    assert "1 stale shot" in html
