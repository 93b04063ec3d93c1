"""The providers: are they well, what they can do, what happened lately; pause, resume, ask the balance, send a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Count, Sum
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from tryon.admin.base import staff_user
from tryon.admin.figures import percent
from tryon.admin.operations import OperatorPagesMixin
from tryon.admin.words import chip, duration, staff_text, status_chip
from tryon.choices import Category, Operation
from tryon.condition import Health, Week, known_accounts, weeks
from tryon.errors import TryOnError
from tryon.models import EntryState, Garment, LedgerEntry, PresetModel, ProviderAccount, TryOnResult
from tryon.providers import get_provider
from tryon.runner import accounts, balances
from tryon.studio import batches
from tryon.studio.briefs import Brief
from tryon.studio.log import log
from tryon.studio.money import money
from tryon.studio.plans import Plan

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from tryon.providers.base import Capability, Option, Provider

ACT = "tryon.change_provideraccount"
RECENT = 10
OPERATIONS = {
    Operation.TRY_ON: gettext_lazy("Try-on on a photo"),
    Operation.MODEL_SHOT: gettext_lazy("On-model shot"),
    Operation.REMOVE_BACKGROUND: gettext_lazy("Remove the background"),
    Operation.REPLACE_BACKGROUND: gettext_lazy("Replace the background"),
    Operation.RESTORE_FACE: gettext_lazy("Restore a face"),
    Operation.REMOVE_OBJECT: gettext_lazy("Remove an object"),
    Operation.UPSCALE: gettext_lazy("Enlarge"),
    Operation.GENERATE_IMAGE: gettext_lazy("Generate a picture"),
    Operation.GENERATE_VIDEO: gettext_lazy("Generate a clip"),
    Operation.GENERATE_AUDIO: gettext_lazy("Generate sound"),
}


# ---------------------------------------------------------------- what it can do


@dataclass(frozen=True, slots=True)
class Skill:
    """One operation in words."""

    name: str
    facts: Sequence[tuple[str, str]]
    options: Sequence[tuple[str, str, str, str]]  # name, what it takes, default, meaning


def skills(provider: Provider) -> list[Skill]:
    return [
        Skill(str(OPERATIONS[operation]), list(_facts(operation, found)), [_option(one) for one in found.options])
        for operation, found in provider.capabilities.items()
    ]


def _facts(operation: Operation, found: Capability) -> Iterable[tuple[str, str]]:
    if operation in (Operation.TRY_ON, Operation.MODEL_SHOT):
        yield _("Garments"), ", ".join(one.value for one in Category if one in found.categories)
    if found.inputs:
        yield _("Needs"), ", ".join(found.inputs)
    limits = (
        (_("longest side %(number)s px"), found.max_edge),
        (_("shortest side %(number)s px"), found.min_side),
        (_("%(number)s pixels"), found.max_pixels),
        (_("%(number)s bytes"), found.max_bytes),
    )
    said = [words % {"number": f"{number:,}"} for words, number in limits if number]
    if found.upright_person:
        said.append(_("an upright photo"))
    if said:
        yield _("Limits"), ", ".join(said)
    yield _("Formats"), ", ".join(sorted(mime.rpartition("/")[2] for mime in found.mimes))
    yield _("Credits a call"), _("not known before") if found.cost is None else f"{found.cost:g}"


def _option(one: Option) -> tuple[str, str, str, str]:
    takes = one.type.__name__
    if one.choices:
        takes = " | ".join(map(str, one.choices))
    elif one.minimum is not None or one.maximum is not None:
        low, high = ("" if bound is None else f"{bound:.10g}" for bound in (one.minimum, one.maximum))
        takes = f"{takes} {low}…{high}"
    elif one.pattern:
        takes = f"{takes} {one.pattern}"
    default = _("required") if one.required else _("not sent") if one.default is None else str(one.default)
    return one.name, takes, default, str(one.help)


# ---------------------------------------------------------------- a test


class Trial:
    """One picture of one garment by this provider: what it would cost, or why it can't be made."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.problem = ""
        self.garment: Garment | None = None
        self.preset: PresetModel | None = None
        self.plan: Plan | None = None
        self.least = self.most = Decimal(0)
        provider = get_provider(alias)
        if not provider.can(Operation.MODEL_SHOT):
            self.problem = _("It makes no on-model shots; run: python manage.py tryon_run --provider %(alias)s …") % {
                "alias": alias
            }
            return
        self._choose(provider)

    def _choose(self, provider: Provider) -> None:
        able = [one.value for one in provider.capability(Operation.MODEL_SHOT).categories]
        self.garment = Garment.objects.filter(active=True, category__in=able).order_by("pk").first()
        if self.garment is None:
            self.problem = _("There is no active garment that it could show.")
            return
        for preset in (*PresetModel.objects.filter(active=True)[:20], None):
            brief = Brief(models=(preset.pk,) if preset else (), generated=preset is None, providers=(self.alias,))
            plan = Plan(brief, [self.garment.pk])
            quote = plan.quote()
            if quote.shots == 1:
                self.preset, self.plan = preset, plan
                self.least, self.most = quote.least, quote.most
                return
        self.problem = _("It is not ready, or there is no preset model that it can use.")

    @property
    def price(self) -> str:
        if not self.most:
            return _("free")
        if self.least == self.most:
            return money(self.most)
        return _("at most %(amount)s") % {"amount": money(self.most)}

    def send(self, user: Any) -> TryOnResult | None:
        assert self.plan is not None  # noqa: S101 - asked for only without a problem
        batch = batches.create(self.plan, user=user, name=_("Test of %(alias)s") % {"alias": self.alias})
        return batch.results.first()


