"""The action "Generate on-model shots…": nothing before the POST, exactly what was said after it."""

from __future__ import annotations

import csv
import html
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.providers.fakes import InstantProvider, setting
from tests.studio.providers import settings
from tryon.choices import Category, Operation, Status
from tryon.models import Batch, LedgerEntry, TryOnOutput, TryOnResult
from tryon.providers.base import Capability

LIST = "/admin/tryon/garment/"
PAGE = f"{LIST}generate-shots/"
BATCHES = "/admin/tryon/batch/"


class PaidProvider(InstantProvider):
    paid = True
    leaves_server = True
    credit_price = Decimal("0.10")

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
    return {"garments": hidden["garments"], "key": hidden["key"], "choice": "1", "models": ticked}


# ---------------------------------------------------------------- before the POST


def test_the_page_says_what_would_be_made_and_makes_nothing(staff, make_garment, preset_model, other_model):
    garments = [make_garment(str(number)) for number in range(3)]
    off = make_garment("off", name="Old coat", active=False)
    page = act(staff, *[garment.pk for garment in garments], off.pk).content.decode()
    assert "4 garments selected" in page
    assert "Make 3 shots" in page  # of a first order one model is ticked
    assert "Old coat: switched off" in page
    assert "instant" in page
    assert "free: made on this server" in page
    assert fields_of(page)["models"] == [str(preset_model.pk)]
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
    assert "0.25 USD (2.5 credits)" in page
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


def test_make_orders_a_batch_logs_it_and_shows_it(staff, make_garment, preset_model, other_model, make_result):
    mara = User.objects.get(username="mara")
    make_result(make_garment("earlier"), preset_model=preset_model, requested_by=mara, files=False)
    garments = [make_garment("a"), make_garment("b"), make_garment("c", active=False)]
    page = act(staff, *[garment.pk for garment in garments]).content.decode()
    both = {**fields_of(page), "models": [preset_model.pk, other_model.pk]}
    answer = staff.post(PAGE, {**both, "name": "Autumn", "make": "1"}, follow=True)
    next_time = act(staff, garments[0].pk).content.decode()
    assert fields_of(next_time)["models"] == [str(preset_model.pk), str(other_model.pk)]
    assert "the models of your last order" in next_time

    batch = Batch.objects.get()
    assert (batch.name, batch.created_by, batch.total) == ("Autumn", mara, 4)
    rows = batch.results.all()
    expected = {(garment.pk, model.pk) for garment in garments[:2] for model in (preset_model, other_model)}
    assert set(rows.values_list("garment", "preset_model")) == expected
    assert {row.status for row in rows} == {Status.QUEUED}
    assert {row.operation for row in rows} == {Operation.MODEL_SHOT}

    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == (str(batch.pk), mara)
    assert "4 shots ordered with Noor, Ines. Made by: instant. At most 0.00 USD." in entry.get_change_message()

    assert "4 shots queued, 1 garment skipped (switched off)." in html.unescape(answer.content.decode())
    assert answer.redirect_chain[-1][0] == f"{BATCHES}{batch.pk}/change/"
    assert "0 of 4" in answer.content.decode()


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


def test_one_product_first_and_then_the_rest(staff, make_garment, preset_model, other_model):
    garments = [make_garment("a"), make_garment("b")]
    page = act(staff, *[garment.pk for garment in garments]).content.decode()
    both = {**fields_of(page), "models": [preset_model.pk, other_model.pk]}
    answer = staff.post(PAGE, {**both, "one": "1"}, follow=True)
    batch = Batch.objects.get()
    first = batch.results.filter(next_at__isnull=False)
    assert {row.garment for row in first} == {garments[0]}
    assert "2 shots are made first, 2 wait for your word" in answer.content.decode()
    assert "Go on with 2 shots" in answer.content.decode()
    staff.post(f"{BATCHES}{batch.pk}/act/", {"act": "resume"})
    assert batch.results.filter(next_at__isnull=False).count() == 4


