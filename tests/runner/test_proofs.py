"""What the runner promises under load and for long: counted at the provider. The long ones run with ``make prove``."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import tryon
from tests.conftest import only_on_postgres
from tests.providers.fakes import HostedProvider
from tests.runner.conftest import drain, statuses
from tests.storefront.conftest import a_result, add_output, browser_of
from tryon import ledger, links, retention, tasks
from tryon.choices import Operation, Status
from tryon.models import EntryState, Garment, LedgerEntry, Shopper, TryOnResult, WorkerSlot
from tryon.providers import get_provider
from tryon.providers.base import Capability, Output, Provider, Submission, TryOnRequest
from tryon.runner import accounts, claim, decide
from tryon.sandbox import Sandbox
from tryon.testing import serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]

Rows = Callable[..., list[TryOnResult]]
Entry = Callable[..., dict[str, Any]]
SOUND = {"operation": "generate_audio", "options": {"prompt": "soft waves"}, "preset_model": None}
FAULTY = int(os.environ.get("TRYON_FAULTY_JOBS", "300"))
# of real time that the half hour without a provider takes; 1 to see it in full
SCALE = float(os.environ.get("TRYON_DEAD_SCALE", "0.1"))


def submits(sandbox: Sandbox) -> int:
    return sum(call.stage == "submit" for call in sandbox.calls)


def no_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else five of them would stop the account, and that is another proof."""
    monkeypatch.setattr(accounts, "ROW", 10**6)
    monkeypatch.setattr(accounts, "SAMPLE", 10**6)


def make_due() -> None:
    """The pauses of rows that wait for their next try are over."""
    TryOnResult.objects.live().update(next_at=timezone.now(), lease_owner="")


# ---------------------------------------------------------------- money


