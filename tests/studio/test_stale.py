"""Published shots whose garment changed are found, made again, or kept; a picture that comes back clears them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from tests.providers.fakes import jpeg
from tryon.choices import Category, Status
from tryon.garments import bring_back, exchange_picture, garment_picture, save_garment, set_picture
from tryon.models import FormerPicture, Garment, PresetModel, TryOnOutput, TryOnResult
from tryon.studio import stale

RED = garment_picture(jpeg(500, 600, "#993322"))


@pytest.fixture
def published(make_result: Callable[..., TryOnResult], garment: Garment, preset_model: PresetModel) -> TryOnOutput:
    make_result(garment, preset_model=preset_model)
    TryOnOutput.objects.update(published_at=timezone.now())
    return TryOnOutput.objects.select_related("result__garment").get()


def is_stale() -> bool:
    return stale.stale().exists()


def test_another_picture_makes_published_shots_stale_and_the_old_one_makes_them_true_again(published, garment, mara):
    assert published.source_sha256 == garment.sha256
    former = exchange_picture(garment, RED, user=mara)
    assert is_stale()
    bring_back(former, user=mara)
    assert not is_stale()


def test_the_shops_own_new_picture_makes_stale(published, garment):
    save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=RED)
    assert is_stale()


def test_a_renamed_colour_makes_stale_and_a_renamed_garment_does_not(published, garment):
    garment.name = "Crew tee, organic"
    garment.save()
    assert not is_stale()
    garment.variant = "Ink"
    garment.save()
    assert is_stale()


def test_what_is_not_published_is_not_marked(published, garment):
    TryOnOutput.objects.update(published_at=None)
    set_picture(garment, RED)
    TryOnOutput.objects.update(published_at=timezone.now())
    assert not is_stale()


def test_the_sweep_finds_what_was_changed_past_the_models(published, garment):
    Garment.objects.update(sha256="f" * 64)
    assert not is_stale()
    assert stale.sweep() == 1
    assert is_stale()
    assert stale.sweep() == 0


def test_made_again_once_from_the_picture_it_has_now(published, garment, mara):
    set_picture(garment, RED)
    (again,) = stale.remake([published], user=mara)
    assert again.again_of == published.result
    assert again.preset_model == published.result.preset_model
    assert again.status == Status.QUEUED
    assert stale.remake([published], user=mara) == []  # it is on its way
    assert is_stale()  # the shop shows the old one until the new one is published


def test_a_garment_that_is_switched_off_is_not_made_again(published, garment, mara):
    garment.active = False
    set_picture(garment, RED)
    assert stale.remake(stale.stale().select_related("result__garment"), user=mara) == []


def test_still_right_is_kept(published, garment):
    set_picture(garment, RED)
    assert stale.keep([TryOnOutput.objects.select_related("result__garment").get()]) == 1
    assert not is_stale()
    assert stale.sweep() == 0


# ---------------------------------------------------------------- exchanging the picture


def test_the_former_picture_is_kept_byte_by_byte_and_comes_back(garment, mara, django_capture_on_commit_callbacks):
    with garment.image.open("rb") as file:
        before, digest = file.read(), garment.sha256
    with django_capture_on_commit_callbacks(execute=True):
        former = exchange_picture(garment, RED, user=mara)
    assert garment.sha256 == RED.sha256
    with django_capture_on_commit_callbacks(execute=True):
        replaced = bring_back(former, user=mara)
    garment.refresh_from_db()
    assert garment.sha256 == digest
    with garment.image.open("rb") as file:
        assert file.read() == before
    assert replaced.sha256 == RED.sha256
    assert list(FormerPicture.objects.all()) == [replaced]
    assert not former.image.storage.exists(former.image.name)


def test_the_shops_catalog_does_not_undo_what_staff_chose(garment, mara):
    shops_own = garment_picture(jpeg(500, 600, "#335577"))
    set_picture(garment, shops_own)
    exchange_picture(garment, RED, user=mara)
    _garment, changed = save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=shops_own)
    assert not changed
    garment.refresh_from_db()
    assert garment.sha256 == RED.sha256
    new = garment_picture(jpeg(500, 600, "#112233"))
    save_garment("1", "", name="Crew tee", category=Category.UPPER, picture=new)
    garment.refresh_from_db()
    assert garment.sha256 == new.sha256


def test_files_of_former_pictures_go_with_the_garment(garment, mara, django_capture_on_commit_callbacks):
    former = exchange_picture(garment, RED, user=mara)
    storage, name = former.image.storage, former.image.name
    assert storage.exists(name)
    with django_capture_on_commit_callbacks(execute=True):
        garment.delete()
    assert not storage.exists(name)
