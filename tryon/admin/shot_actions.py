"""What staff do with on-model shots: publish, take back, make again, cancel. Each act is written to the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.generate import queue_shots, shots_page
from tryon.admission import cancel, plan_shots
from tryon.choices import Operation, Status
from tryon.models import FINAL, TryOnOutput, TryOnResult
from tryon.signals import send_after_commit, shot_published

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    Rows = QuerySet[TryOnResult]


class ShotActionsMixin(AdminPagesMixin):
    """The four acts, as list actions and as buttons on the page of one shot."""

    guarded_actions: ClassVar[tuple[str, ...]] = ("publish_shots", "unpublish_shots", "make_again", "cancel_shots")
    actions = guarded_actions

    @admin.action(description=gettext_lazy("Publish selected shots"), permissions=["publish"])
    def publish_shots(self, request: HttpRequest, queryset: Rows) -> None:
        rows = list(_shots(queryset))
        published = publish([row for row in rows if row.status == Status.SUCCEEDED], request)
        done = ngettext("%(number)d shot published.", "%(number)d shots published.", len(published))
        left = _("%(number)d left out: not ready, or published already.")
        self._tell(request, done, len(published), left, len(rows) - len(published))

    @admin.action(description=gettext_lazy("Unpublish selected shots"), permissions=["publish"])
    def unpublish_shots(self, request: HttpRequest, queryset: Rows) -> None:
        rows = list(_shots(queryset))
        taken = unpublish(rows, request)
        done = ngettext("%(number)d shot unpublished.", "%(number)d shots unpublished.", len(taken))
        left = _("%(number)d left out: not published.")
        self._tell(request, done, len(taken), left, len(rows) - len(taken))

    @admin.action(description=gettext_lazy("Make again"), permissions=["generate"])
    def make_again(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        rows = list(_shots(queryset).select_related("garment", "preset_model"))
        wanted = {(row.garment, row.preset_model): None for row in rows}
        models = {preset for _garment, preset in wanted if preset is not None}
        possible = set(plan_shots({garment for garment, _preset in wanted}, models).pairs)
        shots = [(garment, preset) for garment, preset in wanted if preset and (garment, preset) in possible]
        results = queue_shots(shots, request)
        done = ngettext("%(number)d shot queued.", "%(number)d shots queued.", len(results))
        left = _("%(number)d left out: chosen twice, or the garment or model is switched off.")
        self._tell(request, done, len(results), left, len(rows) - len(results))
        target = shots_page(self, request, results) if results else ""
        return HttpResponseRedirect(target) if target else None

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel_shots(self, request: HttpRequest, queryset: Rows) -> None:
        rows = list(_shots(queryset))
        stopped = [row for row in rows if row.status not in FINAL and cancel(row)]
        LogEntry.objects.log_actions(staff_user(request).pk, stopped, CHANGE, _("Cancelled."))
        done = ngettext("%(number)d shot cancelled.", "%(number)d shots cancelled.", len(stopped))
        self._tell(request, done, len(stopped), _("%(number)d left out: over already."), len(rows) - len(stopped))

    # ------------------------------------------------------------ the buttons on one shot's page

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("<uuid:pk>/act/", view, name="tryon_tryonresult_act"), *super().get_urls()]

    def act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST ``act=<name of an action>`` for one shot."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        allowed = {name: function for function, name, *_rest in self.shot_actions(request)}
        function = allowed.get(request.POST.get("act", ""))
        if function is None or not self.has_view_permission(request):
            raise PermissionDenied
        queryset = self.get_queryset(request).filter(pk=pk)
        if not _shots(queryset).exists():
            raise Http404
        answer: HttpResponse | None = function(request, queryset)
        return answer or HttpResponseRedirect(self.page("tryonresult_change", pk))

    def shot_actions(self, request: HttpRequest) -> list[tuple[Callable[..., Any], str, str]]:
        """(function, name, words) of the acts that this user may do."""
        ours = [action for name in self.guarded_actions if (action := self.get_action(name))]
        allowed = self._filter_actions_by_permissions(request, ours)  # type: ignore[attr-defined]
        return [(getattr(self, name), name, str(words)) for _function, name, words in allowed]

    def _tell(self, request: HttpRequest, done: str, number: int, left: str, left_number: int) -> None:
        words = [done % {"number": number}] if number else []
        if left_number > 0:
            words.append(left % {"number": left_number})
        self.message_user(request, " ".join(words), messages.SUCCESS if number else messages.WARNING)


def _shots(queryset: Rows) -> Rows:
    """Acts are for on-model shots only, whatever was selected."""
    return queryset.filter(operation=Operation.MODEL_SHOT.value)


def publish(rows: list[TryOnResult], request: HttpRequest) -> set[UUID]:
    """Give the pictures of finished shots to the shop; the keys of the shots for which that was new."""
    now = timezone.now()
    with transaction.atomic():
        fresh = list(_locked(rows).filter(published_at__isnull=True))
        TryOnOutput.objects.filter(pk__in=[output.pk for output in fresh]).update(published_at=now)
        for output in fresh:
            output.published_at = now
            send_after_commit(shot_published, TryOnOutput, output=output)
        return _log(rows, fresh, request, _("Published."))


def unpublish(rows: list[TryOnResult], request: HttpRequest) -> set[UUID]:
    with transaction.atomic():
        taken = list(_locked(rows).filter(published_at__isnull=False))
        TryOnOutput.objects.filter(pk__in=[output.pk for output in taken]).update(published_at=None)
        return _log(rows, taken, request, _("Unpublished."))


def _locked(rows: list[TryOnResult]) -> QuerySet[TryOnOutput]:
    return TryOnOutput.objects.select_for_update().filter(result__in=rows).order_by("pk")


def _log(rows: list[TryOnResult], outputs: list[TryOnOutput], request: HttpRequest, message: str) -> set[UUID]:
    changed = {output.result_id for output in outputs}
    LogEntry.objects.log_actions(staff_user(request).pk, [row for row in rows if row.pk in changed], CHANGE, message)
    return changed
