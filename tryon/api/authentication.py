"""Who is asking. Apps carry a session token, or what the project's own API takes; browsers the signed cookie, and a
CSRF token when they change anything.

All give ``request.auth`` a ``Visitor``, so the views need not know which it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tryon import identity
from tryon.consent import current_notice, give_consent, standing_consent
from tryon.errors import TryOnError
from tryon.models import Consent, Shopper

if TYPE_CHECKING:
    from django.http import HttpResponse

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class Visitor:
    """The shopper behind a request, who in a browser is made only when something is asked for."""

    def __init__(self, request: HttpRequest, by_token: Shopper | None = None, *, is_app: bool = False) -> None:
        self._request = request
        self._by_token = by_token
        self._new: Shopper | None = None  # whose cookie the browser has not got yet
        self.is_app = is_app or by_token is not None  # it has no cookies, so links to pictures are signed

    @property
    def has_session(self) -> bool:
        """Whether a token of ``POST sessions/`` came with this request."""
        return self._by_token is not None

    @cached_property
    def shopper(self) -> Shopper | None:
        return self._by_token or identity.shopper_of(self._request)

    def ensure_shopper(self) -> Shopper:
        if self.shopper is None:
            self.shopper = self._new = identity.ensure_shopper(self._request)
        return self.shopper

    def shopper_of(self, key: str) -> Shopper | None:
        """The shopper whose ``Idempotency-Key`` this is, also on their first visit; None for who can't be known."""
        if self.shopper is None and key:
            self.shopper = self._new = identity.shopper_of_request(self._request, key)
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
                consent = give_consent(shopper, consent_version, channel="api" if self.is_app else "web")
        except TryOnError:
            self.undo()
            raise
        return shopper, consent

    def check_agreement(self, consent_version: str) -> None:
        """Raise what ``agree`` would raise, and record nothing."""
        if consent_version:
            if consent_version != current_notice().version:
                raise TryOnError("consent_outdated")
        elif self.shopper is None or standing_consent(self.shopper) is None:
            raise TryOnError("consent_missing")

    def undo(self) -> None:
        """Forget an anonymous shopper made for this request, because what they asked for was refused.

        Nobody else knows them yet, but for repetitions under the same key: those wait for whoever holds it, who alone
        may call this. The shopper of a signed-in user stays: another request may be using it.
        """
        if self._new is not None and self._new.user_id is None:
            if nobody := Shopper.objects.filter(pk=self._new.pk, results=None, photos=None).first():
                Consent.objects.filter(shopper=nobody).delete()
                nobody.delete()
            self._new = self.shopper = None

    def remember(self, response: HttpResponse) -> None:
        """Give a new browser its cookie."""
        if self._new is not None:
            identity.remember(response, self._new, secure=self._request.is_secure())


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token of POST sessions/>``, or what the project's own authentication takes.

    A header that nobody knows is refused, whatever cookies came with it.
    """

    keyword = "bearer"

    def authenticate(self, request: Request) -> tuple[Any, Visitor] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _space, token = header.partition(" ")
        if scheme.lower() == self.keyword:
            shopper = identity.shopper_by_token(token.strip())
            if shopper is not None:
                return shopper.user or AnonymousUser(), Visitor(request._request, by_token=shopper)
        for authentication in host_authentication():
            if found := authentication().authenticate(request):
                return found[0], Visitor(request._request, is_app=True)
        if scheme.lower() == self.keyword:
            raise AuthenticationFailed
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def host_authentication() -> list[type[BaseAuthentication]]:
    """The classes that the project names for its own API. Its sessions are ours already."""
    named = getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_AUTHENTICATION_CLASSES", ())
    classes = [import_string(name) if isinstance(name, str) else name for name in named]
    return [each for each in classes if not issubclass(each, SessionAuthentication)]


class BrowserAuthentication(SessionAuthentication):
    """The host's session user, or nobody yet; either must prove with a CSRF token that the page was ours."""

    def authenticate(self, request: Request) -> tuple[Any, Visitor]:
        if request.method not in SAFE_METHODS:
            # it may look for the token in the form, which it reads through ``request``, so by our own strict parsers
            self.enforce_csrf(request)
        user = getattr(request._request, "user", None)
        return user if user is not None and user.is_active else AnonymousUser(), Visitor(request._request)
