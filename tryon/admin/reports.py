"""Shared previews that somebody reported: shown no more, and staff decide what becomes of them. No pictures here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon import sharing
from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.studio.log import log

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from tryon.models import ShareLink


class ReportAdminMixin(AdminPagesMixin):
    list_display = ("reported_at", "preview", "garment", "hide_face", "created_at", "expires_at")
    list_display_links = None
    list_select_related = ("output__result__garment",)
    list_filter = ["reported_at", "hide_face"]
    ordering = ["-reported_at"]
    search_fields = ["output__result__garment__name", "output__result__garment__product_ref"]
    actions = ["take_down"]
    guarded_actions = ("take_down",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShareLink]:
        found: QuerySet[ShareLink] = super().get_queryset(request)
        return found.filter(reported_at__isnull=False)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Reported pictures"), **(extra_context or {})})

    @admin.display(description=gettext_lazy("Preview"))
    def preview(self, link: ShareLink) -> SafeString | str:
        """Its row, which shows no picture either."""
        row = link.output.result_id
        url = self.page("tryonresult_change", row)
        return format_html('<a href="{}">{}</a>', url, row.hex[:8]) if url else row.hex[:8]

    @admin.display(description=gettext_lazy("Garment"))
    def garment(self, link: ShareLink) -> str:
        return str(link.output.result.garment)

    @admin.action(
        description=gettext_lazy("Take down: delete the preview, its photo and all its links"),
        permissions=["take_down"],
    )
    def take_down(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        rows = {link.output.result_id: link.output.result for link in queryset}
        gone = [row for key, row in rows.items() if sharing.take_down(key)]
        log(staff_user(request), gone, _("Taken down after a report."))
        number = len(gone)
        words = ngettext("%(number)d preview is deleted.", "%(number)d previews are deleted.", number)
        self.message_user(request, words % {"number": number}, messages.SUCCESS)

    # ------------------------------------------------------------ who may do what

    def has_take_down_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm("tryon.delete_sharelink")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ShareLink | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ShareLink | None = None) -> bool:
        """Not here, where only the whole preview goes; elsewhere in the admin a link goes with its preview."""
        match = request.resolver_match
        return not (match and (match.url_name or "").startswith("tryon_sharelink_"))


class ReportAdmin(ReportAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
