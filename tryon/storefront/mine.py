"""What the pages share: a shopper's own preview or a 404, refusals, and the way on after a POST."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.errors import AWAY_SECONDS, TryOnError, shopper_text
from tryon.identity import shopper_of
from tryon.models import TryOnResult


def own(request: HttpRequest, pk: UUID) -> TryOnResult | None:
    shopper = shopper_of(request)
    if shopper is None:
        return None
    mine = TryOnResult.objects.for_shopper(shopper).select_related("garment", "photo", "preset_model")
    return mine.filter(pk=pk).exclude(expires_at__lte=timezone.now()).first()


def gone(request: HttpRequest) -> HttpResponse:
    """Foreign, deleted, expired and never there look the same."""
    response = render(request, "tryon/gone.html", {"text": shopper_text("not_found")}, status=404)
    response["Cache-Control"] = "private, no-store"
    return response


def see_other(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def wants_json(request: HttpRequest) -> bool:
    """The widget says so; a form of a page without scripts does not."""
    return "application/json" in request.headers.get("Accept", "")


def deleted(kind: str) -> str:
    """What was deleted, in words, for the address of the page after it; "" for what is no kind."""
    return {
        "both": _("Deleted: the preview and your photo. Nothing of them is left here."),
        "preview": _("Deleted: the preview. Nothing of it is left here."),
        "kept": _("Deleted: the preview. Your photo stays as long as another preview is being made from it."),
        "photo": _("Deleted: the photo. Previews made from it stay until their own time."),
        "nothing": _("Nothing was deleted: there was nothing of yours here."),
    }.get(kind, "")


def refusal(error: TryOnError) -> HttpResponse:
    """An error of the table for the widget."""
    body = {"code": error.code, "title": str(error.spec.title), "detail": error.text}
    return come_later(JsonResponse(body, status=error.spec.status), error)


def come_later(response: HttpResponse, error: TryOnError) -> HttpResponse:
    """With ``Retry-After`` where the refusal is about time."""
    if error.spec.status in (429, 503):
        response["Retry-After"] = str(error.retry_after or AWAY_SECONDS)
    return response
