"""Preset models in the admin: drawn mannequins, and people who agreed to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.base import AdminPagesMixin
from tryon.admin.forms import PresetModelForm
from tryon.admin.garments import current_picture, delete_with_picture, save_with_picture
from tryon.admin.pictures import picture, source_url
from tryon.models import PresetModel

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class PresetModelAdminMixin(AdminPagesMixin):
    form = PresetModelForm
    list_display = ("thumbnail", "name", "kind", "size", "skin_tone", "active", "position")
    list_display_links = ("thumbnail", "name")
    list_editable = ("active", "position")
    list_filter = ["active"]
    search_fields = ["name"]
    readonly_fields = ("current_picture",)

    def get_fields(self, request: HttpRequest, obj: PresetModel | None = None) -> tuple[str, ...]:
        """A mannequin keeps its picture: its joints are known for that picture only."""
        rest = ("name", "size", "skin_tone", "active", "position")
        if obj is not None and obj.mannequin:
            return ("current_picture", *rest)
        return ("current_picture", "upload", "release", *rest)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The admin's own list gives its fields no names."""
        formset: Any = super().get_changelist_formset(request, **kwargs)
        for field in formset.form.base_fields.values():
            field.widget.attrs["aria-label"] = field.label
        return formset

    @admin.display(description=gettext_lazy("Picture"))
    def thumbnail(self, preset: PresetModel) -> SafeString:
        return picture(source_url(preset), preset.name)

    @admin.display(description=gettext_lazy("Kind"), ordering="mannequin")
    def kind(self, preset: PresetModel) -> str:
        return _("Mannequin") if preset.mannequin else _("Person")

    @admin.display(description=gettext_lazy("Picture"))
    def current_picture(self, preset: PresetModel) -> SafeString:
        return current_picture(preset)

    def save_model(self, request: HttpRequest, obj: PresetModel, form: ModelForm[PresetModel], change: bool) -> None:
        if save_with_picture(self, request, obj, form):
            self.log_change(request, obj, _("New photo. Model release confirmed."))

    def delete_model(self, request: HttpRequest, obj: PresetModel) -> None:
        delete_with_picture(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for preset in queryset:
            delete_with_picture(preset)


class PresetModelAdmin(PresetModelAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
