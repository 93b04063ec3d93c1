"""Filters of our lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.pictures import SMALL_SIDE
from tryon.choices import Operation, Status
from tryon.models import LIVE, Garment, TryOnOutput, TryOnResult

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.http import HttpRequest

    Lookups = list[tuple[str, Any]]

YES_NO: list[tuple[str, Any]] = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def operation_of(request: HttpRequest) -> Operation:
    """Which of the two lists is shown: on-model shots, unless the shoppers' try-ons are asked for."""
    asked = request.GET.get("operation")
    return Operation.TRY_ON if asked == Operation.TRY_ON.value else Operation.MODEL_SHOT


class OperationFilter(admin.SimpleListFilter):
    """Two lists in one admin. There is no "all": shots and shoppers' try-ons are never mixed."""

    title = gettext_lazy("list")
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [
            (Operation.MODEL_SHOT.value, _("On-model shots")),
            (Operation.TRY_ON.value, _("Shopper try-ons")),
        ]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        shown = operation_of(self.request)
        for value, words in self.lookup_choices:
            yield {
                "selected": value == shown,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": words,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(operation=operation_of(request).value)


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
        return YES_NO if operation_of(request) == Operation.MODEL_SHOT else []

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


class RunFilter(admin.SimpleListFilter):
    """The shots that one click made; see ``run_value``."""

    title = gettext_lazy("run")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        value = self.value()
        return [(value, _("The shots queued together"))] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(_run(self.value() or "")) if self.value() else queryset


def run_value(results: list[TryOnResult]) -> str:
    """Names one run by who asked for it and when: rows of one run are made in one go by one person."""
    times = [(result.created_at - EPOCH) // MICROSECOND for result in results]
    return f"{results[0].requested_by_id}-{min(times)}-{max(times)}"


def _run(value: str) -> Q:
    try:
        user, first, last = (int(part) for part in value.split("-"))
        start, end = EPOCH + first * MICROSECOND, EPOCH + last * MICROSECOND
    except (ValueError, OverflowError):
        return Q(pk__in=[])
    return Q(requested_by=user, created_at__range=(start, end))
