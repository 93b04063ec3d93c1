"""Making and taking back links to a preview, and what the holder of one sees."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tryon import progress, sharing
from tryon.errors import TryOnError
from tryon.models import ShareLink, TryOnResult
from tryon.storefront.mine import gone, own, refusal, see_other, wants_json
from tryon.storefront.offer import offer_of
from tryon.storefront.pictures import PRIVATE, missing, send


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The links of one preview; POST makes one, whose address is shown this once. ``hide_face``: anything for yes."""
    result = own(request, pk)
    if result is None:
        return gone(request)
    if request.method != "POST":
        return _page(request, result)
    try:
        made = sharing.share(result, hide_face=bool(request.POST.get("hide_face")))
    except TryOnError as error:
        return refusal(error) if wants_json(request) else _page(request, result, error=error)
    url = request.build_absolute_uri(reverse("tryon:shared", kwargs={"token": made.token}))
    if wants_json(request):
        return JsonResponse(
            {"url": url, "expires_at": made.link.expires_at, "hide_face": made.link.hide_face}, status=201
        )
    return _page(request, result, url=url, made=made.link)


@require_POST
def revoke(request: HttpRequest, pk: UUID, link_pk: int) -> HttpResponse:
    result = own(request, pk)
    link = ShareLink.objects.filter(pk=link_pk, output__result=result).first() if result else None
    if link is None:
        return gone(request)
    sharing.revoke(link)
    return HttpResponse(status=204) if wants_json(request) else see_other(reverse("tryon:share", kwargs={"pk": pk}))


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The picture with its mark and nothing about its owner: no photo, no name, no other previews."""
    link = sharing.find(token)
    if link is None:
        return _hidden(gone(request))
    result = link.output.result
    context = {"link": link, "token": token, "offer": offer_of(result.garment), "garment": result.garment}
    context["alt"] = progress.alt_text(result, of_somebody=True)
    return _hidden(render(request, "tryon/shared.html", context))


@require_safe
def shared_picture(request: HttpRequest, token: str) -> HttpResponse:
    link = sharing.find(token)
    if link is None:
        return _hidden(missing())
    return _hidden(send(link.file if link.hide_face else link.output.card, "preview", PRIVATE))


@require_POST
def report(request: HttpRequest, token: str) -> HttpResponse:
    """It is shown no more from now on; staff look at it."""
    link = sharing.find(token)
    if link is None:
        return _hidden(gone(request))
    sharing.report(link)
    return _hidden(render(request, "tryon/reported.html"))


def _page(
    request: HttpRequest,
    result: TryOnResult,
    *,
    url: str = "",
    made: ShareLink | None = None,
    error: TryOnError | None = None,
) -> HttpResponse:
    context = {
        "result": result,
        "output": result.outputs.order_by("position").first(),
        "alt": progress.alt_text(result),
        "links": ShareLink.objects.open().filter(output__result=result),
        "can_share": sharing.can_share(result),
        "can_hide_face": bool(result.photo_id or result.consent_id) and sharing.can_hide_face(),
        "url": url,
        "made": made,
        "error": error,
    }
    return render(request, "tryon/share.html", context, status=error.spec.status if error else 200)


def _hidden(response: HttpResponse) -> HttpResponse:
    """The address is the key: it goes to nobody else, and into no index or cache.

    With "no-referrer" browsers send the origin "null" along with the form that reports, and Django refuses it.
    """
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response
