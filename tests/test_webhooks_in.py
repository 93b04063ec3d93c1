"""Calls back from providers: hints, whoever sends them and how often; forged ones touch nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from tests.conftest import SHARED
from tests.providers.fakes import JobProvider, setting
from tests.runner.conftest import drain
from tryon import ledger, retention
from tryon.choices import Status
from tryon.models import EntryState, Garment, LedgerEntry, PresetModel, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import Submission, TryOnRequest
from tryon.runner import callbacks, clock
from tryon.sandbox import Sandbox
from tryon.webhooks_in import webhook

CORPUS = SHARED / "hostile" / "provider_answers.jsonl"
EVENT = {"id": "job-1", "status": "completed", "output": ["https://evil.example/x.png"], "error": None}


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run drains themselves."""
    monkeypatch.setattr("tryon.tasks._enqueue", lambda *args: None)


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def row(garment: Garment, preset_model: PresetModel) -> TryOnResult:
    return TryOnResult.objects.create(
        operation="model_shot",
        garment=garment,
        preset_model=preset_model,
        status=Status.PROCESSING.value,
        provider="fashn",
        provider_job_id="job-1",
        attempts=1,
        deadline_at=timezone.now() + timedelta(hours=1),
    )


def address(pk: Any, *, alias: str = "fashn", attempt: int = 1, made: float | None = None, token: str = "") -> str:
    token = token or callbacks.make_token(alias, pk, attempt, int(made or time.time()))
    return reverse("tryon:webhook-in", kwargs={"alias": alias, "pk": pk, "token": token})


def call(client: Client, url: str, body: Any = EVENT, method: str = "post") -> int:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return int(getattr(client, method)(url, data=data, content_type="application/json").status_code)


def test_the_address_for_a_provider(tryon_settings: Callable[..., None]) -> None:
    row = TryOnResult(attempts=2)
    tryon_settings(PROVIDERS={"hosted": setting("HostedProvider"), "instant": setting("InstantProvider")})
    assert callbacks.webhook_url(row, get_provider("hosted")) == "", "nobody can reach us: nobody is told"
    tryon_settings(
        PROVIDERS={"hosted": setting("HostedProvider"), "instant": setting("InstantProvider")},
        PUBLIC_URL="https://shop.example/tryon/",
    )
    url = callbacks.webhook_url(row, get_provider("hosted"))
    assert url.startswith(f"https://shop.example/tryon/webhooks/hosted/{row.pk}/2-")
    assert callbacks.check_token(url.split("/")[-2], "hosted", row.pk) == 2
    assert callbacks.webhook_url(row, get_provider("instant")) == ""


@pytest.mark.django_db
def test_a_hint_and_nothing_more(client: Client, row: TryOnResult) -> None:
    assert call(client, address(row.pk)) == 200
    seen = TryOnResult.objects.get(pk=row.pk)
    assert seen.hinted_at is not None
    assert (seen.status, seen.provider_job_id, seen.fetching, seen.version) == (Status.PROCESSING, "job-1", [], 1)


@pytest.mark.django_db
def test_fifty_are_one(client: Client, row: TryOnResult, monkeypatch: pytest.MonkeyPatch) -> None:
    url = address(row.pk)
    assert call(client, url) == 200
    first = TryOnResult.objects.get(pk=row.pk).hinted_at
    assert first is not None
    # they come at once, however long each takes here; not time-machine: it does not hold the database's clock
    monkeypatch.setattr(clock, "now", lambda: first + timedelta(seconds=0.5))
    assert {call(client, url) for _ in range(49)} == {200}
    assert TryOnResult.objects.get(pk=row.pk).hinted_at == first


@pytest.mark.django_db
def test_the_job_of_a_deleted_row_is_nobody_elses(client: Client, row: TryOnResult, garment: Garment) -> None:
    """Else somebody would be shown the picture of a person who has just erased it."""
    entry = LedgerEntry.objects.create(result_id=row.pk, provider="fashn", operation="model_shot", credits=1, amount=1)
    retention.delete_result(row)
    entry.refresh_from_db()
    assert (entry.state, entry.provider_job_id) == (EntryState.UNCERTAIN, "job-1")
    other = TryOnResult.objects.create(
        operation="model_shot",
        garment=garment,
        status=Status.UNCERTAIN.value,
        provider="fashn",
        attempts=1,
        next_at=None,
        deadline_at=timezone.now() + timedelta(hours=1),
    )
    assert call(client, address(other.pk)) == 200
    other.refresh_from_db()
    assert (other.provider_job_id, other.hinted_at) == ("", None)
    assert call(client, address(other.pk), {**EVENT, "id": "job-2"}) == 200
    other.refresh_from_db()
    assert other.provider_job_id == "job-2"


