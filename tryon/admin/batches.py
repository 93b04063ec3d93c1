"""The list of batches, and the page of one: how far it is, what it costs, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon import tasks
from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.batch_acts import BatchActsMixin
from tryon.admin.batch_words import (
    BATCH_WORDS,
    batch_chip,
    brief_words,
    duration_words,
    money_missing,
    paused_words,
    progress_words,
)
from tryon.admin.filters import StatusFilter
from tryon.admin.links import ReviewLinksMixin
from tryon.admin.pictures import picture, source_url
from tryon.admin.progress import held_up, no_worker
from tryon.admin.review import ReviewMixin
from tryon.admin.shootout import ShootoutMixin
from tryon.admin.shot_words import HIDDEN, made_picture, problem, review_chips, taken
from tryon.admin.words import status_chip
from tryon.choices import Status
from tryon.models import LIVE, Batch, BatchStatus, Review, TryOnOutput, TryOnResult
from tryon.studio import batches, shootout
from tryon.studio.money import money

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


ROWS = 50
STATES: dict[str, tuple[Any, Q]] = {
    **StatusFilter.groups,
    "review": (gettext_lazy("To review"), Q(outputs__review=Review.TO_REVIEW.value)),
    "approved": (gettext_lazy("Approved"), Q(outputs__review=Review.APPROVED.value)),
    "rejected": (gettext_lazy("Rejected"), Q(outputs__review=Review.REJECTED.value)),
    "published": (gettext_lazy("Published"), Q(outputs__published_at__isnull=False)),
}


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(status.value, words) for status, (words, _tone) in BATCH_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = [status.value for status in BatchStatus]
        return queryset.filter(status=self.value()) if self.value() in known else queryset


class BatchAdminMixin(BatchActsMixin, ReviewMixin, ReviewLinksMixin, ShootoutMixin, AdminPagesMixin):
    """Batches are made on the garments' page, and changed by the buttons on their own."""

    list_display = ("title", "state", "finished", "to_review", "cost", "ordered")
    list_filter = [StateFilter, "created_at"]
    search_fields = ["name"]
    list_per_page = 50
    show_full_result_count = False
    actions = None

    # ------------------------------------------------------------ who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        """Whoever orders, reviews or publishes sees the batches."""
        ours = (self.has_generate_permission, self.has_review_permission, self.has_publish_permission)
        return any(may(request) for may in ours) or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self.has_view_permission(request)

    # ------------------------------------------------------------ the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        rows = TryOnResult.objects.filter(batch=OuterRef("pk")).order_by()
        waiting = TryOnOutput.objects.filter(result__batch=OuterRef("pk"), review=Review.TO_REVIEW.value).order_by()
        found: QuerySet[Batch] = super().get_queryset(request)
        return found.select_related("created_by").annotate(
            rows_count=_count(rows, "batch"),
            live_count=_count(rows.filter(status__in=LIVE), "batch"),
            review_count=_count(waiting, "result__batch"),
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        hidden = set() if self.has_spend_permission(request) else {"cost"}
        return tuple(column for column in self.list_display if column not in hidden)

    @admin.display(description=gettext_lazy("Batch"), ordering="name")
    def title(self, batch: Batch) -> str:
        return str(batch)

    @admin.display(description=gettext_lazy("State"), ordering="status")
    def state(self, batch: Batch) -> SafeString:
        return batch_chip(batch)

    @admin.display(description=gettext_lazy("Finished"))
    def finished(self, batch: Any) -> str:
        return _("%(finished)d of %(total)d") % {
            "finished": batch.rows_count - batch.live_count,
            "total": batch.rows_count,
        }

    @admin.display(description=gettext_lazy("To review"))
    def to_review(self, batch: Any) -> SafeString | str:
        if not batch.review_count:
            return "–"
        url = self.page("batch_review", batch=batch.pk)
        words = '<a href="{}">{}<span class="tryon-card-word"> {}</span></a>'
        return format_html(words, url, batch.review_count, _("to review"))

    @admin.display(description=gettext_lazy("At most"), ordering="quoted_high")
    def cost(self, batch: Batch) -> SafeString:
        return format_html('<span class="tryon-card-word">{} </span>{}', _("at most"), money(batch.quoted_high))

    @admin.display(description=gettext_lazy("Ordered"), ordering="created_at")
    def ordered(self, batch: Batch) -> SafeString:
        by = batch.created_by.get_username() if batch.created_by else ""
        when = date_format(timezone.localtime(batch.created_at), "SHORT_DATETIME_FORMAT")
        return format_html('{} <span class="tryon-quiet">{}</span>', when, by)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {
            "garments_url": self.page("garment_changelist"),
            "review_url": self.page("batch_review"),
            "can_generate": self.has_generate_permission(request),
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    # ------------------------------------------------------------ one batch

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        batch = self.batch_or_404(request, object_id)
        request.current_app = self.admin_site.name
        context = self.live(request, batch)
        if "fragment" in request.GET:
            return TemplateResponse(request, "admin/tryon/batch/live.html", context)
        context |= {
            **self.admin_site.each_context(request),
            "title": str(batch),
            "opts": self.opts,
            "media": self.media,
            "history_url": self.page("batch_history", batch.pk),
            "brief": brief_words(batch, blind=context["blind"]),
            "links": self.review_links(request, batch),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/tryon/batch/page.html", context)

    def batch_or_404(self, request: HttpRequest, key: str | UUID) -> Batch:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = Batch.objects.select_related("created_by").filter(pk=UUID(str(key))).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found

    def live(self, request: HttpRequest, batch: Batch) -> dict[str, Any]:
        """Everything that changes while it runs."""
        now = timezone.now()
        short = batches.waits_for_money(batch)
        done = batches.progress(batch, now)
        if done.running and batch.status == BatchStatus.RUNNING.value:
            tasks.nudge()
        state = request.GET.get("state", "") if request.GET.get("state", "") in STATES else ""
        counted = batches.outputs(batch).order_by().values_list("review")
        found = counted.annotate(n=Count("pk"), fresh=Count("pk", filter=Q(published_at=None)))
        numbers = {review: (number, fresh) for review, number, fresh in found}
        reviewed = {review: number for review, (number, _fresh) in numbers.items()}
        fresh = numbers.get(Review.APPROVED.value, (0, 0))[1]
        page = self.rows(request, batch, state, done.rows)
        known = held_up(now) if done.running else {}
        blind = bool(shootout.nameless([batch], staff_user(request)))
        return {
            "batch": batch,
            "chip": batch_chip(batch),
            "done": done,
            "percent": round(100 * done.finished / done.total) if done.total else 100,
            "words": progress_words(done),
            "eta": duration_words(done.eta_seconds),
            "is_running": bool(done.running) and batch.status != BatchStatus.CANCELED.value,
            "money": self.money_words(request, batch, done),
            "no_worker": no_worker(now, known) if done.running and batch.status == BatchStatus.RUNNING.value else "",
            "paused_because": paused_words(batch) or money_missing(short),
            "can_change_limit": self.has_generate_permission(request) and done.running and batch.quoted_high > 0,
            "held_up": self.held_up_words(batch, known, blind=blind),
            "states": [
                (name, words, number, f"?{urlencode({'state': name})}", name == state)
                for name, words, number in self.state_counts(batch, done, reviewed)
            ],
            "state": state,
            "blind": blind,
            "rows": [self.row(row, blind=blind) for row in page.object_list],
            "page": page,
            "buttons": self.buttons(request, batch, done),
            "act_url": self.page("batch_act", batch.pk),
            "page_url": self.page("batch_change", batch.pk),
            "review_url": self.page("batch_review", batch=batch.pk) if self.has_review_permission(request) else "",
            "to_review": reviewed.get(Review.TO_REVIEW.value, 0),
            "publish_url": self.publish_url(request, batch) if fresh else "",
        }

    def held_up_words(self, batch: Batch, known: dict[str, str], *, blind: bool) -> list[str]:
        """Of the providers that this batch waits for."""
        if not known:
            return []
        waiting = batches.queued(batch).filter(provider__in=known).values_list("provider", flat=True)
        words = _("%(provider)s makes nothing just now: %(why)s")
        names = {alias: _("One of the providers") if blind else alias for alias in waiting.order_by().distinct()}
        return [words % {"provider": name, "why": known[alias]} for alias, name in names.items()]

    def publish_url(self, request: HttpRequest, batch: Batch) -> str:
        return self.page("tryonresult_publish", batch=batch.pk) if self.has_publish_permission(request) else ""

    def money_words(self, request: HttpRequest, batch: Batch, done: batches.Progress) -> str:
        if not self.has_spend_permission(request):
            return ""
        words = [_("%(amount)s spent") % {"amount": money(done.spent)}]
        if done.reserved:
            words.append(_("%(amount)s set aside for what runs") % {"amount": money(done.reserved)})
        words.append(_("at most %(amount)s were expected") % {"amount": money(batch.quoted_high)})
        if batch.max_cost is not None:
            words.append(_("limit %(amount)s") % {"amount": money(batch.max_cost)})
        return ", ".join(words)

    def state_counts(
        self, batch: Batch, done: batches.Progress, reviewed: dict[str, int]
    ) -> Iterable[tuple[str, str, int]]:
        groups = {
            "running": sum(done.counts.get(status, 0) for status in LIVE),
            "ready": done.counts.get(Status.SUCCEEDED, 0),
            "failed": done.counts.get(Status.FAILED, 0) + done.counts.get(Status.BLOCKED, 0),
            "canceled": done.counts.get(Status.CANCELED, 0),
            "uncertain": done.counts.get(Status.UNCERTAIN, 0),
            "review": reviewed.get(Review.TO_REVIEW.value, 0),
            "approved": reviewed.get(Review.APPROVED.value, 0),
            "rejected": reviewed.get(Review.REJECTED.value, 0),
        }
        for name, number in groups.items():
            if number:
                yield name, str(STATES[name][0]), number

    # ------------------------------------------------------------ its rows

    def rows(self, request: HttpRequest, batch: Batch, state: str, number: int) -> Any:
        """``number``: of all of them, which is known."""
        found = batch.results.select_related("garment", "preset_model").prefetch_related(
            Prefetch("outputs", TryOnOutput.objects.order_by("position"))
        )
        if state:
            found = found.filter(STATES[state][1])
        pages = Paginator(found.order_by("created_at", "id"), ROWS)
        if not state:
            pages.count = number
        return pages.get_page(request.GET.get("p"))

    def row(self, row: TryOnResult, *, blind: bool) -> dict[str, Any]:
        return {
            "row": row,
            "url": self.page("tryonresult_change", row.pk),
            "source": picture(source_url(row.garment), ""),
            "made": made_picture(self, row),
            "chip": status_chip(row.status),
            "review": format_html_join(" ", "{}", ((one,) for one in review_chips(row))),
            "problem": problem(row),
            "maker": HIDDEN if blind else row.provider or "–",
            "taken": "" if blind else taken(row),
            "model": row.preset_model or _("made-up model"),
        }


def _count(rows: QuerySet[Any], group: str) -> Coalesce:
    counted = rows.values(group).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


class BatchAdmin(BatchAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
