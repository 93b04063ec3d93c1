"""The action "Generate on-model shots…": nothing before the POST, exactly what was said after it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from tests.providers.fakes import InstantProvider, setting
from tryon.choices import Category, Operation, Status
from tryon.models import TryOnResult
from tryon.providers.base import Capability

LIST = "/admin/tryon/garment/"
PAGE = f"{LIST}generate-shots/"
SHOTS = "/admin/tryon/tryonresult/"


class PaidProvider(InstantProvider):
    paid = True
    leaves_server = True

    @property
    def capabilities(self) -> Any:
        return {Operation.MODEL_SHOT: Capability(categories=frozenset({Category.UPPER}), cost=2.5)}


def act(client, *garments: Any, **extra: Any) -> Any:
    """The list's action form, as a browser sends it."""
    return client.post(LIST, {"action": "generate_shots", "index": "0", "_selected_action": garments, **extra})


def fields_of(page: str) -> dict[str, Any]:
    """The hidden fields and ticked boxes of the confirm page's form."""
    order = re.search(r"<form[^>]*data-tryon-order.*?</form>", page, re.S)[0]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', order))
    ticked = re.findall(r'name="models" value="(\d+)"[^>]* checked', order)
    return {"garments": hidden["garments"], "token": hidden["token"], "choice": "1", "models": ticked}


# ---------------------------------------------------------------- before the POST


def test_the_page_says_what_would_be_made_and_makes_nothing(staff, make_garment, preset_model, other_model):
    garments = [make_garment(str(number)) for number in range(3)]
    off = make_garment("off", name="Old coat", active=False)
    page = act(staff, *[garment.pk for garment in garments], off.pk).content.decode()
    assert "4 garments selected" in page
    assert "Make 6 shots" in page
    assert "Old coat: switched off" in page
    assert "instant" in page
    assert "Free: made on this server" in page
    assert fields_of(page)["models"] == [str(preset_model.pk), str(other_model.pk)]
    assert f"/tryon/models/{preset_model.pk}/thumb/" in page
    assert not TryOnResult.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_get_of_the_page_makes_nothing_whatever_it_asks_for(staff, garment, preset_model):
    page = staff.get(PAGE, {"garments": garment.pk, "make": "1", "one": "1"})
    assert page.status_code == 200
    assert not TryOnResult.objects.exists()


def test_select_all_across_pages_means_all(staff, make_garment, preset_model):
    for number in range(103):
        make_garment(str(number))
    first = staff.get(LIST).context["cl"].result_list[0]
    page = act(staff, first.pk, select_across="1").content.decode()
    assert "103 garments selected" in page
    assert "Make 103 shots" in page
    staff.post(PAGE, {**fields_of(page), "make": "1"})
    assert TryOnResult.objects.count() == 103


def test_the_price_of_a_paid_provider_is_named(staff, make_garment, preset_model, tryon_settings):
    backend = {"BACKEND": "tests.admin.test_generate.PaidProvider"}
    tryon_settings(PROVIDERS={"studio": backend})
    upper, lower = make_garment("1"), make_garment("2", name="Trousers", category=Category.LOWER.value)
    page = act(staff, upper.pk, lower.pk).content.decode()
    assert "About 2.5 credits (2.5 each)" in page
    assert "the garment pictures are sent to this provider" in page
    assert "Trousers: no provider makes shots of this category" in page


def test_without_preset_models_the_page_says_where_to_add_one(staff, garment):
    page = act(staff, garment.pk).content.decode()
    assert "There are no preset models" in page
    assert re.search(r'name="make"[^>]*disabled', page, re.S)


