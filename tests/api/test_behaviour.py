"""What an app leans on beside the bodies: long polls, limits that are told, a cache that is down, made-up outcomes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache.backends.base import BaseCache
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client
from tests.api.test_access import signed_in
from tests.api.test_tryons import start
from tests.providers.fakes import setting
from tryon import tasks, webhooks
from tryon.choices import Status
from tryon.errors import ERRORS
from tryon.models import Garment, PresetModel, TryOnResult, WebhookEndpoint
from tryon.testing import Canned, serving

pytestmark = pytest.mark.django_db


class NoCache(BaseCache):
    """A cache whose server is gone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__({})

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("the cache is down")

    set = add = get

    def clear(self) -> None:
        """The fixtures tidy up with it."""


# ---------------------------------------------------------------- ?wait=


def test_wait_is_not_heeded_where_the_server_is_not_set_up_for_it(
    app: APIClient, garment: Garment, preset_model: PresetModel
) -> None:
    pk = start(app, product="1", model_id=preset_model.pk).json()["id"]
    began = time.monotonic()
    for wait in ("20", "x", "-1"):
        assert app.get(f"{API}tryons/{pk}/?wait={wait}").status_code == 200
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("wait", ["-1", "x", "1.5", "99999"])
def test_a_wait_that_is_none(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None], wait: str
) -> None:
    tryon_settings(LONG_POLL_SECONDS=1)
    pk = start(app, product="1", model_id=preset_model.pk).json()["id"]
    answer = app.get(f"{API}tryons/{pk}/?wait={wait}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/wait")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_a_request_is_held_until_something_changes(
    garment: Garment,
    preset_model: PresetModel,
    tryon_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """Since the tag that the client knows; without one, since it began to wait."""
    tryon_settings(LONG_POLL_SECONDS=10)
    monkeypatch.setattr("tryon.api.views.LOOK_AGAIN", 0.05)
    app = app_client()
    pk = start(app, product="1", model_id=preset_model.pk).json()["id"]
    tag = app.get(f"{API}tryons/{pk}/")["ETag"]
    looked = threading.Event()

    def finish() -> None:
        looked.wait(10)
        assert TryOnResult.objects.filter(pk=pk).move(Status.SUBMITTING)
        connection.close()

    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        looked.set()  # the request has looked once and waits now
        real_sleep(seconds)

    monkeypatch.setattr("tryon.api.views.time.sleep", sleep)
    worker = threading.Thread(target=finish)
    worker.start()
    began = time.monotonic()
    answer = app.get(f"{API}tryons/{pk}/?wait=10", **({"HTTP_IF_NONE_MATCH": tag} if known else {}))
    worker.join()
    assert (answer.status_code, answer.json()["status"]) == (200, "submitting")
    assert time.monotonic() - began < 5


def test_a_request_is_let_go_when_nothing_changes(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(LONG_POLL_SECONDS=1)
    pk = start(app, product="1", model_id=preset_model.pk).json()["id"]
    tag = app.get(f"{API}tryons/{pk}/")["ETag"]
    began = time.monotonic()
    answer = app.get(f"{API}tryons/{pk}/?wait=20", HTTP_IF_NONE_MATCH=tag)
    assert answer.status_code == 304
    assert 1 <= time.monotonic() - began < 4


# ---------------------------------------------------------------- limits


def test_starting_tells_what_is_left_today(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(DAILY_LIMIT=2)
    seen = []
    for number in range(3):
        answer = start(app, product="1", model_id=preset_model.pk, options={"tint": f"#00000{number}"})
        seen.append((answer.status_code, answer["RateLimit-Remaining"]))
        assert 0 < int(answer["RateLimit-Reset"]) <= 86400
    assert seen == [(202, "1"), (202, "0"), (429, "0")]
    config = app.get(f"{API}config/?product=1").json()
    assert (config["available"], config["reason"], config["quota"]["remaining"]) == (False, "quota_shopper", 0)


def test_the_limits_are_settings(tryon_settings: Callable[..., None], db: None) -> None:
    def codes(number: int) -> list[str]:
        return [app.post(f"{API}photos/", {}, format="json").json()["code"] for _ in range(number)]

    app = app_client()
    tryon_settings(RATE_LIMITS={"shopper": "1/min"})
    assert codes(2) == ["invalid", "throttled"]
    tryon_settings(RATE_LIMITS={"shopper": "", "address": ""})
    assert codes(3) == ["invalid"] * 3
    tryon_settings(RATE_LIMITS={})  # the defaults
    app = app_client()
    assert codes(61) == ["invalid"] * 60 + ["throttled"]


def test_with_the_cache_down_nobody_unknown_is_let_in(
    garment: Garment, preset_model: PresetModel, settings: Any
) -> None:
    app, web, user = app_client(), browser_client(), signed_in("anna")
    settings.CACHES = {"default": {"BACKEND": "tests.api.test_behaviour.NoCache"}}
    for client in (app, web):
        answer = start(client, product="1", model_id=preset_model.pk)
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "busy", "60")
    assert APIClient().post(f"{API}sessions/").status_code == 503
    assert not TryOnResult.objects.exists()
    assert start(user, product="1", model_id=preset_model.pk).status_code == 202
    assert app.get(f"{API}tryons/").status_code == 200  # looking is not counted


# ---------------------------------------------------------------- made-up outcomes


def scenario(client: APIClient, name: str) -> Any:
    wish = {"product": "1", "model_id": PresetModel.objects.get().pk}
    return client.post(f"{API}tryons/", wish, format="json", HTTP_X_TRYON_SCENARIO=name)


def test_without_debug_the_header_means_nothing(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    assert scenario(app, "fail:no_person").json()["status"] == "queued"
    assert scenario(app, "429").status_code == 202


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("fail:no_person", "failed", "no_person"),
        ("fail:provider_down", "failed", "provider_down"),
        ("blocked", "blocked", "content_blocked"),
        ("slow", "queued", None),
        ("timeout", "queued", None),
    ],
)
def test_outcomes(
    app: APIClient, garment: Garment, preset_model: PresetModel, settings: Any, name: str, status: str, code: str | None
) -> None:
    settings.DEBUG = True
    answer = scenario(app, name)
    assert answer.status_code == 202, answer.content
    body = app.get(f"{API}tryons/{answer.json()['id']}/").json()
    assert (body["status"], body["error"] and body["error"]["code"]) == (status, code)


@pytest.mark.parametrize(("name", "status", "code"), [("429", 429, "quota_shopper"), ("503", 503, "busy")])
def test_refusals(
    app: APIClient, garment: Garment, preset_model: PresetModel, settings: Any, name: str, status: int, code: str
) -> None:
    settings.DEBUG = True
    answer = scenario(app, name)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer["Retry-After"]) > 0
    assert scenario(app, "nonsense").json()["errors"][0]["pointer"] == "/X-TryOn-Scenario"
    assert not TryOnResult.objects.exists()


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("path", ["photos/", "tryons/"])
def test_every_refusal_can_be_seen(
    app: APIClient, garment: Garment, preset_model: PresetModel, settings: Any, path: str, code: str
) -> None:
    body = {"product": "1", "model_id": preset_model.pk} if path == "tryons/" else {"photo_url": "https://x.test/"}
    settings.DEBUG = True
    app.raise_request_exception = False
    answer = app.post(f"{API}{path}", body, format="json", HTTP_X_TRYON_SCENARIO=f"refuse:{code}")
    assert (answer.status_code, answer.json()["code"]) == (ERRORS[code].status, code)
    assert "{" not in answer.json()["detail"]
    assert ("Retry-After" in answer) is (answer.status_code in (409, 429, 503))
    if code == "no_person":
        unknown = app.post(f"{API}{path}", body, format="json", HTTP_X_TRYON_SCENARIO="refuse:nonsense")
        assert unknown.json()["errors"][0]["pointer"] == "/X-TryOn-Scenario"
        settings.DEBUG = False
        answer = app.post(f"{API}{path}", body, format="json", HTTP_X_TRYON_SCENARIO=f"refuse:{code}")
        assert answer.json().get("code") != code


