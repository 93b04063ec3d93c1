"""Who is shown wearing what: what garments lack, and a plan that helps most for its money."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from tests.studio import providers
from tryon.choices import Category, Operation, Status
from tryon.errors import TryOnError
from tryon.models import Garment, PresetModel, TryOnResult
from tryon.studio import batches, casting

CAST = [("S", "light"), ("M", "tan"), ("XL", "dark")]


@pytest.fixture
def cast(db: None) -> list[PresetModel]:
    """Three models: a size and a skin tone each."""
    made = []
    for place, (size, tone) in enumerate(CAST):
        preset = PresetModel(
            name=f"{size} {tone}", size=size, skin_tone=tone, position=place, width=600, height=1000, sha256="0" * 64
        )
        preset.image.save("x.jpg", ContentFile(b"x"), save=False)
        preset.save()
        made.append(preset)
    return made


@pytest.fixture(autouse=True)
def maker(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=providers.settings("studio"), CAPS={})


def shown(garment: Garment, preset: PresetModel, **fields: object) -> TryOnResult:
    from django.utils import timezone

    return TryOnResult.objects.create(
        garment=garment, preset_model=preset, operation=Operation.MODEL_SHOT, status=Status.SUCCEEDED, next_at=None,
        deadline_at=timezone.now(), **fields,
    )  # fmt: skip


def test_a_garment_lacks_what_none_of_its_shots_shows(make_garment, cast):
    tee, shirt = make_garment("tee"), make_garment("shirt")
    shown(tee, cast[0])
    shown(tee, cast[1], note="Back view on a beach")
    report = casting.Report(views=["back view"])
    assert report.lacks(tee.pk) == casting.Lack(2, ("XL",), ("dark",), ())
    assert report.lacks(shirt.pk).number == 3 + 3 + 2 + 1
    assert [pk for pk, _lack in report.table()] == [shirt.pk, tee.pk]


def test_sizes_stand_in_their_order():
    shop = ["one size", "XL", "42", "S", "4XL", "XXS", "m", "3XL", "8", "XXL", "L", "xs", "tall"]
    order = ["XXS", "xs", "S", "m", "L", "XL", "XXL", "3XL", "4XL", "8", "42", "one size", "tall"]
    assert sorted(shop, key=casting.size_order) == order


def test_refused_failed_and_switched_off_do_not_count(make_garment, cast):
    tee = make_garment("tee")
    off = make_garment("off", active=False)
    row = shown(tee, cast[0])
    row.outputs.create(width=1, height=1, sha256="0" * 64, review="rejected")
    TryOnResult.objects.filter(pk=shown(tee, cast[1]).pk).update(status=Status.FAILED)
    report = casting.Report()
    assert report.lacks(tee.pk).shots == 0
    assert off.pk not in report.categories


def test_the_plan_gives_every_garment_a_first_shot_before_any_a_second(make_garment, cast):
    garments = [make_garment(f"g{n}") for n in range(6)]
    plan = casting.Report().plan(shots=6)
    assert sorted(pick.garment_id for pick in plan.picks) == sorted(g.pk for g in garments)
    assert all("first shot" in pick.why for pick in plan.picks)
    # balanced: three models, six shots, two each
    used = [pick.unit.preset.pk for pick in plan.picks if pick.unit.preset]
    assert sorted(used.count(preset.pk) for preset in cast) == [2, 2, 2]


def test_then_what_is_missing_until_nothing_is(make_garment, cast):
    tee = make_garment("tee")
    shown(tee, cast[0])
    plan = casting.Report().plan(shots=50)
    assert {pick.unit.preset.size for pick in plan.picks if pick.unit.preset} == {"M", "XL"}
    assert "size XL is missing, skin tone dark is missing" in {pick.why for pick in plan.picks}
    for preset in cast[1:]:
        shown(tee, preset)
    assert casting.Report().plan(shots=50).picks == []


def test_views_are_ordered_as_themes(make_garment, cast):
    tee = make_garment("tee")
    for preset in cast:
        shown(tee, preset)
    plan = casting.Report(views=["back view"]).plan(shots=5)
    assert [pick.unit.theme for pick in plan.picks] == ["back view"]
    assert "back view" in str(plan.picks[0].unit.options["prompt"])


def test_the_budget_is_never_exceeded(make_garment, cast, tryon_settings):
    for n in range(9):
        make_garment(f"g{n}")
    plan = casting.Report().plan(shots=100, budget=Decimal("4.90"))
    quote = plan.quote()
    assert (quote.shots, quote.most) == (9, Decimal("4.50"))
    assert casting.in_words(plan) == "9 shots of 9 garments, at most 4.50 USD."
    tryon_settings(CAPS={"shop": {"day": "1.70"}})
    assert casting.Report().plan(shots=100).quote().shots == 3


def test_the_plan_becomes_a_batch_with_exactly_its_shots(make_garment, cast, mara):
    for n in range(4):
        make_garment(f"g{n}")
    plan = casting.Report(views=["back view"]).plan(shots=10)
    batch = batches.create(plan, user=mara, name="Casting")
    made = {(r.garment_id, r.preset_model_id, r.note) for r in batch.results.all()}
    assert made == {(p.garment_id, p.unit.preset.pk, p.unit.theme) for p in plan.picks if p.unit.preset}
    assert batch.total == len(plan.picks) == batch.results.count()
    # what is on its way is not planned again
    later = casting.Report(views=["back view"]).plan(shots=100)
    assert not made & {(p.garment_id, p.unit.preset.pk, p.unit.theme) for p in later.picks if p.unit.preset}


def test_an_empty_plan_makes_no_batch(cast, mara):
    with pytest.raises(TryOnError):
        batches.create(casting.Report().plan(shots=5), user=mara)


def test_ten_thousand_garments_in_seconds(make_garment, cast, django_assert_max_num_queries):
    first = make_garment("g")
    Garment.objects.bulk_create(
        Garment(
            product_ref=f"p{n}", name="G", category=Category.UPPER, image=first.image.name, thumb=first.thumb.name,
            width=1, height=1, sha256="0" * 64,
        )
        for n in range(10_000)
    )  # fmt: skip
    start = time.monotonic()
    with django_assert_max_num_queries(12):
        report = casting.Report(views=["back view"])
        plan = report.plan(shots=500)
        assert len(report.table()) == 10_001
    assert len(plan.picks) == 500
    assert time.monotonic() - start < 20
