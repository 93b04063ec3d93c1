"""Filters of our lists."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.pictures import SMALL_SIDE, for_shop
from tryon.choices import Operation, Status
from tryon.models import LIVE, Batch, Garment, Review, TryOnOutput, TryOnResult

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.http import HttpRequest

    Lookups = list[tuple[str, Any]]

YES_NO: list[tuple[str, Any]] = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]


# ---------------------------------------------------------------- garments


def shots_made() -> QuerySet[TryOnResult]:
    """The finished on-model shots of an outer garment."""
    return TryOnResult.objects.filter(
        garment=OuterRef("pk"), operation=Operation.MODEL_SHOT.value, status=Status.SUCCEEDED
    ).order_by()


class HasShotsFilter(admin.SimpleListFilter):
    title = gettext_lazy("on-model shots")
    parameter_name = "shots"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return YES_NO

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        there = Exists(shots_made())
        return queryset.filter(there if self.value() == "yes" else ~there)


class ShotStateFilter(admin.SimpleListFilter):
    """Garments of which some shot needs somebody."""

    title = gettext_lazy("shots that are")
    parameter_name = "shot"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [
            ("review", _("To review")),
            ("failed", _("Failed")),
            ("stale", _("Stale: the garment has changed since")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows = TryOnResult.objects.filter(garment=OuterRef("pk"), shopper=None).order_by()
        outputs = TryOnOutput.objects.filter(result__garment=OuterRef("pk"), result__shopper=None).order_by()
        again = TryOnResult.objects.filter(again_of=OuterRef("pk"))
        conditions = {
            "review": Exists(outputs.filter(review=Review.TO_REVIEW.value)),
            "failed": Exists(rows.filter(~Exists(again), status__in=[Status.FAILED, Status.BLOCKED])),
            "stale": Exists(outputs.filter(stale_at__isnull=False, published_at__isnull=False)),
        }
        condition = conditions.get(self.value() or "")
        return queryset.filter(condition) if condition else queryset


class SmallPictureFilter(admin.SimpleListFilter):
    title = gettext_lazy("small picture")
    parameter_name = "small"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return YES_NO

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        small = Q(width__lt=SMALL_SIDE) | Q(height__lt=SMALL_SIDE)
        if self.value() == "yes":
            return queryset.filter(small)
        return queryset.exclude(small) if self.value() == "no" else queryset


# ---------------------------------------------------------------- shots


class Shown(StrEnum):
    """Three lists in one admin; the value is what the address says."""

    SHOTS = Operation.MODEL_SHOT.value
    EDITED = "edited"
    SHOPPERS = Operation.TRY_ON.value

    @property
    def words(self) -> Any:
        return _LISTS[self][0]

    @property
    def rows(self) -> Q:
        return _LISTS[self][1]


_LISTS: dict[Shown, tuple[Any, Q]] = {
    Shown.SHOTS: (gettext_lazy("On-model shots"), for_shop() & Q(operation=Operation.MODEL_SHOT.value)),
    Shown.EDITED: (gettext_lazy("Edited versions"), for_shop() & ~Q(operation=Operation.MODEL_SHOT.value)),
    Shown.SHOPPERS: (gettext_lazy("Shopper try-ons"), ~for_shop()),
}


def shown_list(request: HttpRequest) -> Shown:
    """Which list is shown: on-model shots, unless another one is asked for."""
    asked = request.GET.get("operation")
    return Shown(asked) if asked in list(Shown) else Shown.SHOTS


class OperationFilter(admin.SimpleListFilter):
    """There is no "all": the shop's pictures and shoppers' try-ons are never mixed."""

    title = gettext_lazy("list")
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(shown.value, shown.words) for shown in Shown]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        shown = shown_list(self.request)
        for value, words in self.lookup_choices:
            yield {
                "selected": value == shown,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": words,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(shown_list(request).rows)


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"
    groups: dict[str, tuple[Any, Q]] = {
        "running": (gettext_lazy("In progress"), Q(status__in=LIVE)),
        "ready": (gettext_lazy("Ready"), Q(status=Status.SUCCEEDED)),
        "failed": (gettext_lazy("Failed or refused"), Q(status__in=[Status.FAILED, Status.BLOCKED])),
        "canceled": (gettext_lazy("Cancelled"), Q(status=Status.CANCELED)),
        "uncertain": (gettext_lazy("Outcome unknown"), Q(status=Status.UNCERTAIN)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(value, words) for value, (words, _condition) in self.groups.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        group = self.groups.get(self.value() or "")
        return queryset.filter(group[1]) if group else queryset


class PublishedFilter(admin.SimpleListFilter):
    title = gettext_lazy("published")
    parameter_name = "published"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [] if shown_list(request) == Shown.SHOPPERS else YES_NO

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        published = Exists(TryOnOutput.objects.filter(result=OuterRef("pk"), published_at__isnull=False))
        return queryset.filter(published if self.value() == "yes" else ~published)


class GarmentFilter(admin.SimpleListFilter):
    """Reached from a garment's own pages; not offered as a list of all garments."""

    title = gettext_lazy("garment")
    parameter_name = "garment"
    garment: Garment | None = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        value = self.value()
        if not value:
            return []
        self.garment = Garment.objects.filter(pk=value).first() if value.isdecimal() and len(value) < 19 else None
        return [(value, str(self.garment or _("not found")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(garment=self.garment) if self.garment else queryset.none()


class BatchFilter(admin.SimpleListFilter):
    """Reached from a batch; not offered as a list of all of them."""

    title = gettext_lazy("batch")
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        value = self.value()
        return [(value, str(self.batch or _("not found")))] if value else []

    @cached_property
    def batch(self) -> Batch | None:
        try:
            return Batch.objects.filter(pk=UUID(self.value() or "")).first()
        except ValueError:
            return None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(batch=self.batch) if self.batch else queryset.none()


class ReviewFilter(admin.SimpleListFilter):
    title = gettext_lazy("review")
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        if shown_list(request) == Shown.SHOPPERS:
            return []
        return [
            (Review.TO_REVIEW.value, _("To review")),
            (Review.APPROVED.value, _("Approved")),
            (Review.REJECTED.value, _("Rejected")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in (Review.TO_REVIEW.value, Review.APPROVED.value, Review.REJECTED.value):
            return queryset
        return queryset.filter(Exists(TryOnOutput.objects.filter(result=OuterRef("pk"), review=self.value())))
