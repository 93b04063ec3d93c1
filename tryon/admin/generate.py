"""The action "Generate on-model shots…": a page that says exactly what would be made, and a POST that queues it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.filters import run_value
from tryon.admin.pictures import source_url
from tryon.admin.words import count_shots
from tryon.admission import ShotPlan, plan_shots, request_shots
from tryon.choices import Category, Operation, Status
from tryon.models import LIVE, Garment, PresetModel, TryOnResult
from tryon.runner.routing import candidates

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from tryon.providers.base import Provider

    Shots = list[tuple[Garment, PresetModel]]

TOKEN_LIFETIME = timedelta(hours=6)
SHOWN = 12  # garments pictured, and skipped ones named, on the confirm page
LONGEST_LINK = 1500  # characters; a longer list of garments does not fit into every server's address line


@dataclass(frozen=True, slots=True)
class Maker:
    """Who would make the shots of some categories, and what that costs."""

    alias: str
    cost: str
    leaves_server: bool


class Order:
    """What is selected on the confirm page. Nothing is made by looking at it."""

    def __init__(self, garments: list[Garment], data: QueryDict) -> None:
        self.garments = garments
        self.presets = list(PresetModel.objects.filter(active=True))
        ticked = set(data.getlist("models")) if "choice" in data else {str(preset.pk) for preset in self.presets}
        self.chosen = [preset for preset in self.presets if str(preset.pk) in ticked]
        self.only_missing = data.get("missing") == "1"
        self.everything = plan_shots(garments, self.presets)

    @property
    def skipped(self) -> tuple[tuple[Garment, str], ...]:
        return self.everything.skipped

    @cached_property
    def made(self) -> set[tuple[int, int]]:
        """(garment, preset model) of the shots that are there or on their way."""
        rows = TryOnResult.objects.filter(
            operation=Operation.MODEL_SHOT.value,
            garment__in=[garment.pk for garment in self.garments],
            status__in=[Status.SUCCEEDED, *LIVE],
        )
        there = set(rows.values_list("garment_id", "preset_model_id"))
        return {
            (garment.pk, preset.pk) for garment, preset in self.everything.pairs if (garment.pk, preset.pk) in there
        }

    @cached_property
    def shots(self) -> Shots:
        """What would be made."""
        chosen = {preset.pk for preset in self.chosen}
        pairs = [(garment, preset) for garment, preset in self.everything.pairs if preset.pk in chosen]
        if self.only_missing:
            pairs = [(garment, preset) for garment, preset in pairs if (garment.pk, preset.pk) not in self.made]
        return pairs

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The preset models as the page offers them, each with what it adds to the count."""
        able = len({garment.pk for garment, _preset in self.everything.pairs})
        rows = []
        for preset in self.presets:
            made = sum(1 for _garment, model in self.made if model == preset.pk)
            # "Mannequin M, tan" says both already
            about = ", ".join(word for word in (preset.size, preset.skin_tone) if word and word not in preset.name)
            rows.append(
                {
                    "preset": preset,
                    "url": source_url(preset),
                    "about": about,
                    "ticked": preset in self.chosen,
                    "all": able,
                    "missing": able - made,
                }
            )
        return rows

    @property
    def garment_ids(self) -> str:
        return ",".join(str(garment.pk) for garment in self.garments)


