"""The short way of a poll gives the answer of the long one, or leaves it to it, with one query."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client
from tests.api.test_tryons import start
from tests.storefront.conftest import browser_of
from tryon import links
from tryon.api import polling
from tryon.choices import Status
from tryon.models import Garment, PresetModel, Shopper, TryOnOutput, TryOnResult
from tryon.runner.history import Latencies

pytestmark = pytest.mark.django_db


@pytest.fixture
def pk(app: APIClient, garment: Garment, preset_model: PresetModel) -> str:
    return str(start(app, product="1", model_id=preset_model.pk).json()["id"])


def begin(pk: str) -> None:
    assert TryOnResult.objects.filter(pk=pk).move(Status.SUBMITTING, started_at=timezone.now(), provider="instant")


def poll(client: Client, pk: str, tag: str = "", **headers: str) -> Any:
    """The answer, with how many queries it took."""
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(f"{API}tryons/{pk}/", **({"HTTP_IF_NONE_MATCH": tag} if tag else {}), **headers)
    answer.queries = len(seen)
    return answer


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog's own queries come once in a few seconds; the usual latency is asked for once in a test."""
    monkeypatch.setattr("tryon.tasks.NUDGE_SECONDS", 1e9)
    monkeypatch.setattr(polling, "_latencies", Latencies(seconds=1e9))


@pytest.mark.parametrize("status", ["queued", "submitting", "failed", "succeeded"])
@pytest.mark.parametrize("who", ["app", "browser"])
def test_it_says_what_the_long_way_says(app: APIClient, pk: str, who: str, status: str) -> None:
    client = app if who == "app" else browser_with(pk)
    places = 1 if status == "queued" else 0  # read for all who wait, once a second
    if status != "queued":
        begin(pk)
    if status == "failed":
        TryOnResult.objects.filter(pk=pk).move(Status.FAILED, error_code="no_person")
    if status == "succeeded":
        TryOnResult.objects.filter(pk=pk).move(Status.SUCCEEDED)
        for position in (1, 0):
            TryOnOutput.objects.create(result_id=pk, position=position, width=7 + position, height=9, sha256="")
    poll(client, pk)
    with time_machine.travel(timezone.now(), tick=False):
        first = poll(client, pk)
        whole = poll(client, pk, HTTP_ACCEPT="application/*")
        again = poll(client, pk, first["ETag"])
        same = poll(client, pk, first["ETag"], HTTP_ACCEPT="application/*")
    assert first.status_code == whole.status_code == 200
    assert first.content == whole.content
    assert (again.status_code, again.content, same.status_code) == (304, b"", 304)
    assert (first.queries, again.queries) == (1 + places, 1 + places)
    assert whole.queries > first.queries
    if status == "succeeded":
        assert [output["width"] for output in first.json()["outputs"]] == [7, 8]
    for short, long in ((first, whole), (again, same)):
        names = {name for name in long.headers if name not in ("Content-Length", "Allow")}
        assert {name for name in short.headers if name != "Content-Length"} == names
        for name in names - {"X-Request-ID"}:
            assert short[name] == long[name], name
    assert ("Retry-After" in again) is (status in ("queued", "submitting"))
    assert poll(client, pk, first["ETag"], HTTP_X_REQUEST_ID="abc")["X-Request-ID"] == "abc"


