"""One wish makes one row, however often and however fast it is sent."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, photo_file, stored_files, with_photo
from tests.api.test_tryons import PAID, start
from tests.conftest import only_on_postgres
from tests.providers.fakes import HostedProvider, jpeg
from tryon.choices import Operation, Status
from tryon.identity import COOKIE
from tryon.models import Consent, Garment, LedgerEntry, PresetModel, RequestKey, Shopper, ShopperPhoto, TryOnResult
from tryon.runner.drain import Drain

THREADS = 24
KEYS = int(os.environ.get("TRYON_PROOF_KEYS", "1000"))
NO_RATES = {"sessions": "", "address": "", "shopper": ""}


@pytest.mark.django_db
def test_the_same_key_gives_the_same_answer(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(PROVIDERS=PAID)
    first = start(app, product="1", model_id=preset_model.pk, key="k1")
    again = start(app, product="1", model_id=preset_model.pk, key="k1")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert TryOnResult.objects.count() == LedgerEntry.objects.count() == 1


@pytest.mark.django_db
def test_the_same_photo_sent_again_is_not_stored_twice(app: APIClient, garment: Garment) -> None:
    answers = [
        app.post(f"{API}tryons/", with_photo(product="1"), format="multipart", HTTP_IDEMPOTENCY_KEY="k") for _ in "123"
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ShopperPhoto.objects.count() == len(stored_files()) == 1


@pytest.mark.django_db
def test_the_same_key_with_another_wish_is_refused(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    start(app, product="1", model_id=preset_model.pk, key="k")
    other = start(app, product="1", model_id=preset_model.pk, options={"tint": "#000000"}, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    form = with_photo(product="1", photo=photo_file(jpeg(500, 700)))
    other = app.post(f"{API}tryons/", form, format="multipart", HTTP_IDEMPOTENCY_KEY="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert TryOnResult.objects.count() == 1
    assert stored_files() == []


@pytest.mark.django_db
def test_keys_belong_to_their_shopper(garment: Garment, preset_model: PresetModel) -> None:
    ids = {
        start(client, product="1", model_id=preset_model.pk, key="k").json()["id"]
        for client in (app_client(), app_client(), browser_client())
    }
    assert len(ids) == 3


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f", "schlüssel"])
def test_a_key_that_is_none(app: APIClient, garment: Garment, preset_model: PresetModel, key: str) -> None:
    answer = start(app, product="1", model_id=preset_model.pk, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/Idempotency-Key"]
    assert not TryOnResult.objects.exists()


@pytest.mark.django_db
def test_a_key_may_be_long_and_have_spaces(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    assert start(app, product="1", model_id=preset_model.pk, key="~ x" * 85).status_code == 202


@pytest.mark.django_db
def test_a_double_click_without_a_key_makes_one_row(app: APIClient, garment: Garment) -> None:
    ids = {app.post(f"{API}tryons/", with_photo(product="1"), format="multipart").json()["id"] for _ in range(2)}
    assert len(ids) == TryOnResult.objects.count() == ShopperPhoto.objects.count() == len(stored_files()) == 1


@pytest.mark.django_db
def test_a_repetition_gets_the_first_answer_whatever_became_of_the_row(app: APIClient, garment: Garment) -> None:
    """Word for word, also of a multipart request, whose boundary differs each time."""
    data = jpeg()

    def send() -> Any:
        form = with_photo(product="1", photo=photo_file(data))
        return app.post(f"{API}tryons/", form, format="multipart", HTTP_IDEMPOTENCY_KEY="k")

    first = send()
    TryOnResult.objects.all().move(Status.CANCELED)
    again = send()
    assert TryOnResult.objects.get().status == Status.CANCELED
    assert again.content == first.content
    assert again.json()["status"] == "queued"
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
def test_another_body_is_refused_before_anything_is_decoded(app: APIClient, garment: Garment) -> None:
    app.post(f"{API}tryons/", with_photo(product="1"), format="multipart", HTTP_IDEMPOTENCY_KEY="k")
    broken = with_photo(product="1", photo=photo_file(b"no photo"))
    answer = app.post(f"{API}tryons/", broken, format="multipart", HTTP_IDEMPOTENCY_KEY="k")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.django_db
def test_the_order_of_fields_is_no_other_body(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    wish = {"product": "1", "model_id": preset_model.pk, "options": {"tint": "#000000"}}
    turned = dict(reversed(wish.items()))
    answers = [app.post(f"{API}tryons/", one, format="json", HTTP_IDEMPOTENCY_KEY="k") for one in (wish, turned)]
    assert [answer.status_code for answer in answers] == [202, 202]


@pytest.mark.django_db
def test_while_the_first_is_running_the_second_is_told_to_wait(
    app: APIClient, garment: Garment, preset_model: PresetModel
) -> None:
    wish = {"product": "1", "model_id": preset_model.pk}
    start(app, **wish, key="k")
    RequestKey.objects.update(answer="")  # as it is while the first works
    answer = start(app, **wish, key="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert answer["Retry-After"] == "1"
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):  # its process died: the row is the truth
        answer = start(app, **wish, key="k")
        assert answer.status_code == 202
        assert answer["Idempotency-Replayed"] == "true"
    assert TryOnResult.objects.count() == 1


@pytest.mark.django_db
def test_a_request_that_was_refused_forgets_its_key(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(MAX_QUEUE=0)
    assert start(app, product="1", model_id=preset_model.pk, key="k").status_code == 503
    assert not RequestKey.objects.exists()
    tryon_settings(MAX_QUEUE=10)
    answer = start(app, product="1", model_id=preset_model.pk, key="k")
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer


@pytest.mark.django_db
@pytest.mark.parametrize("make", [app_client, browser_client], ids=["app", "browser"])
def test_an_upload_whose_answer_was_lost_is_stored_once(make: Callable[[], APIClient]) -> None:
    client, data = make(), jpeg()

    def send(photo: bytes) -> Any:
        form = with_photo(photo=photo_file(photo))
        return client.post(f"{API}photos/", form, format="multipart", HTTP_IDEMPOTENCY_KEY="k")

    assert send(b"none").status_code == 415  # it forgets its key
    first, again, other = send(data), send(data), send(jpeg(500, 700))
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert ShopperPhoto.objects.count() == Shopper.objects.count() == len(stored_files()) == 1


# ---------------------------------------------------------------- the first visit


def first_visit(who: str) -> Callable[[], APIClient]:
    """Clients without the cookie of a shopper: of one browser that was never here, or of one user's browser."""
    client = browser_client()
    if who == "user":
        client.force_login(get_user_model().objects.create_user("ada"))
    cookies = client.cookies.output(header="", sep=";")

    def again() -> APIClient:
        other = browser_client()
        other.cookies.load(cookies)
        return other

    return again


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["browser", "user"])
def test_a_first_visit_whose_answer_was_lost(who: str, garment: Garment, tryon_settings: Callable[..., None]) -> None:
    client, data = first_visit(who), jpeg()

    def send(key: str = "k") -> Any:
        form = with_photo(product="1", photo=photo_file(data))
        return client().post(f"{API}tryons/", form, format="multipart", HTTP_IDEMPOTENCY_KEY=key)

    tryon_settings(MAX_QUEUE=0)
    assert send().status_code == 503
    assert not RequestKey.objects.exists()
    # a refused one leaves nobody behind; a user stays, with what they agreed to
    assert Shopper.objects.count() == Consent.objects.count() == (who == "user")
    tryon_settings(MAX_QUEUE=10)
    first, again = send(), send()
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert Shopper.objects.count() == TryOnResult.objects.count() == ShopperPhoto.objects.count() == 1
    if who == "browser":  # the cookie that was lost comes again, and opens what was made
        assert again.cookies[COOKIE]["httponly"]
        mine = browser_client()
        mine.cookies[COOKIE] = again.cookies[COOKIE].value
        assert mine.get(first["Location"]).status_code == 200
        assert send("other").json()["id"] != first.json()["id"]


