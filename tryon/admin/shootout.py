"""Comparing providers in the admin: judging pictures without names, and what came of it.

``ShootoutMixin`` is part of the admin of batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.pictures import source_url
from tryon.errors import TryOnError
from tryon.models import Batch
from tryon.studio import shootout
from tryon.studio.money import money
from tryon.studio.permissions import REVIEW, SEE_SPEND
from tryon.studio.review import REASON_WORDS

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

COMPLAINTS = 60  # lines shown


class ShootoutMixin(AdminPagesMixin):
    """``<pk>/compare/`` to judge a blind batch, ``standings/`` for what is known of all providers."""

    @property
    def media(self) -> forms.Media:
        from django.forms import Media

        ours = Media(css={"all": ["tryon/studio-tools.css"]}, js=["tryon/studio-tools.js"])
        return super().media + ours

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("standings/", wrap(self.standings_view), name="tryon_batch_standings"),
            path("<uuid:pk>/compare/", wrap(self.compare_view), name="tryon_batch_compare"),
            path(
                "<uuid:pk>/compare/<uuid:output>/",
                wrap(self.blind_picture_view),
                name="tryon_batch_blind_picture",
            ),
            *super().get_urls(),
        ]

    # ------------------------------------------------------------ judging

    def compare_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """GET shows the next group, or ``?group=``; POST judges it."""
        if not staff_user(request).has_perm(REVIEW):
            raise PermissionDenied
        batch = get_object_or_404(Batch, pk=pk)
        groups = shootout.groups(batch)
        done = shootout.judged(batch, staff_user(request))  # type: ignore[arg-type]
        if request.method == "POST":
            group = next((one for one in groups if one.key == request.POST.get("group")), None)
            if group is None or self._judge(request, group):
                return HttpResponseRedirect(self.page("batch_compare", batch.pk))
        asked = request.GET.get("group")
        open_ones = [group for group in groups if not shootout.is_judged(group, done)]
        chosen = next((group for group in groups if group.key == asked), None) or next(iter(open_ones), None)
        return self._compare_page(request, batch, groups, len(groups) - len(open_ones), chosen)

    def _judge(self, request: HttpRequest, group: shootout.Group) -> bool:
        data = request.POST
        try:
            if "best" not in data:
                raise TryOnError("invalid", "nothing chosen")
            best = UUID(data["best"]) if data["best"] else None
            good = {UUID(key) for key in data.getlist("good")} if best else set()
            reasons = [reason for reason in data.getlist("reason") if reason]
            shootout.pick(group, user=staff_user(request), best=best, good=good, reasons=reasons)  # type: ignore[arg-type]
        except (TryOnError, ValueError):
            self.message_user(request, _("Choose the best picture, or that none will do."), messages.ERROR)
            return False
        return True

    def _compare_page(
        self, request: HttpRequest, batch: Batch, groups: list[shootout.Group], done: int, group: shootout.Group | None
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        pictures = shootout.shuffled(group, staff_user(request)) if group else []  # type: ignore[arg-type]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Compare without names"),
            "opts": self.opts,
            "media": self.media,
            "batch": batch,
            "group": group,
            "source": source_url(group.garment, "full") if group else "",
            "pictures": [
                {
                    "letter": letter,
                    "key": number,
                    "output": output,
                    "url": self.page("batch_blind_picture", batch.pk, output.pk),
                }
                for number, (letter, output) in enumerate(pictures, start=1)
            ],
            "reasons": [(reason.value, words) for reason, words in REASON_WORDS.items()],
            "done": done,
            "total": len(groups),
            "standings": self._rows(request, shootout.standings(batch=batch)) if groups and group is None else [],
            "can_see_spend": staff_user(request).has_perm(SEE_SPEND),
            "form_url": self.page("batch_compare", batch.pk),
            "batch_url": self.page("batch_change", batch.pk),
            "list_url": self.page("batch_changelist"),
            "standings_url": self.page("batch_standings"),
        }
        return TemplateResponse(request, "admin/tryon/batch/compare.html", context)

    def blind_picture_view(self, request: HttpRequest, pk: UUID, output: UUID) -> Any:
        """The picture under an address, and with headers, that do not say who made it."""
        from tryon.admin.pictures import private_file
        from tryon.models import TryOnOutput

        if not staff_user(request).has_perm(REVIEW):
            raise PermissionDenied
        row = get_object_or_404(TryOnOutput, pk=output, result__batch=pk)
        return private_file(row.card or row.file)

    # ------------------------------------------------------------ counting

    def standings_view(self, request: HttpRequest) -> HttpResponse:
        """All providers of late, or one batch with ``?batch=``."""
        user = staff_user(request)
        if not (user.has_perm(REVIEW) or user.has_perm(SEE_SPEND)):
            raise PermissionDenied
        batch = _batch(request.GET.get("batch", ""))
        request.current_app = self.admin_site.name
        found = shootout.complaints(batch=batch)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Providers compared"),
            "subtitle": str(batch) if batch else "",
            "opts": self.opts,
            "media": self.media,
            "batch": batch,
            "days": shootout.DAYS,
            "standings": self._rows(request, shootout.standings(batch=batch)),
            "complaints": [(complaint, _category(complaint.category)) for complaint in found[:COMPLAINTS]],
            "more_complaints": max(0, len(found) - COMPLAINTS),
            "can_see_spend": user.has_perm(SEE_SPEND),
            "compare_url": self.page("batch_compare", batch.pk) if batch and batch.blind else "",
            "batch_url": self.page("batch_change", batch.pk) if batch else "",
            "list_url": self.page("batch_changelist"),
        }
        return TemplateResponse(request, "admin/tryon/batch/standings.html", context)

    def _rows(self, request: HttpRequest, standings: list[shootout.Standing]) -> list[dict[str, Any]]:
        spend = staff_user(request).has_perm(SEE_SPEND)
        return [
            {
                "standing": standing,
                "category": _category(standing.category),
                "share": round(100 * standing.rate) if standing.rate is not None else None,
                "score": number_format(standing.score, decimal_pos=0) if standing.score is not None else "",
                "spent": money(standing.spent) if spend else "",
                "each": money(standing.per_approved) if spend and standing.per_approved is not None else "",
            }
            for standing in standings
        ]


def _category(value: str) -> str:
    names = {"upper": _("Upper body"), "lower": _("Lower body"), "full": _("Full body")}
    return names.get(value, value)


def _batch(key: str) -> Batch | None:
    try:
        return Batch.objects.filter(pk=UUID(key)).first() if key else None
    except ValueError:
        return None
