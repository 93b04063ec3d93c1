"""The pages: they do the whole job without JavaScript, and give the widget its dialog as fragments."""

from __future__ import annotations

import json
import secrets
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tryon import admission, feedback, progress, retention, sharing, tasks
from tryon.choices import Status
from tryon.conf import conf
from tryon.consent import current_notice
from tryon.errors import TryOnError, shopper_text
from tryon.identity import ensure_shopper, remember, shopper_of
from tryon.models import PresetModel, TryOnResult
from tryon.runner.history import usual_latency
from tryon.storefront.forms import TryForm
from tryon.storefront.mine import come_later, deleted, gone, own, see_other, wants_json
from tryon.storefront.offer import (
    FACES,
    NIL,
    Offer,
    colours_of,
    earlier_previews,
    last_photo,
    offer_for,
    offer_of,
    offers_instant,
    selfie_options,
)
from tryon.storefront.pictures import quick_picture

REFRESH_SECONDS = 2
LATE = 1.5  # of the usual time: then it is said that it takes longer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def try_page(request: HttpRequest, product_ref: str) -> HttpResponse:
    """The form; with ``?fragment=1`` as the dialog of the widget."""
    offer = offer_for(product_ref, request.GET.get("variant", ""), request)
    if offer is None:
        return _nothing_to_try(request, product_ref)
    shopper = shopper_of(request)
    if request.method != "POST":
        form = TryForm(shopper=shopper, kept=request.GET.get("photo", ""), selfie="selfie" in request.GET)
        template = "tryon/dialog.html" if "fragment" in request.GET else "tryon/try.html"
        return render(request, template, _form_context(request, offer, form))
    form = TryForm(request.POST, request.FILES, shopper=shopper)
    response = _start(request, offer, form) if form.is_valid() else None
    if response is None:
        error = form.refusal
        response = render(request, "tryon/try.html", _form_context(request, offer, form), status=error.spec.status)
        come_later(response, error)
    if form.shopper:
        remember(response, form.shopper, secure=request.is_secure())
    return response


def _nothing_to_try(request: HttpRequest, product_ref: str) -> HttpResponse:
    """Of a page that was open when the button went: whether it will be back by itself."""
    garment = admission.garment_for(product_ref, request.GET.get("variant", ""))
    if admission.unavailable_reason(garment) != "busy":
        raise Http404
    error = TryOnError("busy", minutes=1, retry_after=60)
    return come_later(render(request, "tryon/busy.html", {"error": error}, status=error.spec.status), error)


def _start(request: HttpRequest, offer: Offer, form: TryForm) -> HttpResponse | None:
    """The way to the preview page, or None when the form says why not."""
    form.shopper = ensure_shopper(request)
    try:
        result = form.start(form.shopper, offer.garment)
    except TryOnError as error:
        form.refuse(error)
        return None
    return see_other(reverse("tryon:result", kwargs={"pk": result.pk}))


@never_cache
@require_safe
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Progress, result or failure of one try-on; with ``?fragment=1`` only the result or failure, for the dialog."""
    result = own(request, pk)
    if result is None:
        return gone(request)
    if not result.is_final:
        tasks.nudge()
    return preview_page(request, result)


def preview_page(request: HttpRequest, result: TryOnResult, status: int = 200, **more: Any) -> HttpResponse:
    template = "tryon/outcome.html" if "fragment" in request.GET else "tryon/preview.html"
    context = {**_preview_context(result), **_host_context(request, result), **more}
    return render(request, template, context, status=status)


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    result = own(request, pk)
    if result is None:
        return gone(request)
    admission.cancel(result)
    return see_other(reverse("tryon:result", kwargs={"pk": pk}))


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The preview and the photo it was made from, at once; what was deleted is said."""
    result = own(request, pk)
    if result is None:
        return gone(request)
    offer = offer_of(result.garment)
    had_photo = result.photo_id is not None
    counts = retention.delete_result(result)
    kind = "preview" if not had_photo else "both" if counts.photos else "kept"
    if wants_json(request):
        return JsonResponse({"detail": deleted(kind)})
    if offer is None:
        return see_other(f"{reverse('tryon:privacy')}?deleted={kind}")
    return see_other(f"{offer.try_url}{offer.separator}deleted={kind}")


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
        "last_photo": last_photo(form.shopper) if form.agreed and not form.kept else None,
        "earlier": earlier_previews(form.shopper),
        "deleted": deleted(request.GET.get("deleted", "")),
        "instant_url": reverse("tryon:instant", kwargs={"pk": NIL}) if offers_instant(offer.garment) else "",
        "uid": f"tryon-{secrets.token_hex(4)}",  # several dialogs on one page need ids of their own
        "max_mb": conf.MAX_UPLOAD_MB,
        "max_bytes": conf.MAX_UPLOAD_MB * 1024 * 1024,
        "min_side": conf.MIN_SIDE,
        "max_edge": conf.MAX_EDGE,
        "words": {code: shopper_text(code, params) for code, params in _said_by_the_widget().items()},
    }


