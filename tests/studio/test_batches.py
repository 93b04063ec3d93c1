"""From a plan to rows, and what happens to them: pausing, cancelling, failing, being done."""

from __future__ import annotations

import gc
import time
import tracemalloc
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Count

from tests.providers.fakes import setting
from tests.studio.providers import settings
from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.models import Batch, BatchStatus, EntryState, Garment, LedgerEntry, PresetModel, TryOnResult
from tryon.runner.drain import Drain
from tryon.signals import tryon_finished
from tryon.studio import batches
from tryon.studio.again import can_be_told, make_again, retry_failed, retry_price
from tryon.studio.briefs import Brief
from tryon.studio.plans import Plan


@pytest.fixture(autouse=True)
def provider(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=settings("studio"))


@pytest.fixture
def order(make_garment: Callable[..., Garment], preset_model: PresetModel, mara: User) -> Callable[..., Batch]:
    """``order(3)``: a batch of so many products."""

    def make(number: int, *, brief: dict[str, Any] | None = None, **fields: Any) -> Batch:
        keys = [make_garment(uuid.uuid4().hex).pk for _ in range(number)]
        return batches.create(Plan(Brief((preset_model.pk,), **(brief or {})), keys), user=mara, **fields)

    return make


def statuses(batch: Batch) -> dict[str, int]:
    return dict(batch.results.order_by().values_list("status").annotate(n=Count("pk")))


def visible(batch: Batch) -> int:
    """Rows that a runner could take."""
    return batch.results.filter(next_at__isnull=False).count()


# ---------------------------------------------------------------- creating


def test_a_batch_is_written_logged_and_let_run(order, mara, preset_model):
    batch = order(3, name="Autumn")
    assert (batch.status, batch.total, batch.quoted_high) == (BatchStatus.RUNNING, 3, Decimal("1.50"))
    assert batch.created_by == mara
    assert Brief.from_json(batch.brief).models == (preset_model.pk,)
    assert visible(batch) == 3
    row = batch.results.first()
    assert (row.requested_by, row.preset_model, row.provider, row.pinned) == (mara, preset_model, "studio", False)
    entry = LogEntry.objects.get()
    assert entry.object_id == str(batch.pk)
    assert "3 shots ordered with Noor. Made by: studio. At most 1.50 USD." in entry.change_message


def test_a_provider_chosen_by_hand_is_pinned_with_its_options(order):
    batch = order(1, brief={"providers": ("studio",), "options": {"studio": {"mode": "fine"}}})
    row = batch.results.get()
    assert (row.provider, row.pinned, row.options) == ("studio", True, {"mode": "fine"})


def test_the_same_key_twice_is_one_batch(order):
    key = uuid.uuid4()
    one, two = order(2, key=key), order(2, key=key)
    assert one.pk == two.pk == key
    assert TryOnResult.objects.count() == 2


def test_nothing_to_make_is_an_error_and_leaves_nothing(order, make_garment):
    with pytest.raises(TryOnError, match="nothing to make"):
        order(0)
    with pytest.raises(TryOnError, match="unknown option"):
        order(1, brief={"options": {"studio": {"nonsense": 1}}})
    assert not Batch.objects.exists()


def test_a_stop_in_the_middle_leaves_no_half_batch(order, monkeypatch):
    def stop(rows: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "insert", stop)
    with pytest.raises(KeyboardInterrupt):
        order(2)
    assert not Batch.objects.exists()
    assert not TryOnResult.objects.exists()


def test_a_long_batch_does_not_keep_a_short_one_waiting(order):
    long, short = order(50), order(3)
    ranked = list(TryOnResult.objects.order_by("priority", "created_at").values_list("batch", flat=True))
    assert min(TryOnResult.objects.values_list("priority", flat=True)) >= 1
    assert ranked.index(short.pk) < 25  # not behind all fifty
    places = list(long.results.order_by("created_at").values_list("priority", flat=True))
    assert places == sorted(places)
    assert places[0] < places[-1]


def test_one_product_is_tried_first_with_all_its_shots_and_the_rest_is_kept(order):
    batch = order(4, first_only=True, brief={"variants": 2})
    assert batch.status == BatchStatus.PAUSED
    assert visible(batch) == 2
    assert batch.results.exclude(next_at=None).values("garment").distinct().count() == 1
    assert batches.resume(batch, user=None)
    assert visible(batch) == 8
    assert order(1, first_only=True, brief={"variants": 2}).status == BatchStatus.RUNNING  # there is no other product