FORGED = {
    "no token": lambda pk: address(pk, token="x"),
    "another row's": lambda pk: address(pk, token=callbacks.make_token("fashn", uuid.uuid4(), 1, int(time.time()))),
    "another provider's": lambda pk: address(pk, token=callbacks.make_token("kling", pk, 1, int(time.time()))),
    "another attempt's": lambda pk: address(
        pk, token=callbacks.make_token("fashn", pk, 1, int(time.time())).replace("1-", "2-", 1)
    ),
    "too old": lambda pk: address(pk, made=time.time() - 51 * 3600),
    "6 minutes in the future": lambda pk: address(pk, made=time.time() + 360),
    "a bit flipped": lambda pk: address(pk, token=callbacks.make_token("fashn", pk, 1, int(time.time()))[:-1] + "g"),
    "10 kB": lambda pk: address(pk, token="1-1-" + "a" * 10_000),
    "a newline": lambda pk: address(pk, token=callbacks.make_token("fashn", pk, 1, int(time.time())) + "\n"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORGED)
def test_forged_ones_touch_nothing(
    name: str, client: Client, row: TryOnResult, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(0):
        assert call(client, FORGED[name](row.pk)) == 401
    assert TryOnResult.objects.get(pk=row.pk).hinted_at is None


@pytest.mark.django_db
def test_a_thousand_forged_ones_are_cheap(
    client: Client, row: TryOnResult, django_assert_num_queries: Callable[..., Any]
) -> None:
    url = address(row.pk, token=f"1-{int(time.time())}-{'0' * 64}")
    start = time.process_time()
    with django_assert_num_queries(0):
        assert {call(client, url) for _ in range(1000)} == {401}
    assert (time.process_time() - start) / 1000 < 0.005


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
        (b"<html>", 400),
        (b"\xff\xfe", 400),
        (b'{"id": NaN}', 400),
        (b"[]", 200),
        (b'{"id": "../../etc"}', 200),
        (b'{"id": {"a": 1}}', 200),
        (b'"' + b"x" * 1_100_000 + b'"', 413),
    ],
)
def test_bodies(body: bytes, status: int, client: Client, row: TryOnResult) -> None:
    assert call(client, address(row.pk), body) == status


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "head", "put", "options", "delete", "patch"])
def test_other_methods(method: str, client: Client, row: TryOnResult) -> None:
    assert getattr(client, method)(address(row.pk)).status_code == 405


@pytest.mark.django_db
def test_after_the_erasure(client: Client, row: TryOnResult) -> None:
    url = address(row.pk)
    row.delete()
    assert call(client, url) == 200
    assert not TryOnResult.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
def test_after_the_end(status: Status, client: Client, row: TryOnResult) -> None:
    TryOnResult.objects.filter(pk=row.pk).move(status)
    before = TryOnResult.objects.filter(pk=row.pk).values().get()
    assert call(client, address(row.pk), {**EVENT, "status": "failed"}) == 200
    assert TryOnResult.objects.filter(pk=row.pk).values().get() == before


@pytest.mark.django_db
def test_a_rotated_key_still_opens(client: Client, row: TryOnResult, settings: Any) -> None:
    url = address(row.pk)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert call(client, url) == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert call(client, url) == 401


# ---------------------------------------------------------------- a call whose answer was never seen


@pytest.fixture
def sandbox() -> Any:
    with Sandbox(0, pace=0.005, pictures="drawn", limits=False) as running:
        yield running


@pytest.fixture
def lost(row: TryOnResult, sandbox: Sandbox, tryon_settings: Callable[..., None]) -> TryOnResult:
    """A paid submit that arrived, and whose answer did not."""
    options = {"api_key": "fa_sandbox", "base_url": sandbox.url("fashn"), "allow_private_hosts": True}
    tryon_settings(
        PROVIDERS={"fashn": {"BACKEND": "tryon.providers.fashn.FashnProvider", "OPTIONS": options}},
        PUBLIC_URL="http://127.0.0.1:9/tryon/",
    )
    TryOnResult.objects.filter(pk=row.pk).update(status=Status.QUEUED, provider_job_id="", attempts=0)
    sandbox.faults.add("cut", provider="fashn", stage="submit", counted=True, times=1)
    drain()
    row.refresh_from_db()
    assert row.status == Status.UNCERTAIN
    assert LedgerEntry.objects.get().state == EntryState.UNCERTAIN
    return row


def made_there(sandbox: Sandbox) -> str:
    return next(call.job_id for call in sandbox.calls if call.stage == "submit")


@pytest.mark.django_db(transaction=True)
def test_the_webhook_finds_it_again(client: Client, lost: TryOnResult, sandbox: Sandbox) -> None:
    assert call(client, address(lost.pk), {"id": made_there(sandbox), "status": "completed"}) == 200
    drain()
    lost.refresh_from_db()
    assert (lost.status, lost.provider_job_id) == (Status.SUCCEEDED, made_there(sandbox))
    entry = LedgerEntry.objects.get()
    assert (entry.state, float(entry.credits)) == (EntryState.COMMITTED, sum(c.credits for c in sandbox.charges()))
    assert sum(call.stage == "submit" for call in sandbox.calls) == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_not_there_changes_nothing(client: Client, lost: TryOnResult, sandbox: Sandbox) -> None:
    assert call(client, address(lost.pk), {"id": "made-up", "status": "completed"}) == 200
    drain(budget=2.0)
    drain()
    lost.refresh_from_db()
    assert (lost.status, lost.provider_job_id, lost.hinted_at) == (Status.UNCERTAIN, "", None)
    assert LedgerEntry.objects.get().state == EntryState.UNCERTAIN
    assert ledger.spent().uncertain > 0


