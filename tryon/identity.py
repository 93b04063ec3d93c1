"""Who is asking: a signed-in user, a browser with our signed cookie, or an app with a session token."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from tryon.conf import conf
from tryon.models import Shopper

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE = "tryon_shopper"
SALT = "tryon.shopper"


def new_session() -> tuple[Shopper, str]:
    """An anonymous shopper for an app, and the token; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    shopper = Shopper.objects.create(
        token_hash=hash_token(token), expires_at=timezone.now() + timedelta(days=conf.SESSION_DAYS)
    )
    return shopper, token


def shopper_by_token(token: str) -> Shopper | None:
    return Shopper.objects.filter(token_hash=hash_token(token), expires_at__gt=timezone.now()).first()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def shopper_of(request: HttpRequest) -> Shopper | None:
    """The shopper of a browser request, if there is one already.

    A cookie that has become a user's stops working when that user signs out, so the next person at a shared
    browser starts with nothing.
    """
    by_cookie = _shopper_by_cookie(request)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return by_cookie if by_cookie and by_cookie.user_id is None else None
    mine = Shopper.objects.filter(user=user).first()
    if mine is None and by_cookie and by_cookie.user_id is None:
        try:
            with transaction.atomic():
                if Shopper.objects.filter(pk=by_cookie.pk, user=None).update(user=user, expires_at=None):
                    by_cookie.user = user
                    return by_cookie
        except IntegrityError:  # the same user, in another tab, at the same moment
            mine = Shopper.objects.filter(user=user).first()
    return mine


def ensure_shopper(request: HttpRequest) -> Shopper:
    """The shopper of a browser request, made when it is the first time. Remember it on the response."""
    found = shopper_of(request)
    if found:
        return found
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return Shopper.objects.get_or_create(user=user)[0]
    return Shopper.objects.create(expires_at=timezone.now() + timedelta(days=conf.SESSION_DAYS))


def remember(response: HttpResponse, shopper: Shopper, *, secure: bool) -> None:
    """Set the cookie of an anonymous shopper."""
    if shopper.user_id is None and shopper.token_hash is None:
        response.set_cookie(
            COOKIE,
            signing.dumps(shopper.pk.hex, salt=SALT),
            max_age=conf.SESSION_DAYS * 86400,
            httponly=True,
            samesite="Lax",
            secure=secure,
        )


def _shopper_by_cookie(request: HttpRequest) -> Shopper | None:
    value = request.COOKIES.get(COOKIE)
    if not value:
        return None
    try:
        pk = UUID(hex=signing.loads(value, salt=SALT, max_age=conf.SESSION_DAYS * 86400))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    return Shopper.objects.filter(pk=pk).first()
