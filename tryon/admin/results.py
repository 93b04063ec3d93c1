"""The list of on-model shots with their progress, and the list of shoppers' try-ons, which never shows a picture."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponseNotAllowed
from django.template.defaultfilters import date as format_date
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon import retention
from tryon.admin.base import staff_user
from tryon.admin.filters import (
    BatchFilter,
    GarmentFilter,
    OperationFilter,
    PublishedFilter,
    ReviewFilter,
    Shown,
    StatusFilter,
    shown_list,
)
from tryon.admin.pictures import picture, private_file, shot_response, source_url
from tryon.admin.progress import Watched
from tryon.admin.shot_actions import ShotActionsMixin
from tryon.admin.shot_words import HIDDEN, is_shot, kind_words, made_picture, problem, review_chips, taken, tool_name
from tryon.admin.story import story
from tryon.admin.words import status_chip, warning_text
from tryon.choices import Status
from tryon.models import FINAL, Review, TryOnOutput, TryOnResult
from tryon.studio import fidelity_words, permissions, shootout
from tryon.studio.log import log
from tryon.studio.money import money
from tryon.studio.review import words_of
from tryon.studio.spent import costs

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

SHOT_COLUMNS = ("pictures", "garment_cell", "state", "maker_cell", "requested")
SHOPPER_COLUMNS = ("short_id", "garment_cell", "state", "maker_cell", "requested")
MAKER_FIELDS = {"maker", "engine_version", "confidence", "time_taken", "attempts", "warning_words"}


class ShotAdminMixin(ShotActionsMixin):
    """Rows are read-only: they change through actions and the runner."""

    list_display = SHOT_COLUMNS
    list_filter = [
        OperationFilter,
        BatchFilter,
        GarmentFilter,
        StatusFilter,
        ReviewFilter,
        PublishedFilter,
        ("garment__category", admin.ChoicesFieldListFilter),
    ]
    search_fields = ["garment__name", "garment__product_ref", "preset_model__name"]
    list_per_page = 50
    show_full_result_count = False
    fields = (
        "garment",
        "preset_model",
        "requested_by_name",
        "maker",
        "engine_version",
        "confidence",
        "attempts",
        "time_taken",
        "warning_words",
    )
    readonly_fields = fields

    # ------------------------------------------------------------ who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TryOnResult | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if shown_list(request) != Shown.SHOPPERS:
            return actions
        return {name: action for name, action in actions.items() if name not in self.guarded_actions}

    def delete_model(self, request: HttpRequest, obj: TryOnResult) -> None:
        retention.delete_result(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TryOnResult]) -> None:
        for row in queryset.select_related("photo"):
            retention.delete_result(row)

    # ------------------------------------------------------------ the two lists

    def get_queryset(self, request: HttpRequest) -> QuerySet[TryOnResult]:
        outputs = Prefetch("outputs", TryOnOutput.objects.order_by("position"))
        rows: QuerySet[TryOnResult] = super().get_queryset(request)
        return rows.select_related("garment", "preset_model", "requested_by", "batch").prefetch_related(outputs)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return SHOPPER_COLUMNS if shown_list(request) == Shown.SHOPPERS else SHOT_COLUMNS

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> tuple[str, ...]:
        return tuple(column for column in ("pictures", "short_id", "garment_cell") if column in list_display)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = shown_list(request)
        response = super().changelist_view(request, {"title": str(shown.words), **(extra_context or {})})
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            changelist = response.context_data["cl"]
            response.context_data["watched"] = Watched(changelist.queryset)
            response.context_data["shows_shots"] = shown != Shown.SHOPPERS
            nameless = shootout.nameless((row.batch for row in changelist.result_list), staff_user(request))
            for row in changelist.result_list:
                row.nameless = row.batch_id in nameless
            response.context_data["can_generate"] = self.has_generate_permission(request)
            response.context_data["garments_url"] = self.page("garment_changelist")
        return response

    @admin.display(description=gettext_lazy("Garment and shot"))
    def pictures(self, row: TryOnResult) -> SafeString:
        if not is_shot(row):
            return format_html("{}", "–")
        source = picture(source_url(row.garment), _("%(garment)s, source picture") % {"garment": row.garment})
        return format_html(
            '<span class="tryon-pair">{}<span class="tryon-arrow" aria-hidden="true">→</span>{}</span>',
            source,
            made_picture(self, row),
        )

    @admin.display(description=gettext_lazy("Garment"), ordering="garment__name")
    def garment_cell(self, row: TryOnResult) -> SafeString:
        return format_html(
            '<strong>{}</strong><span class="tryon-quiet">{}</span><span class="tryon-quiet">{}</span>',
            row.garment,
            kind_words(row) if is_shot(row) else "",
            row.garment.get_category_display(),
        )

    @admin.display(description=gettext_lazy("Try-on"))
    def short_id(self, row: TryOnResult) -> str:
        return row.pk.hex[:8]

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def state(self, row: TryOnResult) -> SafeString:
        chips = [status_chip(row.status), *review_chips(row)]
        return format_html("{}{}", format_html_join(" ", "{}", ((one,) for one in chips)), problem(row))

    @admin.display(description=gettext_lazy("Made by"), ordering="provider")
    def maker_cell(self, row: TryOnResult) -> SafeString:
        if getattr(row, "nameless", False):
            return format_html("{}", HIDDEN)
        return format_html('{}<span class="tryon-quiet">{}</span>', row.provider or "–", taken(row))

    @admin.display(description=gettext_lazy("Requested"), ordering="created_at")
    def requested(self, row: TryOnResult) -> SafeString:
        by = row.requested_by.get_username() if row.requested_by else ""
        when = timezone.localtime(row.created_at)
        return format_html(
            '{} <span class="tryon-quiet">{}</span><span class="tryon-quiet">{}</span>',
            format_date(when, "SHORT_DATE_FORMAT"),
            format_date(when, "TIME_FORMAT"),
            by,
        )

    # ------------------------------------------------------------ one row

    def get_fields(self, request: HttpRequest, obj: TryOnResult | None = None) -> list[Any]:
        """Without what tells who made it, while that is to be judged without names."""
        fields = list(super().get_fields(request, obj))
        return [name for name in fields if name not in MAKER_FIELDS] if self.is_nameless(request, obj) else fields

    def is_nameless(self, request: HttpRequest, row: TryOnResult | None) -> bool:
        return row is not None and bool(shootout.nameless([row.batch], staff_user(request)))

    @admin.display(description=gettext_lazy("Requested by"))
    def requested_by_name(self, row: TryOnResult) -> str:
        if row.requested_by:
            return row.requested_by.get_username()
        return "–" if is_shot(row) else _("a shopper")

    @admin.display(description=gettext_lazy("Made by"))
    def maker(self, row: TryOnResult) -> str:
        return row.provider or "–"

    @admin.display(description=gettext_lazy("Time taken"))
    def time_taken(self, row: TryOnResult) -> str:
        return taken(row) or "–"

    @admin.display(description=gettext_lazy("Warnings"))
    def warning_words(self, row: TryOnResult) -> str:
        return " ".join(warning_text(str(code)) for code in row.warnings) or _("none")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: TryOnResult | None = kwargs.get("obj")
        if row is not None:
            context.update(self.detail(request, row))
        return super().render_change_form(request, context, *args, **kwargs)

    def detail(self, request: HttpRequest, row: TryOnResult) -> dict[str, Any]:
        shot = is_shot(row)
        tool = tool_name(row) if shot else ""
        blind = self.is_nameless(request, row)
        title = (_("Edited version") if tool else _("On-model shot")) if shot else _("Shopper try-on")
        shown = (Shown.EDITED if tool else Shown.SHOTS) if shot else Shown.SHOPPERS
        context = {
            "title": title,
            "subtitle": f"{row.garment} · {tool or row.preset_model or _('made-up model')}" if shot else row.garment,
            "list_url": self.page("tryonresult_changelist", operation=shown.value),
            "list_words": shown.words,
            "row": row,
            "state": self.state(row),
            "running": row.status not in FINAL,
            "story": story(row, spend=self.has_spend_permission(request), blind=blind),
            "maker_hidden": HIDDEN if blind else "",
            "buttons": self.buttons(request, row) if shot else [],
            "act_url": self.page("tryonresult_act", row.pk),
            "batch": row.batch,
            "batch_url": self.page("batch_change", row.batch_id) if row.batch_id else "",
            "cost": "" if blind else self.cost_words(request, row),
            "reasons": [words for output in row.outputs.all() for words in words_of(output.reasons)],
            "photo_url": self.photo_url(request, row),
        }
        if shot:
            output = next(iter(row.outputs.all()), None)
            alt = {"garment": row.garment}
            context["made"] = made_picture(self, row, "card", "tryon-big")
            context["made_words"] = title
            context["explained"] = fidelity_words.explain(output) if output else []
            context["score"] = "" if output is None or output.score is None else f"{output.score:.0f}"
            context["full_url"] = self.page("tryonresult_picture", output.pk, "full") if output else ""
            context["source"] = picture(self.source_of(row), _("%(garment)s, source picture") % alt, "tryon-big")
        return context

    def source_of(self, row: TryOnResult) -> str:
        """The picture that it was made from: the garment's, or the one that was edited."""
        if row.source_id:
            return self.page("tryonresult_picture", row.source_id, "full")
        return source_url(row.garment, "full")

    def cost_words(self, request: HttpRequest, row: TryOnResult) -> str:
        if not self.has_spend_permission(request):
            return ""
        return money(costs([row.pk]).get(row.pk, Decimal(0)))

    def photo_url(self, request: HttpRequest, row: TryOnResult) -> str:
        """Where the shopper's photo is opened; "" without the permission, or when it is gone."""
        if row.photo_id is None or not staff_user(request).has_perm(permissions.SEE_SHOPPER_PHOTOS):
            return ""
        return self.page("tryonresult_photo", row.pk)

    def buttons(self, request: HttpRequest, row: TryOnResult) -> list[tuple[str, str]]:
        """(action, words) that make sense for this row now, of those the user may do."""
        outputs = list(row.outputs.all())
        published = any(output.published_at for output in outputs)
        approved = any(output.review == Review.APPROVED for output in outputs)
        unapproved = any(output.review not in (Review.APPROVED, Review.NONE) for output in outputs)
        ready = row.status == Status.SUCCEEDED
        sensible = {
            "approve_shots": (ready and unapproved, _("Approve")),
            "publish_shots": (ready and approved and not published, _("Publish…")),
            "unpublish_shots": (published, _("Unpublish")),
            "make_again": (row.status in FINAL, _("Make again")),
            "cancel_shots": (row.status not in FINAL, _("Cancel")),
        }
        return [
            (name, sensible[name][1]) for _function, name, _words in self.shot_actions(request) if sensible[name][0]
        ]

    # ------------------------------------------------------------ pictures

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        ours = [
            path("picture/<uuid:pk>/<str:size>/", wrap(self.picture_view), name="tryon_tryonresult_picture"),
            path("<uuid:pk>/photo/", wrap(self.photo_view), name="tryon_tryonresult_photo"),
        ]
        return [*ours, *super().get_urls()]

    def picture_view(self, request: HttpRequest, pk: UUID, size: str) -> HttpResponseBase:
        """A picture of an on-model shot, for staff who work with them."""
        ours = (self.has_view_permission, self.has_review_permission, self.has_publish_permission)
        if not any(may(request) for may in ours):
            raise PermissionDenied
        return shot_response(pk, size)

    def photo_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """POST: a shopper's photo, for who may see them. That it was opened is written down first."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not staff_user(request).has_perm(permissions.SEE_SHOPPER_PHOTOS):
            raise PermissionDenied
        row = TryOnResult.objects.select_related("photo").filter(pk=pk, photo__isnull=False).first()
        if row is None or row.photo is None or row.photo.expires_at <= timezone.now():
            raise Http404
        log(staff_user(request), [row], _("Opened the shopper's photo."))
        return private_file(row.photo.file)


class TryOnResultAdmin(ShotAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