@pytest.mark.parametrize("text", ["", "x", "1,2,<script>", "9" * 30, "-1", "999999"])
def test_garments_that_are_not_there_lead_back_to_the_list(staff, preset_model, text):
    answer = staff.post(PAGE, {"garments": text, "make": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)
    assert not TryOnResult.objects.exists()


# ---------------------------------------------------------------- the POST


def test_make_queues_them_logs_them_and_shows_them(staff, make_garment, preset_model, other_model, make_result):
    mara = User.objects.get(username="mara")
    make_result(make_garment("earlier"), preset_model=preset_model, requested_by=mara, files=False)
    garments = [make_garment("a"), make_garment("b"), make_garment("c", active=False)]
    page = act(staff, *[garment.pk for garment in garments]).content.decode()
    answer = staff.post(PAGE, {**fields_of(page), "make": "1"}, follow=True)

    rows = TryOnResult.objects.filter(status=Status.QUEUED)
    expected = {(garment.pk, model.pk) for garment in garments[:2] for model in (preset_model, other_model)}
    assert set(rows.values_list("garment", "preset_model")) == expected
    assert {row.requested_by for row in rows} == {mara}
    assert {row.operation for row in rows} == {Operation.MODEL_SHOT}

    entries = LogEntry.objects.all()
    assert {entry.object_id for entry in entries} == {str(garment.pk) for garment in garments[:2]}
    assert {entry.user for entry in entries} == {mara}
    assert "Noor, Ines" in entries[0].get_change_message()
    assert "instant, free: made on this server" in entries[0].get_change_message()

    assert "4 shots queued, 1 garment skipped (switched off)." in html.unescape(answer.content.decode())
    assert answer.redirect_chain[-1][0].startswith(f"{SHOTS}?run=")
    assert set(answer.context["cl"].queryset) == set(rows)
    assert "0 of 4 finished" in answer.content.decode()


def test_only_ticked_models(staff, garment, preset_model, other_model):
    staff.post(PAGE, {"garments": garment.pk, "choice": "1", "models": [other_model.pk], "make": "1"})
    assert [row.preset_model for row in TryOnResult.objects.all()] == [other_model]


def test_no_ticked_model_makes_nothing(staff, garment, preset_model):
    page = staff.post(PAGE, {"garments": garment.pk, "choice": "1", "make": "1"})
    assert "tick at least one model" in page.content.decode()
    assert not TryOnResult.objects.exists()


def test_count_again_without_scripts(staff, garment, preset_model, other_model):
    data = {"garments": garment.pk, "choice": "1", "models": [preset_model.pk], "recount": "1"}
    page = staff.post(PAGE, data).content.decode()
    assert "Make 1 shot<" in page
    assert fields_of(page)["models"] == [str(preset_model.pk)]
    assert not TryOnResult.objects.exists()


def test_try_one_first_and_then_the_rest(staff, make_garment, preset_model, other_model):
    garments = [make_garment("a"), make_garment("b")]
    page = act(staff, *[garment.pk for garment in garments]).content.decode()
    answer = staff.post(PAGE, {**fields_of(page), "one": "1"}, follow=True)
    first = TryOnResult.objects.get()
    assert (first.garment, first.preset_model) == (garments[0], preset_model)
    assert LogEntry.objects.count() == 1

    link = html.unescape(re.search(rf'href="({re.escape(PAGE)}\?[^"]+)"', answer.content.decode())[1])
    rest = staff.get(link).content.decode()
    assert "Make 3 shots" in rest
    staff.post(PAGE, {**fields_of(rest), "missing": "1", "make": "1"})
    assert TryOnResult.objects.count() == 4
    assert len(set(TryOnResult.objects.values_list("garment", "preset_model"))) == 4


def test_a_failed_shot_is_not_left_out_as_being_there(staff, garment, preset_model, make_result):
    make_result(garment, Status.FAILED, preset_model=preset_model)
    page = staff.get(PAGE, {"garments": garment.pk, "missing": "1"}).content.decode()
    assert "Make 1 shot<" in page


def test_the_same_form_twice_makes_shots_once(staff, garment, preset_model):
    data = {**fields_of(act(staff, garment.pk).content.decode()), "make": "1"}
    staff.post(PAGE, data)
    answer = staff.post(PAGE, data, follow=True)
    assert "the form came in twice" in answer.content.decode()
    assert TryOnResult.objects.count() == 1


# ---------------------------------------------------------------- who may


def test_without_the_permission_the_action_is_not_offered_and_refused(login, instant, garment, preset_model):
    client = login("view_garment", "change_garment", "view_tryonresult")
    assert "generate_shots" not in client.get(LIST).content.decode()
    assert act(client, garment.pk).status_code == 403
    assert client.get(PAGE, {"garments": garment.pk}).status_code == 403
    assert client.post(PAGE, {"garments": garment.pk, "make": "1"}).status_code == 403
    assert PAGE not in client.get(f"{LIST}{garment.pk}/change/").content.decode()
    assert not TryOnResult.objects.exists()


def test_without_the_permission_to_see_shots_one_comes_back_to_the_garments(login, instant, garment, preset_model):
    client = login("view_garment", "add_tryonresult")
    answer = client.post(PAGE, {"garments": garment.pk, "make": "1"})
    assert answer.headers["Location"] == LIST
    assert TryOnResult.objects.count() == 1


def test_a_broken_provider_setting_is_not_a_crash(staff, garment, preset_model, tryon_settings):
    tryon_settings(PROVIDERS={"broken": {"BACKEND": "nowhere.Provider"}, "slow": setting("SlowProvider", nonsense=1)})
    page = act(staff, garment.pk).content.decode()
    assert "No provider is ready" in page
    assert "Crew tee: no provider makes shots of this category" in page
