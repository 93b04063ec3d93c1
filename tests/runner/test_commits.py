"""Group commits: one statement for many rows, and each row for itself all the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tryon import ledger
from tryon.choices import Status
from tryon.models import EntryState, LedgerEntry, TryOnOutput, TryOnResult
from tryon.providers import get_provider
from tryon.runner import commits
from tryon.runner.commits import Commits, Write
from tryon.runner.delivery import Stored
from tryon.runner.steps import Job
from tryon.signals import tryon_finished

pytestmark = pytest.mark.django_db(transaction=True)

Rows = Callable[..., list[TryOnResult]]
KEY = {"api_key": "k", "base_url": "https://api.example.com"}
ME = "me"


@pytest.fixture(autouse=True)
def provider(tryon_settings: Callable[..., None]) -> None:
    backend = {"BACKEND": "tryon.providers.pixelapi.PixelAPIProvider", "OPTIONS": KEY}
    tryon_settings(PROVIDERS={"pixelapi": backend}, CAPS={"shop": {"day": 100}})


@pytest.fixture
def jobs(rows: Rows) -> Callable[..., list[Job]]:
    def make(count: int, status: Status = Status.SUBMITTING, **fields: Any) -> list[Job]:
        values = {"provider": "pixelapi", "lease_owner": ME, "attempts": 1, "status": status.value, **fields}
        found, api = rows(count, **values), get_provider("pixelapi")
        entries = ledger.reserve_all(found, api)
        return [Job(row, api, status, entries[row.pk], sent=True) for row in found]

    return make


class Told:
    """What commits did with jobs."""

    def __init__(self) -> None:
        self.dropped: list[Job] = []
        self.going_on: list[Job] = []
        self.commits = Commits(ME, self.dropped.append, lambda job, seconds: self.going_on.append(job))

    def write(self, writes: list[Write]) -> None:
        for write in writes:
            self.commits.add(write)
        self.commits.write()


@pytest.fixture
def told() -> Told:
    return Told()


def submitted(job: Job, name: str, **fields: Any) -> Write:
    made = {
        "provider_job_id": name,
        "next_at": timezone.now(),
        "submitted_at": timezone.now(),
        "warnings": [],
        **fields,
    }
    return Write(job, Status.PROCESSING, made, answers=True, then=1.0)


def stored(job: Job) -> tuple[Stored, ...]:
    return (Stored(f"results/{job.row.pk.hex}.wav", "", "", 0, 0, "0" * 64, "audio/wav"),)


def succeeded(job: Job) -> Write:
    entry, job.entry = job.entry, None
    return Write(job, Status.SUCCEEDED, {}, stored(job), EntryState.COMMITTED, 25.0, entry=entry)


def fresh(job: Job) -> TryOnResult:
    return TryOnResult.objects.get(pk=job.row.pk)


def states() -> list[str]:
    return sorted(LedgerEntry.objects.values_list("state", flat=True))


def test_each_row_of_a_group_has_its_own_values(jobs: Callable[..., list[Job]], told: Told) -> None:
    made = jobs(5)
    told.write(
        [
            submitted(job, f"job-{number}", warnings=["odd"] * number, confidence=number / 10 or None)
            for number, job in enumerate(made)
        ]
    )
    for number, job in enumerate(made):
        row = fresh(job)
        assert (row.status, row.provider_job_id, row.version) == (Status.PROCESSING, f"job-{number}", 2)
        assert (row.warnings, row.confidence, row.lease_owner) == (["odd"] * number, number / 10 or None, ME)
        assert row.submitted_at is not None
    assert told.going_on == made
    assert told.dropped == []


def test_a_group_is_one_statement_of_a_kind(
    jobs: Callable[..., list[Job]], told: Told, django_assert_max_num_queries: Any
) -> None:
    made = jobs(60, Status.PROCESSING)
    with django_assert_max_num_queries(12):  # rows, outputs, listeners, ledger, and what surrounds a transaction
        told.write([succeeded(job) for job in made])
    assert set(TryOnResult.objects.values_list("status", flat=True)) == {Status.SUCCEEDED.value}
    assert TryOnOutput.objects.count() == 60
    assert set(states()) == {EntryState.COMMITTED}
    assert told.dropped == made
    assert ledger.reconcile() == []


def test_a_group_in_which_everything_happens(
    jobs: Callable[..., list[Job]], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was taken by another drain, one erased, one given up while its answer was on the way, one stopped."""
    heard: list[uuid.UUID] = []
    thrown: list[str] = []
    monkeypatch.setattr(commits, "discard", lambda found: thrown.extend(item.file for item in found))

    def hear(result: TryOnResult, **kwargs: Any) -> None:
        heard.append(result.pk)

    done, taken, erased, stopped = jobs(4, Status.PROCESSING)
    late, sent = jobs(2)
    TryOnResult.objects.filter(pk=taken.row.pk).update(lease_owner="another")
    TryOnResult.objects.filter(pk=erased.row.pk).delete()
    TryOnResult.objects.filter(pk=stopped.row.pk).move(Status.CANCELED)
    TryOnResult.objects.filter(pk=late.row.pk).move(Status.UNCERTAIN)
    writes = [*map(succeeded, (done, taken, erased, stopped)), submitted(late, "late"), submitted(sent, "sent")]
    tryon_finished.connect(hear)
    try:
        told.write(writes)
    finally:
        tryon_finished.disconnect(hear)

    found = {job: fresh(job) for job in (done, taken, stopped, late, sent)}
    assert [row.status for row in found.values()] == [
        Status.SUCCEEDED, Status.PROCESSING, Status.CANCELED, Status.PROCESSING, Status.PROCESSING,
    ]  # fmt: skip
    assert (found[taken].lease_owner, found[taken].version) == ("another", 1)
    assert (found[late].lease_owner, found[late].provider_job_id) == ("", "late"), "free for anybody"
    assert (found[sent].lease_owner, found[sent].provider_job_id) == (ME, "sent")
    assert [output.result_id for output in TryOnOutput.objects.all()] == [done.row.pk]
    assert heard == [done.row.pk]
    assert thrown == [stored(job)[0].file for job in (taken, erased, stopped)]
    # the bill of a lost row is settled all the same
    assert states() == [EntryState.COMMITTED.value] * 4 + [EntryState.RESERVED.value] * 2
    assert ledger.reconcile() == []
    assert set(told.dropped) == {done, taken, erased, stopped, late}


