"""What the operators' pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.studio.permissions import SEE_SPEND

if TYPE_CHECKING:
    from django.http import HttpRequest


class OperatorPagesMixin(AdminPagesMixin):
    """Nothing is added, changed or deleted here by a form: rows come from the runner."""

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(css={"all": ["tryon/operations.css"]})

    def sees_spend(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(SEE_SPEND)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
