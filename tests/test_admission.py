"""The doorkeeper: what is refused, before anything is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Template
from django.utils import timezone

from tests.conftest import only_on_postgres
from tests.providers.fakes import setting
from tryon import admission
from tryon.catalog import ProductCatalog
from tryon.choices import Status
from tryon.consent import current_notice, give_consent
from tryon.errors import TryOnError
from tryon.models import Consent, Garment, PresetModel, ProviderAccount, Shopper, ShopperPhoto, TryOnResult

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("instant")]


def demand(shopper: Shopper, garment: Garment, **fields: Any) -> admission.Demand:
    return admission.Demand(shopper, garment, **fields)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(TryOnError) as caught:
        call()
    return caught.value.code


def test_a_photo_and_consent_are_enough(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    admitted = admission.request(demand(shopper, garment, photo=photo))
    assert not admitted.replayed
    assert admitted.result.consent == photo.consent
    assert admitted.result.expires_at is not None


def test_neither_photo_nor_model(shopper: Shopper, garment: Garment) -> None:
    assert code_of(lambda: admission.request(demand(shopper, garment))) == "invalid"


def test_somebody_elses_photo_is_not_there(garment: Garment, photo: ShopperPhoto) -> None:
    thief = Shopper.objects.create()
    give_consent(thief, current_notice().version, channel="web")
    assert code_of(lambda: admission.request(demand(thief, garment, photo=photo))) == "not_found"


def test_a_photo_past_its_time_is_not_there(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    photo.expires_at = timezone.now()
    assert code_of(lambda: admission.request(demand(shopper, garment, photo=photo))) == "not_found"


def test_withdrawn_consent(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    Consent.objects.update(withdrawn_at=timezone.now())
    assert code_of(lambda: admission.request(demand(shopper, garment, photo=photo))) == "consent_missing"


def test_consent_to_other_facts(
    shopper: Shopper, garment: Garment, photo: ShopperPhoto, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(PHOTO_RETENTION_HOURS=48)
    assert code_of(lambda: admission.request(demand(shopper, garment, photo=photo))) == "consent_outdated"


@pytest.mark.parametrize("change", ["garment", "feature", "provider", "product"])
def test_what_is_not_available(
    change: str,
    shopper: Shopper,
    garment: Garment,
    photo: ShopperPhoto,
    tryon_settings: Callable[..., None],
) -> None:
    if change == "garment":
        garment.active = False
    elif change == "feature":
        tryon_settings(ENABLED=False)
    elif change == "provider":
        tryon_settings(PROVIDERS={})
    else:
        tryon_settings(CATALOG="tests.test_admission.EmptyCatalog")
    assert admission.unavailable_reason(garment) == "not_available"
    assert code_of(lambda: admission.request(demand(shopper, garment, photo=photo))) == "not_available"


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        ({"one": {"stopped": True}}, ""),
        ({"one": {"stopped": True}, "two": {"stopped": True}}, "not_available"),
        ({"one": {"stopped": True}, "two": {"open_until": MINUTE}}, "busy"),
        ({"one": {"open_until": MINUTE}, "two": {"paused_until": MINUTE, "paused_because": "config: key"}}, "busy"),
        ({"one": {"stopped": True}, "two": {"paused_until": MINUTE / 6}}, ""),
        # else nobody would ever ask for the preview that finds out whether it is back
        ({"one": {"stopped": True}, "two": {"open_until": -MINUTE}}, ""),
    ],
    ids=["one left", "all switched off", "off and open", "no key and open", "a short pause", "due for a trial"],
)
def test_no_button_when_nobody_can_make_it_now(
    garment: Garment, tryon_settings: Callable[..., None], accounts: dict[str, dict[str, Any]], reason: str
) -> None:
    tryon_settings(PROVIDERS={"one": setting("InstantProvider"), "two": setting("InstantProvider")})
    now = timezone.now()
    for alias, fields in accounts.items():
        times = {name: now + value if isinstance(value, timedelta) else value for name, value in fields.items()}
        ProviderAccount.objects.create(alias=alias, **times)
    assert admission.unavailable_reason(garment) == reason
    page = Template('{% load tryon %}{% tryon_widget "1" %}').render(Context())
    assert page.strip() == "" if reason else "tryon-opener" in page


class EmptyCatalog(ProductCatalog):
    """Knows no product."""

    def get_product(self, ref: str) -> None:
        return None


def test_unknown_options(shopper: Shopper, garment: Garment, photo: ShopperPhoto) -> None:
    assert code_of(lambda: admission.request(demand(shopper, garment, photo=photo, options={"x": 1}))) == "invalid"


def test_the_daily_limit(
    shopper: Shopper, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(DAILY_LIMIT=2)
    for number in range(2):
        admission.request(demand(shopper, garment, preset_model=preset_model, idempotency_key=str(number)))
    with pytest.raises(TryOnError) as caught:
        admission.request(demand(shopper, garment, preset_model=preset_model, idempotency_key="3"))
    assert caught.value.code == "quota_shopper"
    assert 0 < (caught.value.retry_after or 0) <= 86401
    assert "2" in caught.value.text
    # one that failed gives the try back
    failed = TryOnResult.objects.all()[:1].get()
    assert TryOnResult.objects.filter(pk=failed.pk).move(Status.FAILED)
    assert admission.quota(shopper).remaining == 1
    admission.request(demand(shopper, garment, preset_model=preset_model, idempotency_key="4"))


def test_a_long_queue_is_busy(
    shopper: Shopper, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    tryon_settings(MAX_QUEUE=1)
    admission.request(demand(shopper, garment, preset_model=preset_model, idempotency_key="1"))
    again = demand(shopper, garment, preset_model=preset_model, idempotency_key="2")
    assert code_of(lambda: admission.request(again)) == "busy"


def test_a_key_answers_for_ever(shopper: Shopper, garment: Garment, preset_model: PresetModel) -> None:
    wish = demand(shopper, garment, preset_model=preset_model, idempotency_key="k")
    first = admission.request(wish)
    TryOnResult.objects.update(created_at=timezone.now() - timedelta(days=3))
    again = admission.request(wish)
    assert again.replayed
    assert again.result == first.result
    other = demand(shopper, garment, preset_model=preset_model, options={"tint": "#000000"}, idempotency_key="k")
    assert code_of(lambda: admission.request(other)) == "idempotency_mismatch"


def test_a_double_click_without_a_key(shopper: Shopper, garment: Garment, preset_model: PresetModel) -> None:
    wish = demand(shopper, garment, preset_model=preset_model)
    first = admission.request(wish)
    assert admission.request(wish).result == first.result
    TryOnResult.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    assert admission.request(wish).result != first.result


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_last_try_is_given_once(
    shopper: Shopper, garment: Garment, preset_model: PresetModel, tryon_settings: Callable[..., None]
) -> None:
    """Twenty requests at the same moment for the one try that is left."""
    only_on_postgres()
    tryon_settings(DAILY_LIMIT=1)
    outcomes: list[str] = []
    start = threading.Barrier(20)

    def one(number: int) -> None:
        try:
            start.wait(30)
            admission.request(demand(shopper, garment, preset_model=preset_model, idempotency_key=str(number)))
            outcomes.append("made")
        except TryOnError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["quota_shopper"] * 19
    assert TryOnResult.objects.count() == 1
