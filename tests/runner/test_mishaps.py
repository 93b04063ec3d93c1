"""Rare mishaps of a drain: none of them costs an answer that was paid, sends a call twice, or holds up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.providers.fakes import InstantProvider, jpeg
from tests.runner.conftest import drain, in_thread, statuses
from tests.runner.test_database_away import away  # noqa: F401 - a fixture
from tests.runner.test_paid import FullDisk, full_disk  # noqa: F401 - a fixture
from tryon import ledger, tasks
from tryon.choices import Operation, ProviderStatus
from tryon.models import Batch, BatchStatus, EntryState, LedgerEntry, TryOnResult, WorkerSlot, results
from tryon.providers import get_provider
from tryon.providers.base import (
    CallStyle,
    Capability,
    Output,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.runner import claim, clock, history, lanes, steps
from tryon.runner.drain import Drain
from tryon.studio import batches

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

Rows = Callable[..., list[TryOnResult]]


class Paid(InstantProvider):
    """Polled, with a price. ``hold``: answers to submits come when ``open`` is set."""

    label: ClassVar[str] = "Paid"
    style: ClassVar[CallStyle] = CallStyle.POLLING
    paid: ClassVar[bool] = True
    leaves_server: ClassVar[bool] = True
    credit_price = Decimal("0.05")

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.posts: list[str] = []
        self.polls = 0
        self.open, self.entered = threading.Event(), threading.Event()
        self.hold = False
        self.broke_after = 1000
        self.says = Update(
            ProviderStatus.SUCCEEDED, outputs=(Output(data=jpeg(), mime="image/jpeg"),), credits_used=1.0
        )

    @property
    def capabilities(self) -> dict[Operation, Capability]:
        return {operation: Capability((), cost=1.0) for operation in (Operation.MODEL_SHOT, Operation.TRY_ON)}

    def submit(self, request: TryOnRequest) -> Submission:
        self.posts.append(request.reference)
        self.entered.set()
        if self.hold:
            assert self.open.wait(20)
        if len(self.posts) > self.broke_after:
            raise ProviderError("config", "out of credits")
        return Submission(job_id=f"job-{request.reference}")

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        self.polls += 1
        return self.says


class Inline(Paid):
    """Answers with the picture itself."""

    style: ClassVar[CallStyle] = CallStyle.BLOCKING

    def submit(self, request: TryOnRequest) -> Submission:
        self.posts.append(request.reference)
        return Submission(job_id=None, outputs=(Output(data=jpeg(), mime="image/jpeg"),))


def set_up(tryon_settings: Any, **more: Any) -> Paid:
    tryon_settings(PROVIDERS={"p": {"BACKEND": f"{__name__}.Paid"}}, **more)
    found = get_provider("p")
    assert isinstance(found, Paid)
    return found


@pytest.fixture
def provider(tryon_settings: Any) -> Paid:
    return set_up(tryon_settings)


def states() -> list[str]:
    return sorted(LedgerEntry.objects.values_list("state", flat=True))


# ---------------------------------------------------------------- the drain


def test_an_answer_that_comes_while_the_database_is_away_is_kept(
    provider: Paid,
    rows: Rows,
    away: Callable[[bool], None],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider.hold = True
    (row,) = rows(1, provider="p")
    monkeypatch.setattr(history.Latencies, "_latest", lambda self, ask, *about: ask(*about))  # nothing is remembered

    def cut() -> None:
        assert provider.entered.wait(10)
        away(True)
        provider.open.set()
        time.sleep(1)  # the outage
        away(False)

    cutting = in_thread(cut)
    drain()
    cutting.join()
    assert (statuses([row]), states(), len(provider.posts)) == (["succeeded"], ["committed"], 1)


def test_a_call_that_is_being_made_is_not_given_back(
    provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain breaks while one of its threads reads the pictures: who comes next must not send it as well."""
    (row,) = rows(1, provider="p")
    reading, read = threading.Event(), threading.Event()
    build = steps.build_request

    def slowly(*given: Any) -> TryOnRequest:
        reading.set()
        assert read.wait(20)
        return build(*given)

    class Broken(Drain):
        def _collect(self, wait: float) -> None:
            super()._collect(wait)
            if reading.is_set():
                raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(steps, "build_request", slowly)
    with pytest.raises(RuntimeError):
        Broken(idle=0.4).run()
    assert statuses([row]) == ["queued"]
    read.set()
    drain()
    WorkerSlot.objects.update(until=timezone.now() - timedelta(seconds=1))
    drain()
    assert len(provider.posts) == 1
    assert statuses([row]) == ["succeeded"]


