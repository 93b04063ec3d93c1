"""What is paid is kept: results that can't be stored yet, odd answers, and the ledger beside the providers' books."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from tests.conftest import first
from tests.providers.fakes import jpeg
from tests.runner.conftest import BACKENDS, drain, statuses
from tryon import ledger
from tryon.choices import Status
from tryon.models import EntryState, LedgerEntry, ProviderAccount, Review, TryOnOutput, TryOnResult
from tryon.runner import balances, lanes
from tryon.sandbox import Sandbox
from tryon.testing import Canned, Seen, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

Rows = Callable[..., list[TryOnResult]]
Entry = Callable[..., dict[str, Any]]


class FullDisk(FileSystemStorage):
    """A disk that is full for the first ``refusals`` files."""

    refusals = 0

    def _save(self, name: str, content: Any) -> str:
        if FullDisk.refusals > 0:
            FullDisk.refusals -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        saved: str = super()._save(name, content)
        return saved


@pytest.fixture
def full_disk(settings: Any, tmp_path: Path) -> Iterator[type[FullDisk]]:
    backend = {"BACKEND": "tests.runner.test_paid.FullDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "small": backend}
    settings.TRYON = {**settings.TRYON, "RESULT_STORAGE": "small"}
    yield FullDisk
    FullDisk.refusals = 0


def submits(sandbox: Sandbox) -> int:
    return sum(call.stage == "submit" for call in sandbox.calls)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_ledger_is_what_the_provider_says(
    name: str, tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={name: entry(name)})
    made = rows(3)
    drain()
    assert statuses(made) == [Status.SUCCEEDED] * 3
    assert submits(sandbox) == 3
    assert LedgerEntry.objects.filter(state=EntryState.COMMITTED.value).count() == 3
    if name not in ("superstyle", "kling"):  # the one has no credits; the other's are not documented
        assert float(ledger.spent().credits) == sum(charge.credits for charge in sandbox.charges(name))
    output = TryOnOutput.objects.first()
    assert output is not None
    assert output.review == Review.TO_REVIEW
    assert output.source_sha256 == made[0].garment.sha256


@pytest.mark.parametrize("name", first(1, ["pixelapi", "pixelcut", "pebblely"]))
def test_a_full_disk_costs_time_and_nothing_else(
    name: str, tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows,
    full_disk: type[FullDisk],
) -> None:  # fmt: skip
    tryon_settings(PROVIDERS={name: entry(name)})
    full_disk.refusals = 3
    (row,) = rows()
    drain()
    row.refresh_from_db()
    assert (row.status, row.fetching, row.error_code) == (Status.SUCCEEDED, [], "")
    assert full_disk.refusals == 0
    assert submits(sandbox) == 1
    assert row.outputs.count() == 1
    assert ledger.spent().reserved == 0


def test_a_paid_address_is_written_down_before_it_is_fetched(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, full_disk: type[FullDisk]
) -> None:
    """The worker goes in the middle of fetching; the next one has the address, and no second call is made."""
    tryon_settings(PROVIDERS={"pixelcut": entry("pixelcut")})
    full_disk.refusals = 1000
    (row,) = rows()
    drain(stopping=lambda: statuses([row]) == [Status.DELIVERING])
    row.refresh_from_db()
    assert row.status == Status.DELIVERING
    assert [item["url"].startswith("http://127.0.0.1") for item in row.fetching] == [True]
    assert row.lease_owner == ""
    assert ledger.spent().committed == ledger.spent().total
    full_disk.refusals = 0
    TryOnResult.objects.live().update(next_at=timezone.now())
    drain()
    assert statuses([row]) == [Status.SUCCEEDED]
    assert submits(sandbox) == 1


def test_a_job_id_that_another_row_has_takes_nobody_down(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    """p041: the answer names somebody else's job. Its row fails; those written in the same commit don't."""
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.faults.add("json", provider="pixelapi", stage="submit", times=2, set={"job_id": "same"})
    made = rows(5)
    drain()
    found = statuses(made)
    assert found.count(Status.SUCCEEDED) == 3
    assert found.count(Status.FAILED) == 2  # one has the id of another; one was given an id that is no job
    doubled = TryOnResult.objects.filter(error_detail__contains="job id of another")
    assert doubled.count() == 1
    states = LedgerEntry.objects.values_list("state", flat=True)
    assert sorted(states) == [EntryState.COMMITTED] * 3 + [EntryState.UNCERTAIN] * 2


def test_failed_after_completed_was_seen(
    tryon_settings: Callable[..., None], entry: Entry, rows: Rows, full_disk: type[FullDisk]
) -> None:
    """p053: the paid result is there, whatever is said afterwards."""
    said = ["completed", "failed"]

    with serving() as server:

        def answer(seen: Seen) -> Canned:
            if seen.path == "/v1/run":
                return Canned(200, {"id": "job-1", "error": None})
            if seen.path.startswith("/files/"):
                return Canned(200, jpeg(640, 800), {"Content-Type": "image/jpeg"})
            status = said.pop(0) if said else "failed"
            output = [f"{server.url}/files/1.jpg"] if status == "completed" else None
            return Canned(200, {"id": "job-1", "status": status, "output": output, "error": None})

        server.answers(answer)
        tryon_settings(PROVIDERS={"fashn": entry("fashn", base_url=server.url)})
        full_disk.refusals = 1
        (row,) = rows()
        drain()
    row.refresh_from_db()
    assert said == [], "it was asked again, and heard the other word"
    assert (row.status, row.error_code) == (Status.SUCCEEDED, "")
    assert LedgerEntry.objects.get().state == EntryState.COMMITTED


def test_a_picture_that_is_the_one_sent_is_shown_with_a_warning(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    """p079"""
    tryon_settings(PROVIDERS={"fashn": entry("fashn")})
    sandbox.faults.add("unchanged", provider="fashn")
    (row,) = rows(options={"model_name": "tryon-v1.6"})
    drain()
    row.refresh_from_db()
    assert row.status == Status.SUCCEEDED
    assert "unchanged" in row.warnings


@pytest.mark.parametrize(
    ("operation", "options", "mime"),
    [
        ("generate_audio", {"prompt": "soft waves"}, "audio/wav"),
        ("generate_video", {"prompt": "a dress in the wind"}, "video/mp4"),
    ],
)
def test_clips_and_sounds_are_kept_as_files(
    operation: str, options: dict[str, Any], mime: str, tryon_settings: Callable[..., None], sandbox: Sandbox,
    entry: Entry, rows: Rows,
) -> None:  # fmt: skip
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    (row,) = rows(operation=operation, options=options, preset_model=None)
    drain()
    row.refresh_from_db()
    assert (row.status, row.error_detail) == (Status.SUCCEEDED, "")
    output = row.outputs.get()
    assert (output.mime, output.width, str(output.card)) == (mime, 0, "")
    with output.file.open("rb") as stream:
        assert len(stream.read()) > 100


def test_a_job_that_never_ends(tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows) -> None:
    tryon_settings(PROVIDERS={"fashn": entry("fashn")})
    sandbox.faults.add("stuck", provider="fashn")
    (row,) = rows(deadline_at=timezone.now() + timedelta(seconds=1.5))
    drain()
    row.refresh_from_db()
    assert (row.status, row.error_code) == (Status.FAILED, "timed_out")
    assert LedgerEntry.objects.get().state == EntryState.UNCERTAIN, "possibly charged"


def test_uncertain_rows_end_and_stay_on_the_ledger(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    from tryon.runner import claim

    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.faults.add("cut", provider="pixelapi", stage="submit", counted=True, times=1)
    (row,) = rows()
    drain()
    assert statuses([row]) == [Status.UNCERTAIN]
    assert claim.expire(timezone.now() + timedelta(hours=23)) == 0
    assert claim.expire(timezone.now() + timedelta(hours=25)) == 1
    row.refresh_from_db()
    assert (row.status, row.error_code) == (Status.FAILED, "timed_out")
    open_entry = LedgerEntry.objects.get()
    assert open_entry.state == EntryState.UNCERTAIN
    assert ledger.settle(open_entry, paid=True)
    assert float(ledger.spent().credits) == sum(charge.credits for charge in sandbox.charges())


@pytest.mark.parametrize("arrived", [True, False])
def test_the_balance_tells_what_became_of_it(
    arrived: bool, tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.account("pixelapi", "pk_live_sandbox").credits = 1000
    balances.reconcile(timezone.now())
    rows(1)
    drain()
    sandbox.faults.add("cut", provider="pixelapi", stage="submit", counted=arrived, times=1)
    (row,) = rows()
    drain()
    assert statuses([row]) == [Status.UNCERTAIN]
    balances.reconcile(timezone.now())
    row.refresh_from_db()
    assert row.status == Status.FAILED
    state = EntryState.COMMITTED if arrived else EntryState.REFUNDED
    assert LedgerEntry.objects.get(result_id=row.pk).state == state
    account = ProviderAccount.objects.get(alias="pixelapi")
    assert account.drift == 0
    assert float(account.balance or 0) == 1000 - float(ledger.spent().credits)


def test_drift_is_seen(tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    account = sandbox.account("pixelapi", "pk_live_sandbox")
    account.credits = 1000
    balances.reconcile(timezone.now())
    rows(1)
    drain()
    account.credits -= 7  # spent by somebody else with our key
    balances.reconcile(timezone.now())
    assert ProviderAccount.objects.get(alias="pixelapi").drift == 7


# ---------------------------------------------------------------- pace


def test_a_rate_is_never_passed(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    """As it leaves us. How much of it is used is the benchmark's to measure."""
    calls, seconds = 5, 1.0
    times: list[float] = []

    class Recording(lanes.Pace):
        def take(self) -> float:
            wait = super().take()
            if not wait:
                times.append(time.monotonic())
            return wait

    lanes._paces["pebblely", calls, seconds] = Recording(calls, seconds)
    tryon_settings(PROVIDERS={"pebblely": entry("pebblely", rate=(calls, seconds), timeout=90)})
    made = rows(13)
    drain(budget=60.0)
    assert statuses(made) == [Status.SUCCEEDED] * 13
    assert len(times) == submits(sandbox) == 13
    times.sort()
    windows = [sum(start <= when < start + seconds for when in times) for start in times]
    assert max(windows) <= calls


