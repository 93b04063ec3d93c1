"""Burst limits on what costs computing or rows. What a shopper may make in a day is ``admission``'s to count."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from tryon.api.authentication import Visitor


class AddressThrottle(SimpleRateThrottle):
    """By address. X-Forwarded-For counts only where the project says how many proxies it has."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        trusted = api_settings.NUM_PROXIES is not None
        address = self.get_ident(request) if trusted else request.META.get("REMOTE_ADDR", "")
        return f"tryon:throttle:{self.scope}:{address}"


class SessionThrottle(AddressThrottle):
    scope = "sessions"
    rate = "120/min"


class AddressUploadThrottle(AddressThrottle):
    scope = "uploads"
    rate = "900/min"  # many shoppers may share the address of a mobile network


class ShopperUploadThrottle(SimpleRateThrottle):
    scope = "uploads"
    rate = "900/min"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        visitor = request.auth
        if not isinstance(visitor, Visitor) or visitor.shopper is None:
            return None
        return f"tryon:throttle:{self.scope}:{visitor.shopper.pk.hex}"


UPLOAD_THROTTLES = (ShopperUploadThrottle, AddressUploadThrottle)
"""Applied to POST only; see ``TryOnView.get_throttles``."""
