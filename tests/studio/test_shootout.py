"""Comparing providers: fair groups, an order of one's own, and figures that equal those counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.models import (
    Batch,
    BlindPick,
    EntryState,
    Garment,
    LedgerEntry,
    PresetModel,
    Review,
    TryOnOutput,
    TryOnResult,
)
from tryon.studio import review, shootout


@pytest.fixture
def batch(db: None) -> Batch:
    return Batch.objects.create(name="Autumn", operation="model_shot", blind=True)


@pytest.fixture
def made(
    batch: Batch, make_garment: Callable[..., Garment], make_result: Callable[..., TryOnResult],
    preset_model: PresetModel,
) -> Callable[..., TryOnOutput]:  # fmt: skip
    """``made("fashn", garment, cost="0.08", note="Beach")``: a finished shot and what it cost."""

    def make(provider: str, garment: Garment, *, cost: str = "0", note: str = "") -> TryOnOutput:
        row = make_result(garment, batch=batch, provider=provider, note=note, preset_model=preset_model)
        if Decimal(cost):
            LedgerEntry.objects.create(
                result_id=row.pk, batch=batch, provider=provider, operation=row.operation,
                category=garment.category, state=EntryState.COMMITTED, amount=Decimal(cost),
            )  # fmt: skip
        return row.outputs.select_related("result__garment").get()

    return make


@pytest.fixture
def ida(db: None) -> User:
    return User.objects.create_user("ida", is_staff=True)


def test_alike_pictures_of_different_providers_are_a_group(made, make_garment, batch):
    tee, shirt = make_garment("tee"), make_garment("shirt")
    a, b = made("fashn", tee), made("pixelcut", tee)
    beach = made("fashn", tee, note="Beach"), made("pixelcut", tee, note="Beach")
    made("fashn", shirt)  # nobody to compare with
    second = made("fashn", tee), made("pixelcut", tee)  # the second variant of each
    groups = shootout.groups(batch)
    assert {frozenset(output.pk for output in group.outputs) for group in groups} == {
        frozenset({a.pk, b.pk}), frozenset(o.pk for o in beach), frozenset(o.pk for o in second),
    }  # fmt: skip
    assert len({group.key for group in groups}) == 3
    assert [group.key for group in groups] == [group.key for group in shootout.groups(batch)]


def test_every_reviewer_sees_another_order_and_the_same_every_time(made, make_garment, batch, mara):
    tee = make_garment("tee")
    for provider in ("fashn", "pixelcut", "pebblely", "kling"):
        made(provider, tee)
    (group,) = shootout.groups(batch)
    mine = [output.pk for _letter, output in shootout.shuffled(group, mara)]
    assert mine == [output.pk for _letter, output in shootout.shuffled(group, mara)]
    others = {
        tuple(output.pk for _letter, output in shootout.shuffled(group, User.objects.create_user(f"r{n}")))
        for n in range(8)
    }
    assert len(others) > 3
    assert [letter for letter, _output in shootout.shuffled(group, mara)] == ["A", "B", "C", "D"]


def test_a_judgement_is_kept_approves_what_is_good_and_can_be_given_anew(made, make_garment, batch, mara):
    tee = make_garment("tee")
    a, b, c = made("fashn", tee, cost="0.30"), made("pixelcut", tee), made("kling", tee)
    (group,) = shootout.groups(batch)
    shootout.pick(group, user=mara, best=a.pk, good={b.pk}, reasons=["colour"])
    assert dict(TryOnOutput.objects.values_list("pk", "review")) == {
        a.pk: Review.APPROVED, b.pk: Review.APPROVED, c.pk: Review.REJECTED,
    }  # fmt: skip
    assert shootout.is_judged(group, shootout.judged(batch, mara))
    log = LogEntry.objects.filter(object_id=str(a.result_id)).order_by("pk").values_list("change_message", flat=True)
    assert list(log) == ["Judged without names: it is the best.", "Approved."]  # without its price, which is a name
    (again,) = shootout.groups(batch)
    shootout.pick(again, user=mara, best=None, good=())
    assert not BlindPick.objects.filter(good=True).exists()
    assert BlindPick.objects.count() == 3
    assert Review.APPROVED in TryOnOutput.objects.values_list("review", flat=True)  # decided before: not undone here


def test_a_picture_of_another_group_is_refused(made, make_garment, batch, mara):
    tee, shirt = make_garment("tee"), make_garment("shirt")
    made("fashn", tee), made("pixelcut", tee)
    foreign = made("fashn", shirt)
    (group,) = shootout.groups(batch)
    with pytest.raises(TryOnError):
        shootout.pick(group, user=mara, best=foreign.pk, good=())
    assert not BlindPick.objects.exists()


def test_the_standings_equal_what_is_counted_by_hand(made, make_garment, batch, mara, ida):
    tee = make_garment("tee")
    skirt = make_garment("skirt", category=Category.LOWER)
    dear = [made("fashn", tee, cost="0.30") for _ in range(3)]
    cheap = [made("pixelcut", tee, cost="0.05") for _ in range(3)]
    made("fashn", skirt, cost="0.30")
    groups = shootout.groups(batch)
    for group in groups:  # mara: fashn is the best of all, once pixelcut will do as well
        best = next(o for o in group.outputs if o.result.provider == "fashn")
        also = {o.pk for o in group.outputs if o.pk == cheap[0].pk}
        shootout.pick(group, user=mara, best=best.pk, good=also)
    shootout.pick(groups[0], user=ida, best=next(o.pk for o in groups[0].outputs if o in cheap), good=())
    rows = {(row.provider, row.category): row for row in shootout.standings(batch=batch)}
    fashn, pixelcut = rows["fashn", "upper"], rows["pixelcut", "upper"]
    assert (fashn.made, fashn.judged, fashn.approved, fashn.rate) == (3, 3, 3, 1.0)
    assert (fashn.spent, fashn.per_approved) == (Decimal("0.90"), Decimal("0.30"))
    assert (fashn.wins, fashn.duels) == (3, 4)
    assert (pixelcut.judged, pixelcut.approved) == (3, 1)
    assert pixelcut.per_approved == Decimal("0.15")  # all three calls are paid by the one that will do
    assert (pixelcut.wins, pixelcut.duels) == (1, 4)
    assert (rows["fashn", "lower"].judged, rows["fashn", "lower"].rate) == (0, None)
    assert rows["fashn", "lower"].per_approved is None
    assert shootout.standings(batch=batch)[0].provider == "fashn"
    assert len(dear) == 3


def test_money_that_came_to_nothing_counts_and_refunds_do_not(made, make_garment, batch):
    tee = make_garment("tee")
    good = made("fashn", tee, cost="0.10")
    review.approve([good], review.Reviewer.staff(User.objects.create_user("x")))
    for state, amount in ((EntryState.UNCERTAIN, "0.10"), (EntryState.REFUNDED, "5")):
        LedgerEntry.objects.create(
            result_id=made("fashn", tee).result_id, batch=batch, provider="fashn", operation="model_shot",
            category="upper", state=state, amount=Decimal(amount),
        )  # fmt: skip
    LedgerEntry.objects.create(
        result_id=uuid4(), batch=batch, provider="fashn", operation="model_shot",
        category="upper", state=EntryState.COMMITTED, amount=Decimal("9"),
    )  # fmt: skip
    (row,) = shootout.standings(batch=batch)
    assert row.per_approved == Decimal("0.20"), "what was paid for a shot that is deleted goes with it"


def test_reasons_are_counted_by_provider_category_and_prompt(made, make_garment, batch, mara):
    tee = make_garment("tee")
    reviewer = review.Reviewer.staff(mara)
    review.reject([made("fashn", tee, note="Beach"), made("fashn", tee, note="Beach")], reviewer, ["colour", "hands"])
    review.reject([made("pixelcut", tee)], reviewer, ["colour"])
    found = {(c.provider, c.category, c.prompt, c.reason): c.number for c in shootout.complaints(batch=batch)}
    assert found == {
        ("fashn", "upper", "Beach", "colour"): 2,
        ("fashn", "upper", "Beach", "hands"): 2,
        ("pixelcut", "upper", "", "colour"): 1,
    }


def test_the_advice_names_rate_price_and_reasons_the_best_first(made, make_garment, batch, mara):
    tee = make_garment("tee")
    reviewer = review.Reviewer.staff(mara)
    review.approve([made("pixelcut", tee, cost="0.05"), made("pixelcut", tee, cost="0.05")], reviewer)
    review.approve([made("fashn", tee, cost="0.30")], reviewer)
    review.reject([made("fashn", tee, cost="0.30")], reviewer, ["hands"])
    best, other = shootout.advice(["fashn", "pixelcut", "kling"])
    assert (best.provider, best.words) == ("pixelcut", "2 of 2 approved (100 %); 0.05 USD for each approved picture.")
    assert other.words == (
        "1 of 2 approved (50 %); 0.60 USD for each approved picture; refused for: Hands or arms (1)."
    )
    assert "USD" not in shootout.advice(["fashn"], with_money=False)[0].words
    assert shootout.advice(["fashn"], categories={"lower"}) == []


def test_standings_ask_a_few_questions_whatever_the_size(made, make_garment, batch, django_assert_max_num_queries):
    tee = make_garment("tee")
    for provider in ("fashn", "pixelcut", "kling"):
        for _ in range(3):
            made(provider, tee)
    with django_assert_max_num_queries(6):
        shootout.standings(batch=batch)
        shootout.complaints(batch=batch)