@pytest.mark.django_db(transaction=True)
def test_anothers_job_is_never_taken(client: Client, lost: TryOnResult, sandbox: Sandbox) -> None:
    other = TryOnResult.objects.create(
        garment=lost.garment, provider="fashn", provider_job_id="pred_other", deadline_at=timezone.now()
    )
    assert call(client, address(lost.pk), {"id": "pred_other"}) == 200
    lost.refresh_from_db()
    assert lost.provider_job_id == ""
    other.refresh_from_db()
    assert other.hinted_at is None


# ---------------------------------------------------------------- early, and with no key


@pytest.mark.django_db
def test_a_signature_over_the_body_opens_nothing(client: Client, row: TryOnResult) -> None:
    """The address is signed and not the body: it may come in any spelling, and says nothing that is believed."""
    spellings = [json.dumps(EVENT), json.dumps(EVENT, indent=2, sort_keys=True).encode(), json.dumps(dict(EVENT, x=1))]
    for body in spellings:
        data = body if isinstance(body, bytes) else body.encode()
        mac = hmac.new(django_settings.SECRET_KEY.encode(), data, hashlib.sha256).hexdigest()
        assert call(client, address(row.pk, token=f"1-{int(time.time())}-{mac}"), data) == 401
        row.refresh_from_db()
        assert row.hinted_at is None
    for body in spellings:
        TryOnResult.objects.update(hinted_at=None)
        assert call(client, address(row.pk), body) == 200
        row.refresh_from_db()
        assert row.hinted_at is not None
        assert (row.status, row.provider_job_id, row.fetching) == (Status.PROCESSING, "job-1", [])


class EarlyProvider(JobProvider):
    """Calls back before it has answered the submit."""

    label: ClassVar[str] = "early"
    heard: ClassVar[list[int]] = []

    def submit(self, request: TryOnRequest) -> Submission:
        submission = super().submit(request)
        url = address(uuid.UUID(hex=request.reference), alias="early")
        self.heard.extend(call(Client(), url, {"id": submission.job_id, "status": "completed"}) for _ in range(2))
        connection.close()  # this thread's
        return submission


@pytest.mark.django_db(transaction=True)
def test_before_the_submit_was_answered(
    row: TryOnResult, tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is not known yet; it is asked about as soon as it is, and not when its first poll would be due."""
    early = {"BACKEND": "tests.test_webhooks_in.EarlyProvider", "OPTIONS": {"polls": 1}}
    tryon_settings(PROVIDERS={"early": early}, PUBLIC_URL="http://127.0.0.1:9/tryon/")
    monkeypatch.setattr("tryon.runner.decide.FIRST_POLL_SECONDS", 600.0)
    TryOnResult.objects.update(provider="early", status=Status.QUEUED, provider_job_id="", attempts=0)
    drain()
    assert EarlyProvider.heard == [200, 200]
    provider = get_provider("early")
    assert isinstance(provider, EarlyProvider)
    assert (len(provider.requests), provider.asked) == (1, {f"job-{row.pk.hex}": 1})
    row.refresh_from_db()
    assert (row.status, row.outputs.count()) == (Status.SUCCEEDED, 1)


@pytest.mark.django_db
def test_without_a_key_nothing_is_accepted(row: TryOnResult, rf: RequestFactory, settings: Any) -> None:
    token = callbacks.make_token("fashn", row.pk, 1, int(time.time()))
    request = rf.post(address(row.pk, token=token), json.dumps(EVENT), content_type="application/json")
    settings.SECRET_KEY = ""
    assert webhook(request, alias="fashn", pk=row.pk, token=token).status_code == 503
    row.refresh_from_db()
    assert row.hinted_at is None
    assert "tryon.E010" in {message.id for message in checks.run_checks(tags=["tryon"])}


# ---------------------------------------------------------------- the corpus

COVERED = {
    "p083": "test_a_hint_and_nothing_more",
    "p085": "test_a_hint_and_nothing_more",
    "p087": "test_a_signature_over_the_body_opens_nothing",
    "p089": "test_a_rotated_key_still_opens",
    "p091": "test_forged_ones_touch_nothing",
    "p093": "test_forged_ones_touch_nothing",
    "p095": "test_forged_ones_touch_nothing",
    "p097": "test_before_the_submit_was_answered",
    "p099": "test_after_the_end",
    "p101": "test_forged_ones_touch_nothing",
    "p103": "test_bodies",
    "p105": "test_other_methods",
    "p107": "test_a_thousand_forged_ones_are_cheap",
    "p109": "test_without_a_key_nothing_is_accepted",
}


@pytest.mark.skipif(not CORPUS.exists(), reason=f"NOT RUN: the corpus of answers is not at {CORPUS}")
def test_every_row_of_the_corpus_has_its_test() -> None:
    rows = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert {row["id"] for row in rows if row["stage"] == "webhook"} == set(COVERED)
    assert set(COVERED.values()) <= set(globals())
