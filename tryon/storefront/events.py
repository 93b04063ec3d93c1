"""Small words from the widget: what a shopper thinks of a preview, and how far they came."""

from __future__ import annotations

import hashlib
import logging
from uuid import UUID

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from tryon import feedback as words
from tryon import funnel
from tryon.choices import FunnelStep
from tryon.errors import TryOnError
from tryon.storefront.mine import gone, own, refusal, see_other, wants_json
from tryon.storefront.views import preview_page

logger = logging.getLogger("tryon.storefront")

VERDICTS = {"like": True, "dislike": False}
EVENTS_A_MINUTE = 60  # of one address: far more than a shopper, far less than a script


@require_POST
def feedback(request: HttpRequest, pk: UUID) -> HttpResponse:
    """``verdict``: like or dislike; ``reasons``: up to five values of the closed list."""
    result = own(request, pk)
    if result is None:
        return gone(request)
    verdict, reasons = request.POST.get("verdict", ""), request.POST.getlist("reasons")
    try:
        if verdict not in VERDICTS:
            raise TryOnError("invalid", "verdict is like or dislike")
        given = words.give(result, liked=VERDICTS[verdict], reasons=reasons)
    except TryOnError as error:
        if wants_json(request):
            return refusal(error)
        judged = {"error": error, "verdict": verdict, "reasons": reasons}
        return preview_page(request, result, status=error.spec.status, judged=judged)
    if wants_json(request):
        return JsonResponse({"liked": given.liked, "reasons": given.reasons})
    return see_other(reverse("tryon:result", kwargs={"pk": pk}) + "?thanks=1")


@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Count ``step``. Always 204: a counter must never get in anybody's way, and tells nobody anything."""
    step = request.POST.get("step", "")
    if step in list(FunnelStep) and _has_room(request):
        funnel.count(FunnelStep(step))
    return HttpResponse(status=204)


def _has_room(request: HttpRequest) -> bool:
    """The address is hashed, and forgotten after a minute."""
    key = "tryon:events:" + hashlib.sha256(request.META.get("REMOTE_ADDR", "").encode()).hexdigest()[:24]
    try:
        cache.add(key, 0, 60)
        return cache.incr(key) <= EVENTS_A_MINUTE
    except ValueError:  # it ran out between the two
        return True
    except Exception as error:  # noqa: BLE001 - a cache backend may raise anything; then nothing is counted
        logger.warning("the cache that counts events failed: %s", type(error).__name__)
        return False
