"""The list of on-model shots with their progress, and the list of shoppers' try-ons, which never shows a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.template.defaultfilters import date as format_date
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon import retention
from tryon.admin.filters import (
    GarmentFilter,
    OperationFilter,
    PublishedFilter,
    RunFilter,
    StatusFilter,
    operation_of,
)
from tryon.admin.pictures import picture, shot_response, source_url
from tryon.admin.progress import Watched
from tryon.admin.shot_actions import ShotActionsMixin
from tryon.admin.words import chip, duration, fix_text, staff_text, status_chip, warning_text
from tryon.choices import Operation, Status
from tryon.models import FINAL, TryOnOutput, TryOnResult

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

SHOT_COLUMNS = ("pictures", "garment_cell", "state", "maker_cell", "requested")
SHOPPER_COLUMNS = ("short_id", "garment_cell", "state", "maker_cell", "requested")


def is_shot(row: TryOnResult) -> bool:
    return row.operation == Operation.MODEL_SHOT.value


class ShotAdminMixin(ShotActionsMixin):
    """Rows are read-only: they change through actions and the runner."""

    list_display = SHOT_COLUMNS
    list_filter = [
        OperationFilter,
        RunFilter,
        GarmentFilter,
        StatusFilter,
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
        if operation_of(request) == Operation.MODEL_SHOT:
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
        return rows.select_related("garment", "preset_model", "requested_by").prefetch_related(outputs)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """One run in the order in which it is made; otherwise the newest first."""
        return ("created_at", "id") if "run" in request.GET else ("-created_at", "-id")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return SHOT_COLUMNS if operation_of(request) == Operation.MODEL_SHOT else SHOPPER_COLUMNS

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> tuple[str, ...]:
        return tuple(column for column in ("pictures", "short_id", "garment_cell") if column in list_display)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shots = operation_of(request) == Operation.MODEL_SHOT
        title = _("On-model shots") if shots else _("Shopper try-ons")
        response = super().changelist_view(request, {"title": title, **(extra_context or {})})
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            changelist = response.context_data["cl"]
            response.context_data["watched"] = Watched(changelist.queryset, whole="run" in request.GET)
            response.context_data["shows_shots"] = shots
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
            self.made_picture(row),
        )

    def made_picture(self, row: TryOnResult, size: str = "thumb", css: str = "tryon-thumb") -> SafeString:
        """The shot, linked to its page; an empty frame while there is none."""
        output = next(iter(row.outputs.all()), None)
        if not is_shot(row) or output is None:
            return format_html('<span class="{} tryon-no-picture tryon-frame-{}"></span>', css, row.status)
        alt = _("%(garment)s worn by %(model)s. AI-generated") % {"garment": row.garment, "model": row.preset_model}
        return picture(self.page("tryonresult_picture", output.pk, size), alt, css)

    @admin.display(description=gettext_lazy("Garment"), ordering="garment__name")
    def garment_cell(self, row: TryOnResult) -> SafeString:
        on_model = _("on %(model)s") % {"model": row.preset_model} if is_shot(row) and row.preset_model else ""
        return format_html(
            '<strong>{}</strong><span class="tryon-quiet">{}</span><span class="tryon-quiet">{}</span>',
            row.garment,
            on_model,
            row.garment.get_category_display(),
        )

    @admin.display(description=gettext_lazy("Try-on"))
    def short_id(self, row: TryOnResult) -> str:
        return row.pk.hex[:8]

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def state(self, row: TryOnResult) -> SafeString:
        chips = [status_chip(row.status)]
        if any(output.published_at for output in row.outputs.all()):
            chips.append(chip(_("Published"), "live"))
        return format_html("{}{}", format_html_join(" ", "{}", ((one,) for one in chips)), problem(row))

    @admin.display(description=gettext_lazy("Made by"), ordering="provider")
    def maker_cell(self, row: TryOnResult) -> SafeString:
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
        title = _("On-model shot") if shot else _("Shopper try-on")
        context = {
            "title": title,
            "subtitle": f"{row.garment} · {row.preset_model}" if shot else str(row.garment),
            "row": row,
            "state": self.state(row),
            "running": row.status not in FINAL,
            "timeline": timeline(row),
            "buttons": self.buttons(request, row) if shot else [],
            "act_url": self.page("tryonresult_act", row.pk),
        }
        if shot:
            output = next(iter(row.outputs.all()), None)
            context["made"] = self.made_picture(row, "card", "tryon-big")
            context["full_url"] = self.page("tryonresult_picture", output.pk, "full") if output else ""
            alt = _("%(garment)s, source picture") % {"garment": row.garment}
            context["source"] = picture(source_url(row.garment, "full"), alt, "tryon-big")
        return context

    def buttons(self, request: HttpRequest, row: TryOnResult) -> list[tuple[str, str]]:
        """(action, words) that make sense for this row now, of those the user may do."""
        published = any(output.published_at for output in row.outputs.all())
        ready = row.status == Status.SUCCEEDED
        sensible = {
            "publish_shots": (ready and not published, _("Publish")),
            "unpublish_shots": (published, _("Unpublish")),
            "make_again": (row.status in FINAL and row.preset_model is not None, _("Make again")),
            "cancel_shots": (row.status not in FINAL, _("Cancel")),
        }
        return [
            (name, sensible[name][1]) for _function, name, _words in self.shot_actions(request) if sensible[name][0]
        ]

    # ------------------------------------------------------------ pictures

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.picture_view)
        ours = path("picture/<uuid:pk>/<str:size>/", view, name="tryon_tryonresult_picture")
        return [ours, *super().get_urls()]

    def picture_view(self, request: HttpRequest, pk: UUID, size: str) -> HttpResponseBase:
        """A picture of an on-model shot, for staff who may see the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return shot_response(pk, size)


def taken(row: TryOnResult) -> str:
    """How long it took to make; "" when it is not over, or never began."""
    if not row.started_at or not row.finished_at:
        return ""
    return duration(row.finished_at - row.started_at)


def problem(row: TryOnResult) -> SafeString | str:
    """What went wrong and what to do about it; "" when nothing did."""
    if not row.error_code or row.status == Status.SUCCEEDED:
        return ""
    detail = f" ({row.error_detail})" if row.error_detail else ""
    fix = fix_text(row.error_code) if is_shot(row) else ""
    return format_html(
        '<span class="tryon-problem">{}{}</span><span class="tryon-fix">{}</span>',
        staff_text(row.error_code, row.error_params),
        detail,
        fix,
    )


def timeline(row: TryOnResult) -> list[tuple[str, Any, str]]:
    """(what, when, how long after the step before)."""
    steps = [
        (_("Requested"), row.created_at),
        (_("Taken by a worker"), row.started_at),
        (_("Answered by the provider"), row.submitted_at),
        (_("Finished"), row.finished_at),
    ]
    lines, before = [], None
    for words, when in steps:
        if when is not None:
            lines.append((words, when, f"+{duration(when - before)}" if before else ""))
            before = when
    return lines


class TryOnResultAdmin(ShotAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
