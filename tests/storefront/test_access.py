"""Every page and picture of the storefront, and who gets it. An address that is not listed here fails the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse

from tests.storefront.conftest import a_result, add_output, browser_of
from tryon import sharing
from tryon.models import ErasureReceipt, Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.storefront.urls import urlpatterns

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Address:
    """``others`` is the answer for everybody but the owner."""

    name: str
    method: str
    owner: int
    others: int
    private: bool = True  # must be kept by no cache that is shared


ADDRESSES = [
    Address("try", "get", 200, 200),
    Address("result", "get", 200, 404),
    Address("instant", "get", 200, 404),
    Address("cancel", "post", 303, 404),
    Address("delete", "post", 303, 404),
    Address("picture", "get", 200, 404),
    Address("photo", "get", 200, 404),
    Address("photo-thumb", "get", 200, 404),
    Address("delete-photo", "post", 303, 303),  # the same answer for done, foreign and never there
    Address("garment-picture", "get", 200, 200, private=False),
    Address("model-picture", "get", 200, 200, private=False),
    Address("privacy", "get", 200, 200),
    Address("withdraw", "post", 303, 303),  # one's own things, whoever one is
    Address("passport", "get", 200, 200),
    Address("receipt", "get", 200, 200),
    Address("history", "get", 200, 200),
    Address("latest-photo", "get", 200, 404),
    Address("feedback", "post", 303, 404),
    Address("events", "post", 204, 204),
    Address("share", "get", 200, 404),
    Address("revoke", "post", 303, 404),
    Address("shared", "get", 200, 200),  # for whoever has the link
    Address("shared-picture", "get", 200, 200),
    Address("report", "post", 200, 200),
    Address("outside-review", "get", 404, 404),  # for whoever has the link; see tests/admin
    Address("outside-picture", "get", 404, 404),
]


def test_every_address_is_listed() -> None:
    built = {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)}
    assert built == {address.name for address in ADDRESSES}


class House:
    """One shopper's things, and the way to each."""

    def __init__(self, made: TryOnResult, photo: ShopperPhoto, preset_model: PresetModel, shopper: Shopper) -> None:
        self.made, self.photo, self.preset_model = made, photo, preset_model
        add_output(a_result(shopper, made.garment, preview_of=made))
        self.shared = sharing.share(made)
        self.receipt = ErasureReceipt.objects.create(photos=1)

    def url(self, name: str, *, missing: bool = False) -> str:
        result: dict[str, Any] = {"pk": NOWHERE if missing else self.made.pk}
        photo = {"pk": NOWHERE if missing else self.photo.pk}
        token = {"token": "nothing" if missing else self.shared.token}
        kwargs: dict[str, Any] = {
            "try": {"product_ref": "1"},
            "outside-review": {"token": "nothing"},
            "outside-picture": {"token": "nothing", "pk": NOWHERE, "size": "card"},
            "instant": result, "result": result, "cancel": result, "delete": result, "feedback": result,
            "share": result,
            "picture": {"pk": NOWHERE if missing else self.made.outputs.get().pk, "size": "full"},
            "photo": photo, "photo-thumb": photo, "delete-photo": photo,
            "garment-picture": {"pk": self.made.garment_id, "size": "thumb"},
            "model-picture": {"pk": self.preset_model.pk, "size": "thumb"},
            "receipt": {"pk": self.receipt.pk},
            "revoke": {**result, "link_pk": self.shared.link.pk},
            "shared": token, "shared-picture": token, "report": token,
        }.get(name, {})  # fmt: skip
        return reverse(f"tryon:{name}", kwargs=kwargs)


@pytest.fixture
def house(made: TryOnResult, photo: ShopperPhoto, preset_model: PresetModel, shopper: Shopper) -> House:
    return House(made, photo, preset_model, shopper)


def visitors() -> dict[str, Client]:
    user, staff = User.objects.create_user("other"), User.objects.create_superuser("staff")
    known = {
        "nobody": Client(),
        "other cookie": browser_of(Shopper.objects.create()),
        "user": Client(),
        "staff": Client(),
    }
    known["user"].force_login(user)
    known["staff"].force_login(staff)
    return known


def call(client: Client, address: Address, house: House, *, missing: bool = False) -> Any:
    data = {"verdict": "like", "step": "opened"} if address.method == "post" else None
    return getattr(client, address.method)(house.url(address.name, missing=missing), data)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.name)
def test_matrix(address: Address, house: House, owner: Client, garment: Garment) -> None:
    for name, client in visitors().items():
        if address.name == "report":
            break  # whoever reports closes the link: the owner comes first below
        assert call(client, address, house).status_code == address.others, name
        assert TryOnResult.objects.filter(pk=house.made.pk).exists(), name
        assert ShopperPhoto.objects.filter(pk=house.photo.pk).exists(), name
        assert sharing.find(house.shared.token), name
    answer = call(owner, address, house)
    assert answer.status_code == address.owner
    if address.private and answer.status_code == 200:
        assert "no-store" in answer.headers.get("Cache-Control", "no-store" if address.method == "post" else "")


@pytest.mark.parametrize("name", ["result", "picture", "photo", "photo-thumb", "feedback", "share"])
def test_foreign_and_missing_are_the_same_answer(name: str, house: House, stranger: Client, garment: Garment) -> None:
    address = next(address for address in ADDRESSES if address.name == name)
    foreign, missing = call(stranger, address, house), call(stranger, address, house, missing=True)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    own, other = ({**answer.headers, "Expires": ""} for answer in (foreign, missing))  # the second it was asked in
    assert own == other


POSTS = [address for address in ADDRESSES if address.method == "post"]


@pytest.mark.parametrize("address", POSTS, ids=lambda address: address.name)
def test_other_sites_can_not_post(address: Address, house: House, shopper: Shopper, garment: Garment) -> None:
    client = browser_of(shopper, csrf=True)
    assert call(client, address, house).status_code == 403
    assert TryOnResult.objects.filter(pk=house.made.pk).exists()
    assert client.get(house.url(address.name)).status_code in {405, 200, 404}
