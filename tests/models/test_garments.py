from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.providers.fakes import jpeg
from tryon.choices import Category
from tryon.garments import garment_picture, save_garment
from tryon.models import Garment

pytestmark = pytest.mark.django_db(transaction=True)


def save(colour: str = "#335577", name: str = "Crew tee") -> tuple[Garment, bool]:
    return save_garment("1", "", name=name, category=Category.UPPER, picture=garment_picture(jpeg(500, 600, colour)))


def test_saving_again_changes_nothing() -> None:
    first, made = save()
    again, changed = save()
    assert made
    assert not changed
    assert again.pk == first.pk
    assert again.image.name == first.image.name


def test_a_new_picture_takes_the_old_files_away() -> None:
    first, _made = save()
    storage, old = first.image.storage, (first.image.name, first.thumb.name)
    again, changed = save("#aa3322")
    assert changed
    assert again.pk == first.pk
    assert not any(storage.exists(name) for name in old if name)
    assert storage.exists(str(again.image.name))


@pytest.mark.parametrize("fields", [{"product_ref": ""}, {"category": "hat"}, {"product_ref": "1", "variant": ""}])
def test_the_database_refuses(fields: dict[str, str]) -> None:
    save()
    defaults = {"product_ref": "2", "variant": "", "name": "x", "category": "upper", "width": 1, "height": 1}
    with pytest.raises(IntegrityError), transaction.atomic():
        Garment.objects.create(**{**defaults, **fields})