def test_a_form_with_everything(staff, garment, preset_model, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio", "themed"))
    data = {"garments": garment.pk, "choice": "1", "models": [preset_model.pk], "generated": "1", "variants": "2"}
    data |= {"themes": "on a beach\nat night\n\n", "theme": ["Park"], "provider": "studio", "max_cost": "12,50"}
    data |= {"o-studio-mode": "fine", "o-studio-seed": "7", "o-studio-crop": "true"}
    page = staff.post(PAGE, {**data, "recount": "1"}).content.decode()
    assert "Make 12 shots" in page  # 2 models, 3 places, 2 of each
    assert "6.00 USD" in page
    staff.post(PAGE, {**data, "make": "1"})
    batch = Batch.objects.get()
    assert batch.max_cost == Decimal("12.50")
    assert {row.options["prompt"] for row in batch.results.all()} == {"Park", "on a beach", "at night"}
    assert {row.options["seed"] for row in batch.results.all()} == {7, 8}
    assert {(row.options["mode"], row.options["crop"], row.pinned) for row in batch.results.all()} == {
        ("fine", True, True)
    }
    assert batch.results.filter(preset_model=None).count() == 6


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("o-studio-seed", "100", "over 99"),
        ("max_cost", "much", "is not an amount"),
        ("themes", "\n".join(map(str, range(13))), "At most 12 places"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(staff, garment, preset_model, tryon_settings, field, value, words):
    tryon_settings(PROVIDERS=settings("studio"))
    data = {"garments": garment.pk, "choice": "1", "models": [preset_model.pk], field: value, "make": "1"}
    page = html.unescape(staff.post(PAGE, data).content.decode())
    assert words in page
    assert re.search(r'name="make"[^>]*disabled', page, re.S)
    assert not Batch.objects.exists()


def test_over_budget_names_what_fits_and_makes_nothing(staff, login, make_garment, preset_model, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio"), CAPS={"shop": {"day": "1.20"}})
    keys = ",".join(str(make_garment(str(number)).pk) for number in range(5))
    page = staff.get(PAGE, {"garments": keys}).content.decode()
    assert "The budget is enough for 2 of 5 shots." in page
    poorer = login("view_garment", "generate_shots", name="yann").get(PAGE, {"garments": keys}).content.decode()
    assert "The budget is not enough for all of these shots." in poorer
    assert "Budget left" not in poorer
    assert re.search(r'name="make"[^>]*disabled', page, re.S)
    answer = staff.post(PAGE, {"garments": keys, "make": "1"})
    assert "The budget is enough for 2 of 5 shots." in answer.content.decode()
    assert not TryOnResult.objects.exists()


def read(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_dry_run_as_csv_names_every_picture_and_every_reason(
    staff, make_garment, preset_model, other_model, tryon_settings
):
    garments = [make_garment("a", name="=cmd()"), make_garment("b", active=False, name="Old coat")]
    both = {"garments": ",".join(str(one.pk) for one in garments), "choice": "1"}
    both |= {"models": [preset_model.pk, other_model.pk], "csv": "1"}
    answer = staff.post(PAGE, both)
    rows = read(answer)
    assert [(row["garment"], row["model"], row["skipped_because"]) for row in rows] == [
        ("'=cmd()", "Noor", ""),
        ("'=cmd()", "Ines", ""),
        ("Old coat", "", "switched off"),
    ]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    tryon_settings(PROVIDERS=settings("studio", "person"))
    compared = {**both, "provider": ["studio", "person"], "themes": "Beach", "models": preset_model.pk}
    assert [(row["provider"], row["skipped_because"]) for row in read(staff.post(PAGE, compared))] == [
        ("studio", ""),
        ("person", "person can’t be told “Beach”"),
        ("", "switched off"),
    ]
    del compared["csv"]
    assert "1 shot: person can’t be told “Beach”" in staff.post(PAGE, compared).content.decode()
    assert not TryOnResult.objects.exists()


def test_what_reviewers_refused_is_shown_where_the_next_batch_is_made(
    staff, login, garment, make_garment, preset_model, make_result
):
    """By what the pictures were ordered with, of the categories that are ordered, with money for who may see it."""
    skirt = make_garment("skirt", category="lower")
    rows = [
        make_result(garment, files=False, options={"prompt": "Beach"}),
        make_result(garment, files=False, note="Park"),
    ]
    rows += [make_result(garment, files=False), make_result(skirt, files=False, options={"prompt": "Moor"})]
    blank = {"file": "a", "card": "b", "thumb": "c", "width": 9, "height": 9, "sha256": "d"}
    for row, review in zip(rows, ("rejected", "rejected", "approved", "rejected"), strict=True):
        reasons = [] if review == "approved" else ["colour"]
        TryOnOutput.objects.create(result=row, review=review, reasons=reasons, reviewed_at=timezone.now(), **blank)
    spent = {"result_id": rows[0].pk, "operation": "model_shot", "category": "upper", "state": "committed"}
    LedgerEntry.objects.create(provider="instant", amount="0.40", **spent)

    def said(client: Client, *keys: int) -> str:
        page = html.unescape(client.get(PAGE, {"garments": ",".join(map(str, keys))}).content.decode())
        return re.search(r"instant: [^<]+", page.partition("What reviewers said lately:")[2])[0]

    own = "refused for: Wrong colour (2); with “Beach”: Wrong colour (1); with “Park”: Wrong colour (1)."
    each = "0.40 USD for each approved picture"
    assert said(staff, garment.pk) == f"instant: 1 of 3 approved (33 %); {each}; {own}"
    assert "Moor" in said(staff, garment.pk, skirt.pk)
    poorer = login("view_garment", "generate_shots", name="yann")
    assert said(poorer, garment.pk) == f"instant: 1 of 3 approved (33 %); {own}"


def test_the_fragment_holds_the_totals_only(staff, garment, preset_model):
    page = staff.post(PAGE, {"garments": garment.pk, "fragment": "1"}).content.decode()
    assert 'data-tryon-part="total" data-shots="1" data-possible="1"' in page
    assert "<html" not in page


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


def test_who_may_order_sees_the_batch(login, instant, garment, preset_model):
    client = login("view_garment", "generate_shots")
    answer = client.post(PAGE, {"garments": garment.pk, "make": "1"})
    assert answer.headers["Location"] == f"{BATCHES}{Batch.objects.get().pk}/change/"
    assert client.get(answer.headers["Location"]).status_code == 200


def test_a_broken_provider_setting_is_not_a_crash(staff, garment, preset_model, tryon_settings):
    tryon_settings(PROVIDERS={"broken": {"BACKEND": "nowhere.Provider"}, "slow": setting("SlowProvider", nonsense=1)})
    page = act(staff, garment.pk).content.decode()
    assert "Nobody: see below." in page
    assert "Crew tee: no provider makes shots of this category" in page