# ---------------------------------------------------------------- pausing, cancelling


def test_a_paused_batch_is_invisible_and_comes_back(order, mara):
    batch = order(3)
    assert batches.pause(batch, user=mara)
    assert (batch.status, visible(batch)) == (BatchStatus.PAUSED, 0)
    assert not batches.pause(batch, user=mara)
    assert batches.resume(batch, user=mara)
    assert (batch.status, visible(batch)) == (BatchStatus.RUNNING, 3)
    assert not batches.resume(batch, user=mara)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")][1:] == [
        "Paused.",
        "Resumed: 3 shots, at most 1.50 USD.",
    ]


def test_pausing_leaves_what_is_being_made(order):
    batch = order(2)
    busy = batch.results.first()
    TryOnResult.objects.filter(pk=busy.pk).move(Status.SUBMITTING, lease_owner="drain")
    batches.pause(batch, user=None)
    busy.refresh_from_db()
    assert busy.next_at is not None
    assert visible(batch) == 1


def test_cancel_stops_the_rest_and_tells_who_listens(order, mara, django_capture_on_commit_callbacks):
    batch = order(3)
    busy = batch.results.first()
    TryOnResult.objects.filter(pk=busy.pk).move(Status.SUBMITTING, lease_owner="drain")
    heard = []
    tryon_finished.connect(lambda result, **kwargs: heard.append(result.pk), weak=False, dispatch_uid="heard")
    with django_capture_on_commit_callbacks(execute=True):
        assert batches.cancel(batch, user=mara) == 2
    tryon_finished.disconnect(dispatch_uid="heard")
    assert len(heard) == 2
    assert batch.status == BatchStatus.CANCELED
    assert statuses(batch) == {Status.CANCELED: 2, Status.SUBMITTING: 1}
    assert batches.cancel(batch, user=mara) == 0
    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_batch_cancelled_while_it_runs_makes_at_most_what_was_begun(order, tryon_settings):
    tryon_settings(PROVIDERS={"instant": setting("InstantProvider")})
    batch = order(8)
    drain = Drain(idle=0)
    begun = []

    def stop(result: TryOnResult, **kwargs: Any) -> None:
        if not begun:
            begun.append(batch.results.exclude(status=Status.QUEUED).count())
            batches.cancel(batch, user=None)

    tryon_finished.connect(stop, dispatch_uid="stop")
    drain.run()
    tryon_finished.disconnect(dispatch_uid="stop")
    made = statuses(batch)
    assert [made[Status.SUCCEEDED]] == begun
    assert begun[0] < 8
    assert made[Status.CANCELED] == 8 - made[Status.SUCCEEDED]


# ---------------------------------------------------------------- being done


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_done_when_its_last_row_is(order):
    batch = order(3)
    Drain(idle=0).run()
    batch.refresh_from_db()
    assert batch.status == BatchStatus.DONE
    assert batch.finished_at
    assert statuses(batch) == {Status.SUCCEEDED: 3}
    assert set(batches.outputs(batch).values_list("review", flat=True)) == {"to_review"}
    assert batches.outputs(batch).exclude(source_sha256="").count() == 3


def test_a_batch_is_not_done_while_a_row_is_open(order):
    batch = order(2)
    batch.results.filter(pk=batch.results.first().pk).move(Status.FAILED)
    assert not batches.finish(batch.pk)
    batch.results.filter(status=Status.QUEUED).move(Status.CANCELED)
    assert batches.finish(batch.pk)
    assert not batches.finish(batch.pk)


# ---------------------------------------------------------------- once more


def test_retry_failed_says_the_price_and_counts_each_picture_once(order, mara):
    batch = order(4)
    two = list(batch.results.values_list("pk", flat=True)[:2])
    TryOnResult.objects.filter(pk__in=two).update(provider="studio")
    TryOnResult.objects.filter(pk__in=two).move(Status.FAILED, error_code="provider_down")
    batch.results.filter(status=Status.QUEUED).move(Status.CANCELED)
    batches.finish(batch.pk)
    assert retry_price(batch) == (2, Decimal("1.00"))
    assert retry_failed(batch, user=mara) == 2
    batch.refresh_from_db()
    assert batch.status == BatchStatus.RUNNING
    assert batches.progress(batch).counts == {Status.QUEUED: 2, Status.CANCELED: 2}
    assert retry_price(batch)[0] == 0
    assert retry_failed(batch, user=mara) == 0
    entry = LogEntry.objects.filter(object_id=str(two[0])).get()
    assert "Asked for once more. Together at most 1.00 USD." in entry.change_message


