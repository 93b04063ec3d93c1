"""The evidence of what shoppers agreed to: to read, never to change. No photos, no shoppers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext_lazy

from tryon.admin.base import AdminPagesMixin

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tryon.models import Consent


class ConsentAdminMixin(AdminPagesMixin):
    list_display = ("given_at", "version", "language", "channel", "sent_to", "withdrawn_at")
    list_filter = ["version", "channel", "language", "given_at"]
    date_hierarchy = "given_at"
    fields = ("given_at", "withdrawn_at", "version", "language", "channel", "sent_to", "text")
    readonly_fields = fields
    actions = None

    @admin.display(description=gettext_lazy("Providers named"), empty_value="–")
    def sent_to(self, consent: Consent) -> str | None:
        return ", ".join(map(str, consent.providers)) or None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Consent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Consent | None = None) -> bool:
        """Not here; but it goes when its shopper or their user is deleted elsewhere in the admin."""
        match = request.resolver_match
        if match and (match.url_name or "").startswith("tryon_consent_"):
            return False
        return super().has_delete_permission(request, obj)


class ConsentAdmin(ConsentAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
