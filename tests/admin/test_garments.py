"""The list and the form of garments."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.providers.fakes import jpeg
from tryon.catalog import ProductCatalog
from tryon.choices import Category, Operation, Status
from tryon.models import Garment, TryOnResult

LIST = "/admin/tryon/garment/"


class PageCatalog(ProductCatalog):
    """Every product has a page, except "hidden"."""

    def get_product(self, ref: str) -> str | None:
        return None if ref == "hidden" else ref

    def product_url(self, product: Any) -> str:
        return f"/products/{product}/"


@pytest.fixture
def catalog(tryon_settings) -> None:
    tryon_settings(CATALOG="tests.admin.test_garments.PageCatalog")


def form(**changes: Any) -> dict[str, Any]:
    return {"name": "Crew tee", "product_ref": "1", "variant": "", "category": "upper", "active": "on", **changes}


def upload(data: bytes, name: str = "tee.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


# ---------------------------------------------------------------- the list


def test_a_row_says_how_far_the_garment_is(staff, garment, preset_model, other_model, make_result):
    make_result(garment, preset_model=preset_model, files=False)
    make_result(garment, preset_model=preset_model, files=False)  # the same model twice counts once
    make_result(garment, Status.FAILED, preset_model=other_model)
    make_result(garment, preset_model=other_model, operation=Operation.TRY_ON.value, files=False)
    page = staff.get(LIST).content.decode()
    assert ">1/2<" in page
    assert "1 of 2 models have a shot" in page
    thumb = reverse("tryon:garment-picture", kwargs={"pk": garment.pk, "size": "thumb"})
    assert f'src="{thumb}?v={garment.sha256[:16]}"' in page
    assert f"/admin/tryon/tryonresult/?garment={garment.pk}" in page


def test_a_shot_on_a_model_that_is_not_offered_any_more_does_not_count(staff, garment, preset_model, make_result):
    make_result(garment, preset_model=preset_model, files=False)
    preset_model.active = False
    preset_model.save()
    assert ">0/0<" in staff.get(LIST).content.decode()


def test_filters_and_search(staff, make_garment, preset_model, make_result):
    shot = make_garment("with-shot", name="Jumper")
    make_result(shot, preset_model=preset_model, files=False)
    make_garment("bare", name="Skirt", category=Category.LOWER.value)
    make_garment("small", name="Socks", width=500, active=False)

    def names(query: str) -> set[str]:
        return {garment.name for garment in staff.get(f"{LIST}?{query}").context["cl"].queryset}

    assert names("shots=yes") == {"Jumper"}
    assert names("shots=no") == {"Skirt", "Socks"}
    assert names("small=yes") == {"Socks"}
    assert names("small=no") == {"Jumper", "Skirt"}
    assert names("category__exact=lower") == {"Skirt"}
    assert names("active__exact=0") == {"Socks"}
    assert names("q=bar") == {"Skirt"}
    assert names("q=jump") == {"Jumper"}
    assert names("shots=nonsense&small=nonsense") == {"Jumper", "Skirt", "Socks"}


def queries(client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_rows(staff, make_garment, preset_model, make_result):
    for number in range(5):
        make_result(make_garment(str(number)), preset_model=preset_model, files=False)
    staff.get(LIST)
    few = queries(staff, LIST)
    for number in range(5, 100):
        make_result(make_garment(str(number)), preset_model=preset_model, files=False)
    assert queries(staff, LIST) == few <= 10


# ---------------------------------------------------------------- the product


def test_the_product_is_linked_through_the_catalog(staff, garment, catalog):
    link = f"/admin/tryon/garment/{garment.pk}/product/"
    assert f'href="{link}"' in staff.get(LIST).content.decode()
    assert staff.get(link).headers["Location"] == "/products/1/"


def test_a_product_without_a_page_says_so(staff, make_garment, catalog):
    hidden = make_garment("hidden")
    page = staff.get(f"/admin/tryon/garment/{hidden.pk}/product/", follow=True).content.decode()
    assert "“hidden” has no page in the shop" in page


# ---------------------------------------------------------------- the form


def test_a_garment_is_added_with_its_picture(staff):
    answer = staff.post(f"{LIST}add/", form(upload=upload(jpeg(600, 700))))
    assert answer.status_code == 302
    garment = Garment.objects.get()
    assert (garment.width, garment.height, garment.name) == (600, 700, "Crew tee")
    assert garment.image.storage.exists(garment.image.name)
    assert garment.thumb.storage.exists(garment.thumb.name)
    assert LogEntry.objects.get().object_id == str(garment.pk)


def test_a_new_garment_needs_a_picture(staff):
    answer = staff.post(f"{LIST}add/", form())
    assert answer.context["adminform"].form.errors["upload"] == ["This field is required."]
    assert not Garment.objects.exists()


@pytest.mark.parametrize(
    ("data", "staff_words", "shopper_words"),
    [
        (b"<svg onload=alert(1)>", "File type not accepted", "We can't read that kind of file"),
        (jpeg(600, 700)[:900], "could not be decoded whole", "That file is damaged"),
        (jpeg(100, 120), "Shorter side under 128 pixels", "Use one at least 128 pixels"),
    ],
)
def test_a_bad_picture_is_refused_in_words(staff, garment, data, staff_words, shopper_words):
    before = garment.image.name
    answer = staff.post(f"{LIST}{garment.pk}/change/", form(upload=upload(data)))
    (words,) = answer.context["adminform"].form.errors["upload"]
    assert staff_words in words
    assert shopper_words in words
    garment.refresh_from_db()
    assert garment.image.name == before


def test_the_picture_stays_when_no_other_is_chosen(staff, garment):
    before = garment.image.name
    assert staff.post(f"{LIST}{garment.pk}/change/", form(name="Renamed")).status_code == 302
    garment.refresh_from_db()
    assert (garment.name, garment.image.name) == ("Renamed", before)


def test_a_new_picture_replaces_the_old_file(staff, garment, django_capture_on_commit_callbacks):
    storage, old = garment.image.storage, garment.image.name
    with django_capture_on_commit_callbacks(execute=True):
        staff.post(f"{LIST}{garment.pk}/change/", form(upload=upload(jpeg(700, 800, "#992211"))))
    garment.refresh_from_db()
    assert (garment.width, garment.height) == (700, 800)
    assert not storage.exists(old)


@pytest.mark.parametrize(("width", "warned"), [(511, True), (512, False)])
def test_a_small_picture_is_warned_about(staff, make_garment, width, warned):
    garment = make_garment("1", width=width, height=700)
    page = staff.get(f"{LIST}{garment.pk}/change/").content.decode()
    assert f"{width} × 700 pixels" in page
    assert ("under 512 pixels" in page) is warned


def test_the_same_product_and_variant_twice_is_a_form_error(staff, garment):
    answer = staff.post(f"{LIST}add/", form(upload=upload(jpeg(600, 700))))
    assert "already exists" in str(answer.context["adminform"].form.errors)


def test_the_panel_shows_the_shots_of_this_garment(staff, garment, make_garment, preset_model, make_result):
    shot = make_result(garment, preset_model=preset_model)
    make_result(garment, Status.FAILED, preset_model=preset_model)
    make_result(garment, operation=Operation.TRY_ON.value)
    make_result(make_garment("other"), preset_model=preset_model, files=False)
    page = staff.get(f"{LIST}{garment.pk}/change/").content.decode()
    panel = re.search(r'<section class="module tryon-module tryon-panel".*?</section>', page, re.S)[0]
    output = shot.outputs.get()
    assert reverse("admin:tryon_tryonresult_picture", args=[output.pk, "thumb"]) in panel
    assert panel.count("<li>") == 2
    assert "1 of 2 ready" in panel
    assert f"/admin/tryon/garment/generate-shots/?garments={garment.pk}" in panel


def test_the_panel_needs_the_permission_to_see_shots(login, instant, garment, preset_model, make_result):
    make_result(garment, preset_model=preset_model, files=False)
    client = login("view_garment", "change_garment")
    assert "tryon-panel" not in client.get(f"{LIST}{garment.pk}/change/").content.decode()


# ---------------------------------------------------------------- deleting


def test_deleting_a_garment_takes_every_file_along(
    staff, garment, preset_model, make_result, django_capture_on_commit_callbacks
):
    output = make_result(garment, preset_model=preset_model).outputs.get()
    files = [garment.image, garment.thumb, output.file, output.card, output.thumb]
    assert all(file.storage.exists(file.name) for file in files)
    with django_capture_on_commit_callbacks(execute=True):
        data = {"action": "delete_selected", "_selected_action": garment.pk, "post": "yes"}
        staff.post(LIST, data)
    assert not Garment.objects.exists()
    assert not TryOnResult.objects.exists()
    assert not any(file.storage.exists(file.name) for file in files)
