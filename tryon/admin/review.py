"""The review grid: pictures beside their source, decided about with a click or a key, and taken back the same way."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Prefetch, QuerySet
from django.http import HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.base import COMPARE, AdminPagesMixin, staff_user
from tryon.admin.pictures import source_url
from tryon.errors import TryOnError
from tryon.models import Batch, Review, TryOnOutput
from tryon.studio import review, shootout
from tryon.studio.cards import cards
from tryon.studio.deciding import Decision, decide, ids_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

TABS = {
    Review.TO_REVIEW.value: gettext_lazy("To review"),
    Review.APPROVED.value: gettext_lazy("Approved"),
    Review.REJECTED.value: gettext_lazy("Rejected"),
}
SORTS = {
    "order": (gettext_lazy("as ordered"), ("result__created_at", "result__priority", "pk")),
    "worst": (gettext_lazy("lowest score first"), (F("score").asc(nulls_first=True), "pk")),
    "best": (gettext_lazy("highest score first"), (F("score").desc(nulls_last=True), "pk")),
}
HISTORY = 100


class ReviewMixin(AdminPagesMixin):
    """Pages of the batches' admin: ``batch_review``, ``batch_decide`` and ``batch_decisions``."""

    @property
    def media(self) -> Any:
        return super().media + forms.Media(css={"all": ["tryon/review.css"]}, js=[COMPARE, "tryon/review.js"])

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("review/", wrap(self.review_view), name="tryon_batch_review"),
            path("decide/", wrap(self.decide_view), name="tryon_batch_decide"),
            path("decisions/", wrap(self.decisions_view), name="tryon_batch_decisions"),
            *super().get_urls(),
        ]

    def _guard(self, request: HttpRequest) -> None:
        if not self.has_review_permission(request):
            raise PermissionDenied

    # ------------------------------------------------------------ the grid

    def review_view(self, request: HttpRequest) -> HttpResponse:
        """``?batch=&tab=&sort=&output=``: the next pictures, which are then nobody else's for a while."""
        self._guard(request)
        request.current_app = self.admin_site.name
        batch = self._asked_batch(request)
        if batch and batch.blind and not request.GET.get("tab") and (url := self.page("batch_compare", batch.pk)):
            return HttpResponseRedirect(url)
        reviewer = review.Reviewer.staff(staff_user(request))
        tab = request.GET.get("tab", "")
        tab = tab if tab in TABS else Review.TO_REVIEW.value
        sort = request.GET.get("sort", "") if request.GET.get("sort", "") in SORTS else "order"
        found = self._found(request, batch).filter(review=tab)
        ordered = found.order_by(*SORTS[sort][1])
        if tab == Review.TO_REVIEW.value:
            shown = review.claim(ordered, reviewer)
        else:
            shown = review.loaded(list(ordered.values_list("pk", flat=True)[: review.PAGE]))
        counts = dict(self._found(request, batch).order_by().values_list("review").annotate(n=Count("pk")))
        blind = bool(shootout.nameless([batch], staff_user(request)))
        total = counts.get(tab, 0)
        others = review.claimed_by_others(found, reviewer) if tab == Review.TO_REVIEW.value else 0
        context = {
            **self.admin_site.each_context(request),
            "title": _("Review: %(batch)s") % {"batch": batch} if batch else _("Review"),
            "opts": self.opts,
            "media": self.media,
            "batch": batch,
            "batch_url": self.page("batch_change", batch.pk) if batch else "",
            "cards": cards(
                shown,
                self._url_of,
                with_cost=self.has_spend_permission(request),
                anonymous=blind,
                again=self.has_generate_permission(request),
            ),
            "tab": tab,
            "tabs": [(name, words, counts.get(name, 0), name == tab) for name, words in TABS.items()],
            "sort": sort,
            "sorts": [(name, words) for name, (words, _order) in SORTS.items()],
            "others": others,
            "left": max(0, total - len(shown) - others),
            "reasons": [(reason.value, words) for reason, words in review.REASON_WORDS.items()],
            "decide_url": self.page("batch_decide"),
            "decisions_url": self.page("batch_decisions", **({"batch": batch.pk} if batch else {})),
            "publish_url": self.page("tryonresult_publish") if self.has_publish_permission(request) else "",
            "can_generate": self.has_generate_permission(request),
            "undo_seconds": review.UNDO_SECONDS,
        }
        return TemplateResponse(request, "admin/tryon/batch/review.html", context)

    def _asked_batch(self, request: HttpRequest) -> Batch | None:
        try:
            return Batch.objects.filter(pk=uuid.UUID(request.GET.get("batch", ""))).first()
        except ValueError:
            return None

    def _found(self, request: HttpRequest, batch: Batch | None) -> QuerySet[TryOnOutput]:
        found = review.reviewable()
        if batch:
            return found.filter(result__batch=batch)
        # a blind comparison has a page of its own
        found = found.exclude(result__batch__blind=True)
        if garment := request.GET.get("garment", ""):
            key = int(garment) if garment.isdecimal() and len(garment) < 19 else 0
            found = found.filter(result__garment=key)
        return found

    def _url_of(self, output: TryOnOutput, size: str) -> str:
        if size == "source":
            return source_url(output.result.garment, "full")
        return self.page("tryonresult_picture", output.pk, size)

    # ------------------------------------------------------------ decisions

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``act`` for ``outputs``; JSON for the page's script, else back to where the form was."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._guard(request)
        reviewer = review.Reviewer.staff(staff_user(request))
        if request.POST.get("act", "").startswith("regenerate") and not self.has_generate_permission(request):
            raise PermissionDenied
        try:
            done = decide(request.POST, reviewer, review.loaded(ids_of(request.POST)))
        except TryOnError as error:
            done = Decision(error=f"{error.spec.staff} {error.detail}".strip())
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse(done.as_json(), status=422 if done.error else 200)
        if done.words or done.error:
            self.message_user(request, done.error or done.words, messages.ERROR if done.error else messages.SUCCESS)
        target = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
        return HttpResponseRedirect(target if safe and target.startswith("/") else self.page("batch_review"))

    def decisions_view(self, request: HttpRequest) -> HttpResponse:
        """Who decided what, the newest first, each with its undo."""
        self._guard(request)
        request.current_app = self.admin_site.name
        batch = self._asked_batch(request)
        events = review.history(batch).prefetch_related(Prefetch("user"))[:HISTORY]
        groups: dict[uuid.UUID, dict[str, Any]] = {}
        for event in events:
            group = groups.setdefault(event.group, {"event": event, "events": [], "open": False, "undone": False})
            group["events"].append(event)
            group["open"] = group["open"] or (event.undone_at is None and not event.output.published_at)
            group["undone"] = group["undone"] or event.undone_at is not None
            group["reasons"] = ", ".join(review.words_of(event.reasons))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Decisions"),
            "opts": self.opts,
            "media": self.media,
            "groups": groups.values(),
            "batch": batch,
            "review_url": self.page("batch_review", **({"batch": batch.pk} if batch else {})),
            "decide_url": self.page("batch_decide"),
            "words": {name: str(words) for name, words in TABS.items()},
        }
        return TemplateResponse(request, "admin/tryon/batch/decisions.html", context)
