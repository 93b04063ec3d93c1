"""The ledger: every call that may have cost money; those whose end nobody knows, and those paid for nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import date as format_date
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from tryon import ledger
from tryon.admin.accounts import OPERATIONS
from tryon.admin.base import staff_user
from tryon.admin.operations import OperatorPagesMixin
from tryon.admin.words import chip
from tryon.choices import Operation
from tryon.models import EntryState, LedgerEntry, ProviderAccount, TryOnResult
from tryon.runner.balances import resolve
from tryon.studio.log import log
from tryon.studio.money import money

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

SETTLE = "tryon.change_ledgerentry"
STATES = {
    EntryState.RESERVED: (gettext_lazy("Set aside"), "work"),
    EntryState.COMMITTED: (gettext_lazy("Paid"), "good"),
    EntryState.REFUNDED: (gettext_lazy("Not paid"), "quiet"),
    EntryState.UNCERTAIN: (gettext_lazy("Unknown"), "note"),
}
LOST = "lost"


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        known = [(state.value, words) for state, (words, _tone) in STATES.items()]
        return [*known, (LOST, gettext_lazy("Paid for nothing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == LOST:
            return queryset.filter(pk__in=ledger.lost().order_by().values("pk"))
        return queryset.filter(state=self.value()) if self.value() in {s.value for s in EntryState} else queryset


class LedgerAdminMixin(OperatorPagesMixin):
    """Register it for ``tryon.models.LedgerEntry`` on any admin site."""

    list_display = ("called", "provider_cell", "state_cell", "amount_cell", "job_cell")
    list_filter = (StateFilter, ("provider", admin.AllValuesFieldListFilter), "operation")
    search_fields = ("provider_job_id", "result_id")
    list_per_page = 50
    show_full_result_count = False
    fields = readonly_fields = (
        "called", "provider", "what", "state_cell", "amount_cell", "provider_job_id", "reason",
        "settled_at", "batch", "tryon_link",
    )  # fmt: skip
    actions = ("settle_paid", "settle_unpaid", "refund_asked")
    guarded_actions = actions
    change_form_template = "admin/tryon/ledgerentry/change_form.html"
    change_list_template = "admin/tryon/ledgerentry/change_list.html"

    # ------------------------------------------------------------ who may

    def has_change_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return self.sees_spend(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.sees_spend(request)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return self.sees_spend(request) and staff_user(request).has_perm(SETTLE)

    # ------------------------------------------------------------ the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        rows: QuerySet[LedgerEntry] = super().get_queryset(request)
        return rows.annotate(there=Exists(TryOnResult.objects.filter(pk=OuterRef("result_id"))))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        unknown = LedgerEntry.objects.filter(state=EntryState.UNCERTAIN.value)
        context = {
            "title": _("Ledger"),
            "unknown": _pile(unknown),
            "lost": _pile(ledger.lost()),
            "drifting": ProviderAccount.objects.filter(drift__gt=0),
            "overview_url": self.page("overview_changelist"),
            "accounts_url": self.page("provideraccount_changelist"),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description=gettext_lazy("Called"), ordering="created_at")
    def called(self, entry: LedgerEntry) -> str:
        return format_date(timezone.localtime(entry.created_at), "Y-m-d H:i:s")

    @admin.display(description=gettext_lazy("Provider"), ordering="provider")
    def provider_cell(self, entry: LedgerEntry) -> SafeString:
        return format_html('{}<span class="tryon-quiet">{}</span>', entry.provider, self.what(entry))

    @admin.display(description=gettext_lazy("What"), ordering="operation")
    def what(self, entry: LedgerEntry) -> str:
        return str(OPERATIONS.get(Operation(entry.operation), entry.operation))

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_cell(self, entry: LedgerEntry) -> SafeString:
        words, tone = STATES[EntryState(entry.state)]
        return format_html('{}<span class="tryon-quiet">{}</span>', chip(str(words), tone), entry.reason)

    @admin.display(description=gettext_lazy("Amount"), ordering="amount")
    def amount_cell(self, entry: LedgerEntry) -> SafeString:
        credits = _("credits: %(number)s") % {"number": f"{entry.credits.normalize():f}"}
        return format_html('{}<span class="tryon-quiet">{}</span>', money(entry.amount), credits)

    @admin.display(description=gettext_lazy("Request id to quote"))
    def job_cell(self, entry: LedgerEntry) -> SafeString:
        return format_html("{}{}", entry.provider_job_id or "–", self.tryon_link(entry))

    @admin.display(description=gettext_lazy("Try-on"))
    def tryon_link(self, entry: LedgerEntry) -> SafeString:
        url = self.page("tryonresult_change", entry.result_id)
        if not url or not getattr(entry, "there", False):
            return format_html("{}", "")
        return format_html('<span class="tryon-quiet"><a href="{}">{}</a></span>', url, _("its try-on"))

    # ------------------------------------------------------------ settling

    @admin.action(description=gettext_lazy("Unknown outcome: it was paid"), permissions=["settle"])
    def settle_paid(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> None:
        self._settle(request, queryset, paid=True)

    @admin.action(description=gettext_lazy("Unknown outcome: it was not paid"), permissions=["settle"])
    def settle_unpaid(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> None:
        self._settle(request, queryset, paid=False)

    @admin.action(description=gettext_lazy("Paid for nothing: the refund is asked for"), permissions=["settle"])
    def refund_asked(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> None:
        keys = list(ledger.lost().filter(pk__in=queryset.values("pk")).values_list("pk", flat=True))
        user = staff_user(request)
        chosen = LedgerEntry.objects.filter(pk__in=keys)
        chosen.update(reason=f"{ledger.ASKED} by {user.get_username()}, {timezone.localdate().isoformat()}"[:200])
        log(user, chosen, "refund asked for")
        words = ngettext("%(number)d call is marked.", "%(number)d calls are marked.", len(keys))
        messages.success(request, words % {"number": len(keys)})

    def _settle(self, request: HttpRequest, entries: QuerySet[LedgerEntry], *, paid: bool) -> None:
        """An open call only; one that was settled meanwhile stays as it is."""
        user = staff_user(request)
        done = []
        for entry in entries.filter(state=EntryState.UNCERTAIN.value).select_related("batch"):
            if resolve(entry, paid=paid, reason=f"settled by {user.get_username()}"):
                done.append(entry)
        verdict = "paid" if paid else "not paid"
        log(user, done, f"settled as {verdict}, {money(sum((entry.amount for entry in done), Decimal(0)))}")
        if not done:
            messages.warning(request, _("None of these has an unknown outcome."))
            return
        words = ngettext("%(number)d call is settled.", "%(number)d calls are settled.", len(done))
        messages.success(request, words % {"number": len(done)})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.settle_view))
        return [path("<int:pk>/settle/", view, name="tryon_ledgerentry_settle"), *super().get_urls()]

    def settle_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The two buttons of one entry's page."""
        if not self.has_settle_permission(request):
            raise PermissionDenied
        act = request.POST.get("act")
        if act not in ("paid", "unpaid"):
            raise Http404
        self._settle(request, LedgerEntry.objects.filter(pk=pk), paid=act == "paid")
        return HttpResponseRedirect(self.page("ledgerentry_change", pk))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        entry: LedgerEntry | None = kwargs.get("obj")
        if entry is not None:
            unknown = entry.state == EntryState.UNCERTAIN.value
            context["title"] = _("Call to %(provider)s") % {"provider": entry.provider}
            context["subtitle"] = None
            context["at_stake"] = money(entry.amount) if unknown else ""
            context["settle_url"] = self.page("ledgerentry_settle", entry.pk)
            context["may_settle"] = unknown and self.has_settle_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)


def _pile(entries: QuerySet[LedgerEntry]) -> dict[str, Any]:
    found = entries.order_by().aggregate(number=Count("pk"), amount=Sum("amount"))
    return {"number": found["number"], "amount": money(found["amount"] or Decimal(0))}


class LedgerAdmin(LedgerAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
