"""Who is asking: a signed-in user, a browser with our signed cookie, or an app with a session token."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core import signing
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone
from django.utils.crypto import salted_hmac

from tryon.conf import conf
from tryon.models import RequestKey, Shopper, TryOnResult
from tryon.models.ledger import hand_over

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("tryon.identity")

COOKIE = "tryon_shopper"
SALT = "tryon.shopper"


def new_session() -> tuple[Shopper, str]:
    """An anonymous shopper for an app, and the token; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    shopper = Shopper.objects.create(
        token_hash=hash_token(token), expires_at=timezone.now() + timedelta(days=conf.SESSION_DAYS)
    )
    return shopper, token


def revoke(shopper: Shopper) -> None:
    """End an app's session: its token opens nothing any more. What it made is deleted on time."""
    Shopper.objects.filter(pk=shopper.pk).update(token_hash=None, expires_at=timezone.now())


def shopper_by_token(token: str) -> Shopper | None:
    return Shopper.objects.filter(**_session(token)).first()


def rows_of_token(token: str) -> Q:
    """Which rows with a ``shopper`` are those of ``shopper_by_token``, without looking the shopper up."""
    return Q(**{f"shopper__{name}": value for name, value in _session(token).items()})


def _session(token: str) -> dict[str, Any]:
    return {"token_hash": hash_token(token), "expires_at__gt": timezone.now()}


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def shopper_of(request: HttpRequest) -> Shopper | None:
    """The shopper of a browser request, if there is one already.

    A cookie that has become a user's stops working when that user signs out, so the next person at a shared
    browser starts with nothing.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return _anonymous(request)
    claim(request, user)
    return Shopper.objects.filter(user=user).first()


def claim(request: HttpRequest, user: AbstractBaseUser) -> None:
    """What was made with this browser's cookie becomes the user's, and the cookie opens nothing any more."""
    anonymous = _anonymous(request)
    if anonymous is None:
        return
    try:
        with transaction.atomic():
            Shopper.objects.filter(pk=anonymous.pk, user=None).update(user=user, expires_at=None)
    except IntegrityError:  # this user has a row of their own
        _merge(anonymous.pk, user)


def _merge(anonymous: UUID, user: AbstractBaseUser) -> None:
    """Both rows are locked, lowest first: an upload or an erasure ends before this, or finds it done."""
    with transaction.atomic():
        rows = Shopper.objects.select_for_update().filter(Q(pk=anonymous, user=None) | Q(user=user))
        found = {shopper.pk: shopper for shopper in rows.order_by("pk")}
        former = found.pop(anonymous, None)
        mine = next(iter(found.values()), None)
        if former is None or mine is None:  # another request was quicker
            return
        # of two agreements to the same notice both stay as evidence; the user's own is the one that stands
        standing = mine.consents.filter(withdrawn_at=None)
        again = former.consents.filter(withdrawn_at=None, version__in=standing.values("version"))
        for consent in list(again):
            stays = standing.get(version=consent.version)
            consent.photos.update(consent=stays)
            TryOnResult.objects.filter(consent=consent).update(consent=stays)
        again.update(withdrawn_at=timezone.now())
        former.consents.update(shopper=mine, subject=mine.pk)
        former.photos.update(shopper=mine)
        RequestKey.objects.filter(shopper=former).delete()  # nobody sends those requests again as somebody else
        keys = TryOnResult.objects.filter(shopper=mine).exclude(idempotency_key="").values("idempotency_key")
        former.results.filter(idempotency_key__in=list(keys)).update(idempotency_key="")
        former.results.update(shopper=mine)
        hand_over(former.pk, mine.pk)
        former.delete()


@receiver([user_logged_in, user_logged_out])
def claim_at_the_door(request: HttpRequest | None, user: AbstractBaseUser | None, **kwargs: Any) -> None:
    """Also on the way out: whoever comes next to a shared browser must not find it open.

    Nobody is kept from signing in by it.
    """
    if request is None or user is None:
        return
    try:
        with transaction.atomic():
            claim(request, user)
    except DatabaseError as error:  # the next page of ours that is seen while signed in does it
        logger.error("previews were not claimed: %s", type(error).__name__)


def rows_of(request: HttpRequest) -> Q | None:
    """Which rows with a ``shopper`` are those of ``shopper_of``, without looking the shopper up; None for nobody's.

    A user who has just signed in may have none yet by this: ``shopper_of`` lets them have those of their cookie.
    """
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return Q(shopper__user=user)
    pk = _in_cookie(request)
    return Q(shopper=pk, shopper__user=None) if pk else None


def ensure_shopper(request: HttpRequest) -> Shopper:
    """The shopper of a browser request, made when it is the first time. Remember it on the response."""
    found = shopper_of(request)
    if found:
        return found
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return Shopper.objects.get_or_create(user=user)[0]
    return Shopper.objects.create(expires_at=timezone.now() + timedelta(days=conf.SESSION_DAYS))


def shopper_of_request(request: HttpRequest, key: str) -> Shopper | None:
    """The shopper of a first visit, the same when the request is sent again because its answer was lost.

    The cookie was lost with the answer. What is the same again is the user, or the browser's CSRF secret and the key
    of the request, which only they know together. None for who has neither.
    """
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return Shopper.objects.get_or_create(user=user)[0]
    csrf_secret = request.META.get("CSRF_COOKIE")
    if not csrf_secret:
        return None
    pk = UUID(bytes=salted_hmac(SALT, f"{csrf_secret}:{key}", algorithm="sha256").digest()[:16])
    expires_at = timezone.now() + timedelta(days=conf.SESSION_DAYS)
    shopper = Shopper.objects.get_or_create(pk=pk, defaults={"expires_at": expires_at})[0]
    return shopper if shopper.user_id is None else None  # a user's by now, and not theirs who asks


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


def _anonymous(request: HttpRequest) -> Shopper | None:
    """The shopper of the cookie, while nobody has signed in with it."""
    pk = _in_cookie(request)
    return Shopper.objects.filter(pk=pk, user=None).first() if pk else None


def _in_cookie(request: HttpRequest) -> UUID | None:
    value = request.COOKIES.get(COOKIE)
    if not value:
        return None
    try:
        return UUID(hex=signing.loads(value, salt=SALT, max_age=conf.SESSION_DAYS * 86400))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
