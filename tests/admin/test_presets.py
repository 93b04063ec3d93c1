"""Preset models and consents in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.providers.fakes import jpeg
from tryon.models import Consent, PresetModel, Shopper

LIST = "/admin/tryon/presetmodel/"
CONSENTS = "/admin/tryon/consent/"


def form(**changes: Any) -> dict[str, Any]:
    return {"name": "Noor", "size": "M", "skin_tone": "tan", "active": "on", "position": "0", **changes}


def photo(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("noor.jpg", data or jpeg(700, 1100), "image/jpeg")


def test_a_person_is_added_with_photo_and_release(staff):
    assert staff.post(f"{LIST}add/", form(upload=photo(), release="on")).status_code == 302
    preset = PresetModel.objects.get()
    assert (preset.width, preset.height, preset.mannequin) == (700, 1100, "")
    assert "Model release confirmed." in [
        entry.get_change_message().split(". ")[-1] for entry in LogEntry.objects.all()
    ]
    assert f"/tryon/models/{preset.pk}/thumb/" in staff.get(LIST).content.decode()


def test_no_photo_of_a_person_without_a_release(staff):
    answer = staff.post(f"{LIST}add/", form(upload=photo()))
    assert "Confirm the model release" in str(answer.context["adminform"].form.errors["release"])
    assert not PresetModel.objects.exists()


def test_a_bad_photo_is_refused_in_words(staff, preset_model):
    answer = staff.post(f"{LIST}{preset_model.pk}/change/", form(upload=photo(jpeg(200, 300)), release="on"))
    (words,) = answer.context["adminform"].form.errors["upload"]
    assert "Shorter side under 256 pixels" in words


def test_changing_words_asks_for_no_photo_and_no_release(staff, preset_model):
    assert staff.post(f"{LIST}{preset_model.pk}/change/", form(name="Nora")).status_code == 302
    preset_model.refresh_from_db()
    assert preset_model.name == "Nora"


def test_a_mannequin_keeps_its_picture(staff, preset_model):
    preset_model.mannequin = "m-01"
    preset_model.save()
    assert 'name="upload"' not in staff.get(f"{LIST}{preset_model.pk}/change/").content.decode()
    data = form(name="Drawn", upload=photo(jpeg(900, 1500)), release="on")
    assert staff.post(f"{LIST}{preset_model.pk}/change/", data).status_code == 302
    preset_model.refresh_from_db()
    assert (preset_model.name, preset_model.width) == ("Drawn", 600)


def test_order_and_offer_are_changed_in_the_list(staff, preset_model, other_model):
    data = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "2",
        "form-0-id": preset_model.pk,
        "form-0-position": "5",
        "form-1-id": other_model.pk,
        "form-1-position": "0",
        "form-1-active": "on",
        "_save": "Save",
    }
    assert staff.post(LIST, data).status_code == 302
    assert [model.name for model in PresetModel.objects.all()] == ["Ines", "Noor"]
    preset_model.refresh_from_db()
    assert preset_model.active is False


@pytest.mark.parametrize("way", ["list", "page"])
def test_deleting_takes_the_files_along(staff, preset_model, way, django_capture_on_commit_callbacks):
    storage, names = preset_model.image.storage, [preset_model.image.name, preset_model.thumb.name]
    with django_capture_on_commit_callbacks(execute=True):
        if way == "list":
            staff.post(LIST, {"action": "delete_selected", "_selected_action": preset_model.pk, "post": "yes"})
        else:
            staff.post(f"{LIST}{preset_model.pk}/delete/", {"post": "yes"})
    assert not PresetModel.objects.exists()
    assert not any(storage.exists(name) for name in names)


# ---------------------------------------------------------------- consents


def test_consents_are_evidence_to_read(admin_client, consent, photo):
    page = admin_client.get(CONSENTS).content.decode()
    assert consent.version in page
    detail = admin_client.get(f"{CONSENTS}{consent.pk}/change/").content.decode()
    assert consent.text[:40] in detail
    for secret in (photo.pk, consent.shopper_id):
        assert str(secret) not in page + detail


def test_consents_are_not_changed_added_or_deleted_by_hand(admin_client, consent):
    assert admin_client.get(f"{CONSENTS}add/").status_code == 403
    assert admin_client.post(f"{CONSENTS}{consent.pk}/change/", {"text": "no"}).status_code == 403
    assert admin_client.post(f"{CONSENTS}{consent.pk}/delete/", {"post": "yes"}).status_code == 403
    assert 'name="action"' not in admin_client.get(CONSENTS).content.decode()
    assert Consent.objects.get() == consent


def test_a_user_who_leaves_can_be_deleted_and_the_evidence_names_nobody(admin_client, consent):
    user = User.objects.create_user("leaver")
    Shopper.objects.filter(pk=consent.shopper_id).update(user=user)
    answer = admin_client.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not Shopper.objects.exists()
    assert Consent.objects.get().shopper is None


def test_shoppers_and_their_photos_are_not_in_the_admin(admin_client, photo):
    for name in ("shopper", "shopperphoto", "tryonoutput", "workerslot"):
        assert admin_client.get(f"/admin/tryon/{name}/").status_code == 404
