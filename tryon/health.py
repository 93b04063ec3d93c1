"""``health/``: 200 while the shop's try-on works, 503 when it doesn't. For load balancers and monitoring."""

from __future__ import annotations

from django.db import Error, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tryon import alerts

WELL, ILL = "ok", "unavailable"


@transaction.non_atomic_requests
@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Strangers learn that much and no more; ``tryon_doctor`` says what is wrong."""
    try:
        well = alerts.worker_silence(timezone.now()) is None
    except Error:
        well = False
    return JsonResponse({"status": WELL if well else ILL}, status=200 if well else 503)
