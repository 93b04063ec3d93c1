"""The overview: what is spent, how well it works, how long it takes, who waits; as tiles, plots, tables and CSV."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon import alerts, insight, periods
from tryon.admin.base import staff_user
from tryon.admin.figures import plots, tiles
from tryon.admin.operations import OperatorPagesMixin
from tryon.admin.plots import csv_file
from tryon.admin.words import duration
from tryon.studio.permissions import SEE_SPEND

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tryon.models import Overview
    from tryon.periods import Period

VIEW = "tryon.view_tryonresult"
RANGES = {"24h": gettext_lazy("24 hours"), "7d": gettext_lazy("7 days"), "30d": gettext_lazy("30 days")}
DEFAULT_RANGE = "7d"


class OverviewAdminMixin(OperatorPagesMixin):
    """Register it for ``tryon.models.Overview`` on any admin site."""

    overview_template = "admin/tryon/overview.html"

    # ------------------------------------------------------------ who may

    def has_view_permission(self, request: HttpRequest, obj: Overview | None = None) -> bool:
        user = staff_user(request)
        return user.has_perm(VIEW) or user.has_perm(SEE_SPEND)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Overview | None = None) -> bool:
        return False

    # ------------------------------------------------------------ the page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = Chosen(request)
        spend = self.sees_spend(request)
        found = insight.report(chosen.period)
        shown = plots(found, spend=spend)
        if "csv" in request.GET:
            return self._csv(request.GET["csv"], shown)
        silent = alerts.nobody_comes(timezone.now(), found.waiting.due)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Overview"),
            "media": self.media,
            "chosen": chosen,
            "tiles": list(tiles(found, spend=spend)),
            "plots": shown,
            "alerts": self._alerts(spend=spend),
            "silent": silent and duration(silent),
            "accounts_url": self.page("provideraccount_changelist"),
            "ledger_url": self.page("ledgerentry_changelist"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.overview_template, context)

    def _csv(self, key: str, shown: list[Any]) -> HttpResponse:
        for one in shown:
            if one.key == key:
                return csv_file(one)
        if key == "spend":
            raise PermissionDenied
        raise Http404

    def _alerts(self, *, spend: bool) -> list[alerts.Finding]:
        """What the watchdog found; whether a worker is there is seen anew."""
        hidden = {"no_worker"} if spend else {"no_worker", "budget_80", "budget_100", "drift"}
        return [found for found in alerts.holding() if found.kind not in hidden]


class Chosen:
    """The period that the address asks for; one that makes no sense is said so, and the default is shown."""

    def __init__(self, request: HttpRequest) -> None:
        query = request.GET
        self.name = query.get("range", DEFAULT_RANGE)
        self.problem = ""
        self.first, self.last = query.get("from", ""), query.get("to", "")
        if self.name == "custom":
            try:
                self.period: Period = periods.days(date.fromisoformat(self.first), date.fromisoformat(self.last))
                return
            except ValueError:
                self.problem = _("Choose a first and a last day, at most a year apart and not in the future.")
        if self.name not in periods.NAMED:
            self.name = DEFAULT_RANGE
        self.period = periods.named(self.name)
        self.first = self.first or self.period.first_day.isoformat()
        self.last = self.last or self.period.last_day.isoformat()

    @property
    def ranges(self) -> list[tuple[str, str, bool]]:
        return [(name, str(words), name == self.name) for name, words in RANGES.items()]

    @property
    def query(self) -> str:
        if self.name == "custom":
            return f"range=custom&from={self.first}&to={self.last}"
        return f"range={self.name}"


class OverviewAdmin(OverviewAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
