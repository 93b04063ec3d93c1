"""Whose photo is it: cookies, tokens, signing in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tryon import admission, identity
from tryon.consent import current_notice, give_consent
from tryon.models import Consent, Garment, LedgerEntry, Shopper, ShopperPhoto, TryOnResult

pytestmark = pytest.mark.django_db


def browser(user: Any = None, cookie: str = "") -> HttpRequest:
    request = HttpRequest()
    request.user = user or AnonymousUser()
    if cookie:
        request.COOKIES[identity.COOKIE] = cookie
    return request


def cookie_of(shopper: Shopper) -> str:
    response = HttpResponse()
    identity.remember(response, shopper, secure=True)
    morsel = response.cookies[identity.COOKIE]
    assert morsel["httponly"]
    assert morsel["secure"]
    assert morsel["samesite"] == "Lax"
    return str(morsel.value)


def test_the_cookie_brings_the_shopper_back() -> None:
    shopper = identity.ensure_shopper(browser())
    assert identity.shopper_of(browser(cookie=cookie_of(shopper))) == shopper


@pytest.mark.parametrize("cookie", ["", "nonsense", "a:b:c", "x" * 5000])
def test_a_bad_cookie_is_nobody(cookie: str) -> None:
    assert identity.shopper_of(browser(cookie=cookie)) is None


def test_looking_makes_no_row() -> None:
    identity.shopper_of(browser())
    assert not Shopper.objects.exists()


def test_signing_in_keeps_what_was_made_before(django_user_model: type[User]) -> None:
    anonymous = identity.ensure_shopper(browser())
    cookie = cookie_of(anonymous)
    user = django_user_model.objects.create_user("amina")
    assert identity.shopper_of(browser(user, cookie)) == anonymous
    # from another browser, without the cookie
    assert identity.shopper_of(browser(user)) == anonymous


def test_after_signing_out_the_cookie_opens_nothing(django_user_model: type[User]) -> None:
    cookie = cookie_of(identity.ensure_shopper(browser()))
    user = django_user_model.objects.create_user("amina")
    identity.shopper_of(browser(user, cookie))
    assert identity.shopper_of(browser(cookie=cookie)) is None
    assert identity.ensure_shopper(browser(cookie=cookie)).user is None


def test_the_next_user_of_a_shared_browser_gets_nothing(django_user_model: type[User]) -> None:
    cookie = cookie_of(identity.ensure_shopper(browser()))
    first, second = (django_user_model.objects.create_user(name) for name in ("first", "second"))
    mine = identity.shopper_of(browser(first, cookie))
    theirs = identity.ensure_shopper(browser(second, cookie))
    assert mine != theirs
    assert theirs.user == second


def test_signing_in_joins_what_two_browsers_made(
    django_user_model: type[User], client: Client, shopper: Shopper, garment: Garment, photo: ShopperPhoto
) -> None:
    """Whoever has used the shop on another device already gets this browser's photos too, and nobody after them."""
    user = django_user_model.objects.create_user("amina")
    other_device = Shopper.objects.create(user=user)
    give_consent(other_device, current_notice().version, channel="web")
    made = admission.request(admission.Demand(shopper, garment, photo=photo, idempotency_key="once")).result
    LedgerEntry.objects.create(result_id=made.pk, shopper_id=shopper.pk, provider="x", amount=1)
    client.cookies[identity.COOKIE] = cookie_of(shopper)
    address = reverse("tryon:photo", kwargs={"pk": photo.pk})
    assert client.get(address).status_code == 200
    client.force_login(user)  # its request has no cookies, like that of a way to sign in that sends no signal
    assert client.get(address).status_code == 200
    assert list(Shopper.objects.all()) == [other_device]
    for rows in (TryOnResult.objects, ShopperPhoto.objects, Consent.objects):
        assert set(rows.values_list("shopper", flat=True)) == {other_device.pk}
    assert Consent.objects.filter(withdrawn_at=None).count() == 1
    assert ShopperPhoto.objects.get().consent == Consent.objects.get(withdrawn_at=None)
    assert LedgerEntry.objects.get().shopper_id == other_device.pk
    client.logout()
    client.cookies[identity.COOKIE] = cookie_of(shopper)  # `logout` of a test client forgets all of them
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("known", [False, True], ids=["first time", "known from another device"])
def test_signing_in_and_out_is_enough(
    django_user_model: type[User], client: Client, shopper: Shopper, photo: ShopperPhoto, known: bool
) -> None:
    """Without a look at any page of ours in between."""
    user = django_user_model.objects.create_user("amina", password="secret", is_staff=True)
    if known:
        Shopper.objects.create(user=user)
    client.cookies[identity.COOKIE] = cookie_of(shopper)
    client.post(reverse("admin:login"), {"username": "amina", "password": "secret"})
    assert ShopperPhoto.objects.get().shopper.user == user  # type: ignore[union-attr]
    client.post(reverse("admin:logout"))
    assert client.cookies[identity.COOKIE].value
    assert client.get(reverse("tryon:photo", kwargs={"pk": photo.pk})).status_code == 404


def test_nobodys_sign_in_fails_because_of_us(
    django_user_model: type[User], client: Client, shopper: Shopper, caplog: pytest.LogCaptureFixture
) -> None:
    django_user_model.objects.create_user("amina", password="secret", is_staff=True)
    client.cookies[identity.COOKIE] = cookie_of(shopper)

    def away(execute: Any, sql: str, *args: Any) -> Any:
        if "tryon_shopper" in sql:
            raise OperationalError("gone")
        return execute(sql, *args)

    with connection.execute_wrapper(away):
        answer = client.post(reverse("admin:login"), {"username": "amina", "password": "secret"})
    assert answer.status_code == 302
    assert "previews were not claimed: OperationalError" in caplog.text


def test_a_token_is_not_stored() -> None:
    shopper, token = identity.new_session()
    assert token not in str(Shopper.objects.filter(pk=shopper.pk).values())
    assert identity.shopper_by_token(token) == shopper
    assert identity.shopper_by_token(token + "x") is None


def test_a_token_ends() -> None:
    shopper, token = identity.new_session()
    Shopper.objects.filter(pk=shopper.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert identity.shopper_by_token(token) is None


def test_an_app_gets_no_cookie() -> None:
    shopper, _token = identity.new_session()
    response = HttpResponse()
    identity.remember(response, shopper, secure=True)
    assert not response.cookies
