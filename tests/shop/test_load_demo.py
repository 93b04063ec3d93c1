from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db.models import Model

from tryon.models import Garment, PresetModel
from tryon_shop import demo
from tryon_shop.drawing.catalogue import picture_name
from tryon_shop.models import Product, ProductColour

pytestmark = pytest.mark.django_db


def load(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("load_demo", json=True, stdout=out, **options)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def rows(*models: type[Model]) -> list[tuple[Any, ...]]:
    return [row for model in models for row in model._default_manager.order_by("pk").values_list()]


def processor_seconds() -> float:
    """Of this process and its children: what the work takes on an idle machine, however busy this one is."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.mark.slow
def test_loading_is_quick_and_loading_again_changes_nothing() -> None:
    started = processor_seconds()
    first = load(accounts=True)
    assert processor_seconds() - started < 10
    assert first["refused"] == []
    assert first["garments"] == first["colours"]
    assert Product.objects.count() >= 12
    assert Garment.objects.count() == ProductColour.objects.count() >= 30
    assert PresetModel.objects.count() >= 4
    assert {product.category for product in Product.objects.all()} == {"upper", "lower", "full"}

    before = rows(Product, ProductColour, Garment, PresetModel, User, Group)
    second = load(accounts=True)
    assert rows(Product, ProductColour, Garment, PresetModel, User, Group) == before
    assert all(set(second[kind]) == {"unchanged"} for kind in ("products", "colours", "garments", "preset models"))
    assert "accounts" not in second


@pytest.mark.slow
def test_what_was_broken_is_mended_and_the_rest_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DESIGNS", demo.DESIGNS[:3])
    load(accounts=False)
    first, second, third = Product.objects.all()
    Product.objects.filter(pk=first.pk).update(price=1)
    colour = second.colours.all()[0]
    Path(colour.picture.path).unlink()
    Garment.objects.filter(product_ref=third.slug)[0].delete()

    answer = load(accounts=False)

    assert answer["products"] == {"changed": 1, "unchanged": 2}
    assert answer["colours"]["changed"] == 1
    assert answer["garments"]["created"] == 1
    assert Product.objects.get(pk=first.pk).price == first.price
    colour.refresh_from_db()
    assert Path(colour.picture.path).read_bytes() == (demo.PICTURES / f"{second.slug}-{colour.key}.jpg").read_bytes()


def test_more_products_than_were_drawn_are_dyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DESIGNS", demo.DESIGNS[:1])  # two of its three colours take a dye
    assert load(accounts=False, products=4)["products"] == {"created": 4}
    dyed = list(Product.objects.all())[1:]
    assert [product.name for product in dyed] == [
        "Everyday crew tee in orange", "Everyday crew tee in blue", "Everyday crew tee in yellow",
    ]  # fmt: skip
    own = Garment.objects.get(product_ref="crew-tee", variant="Clay")
    for product in dyed:
        garment = Garment.objects.get(product_ref=product.slug)
        assert garment.width == own.width
        assert product.colours.get().name.lower() in product.name
    assert len(set(Garment.objects.values_list("sha256", flat=True))) == Garment.objects.count() == 6
    assert load(accounts=False, products=4)["garments"] == {"unchanged": 6}
    with pytest.raises(CommandError, match="at most"):
        load(products=10_000)


def test_accounts_with_public_passwords_are_made_only_where_it_is_safe(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(demo, "DESIGNS", ())
    settings.DEBUG = False
    out = StringIO()
    call_command("load_demo", stdout=out)
    assert "No demo accounts" in out.getvalue()
    assert not User.objects.exists()

    settings.DEBUG = True
    out = StringIO()
    call_command("load_demo", stdout=out)
    assert "never for a public server" in out.getvalue()
    admin = authenticate(username="admin", password="admin")
    staff = authenticate(username="merchandiser", password="merchandiser")
    assert isinstance(admin, User)
    assert isinstance(staff, User)
    assert admin.is_superuser
    assert staff.is_staff
    assert not staff.is_superuser
    assert staff.has_perms(["tryon.change_garment", "tryon.add_presetmodel", "tryon.view_tryonresult"])
    assert not staff.has_perm("tryon.view_shopperphoto")

    admin.set_password("changed")
    admin.save()
    call_command("load_demo", verbosity=0)
    assert authenticate(username="admin", password="changed")


def test_silence_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DESIGNS", demo.DESIGNS[:1])
    out, err = StringIO(), StringIO()
    call_command("load_demo", verbosity=0, stdout=out, stderr=err)
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_a_missing_picture_is_named_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "PICTURES", tmp_path)
    with pytest.raises(CommandError, match="demo pictures are missing"):
        load()
    assert not Product.objects.exists()


def test_a_picture_that_is_refused_needs_attention(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    design = demo.DESIGNS[0]
    names = [picture_name(design, colourway) for colourway in design.colourways]
    for name in names:
        (tmp_path / name).write_bytes((demo.PICTURES / name).read_bytes())
    (tmp_path / names[0]).write_bytes(b"GIF89a")
    monkeypatch.setattr(demo, "DESIGNS", (design,))
    monkeypatch.setattr(demo, "PICTURES", tmp_path)

    with pytest.raises(CommandError) as caught:
        load()
    assert caught.value.returncode == 3
    assert "unsupported_image_format" in str(caught.value)
    assert Garment.objects.count() == len(names) - 1
