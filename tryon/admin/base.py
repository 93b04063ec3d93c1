"""What all our admin pages share: assets, links within the same admin site, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.urls import NoReverseMatch, reverse

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from django.http import HttpRequest, HttpResponse

    Base = admin.ModelAdmin[Any]
else:
    Base = object

GENERATE = "tryon.add_tryonresult"
PUBLISH = "tryon.change_tryonresult"
CANCEL = "tryon.change_tryonresult"


def staff_user(request: HttpRequest) -> AbstractUser:
    """The signed-in member of staff; admin views let nobody else in."""
    return request.user  # type: ignore[return-value]


class AdminPagesMixin(Base):
    """Base of our mixins. They work with any ``ModelAdmin`` subclass on any admin site."""

    guarded_actions: ClassVar[tuple[str, ...]] = ()
    """Actions that answer 403, and not just "no action selected", to those who may not use them."""

    @property
    def media(self) -> forms.Media:
        ours = forms.Media(css={"all": ["tryon/admin.css"]}, js=["tryon/admin.js"])
        return super().media + ours

    def has_generate_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(GENERATE)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(PUBLISH)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(CANCEL)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        action = request.POST.get("action", "")
        if action in self.guarded_actions and action not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def page(self, name: str, *args: Any, **query: Any) -> str:
        """The path of ``admin:tryon_<name>`` on this site; "" where this site doesn't have that page."""
        try:
            path = reverse(f"admin:tryon_{name}", args=args, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""
        return f"{path}?{urlencode(query)}" if query else path
