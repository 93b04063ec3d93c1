"""Money: prices, caps under any concurrency, the life of an entry, and counters that are the sum of the ledger."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.conftest import only_on_postgres
from tryon import caps, ledger
from tryon.choices import Operation, Status
from tryon.models import Batch, EntryState, Garment, LedgerEntry, Shopper, SpendCounter, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import Provider
from tryon.runner import claim

KEY = {"api_key": "k", "base_url": "https://api.example.com"}
PROVIDERS: dict[str, Any] = {
    "fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": KEY},
    "pixelapi": {"BACKEND": "tryon.providers.pixelapi.PixelAPIProvider", "OPTIONS": KEY},
    "kling": {"BACKEND": "tryon.providers.kling.KlingProvider", "OPTIONS": {**KEY, "api_key": "a:b"}},
    "local": {"BACKEND": "tryon.providers.local.LocalProvider"},
}


@pytest.fixture(autouse=True)
def providers(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=PROVIDERS)


@pytest.fixture
def fashn() -> Provider:
    return get_provider("fashn")


@pytest.fixture
def row(garment: Garment) -> Callable[..., TryOnResult]:
    def make(**fields: Any) -> TryOnResult:
        return TryOnResult.objects.create(garment=garment, deadline_at=timezone.now() + timedelta(hours=1), **fields)

    return make


Row = Callable[..., TryOnResult]


# ---------------------------------------------------------------- prices


@pytest.mark.parametrize(
    ("alias", "operation", "options", "least", "most", "amount"),
    [
        ("fashn", Operation.TRY_ON, {}, 1, 1, "0.075"),
        ("fashn", Operation.TRY_ON, {"num_samples": 4}, 4, 4, "0.3"),
        ("fashn", Operation.TRY_ON, {"model_name": "tryon-max", "num_images": 2}, 4, 10, "0.75"),
        ("fashn", Operation.GENERATE_VIDEO, {}, 1, 12, "0.9"),
        ("pixelapi", Operation.TRY_ON, {}, 25, 25, "0.025"),
        ("pixelapi", Operation.TRY_ON, {"n_samples": 2}, 50, 50, "0.05"),
        ("kling", Operation.TRY_ON, {}, 0, 10, "0"),
        ("local", Operation.TRY_ON, {}, 0, 0, "0"),
    ],
)
def test_prices(alias: str, operation: Operation, options: dict[str, Any], least: int, most: int, amount: str) -> None:
    price = ledger.price(get_provider(alias), operation, options)
    assert (price.least_credits, price.credits, price.amount) == (least, most, Decimal(amount))


def test_the_price_of_a_credit_is_a_setting(tryon_settings: Callable[..., None]) -> None:
    options = {**KEY, "credit_price": "0.05"}
    tryon_settings(PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options}})
    assert ledger.price(get_provider("fashn"), Operation.TRY_ON).amount == Decimal("0.05")


# ---------------------------------------------------------------- the life of an entry


@pytest.mark.django_db
def test_what_costs_nothing_has_no_entry(row: Row) -> None:
    assert ledger.reserve(row(), get_provider("local")) is None
    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("steps", "state", "amount", "counted"),
    [
        (["commit"], EntryState.COMMITTED, "0.075", 75_000),
        (["refund"], EntryState.REFUNDED, "0.075", 0),
        (["doubt"], EntryState.UNCERTAIN, "0.075", 75_000),
        (["doubt", "commit"], EntryState.COMMITTED, "0.075", 75_000),
        (["doubt", "refund"], EntryState.REFUNDED, "0.075", 0),
        (["commit", "refund"], EntryState.COMMITTED, "0.075", 75_000),
        (["refund", "commit"], EntryState.REFUNDED, "0.075", 0),
        (["commit", "doubt"], EntryState.COMMITTED, "0.075", 75_000),
        (["dearer"], EntryState.COMMITTED, "0.225", 225_000),
        (["free"], EntryState.COMMITTED, "0", 0),
    ],
)
def test_moves(
    steps: list[str], state: EntryState, amount: str, counted: int, row: Row, fashn: Provider,
    tryon_settings: Callable[..., None],
) -> None:  # fmt: skip
    tryon_settings(CAPS={"shop": {"day": 10}, "providers": {"fashn": {"hour": 10}}})
    entry = ledger.reserve(row(), fashn)
    assert entry is not None
    do: dict[str, Callable[[], bool]] = {
        "commit": lambda: ledger.commit(entry),
        "refund": lambda: ledger.refund(entry, "not paid"),
        "doubt": lambda: ledger.doubt(entry, "no answer"),
        "dearer": lambda: ledger.commit(entry, 3),
        "free": lambda: ledger.commit(entry, 0),
    }
    for step in steps:
        do[step]()
    entry.refresh_from_db()
    assert (entry.state, entry.amount) == (state, Decimal(amount) if state != EntryState.REFUNDED else entry.amount)
    assert {counter.micros for counter in SpendCounter.objects.all()} == {counted}
    assert ledger.reconcile() == []


@pytest.mark.django_db
def test_a_row_has_one_open_call(row: Row, fashn: Provider) -> None:
    result = row()
    entry = ledger.reserve(result, fashn)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.reserve(result, fashn)
    assert entry is not None
    again = ledger.renew(result, entry, get_provider("pixelapi"), "failover: circuit open")
    assert again is not None
    found = list(LedgerEntry.objects.order_by("pk").values_list("provider", "state", "reason"))
    assert found == [
        ("fashn", EntryState.REFUNDED, "failover: circuit open"),
        ("pixelapi", EntryState.RESERVED, "failover: circuit open"),
    ]


@pytest.mark.django_db
def test_what_was_never_sent_is_given_back(row: Row, fashn: Provider) -> None:
    waiting, begun = row(), row(status=Status.SUBMITTING.value)
    for result in (waiting, begun):
        ledger.reserve(result, fashn)
    assert ledger.release(TryOnResult.objects.all(), "canceled") == 1
    states = dict(LedgerEntry.objects.values_list("result_id", "state"))
    assert states == {waiting.pk: EntryState.REFUNDED, begun.pk: EntryState.RESERVED}


# ---------------------------------------------------------------- caps


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("caps", "name"),
    [
        ({"shop": {"hour": 0.16}}, "shop/hour"),
        ({"shop": {"day": "0.16"}}, "shop/day"),
        ({"providers": {"fashn": {"day": 0.16}}}, "provider:fashn/day"),
        ({"shopper": {"day": 0.16}}, "shopper/day"),
        ({"shop": {"day": 100}, "shopper": {"day": 0.16}}, "shopper/day"),
    ],
)
def test_a_cap_refuses_the_third_of_two(
    caps: dict[str, Any], name: str, row: Row, fashn: Provider, shopper: Shopper, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(CAPS=caps)
    for _ in range(2):
        ledger.reserve(row(shopper=shopper), fashn)
    room = ledger.room(provider="fashn", shopper=shopper)
    assert (room.left, room.cap) == (Decimal("0.01"), name)
    with pytest.raises(ledger.CapReached) as caught:
        ledger.reserve(row(shopper=shopper), fashn)
    assert caught.value.code == "busy"
    assert caught.value.room.cap == name
    assert 0 < (caught.value.retry_after or 0) <= 86_400 + 3600
    assert LedgerEntry.objects.count() == 2
    assert ledger.reconcile() == []
    ledger.refund(LedgerEntry.objects.first() or LedgerEntry(), "not paid")
    assert ledger.reserve(row(shopper=shopper), fashn), "what is refunded may be spent again"


@pytest.mark.django_db
def test_a_cap_elsewhere_does_not_count(row: Row, fashn: Provider, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"providers": {"pixelapi": {"day": 0}}, "shopper": {"day": 0}})
    assert ledger.reserve(row(), fashn)
    with pytest.raises(ledger.CapReached):
        ledger.reserve(row(), get_provider("pixelapi"))


@pytest.mark.django_db
def test_a_new_window_has_room_again(row: Row, fashn: Provider, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"hour": 0.1}})
    now = timezone.now()
    ledger.reserve(row(), fashn, now=now)
    with pytest.raises(ledger.CapReached):
        ledger.reserve(row(), fashn, now=now)
    ledger.reserve(row(), fashn, now=now + timedelta(hours=1))


@pytest.mark.django_db
def test_a_cap_set_later_knows_what_was_spent(row: Row, fashn: Provider, tryon_settings: Callable[..., None]) -> None:
    ledger.reserve(row(), fashn)
    tryon_settings(CAPS={"shop": {"day": 0.1}})
    assert ledger.room().left == Decimal("0.025")
    with pytest.raises(ledger.CapReached):
        ledger.reserve(row(), fashn)


@pytest.mark.django_db
def test_a_batch_has_its_own_cap_and_many_rows_fill_it(row: Row, fashn: Provider) -> None:
    small = Batch.objects.create(operation="try_on", max_cost=Decimal("0.2"))
    open_end = Batch.objects.create(operation="try_on")
    rows = [row(batch=small if number % 2 else open_end) for number in range(10)]
    made = ledger.reserve_all(rows, fashn)
    assert [result.pk in made for result in rows] == [True, True, True, True, *[True, False] * 3]
    assert ledger.room(batch=small).left == Decimal("0.05")
    assert ledger.reconcile() == []


@pytest.mark.django_db
def test_many_rows_take_what_fits(row: Row, fashn: Provider, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 0.25}, "providers": {"fashn": {"hour": 0.4}}})
    rows = [row() for _ in range(8)]
    assert list(ledger.reserve_all(rows, fashn)) == [result.pk for result in rows[:3]]
    assert ledger.reserve_all(rows[3:], fashn) == {}


def rush(jobs: list[Callable[[], bool]]) -> list[bool]:
    """All at once, each on its own connection."""
    start = threading.Barrier(len(jobs))
    done: list[bool] = []

    def run(job: Callable[[], bool]) -> None:
        try:
            start.wait(30)
            done.append(job())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_cap_holds_when_a_hundred_come_at_once(
    row: Row, fashn: Provider, tryon_settings: Callable[..., None]
) -> None:
    only_on_postgres()
    tryon_settings(CAPS={"shop": {"day": 1}, "shopper": {"day": 5}, "providers": {"fashn": {"hour": 0.76}}})
    shoppers = [Shopper.objects.create() for _ in range(5)]
    rows = [row(shopper=shoppers[number % 5]) for number in range(50)]

    def take(result: TryOnResult) -> Callable[[], bool]:
        def job() -> bool:
            try:
                return bool(ledger.reserve(result, fashn))
            except ledger.CapReached:
                return False

        return job

    done = rush([take(result) for result in rows])
    assert len(done) == 50
    assert sum(done) == 10
    assert LedgerEntry.objects.count() == 10
    assert ledger.reconcile() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_limit_of_a_batch_holds_when_eight_drains_claim_its_rows(
    row: Row, tryon_settings: Callable[..., None]
) -> None:
    only_on_postgres()
    wide = {"api_key": "k", "concurrency": 50, "rate": (1000, 1)}  # money is all that limits here
    tryon_settings(PROVIDERS={"fashn": {**PROVIDERS["fashn"], "OPTIONS": wide}})
    batch = Batch.objects.create(operation="try_on", status="running", max_cost=Decimal("0.5"))  # six calls
    for _ in range(32):
        row(batch=batch, provider="fashn")

    def drain(name: str) -> Callable[[], bool]:
        def job() -> bool:
            held: list[claim.Claimed] = []
            claim.claim(name, timezone.now(), lambda provider, fresh: 4, held.append)
            return all(one.entry for one in held)

        return job

    assert rush([drain(f"drain-{number}") for number in range(8)]) == [True] * 8
    spent = LedgerEntry.objects.filter(batch=batch)
    assert sum(entry.amount for entry in spent) <= batch.max_cost
    TryOnResult.objects.filter(status="queued").update(next_at=timezone.now())  # those that were refused come again
    drain("late")()
    assert spent.count() == TryOnResult.objects.filter(status="submitting").count() == 6
    assert ledger.reconcile() == []


# ---------------------------------------------------------------- looking back


@pytest.mark.django_db
def test_spent(row: Row, fashn: Provider) -> None:
    batch = Batch.objects.create(operation="try_on")
    since = timezone.now()
    entries = [ledger.reserve(row(batch=batch), fashn) for _ in range(4)]
    assert all(entries)
    ledger.commit(entries[0])  # type: ignore[arg-type]
    ledger.refund(entries[1], "x")  # type: ignore[arg-type]
    ledger.doubt(entries[2], "x")  # type: ignore[arg-type]
    ledger.commit(ledger.reserve(row(), get_provider("pixelapi")))  # type: ignore[arg-type]
    found = ledger.spent(since)
    assert (found.committed, found.uncertain, found.reserved) == (Decimal("0.1"), Decimal("0.075"), Decimal("0.075"))
    assert found.total == Decimal("0.175")
    assert ledger.spent(since, batch=batch).total == Decimal("0.15")
    assert ledger.spent(since, provider="pixelapi").credits == 25
    assert ledger.spent(until=since).total == 0


@pytest.mark.django_db
def test_a_counter_that_is_wrong_is_found_and_mended(
    row: Row, fashn: Provider, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(CAPS={"shop": {"day": 1}})
    ledger.reserve(row(), fashn)
    SpendCounter.objects.update(micros=999_999)
    (found,) = ledger.reconcile(mend=True)
    assert (found.kept, found.ledger) == (Decimal("0.999999"), Decimal("0.075"))
    assert ledger.reconcile() == []
    assert ledger.reserve(row(), fashn)


@pytest.mark.django_db
def test_old_counters_go(row: Row, fashn: Provider, tryon_settings: Callable[..., None]) -> None:
    tryon_settings(CAPS={"shop": {"day": 1}})
    ledger.reserve(row(), fashn)
    assert caps.prune() == 0
    assert caps.prune(timezone.now() + timedelta(days=10)) == 1


@pytest.mark.django_db
def test_an_operator_settles(row: Row, fashn: Provider) -> None:
    entry = ledger.reserve(row(), fashn)
    assert entry is not None
    ledger.doubt(entry, "no answer", job_id="job-1")
    assert ledger.settle(entry, paid=True, reason="seen on the invoice")
    assert not ledger.settle(entry, paid=False)
    entry.refresh_from_db()
    assert (entry.state, entry.provider_job_id) == (EntryState.COMMITTED, "job-1")
    assert entry.reason == "no answer; seen on the invoice"
    assert ledger.open_entries([uuid.uuid4()]) == {}
