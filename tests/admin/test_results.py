"""The list and the pages of on-model shots, and the shoppers' list that shows no pictures."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tryon.admin import publish
from tryon.admin.results import made_picture
from tryon.choices import Operation, Status
from tryon.models import Batch, ShopperPhoto, TryOnOutput, TryOnResult, WorkerSlot
from tryon.runner.drain import Drain

LIST = "/admin/tryon/tryonresult/"
SHOPPERS = f"{LIST}?operation=try_on"
PUBLISH = f"{LIST}publish/"


@pytest.fixture
def shot(garment, preset_model, make_result) -> TryOnResult:
    return make_result(garment, preset_model=preset_model)


@pytest.fixture
def tryon(garment, photo, consent, make_result) -> TryOnResult:
    """A shopper's own preview, with its photo."""
    return make_result(garment, operation=Operation.TRY_ON.value, shopper=photo.shopper, photo=photo, consent=consent)


def page_of(row: TryOnResult) -> str:
    return f"{LIST}{row.pk}/change/"


def content(page: str) -> str:
    """The page without the admin's own header and sidebar."""
    return page[page.index('id="content-main"') :]


def act(client, name: str, *rows: TryOnResult, query: str = ""):
    data = {"action": name, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
    return client.post(f"{LIST}{query}", data, follow=True)


# ---------------------------------------------------------------- the list


def test_the_list_shows_shots_with_both_pictures(staff, shot, tryon):
    answer = staff.get(LIST)
    page = answer.content.decode()
    assert list(answer.context["cl"].queryset) == [shot]
    output = shot.outputs.get()
    assert f'src="{LIST}picture/{output.pk}/thumb/"' in page
    assert f'src="/tryon/garments/{shot.garment_id}/thumb/' in page
    assert "<h1>On-model shots</h1>" in page
    assert "Crew tee worn by Noor. AI-generated" in page
    assert "4.0 s" in page
    assert "Ready" in page


def test_shoppers_try_ons_never_show_a_picture(staff, shot, tryon):
    answer = staff.get(SHOPPERS)
    assert list(answer.context["cl"].queryset) == [tryon]
    for page in (answer, staff.get(page_of(tryon))):
        text = content(page.content.decode())
        assert "<img" not in text.replace('<img src="/static/', "")
        for secret in (tryon.outputs.get().pk, tryon.photo_id, tryon.shopper_id, tryon.photo_id.hex, "/picture/"):
            assert str(secret) not in text
    assert "Pictures of shoppers are not shown" in text
    pages = site.get_model_admin(TryOnResult)
    assert "/picture/" not in made_picture(pages, tryon) + pages.pictures(tryon)
    assert "/picture/" in made_picture(pages, shot)


def test_edited_versions_have_a_list_and_are_published_and_taken_back_like_shots(staff, shot, make_result):
    edited = make_result(shot.garment, operation="upscale", source=shot.outputs.get(), provider="instant")
    clip = make_result(shot.garment, operation="generate_video", files=False)
    TryOnOutput.objects.create(result=clip, file="a.mp4", width=0, height=0, sha256="d", mime="video/mp4")
    listed = staff.get(f"{LIST}?operation=edited")
    assert set(listed.context["cl"].queryset) == {edited, clip}
    page = staff.get(page_of(edited)).content.decode()
    assert "Edited version" in page
    assert "shopper" not in content(page).lower()
    act(staff, "approve_shots", edited, query="?operation=edited")
    output = edited.outputs.get()
    posted = {"outputs": str(output.pk), f"alt-{output.pk}": "Tee", "publish": "1"}
    answer = staff.post(PUBLISH, posted, follow=True)
    assert "1 shot published." in answer.content.decode()
    assert list(answer.context["cl"].queryset) == [edited]
    assert 'value="unpublish_shots"' in staff.get(page_of(edited)).content.decode()
    staff.post(f"{LIST}{edited.pk}/act/", {"act": "unpublish_shots"})
    output.refresh_from_db()
    assert output.published_at is None


@pytest.mark.parametrize("query", ["?operation=try_on&operation=model_shot", "?operation=model_shot&operation=try_on"])
def test_the_two_lists_are_never_mixed(staff, shot, tryon, query):
    page = staff.get(LIST + query)
    (row,) = page.context["cl"].queryset
    shows_pictures = f"{LIST}picture/" in page.content.decode()
    assert shows_pictures is (row == shot)


def test_filters(staff, garment, make_garment, preset_model, make_result):
    ready = make_result(garment, preset_model=preset_model)
    ready.outputs.update(published_at=timezone.now())
    failed = make_result(garment, Status.FAILED, error_code="timed_out")
    blocked = make_result(garment, Status.BLOCKED, error_code="content_blocked")
    waiting = make_result(make_garment("skirt", category="lower"), Status.QUEUED)

    def rows(query: str) -> set[TryOnResult]:
        return set(staff.get(f"{LIST}?{query}").context["cl"].queryset)

    assert rows("status=failed") == {failed, blocked}
    assert rows("status=running") == {waiting}
    assert rows("published=yes") == {ready}
    assert rows("published=no") == {failed, blocked, waiting}
    assert rows("garment__category__exact=lower") == {waiting}
    assert rows(f"garment={garment.pk}") == {ready, failed, blocked}
    assert rows("q=noor") == {ready}
    everything = {ready, failed, blocked, waiting}
    assert rows("status=nonsense&published=nonsense") == everything
    assert rows("review=to_review") == {ready}
    assert rows("review=approved") == set()
    for nothing in ("garment=0", "garment=x", "batch=x", f"batch={uuid.uuid4()}", "garment=" + "9" * 40):
        assert rows(nothing) == set()


def test_an_error_is_said_in_words_with_its_fix(staff, garment, make_result):
    make_result(garment, Status.FAILED, error_code="garment_unsuitable", error_detail="no outline found")
    page = html.unescape(staff.get(LIST).content.decode())
    assert "The garment has no usable picture." in page
    assert "(no outline found)" in page
    assert "Upload another picture of the garment" in page
    assert "garment_unsuitable" not in page


def test_the_number_of_queries_does_not_grow_with_the_rows(staff, make_garment, preset_model, make_result):
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(staff.get(LIST).context["cl"].result_list) > 0
        return len(captured)

    for number in range(5):
        make_result(make_garment(str(number)), preset_model=preset_model)
    staff.get(LIST)
    few = count()
    for number in range(5, 50):
        row = make_result(make_garment(str(number)), preset_model=preset_model, files=False)
        TryOnOutput.objects.create(result=row, file="a", card="b", thumb="c", width=1, height=1, sha256="d")
    assert count() == few <= 10


# ---------------------------------------------------------------- progress


def test_what_is_in_progress_is_said(staff, garment, preset_model, make_result):
    now = timezone.now()
    WorkerSlot.objects.create(name="drain-0", owner="me", until=now + timedelta(hours=1), woken_at=now)
    make_result(garment, files=False)
    make_result(garment, Status.SUBMITTING, lease_owner="me")
    make_result(garment, Status.QUEUED)
    page = staff.get(LIST).content.decode()
    assert "2 in progress" in page
    assert 'data-running="2"' in page


def test_no_worker_is_said_only_after_a_while_and_only_when_rows_wait(staff, garment, make_result, monkeypatch):
    monkeypatch.setattr("tryon.tasks._last_nudge", 0.0)  # the page rings, which is no sign of a worker
    now = timezone.now()
    row = make_result(garment, Status.QUEUED, next_at=now - timedelta(seconds=40))
    page = html.unescape(staff.get(LIST).content.decode())
    assert re.search(r"No worker seen for 4\d s\.", page)
    assert "python manage.py qcluster" in page

    TryOnResult.objects.filter(pk=row.pk).update(next_at=now - timedelta(seconds=2))
    assert "No worker seen" not in staff.get(LIST).content.decode()

    TryOnResult.objects.filter(pk=row.pk).update(next_at=now - timedelta(seconds=40))
    slot, _ = WorkerSlot.objects.get_or_create(name="drain-0", defaults={"until": now, "woken_at": now})
    WorkerSlot.objects.filter(pk=slot.pk).update(owner="me", until=now + timedelta(minutes=1))
    assert "No worker seen" not in staff.get(LIST).content.decode()


def test_looking_at_waiting_rows_rings_for_a_worker(staff, garment, make_result, monkeypatch):
    from django_q.models import OrmQ

    monkeypatch.setattr("tryon.tasks._last_nudge", 0.0)
    staff.get(LIST)
    assert not OrmQ.objects.exists()
    make_result(garment, Status.QUEUED)
    staff.get(LIST)
    assert OrmQ.objects.count() == 1


def test_empty_lists_say_what_to_do(staff):
    assert "No on-model shots yet." in staff.get(LIST).content.decode()
    assert "/admin/tryon/garment/" in content(staff.get(LIST).content.decode())
    assert "No shots match these filters." in staff.get(f"{LIST}?status=failed").content.decode()
    assert "No shopper try-ons here." in staff.get(SHOPPERS).content.decode()


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", ["full", "card", "thumb"])
def test_a_picture_for_staff(staff, shot, size):
    answer = staff.get(reverse("admin:tryon_tryonresult_picture", args=[shot.outputs.get().pk, size]))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_shoppers_picture_is_not_found_by_anybody(staff, tryon, admin_client):
    url = reverse("admin:tryon_tryonresult_picture", args=[tryon.outputs.get().pk, "thumb"])
    assert staff.get(url).status_code == 404
    assert admin_client.get(url).status_code == 404


def test_pictures_that_are_not_there(staff, shot):
    output = shot.outputs.get()
    assert staff.get(f"{LIST}picture/{output.pk}/huge/").status_code == 404
    assert staff.get(f"{LIST}picture/{uuid.uuid4()}/full/").status_code == 404
    output.file.storage.delete(output.file.name)
    assert staff.get(f"{LIST}picture/{output.pk}/full/").status_code == 404


def test_pictures_need_staff_and_the_permission(login, shot, instant):
    url = reverse("admin:tryon_tryonresult_picture", args=[shot.outputs.get().pk, "full"])
    assert Client().get(url).status_code == 302
    assert login("view_garment").get(url).status_code == 403


# ---------------------------------------------------------------- review, publish and take back


def approve(*rows: TryOnResult) -> list[TryOnOutput]:
    TryOnOutput.objects.filter(result__in=rows).update(review="approved")
    return [row.outputs.get() for row in rows]


def test_approving_in_the_list(staff, shot, tryon, garment, make_result):
    failed = make_result(garment, Status.FAILED, error_code="timed_out")
    answer = act(staff, "approve_shots", shot, failed, tryon)
    assert shot.outputs.get().review == "approved"
    assert tryon.outputs.get().review == ""
    assert "1 shot approved." in answer.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (str(shot.pk), "Approved.")


def test_publishing_shows_a_list_first(staff, shot, garment, make_result):
    unapproved = make_result(garment)
    (output,) = approve(shot)
    page = act(staff, "publish_shots", shot, unapproved).content.decode()
    assert "becomes picture 1" in page
    assert "It is not approved." in page
    assert "Crew tee worn by a model, front view. AI-generated</textarea>" in page
    assert "Publish 1 shot<" in page
    assert not TryOnOutput.objects.filter(published_at__isnull=False).exists()

    data = {"outputs": str(output.pk), f"alt-{output.pk}": "Tee, worn", "publish": "1"}
    answer = staff.post(PUBLISH, data, follow=True)
    assert "1 shot published." in answer.content.decode()
    assert answer.redirect_chain == [(f"{LIST}?published=yes", 302)]
    output.refresh_from_db()
    assert (output.alt, output.published_at is None) == ("Tee, worn", False)
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Published."]


def test_a_get_publishes_nothing_and_a_missing_text_is_asked_for(staff, shot):
    (output,) = approve(shot)
    data = {"outputs": str(output.pk), f"alt-{output.pk}": " ", "publish": "1"}
    assert staff.get(PUBLISH, data).status_code == 200
    page = staff.post(PUBLISH, data).content.decode()
    assert "Nothing was published." in page
    assert "It needs an alternative text." in page
    assert 'name="outputs"' in page  # it can be mended
    assert not TryOnOutput.objects.filter(published_at__isnull=False).exists()


def test_a_long_list_is_published_page_by_page(staff, garment, make_result, monkeypatch, settings):
    """301 are two pages, for a form has two fields for each picture; three are enough to see it."""
    assert 2 * publish.MOST + 10 < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    monkeypatch.setattr(publish, "MOST", 3)
    batch = Batch.objects.create(operation="model_shot", status="done")
    blank = {"card": "b", "thumb": "c", "width": 9, "height": 9, "sha256": "d", "review": "approved"}
    file = make_result(garment).outputs.get().file.name
    rows = [make_result(garment, batch=batch, files=False) for _ in range(4)]
    outputs = TryOnOutput.objects.bulk_create(TryOnOutput(result=row, file=file, **blank) for row in rows)
    page = staff.get(PUBLISH, {"batch": batch.pk})
    assert "3 of 4 shots are listed." in page.content.decode()
    form = {"publish": "1", "place": "first", "rest": page.context["rest"]}
    for step, *_ in page.context["items"]:
        form.setdefault("outputs", []).append(str(step.output.pk))
        form[f"alt-{step.output.pk}"] = step.alt
    page = staff.post(PUBLISH, form)
    assert "3 shots published. The others are below." in page.content.decode()
    assert [step.output.pk for step, *_ in page.context["items"]] == [outputs[-1].pk]
    assert page.context["first"]
    assert page.context["rest"] == ""
    listed = act(staff, "publish_shots", *rows)
    assert listed.context["total"] == 4


def test_publishing_a_whole_batch(staff, garment, preset_model, make_result):
    batch = Batch.objects.create(operation="model_shot", status="done")
    rows = [make_result(garment, preset_model=preset_model, batch=batch) for _ in range(3)]
    approve(*rows[:2])
    page = staff.get(PUBLISH, {"batch": batch.pk}).content.decode()
    assert "Publish 2 shots" in page
    assert staff.get(PUBLISH, {"batch": "x"}).status_code == 200
    assert "Nothing to publish" in staff.get(PUBLISH).content.decode()


def test_unpublish(staff, shot, garment, make_result):
    other = make_result(garment)
    (output,) = approve(shot)
    staff.post(PUBLISH, {"outputs": str(output.pk), "publish": "1"})
    assert "tryon-chip-live" in staff.get(LIST).content.decode()
    answer = act(staff, "unpublish_shots", shot, other)
    assert not TryOnOutput.objects.filter(published_at__isnull=False).exists()
    assert "1 shot unpublished. 1 left out: not published." in answer.content.decode()
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Unpublished.", "Published."]


def test_make_again_queues_a_new_row_and_keeps_the_old_one(staff, shot, garment, make_result):
    answer = act(staff, "make_again", shot)
    new = TryOnResult.objects.get(status=Status.QUEUED)
    assert (new.garment, new.preset_model, new.requested_by.username) == (garment, shot.preset_model, "mara")
    assert (new.again_of, new.batch.name) == (shot, "Made again")
    assert "1 shot queued." in answer.content.decode()
    assert answer.redirect_chain[-1][0] == f"/admin/tryon/batch/{new.batch_id}/change/"
    assert LogEntry.objects.get().object_id == str(shot.pk)


def test_make_again_not_for_what_is_switched_off(staff, shot, garment):
    garment.active = False
    garment.save()
    act(staff, "make_again", shot)
    assert TryOnResult.objects.count() == 1


def test_cancel_stops_what_runs_and_nothing_else(staff, shot, garment, make_result):
    waiting = make_result(garment, Status.QUEUED)
    answer = act(staff, "cancel_shots", shot, waiting)
    waiting.refresh_from_db()
    shot.refresh_from_db()
    assert (waiting.status, shot.status) == (Status.CANCELED, Status.SUCCEEDED)
    assert "1 shot cancelled. 1 left out: over already." in answer.content.decode()
    assert LogEntry.objects.get().object_id == str(waiting.pk)


ACTS = {
    "approve_shots": "review_shots",
    "publish_shots": "publish_shots",
    "unpublish_shots": "publish_shots",
    "make_again": "generate_shots",
    "cancel_shots": "generate_shots",
}


@pytest.mark.parametrize(("name", "permission"), ACTS.items())
def test_an_act_without_its_permission_is_not_offered_and_refused(login, instant, shot, name, permission):
    others = {"generate_shots", "review_shots", "publish_shots", "see_spend", "change_tryonresult"} - {permission}
    client = login("view_tryonresult", *others)
    before = TryOnResult.objects.values_list("status", "version").get()
    assert f'value="{name}"' not in client.get(LIST).content.decode()
    assert f'value="{name}"' not in client.get(page_of(shot)).content.decode()
    assert act(client, name, shot).status_code == 403
    assert client.post(f"{LIST}{shot.pk}/act/", {"act": name}).status_code == 403
    assert TryOnResult.objects.values_list("status", "version").get() == before
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_acts_are_not_for_shoppers_try_ons(staff, tryon, name):
    assert f'value="{name}"' not in staff.get(SHOPPERS).content.decode()
    assert act(staff, name, tryon, query="?operation=try_on").status_code == 403
    assert staff.post(f"{LIST}{tryon.pk}/act/", {"act": name}).status_code == 404
    assert TryOnResult.objects.count() == 1


# ---------------------------------------------------------------- one shot


def test_the_page_of_a_shot(staff, shot):
    page = staff.get(page_of(shot)).content.decode()
    assert f"{LIST}picture/{shot.outputs.get().pk}/card/" in page
    assert f"/tryon/garments/{shot.garment_id}/full/" in page
    for words in ("Requested", "Taken by a worker", "+4.0 s", "AI-generated", "Make again", "Approve", "0.00 USD"):
        assert words in page
    assert 'value="publish_shots"' not in page  # not before somebody approved it
    assert 'value="cancel_shots"' not in page
    assert 'value="unpublish_shots"' not in page


def test_the_score_of_a_shot_is_explained_on_its_page(staff, shot):
    assert "of 100" not in staff.get(page_of(shot)).content.decode()
    findings = [{"key": "size", "value": 400, "lost": 40, "flag": True}]
    shot.outputs.update(score=60, scores={"findings": findings, "flags": ["size"]})
    page = staff.get(page_of(shot)).content.decode()
    assert "Fidelity: 60 of 100" in page
    assert "400 px: The short side is too small for a product page." in page


def test_the_buttons_of_a_shot_do_it_and_come_back(staff, shot):
    answer = staff.post(f"{LIST}{shot.pk}/act/", {"act": "approve_shots"}, follow=True)
    assert answer.redirect_chain == [(page_of(shot), 302)]
    assert 'value="publish_shots"' in answer.content.decode()
    assert "becomes picture 1" in staff.post(f"{LIST}{shot.pk}/act/", {"act": "publish_shots"}).content.decode()
    answer = staff.post(f"{LIST}{shot.pk}/act/", {"act": "make_again"}, follow=True)
    assert answer.redirect_chain[0][0].startswith("/admin/tryon/batch/")


@pytest.mark.parametrize("name", ["", "delete_selected", "get_queryset", "__init__"])
def test_only_the_four_acts_can_be_called(staff, shot, name):
    assert staff.post(f"{LIST}{shot.pk}/act/", {"act": name}).status_code == 403


def test_an_act_is_a_post_with_a_token(staff, shot):
    assert staff.get(f"{LIST}{shot.pk}/act/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    assert strict.post(f"{LIST}{shot.pk}/act/", {"act": "publish_shots"}).status_code == 403


def test_rows_are_read_only(admin_client, shot):
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(page_of(shot), {"status": "failed"}).status_code == 403
    shot.refresh_from_db()
    assert shot.status == Status.SUCCEEDED


# ---------------------------------------------------------------- shoppers' photos


def test_opening_a_shoppers_photo_needs_its_own_permission_and_is_written_down(login, admin_client, instant, tryon):
    url = f"{LIST}{tryon.pk}/photo/"
    curious = login("view_tryonresult", "generate_shots", "review_shots", "publish_shots", "see_spend")
    assert url not in curious.get(page_of(tryon)).content.decode()
    assert curious.post(url).status_code == 403
    assert not LogEntry.objects.exists()

    allowed = login("view_tryonresult", "see_shopper_photos", name="yann")
    assert url in allowed.get(page_of(tryon)).content.decode()
    assert allowed.get(url).status_code == 405  # a link or a picture tag opens nothing
    answer = allowed.post(url)
    assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")
    assert "no-store" in answer.headers["Cache-Control"]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("yann", str(tryon.pk))
    assert entry.get_change_message() == "Opened the shopper's photo."


def test_a_photo_whose_time_has_come_is_not_shown(login, instant, tryon, shot):
    allowed = login("view_tryonresult", "see_shopper_photos")
    assert allowed.post(f"{LIST}{shot.pk}/photo/").status_code == 404
    ShopperPhoto.objects.update(expires_at=timezone.now())
    assert allowed.post(f"{LIST}{tryon.pk}/photo/").status_code == 404
    assert not LogEntry.objects.exists()


# ---------------------------------------------------------------- deleting


@pytest.mark.parametrize("way", ["list", "page"])
def test_deleting_a_shot_deletes_its_files(staff, shot, way, django_capture_on_commit_callbacks):
    output = shot.outputs.get()
    with django_capture_on_commit_callbacks(execute=True):
        if way == "list":
            staff.post(LIST, {"action": "delete_selected", "_selected_action": str(shot.pk), "post": "yes"})
        else:
            staff.post(f"{LIST}{shot.pk}/delete/", {"post": "yes"})
    assert not TryOnResult.objects.exists()
    assert not any(file.storage.exists(file.name) for file in (output.file, output.card, output.thumb))


def test_deleting_a_try_on_deletes_the_photo_that_nothing_else_needs(staff, tryon):
    photo = tryon.photo
    staff.post(SHOPPERS, {"action": "delete_selected", "_selected_action": str(tryon.pk), "post": "yes"})
    assert not photo.file.storage.exists(photo.file.name)


def test_deleting_needs_the_permission(login, instant, shot):
    client = login("view_tryonresult")
    assert client.post(f"{LIST}{shot.pk}/delete/", {"post": "yes"}).status_code == 403
    assert TryOnResult.objects.exists()


# ---------------------------------------------------------------- from the click to the picture


@pytest.mark.django_db(transaction=True)
def test_a_shot_from_the_form_to_the_picture(staff, garment, preset_model):
    staff.post("/admin/tryon/garment/generate-shots/", {"garments": garment.pk, "make": "1"})
    Drain(idle=0).run()
    row = TryOnResult.objects.get()
    assert (row.status, row.provider, row.error_code) == (Status.SUCCEEDED, "instant", "")
    answer = staff.get(f"{LIST}picture/{row.outputs.get().pk}/full/")
    assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")
    assert ">1/1<" in staff.get("/admin/tryon/garment/").content.decode()