def test_one_that_the_database_refuses_does_not_harm_the_others(jobs: Callable[..., list[Job]], told: Told) -> None:
    [before] = jobs(1, Status.PROCESSING, provider_job_id="twice")
    made = jobs(4)
    writes = [submitted(job, f"job-{number}") for number, job in enumerate(made)]
    writes[2] = submitted(made[2], "twice")
    told.write(writes)
    assert [fresh(job).status for job in made] == [
        Status.PROCESSING, Status.PROCESSING, Status.FAILED, Status.PROCESSING,
    ]  # fmt: skip
    assert "another preview" in fresh(made[2]).error_detail
    assert LedgerEntry.objects.get(result_id=made[2].row.pk).state == EntryState.UNCERTAIN
    assert fresh(before).provider_job_id == "twice"
    assert told.commits.waiting == 0


@pytest.mark.postgres
def test_what_is_too_long_is_refused_and_not_cut(jobs: Callable[..., list[Job]], told: Told) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no lengths")
    made = jobs(3)
    told.write([submitted(job, f"{number}" * (200 if number == 1 else 20)) for number, job in enumerate(made)])
    assert [fresh(job).status for job in made] == [Status.PROCESSING, Status.FAILED, Status.PROCESSING]


def test_two_moves_of_a_row_in_one_group_keep_their_order(jobs: Callable[..., list[Job]], told: Told) -> None:
    first, second = jobs(2)
    told.write([submitted(first, "a"), submitted(second, "b"), succeeded(first)])
    assert (fresh(first).status, fresh(first).version, fresh(first).provider_job_id) == (Status.SUCCEEDED, 3, "a")
    assert (fresh(second).status, fresh(second).version) == (Status.PROCESSING, 2)


def test_a_group_that_was_written_already_is_not_written_again(jobs: Callable[..., list[Job]], told: Told) -> None:
    """The answer to a commit was lost on the way: the same group comes again."""
    done, sent = jobs(1, Status.PROCESSING)[0], jobs(1)[0]
    writes = [succeeded(done), submitted(sent, "a")]
    told.write(writes)
    told.write(writes)
    assert (fresh(done).version, fresh(sent).version) == (2, 2)
    assert told.dropped == [done, done]
    assert told.going_on == [sent, sent]
    assert TryOnOutput.objects.count() == 1
    assert states() == [EntryState.COMMITTED, EntryState.RESERVED]
    assert ledger.reconcile() == []


# ---------------------------------------------------------------- the ledger's group


def test_only_what_is_open_is_settled(jobs: Callable[..., list[Job]]) -> None:
    """Counters move by the sum of what was settled here, and by nothing that somebody else has settled."""
    made = jobs(6)
    entries = [job.entry for job in made if job.entry]
    assert ledger.refund(LedgerEntry.objects.get(pk=entries[0].pk), "by somebody else")
    assert ledger.doubt(LedgerEntry.objects.get(pk=entries[1].pk), "by somebody else")
    settled = ledger.settle_all(
        [
            ledger.Settlement(entries[0], EntryState.COMMITTED, 25.0),
            ledger.Settlement(entries[1], EntryState.COMMITTED, 50.0, "found", "job-1"),
            ledger.Settlement(entries[2], EntryState.COMMITTED, 12.5, job_id="job-2"),
            ledger.Settlement(entries[3], EntryState.REFUNDED, reason="not sent"),
            ledger.Settlement(entries[4], EntryState.UNCERTAIN, reason="no answer"),
            ledger.Settlement(entries[4], EntryState.UNCERTAIN, reason="twice"),
        ]
    )
    assert settled == 4
    found = [LedgerEntry.objects.get(pk=entry.pk) for entry in entries]
    assert [(entry.state, float(entry.credits), entry.provider_job_id) for entry in found] == [
        ("refunded", 25.0, ""), ("committed", 50.0, "job-1"), ("committed", 12.5, "job-2"), ("refunded", 25.0, ""),
        ("uncertain", 25.0, ""), ("reserved", 25.0, ""),
    ]  # fmt: skip
    assert [entry.settled_at is None for entry in found] == [False, False, False, False, True, True]
    assert found[4].reason == "no answer"
    assert [entry.state for entry in entries[1:]] == [entry.state for entry in found[1:]], "in memory too"
    assert ledger.reconcile() == []