class GenerateShotsMixin(AdminPagesMixin):
    """For the admin of garments: the action, the confirm page and what follows."""

    actions = ["generate_shots"]
    guarded_actions = ("generate_shots",)

    @admin.action(description=gettext_lazy("Generate on-model shots…"), permissions=["generate"])
    def generate_shots(self, request: HttpRequest, queryset: QuerySet[Garment]) -> HttpResponse:
        return self._confirm(request, Order(list(queryset), QueryDict()))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.generate_view)
        return [path("generate-shots/", view, name="tryon_garment_generate"), *super().get_urls()]

    def generate_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the confirm page for ``?garments=1,2,3``; POST makes the shots, or shows a changed choice."""
        if not self.has_generate_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else request.GET
        garments = self._named_garments(request, data.get("garments", ""))
        if not garments:
            self.message_user(request, _("Select the garments first."), messages.WARNING)
            return HttpResponseRedirect(self.page("garment_changelist"))
        order = Order(garments, data)
        if request.method == "POST" and ("make" in data or "one" in data):
            if order.shots:
                return self._make(request, order, one="one" in data)
            self.message_user(request, _("There is nothing to make: tick at least one model."), messages.WARNING)
        return self._confirm(request, order)

    def _named_garments(self, request: HttpRequest, text: str) -> list[Garment]:
        """In the order given. Only digits that fit a database key are looked up."""
        wanted = list(dict.fromkeys(int(part) for part in text.split(",") if part.isdecimal() and len(part) < 19))
        found = {garment.pk: garment for garment in self.get_queryset(request).filter(pk__in=wanted)}
        return [found[pk] for pk in wanted if pk in found]

    def _confirm(self, request: HttpRequest, order: Order) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Generate on-model shots"),
            "opts": self.opts,
            "media": self.media,
            "order": order,
            "form_url": self.page("garment_generate"),
            "back_url": self.page("garment_changelist"),
            "preset_url": self.page("presetmodel_changelist"),
            "token": uuid.uuid4().hex,
            "shown": [(garment, source_url(garment)) for garment in order.garments[:SHOWN]],
            "hidden_garments": max(0, len(order.garments) - SHOWN),
            "skipped": order.skipped[:SHOWN],
            "hidden_skipped": max(0, len(order.skipped) - SHOWN),
            "makers": makers(order.everything.pairs, len(order.shots)),
        }
        return TemplateResponse(request, "admin/tryon/garment/generate.html", context)

    def _make(self, request: HttpRequest, order: Order, *, one: bool) -> HttpResponse:
        token = request.POST.get("token", "")[:64]
        if token and not cache.add(f"tryon-generate-{token}", 1, TOKEN_LIFETIME.total_seconds()):
            self.message_user(request, _("These shots were queued already: the form came in twice."), messages.INFO)
            return HttpResponseRedirect(self.page("tryonresult_changelist") or self.page("garment_changelist"))
        shots = order.shots[:1] if one else order.shots
        results = queue_shots(shots, request)
        self.message_user(request, _summary(len(results), order), messages.SUCCESS)
        if one and len(order.shots) > 1:
            self._offer_the_rest(request, order)
        return HttpResponseRedirect(shots_page(self, request, results) or self.page("garment_changelist"))

    def _offer_the_rest(self, request: HttpRequest, order: Order) -> None:
        """After "Try one first": one click back to the confirm page, with what is made left out."""
        models = [str(preset.pk) for preset in order.chosen]
        query = QueryDict(mutable=True)
        query.update({"garments": order.garment_ids, "missing": "1", "choice": "1"})
        query.setlist("models", models)
        link = f"{self.page('garment_generate')}?{query.urlencode(safe=',')}"
        if len(link) <= LONGEST_LINK:
            words = _("Do you like it? Make the other %(shots)s") % {"shots": count_shots(len(order.shots) - 1)}
            self.message_user(request, format_html('<a href="{}">{}</a>', link, words), messages.INFO)


def queue_shots(shots: Shots, request: HttpRequest) -> list[TryOnResult]:
    """Queue them and write down who asked for what, on each garment: both or neither."""
    with transaction.atomic():
        results = request_shots(ShotPlan(tuple(shots), ()), user=staff_user(request))  # type: ignore[arg-type]
        models_of: dict[Garment, list[str]] = defaultdict(list)
        for garment, preset in shots:
            models_of[garment].append(preset.name)
        alike: dict[tuple[str, ...], list[Garment]] = defaultdict(list)
        for garment, names in models_of.items():
            alike[garment.category, *names].append(garment)
        for (_category, *names), garments in alike.items():
            by = ", ".join(f"{maker.alias}, {maker.cost}" for maker in makers([(garments[0], None)], len(names)))
            words = _("On-model shots queued with %(models)s. Made by: %(by)s.")
            message = words % {"models": ", ".join(names), "by": by}
            LogEntry.objects.log_actions(staff_user(request).pk, garments, CHANGE, message)
    return results


def shots_page(pages: AdminPagesMixin, request: HttpRequest, results: list[TryOnResult]) -> str:
    """The list of these new shots; "" when the user may not see it."""
    if not staff_user(request).has_perm("tryon.view_tryonresult"):
        return ""
    return pages.page("tryonresult_changelist", run=run_value(results))


def makers(pairs: Iterable[tuple[Garment, PresetModel | None]], count: int) -> list[Maker]:
    """Who makes the garments of ``pairs``; ``count`` pictures are asked for in all."""
    first: dict[str, Provider] = {}
    for category in dict.fromkeys(garment.category for garment, _preset in pairs):
        for provider in candidates(Operation.MODEL_SHOT, Category(category))[:1]:
            first[provider.alias] = provider
    alone = len(first) == 1
    return [Maker(alias, _cost(one, count if alone else 0), one.leaves_server) for alias, one in first.items()]


def _cost(provider: Provider, count: int) -> str:
    """In words; a total only where ``count`` pictures are all of this provider's making."""
    if not provider.paid:
        return _("free: made on this server") if not provider.leaves_server else _("free")
    credit = provider.capabilities[Operation.MODEL_SHOT].cost
    if credit is None:
        return _("charged by the provider; the price is not known here")
    if count:
        return _("about %(total)g credits (%(each)g each)") % {"total": credit * count, "each": credit}
    return _("%(each)g credits each") % {"each": credit}


def _summary(queued: int, order: Order) -> str:
    words = [ngettext("%(number)d shot queued", "%(number)d shots queued", queued) % {"number": queued}]
    if order.skipped:
        reasons = ", ".join(dict.fromkeys(reason for _garment, reason in order.skipped))
        number = len(order.skipped)
        skipped = ngettext("%(number)d garment skipped", "%(number)d garments skipped", number) % {"number": number}
        words.append(f"{skipped} ({reasons})")
    return f"{', '.join(words)}. {_('Watch the progress below.')}"
