"""Who is asking. Apps carry a session token; browsers the signed cookie, and a CSRF token when they change anything.

Both give ``request.auth`` a ``Visitor``, so the views need not know which it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.functional import cached_property
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tryon import identity
from tryon.consent import give_consent, standing_consent
from tryon.errors import TryOnError
from tryon.models import Consent, Shopper

if TYPE_CHECKING:
    from django.http import HttpResponse

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class Visitor:
    """The shopper behind a request, who in a browser is made only when something is asked for."""

    def __init__(self, request: HttpRequest, by_token: Shopper | None = None) -> None:
        self._request = request
        self._by_token = by_token
        self._new: Shopper | None = None

    @property
    def uses_token(self) -> bool:
        return self._by_token is not None

    @cached_property
    def shopper(self) -> Shopper | None:
        return self._by_token or identity.shopper_of(self._request)

    def ensure_shopper(self) -> Shopper:
        if self.shopper is None:
            self.shopper = self._new = identity.ensure_shopper(self._request)
        return self.shopper

    def agree(self, consent_version: str) -> tuple[Shopper, Consent]:
        """Record consent, or find the one that stands when no version is named.

        When it is refused nothing is left behind, not even a new shopper.
        """
        if not consent_version and self.shopper and (standing := standing_consent(self.shopper)):
            return self.shopper, standing
        try:
            with transaction.atomic():
                shopper = self.ensure_shopper()
                consent = give_consent(shopper, consent_version, channel="api" if self.uses_token else "web")
        except TryOnError:
            self.undo()
            raise
        return shopper, consent

    def undo(self) -> None:
        """Forget an anonymous shopper made by this request, because what they asked for was refused.

        Nobody else can know them yet. The shopper of a signed-in user stays: another request may be using it.
        """
        if self._new is not None and self._new.user_id is None:
            Shopper.objects.filter(pk=self._new.pk).delete()
            self._new = self.shopper = None

    def remember(self, response: HttpResponse) -> None:
        """Give a new browser its cookie."""
        if self._new is not None:
            identity.remember(response, self._new, secure=self._request.is_secure())


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token of POST sessions/>``. A bad token is refused, whatever cookies came with it."""

    keyword = "bearer"

    def authenticate(self, request: Request) -> tuple[Any, Visitor] | None:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != self.keyword:
            return None
        shopper = identity.shopper_by_token(token.strip())
        if shopper is None:
            raise AuthenticationFailed
        return shopper.user or AnonymousUser(), Visitor(request._request, by_token=shopper)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserAuthentication(SessionAuthentication):
    """The host's session user, or nobody yet; either must prove with a CSRF token that the page was ours."""

    def authenticate(self, request: Request) -> tuple[Any, Visitor]:
        if request.method not in SAFE_METHODS:
            # it may look for the token in the form, which it reads through ``request``, so by our own strict parsers
            self.enforce_csrf(request)
        user = getattr(request._request, "user", None)
        return user if user is not None and user.is_active else AnonymousUser(), Visitor(request._request)
