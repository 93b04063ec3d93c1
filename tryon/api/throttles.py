"""Burst limits on what costs computing or rows. What a shopper may make in a day is ``admission``'s to count.

The counts are kept in the default cache. While that is down, nobody can tell a burst from a shopper: who is signed in
is let in, everybody else is asked to come back.
"""

from __future__ import annotations

import logging

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from tryon.api.authentication import Visitor
from tryon.conf import Settings, conf
from tryon.errors import TryOnError

logger = logging.getLogger("tryon.api")

CACHE_IS_DOWN = 60  # seconds to wait


class Throttle(SimpleRateThrottle):
    """A limit whose rate is an entry of the setting RATE_LIMITS, named by ``scope``; "" there takes it away."""

    scope = ""
    rate: str | None = None  # as in the settings

    def get_rate(self) -> str | None:
        return {**Settings.RATE_LIMITS, **conf.RATE_LIMITS}[self.scope] or None

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except Exception as error:
            # a cache backend may raise anything
            logger.error("the cache that counts requests failed: %s", type(error).__name__)
            if request.user.is_authenticated:
                return True
            raise TryOnError("busy", "the cache is down", minutes=1, retry_after=CACHE_IS_DOWN) from error


class AddressThrottle(Throttle):
    """By address. X-Forwarded-For counts only where the project says how many proxies it has."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        trusted = api_settings.NUM_PROXIES is not None
        address = self.get_ident(request) if trusted else request.META.get("REMOTE_ADDR", "")
        return f"tryon:throttle:{self.scope}:{address}"


class SessionThrottle(AddressThrottle):
    scope = "sessions"


class AddressUploadThrottle(AddressThrottle):
    """Many shoppers may share the address of a mobile network."""

    scope = "address"


class ShopperUploadThrottle(Throttle):
    scope = "shopper"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        visitor = request.auth
        if not isinstance(visitor, Visitor) or visitor.shopper is None:
            return None
        return f"tryon:throttle:{self.scope}:{visitor.shopper.pk.hex}"


UPLOAD_THROTTLES = (ShopperUploadThrottle, AddressUploadThrottle)
"""Applied to POST only; see ``TryOnView.get_throttles``."""
