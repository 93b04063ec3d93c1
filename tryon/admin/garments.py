"""Garments in the admin: coverage with on-model shots, pictures, and the action that makes shots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import date as format_date
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon import retention
from tryon.admin.casting import CastingMixin, StaleMixin
from tryon.admin.filters import HasShotsFilter, ShotStateFilter, SmallPictureFilter, shots_made
from tryon.admin.forms import GarmentForm
from tryon.admin.generate import GenerateShotsMixin
from tryon.admin.panel import ShotsPanelMixin
from tryon.admin.pictures import is_small, picture, source_url
from tryon.admin.tools import ToolsMixin
from tryon.admin.words import staff_text
from tryon.caps import COUNTED
from tryon.catalog import ProductCatalog, get_catalog
from tryon.choices import Operation
from tryon.garments import set_picture
from tryon.models import Garment, LedgerEntry, PresetModel, TryOnResult
from tryon.studio.money import money

if TYPE_CHECKING:
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from tryon.images.intake import Picture


class GarmentAdminMixin(GenerateShotsMixin, ToolsMixin, CastingMixin, StaleMixin, ShotsPanelMixin):
    form = GarmentForm
    list_display = ("thumbnail", "name_cell", "product", "category", "shots", "last_run", "cost", "active")
    list_display_links = ("thumbnail", "name_cell")
    list_filter = ["category", "active", HasShotsFilter, ShotStateFilter, SmallPictureFilter]
    search_fields = ["name", "product_ref", "variant"]
    list_per_page = 100
    readonly_fields = ("current_picture",)
    fields = ("current_picture", "upload", "name", "product_ref", "variant", "category", "active")

    # ------------------------------------------------------------ the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Garment]:
        """Each with ``shots_count`` (offered models it has a shot on), ``models_count``, ``last_run_at``, ``spent``."""
        on_offered = shots_made().filter(preset_model__active=True).values("garment")
        offered = PresetModel.objects.filter(active=True).order_by().values("active")
        runs = TryOnResult.objects.filter(garment=OuterRef("pk"), operation=Operation.MODEL_SHOT.value).order_by()
        garments: QuerySet[Garment] = super().get_queryset(request)
        return garments.annotate(
            shots_count=_number(on_offered.annotate(n=Count("preset_model", distinct=True))),
            models_count=_number(offered.annotate(n=Count("pk"))),
            last_run_at=Subquery(runs.values("garment").annotate(last=Max("created_at")).values("last")),
            spent=Subquery(_spent()),
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        hidden = set() if self.has_spend_permission(request) else {"cost"}
        return tuple(str(column) for column in super().get_list_display(request) if column not in hidden)

    @admin.display(description=gettext_lazy("Picture"))
    def thumbnail(self, garment: Garment) -> SafeString:
        return picture(source_url(garment), str(garment))

    @admin.display(description=gettext_lazy("Name"), ordering="name")
    def name_cell(self, garment: Garment) -> SafeString:
        small = _("Small: %(width)d × %(height)d") % {"width": garment.width, "height": garment.height}
        note = format_html('<span class="tryon-note">{}</span>', small) if is_small(garment) else ""
        return format_html('{}<span class="tryon-quiet">{}</span>{}', garment.name, garment.variant, note)

    @admin.display(description=gettext_lazy("Product"), ordering="product_ref")
    def product(self, garment: Garment) -> SafeString | str:
        """Linked through ``product_view``: asking the catalog for each row would cost a query a row."""
        if type(get_catalog()) is ProductCatalog:
            return garment.product_ref
        return format_html('<a href="{}">{}</a>', self.page("garment_product", garment.pk), garment.product_ref)

    @admin.display(description=gettext_lazy("Shots"), ordering="shots_count")
    def shots(self, garment: Any) -> SafeString:
        words = _("%(made)d of %(offered)d models have a shot")
        label = words % {"made": garment.shots_count, "offered": garment.models_count}
        tone = "good" if garment.shots_count and garment.shots_count >= garment.models_count else "wait"
        url = self.page("tryonresult_changelist", garment=garment.pk)
        text = f"{garment.shots_count}/{garment.models_count}"
        if not url:
            return format_html('<span class="tryon-chip tryon-chip-{}" title="{}">{}</span>', tone, label, text)
        return format_html('<a class="tryon-chip tryon-chip-{}" href="{}" title="{}">{}</a>', tone, url, label, text)

    @admin.display(description=gettext_lazy("Last run"), ordering="last_run_at", empty_value="–")
    def last_run(self, garment: Any) -> str | None:
        if garment.last_run_at is None:
            return None
        return format_date(timezone.localtime(garment.last_run_at), "SHORT_DATE_FORMAT")

    @admin.display(description=gettext_lazy("Cost to date"), ordering="spent", empty_value="–")
    def cost(self, garment: Any) -> str | None:
        """Of its shots and pictures; what shoppers' previews cost is in the overview."""
        return None if garment.spent is None else money(garment.spent)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.product_view)
        return [path("<int:pk>/product/", view, name="tryon_garment_product"), *super().get_urls()]

    def product_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """To the product's page in the shop, as the catalog adapter knows it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        garment = get_object_or_404(self.get_queryset(request), pk=pk)
        catalog = get_catalog()
        product = catalog.get_product(garment.product_ref)
        url = catalog.product_url(product) if product is not None else ""
        if url:
            return HttpResponseRedirect(url)
        words = _("“%(product)s” has no page in the shop, or shoppers may not see it.")
        self.message_user(request, words % {"product": garment.product_ref}, messages.WARNING)
        return HttpResponseRedirect(self.page("garment_change", garment.pk))

    # ------------------------------------------------------------ one garment

    def panel_garments(self, obj: Any) -> QuerySet[Garment]:
        return Garment.objects.filter(pk=obj.pk)

    @admin.display(description=gettext_lazy("Picture"))
    def current_picture(self, garment: Garment) -> SafeString:
        return current_picture(garment)

    def save_model(self, request: HttpRequest, obj: Garment, form: ModelForm[Garment], change: bool) -> None:
        save_with_picture(self, request, obj, form)

    # ------------------------------------------------------------ deleting takes the files along

    def delete_model(self, request: HttpRequest, obj: Garment) -> None:
        for row in obj.results.select_related("photo"):
            retention.delete_result(row)
        delete_with_picture(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Garment]) -> None:
        for garment in queryset:
            self.delete_model(request, garment)


def _spent() -> QuerySet[Any, Any]:
    """What the pictures of an outer garment cost the shop so far."""
    rows = TryOnResult.objects.filter(garment=OuterRef(OuterRef("pk")), shopper=None).order_by().values("pk")
    entries = LedgerEntry.objects.filter(result_id__in=rows, state__in=COUNTED).order_by()
    return entries.annotate(one=Value(1)).values("one").annotate(total=Sum("amount")).values("total")


def _number(rows: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(rows.values("n"), output_field=IntegerField()), 0)


def current_picture(row: Garment | PresetModel) -> SafeString:
    """The picture as large as the form has room for, its size, and a warning when that is small."""
    if not row.pk:
        return format_html("{}", _("None yet."))
    warning: SafeString | str = ""
    if is_small(row):
        words = _("The short side is under 512 pixels: shots will look soft. Upload a larger picture.")
        warning = format_html('<span class="tryon-note">{}</span>', words)
    size = _("%(width)d × %(height)d pixels") % {"width": row.width, "height": row.height}
    shown = picture(source_url(row, "full"), str(row), "tryon-big")
    return format_html(
        '<span class="tryon-figure">{}<span class="tryon-quiet">{}</span>{}</span>', shown, size, warning
    )


def save_with_picture(
    pages: admin.ModelAdmin[Any], request: HttpRequest, row: Garment | PresetModel, form: ModelForm[Any]
) -> bool:
    """Save the row, with its new picture when one came; True then."""
    upload: Picture | None = form.cleaned_data.get("upload")
    if upload is None:
        row.save()
        return False
    set_picture(row, upload)
    for code in upload.warnings:
        pages.message_user(request, staff_text(code), messages.WARNING)
    return True


def delete_with_picture(row: Garment | PresetModel) -> None:
    files = [(field.storage, field.name) for field in (row.image, row.thumb) if field and field.name]
    row.delete()

    def discard() -> None:
        for storage, name in files:
            storage.delete(name)

    transaction.on_commit(discard)


class GarmentAdmin(GarmentAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