def _said_by_the_widget() -> dict[str, dict[str, Any]]:
    """Codes of faults that it finds out by itself, or is told without words."""
    plain = ("animated_image", "photo_dark", "photo_blurry", "not_found", "server_error")
    return {
        "unsupported_image_format": {},
        "file_size_too_large": {"limit": conf.MAX_UPLOAD_MB},
        "image_too_small": {"limit": conf.MIN_SIDE},
        **{code: {} for code in plain},
    }


def _selfie(result: TryOnResult) -> str:
    """The options for a second try with a photo of only a face, as JSON; "" when that is no way out."""
    if result.error_code not in FACES or result.options or not result.photo_id:
        return ""
    options = selfie_options(result.garment, result.shopper)
    return json.dumps(options) if options else ""


def _host_context(request: HttpRequest, result: TryOnResult) -> dict[str, Any]:
    """Whether the product page around the dialog sells this very thing, or another product or colour."""
    product, variant = request.GET.get("product"), request.GET.get("variant", "")
    at_home = product == result.garment.product_ref
    same = at_home and admission.garment_for(product or "", variant) == result.garment
    return {"at_home": at_home, "same_colour": same, "thanks": "thanks" in request.GET}


def _usual(result: TryOnResult, stand: progress.Progress) -> float:
    """Seconds that it takes as a rule from the request to the end."""
    if result.status == Status.QUEUED:
        return float(stand.eta_seconds or 0)
    return usual_latency(result.provider, result.operation) or progress.DEFAULT_SECONDS


def _preview_context(result: TryOnResult) -> dict[str, Any]:
    error = TryOnError(result.error_code or "provider_down", **result.error_params)
    offer = offer_of(result.garment)
    succeeded = result.status == Status.SUCCEEDED
    stand = progress.describe(result)
    waited = (timezone.now() - result.created_at).total_seconds()
    usual = _usual(result, stand)
    return {
        "result": result,
        "offer": offer,
        "colours": colours_of(result.garment) if succeeded and offer else [],
        "earlier": earlier_previews(result.shopper, but=result) if succeeded else [],
        "selfie": _selfie(result),
        "quick": None if result.is_final else quick_picture(result.pk),
        "live": not result.is_final,
        "succeeded": succeeded,
        "progress": stand,
        "waited": int(waited),
        "usual": usual,
        "late": not result.is_final and waited > LATE * usual,
        "outputs": list(result.outputs.all()),
        "alt": progress.alt_text(result),
        "photo": result.photo if result.photo and result.photo.expires_at > timezone.now() else None,
        "hints": [shopper_text(code) for code in (result.photo.warnings if result.photo else [])],
        "error": error,
        "feedback_reasons": feedback.choices(),
        "most_reasons": feedback.MOST_REASONS,
        "can_share": sharing.can_share(result),
        "size_guide_url": conf.SIZE_GUIDE_URL,
        "refresh": REFRESH_SECONDS,
        "uid": f"tryon-{result.pk.hex[:8]}",
    }
