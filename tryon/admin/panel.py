"""The panel "On-model shots" on a change form: of a garment, or of a shop's own product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Prefetch, Q, QuerySet

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.pictures import picture
from tryon.admin.shot_words import review_chips
from tryon.admin.words import status_chip
from tryon.catalog import get_catalog
from tryon.choices import Operation, Status
from tryon.models import LIVE, Garment, Review, TryOnOutput, TryOnResult

if TYPE_CHECKING:
    from django.http import HttpRequest

LATEST = 12


class ShotsPanelMixin(AdminPagesMixin):
    """Adds the panel below the fields, in a shop too: ``class ProductAdmin(ShotsPanelMixin, admin.ModelAdmin)``."""

    change_form_template = "admin/tryon/change_form_with_shots.html"

    def panel_garments(self, obj: Any) -> QuerySet[Garment]:
        """The garments of a product, as the catalog adapter names it."""
        return Garment.objects.filter(product_ref=get_catalog().product_ref(obj))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and obj.pk and staff_user(request).has_perm("tryon.view_tryonresult"):
            context["shots_panel"] = self.shots_panel(request, list(self.panel_garments(obj)))
        return super().render_change_form(request, context, *args, **kwargs)

    def shots_panel(self, request: HttpRequest, garments: list[Garment]) -> dict[str, Any]:
        keys = [garment.pk for garment in garments]
        shots = TryOnResult.objects.filter(operation=Operation.MODEL_SHOT.value, garment__in=keys)
        outputs = Prefetch("outputs", TryOnOutput.objects.order_by("position"))
        latest = shots.select_related("garment", "preset_model").prefetch_related(outputs)[:LATEST]
        can_generate = self.has_generate_permission(request) and bool(keys)
        only = {"garment": keys[0]} if len(keys) == 1 else {}
        return {
            "shots": [self._panel_shot(row) for row in latest],
            "counts": shots.aggregate(
                all=Count("pk"),
                ready=Count("pk", filter=Q(status=Status.SUCCEEDED)),
                running=Count("pk", filter=Q(status__in=LIVE)),
            ),
            "to_review": TryOnOutput.objects.filter(
                result__garment__in=keys, result__shopper=None, review=Review.TO_REVIEW.value
            ).count(),
            "review_url": self.page("batch_review", **only) if self.has_review_permission(request) else "",
            "all_url": self.page("tryonresult_changelist", **only),
            "generate_url": self.page("garment_generate", garments=",".join(map(str, keys))) if can_generate else "",
            "garments": garments,
        }

    def _panel_shot(self, row: TryOnResult) -> dict[str, Any]:
        output = next(iter(row.outputs.all()), None)
        url = self.page("tryonresult_picture", output.pk, "thumb") if output else ""
        return {
            "row": row,
            "url": self.page("tryonresult_change", row.pk),
            "picture": picture(url, "") if url else "",
            "chip": status_chip(row.status) if row.status != Status.SUCCEEDED else "",
            "chips": review_chips(row),
        }
