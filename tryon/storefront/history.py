"""A shopper's own previews and their latest photo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tryon import progress, retention, sharing
from tryon.choices import Operation, Status
from tryon.errors import shopper_text
from tryon.identity import shopper_of
from tryon.models import Shopper, TryOnResult
from tryon.storefront.mine import see_other
from tryon.storefront.offer import last_photo

MOST = 60


@never_cache
@require_safe
def previews(request: HttpRequest) -> HttpResponse:
    """What this shopper made, newest first."""
    shopper = shopper_of(request)
    return render(request, "tryon/history.html", {"previews": _listed(shopper) if shopper else []})


@never_cache
@require_safe
def latest_photo(request: HttpRequest) -> HttpResponse:
    """The photo that can be used again without giving it anew: its addresses and when it goes; 404 for none."""
    photo = last_photo(shopper_of(request))
    if photo is None:
        return JsonResponse({"code": "not_found"}, status=404)
    return JsonResponse(
        {
            "id": str(photo.pk),
            "url": reverse("tryon:photo", kwargs={"pk": photo.pk}),
            "thumb_url": reverse("tryon:photo-thumb", kwargs={"pk": photo.pk}),
            "width": photo.width,
            "height": photo.height,
            "expires_at": photo.expires_at,
        }
    )


@require_POST
def delete_photo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One photo alone; previews made from it stay until their own time. Foreign and gone look like done."""
    shopper = shopper_of(request)
    photo = shopper.photos.filter(pk=pk).first() if shopper else None
    if photo:
        retention.delete_photo(photo)
    return see_other(f"{reverse('tryon:passport')}?deleted=photo")


def _listed(shopper: Shopper) -> list[dict[str, Any]]:
    rows = (
        TryOnResult.objects.for_shopper(shopper)
        .filter(operation=Operation.TRY_ON.value, preview_of=None)
        .exclude(expires_at__lte=timezone.now())
        .exclude(status=Status.CANCELED)
        .select_related("garment", "preset_model")
        .prefetch_related("outputs")
        .order_by("-created_at")[:MOST]
    )
    return [
        {
            "result": row,
            "output": next(iter(row.outputs.all()), None),
            "alt": progress.alt_text(row),
            "live": not row.is_final,
            "problem": shopper_text(row.error_code, row.error_params)
            if row.is_final and row.status != Status.SUCCEEDED
            else "",
            "can_share": sharing.can_share(row),
        }
        for row in rows
    ]