@pytest.mark.django_db
def test_a_key_of_a_first_visit_is_no_way_to_anothers_row(garment: Garment, preset_model: PresetModel) -> None:
    """Neither from another browser, nor from the same one when a user has it by now."""
    wish = {"product": "1", "model_id": preset_model.pk, "key": "k"}
    first = start(first_visit("browser")(), **wish).json()["id"]
    other = browser_client()
    other.cookies["csrftoken"] = "d" * 32
    other.credentials(HTTP_X_CSRFTOKEN="d" * 32)
    assert start(other, **wish).json()["id"] != first
    Shopper.objects.filter(results__pk=first).update(user=get_user_model().objects.create_user("ada"))
    assert start(first_visit("browser")(), **wish).json()["id"] != first


# ---------------------------------------------------------------- all at the same moment


def at_once(work: Callable[[], Any], threads: int = THREADS, patience: float = 120) -> list[Any]:
    """The answers of ``threads`` calls that start together."""
    barrier = threading.Barrier(threads)
    answers: list[Any] = []

    def run() -> None:
        try:
            barrier.wait(timeout=30)
            answers.append(work())
        finally:
            connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(timeout=patience)
    assert len(answers) == threads
    return answers


@pytest.fixture
def postgres() -> None:
    only_on_postgres()


