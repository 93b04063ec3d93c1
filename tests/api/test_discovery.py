"""Sessions, config, garments: what an app asks before it has a photo."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from rest_framework.test import APIClient

from tests.api.conftest import API, app_client, browser_client
from tests.api.test_tryons import PAID
from tryon.catalog import ProductCatalog
from tryon.choices import Operation
from tryon.consent import current_notice
from tryon.identity import hash_token
from tryon.ledger import price
from tryon.models import Garment, PresetModel, ProviderAccount, Shopper
from tryon.providers import get_provider

pytestmark = pytest.mark.django_db


class OnlyOdd(ProductCatalog):
    """A shop that hides the products with an even number."""

    def get_product(self, ref: str) -> Any | None:
        return ref if int(ref) % 2 else None


def many_garments(count: int) -> None:
    Garment.objects.bulk_create(
        [
            Garment(
                product_ref=str(number),
                name=f"Tee {number}",
                category="upper" if number % 3 else "lower",
                image="g.jpg",
                thumb="t.jpg",
                width=500,
                height=600,
                sha256="ab" * 32,
            )
            for number in range(1, count + 1)
        ]
    )


def test_a_session_is_a_token_of_which_only_the_hash_is_kept(client: Client) -> None:
    answer = client.post(f"{API}sessions/")
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["token", "expires_at"]
    shopper = Shopper.objects.get()
    assert shopper.token_hash == hash_token(body["token"])
    assert datetime.fromisoformat(body["expires_at"]) > timezone.now() + timedelta(days=29)
    assert "tryon_shopper" not in answer.cookies


def test_sessions_of_one_address_are_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tryon.api.throttles.SessionThrottle.rate", "2/min")
    # a header anybody can write does not make a new address
    answers = [client.post(f"{API}sessions/", headers={"x-forwarded-for": f"10.0.0.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2]["Retry-After"]) <= 61


def test_config_of_a_product(client: Client, garment: Garment, preset_model: PresetModel) -> None:
    answer = client.get(f"{API}config/", {"product": "1"})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["available", "reason", "consent", "models", "limits", "tips", "quota"]
    assert (body["available"], body["reason"]) == (True, "")
    notice = current_notice()
    assert (body["consent"]["version"], body["consent"]["text"]) == (notice.version, notice.text)
    (model,) = body["models"]
    assert (model["id"], model["name"]) == (preset_model.pk, "Noor")
    assert model["thumb_url"].startswith("http://testserver/tryon/models/")
    assert model["thumb_url"].endswith(f"/thumb/?v={preset_model.sha256[:12]}")
    assert body["limits"]["max_bytes"] == 15 * 1024 * 1024
    assert body["limits"]["formats"][:3] == ["image/jpeg", "image/png", "image/webp"]
    assert set(body["limits"]) == {"max_bytes", "max_pixels", "min_side", "formats"}
    assert (body["quota"]["limit"], body["quota"]["remaining"]) == (100, 100)
    assert datetime.fromisoformat(body["quota"]["resets_at"]) > timezone.now()
    assert answer.cookies == {}  # looking costs nobody a cookie or a row
    assert not Shopper.objects.exists()


def test_config_of_an_unknown_product_is_an_answer(client: Client) -> None:
    for product in ("nothing", "", "x" * 3000, "é"):
        answer = client.get(f"{API}config/", {"product": product})
        assert answer.status_code == 200
        assert answer.json()["available"] is (product == "")
        assert answer.json()["reason"] == ("not_available" if product else "")


def test_config_counts_the_quota(app: APIClient, garment: Garment, preset_model: PresetModel) -> None:
    app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    assert app.get(f"{API}config/").json()["quota"]["remaining"] == 99


def test_switched_off_is_said_everywhere(client: Client, garment: Garment, tryon_settings: Any) -> None:
    tryon_settings(ENABLED=False)
    assert client.get(f"{API}config/", {"product": "1"}).json()["reason"] == "not_available"
    assert client.get(f"{API}garments/").json()["results"][0]["available"] is False


def test_garments(client: Client, garment: Garment) -> None:
    body = client.get(f"{API}garments/").json()
    assert list(body) == ["next", "previous", "results"]
    (row,) = body["results"]
    assert row == {
        "id": garment.pk,
        "product": "1",
        "name": "Crew tee",
        "category": "upper",
        "thumb_url": f"http://testserver/tryon/garments/{garment.pk}/thumb/?v={garment.sha256[:12]}",
        "available": True,
    }


def test_garments_are_paged_and_each_comes_once(client: Client) -> None:
    many_garments(45)
    url, names = f"{API}garments/", []
    while url:
        page = client.get(url).json()
        names += [row["name"] for row in page["results"]]
        url = page["next"]
    assert names == [f"Tee {number}" for number in range(1, 46)]
    assert client.get(f"{API}garments/").json()["previous"] is None


def test_garments_by_category_and_product_and_only_those_on_offer(client: Client) -> None:
    many_garments(9)
    Garment.objects.filter(product_ref="3").update(active=False)

    def found(**query: str) -> list[str]:
        return [row["product"] for row in client.get(f"{API}garments/", query).json()["results"]]

    assert found(category="lower") == ["6", "9"]
    assert found(product="4") == ["4"]
    assert found(product="3") == []


def test_garments_of_hidden_products_are_as_good_as_missing(
    client: Client, preset_model: PresetModel, tryon_settings: Any
) -> None:
    many_garments(4)
    tryon_settings(CATALOG="tests.api.test_discovery.OnlyOdd")
    assert [row["product"] for row in client.get(f"{API}garments/").json()["results"]] == ["1", "3"]
    assert client.get(f"{API}config/", {"product": "2"}).json()["reason"] == "not_available"
    for product, status in (("1", 202), ("2", 404)):
        wish = {"product": product, "model_id": preset_model.pk}
        assert browser_client().post(f"{API}tryons/", wish, format="json").status_code == status


class HomeOnly(ProductCatalog):
    """A shop that offers it in one country."""

    def refusal(self, product: Any, request: Any) -> str:
        return "" if request.headers.get("CF-IPCountry") == "DE" else "region"


def test_the_shop_says_for_whom(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any
) -> None:
    tryon_settings(CATALOG="tests.api.test_discovery.HomeOnly")
    wish = {"product": "1", "model_id": preset_model.pk}
    for country, reason, status in (("US", "region", 409), ("DE", "", 202)):
        assert app.get(f"{API}config/?product=1", HTTP_CF_IPCOUNTRY=country).json()["reason"] == reason
        answer = app.post(f"{API}tryons/", wish, format="json", HTTP_CF_IPCOUNTRY=country)
        assert (answer.status_code, answer.json().get("code", "")) == (status, reason)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"category": "hat"}, "/category"),
        ({"category": ""}, "/category"),  # of a form an empty field is none; of an address it is a wrong one
        ({"category": "\x00"}, "/category"),
        ({"product": "\x00"}, "/product"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "ü"}, "/cursor"),
        ({"cursor": b64encode(b"p=abc").decode()}, "/cursor"),
        ({"cursor": b64encode(b"p=%00").decode()}, "/cursor"),
        ({"cursor": b64encode(b"p=" + b"9" * 400).decode()}, "/cursor"),
        ({"cursor": b64encode(b"o=-1").decode()}, "/cursor"),
    ],
)
def test_a_wrong_query_is_named(client: Client, query: dict[str, str], pointer: str) -> None:
    answer = client.get(f"{API}garments/", query)
    assert answer.status_code == 422, answer.content
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("position", [b"p=abc", b"p=2026-01-01", b"p=2026-01-01T00:00:00", b"p=2026-13-45 00:00:00Z"])
def test_a_wrong_cursor_of_try_ons(app: APIClient, position: bytes) -> None:
    answer = app.get(f"{API}tryons/", {"cursor": b64encode(position).decode()})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_config_may_be_kept_and_asked_about(
    app: APIClient, client: Client, garment: Garment, preset_model: PresetModel
) -> None:
    url = f"{API}config/?product=1"
    first = app.get(url)
    assert first["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie", "Accept-Language"} <= set(first["Vary"].split(", "))
    same = app.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (same.status_code, same.content, same["Cache-Control"]) == (304, b"", "private, no-cache")
    assert app.get(url, HTTP_IF_NONE_MATCH=first["ETag"], HTTP_ACCEPT_LANGUAGE="de").status_code == 200
    app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    assert app.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200, "there is one try less"
    assert app.get(f"{API}config/?product=%00")["Cache-Control"] == "private, no-store"


def test_config_gives_tips_and_the_notice_to_draw(client: Client, garment: Garment) -> None:
    body = client.get(f"{API}config/?product=1").json()
    assert body["tips"][1] == "From head to hips, arms at your sides"
    assert len(body["tips"]) == 3
    Garment.objects.update(category="lower")
    assert client.get(f"{API}config/?product=1").json()["tips"][1] == "From head to toe, arms at your sides"
    notice = body["consent"]
    assert escape(notice["text"]) in notice["html"]
    assert 'href="http://testserver/tryon/privacy/"' in notice["html"]


def reason(client: Client | APIClient) -> str:
    body = client.get(f"{API}config/", {"product": "1"}).json()
    assert body["available"] is (body["reason"] == "")
    return str(body["reason"])


def test_config_says_when_nobody_can_be_reached(client: Client, garment: Garment) -> None:
    assert reason(client) == ""
    account = ProviderAccount.objects.create(alias="instant", stopped=True)
    assert reason(client) == "not_available"
    assert client.get(f"{API}config/").json()["reason"] == "provider_down"
    account.stopped, account.open_until = False, timezone.now() + timedelta(minutes=5)
    account.save()
    assert reason(client) == "provider_down"
    account.open_until = timezone.now() - timedelta(seconds=1)  # it waits for a trial call: somebody has to ask
    account.save()
    assert reason(client) == ""


def test_config_says_when_too_many_are_waiting(
    app: APIClient, client: Client, garment: Garment, preset_model: PresetModel, tryon_settings: Any
) -> None:
    app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    tryon_settings(MAX_QUEUE=1)
    assert reason(client) == "busy"


@pytest.mark.parametrize("whose", ["shopper", "shop"])
def test_config_says_when_the_budget_is_spent(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any, whose: str
) -> None:
    """That of the shopper, or that of all; asked with a product and without. Starting says the same."""
    tryon_settings(PROVIDERS=PAID)
    most = price(get_provider("fashn"), Operation.TRY_ON).amount
    tryon_settings(CAPS={whose: {"day": most * Decimal("1.5")}})

    def reasons(client: Client) -> set[str]:
        return {client.get(f"{API}config/{query}").json()["reason"] for query in ("", "?product=1")}

    wish = {"product": "1", "model_id": preset_model.pk}
    assert reasons(app) == {""}
    assert app.post(f"{API}tryons/", wish, format="json").status_code == 202
    assert reasons(app) == {"busy"}
    assert reasons(app_client()) == ({""} if whose == "shopper" else {"busy"})
    Garment.objects.update(sha256="f" * 64)  # another wish
    answer = app.post(f"{API}tryons/", wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


def test_config_says_when_today_is_used_up(
    app: APIClient, garment: Garment, preset_model: PresetModel, tryon_settings: Any
) -> None:
    tryon_settings(DAILY_LIMIT=1)
    app.post(f"{API}tryons/", {"product": "1", "model_id": preset_model.pk}, format="json")
    assert reason(app) == "quota_shopper"