@pytest.mark.prove
@pytest.mark.parametrize(
    ("name", "carried_out"), [("pixelapi", True), ("pixelapi", False), ("pixelcut", False), ("fashn", False)]
)
def test_a_thousand_answers_that_nobody_saw_are_a_thousand_requests(
    name: str, carried_out: bool, tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    no_breaker(monkeypatch)
    tryon_settings(PROVIDERS={name: entry(name)})
    sandbox.account(name, "pk_live_sandbox").credits = 1e6
    sandbox.faults.add("cut", provider=name, stage="submit", counted=carried_out)
    made = rows(1000, **(SOUND if name == "pixelapi" else {}))
    for _ in range(40):
        drain()
        tasks.watch()
        if not TryOnResult.objects.live().exists():
            break
    for _ in range(2):  # nor is one sent later, by whoever looks
        WorkerSlot.objects.update(until=timezone.now())
        tasks.watch()
        drain()
    assert Counter(statuses(made)) == {Status.UNCERTAIN: 1000}
    assert submits(sandbox) == 1000
    assert list(LedgerEntry.objects.values_list("state", flat=True)) == [EntryState.UNCERTAIN] * 1000
    assert sum(charge.credits for charge in sandbox.charges()) <= float(ledger.spent().credits)


class Counted(HostedProvider):
    """Knows how often it was called."""

    @property
    def capabilities(self) -> Any:
        return {Operation.GENERATE_AUDIO: Capability(cost=1.0)}

    def submit(self, request: TryOnRequest) -> Submission:
        self.requests.append(request)
        return Submission(outputs=(Output(data=b"RIFF\x04\x00\x00\x00WAVE" + bytes(40)),))


@pytest.mark.prove
@pytest.mark.postgres
@pytest.mark.parametrize("calls", [1, 37, 150])
def test_a_cap_holds_under_a_hundred_drains(
    calls: int, tryon_settings: Callable[..., None], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many drains as the server has places for, and every other one claims a row at a time."""
    only_on_postgres()
    at_once = 100
    places = threading.Semaphore(60)  # PostgreSQL has a hundred connections, and others need some
    monkeypatch.setattr(Counted, "credit_price", 1)
    tryon_settings(
        PROVIDERS={"counted": {"BACKEND": f"{__name__}.Counted"}}, CAPS={"shop": {"day": calls}}, DRAINS=at_once
    )
    provider = get_provider("counted")
    assert isinstance(provider, Counted)
    rows(200, operation="generate_audio", preset_model=None)
    start, failed = threading.Barrier(at_once), list[BaseException]()

    def work(number: int) -> None:
        def one(_provider: Provider, _queued: bool) -> int:
            return 1 if number % 2 else 200

        start.wait(60)
        owner = f"claimer-{number}"
        with places:
            try:
                for _ in range(2):
                    claim.acquire_slot(owner, timezone.now())
                    claim.claim(owner, timezone.now(), one, lambda item: taken.append(item))
            except BaseException as error:  # noqa: BLE001 - told to the test
                failed.append(error)
            finally:
                connection.close()

    taken: list[claim.Claimed] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(taken) == len({item.row.pk for item in taken}) == LedgerEntry.objects.count() <= calls
    # all die; what they had sent is unknown, and what is left goes on within the same cap
    WorkerSlot.objects.update(until=timezone.now())
    TryOnResult.objects.live().filter(status=Status.QUEUED.value).update(next_at=timezone.now())
    for _ in range(3):
        drain()
    assert len(taken) + len(provider.requests) == LedgerEntry.objects.count() == calls
    assert ledger.reconcile() == []


# ---------------------------------------------------------------- the provider's health


@pytest.mark.prove
def test_a_dead_provider_costs_few_calls_and_is_found_again(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead for half an hour, all waiting times by ``SCALE``. Drains follow each other as they do in a worker."""
    for module, name in [
        (accounts, "OPEN_SECONDS"),
        (accounts, "OPEN_AGAIN_SECONDS"),
        (decide, "RETRY_BASE_SECONDS"),
        (decide, "RETRY_CAP_SECONDS"),
    ]:
        monkeypatch.setattr(module, name, getattr(module, name) * SCALE)
    monkeypatch.setattr(accounts, "TRIAL", accounts.TRIAL * SCALE)
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.account("pixelapi", "pk_live_sandbox").credits = 1e6
    sandbox.faults.add("server_error", provider="pixelapi", status=503)
    made = rows(200, **SOUND)
    dead = time.monotonic()
    while time.monotonic() - dead < 1800 * SCALE:
        drain(budget=5.0)
        tasks.watch()
        time.sleep(1.0 * SCALE)
    calls = len(sandbox.calls)
    sandbox.faults.clear()
    back, first = time.monotonic(), None
    while (now := time.monotonic()) - back < 600 * SCALE and TryOnResult.objects.live().exists():
        drain(budget=5.0)
        tasks.watch()
        if first is None and len(sandbox.calls) > calls + 1:
            first = now - back
        time.sleep(1.0 * SCALE)
    assert calls <= 40, calls
    assert statuses(made) == [Status.SUCCEEDED] * 200
    assert first is not None
    assert first <= 120 * SCALE + 6, f"found again after {first / SCALE:.0f} s of its time"  # a drain's budget more
    assert len(sandbox.charges()) == 200


@pytest.mark.prove
def test_with_errors_and_hangs_nearly_all_is_done(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 % of all requests are answered 503, 10 % are carried out and never answered.

    A submit that is never answered is not repeated: the provider's call back says which job it became.
    """
    monkeypatch.setattr(accounts, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(accounts, "OPEN_AGAIN_SECONDS", 1.0)
    monkeypatch.setattr(decide, "RETRY_CAP_SECONDS", 1.0)
    sandbox.account("fashn", "pk_live_sandbox").credits = 1e6
    sandbox.faults.add("server_error", provider="fashn", status=503, probability=0.3)
    sandbox.faults.add("hang", provider="fashn", seconds=3, counted=True, probability=0.1)
    jobs = FAULTY
    with serving() as ears:
        tryon_settings(
            PROVIDERS={"fashn": entry("fashn", timeout=1)}, PUBLIC_URL=f"{ears.url}/tryon/", ALLOW_PRIVATE_HOSTS=True
        )
        made = rows(jobs)
        heard, end = 0, time.monotonic() + 900
        while time.monotonic() < end:
            drain(budget=5.0)
            tasks.watch()
            for seen in ears.seen[heard:]:
                heard += 1
                assert Client().post(seen.path, seen.data, content_type="application/json").status_code == 200
            TryOnResult.objects.live().filter(lease_owner="").update(next_at=timezone.now())
            if not set(statuses(made)) - {Status.SUCCEEDED, Status.FAILED, Status.UNCERTAIN} and heard == len(
                ears.seen
            ):
                break
    found = Counter(statuses(made))
    assert found[Status.SUCCEEDED] >= 0.99 * jobs, found
    charged = Counter(charge.job_id for charge in sandbox.charges() if charge.kind == "charge")
    assert max(charged.values()) == 1
    assert len(charged) <= found[Status.SUCCEEDED] + found[Status.UNCERTAIN]


# ---------------------------------------------------------------- deploys


def test_a_rotated_key_costs_nobody_anything(
    instant: None, settings: Any, shopper: Shopper, garment: Garment, admin_user: Any, rows: Rows
) -> None:
    """Cookies, signed links, staff's sessions and queued rows outlive it; callbacks have a test of their own."""
    result = a_result(shopper, garment)
    output = add_output(result)
    link = links.picture_url(output, signed=True)
    page = reverse("tryon:result", kwargs={"pk": result.pk})
    browser, staff = browser_of(shopper), Client()
    staff.force_login(admin_user)
    waiting = rows(4)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [django_settings.SECRET_KEY]
    assert browser.get(page).status_code == 200
    assert Client().get(link).status_code == 200
    assert staff.get(reverse("admin:index")).status_code == 200
    drain()
    assert statuses(waiting) == [Status.SUCCEEDED] * 4
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get(page).status_code == 404
    assert Client().get(link).status_code == 404
    assert staff.get(reverse("admin:index")).status_code == 200, "it was signed anew when it was used"


def test_an_older_version_beside_this_one(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer one has added a column and a status, and leaves things in the rows that this one has never heard of."""
    tryon_settings(PROVIDERS={"pixelcut": entry("pixelcut")})
    (carried, strange, half) = rows(3, provider="pixelcut")
    table = TryOnResult._meta.db_table
    # what a newer version's rows may hold, as far as this version's own constraints go
    named = {item.name: item for item in TryOnResult._meta.constraints}
    loosened = [named["tryon_result_status"], named["tryon_result_due_is_live"]]
    with connection.schema_editor() as schema:
        schema.execute(f"ALTER TABLE {table} ADD COLUMN newer varchar(9) DEFAULT 'x' NOT NULL")
        if connection.vendor == "postgresql":
            for item in loosened:
                schema.remove_constraint(TryOnResult, item)
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA ignore_check_constraints = ON")
    try:
        TryOnResult.objects.filter(pk=strange.pk).update(status="upscaling", next_at=timezone.now())
        address = {"url": f"{sandbox.url('pixelcut')}/nothing", "mime": "", "expires_at": "", "alt": "of the newer"}
        TryOnResult.objects.filter(pk=half.pk).update(
            status=Status.DELIVERING, fetching=[address, {"blob": "of the newer"}, "?"], error_params={"newer": [1]}
        )
        monkeypatch.setattr(tryon, "__version__", "0.0.1")
        drain(budget=10.0)
        tasks.watch()
        drain(budget=10.0)
        carried.refresh_from_db()
        strange.refresh_from_db()
        assert carried.status == Status.SUCCEEDED
        assert (strange.status, strange.version, strange.lease_owner, strange.attempts) == ("upscaling", 1, "", 0)
        assert strange.next_at is not None
        assert statuses([half]) == [Status.FAILED], "its address leads nowhere; nothing else was wrong with it"
        assert submits(sandbox) == 1
    finally:
        TryOnResult.objects.filter(pk=strange.pk).delete()
        if connection.vendor == "sqlite":
            connection.cursor().execute("PRAGMA ignore_check_constraints = OFF")
        with connection.schema_editor() as schema:
            schema.execute(f"ALTER TABLE {table} DROP COLUMN newer")
            if connection.vendor == "postgresql":
                for item in loosened:
                    schema.add_constraint(TryOnResult, item)


def test_a_call_under_way_whose_preview_is_deleted_stays_on_the_books(
    tryon_settings: Callable[..., None], sandbox: Sandbox, entry: Entry, rows: Rows
) -> None:
    """Nobody holds the row just then: no drain will ever hear of its end, and staff have to know of it."""
    tryon_settings(PROVIDERS={"pixelapi": entry("pixelapi")})
    sandbox.faults.add("stuck", provider="pixelapi")
    (row,) = rows()
    drain(budget=4.0)
    row.refresh_from_db()
    assert (row.status, row.lease_owner) == (Status.PROCESSING, "")
    retention.delete_result(row)
    left = LedgerEntry.objects.get()
    assert (left.state, left.provider_job_id) == (EntryState.UNCERTAIN, row.provider_job_id)
    assert ledger.settle(left, paid=True)


def test_an_uncertain_row_ends_though_nothing_else_is_there(rows: Rows) -> None:
    """No page is polled and no drain is started for it: the watchdog sees to it."""
    (row,) = rows(status=Status.UNCERTAIN.value, next_at=None)
    tasks.watch()
    assert statuses([row]) == [Status.UNCERTAIN]
    TryOnResult.objects.update(updated_at=timezone.now() - timedelta(hours=25))
    tasks.watch()
    assert statuses([row]) == [Status.FAILED]