@pytest.fixture
def twenty_workers(postgres: None, live_server: Any, monkeypatch: pytest.MonkeyPatch, tryon_settings: Any) -> Any:
    """A server that works at twenty requests at a time, as a real one would; and the token of one app."""
    tryon_settings(DAILY_LIMIT=1000)
    free = threading.BoundedSemaphore(20)
    begin = ThreadedWSGIServer.process_request_thread

    def wait_and_begin(self: Any, *args: Any) -> None:
        with free:
            begin(self, *args)

    monkeypatch.setattr(ThreadedWSGIServer, "process_request_thread", wait_and_begin)
    live_server.thread.httpd.socket.listen(200)
    token = app_client()._credentials["HTTP_AUTHORIZATION"]
    return live_server.thread.host, live_server.thread.port, token


def over_a_socket(server: Any, body: dict[str, Any], key: str) -> tuple[int, str, str | None]:
    host, port, token = server
    headers = {"Authorization": token, "Idempotency-Key": key, "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(host, port, timeout=60)) as sender:
        sender.request("POST", f"{API}tryons/", json.dumps(body), {**headers, "Connection": "close"})
        with sender.getresponse() as answer:
            return answer.status, answer.read().decode(), answer.headers["Idempotency-Replayed"]


def same_app() -> Callable[[], APIClient]:
    """Clients that carry one token."""
    credentials = app_client()._credentials

    def client() -> APIClient:
        other = APIClient(enforce_csrf_checks=True)
        other.credentials(**credentials)
        return other

    return client


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_one_key_a_hundred_times_at_once(twenty_workers: Any, garment: Garment, preset_model: PresetModel) -> None:
    """One row; each answer is that row, or that it is still running."""
    body = {"product": "1", "model_id": preset_model.pk}
    answers = at_once(lambda: over_a_socket(twenty_workers, body, "one"), threads=100)
    first = [answer for answer in answers if answer[0] == 202 and answer[2] is None]
    repeated = [answer for answer in answers if answer[0] == 202 and answer[2] == "true"]
    running = [answer for answer in answers if answer[0] == 409]
    assert len(first) == 1
    assert len(first) + len(repeated) + len(running) == 100
    assert {answer[1] for answer in repeated} <= {first[0][1]}
    assert {json.loads(answer[1])["code"] for answer in running} <= {"idempotency_conflict"}
    assert over_a_socket(twenty_workers, body, "one") == (202, first[0][1], "true")
    assert TryOnResult.objects.count() == RequestKey.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_hundred_keys_at_once_make_a_hundred_rows(
    twenty_workers: Any, garment: Garment, preset_model: PresetModel
) -> None:
    keys = itertools.count()
    body = {"product": "1", "model_id": preset_model.pk}
    wishes = at_once(
        lambda: over_a_socket(twenty_workers, {**body, "options": {"tint": f"#{next(keys):06d}"}}, "k"), threads=100
    )
    # one key, a hundred wishes: one is made, the others are other bodies or came too early
    assert Counter(status for status, _body, _replayed in wishes)[202] == 1
    answers = at_once(lambda: over_a_socket(twenty_workers, body, str(next(keys))), threads=100)
    assert Counter(status for status, _body, _replayed in answers) == {202: 100}
    assert TryOnResult.objects.count() == 101


class Counted(HostedProvider):
    """Each call costs one; counts them."""

    credit_price = Decimal(1)
    calls: ClassVar[list[Any]] = []

    def credits(self, operation: Operation, options: Any) -> tuple[float, float]:
        return 1.0, 1.0

    def submit(self, request: Any) -> Any:
        self.calls.append(request)
        return super().submit(request)


@pytest.mark.postgres
@pytest.mark.prove
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["shop", "shopper"])
def test_the_last_credit_is_spent_once(
    twenty_workers: Any, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None], whose: str
) -> None:
    """A hundred at once, each with a key of its own: one call."""
    Counted.calls.clear()
    provider = {"BACKEND": "tests.api.test_idempotency.Counted"}
    tryon_settings(PROVIDERS={"counted": provider}, CAPS={whose: {"day": "1.5"}}, RATE_LIMITS=NO_RATES)
    keys = itertools.count()
    body = {"product": "1", "model_id": preset_model.pk}
    answers = at_once(lambda: over_a_socket(twenty_workers, body, str(next(keys))), threads=100)
    assert Counter(status for status, _body, _replayed in answers) == {202: 1, 503: 99}
    assert TryOnResult.objects.count() == LedgerEntry.objects.count() == 1
    Drain(idle=0).run()
    assert len(Counted.calls) == 1
    assert TryOnResult.objects.get().status == Status.SUCCEEDED


