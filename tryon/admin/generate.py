"""The action "Generate on-model shots…": a page that says exactly what would be made, and a POST that orders it."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.order import Order
from tryon.admin.pictures import source_url
from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.models import Batch, Garment
from tryon.studio import batches
from tryon.studio.money import money

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern

    from tryon.studio.plans import Plan

SHOWN = 12  # garments pictured, and skipped ones named, on the page


class GenerateShotsMixin(AdminPagesMixin):
    """For the admin of garments: the action, the page and what follows."""

    actions = ["generate_shots"]
    guarded_actions: ClassVar[tuple[str, ...]] = ("generate_shots",)

    @admin.action(description=gettext_lazy("Generate on-model shots…"), permissions=["generate"])
    def generate_shots(self, request: HttpRequest, queryset: QuerySet[Garment]) -> HttpResponse:
        # plain keys: the columns of the list are not needed for ten thousand garments
        keys = list(queryset.order_by("id").values_list("pk", flat=True))
        return self._order_page(request, Order(keys, QueryDict(), staff_user(request)))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.generate_view)
        return [path("generate-shots/", view, name="tryon_garment_generate"), *super().get_urls()]

    def generate_view(self, request: HttpRequest) -> HttpResponseBase:
        """GET shows the page for ``?garments=1,2,3``; POST orders, gives the list as CSV, or shows a changed choice."""
        if not self.has_generate_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else request.GET
        keys = self._named_garments(request, data.get("garments", ""))
        if not keys:
            self.message_user(request, _("Select the garments first."), messages.WARNING)
            return HttpResponseRedirect(self.page("garment_changelist"))
        order = Order(keys, data, staff_user(request))
        if request.method == "POST" and "csv" in data:
            return dry_run(order.plan)
        if request.method == "POST" and ("make" in data or "one" in data):
            if order.possible:
                return self._make(request, order, one="one" in data)
            self.message_user(request, _why_not(order), messages.WARNING)
        return self._order_page(request, order, fragment=request.method == "POST" and "fragment" in data)

    def _named_garments(self, request: HttpRequest, text: str) -> list[int]:
        """In the order given. Only digits that fit a database key are looked up."""
        wanted = list(dict.fromkeys(int(part) for part in text.split(",") if part.isdecimal() and len(part) < 19))
        # without the list's columns, which cost a subquery each
        visible = super().get_queryset(request).order_by().values_list("pk", flat=True)
        found: set[int] = set()
        for start in range(0, len(wanted), 5000):
            found.update(visible.filter(pk__in=wanted[start : start + 5000]))
        return [pk for pk in wanted if pk in found]

    def _order_page(self, request: HttpRequest, order: Order, *, fragment: bool = False) -> HttpResponse:
        request.current_app = self.admin_site.name
        context: dict[str, Any] = {"order": order, "quote": order.quote}
        context["skipped"] = list(order.plan.skipped(SHOWN)) if order.quote.skipped else []
        context["hidden_skipped"] = order.quote.skipped_number - len(context["skipped"])
        if fragment:
            return TemplateResponse(request, "admin/tryon/garment/order_parts.html", context)
        shown = Garment.objects.in_bulk(order.garment_ids[:SHOWN])
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Generate on-model shots"),
            "opts": self.opts,
            "media": self.media,
            "form_url": self.page("garment_generate"),
            "back_url": self.page("garment_changelist"),
            "preset_url": self.page("presetmodel_changelist"),
            "garment_ids": ",".join(map(str, order.garment_ids)),
            "shown": [(shown[key], source_url(shown[key])) for key in order.garment_ids[:SHOWN] if key in shown],
            "hidden_garments": max(0, len(order.garment_ids) - SHOWN),
        }
        return TemplateResponse(request, "admin/tryon/garment/generate.html", context)

    def _make(self, request: HttpRequest, order: Order, *, one: bool) -> HttpResponse:
        key = uuid.UUID(order.key)
        if Batch.objects.filter(pk=key).exists():
            self.message_user(request, _("These shots were ordered already: the form came in twice."), messages.INFO)
            return HttpResponseRedirect(self._after(request, key))
        user = staff_user(request)
        try:
            batch = batches.create(
                order.plan,
                user=user,  # type: ignore[arg-type]
                name=order.name or _batch_name(order),
                key=key,
                max_cost=order.max_cost,
                first_only=one,
                blind=order.is_comparison,
            )
        except TryOnError as error:
            self.message_user(request, f"{error.spec.staff} ({error.detail})", messages.ERROR)
            return self._order_page(request, order)
        self.message_user(request, _summary(order, batches.held(batch).count() if one else 0), messages.SUCCESS)
        return HttpResponseRedirect(self._after(request, batch.pk))

    def _after(self, request: HttpRequest, key: uuid.UUID) -> str:
        """The page of the batch, where this site has one."""
        return self.page("batch_change", key) or self.page("garment_changelist")


def dry_run(plan: Plan) -> StreamingHttpResponse:
    """Every picture that would be made and every garment that would be skipped, as CSV, line by line."""
    writer = csv.writer(_Echo())
    head = ["product", "variant", "garment", "category", "model", "theme", "variant_number", "provider", "at_most"]
    lines = (writer.writerow(_safe(row)) for row in _dry_rows(plan, [*head, "skipped_because"]))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="on-model-shots.csv"'
    return response


def _dry_rows(plan: Plan, head: list[str]) -> Iterator[list[Any]]:
    yield head
    for garment, reason, units in plan.rows():
        about = [garment.product_ref, garment.variant, garment.name, garment.category]
        if reason:
            yield [*about, "", "", "", "", "", reason]
        for unit in units:
            model = unit.preset.name if unit.preset else ""
            yield [*about, model, unit.theme, unit.variant + 1, unit.provider.alias, unit.ceiling, ""]
        for part in plan.dropped[Category(garment.category)] if units else []:
            yield [*about, part.preset.name if part.preset else "", part.theme, "", part.alias, "", part.why]


class _Echo:
    def write(self, value: str) -> str:
        return value


def _safe(row: list[Any]) -> list[Any]:
    """A cell that begins like a formula is text in a spreadsheet."""
    return [
        f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in row
    ]


def _batch_name(order: Order) -> str:
    number = len(order.garment_ids)
    return ngettext("%(number)d garment", "%(number)d garments", number) % {"number": number}


def _why_not(order: Order) -> str:
    if order.errors or order.refused:
        return " ".join([*order.errors, order.refused])
    if order.quote.over_budget:
        if not order.sees_spend:
            return _("The budget is not enough for all of these shots. Select fewer garments, or wait.")
        words = _("The budget is enough for %(fits)d of %(shots)d shots. Select fewer garments, or wait.")
        return words % {"fits": order.quote.fits, "shots": order.quote.shots}
    return _("There is nothing to make: tick at least one model.")


def _summary(order: Order, held: int) -> str:
    """``held``: how many wait while one product is tried first."""
    queued = order.quote.shots
    words = ngettext("%(number)d shot queued", "%(number)d shots queued", queued) % {"number": queued}
    if held:
        first = queued - held
        made = ngettext("%(number)d shot is made first", "%(number)d shots are made first", first) % {"number": first}
        words = f"{made}, {_('%(rest)d wait for your word') % {'rest': held}}"
    parts = [words]
    if order.quote.skipped:
        number = order.quote.skipped_number
        skipped = ngettext("%(number)d garment skipped", "%(number)d garments skipped", number) % {"number": number}
        parts.append(f"{skipped} ({', '.join(order.quote.skipped)})")
    if order.quote.most:
        parts.append(_("at most %(amount)s") % {"amount": money(order.quote.most)})
    return f"{', '.join(parts)}. {_('Watch the progress below.')}"
