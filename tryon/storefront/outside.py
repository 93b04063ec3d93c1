"""Reviewing without an account: a link that shows the pictures of one batch and takes decisions about them.

A link that ended, one that was taken back and one that never was get the same answer.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, TypeVar

from django.http import FileResponse, Http404, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tryon.errors import TryOnError
from tryon.models import Review, TryOnOutput
from tryon.studio import review
from tryon.studio.cards import cards
from tryon.studio.deciding import Decision, decide, ids_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from tryon.models import ReviewLink

Answer = TypeVar("Answer", bound=HttpResponseBase)

TABS = (Review.TO_REVIEW.value, Review.APPROVED.value, Review.REJECTED.value)
SIZES = ("source", "thumb", "card", "full")


def _found(link: ReviewLink) -> QuerySet[TryOnOutput]:
    return review.reviewable().filter(result__batch=link.batch_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def outside_review(request: HttpRequest, token: str) -> HttpResponse:
    link = review.open_link(token)
    if link is None:
        return _closed(render(request, "tryon/review/ended.html", status=404))
    reviewer = review.Reviewer.outside(link)
    if request.method == "POST":
        return _closed(_decide(request, link, reviewer, token))
    tab = request.GET.get("tab", "") if request.GET.get("tab", "") in TABS else Review.TO_REVIEW.value
    rows = _found(link).filter(review=tab).order_by("result__created_at", "result__priority", "pk")
    if tab == Review.TO_REVIEW.value:
        shown = review.claim(rows, reviewer)
    else:
        shown = review.loaded(list(rows.values_list("pk", flat=True)[: review.PAGE]))

    def url_of(output: TryOnOutput, size: str) -> str:
        return reverse("tryon:outside-picture", kwargs={"token": token, "pk": output.pk, "size": size})

    others = review.claimed_by_others(rows, reviewer) if tab == Review.TO_REVIEW.value else 0
    context = {
        "link": link,
        "cards": cards(shown, url_of, with_cost=False, anonymous=True),
        "tab": tab,
        "tabs": [(name, _found(link).filter(review=name).count(), name == tab) for name in TABS],
        "left": max(0, rows.count() - len(shown) - others),
        "reasons": [(reason.value, words) for reason, words in review.REASON_WORDS.items()],
        "decide_url": reverse("tryon:outside-review", kwargs={"token": token}),
        "undo_seconds": review.UNDO_SECONDS,
        "can_generate": False,
    }
    return _closed(render(request, "tryon/review/outside.html", context))


def _decide(request: HttpRequest, link: ReviewLink, reviewer: review.Reviewer, token: str) -> HttpResponse:
    keys = ids_of(request.POST)
    outputs = list(_found(link).filter(pk__in=keys).select_related("result__garment"))
    try:
        done = decide(request.POST, reviewer, outputs)
    except TryOnError as error:
        done = Decision(error=error.text)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(done.as_json(), status=422 if done.error else 200)
    return HttpResponseRedirect(reverse("tryon:outside-review", kwargs={"token": token}))


@never_cache
@require_safe
def outside_picture(request: HttpRequest, token: str, pk: uuid.UUID, size: str) -> HttpResponseBase:
    """A picture of the link's batch, or the garment it was made from."""
    link = review.open_link(token)
    output = _found(link).select_related("result__garment").filter(pk=pk).first() if link else None
    if output is None or size not in SIZES:
        raise Http404
    files = {"source": output.result.garment.image, "thumb": output.thumb, "card": output.card, "full": output.file}
    try:
        response = FileResponse(files[size].open("rb"))
    except OSError as error:
        raise Http404 from error
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return _closed(response)


def _closed(response: Answer) -> Answer:
    """The address is the key: nobody else learns it, and nothing keeps what it shows."""
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
