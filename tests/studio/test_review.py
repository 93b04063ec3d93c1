"""Reviewing: claims, decisions, reasons, history, undo, and reviewers without an account."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from tests.conftest import only_on_postgres
from tests.studio.providers import settings
from tryon.choices import Operation, Status
from tryon.errors import TryOnError
from tryon.models import Batch, Garment, ReviewEvent, ReviewLink, TryOnOutput, TryOnResult
from tryon.studio import review
from tryon.studio.review import Reviewer


@pytest.fixture(autouse=True)
def provider(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=settings("studio"))


@pytest.fixture
def batch(db: None, mara: User) -> Batch:
    return Batch.objects.create(operation="model_shot", status="done", created_by=mara)


@pytest.fixture
def shots(
    batch: Batch, garment: Garment, make_result: Callable[..., TryOnResult]
) -> Callable[[int], list[TryOnOutput]]:
    """``shots(3)``: so many pictures that wait for a review, without files."""

    def make(number: int, **fields: object) -> list[TryOnOutput]:
        made = []
        for _ in range(number):
            row = make_result(garment, files=False, batch=batch, provider="studio")
            made.append(
                TryOnOutput.objects.create(
                    result=row, file="a", card="b", thumb="c", width=1, height=1, review="to_review", **fields
                )
            )
        return made

    return make


@pytest.fixture
def me(mara: User) -> Reviewer:
    return Reviewer.staff(mara)


@pytest.fixture
def you(db: None) -> Reviewer:
    return Reviewer.staff(User.objects.create_user("yann", is_staff=True))


# ---------------------------------------------------------------- claims


def test_two_reviewers_never_get_the_same_shot(shots, me, you):
    shots(5)
    mine, yours = review.claim(review.to_review(), me, 3), review.claim(review.to_review(), you, 3)
    assert (len(mine), len(yours)) == (3, 2)
    assert not {one.pk for one in mine} & {one.pk for one in yours}
    assert review.claim(review.to_review(), me, 3) == mine  # the same page again
    assert review.claimed_by_others(review.to_review(), me) == 2


def test_a_claim_ends_by_itself_and_by_leaving(shots, me, you):
    (one,) = shots(1)
    review.claim(review.to_review(), me)
    assert review.claim(review.to_review(), you) == []
    TryOnOutput.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert review.claim(review.to_review(), you) == [one]
    assert review.renew([one.pk], me) == 0
    assert review.renew([one.pk], you) == 1
    assert review.release(you, age=timedelta(seconds=30)) == 0  # it was claimed just now, by the next page
    review.release(you)
    assert review.claim(review.to_review(), me) == [one]


def test_what_somebody_else_looks_at_is_not_decided_about(shots, me, you):
    (one,) = shots(1)
    review.claim(review.to_review(), you)
    decided = review.approve([one], me)
    assert (decided.done, decided.lost, decided.group) == ([], [one], None)
    one.refresh_from_db()
    assert one.review == "to_review"
    assert not ReviewEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_claims_hold_when_many_reviewers_open_the_page_at_once(shots, tryon_settings):
    only_on_postgres()
    shots(60)
    found: dict[str, list[TryOnOutput]] = {}
    start = threading.Barrier(8)

    def open_page(name: str) -> None:
        start.wait()
        found[name] = review.claim(review.to_review(), Reviewer(name, name), 10)
        connection.close()

    threads = [threading.Thread(target=open_page, args=(f"r{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [output.pk for outputs in found.values() for output in outputs]
    assert len(given) == len(set(given)) > 0
    assert all(
        set(TryOnOutput.objects.filter(claimed_by=name).values_list("pk", flat=True)) == {one.pk for one in outputs}
        for name, outputs in found.items()
    )


# ---------------------------------------------------------------- decisions


def test_approving_and_rejecting_is_written_down(shots, me, mara):
    one, two = shots(2)
    review.approve([one], me)
    review.reject([two], me, ["colour", "hands"])
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.review, one.reviewed_by, two.review, two.reasons) == ("approved", mara, "rejected", ["colour", "hands"])
    assert [(event.after, event.name) for event in review.history()] == [("rejected", "mara"), ("approved", "mara")]
    words = {entry.object_id: entry.change_message for entry in LogEntry.objects.all()}
    assert words == {
        str(one.result_id): "Approved.",
        str(two.result_id): "Rejected: Wrong colour, Hands or arms.",
    }


@pytest.mark.parametrize("reasons", [[], ["ugly"], ["colour", "ugly"]])
def test_reasons_are_a_closed_list(shots, me, reasons):
    with pytest.raises(TryOnError, match="reasons"):
        review.reject(shots(1), me, reasons)
    assert TryOnOutput.objects.get().review == "to_review"


def test_a_decision_made_twice_is_one(shots, me):
    (one,) = shots(1)
    assert review.approve([one], me).group
    again = review.approve([one], me)
    assert (again.done, again.group) == ([one], None)
    assert ReviewEvent.objects.count() == 1


def test_of_two_who_decide_at_once_the_second_is_told(shots, me, you):
    (one,) = shots(1)
    same = TryOnOutput.objects.select_related("result").get(pk=one.pk)
    review.approve([one], me)
    assert review.reject([same], you, ["face"]).lost == [same]
    one.refresh_from_db()
    assert one.review == "approved"


def test_what_is_published_is_decided(shots, me):
    (one,) = shots(1, published_at=timezone.now())
    assert review.reject([one], me, ["face"]).lost == [one]


def test_shoppers_previews_are_never_reviewed(garment, shopper, make_result, me):
    row = make_result(garment, operation=Operation.TRY_ON.value, shopper=shopper)
    output = row.outputs.get()
    assert output.review == ""
    assert review.approve([output], me).lost == [output]
    assert not review.to_review().exists()


# ---------------------------------------------------------------- undo


def test_undo_brings_back_what_was(shots, me):
    one, two = shots(2)
    review.reject([one], me, ["face"])
    group = review.approve([one, two], me).group
    assert review.undo(group, me) == 2
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.review, one.reasons, two.review) == ("rejected", ["face"], "to_review")
    assert review.undo(group, me) == 0


def test_undo_leaves_what_was_decided_since(shots, me, you):
    one, two = shots(2)
    group = review.approve([one, two], me).group
    review.reject([one], you, ["pose"])
    TryOnOutput.objects.filter(pk=two.pk).update(published_at=timezone.now())
    assert review.undo(group, me) == 0
    one.refresh_from_db()
    assert (one.review, one.reasons) == ("rejected", ["pose"])


# ---------------------------------------------------------------- once more


def test_regenerate_refuses_and_orders_anew_with_the_note(shots, me, batch):
    (one,) = shots(1)
    decided, (row,) = review.regenerate([one], me, note=" whiter background ", reasons=["background"])
    one.refresh_from_db()
    assert (one.review, one.reasons) == ("rejected", ["background"])
    assert (row.again_of, row.note, row.batch, row.status) == (one.result, "whiter background", batch, Status.QUEUED)
    assert row.options["prompt"] == "whiter background"
    batch.refresh_from_db()
    assert batch.status == "running"
    assert review.regenerate([one], me)[0].group is None  # refused before: there is nothing to take back
    assert batch.results.count() == 3
    assert review.undo(decided.group, me) == 1
    one.refresh_from_db()
    assert one.review == "to_review"
    assert set(batch.results.values_list("status", flat=True)) == {"succeeded", "canceled"}


def test_a_picture_that_is_being_made_already_is_not_called_back(shots, me, batch):
    (one,) = shots(1)
    decided, (row,) = review.regenerate([one], me)
    TryOnResult.objects.filter(pk=row.pk).move(Status.SUBMITTING, lease_owner="drain")
    assert review.undo(decided.group, me) == 1
    row.refresh_from_db()
    assert row.status == Status.SUBMITTING


def test_of_several_all_are_made_again_or_none(shots, me, mara, batch):
    one, two = shots(2)
    you = Reviewer("user:0", "you")
    review.claim(TryOnOutput.objects.filter(pk=two.pk), you)
    with pytest.raises(TryOnError):
        review.regenerate([one, two], me)
    one.refresh_from_db()
    assert (one.review, batch.results.count()) == ("to_review", 2)


# ---------------------------------------------------------------- reviewers without an account


def test_a_link_is_known_by_its_hash_alone(batch, mara):
    link, token = review.make_link(batch, name="Agency", user=mara)
    assert review.open_link(token) == link
    assert token not in str(ReviewLink.objects.values().get())
    assert review.open_link(token + "x") is None
    assert review.open_link("") is None
    assert "Agency" in LogEntry.objects.get().change_message


@pytest.mark.parametrize("way", ["expired", "revoked"])
def test_a_link_that_ended_opens_nothing(batch, mara, way):
    link, token = review.make_link(batch, name="Agency", user=mara)
    if way == "expired":
        ReviewLink.objects.update(expires_at=timezone.now())
    else:
        review.revoke(link, user=mara)
    assert review.open_link(token) is None


def test_an_outside_reviewer_decides_about_their_batch_only(batch, shots, mara, garment, make_result):
    link, _token = review.make_link(batch, name="Agency", user=mara)
    agency = Reviewer.outside(link)
    (mine,) = shots(1)
    other = make_result(garment, batch=Batch.objects.create(operation="model_shot")).outputs.get()
    assert review.approve([mine, other], agency).lost == [other]
    mine.refresh_from_db()
    assert (mine.review, mine.reviewed_by) == ("approved", None)
    assert "By Agency, with a review link." in LogEntry.objects.get(object_id=str(mine.result_id)).change_message
    with pytest.raises(TryOnError):
        review.regenerate([mine], agency)
    review.revoke(link, user=mara)
    link.refresh_from_db()
    assert review.reject([mine], Reviewer.outside(link), ["face"]).lost == [mine]


def test_an_outside_reviewer_undoes_their_own_decisions_only(batch, shots, mara, me):
    link, _token = review.make_link(batch, name="Agency", user=mara)
    one, two = shots(2)
    theirs = review.approve([one], Reviewer.outside(link)).group
    ours = review.approve([two], me).group
    assert review.undo(ours, Reviewer.outside(link)) == 0
    assert review.undo(theirs, Reviewer.outside(link)) == 1
