"""Outgoing webhooks, sent to a real server and checked with the reference library of Standard Webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from django_q.conf import Conf
from standardwebhooks import Webhook, WebhookVerificationError

from tests.api.test_idempotency import at_once
from tests.conftest import only_on_postgres
from tests.providers.fakes import setting
from tryon import tasks, webhooks
from tryon.choices import Status
from tryon.models import Garment, Shopper, TryOnResult, WebhookDelivery, WebhookEndpoint
from tryon.providers.answers import LONGEST_WAIT
from tryon.runner.claim import end
from tryon.testing import Canned, Server, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.answers(Canned(204))
        yield running


@pytest.fixture(autouse=True)
def loopback(tryon_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=True, PROVIDERS={"instant": setting("InstantProvider")})
    monkeypatch.setattr(Conf, "SYNC", False)  # a real queue that nobody empties


def endpoint(server: Server, path: str = "/hook/?shop=1", **fields: Any) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url=f"{server.url}{path}", **fields)


def row(garment: Garment, shopper: Shopper | None = None) -> TryOnResult:
    return TryOnResult.objects.create(garment=garment, shopper=shopper, deadline_at=timezone.now())


def ended(garment: Garment) -> TryOnResult:
    result = row(garment)
    assert end(result, Status.FAILED, error_code="no_person")
    return result


def verified(server: Server, secret: str) -> Any:
    return Webhook(secret).verify(server.last.data, server.last.headers)


def later(**delta: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=True)


# ---------------------------------------------------------------- what is told


def test_the_end_of_a_try_on_is_told_and_the_signature_holds(server: Server, garment: Garment) -> None:
    hook = endpoint(server)
    result = ended(garment)
    assert webhooks.deliver_due() == 1
    told = verified(server, webhooks.secret(hook))
    assert (server.last.method, server.last.path, server.last.query) == ("POST", "/hook/", {"shop": "1"})
    assert server.last.headers["content-type"] == "application/json"
    assert told["type"] == "tryon.finished"
    assert told["data"] == {
        "id": str(result.pk),
        "operation": "try_on",
        "status": "failed",
        "error": "no_person",
        "product": "1",
        "variant": "",
        "batch": None,
        "created_at": result.created_at.isoformat(),
        "finished_at": TryOnResult.objects.get().finished_at.isoformat(),  # type: ignore[union-attr]
    }
    delivery = WebhookDelivery.objects.get()
    assert (delivery.attempts, delivery.next_at, delivery.last_answer) == (1, None, "HTTP 204")
    assert webhooks.deliver_due() == 0


def test_the_body_names_no_person_and_no_picture(server: Server, garment: Garment, shopper: Shopper) -> None:
    endpoint(server)
    assert end(row(garment, shopper), Status.FAILED, error_code="no_person")
    body = WebhookDelivery.objects.get().body
    assert str(shopper.pk) not in body
    assert shopper.pk.hex not in body
    assert "http" not in body
    assert len(body) < 1000


def test_what_is_rolled_back_is_not_told(server: Server, garment: Garment) -> None:
    endpoint(server)
    result = row(garment)
    with transaction.atomic():
        assert end(result, Status.FAILED)
        assert WebhookDelivery.objects.exists()
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_only_what_an_endpoint_wants_and_only_while_it_is_on(server: Server, garment: Garment) -> None:
    endpoint(server, events=["shot.published"])
    endpoint(server, disabled_at=timezone.now())
    wants = endpoint(server, events=["tryon.finished"])
    everything = endpoint(server)
    ended(garment)
    assert {d.endpoint_id for d in WebhookDelivery.objects.all()} == {wants.pk, everything.pk}


def test_a_message_is_in_the_queue_after_the_commit(server: Server, garment: Garment, settings: Any) -> None:
    from django_q.models import OrmQ

    endpoint(server)
    tasks._last_tell = 0.0
    before = OrmQ.objects.count()
    ended(garment)
    assert OrmQ.objects.count() == before + 1
    tasks.send_webhooks()
    assert len(server.posts) == 1


def test_the_watchdog_rings_again_for_what_failed(server: Server, garment: Garment) -> None:
    from django_q.models import OrmQ

    endpoint(server)
    server.answers(Canned(500))
    ended(garment)
    webhooks.deliver_due()
    OrmQ.objects.all().delete()
    tasks.watch()
    assert not OrmQ.objects.exists()  # not yet
    with later(seconds=30):
        tasks.watch()
        assert OrmQ.objects.count() == 1


# ---------------------------------------------------------------- signatures


def test_a_changed_body_or_another_secret_does_not_verify(server: Server, garment: Garment) -> None:
    hook, other = endpoint(server), endpoint(server, "/other", events=["shot.published"])
    ended(garment)
    webhooks.deliver_due()
    seen = server.last
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.secret(hook)).verify(seen.data.replace(b"failed", b"passed"), seen.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.secret(other)).verify(seen.data, seen.headers)


def test_after_a_rotation_both_secrets_hold_for_a_day(server: Server, garment: Garment) -> None:
    hook = endpoint(server)
    before = webhooks.secret(hook)
    after = webhooks.rotate(hook)
    assert before != after
    ended(garment)
    webhooks.deliver_due()
    assert verified(server, before) == verified(server, after)
    with later(hours=25):
        ended(garment)
        webhooks.deliver_due()
        verified(server, after)
        with pytest.raises(WebhookVerificationError):
            verified(server, before)


def test_each_secret_holds_for_its_own_day(server: Server, garment: Garment) -> None:
    hook = endpoint(server)
    secrets = [webhooks.secret(hook)]
    started = timezone.now()

    def holding(hours: float) -> list[bool]:
        with time_machine.travel(started + timedelta(hours=hours)):
            ended(garment)
            webhooks.deliver_due()
            found = []
            for secret in secrets:
                try:
                    verified(server, secret)
                except WebhookVerificationError:
                    found.append(False)
                else:
                    found.append(True)
            return found

    for hours in (0, 10, 20):
        with time_machine.travel(started + timedelta(hours=hours)):
            hook.refresh_from_db()
            secrets.append(webhooks.rotate(hook))
    assert holding(23) == [True, True, True, True]
    assert holding(25) == [False, True, True, True]
    assert holding(35) == [False, False, True, True]
    assert holding(45) == [False, False, False, True]


def test_a_new_secret_key_of_the_project_breaks_no_receiver(server: Server, garment: Garment, settings: Any) -> None:
    hook = endpoint(server)
    before = webhooks.secret(hook)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    ended(garment)
    webhooks.deliver_due()
    verified(server, before)
    verified(server, webhooks.secret(hook))


def test_no_secret_is_stored(server: Server) -> None:
    hook = endpoint(server)
    stored = json.dumps(WebhookEndpoint.objects.values().get(), default=str)
    assert webhooks.secret(hook).removeprefix("whsec_") not in stored


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    "fault", [Canned(500), Canned(404), Canned(302, headers={"Location": "/x"}), Canned(drop=True)]
)
def test_what_fails_is_sent_again_with_the_same_id_and_a_new_signature(
    server: Server, garment: Garment, fault: Canned
) -> None:
    hook = endpoint(server)
    server.answers(fault, Canned(200))
    ended(garment)
    assert webhooks.deliver_due() == 1
    delivery = WebhookDelivery.objects.get()
    assert delivery.delivered_at is None
    assert delivery.next_at is not None
    assert webhooks.deliver_due() == 0  # not yet
    with later(seconds=8):
        assert webhooks.deliver_due() == 1
        assert server.seen[0].headers["webhook-id"] == server.seen[1].headers["webhook-id"]
        assert server.seen[0].data == server.seen[1].data
        assert server.seen[0].headers["webhook-timestamp"] != server.seen[1].headers["webhook-timestamp"]
        verified(server, webhooks.secret(hook))
    assert WebhookDelivery.objects.get().delivered_at
    hook.refresh_from_db()
    assert (hook.failures, hook.paused_until) == (0, None)


def test_it_is_given_up_after_three_days(server: Server, garment: Garment) -> None:
    endpoint(server)
    server.answers(Canned(500))
    ended(garment)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        while (delivery := WebhookDelivery.objects.get()).next_at:
            assert delivery.attempts < 20
            clock.move_to(max(delivery.next_at, delivery.endpoint.paused_until or delivery.next_at))
            assert webhooks.deliver_due() == 1
        assert len(server.posts) == len(webhooks.RETRY_AFTER) + 1 == 10
        assert timedelta(days=3) < timezone.now() - start < timedelta(days=4)


@pytest.mark.parametrize(("asked", "waits"), [("120", 120), ("5000000", LONGEST_WAIT), ("soon", 5), ("-9", 5)])
def test_a_receiver_may_ask_for_more_time(server: Server, garment: Garment, asked: str, waits: int) -> None:
    hook = endpoint(server)
    server.answers(Canned(429, headers={"Retry-After": asked}))
    ended(garment)
    with time_machine.travel(timezone.now(), tick=False):
        webhooks.deliver_due()
        hook.refresh_from_db()
        for until in (WebhookDelivery.objects.get().next_at, hook.paused_until):
            assert until
            assert waits <= (until - timezone.now()).total_seconds() <= waits * 1.2


def test_what_failed_together_does_not_come_back_together(server: Server, garment: Garment) -> None:
    endpoint(server)
    server.answers(Canned(500))
    for _ in range(6):
        ended(garment)
    with time_machine.travel(timezone.now(), tick=False):
        webhooks.deliver_due()
    assert len(set(WebhookDelivery.objects.values_list("next_at", flat=True))) == 6


def test_410_switches_the_endpoint_off(server: Server, garment: Garment) -> None:
    hook = endpoint(server)
    server.answers(Canned(410))
    ended(garment)
    ended(garment)
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert hook.disabled_at
    assert hook.disabled_because == "It answered 410 Gone."
    asked = len(server.posts)
    with later(hours=1):
        assert webhooks.deliver_due() == 0
        ended(garment)
        assert webhooks.deliver_due() == 0
    assert len(server.posts) == asked


def test_a_dead_endpoint_is_asked_with_one_message_at_a_time(server: Server, garment: Garment) -> None:
    dead = endpoint(server, "/dead", failures=3)
    for _ in range(10):
        ended(garment)
    server.answers(Canned(500))
    assert webhooks.deliver_due() == 1
    dead.refresh_from_db()
    assert dead.paused_until
    assert webhooks.deliver_due() == 0


def test_a_sender_that_died_is_replaced_after_its_lease(server: Server, garment: Garment) -> None:
    endpoint(server)
    ended(garment)
    (lost,) = webhooks._claim(timezone.now())  # and the process is killed
    assert webhooks.deliver_due() == 0
    with later(seconds=61):
        assert webhooks.deliver_due() == 1
    assert len(server.posts) == 1
    webhooks._settle(lost, webhooks.Heard("HTTP 500", 500))  # it was not dead after all: its word comes too late
    assert WebhookDelivery.objects.get().delivered_at


def test_two_senders_do_not_send_the_same(garment: Garment) -> None:
    only_on_postgres()
    with serving() as server:
        server.answers(Canned(204))
        endpoint(server)
        for _ in range(30):
            ended(garment)
        at_once(lambda: [webhooks.deliver_due() for _ in range(3)], threads=4)
        ids = [seen.headers["webhook-id"] for seen in server.posts]
        assert len(ids) == len(set(ids)) == 30


def test_no_transaction_is_open_while_it_sends(server: Server, garment: Garment) -> None:
    endpoint(server)
    ended(garment)
    seen: list[bool] = []

    def answer(_request: Any) -> Canned:
        # another connection can write at once: on SQLite an open transaction would refuse it
        worker = threading.Thread(target=write)
        worker.start()
        worker.join(5)
        seen.append(not worker.is_alive())
        return Canned(204)

    def write() -> None:
        from django.db import connection

        WebhookEndpoint.objects.update(description="x")
        connection.close()

    server.answers(answer)
    webhooks.deliver_due()
    assert seen == [True]


# ---------------------------------------------------------------- where it may go


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[64:ff9b::a9fe:a9fe]/x",
        "https://user@hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://0x7f.1/",
    ],
)
def test_nothing_inside_our_network_is_called(
    server: Server, garment: Garment, tryon_settings: Callable[..., None], url: str
) -> None:
    tryon_settings(ALLOW_PRIVATE_HOSTS=False)
    hook = WebhookEndpoint.objects.create(url=url.replace("127.0.0.1", f"127.0.0.1:{server.port}"))
    ended(garment)
    webhooks.deliver_due()
    assert server.connections == 0
    assert "HTTP" not in WebhookDelivery.objects.get().last_answer
    hook.refresh_from_db()
    assert hook.failures == 1


def test_old_deliveries_are_deleted(server: Server, garment: Garment) -> None:
    endpoint(server)
    ended(garment)
    webhooks.deliver_due()
    ended(garment)
    with later(days=8):
        assert webhooks.purge() == 1
    assert WebhookDelivery.objects.count() == 1  # what is still to be told stays