@pytest.mark.parametrize("credits", [1e9, 1e25])
def test_absurd_credits_are_not_believed(provider: Paid, rows: Rows, credits: float) -> None:
    provider.says = Update(ProviderStatus.SUCCEEDED, outputs=provider.says.outputs, credits_used=credits)
    made = rows(3, provider="p")
    drain()
    assert statuses(made) == ["succeeded"] * 3
    assert set(LedgerEntry.objects.values_list("state", "credits")) == {("committed", Decimal(1))}


def test_one_answer_that_breaks_us_costs_no_other(provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows(5, provider="p")
    fields = ledger._fields

    def broken(item: ledger.Settlement) -> dict[str, Any]:
        if item.entry.result_id == made[2].pk and item.state == EntryState.COMMITTED:
            raise ArithmeticError("a mistake of ours")
        return fields(item)

    monkeypatch.setattr(ledger, "_fields", broken)
    drain()
    assert sorted(statuses(made)) == ["failed", *["succeeded"] * 4]
    assert states() == ["committed"] * 4 + ["uncertain"]


def test_a_settlement_that_breaks_us_costs_no_other(
    provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rows(5, provider="p")

    class Clumsy(Drain):
        def __init__(self) -> None:
            super().__init__(idle=0.4, budget=3)
            settle = self.outcomes.settle

            def clumsily(job: steps.Job, value: Any) -> None:
                if job.row.pk == made[2].pk and isinstance(value, steps.Polled):
                    raise KeyError("a mistake of ours")
                settle(job, value)

            self.outcomes.settle = clumsily  # type: ignore[method-assign]

    Clumsy().run()
    assert sorted(statuses(made)) == ["processing", *["succeeded"] * 4]
    drain()
    assert statuses(made) == ["succeeded"] * 5
    assert len(provider.posts) == 5


def test_what_is_paid_is_asked_about_though_the_account_is_empty(
    provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tryon.runner.decide.FIRST_POLL_SECONDS", 1.0)
    monkeypatch.setitem(lanes._last_answer, "p", time.monotonic())
    provider.broke_after = 3
    made = rows(3, provider="p")

    def one_more() -> None:
        while len(provider.posts) < 3:
            time.sleep(0.01)
        rows(1, provider="p", pinned=True)

    adding = in_thread(one_more)
    Drain(idle=0.4, budget=10).run()
    adding.join()
    assert len(provider.posts) == 4
    assert statuses(made) == ["succeeded"] * 3


def test_rows_that_were_given_away_are_not_taken_for_ours(rows: Rows, tryon_settings: Any) -> None:
    """Our slot ran out, and before we noticed another process gave our rows back."""
    held = set_up(tryon_settings, LEASE_SECONDS=3)
    held.hold = True
    made = rows(3, provider="p")

    class Stalled(Drain):
        """As one whose machine stood still: no beat, and then its lease is over."""

        def _beat(self) -> None:
            if held.entered.is_set() and not held.open.is_set():
                WorkerSlot.objects.update(until=timezone.now() - timedelta(seconds=1))
                assert claim.reap(timezone.now()) > 0
                self._beat_at -= 60
                held.open.set()
            super()._beat()

    stalled = Stalled(idle=0.4)
    stalled.run()
    assert stalled.dead
    TryOnResult.objects.live().update(next_at=timezone.now())
    drain()
    sent = [row for row in made if row.pk.hex in held.posts]
    assert statuses(sent) == ["succeeded"] * len(sent)
    assert len(held.posts) == len(set(held.posts))


def test_paid_bytes_wait_for_room_on_the_disk(
    tryon_settings: Any,
    rows: Rows,
    full_disk: type[FullDisk],  # noqa: F811
) -> None:
    """They are nowhere else: the drain stays for them although its time is over."""
    tryon_settings(PROVIDERS={"p": {"BACKEND": f"{__name__}.Inline"}})
    full_disk.refusals = 1000
    (row,) = rows(1, provider="p")

    def make_room() -> None:
        while full_disk.refusals == 1000:
            time.sleep(0.01)
        time.sleep(1.5)  # longer than the drain's time
        full_disk.refusals = 0

    making = in_thread(make_room)
    Drain(idle=0.4, budget=0.5).run()
    making.join()
    assert (statuses([row]), states()) == (["succeeded"], ["committed"])


# ---------------------------------------------------------------- what others do meanwhile


@pytest.mark.parametrize("word", [ProviderStatus.BLOCKED, ProviderStatus.CANCELED])
def test_an_uncertain_row_ends_whatever_its_provider_calls_it(
    rows: Rows, tryon_settings: Any, word: ProviderStatus
) -> None:
    asked = set_up(tryon_settings, PUBLIC_URL="https://shop.example")
    asked.says = Update(word, error=ProviderError("content_blocked", "no"))
    named = {"next_at": None, "provider_job_id": "j1", "hinted_at": timezone.now(), "attempts": 1}
    (row,) = rows(1, provider="p", status="uncertain", **named)
    LedgerEntry.objects.create(result_id=row.pk, provider="p", operation=row.operation, state="uncertain", credits=1)
    Drain(idle=0.5, budget=5).run()
    assert statuses([row]) == ["failed"]
    assert asked.polls == 1


def test_a_watchdog_whose_clock_is_ahead_takes_nothing_away(
    provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = timezone.now

    class Ahead:
        @staticmethod
        def now() -> datetime:
            return real() + timedelta(minutes=10)

    soon = {"next_at": real() + timedelta(seconds=300), "deadline_at": real() + timedelta(seconds=500)}
    waiting = rows(2, provider="p", **soon)
    claim.acquire_slot("alive", clock.now())
    (held,) = rows(1, provider="p", status="submitting", lease_owner="alive")
    monkeypatch.setattr(tasks, "timezone", Ahead)
    tasks._look()
    assert statuses(waiting) == ["queued"] * 2
    held.refresh_from_db()
    assert held.lease_owner == "alive"


def test_a_latency_is_measured_by_one_clock(provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    real = timezone.now
    monkeypatch.setattr(clock, "now", lambda: real() - timedelta(seconds=30))  # this machine is ahead of the database
    rows(1, provider="p", next_at=real() - timedelta(minutes=5))
    drain()
    (seen,) = history.seen("p", Operation.MODEL_SHOT.value)
    assert 0 <= seen.seconds < 10


def test_a_row_that_comes_back_from_a_drain_is_canceled_with_its_batch(
    provider: Paid, rows: Rows, admin_user: User
) -> None:
    batch = Batch.objects.create(name="Coats", status=BatchStatus.RUNNING.value, operation="model_shot")
    (waits,) = rows(1, provider="p", batch=batch)
    (claimed,) = rows(1, provider="p", batch=batch, status="submitting", lease_owner="d1", attempts=1)
    for row in (waits, claimed):
        ledger.reserve(row, provider)
    batches.cancel(batch, user=admin_user)
    claim.put_back("d1", [claimed], timezone.now())
    drain()
    assert provider.posts == []
    assert statuses([waits, claimed]) == ["canceled"] * 2
    assert states() == ["refunded"] * 2


def test_the_first_product_of_a_batch_that_waits_for_it_is_made(provider: Paid, rows: Rows) -> None:
    """Its batch is paused all the while."""
    batch = Batch.objects.create(name="Coats", status=BatchStatus.PAUSED.value, operation="model_shot")
    made = rows(1, provider="p", batch=batch)
    drain()
    assert statuses(made) == ["succeeded"]


def test_rows_of_a_newer_version_are_left_to_it(provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "Operation", [Operation.MODEL_SHOT])  # all that this version knows
    (row,) = rows(1, provider="p")
    newer = [*rows(1, provider="", operation="try_on"), *rows(1, provider="p", operation="try_on")]
    assert not Drain(idle=0.4).run()  # nothing is left for another one
    assert statuses([row]) == ["succeeded"]
    assert statuses(newer) == ["queued"] * 2


def test_rows_of_a_provider_that_a_deploy_is_bringing_are_left_to_it(provider: Paid, rows: Rows) -> None:
    begun = {"status": "processing", "provider_job_id": "n1", "attempts": 1}
    young = [*rows(1, provider="newer", **begun), *rows(1, provider="newer", pinned=True)]
    drain()
    assert statuses(young) == ["processing", "queued"]
    TryOnResult.objects.update(next_at=timezone.now() - 2 * claim.ORPHANED)
    drain()
    assert statuses(young) == ["failed"] * 2


def test_an_answer_that_broke_us_is_not_sent_again_after_an_outage(
    provider: Paid, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is ours by the database, and no job here knows it: as one whose claim was lost on the way, but sent."""
    (row,) = rows(1, provider="p")

    class Clumsy(Drain):
        def __init__(self) -> None:
            super().__init__(idle=0.4, budget=2)
            self.outcomes.settle = self.clumsily  # type: ignore[method-assign]

        def clumsily(self, job: steps.Job, value: Any) -> None:
            self._unsure = True
            self._next["beat"] = 0.0
            raise KeyError("a mistake of ours")

    Clumsy().run()
    assert statuses([row]) == ["submitting"]
    WorkerSlot.objects.update(until=timezone.now() - timedelta(seconds=1))
    drain()
    assert (statuses([row]), len(provider.posts)) == (["uncertain"], 1)