# ---------------------------------------------------------------- the pages


class ProviderAccountAdminMixin(OperatorPagesMixin):
    """Register it for ``tryon.models.ProviderAccount`` on any admin site."""

    list_display = ("alias", "health_cell", "week_cell", "balance_cell", "error_cell")
    list_display_links = ("alias",)
    ordering = ("alias",)
    fields = ()
    change_form_template = "admin/tryon/provideraccount/change_form.html"
    change_list_template = "admin/tryon/provideraccount/change_list.html"

    def has_change_permission(self, request: HttpRequest, obj: ProviderAccount | None = None) -> bool:
        return False  # there is no form; the buttons ask ``may_act``

    def has_view_permission(self, request: HttpRequest, obj: ProviderAccount | None = None) -> bool:
        return staff_user(request).has_perm("tryon.view_provideraccount") or self.may_act(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def may_act(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm(ACT)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    # ------------------------------------------------------------ the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        known_accounts()
        self.weeks = weeks()
        self.shows_spend = self.sees_spend(request)
        context = {
            "title": _("Providers"),
            "overview_url": self.page("overview_changelist"),
            "ledger_url": self.page("ledgerentry_changelist"),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description=gettext_lazy("State"))
    def health_cell(self, account: ProviderAccount) -> SafeString:
        found = Health(account)
        word, tone, why = found.state
        return format_html('{}<span class="tryon-quiet">{}</span>', chip(word, tone), why)

    @admin.display(description=gettext_lazy("Last 7 days"))
    def week_cell(self, account: ProviderAccount) -> SafeString:
        week = self.weeks.get(account.alias, Week())
        words = _("%(done)d ready, %(failed)d failed") % {"done": week.done, "failed": week.failed}
        spend = money(week.spend) if self.shows_spend and week.spend else ""
        return format_html(
            '{} <span class="tryon-quiet">{}</span><span class="tryon-quiet">{}</span>',
            percent(week.rate),
            words,
            spend,
        )

    @admin.display(description=gettext_lazy("Credits left"))
    def balance_cell(self, account: ProviderAccount) -> str:
        if account.balance is None:
            return "–"
        return _("%(number)s credits") % {"number": f"{account.balance.normalize():,f}"}

    @admin.display(description=gettext_lazy("Last error"))
    def error_cell(self, account: ProviderAccount) -> SafeString:
        if not account.last_error:
            return format_html("{}", "–")
        ago = duration(timezone.now() - account.last_error_at) if account.last_error_at else ""
        when = _("%(time)s ago") % {"time": ago} if ago else ""
        return format_html('{}<span class="tryon-quiet">{}</span>', account.last_error, when)

    # ------------------------------------------------------------ one of them

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        account: ProviderAccount | None = kwargs.get("obj")
        if account is not None:
            context.update(self.detail(request, account))
        return super().render_change_form(request, context, *args, **kwargs)

    def detail(self, request: HttpRequest, account: ProviderAccount) -> dict[str, Any]:
        health = Health(account)
        spend = self.sees_spend(request)
        open_calls = LedgerEntry.objects.filter(provider=account.alias, state=EntryState.UNCERTAIN.value)
        uncertain = open_calls.aggregate(number=Count("pk"), amount=Sum("amount")) if spend else {}
        paid = bool(health.provider and health.provider.paid)
        return {
            "title": account.alias,
            "subtitle": None,
            "health": health,
            "chip": chip(*health.state[:2]),
            "account": account,
            "facts": health.provider.facts if health.provider else None,
            "label": health.provider.label if health.provider else "",
            "paid": paid,
            "may_act": self.may_act(request),
            "act_url": self.page("provideraccount_act", account.pk),
            "test_url": self.page("provideraccount_test", account.pk) if health.provider else "",
            "skills": skills(health.provider) if health.provider else [],
            "recent": self._recent(account.alias),
            "week": weeks().get(account.alias, Week()) if spend else None,
            "uncertain": uncertain.get("number"),
            "at_stake": money(uncertain["amount"]) if uncertain.get("number") else "",
            "uncertain_url": self.page("ledgerentry_changelist", state="uncertain", provider=account.alias),
            "money": money,
        }

    def _recent(self, alias: str) -> list[dict[str, Any]]:
        rows = TryOnResult.objects.filter(provider=alias).order_by("-created_at", "-pk")
        return [
            {
                "row": row,
                "chip": status_chip(row.status),
                "url": self.page("tryonresult_change", row.pk),
                "what": OPERATIONS[Operation(row.operation)],
                "took": duration(row.finished_at - row.started_at) if row.finished_at and row.started_at else "",
                "error": staff_text(row.error_code, row.error_params) if row.error_code else "",
            }
            for row in rows[:RECENT]
        ]

    # ------------------------------------------------------------ acts

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/act/", wrap(require_POST(self.act_view)), name="tryon_provideraccount_act"),
            path("<int:pk>/test/", wrap(self.test_view), name="tryon_provideraccount_test"),
            *super().get_urls(),
        ]

    def _account(self, request: HttpRequest, pk: int) -> ProviderAccount:
        if not self.may_act(request):
            raise PermissionDenied
        account = ProviderAccount.objects.filter(pk=pk).first()
        if account is None:
            raise Http404
        return account

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self._account(request, pk)
        acts = {"pause": self._pause, "resume": self._resume, "balance": self._balance}
        act = acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        act(request, account)
        return HttpResponseRedirect(self.page("provideraccount_change", account.pk))

    def _pause(self, request: HttpRequest, account: ProviderAccount) -> None:
        ProviderAccount.objects.filter(pk=account.pk).update(stopped=True)
        log(staff_user(request), [account], "paused")
        words = _("Paused: %(alias)s gets no new work. What it has begun is finished.")
        messages.success(request, words % {"alias": account.alias})

    def _resume(self, request: HttpRequest, account: ProviderAccount) -> None:
        accounts.reopen(account.alias)
        log(staff_user(request), [account], "resumed")
        messages.success(request, _("Resumed: %(alias)s gets work again.") % {"alias": account.alias})

    def _balance(self, request: HttpRequest, account: ProviderAccount) -> None:
        found, why = balances.ask(account.alias)
        if found is None:
            words = _("No balance of %(alias)s: %(why)s") if why else _("No balance is told by %(alias)s.")
            messages.warning(request, words % {"alias": account.alias, "why": why})
            return
        words = _("There are %(credits)s credits left at %(alias)s.")
        messages.success(request, words % {"alias": account.alias, "credits": f"{found.credits:,g}"})

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What a test would cost, and with POST the test."""
        account = self._account(request, pk)
        back = self.page("provideraccount_change", account.pk)
        try:
            trial = Trial(account.alias)
        except ImproperlyConfigured as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        if request.method == "POST" and not trial.problem:
            return HttpResponseRedirect(self._send(request, account, trial) or back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Test of %(alias)s") % {"alias": account.alias},
            "media": self.media,
            "account": account,
            "trial": trial,
            "back_url": back,
        }
        return TemplateResponse(request, "admin/tryon/provideraccount/test.html", context)

    def _send(self, request: HttpRequest, account: ProviderAccount, trial: Trial) -> str:
        try:
            row = trial.send(staff_user(request))
        except TryOnError as error:
            messages.error(request, staff_text(error.code, error.params))
            return ""
        log(staff_user(request), [account], f"test sent, {trial.price}")
        messages.success(request, _("The test is on its way. Here is its timeline; reload to see it move on."))
        return self.page("tryonresult_change", row.pk) if row else ""


class ProviderAccountAdmin(ProviderAccountAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
