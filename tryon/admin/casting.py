"""The casting report and the page of stale shots: what the shop's pictures lack, and what has become untrue.

Both mixins are part of ``GarmentAdminMixin``.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.pictures import source_url
from tryon.errors import TryOnError
from tryon.models import LIVE, Batch, Garment, TryOnOutput, TryOnResult
from tryon.studio import batches, casting, log, stale
from tryon.studio.permissions import GENERATE
from tryon.studio.prices import once_more

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

PER_PAGE = 50
PICKS_SHOWN = 60


class PlanForm(forms.Form):
    shots = forms.IntegerField(
        label=gettext_lazy("At most so many shots"), min_value=1, max_value=casting.MOST_SHOTS, initial=60
    )
    budget = forms.DecimalField(
        label=gettext_lazy("Spend at most"), min_value=0, max_digits=10, decimal_places=2, required=False
    )
    views = forms.CharField(
        label=gettext_lazy("Further views"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("back view, side view")}),
        help_text=gettext_lazy("Beside the front, with commas. A shot counts for the view that its theme names."),
    )

    def view_list(self) -> list[str]:
        return [view.strip() for view in (self.cleaned_data.get("views") or "").split(",") if view.strip()]


class CastingMixin(AdminPagesMixin):
    """``casting/``: GET shows what is lacking and, with numbers given, a plan; POST makes the plan a batch."""

    change_list_template = "admin/tryon/garment/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With links to the pages about all garments; that of stale shots only when there are some."""
        links = [(_("Casting"), self.page("garment_casting"))]
        if number := stale.stale().count():
            words = ngettext("%(number)d stale shot", "%(number)d stale shots", number) % {"number": number}
            links.append((words, self.page("garment_stale")))
        if standings := self.page("batch_standings"):
            links.append((_("Providers compared"), standings))
        return super().changelist_view(request, {"tryon_links": links, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.casting_view)
        return [path("casting/", view, name="tryon_garment_casting"), *super().get_urls()]

    def casting_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else request.GET
        form = PlanForm(data if "shots" in data else None)
        valid = form.is_bound and form.is_valid()
        report = casting.Report(views=form.view_list() if valid else ())
        plan = None
        if valid:
            budget: Decimal | None = form.cleaned_data["budget"]
            plan = report.plan(shots=form.cleaned_data["shots"], budget=budget)
        if request.method == "POST":
            answer = self._make_plan(request, plan)
            if answer is not None:
                return answer
        return self._casting_page(request, form, report, plan)

    def _make_plan(self, request: HttpRequest, plan: casting.CastingPlan | None) -> HttpResponse | None:
        if not staff_user(request).has_perm(GENERATE):
            raise PermissionDenied
        key = next(iter(_keys([request.POST.get("key", "")])), None)
        if key and Batch.objects.filter(pk=key).exists():  # the form came in twice
            return HttpResponseRedirect(self.page("batch_change", key) or self.page("garment_casting"))
        if plan is None or not plan.picks:
            self.message_user(request, _("There is nothing to make."), messages.WARNING)
            return None
        budget = request.POST.get("budget") or None
        try:
            batch = batches.create(
                plan,
                user=staff_user(request),  # type: ignore[arg-type]
                name=_("Casting"),
                key=key,
                max_cost=Decimal(budget) if budget else None,
            )
        except TryOnError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return None
        words = _("%(plan)s Watch the progress here.") % {"plan": casting.in_words(plan)}
        self.message_user(request, words, messages.SUCCESS)
        url = self.page("batch_change", batch.pk) or self.page("tryonresult_changelist")
        return HttpResponseRedirect(url or self.page("garment_casting"))

    def _casting_page(
        self, request: HttpRequest, form: PlanForm, report: casting.Report, plan: casting.CastingPlan | None
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        table = report.table()
        page = Paginator(table, PER_PAGE).get_page(request.GET.get("p"))
        garments = Garment.objects.in_bulk(
            [pk for pk, _lacks in page] + [pick.garment_id for pick in (plan.picks if plan else [])[:PICKS_SHOWN]]
        )
        shares = report.shares()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Casting"),
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "total": len(report.categories),
            "lacking": len(table),
            "without": sum(not lack.shots for _pk, lack in table),
            "page": page,
            "rows": [(garments[pk], lack, self._thumb(garments[pk])) for pk, lack in page if pk in garments],
            "shares": [
                (_("Size"), _bars(shares["sizes"])),
                (_("Skin tone"), _bars(shares["tones"])),
                (_("View"), _bars({view or _("front"): number for view, number in shares["views"].items()})),
            ],
            "plan": plan,
            "plan_words": casting.in_words(plan) if plan and plan.picks else "",
            "picks": [(garments[pick.garment_id], pick) for pick in plan.picks[:PICKS_SHOWN]] if plan else [],
            "more_picks": max(0, len(plan.picks) - PICKS_SHOWN) if plan else 0,
            "can_generate": staff_user(request).has_perm(GENERATE),
            "key": uuid.uuid4(),
            "query": form.data.urlencode() if form.is_bound and hasattr(form.data, "urlencode") else "",
            "form_url": self.page("garment_casting"),
            "list_url": self.page("garment_changelist"),
        }
        return TemplateResponse(request, "admin/tryon/garment/casting.html", context)

    def _thumb(self, garment: Garment) -> str:
        return source_url(garment)


def _bars(counts: Any) -> list[tuple[str, int, int]]:
    """(word, number, number of the largest), for the meters."""
    most = max(counts.values(), default=0)
    return [(word or _("not said"), number, most) for word, number in counts.items()]


class StaleMixin(AdminPagesMixin):
    """``stale/``: published shots whose garment changed, with one button to make them again."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.stale_view)
        return [path("stale/", view, name="tryon_garment_stale"), *super().get_urls()]

    def stale_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        shots = stale.stale().select_related("result__garment", "result__preset_model", "result__source__result")
        again = TryOnResult.objects.filter(
            Q(again_of=OuterRef("result")) | Q(again_of=OuterRef("result__source__result")), status__in=LIVE
        )
        if request.method == "POST":
            ticked = shots.filter(pk__in=_keys(request.POST.getlist("shot")))
            if "keep" in request.POST:
                self._keep(request, list(ticked))
            else:
                self._remake(request, list(ticked))
            return HttpResponseRedirect(self.page("garment_stale"))
        request.current_app = self.admin_site.name
        page = Paginator(shots.annotate(coming=Exists(again)), PER_PAGE).get_page(request.GET.get("p"))
        may_generate = staff_user(request).has_perm(GENERATE)
        prices = once_more((output.result for output in page), anonymous=False) if may_generate else {}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Stale shots"),
            "opts": self.opts,
            "media": self.media,
            "page": page,
            "rows": [self._stale_row(output, prices) for output in page],
            "can_generate": may_generate,
            "can_keep": self.has_publish_permission(request),
            "list_url": self.page("garment_changelist"),
        }
        return TemplateResponse(request, "admin/tryon/garment/stale.html", context)

    def _stale_row(self, output: Any, prices: dict[uuid.UUID, str]) -> dict[str, Any]:
        garment = output.result.garment
        return {
            "output": output,
            "garment": garment,
            "source": source_url(garment),
            "shot": self.page("garment_version", garment.pk, output.pk, "thumb"),
            "url": self.page("tryonresult_change", output.result_id),
            "coming": output.coming,
            "price": prices.get(output.result_id, ""),
            "can_be_made": garment.active and not output.coming,
        }

    def _remake(self, request: HttpRequest, shots: list[TryOnOutput]) -> None:
        if not staff_user(request).has_perm(GENERATE):
            raise PermissionDenied
        made = stale.remake(shots, user=staff_user(request))  # type: ignore[arg-type]
        words = ngettext("%(number)d shot is made again.", "%(number)d shots are made again.", len(made))
        left = len(shots) - len(made)
        told = [words % {"number": len(made)}] if made else []
        if left:
            told.append(_("%(number)d left out: switched off, or being made already.") % {"number": left})
        self.message_user(
            request, " ".join(told) or _("Tick the shots first."), messages.SUCCESS if made else messages.WARNING
        )

    def _keep(self, request: HttpRequest, shots: list[TryOnOutput]) -> None:
        if not self.has_publish_permission(request):
            raise PermissionDenied
        kept = stale.keep(shots)
        log.log(
            staff_user(request), [output.result for output in shots], _("Still right after a change of the garment.")
        )
        words = ngettext("%(number)d shot is kept as it is.", "%(number)d shots are kept as they are.", kept)
        self.message_user(request, words % {"number": kept}, messages.SUCCESS if kept else messages.WARNING)


def _keys(given: list[str]) -> list[uuid.UUID]:
    keys = []
    for text in given:
        try:
            keys.append(uuid.UUID(text))
        except ValueError:
            continue
    return keys