def test_a_webhook_that_comes_twice(
    app: APIClient, garment: Garment, preset_model: PresetModel, settings: Any, tryon_settings: Any
) -> None:
    settings.DEBUG = True
    with serving() as server:
        tryon_settings(PROVIDERS={"instant": setting("InstantProvider")}, ALLOW_PRIVATE_HOSTS=True)
        server.answers(Canned(204))
        WebhookEndpoint.objects.create(url=f"{server.url}/hook/")
        pk = scenario(app, "duplicate-webhook").json()["id"]
        assert app.get(f"{API}tryons/{pk}/").json()["error"]["code"] == "provider_down"
        assert [webhooks.deliver_due() for _ in range(3)] == [1, 1, 0]
        first, second = server.posts
        assert json.loads(first.data)["data"]["id"] == pk
        assert (first.headers["webhook-id"], first.data) == (second.headers["webhook-id"], second.data)


def test_a_deadline_that_passes(garment: Garment, app: APIClient, preset_model: PresetModel, settings: Any) -> None:
    settings.DEBUG = True
    pk = scenario(app, "timeout").json()["id"]
    with time_machine.travel(timezone.now() + timedelta(seconds=6)):
        tasks.watch()
        assert app.get(f"{API}tryons/{pk}/").json()["error"]["code"] == "timed_out"
