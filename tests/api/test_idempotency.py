"""One wish makes one row, however often and however fast it is sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client, photo_file, stored_files, with_photo
from tests.api.test_tryons import start
from tests.conftest import only_on_postgres
from tests.providers.fakes import jpeg
from tryon.models import Garment, PresetModel, ShopperPhoto, TryOnResult

THREADS = 24


@pytest.mark.django_db
def test_the_same_key_gives_the_same_answer(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    first = start(app, product="1", model_id=preset_model.pk, key="k1")
    again = start(app, product="1", model_id=preset_model.pk, key="k1")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert TryOnResult.objects.count() == 1


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


# ---------------------------------------------------------------- all at the same moment


def at_once(work: Callable[[], Any], threads: int = THREADS) -> list[Any]:
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
        thread.join(timeout=120)
    assert len(answers) == threads
    return answers


@pytest.fixture
def postgres() -> None:
    only_on_postgres()


def same_app() -> Callable[[], APIClient]:
    """Clients that carry one token."""
    credentials = app_client()._credentials

    def client() -> APIClient:
        other = APIClient(enforce_csrf_checks=True)
        other.credentials(**credentials)
        return other

    return client


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_key_many_threads(postgres: None, garment: Garment, preset_model: PresetModel) -> None:
    client = same_app()
    answers = at_once(lambda: start(client(), product="1", model_id=preset_model.pk, key="one"))
    assert Counter(answer.status_code for answer in answers) == {202: THREADS}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert TryOnResult.objects.count() == 1


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
    assert set(counts) <= {202, 503}, counts  # 503: more photos at once than this process decodes
    assert counts[202] > 0
    assert TryOnResult.objects.count() == ShopperPhoto.objects.count() == len(stored_files()) == 1


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
