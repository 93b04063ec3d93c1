"""Whose photo is it: cookies, tokens, signing in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tryon import identity
from tryon.models import Shopper

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