@pytest.mark.postgres
@pytest.mark.prove
@pytest.mark.django_db(transaction=True)
def test_a_thousand_keys_twenty_times_each(
    postgres: None, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    """Twenty threads send the same thousand keys, in the same order: a thousand rows, one answer for each key."""
    tryon_settings(RATE_LIMITS=NO_RATES, DAILY_LIMIT=KEYS, MAX_QUEUE=KEYS)
    client = same_app()

    def send() -> list[tuple[int, str]]:
        mine, seen = client(), []
        for key in range(KEYS):
            while (answer := start(mine, product="1", model_id=preset_model.pk, key=str(key))).status_code == 409:
                assert answer["Retry-After"] == "1"
            seen.append((answer.status_code, answer.json()["id"]))
        return seen

    answers = at_once(send, threads=20, patience=1800)
    assert all(seen == answers[0] for seen in answers)
    assert {status for status, _pk in answers[0]} == {202}
    assert len({pk for _status, pk in answers[0]}) == KEYS
    assert TryOnResult.objects.count() == RequestKey.objects.count() == KEYS


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_one_key_and_a_photo_many_threads(postgres: None, garment: Garment) -> None:
    client = same_app()
    form = {"product": "1", "consent_version": with_photo()["consent_version"]}
    data = jpeg(300, 400)

    def send() -> Any:
        body = {**form, "photo": photo_file(data)}
        return client().post(f"{API}tryons/", body, format="multipart", HTTP_IDEMPOTENCY_KEY="one")

    answers = at_once(send)
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {202, 409}, counts  # one decodes; the others need not
    assert sum(answer.status_code == 202 and "Idempotency-Replayed" not in answer for answer in answers) == 1
    assert TryOnResult.objects.count() == ShopperPhoto.objects.count() == len(stored_files()) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["browser", "user"])
def test_one_key_of_a_first_visit_many_threads(
    postgres: None, who: str, garment: Garment, preset_model: PresetModel
) -> None:
    client = first_visit(who)
    answers = at_once(lambda: start(client(), product="1", model_id=preset_model.pk, key="one"))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {202, 409}, counts
    assert sum(answer.status_code == 202 and "Idempotency-Replayed" not in answer for answer in answers) == 1
    assert Shopper.objects.count() == TryOnResult.objects.count() == RequestKey.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_key_many_threads(postgres: None, garment: Garment, preset_model: PresetModel) -> None:
    client = same_app()
    answers = at_once(lambda: start(client(), product="1", model_id=preset_model.pk))
    assert Counter(answer.status_code for answer in answers) == {202: THREADS}
    assert TryOnResult.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_last_preview_of_the_day_is_given_once(
    postgres: None, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(DAILY_LIMIT=3)
    client = same_app()
    keys = iter(range(THREADS))
    answers = at_once(lambda: start(client(), product="1", model_id=preset_model.pk, key=str(next(keys))))
    assert Counter(answer.status_code for answer in answers) == {202: 3, 429: THREADS - 3}
    assert TryOnResult.objects.count() == 3