def test_places_are_read_once_for_many(app: APIClient, pk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_places", polling.Places(seconds=1e9))
    assert [poll(app, pk).queries for _ in range(3)] == [2, 1, 1]
    TryOnResult.objects.filter(pk=pk).move(Status.FAILED)  # what is told is of this moment all the same
    assert poll(app, pk).json()["status"] == "failed"


def browser_with(pk: str) -> Client:
    """The row becomes that of a browser."""
    mine = Shopper.objects.create()
    TryOnResult.objects.filter(pk=pk).update(shopper=mine)
    return browser_of(mine)


def test_only_whose_it_is_gets_it_in_a_browser(app: APIClient, pk: str, django_user_model: Any) -> None:
    client = browser_with(pk)
    tag = poll(client, pk)["ETag"]
    assert poll(client, pk, tag).status_code == 304
    assert poll(Client(), pk, tag).status_code == 404
    assert poll(browser_of(Shopper.objects.create()), pk, tag).status_code == 404
    assert poll(app, pk, tag).status_code == 404
    client.force_login(django_user_model.objects.create_user("ada"))
    assert poll(client, pk, tag).status_code == 304  # it has become Ada's
    assert poll(client, pk, tag).queries == 4  # the session, the user, the row, the places
    client.logout()
    assert poll(client, pk, tag).status_code == 404


def test_what_has_changed_is_told(app: APIClient, pk: str, garment: Garment, preset_model: PresetModel) -> None:
    tag = poll(app, pk)["ETag"]
    assert poll(app, pk, tag).status_code == 304
    other = start(app_client(), product="1", model_id=preset_model.pk).json()["id"]
    TryOnResult.objects.filter(pk=other).update(created_at=timezone.now() - timedelta(minutes=1))
    tags = [tag]

    def told() -> None:
        answer = poll(app, pk, tags[-1])
        assert answer.status_code == 200
        tags.append(answer["ETag"])
        assert poll(app, pk, tags[-1]).status_code == 304

    told()  # its place
    begin(pk)
    told()
    TryOnResult.objects.filter(pk=pk).update(progress=0.5)
    told()
    TryOnResult.objects.filter(pk=pk).move(Status.SUCCEEDED)
    told()
    assert len(set(tags)) == 5


def test_time_alone_moves_the_progress(app: APIClient, pk: str) -> None:
    begin(pk)
    now = timezone.now()
    with time_machine.travel(now + timedelta(seconds=2), tick=False):
        tag = poll(app, pk)["ETag"]
        assert poll(app, pk, tag).status_code == 304
    with time_machine.travel(now + timedelta(seconds=6), tick=False):
        later = poll(app, pk, tag)
        assert later.status_code == 200
    with time_machine.travel(now + timedelta(minutes=5), tick=False):
        late = poll(app, pk)["ETag"]
    with time_machine.travel(now + timedelta(minutes=6), tick=False):
        again = poll(app, pk, late)
        assert (again.status_code, again.queries) == (304, 1)


@pytest.mark.parametrize("who", ["app", "browser"])
def test_equal_tags_are_equal_bytes(app: APIClient, pk: str, who: str, garment: Garment) -> None:
    """Over a whole life, asked every second: with each change of the body comes a change of the tag."""
    client = app if who == "app" else browser_with(pk)
    bodies: dict[str, bytes] = {}

    def ask(now: Any, seconds: range) -> None:
        for second in seconds:
            with time_machine.travel(now + timedelta(seconds=second), tick=False):
                for way in ("*/*", "application/*"):  # the short one and the long one
                    answer = client.get(f"{API}tryons/{pk}/", HTTP_ACCEPT=way)
                    assert answer.content == bodies.setdefault(answer["ETag"], answer.content)

    now = timezone.now()
    begin(pk)
    ask(now, range(0, 15, 1))
    TryOnResult.objects.filter(pk=pk).update(progress=0.51)
    ask(now, range(15, 20))
    TryOnResult.objects.filter(pk=pk).move(Status.SUCCEEDED)
    TryOnOutput.objects.create(result_id=pk, position=0, width=7, height=9, sha256="")
    before = len(bodies)
    ask(now, range(20, 620, 40))
    assert len(bodies) - before in ((4, 5) if who == "app" else (1,))
    Garment.objects.filter(pk=garment.pk).update(name="Another name")
    ask(now, range(20, 21))
    PresetModel.objects.all().delete()  # it is "on you" then
    ask(now, range(20, 21))


@pytest.mark.parametrize("later", [0, 1, 149])
def test_a_link_works_for_two_and_a_half_minutes_at_least(app: APIClient, pk: str, later: int) -> None:
    begin(pk)
    TryOnResult.objects.filter(pk=pk).move(Status.SUCCEEDED)
    output = TryOnOutput.objects.create(result_id=pk, width=7, height=9, sha256="")
    begun = datetime.fromtimestamp(links.current_epoch() * links.EPOCH_SECONDS + later, tz=UTC)
    with time_machine.travel(begun, tick=False):
        result = poll(app, pk).json()["result"]
        key = result["url"].partition("?key=")[2]
        ends = datetime.fromisoformat(result["expires_at"])
        assert timedelta(seconds=150) < ends - begun <= links.LIFETIME
        assert links.signature_ok(output.pk, key)
        assert not links.signature_ok(TryOnOutput().pk, key)
        epoch, _colon, signature = key.partition(":")
        for forged in (f"{int(epoch) + 1}:{signature}", signature, f":{signature}", "", "1:2:3"):
            assert not links.signature_ok(output.pk, forged)
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert links.signature_ok(output.pk, key)
    with time_machine.travel(ends, tick=False):
        assert not links.signature_ok(output.pk, key)


def test_only_who_may_ask_gets_it(app: APIClient, pk: str) -> None:
    tag = poll(app, pk)["ETag"]
    assert poll(app, pk, tag).status_code == 304
    assert poll(app_client(), pk, tag).status_code == 404
    assert poll(APIClient(), pk, tag).status_code == 404
    assert poll(APIClient(HTTP_AUTHORIZATION="Bearer wrong"), pk, tag).status_code == 401
    assert poll(app, pk, tag, HTTP_ACCEPT="text/csv").status_code == 406
    assert poll(app, pk, tag, HTTP_ACCEPT_LANGUAGE="de").status_code == 200
    assert poll(app, "x", tag).status_code == 404


def test_what_is_gone_is_gone(app: APIClient, pk: str) -> None:
    tag = poll(app, pk)["ETag"]
    TryOnResult.objects.filter(pk=pk).update(expires_at=timezone.now())
    assert poll(app, pk, tag).status_code == 404
    app.delete(f"{API}sessions/current/")
    assert poll(app, pk, tag).status_code == 401


@pytest.mark.prove  # a time: for a machine that does nothing else
@pytest.mark.parametrize("who", ["nobody known", "a user"])
def test_a_poll_of_a_browser_is_cheap(django_user_model: Any, app: APIClient, pk: str, who: str) -> None:
    """Less than 5 ms of CPU, with news and without; the middle of many, since other work may come in between."""
    client = browser_with(pk)
    begin(pk)
    if who == "a user":
        user = django_user_model.objects.create_user("amina")
        Shopper.objects.filter(results=pk).update(user=user)
        client = Client()
        client.force_login(user)
    tag = ""
    took: dict[int, list[float]] = {200: [], 304: []}
    for number in range(62):  # with and without the tag in turn: there may be news in between
        before = time.thread_time()
        answer = client.get(f"{API}tryons/{pk}/", **({"HTTP_IF_NONE_MATCH": tag} if number % 2 else {}))
        took[answer.status_code].append(time.thread_time() - before)
        tag = answer["ETag"]
    assert len(took[304]) > 20
    for status, seconds in took.items():
        assert statistics.median(seconds) < 0.005, (status, seconds)
