"""What all our admin pages share: assets, links within the same admin site, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.urls import NoReverseMatch, reverse

from tryon.studio import permissions
from tryon.studio.log import acts_on

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from django.http import HttpRequest, HttpResponse

    Base = admin.ModelAdmin[Any]
else:
    Base = object


COMPARE: Any = forms.Script("tryon/compare.js", defer=True)  # an element begins when its children are there

PAGE = 100  # entries of a history, as the admin's own


def staff_user(request: HttpRequest) -> AbstractUser:
    """The signed-in member of staff; admin views let nobody else in."""
    return request.user  # type: ignore[return-value]


class AdminPagesMixin(Base):
    """Base of our mixins. They work with any ``ModelAdmin`` subclass on any admin site."""

    guarded_actions: ClassVar[tuple[str, ...]] = ()
    """Actions that answer 403, and not just "no action selected", to those who may not use them."""

    @property
    def media(self) -> forms.Media:
        ours = forms.Media(css={"all": ["tryon/studio.css", "tryon/admin.css"]}, js=["tryon/admin.js"])
        return super().media + ours

    def has_generate_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(permissions.GENERATE)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(permissions.REVIEW)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(permissions.PUBLISH)

    def has_spend_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(permissions.SEE_SPEND)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        action = request.POST.get("action", "")
        if action in self.guarded_actions and action not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With what was done without an account; the template reads both alike."""
        answer = super().history_view(request, object_id, extra_context)
        acts = [
            {"action_time": act.at, "user": {"get_username": act.actor}, "get_change_message": act.message}
            for act in acts_on(self.model, unquote(object_id))
        ]
        context = getattr(answer, "context_data", None)
        if acts and context is not None:
            entries = [*context["action_list"].paginator.object_list, *acts]
            entries.sort(key=lambda entry: entry["action_time"] if isinstance(entry, dict) else entry.action_time)
            paginator = self.get_paginator(request, entries, PAGE)  # type: ignore[arg-type]
            shown = paginator.get_page(request.GET.get(context["page_var"]))
            context["action_list"] = shown
            context["page_range"] = paginator.get_elided_page_range(shown.number)
            context["pagination_required"] = paginator.count > PAGE
        return answer

    def page(self, name: str, *args: Any, **query: Any) -> str:
        """The path of ``admin:tryon_<name>`` on this site; "" where this site doesn't have that page."""
        try:
            path = reverse(f"admin:tryon_{name}", args=args, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""
        return f"{path}?{urlencode(query)}" if query else path
