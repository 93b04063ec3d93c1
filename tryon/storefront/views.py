"""The pages: they do the whole job without JavaScript, and give the widget its dialog as fragments."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tryon import admission, progress, retention, tasks
from tryon.choices import Operation, Status
from tryon.conf import conf
from tryon.consent import current_notice
from tryon.errors import TryOnError, shopper_text
from tryon.identity import ensure_shopper, remember, shopper_of
from tryon.models import PresetModel, TryOnResult
from tryon.runner.routing import candidates
from tryon.storefront.forms import TryForm
from tryon.storefront.offer import Offer, offer_for, offer_of

REFRESH_SECONDS = 2


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def try_page(request: HttpRequest, product_ref: str) -> HttpResponse:
    """The form; with ``?fragment=1`` as the dialog of the widget."""
    offer = offer_for(product_ref, request.GET.get("variant", ""))
    if offer is None:
        raise Http404
    shopper = shopper_of(request)
    if request.method != "POST":
        form = TryForm(shopper=shopper, kept=request.GET.get("photo", ""))
        template = "tryon/dialog.html" if "fragment" in request.GET else "tryon/try.html"
        return render(request, template, _form_context(request, offer, form))
    form = TryForm(request.POST, request.FILES, shopper=shopper)
    response = _start(request, offer, form) if form.is_valid() else None
    if response is None:
        response = render(request, "tryon/try.html", _form_context(request, offer, form), status=422)
    if form.shopper:
        remember(response, form.shopper, secure=request.is_secure())
    return response


def _start(request: HttpRequest, offer: Offer, form: TryForm) -> HttpResponse | None:
    """The way to the preview page, or None when the form says why not."""
    form.shopper = ensure_shopper(request)
    try:
        result = form.start(form.shopper, offer.garment)
    except TryOnError as error:
        form.refuse(error)
        return None
    return _see_other(reverse("tryon:result", kwargs={"pk": result.pk}))


@never_cache
@require_safe
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Progress, result or failure of one try-on; with ``?fragment=1`` only the result or failure, for the dialog."""
    result = _own(request, pk)
    if result is None:
        return _gone(request)
    if not result.is_final:
        tasks.nudge()
    template = "tryon/outcome.html" if "fragment" in request.GET else "tryon/preview.html"
    return render(request, template, _preview_context(result))


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    result = _own(request, pk)
    if result is None:
        return _gone(request)
    admission.cancel(result)
    return _see_other(reverse("tryon:result", kwargs={"pk": pk}))


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The preview and the photo it was made from, at once."""
    result = _own(request, pk)
    if result is None:
        return _gone(request)
    offer = offer_of(result.garment)
    retention.delete_result(result)
    if offer is None:
        return _see_other(reverse("tryon:privacy") + "?deleted=1")
    return _see_other(offer.try_url + ("&" if "?" in offer.try_url else "?") + "deleted=1")


@never_cache
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What happens to photos: written from the settings, so that it can't promise what isn't done."""
    shopper = shopper_of(request)
    context = {
        "providers": candidates(Operation.TRY_ON),
        "notice": current_notice(),
        "photo_hours": conf.PHOTO_RETENTION_HOURS,
        "result_hours": conf.RESULT_RETENTION_HOURS,
        "session_days": conf.SESSION_DAYS,
        "photos": shopper.photos.count() if shopper else 0,
        "previews": shopper.results.count() if shopper else 0,
        "consents": shopper.consents.filter(withdrawn_at=None) if shopper else (),
        "deleted": "deleted" in request.GET,
    }
    return render(request, "tryon/privacy.html", context)


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Take the consent back and delete everything of this shopper."""
    shopper = shopper_of(request)
    if shopper:
        retention.erase(shopper)
    return _see_other(reverse("tryon:privacy") + "?deleted=1")


def _own(request: HttpRequest, pk: UUID) -> TryOnResult | None:
    shopper = shopper_of(request)
    if shopper is None:
        return None
    mine = TryOnResult.objects.for_shopper(shopper).select_related("garment", "photo", "preset_model")
    return mine.filter(pk=pk).exclude(expires_at__lte=timezone.now()).first()


def _gone(request: HttpRequest) -> HttpResponse:
    """Foreign, deleted, expired and never there look the same."""
    response = render(request, "tryon/gone.html", {"text": shopper_text("not_found")}, status=404)
    response["Cache-Control"] = "private, no-store"
    return response


def _see_other(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _form_context(request: HttpRequest, offer: Offer, form: TryForm) -> dict[str, Any]:
    left = admission.quota(form.shopper)
    if left.remaining <= 0 and not form.errors:
        time = timezone.localtime(left.resets_at).strftime("%H:%M")
        used_up = shopper_text("quota_shopper", {"limit": left.limit, "time": time})
    else:
        used_up = ""
    return {
        "offer": offer,
        "form": form,
        "models": PresetModel.objects.filter(active=True),
        "notice": current_notice(),
        "quota": left,
        "used_up": used_up,
        "deleted": "deleted" in request.GET,
        "uid": f"tryon-{secrets.token_hex(4)}",  # several dialogs on one page need ids of their own
        "max_mb": conf.MAX_UPLOAD_MB,
        "max_bytes": conf.MAX_UPLOAD_MB * 1024 * 1024,
        "min_side": conf.MIN_SIDE,
        "max_edge": conf.MAX_EDGE,
        "words": {
            "type": shopper_text("unsupported_image_format"),
            "size": shopper_text("file_size_too_large", {"limit": conf.MAX_UPLOAD_MB}),
            "small": shopper_text("image_too_small", {"limit": conf.MIN_SIDE}),
            "moving": shopper_text("animated_image"),
            "gone": shopper_text("not_found"),
            "ours": shopper_text("server_error"),
        },
    }


def _preview_context(result: TryOnResult) -> dict[str, Any]:
    error = TryOnError(result.error_code or "provider_down", **result.error_params)
    return {
        "result": result,
        "offer": offer_of(result.garment),
        "live": not result.is_final,
        "succeeded": result.status == Status.SUCCEEDED,
        "progress": progress.describe(result),
        "outputs": list(result.outputs.all()),
        "alt": progress.alt_text(result),
        "photo": result.photo if result.photo and result.photo.expires_at > timezone.now() else None,
        "hints": [shopper_text(code) for code in (result.photo.warnings if result.photo else [])],
        "error": error,
        "size_guide_url": conf.SIZE_GUIDE_URL,
        "refresh": REFRESH_SECONDS,
        "uid": f"tryon-{result.pk.hex[:8]}",
    }