def test_a_time_that_was_missed() -> None:
    """Another process may send right after it: what is later than the margin would be one call too many."""
    alone, shared = lanes.Pace(1, 1.0), lanes.Pace(1, 1.0, shared=True)
    assert not alone.gives_up(0.9)
    assert not shared.gives_up(0.015)
    assert [shared.gives_up(0.05) for _ in range(3)] == [True, False, True], "a slow machine must get on"
    assert alone.take() == 0.0
    assert alone.gives_up(1.1)


def test_jobs_at_once_are_bounded(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi", concurrency=2)})
    most = 0
    made = rows(6)
    from tryon.runner.drain import Drain

    class Watching(Drain):
        def _settle(self, job: Any, value: Any) -> None:
            nonlocal most
            most = max(most, len(sandbox.jobs.live()))
            super()._settle(job, value)

    while Watching(idle=0.4).run():  # on a busy machine one ends before the next two may be sent
        pass
    assert statuses(made) == [Status.SUCCEEDED] * 6
    assert 0 < most <= 2


def test_sigterm_gives_back_and_is_quick(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long call is under way when the worker has to go: it is not waited for to its end, and nothing has failed."""
    monkeypatch.setattr("tryon.runner.drain.STOP_SECONDS", 0.5)
    tryon_settings(PROVIDERS={"pebblely": entry("pebblely", timeout=60), "pixelapi": entry("pixelapi")})
    sandbox.faults.add("latency", provider="pebblely", seconds=20)
    sandbox.faults.add("stuck", provider="pixelapi")
    (blocked,) = rows(1, provider="pebblely")
    (polled,) = rows(1, provider="pixelapi")
    start = time.monotonic()
    drain(stopping=lambda: time.monotonic() - start > 1.0)
    assert time.monotonic() - start < 5
    assert statuses([blocked, polled]) == [Status.SUBMITTING, Status.PROCESSING]
    blocked.refresh_from_db()
    polled.refresh_from_db()
    assert blocked.lease_owner, "nobody may take it before its lease has run out"
    assert polled.lease_owner == ""
    sandbox.closing.set()
