from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

HEADER = "Content-Security-Policy"


class ContentSecurityPolicy:
    """Sends ``settings.CONTENT_SECURITY_POLICY`` with every response that has no policy of its own.

    Django 6.0 has this built in (``SECURE_CSP``); this class is for 5.2.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if HEADER not in response:
            response[HEADER] = policy_for(request.path)
        return response


def policy_for(path: str) -> str:
    """Django's own admin pages have style attributes, so there inline styles are allowed, and what the tools make may
    be a film; inline scripts never are.
    """
    policy: str = settings.CONTENT_SECURITY_POLICY
    if path.startswith(reverse("admin:index")):
        return policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'; media-src 'self'")
    return policy