def test_what_is_asked_for_again_in_a_paused_batch_waits_with_it(order):
    batch = order(2)
    row = batch.results.first()
    TryOnResult.objects.filter(pk=row.pk).move(Status.FAILED)
    batches.pause(batch, user=None)
    (again,) = make_again([row], user=None)
    assert again.next_at is None
    batches.resume(batch, user=None)
    again.refresh_from_db()
    assert again.next_at is not None


def test_a_note_reaches_the_provider_that_can_be_told(order, make_result, preset_model, mara, tryon_settings):
    tryon_settings(PROVIDERS=settings("studio", "person"))
    batch = order(1, brief={"options": {"studio": {"prompt": "smiling", "seed": 3}}})
    row = batch.results.get()
    TryOnResult.objects.filter(pk=row.pk).update(provider="studio")
    row.refresh_from_db()
    (again,) = make_again([row], user=mara, note="longer sleeves")
    assert again.options == {"prompt": "smiling, longer sleeves"}  # and no seed: it would be the same picture
    assert (again.note, again.again_of, again.batch) == ("longer sleeves", row, batch)
    assert can_be_told(row)
    row.provider = "person"
    assert not can_be_told(row)


def test_a_switched_off_garment_is_not_made_again(order):
    batch = order(1)
    Garment.objects.update(active=False)
    with pytest.raises(TryOnError, match="switched off"):
        make_again(list(batch.results.select_related("garment")), user=None)


# ---------------------------------------------------------------- progress and money


def test_progress_counts_money_and_time(order):
    batch = order(4)
    rows = list(batch.results.all())
    for row, state in ((rows[0], EntryState.COMMITTED), (rows[1], EntryState.RESERVED), (rows[2], EntryState.REFUNDED)):
        LedgerEntry.objects.create(
            result_id=row.pk, batch=batch, provider="studio", operation="model_shot", state=state.value, amount="0.5"
        )
    TryOnResult.objects.filter(pk=rows[0].pk).move(Status.SUCCEEDED)
    TryOnResult.objects.filter(pk=rows[0].pk).update(status=Status.SUCCEEDED, next_at=None)
    seen = batches.progress(batch)
    assert (seen.total, seen.finished, seen.running) == (4, 1, 3)
    assert (seen.spent, seen.reserved) == (Decimal("0.5"), Decimal("0.5"))
    batches.pause(batch, user=None)
    assert batches.progress(batch).eta_seconds is None


# ---------------------------------------------------------------- size


def many(make_garment: Callable[..., Garment], number: int) -> list[int]:
    first = make_garment("first")
    names = ("name", "category", "image", "thumb", "width", "height", "sha256")
    fields = {name: getattr(first, name) for name in names}
    Garment.objects.bulk_create([Garment(product_ref=f"p{place}", **fields) for place in range(number - 1)])
    return list(Garment.objects.values_list("pk", flat=True))


@pytest.mark.slow
@pytest.mark.prove
def test_ten_thousand_products_are_quoted_and_queued_in_ten_seconds(make_garment, preset_model, mara):
    keys = many(make_garment, 10_000)
    began = time.thread_time()  # the work itself: other tests may share the cores
    plan = Plan(Brief((preset_model.pk,)), keys)
    quote = plan.quote()
    batch = batches.create(plan, user=mara)
    assert time.thread_time() - began < 10
    assert quote.shots == batch.results.count() == visible(batch) == 10_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.prove
def test_memory_stays_flat_however_long_the_batch(make_garment, preset_model, mara, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 100)
    monkeypatch.setattr("tryon.studio.plans.CHUNK", 100)
    keys = many(make_garment, 1200)
    insert = batches.insert

    def insert_and_collect(rows: list[TryOnResult]) -> None:
        insert(rows)
        gc.collect()  # rows and their files name each other: what counts is what is still held

    monkeypatch.setattr(batches, "insert", insert_and_collect)

    def peak(number: int) -> int:
        tracemalloc.start()
        batches.create(Plan(Brief((preset_model.pk,)), keys[:number]), user=mara)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(200)  # what is loaded once
    assert peak(1200) < 1.5 * peak(300)
