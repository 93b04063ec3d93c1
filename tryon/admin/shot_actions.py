"""What staff do with on-model shots: approve, publish, take back, make again, cancel. Each act is in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon.admin.base import staff_user
from tryon.admin.pictures import for_shop
from tryon.admin.publish import PublishMixin
from tryon.admission import cancel
from tryon.choices import Status
from tryon.models import FINAL, TryOnOutput, TryOnResult
from tryon.studio import publishing, review
from tryon.studio.again import make_again
from tryon.studio.log import log

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    Rows = QuerySet[TryOnResult]


class ShotActionsMixin(PublishMixin):
    """The acts, in the list and as buttons on the page of one shot."""

    guarded_actions: ClassVar[tuple[str, ...]] = (
        "approve_shots",
        "publish_shots",
        "unpublish_shots",
        "make_again",
        "cancel_shots",
    )
    actions = guarded_actions

    @admin.action(description=gettext_lazy("Approve selected shots"), permissions=["review"])
    def approve_shots(self, request: HttpRequest, queryset: Rows) -> None:
        outputs = list(_outputs(queryset))
        decided = review.approve(outputs, review.Reviewer.staff(staff_user(request)))
        done = ngettext(
            "%(number)d shot approved. “Publish…” puts it on its product page.",
            "%(number)d shots approved. “Publish…” puts them on their product pages.",
            len(decided.done),
        )
        left = _("%(number)d left out: somebody else has it, or it is published.")
        self._tell(request, done, len(decided.done), left, len(decided.lost))

    @admin.action(description=gettext_lazy("Publish selected shots…"), permissions=["publish"])
    def publish_shots(self, request: HttpRequest, queryset: Rows) -> HttpResponse:
        return self.publish_page(request, list(_outputs(queryset).values_list("pk", flat=True)), QueryDict())

    @admin.action(description=gettext_lazy("Unpublish selected shots"), permissions=["publish"])
    def unpublish_shots(self, request: HttpRequest, queryset: Rows) -> None:
        outputs = list(_outputs(queryset))
        taken = publishing.unpublish(outputs, user=staff_user(request))
        done = ngettext("%(number)d shot unpublished.", "%(number)d shots unpublished.", len(taken))
        self._tell(request, done, len(taken), _("%(number)d left out: not published."), len(outputs) - len(taken))

    @admin.action(description=gettext_lazy("Make again"), permissions=["generate"])
    def make_again(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        rows = list(_shots(queryset).select_related("garment", "preset_model", "batch"))
        possible = [row for row in rows if row.garment.active and (row.preset_model is None or row.preset_model.active)]
        made = make_again(possible, user=staff_user(request)) if possible else []  # type: ignore[arg-type]
        done = ngettext("%(number)d shot queued.", "%(number)d shots queued.", len(made))
        left = _("%(number)d left out: the garment or model is switched off.")
        self._tell(request, done, len(made), left, len(rows) - len(made))
        target = self.page("batch_change", made[0].batch_id) if made else ""
        return HttpResponseRedirect(target) if target else None

    @admin.action(description=gettext_lazy("Cancel"), permissions=["generate"])
    def cancel_shots(self, request: HttpRequest, queryset: Rows) -> None:
        rows = list(_shots(queryset))
        stopped = [row for row in rows if row.status not in FINAL and cancel(row)]
        log(staff_user(request), stopped, _("Cancelled."))
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
    """Acts are for the shop's own pictures only, whatever was selected."""
    return queryset.filter(for_shop())


def _outputs(queryset: Rows) -> QuerySet[TryOnOutput]:
    """The pictures of what was selected, in its order."""
    rows = _shots(queryset).filter(status=Status.SUCCEEDED)
    outputs = TryOnOutput.objects.filter(result__in=rows.order_by().values("pk"))
    return outputs.select_related("result__garment", "result__preset_model", "result__batch").order_by(
        "-result__created_at", "result_id", "position"
    )
