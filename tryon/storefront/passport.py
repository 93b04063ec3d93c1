"""The privacy page, the photo passport, and the receipt for what was deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tryon import retention
from tryon.choices import Operation
from tryon.conf import conf
from tryon.consent import current_notice
from tryon.copies import provider_named
from tryon.identity import shopper_of
from tryon.models import ErasureReceipt
from tryon.passport import documented
from tryon.passport import passport as passport_of
from tryon.providers.base import Provider
from tryon.runner.routing import configured
from tryon.storefront.mine import deleted, gone, see_other, wants_json


@never_cache
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What happens to photos: written from the settings, so that it can't promise what isn't done."""
    shopper = shopper_of(request)
    context = {
        "providers": [_told(provider) for provider in configured(Operation.TRY_ON)],
        "notice": current_notice(),
        "photo_hours": conf.PHOTO_RETENTION_HOURS,
        "photo_when_done": conf.DELETE_PHOTO_WHEN_DONE,
        "result_hours": conf.RESULT_RETENTION_HOURS,
        "share_hours": conf.SHARE_HOURS if conf.SHARING else 0,
        "consent_days": conf.CONSENT_RETENTION_DAYS,
        "feedback_days": conf.FEEDBACK_RETENTION_DAYS,
        "session_days": conf.SESSION_DAYS,
        "photos": shopper.photos.count() if shopper else 0,
        "previews": shopper.results.count() if shopper else 0,
        "consents": shopper.consents.filter(withdrawn_at=None) if shopper else (),
        "deleted": deleted(request.GET.get("deleted", "")),
    }
    return render(request, "tryon/privacy.html", context)


@never_cache
@require_safe
def passport(request: HttpRequest) -> HttpResponse:
    """Each copy of each photo of this shopper."""
    shopper = shopper_of(request)
    found = passport_of(shopper) if shopper else None
    pages = [
        {
            "page": page,
            "sent": [{"copy": copy, **_words(copy.provider)} for copy in page.sent],
        }
        for page in (found.pages if found else [])
    ]
    context = {
        "passport": found,
        "pages": pages,
        "photo_when_done": conf.DELETE_PHOTO_WHEN_DONE,
        "deleted": deleted(request.GET.get("deleted", "")),
    }
    return render(request, "tryon/passport.html", context)


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Take the consent back and delete everything of this shopper. The way on is the receipt, if there was anything."""
    shopper = shopper_of(request)
    receipt = retention.erase(shopper) if shopper else None
    if receipt is None or receipt.is_blank:
        if wants_json(request):
            return JsonResponse({"detail": deleted("nothing")})
        return see_other(f"{reverse('tryon:privacy')}?deleted=nothing")
    url = reverse("tryon:receipt", kwargs={"pk": receipt.pk})
    if wants_json(request):
        counts = {"photos": receipt.photos, "previews": receipt.results}
        detail = _("Withdrawn. Photos deleted: %(photos)s. Previews deleted: %(previews)s.") % counts
        return JsonResponse({"detail": detail, "receipt_url": url, "receipt": _("Receipt (opens in a new tab)")})
    return see_other(url)


@never_cache
@require_safe
def receipt(request: HttpRequest, pk: UUID) -> HttpResponse:
    """For whoever has its random address: it says how much was deleted and when, and not whose it was."""
    row = ErasureReceipt.objects.filter(pk=pk).first()
    if row is None:
        return gone(request)
    elsewhere = [
        {
            "company": provider.company if (provider := provider_named(item["provider"])) else item["provider"],
            "calls": item["calls"],
            "until": parse_datetime(item["until"]) if item["until"] else None,
            **_words(provider),
        }
        for item in row.elsewhere
    ]
    return render(request, "tryon/receipt.html", {"receipt": row, "elsewhere": elsewhere})


def _told(provider: Provider) -> dict[str, Any]:
    return {"provider": provider, **_words(provider)}


def _words(provider: Provider | None) -> dict[str, Any]:
    facts = provider.facts if provider else None
    return {"says": documented(facts), "facts": facts}
