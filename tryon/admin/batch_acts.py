"""What can be done about a batch: pause, go on, cancel, retry, another limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.order import amount_of
from tryon.choices import Status
from tryon.models import BatchStatus
from tryon.studio import again, batches
from tryon.studio.money import money
from tryon.studio.prices import total_price

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from tryon.models import Batch


class BatchActsMixin(AdminPagesMixin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("<uuid:pk>/act/", view, name="tryon_batch_act"), *super().get_urls()]

    def buttons(self, request: HttpRequest, batch: Batch, done: batches.Progress) -> list[tuple[str, str]]:
        """(act, words) that make sense now, for who may order pictures."""
        if not self.has_generate_permission(request):
            return []
        found = []
        waiting = done.counts.get(Status.QUEUED, 0)
        if batch.status == BatchStatus.RUNNING.value and waiting:
            # what is being made is finished and paid; what has only been set aside is all that it can cost
            words = _("Pause (%(amount)s is set aside for what runs)") if done.reserved else _("Pause (free)")
            found.append(("pause", words % {"amount": money(done.reserved)}))
        if batch.status == BatchStatus.PAUSED.value:
            number, most = total_price(batches.held(batch))
            words = ngettext(
                "Go on with %(number)d shot (at most %(amount)s)",
                "Go on with %(number)d shots (at most %(amount)s)",
                number,
            )
            found.append(("resume", words % {"number": number, "amount": money(most)}))
        if waiting and batch.status != BatchStatus.CANCELED.value:
            words = ngettext("Cancel %(number)d shot (free)", "Cancel the remaining %(number)d shots (free)", waiting)
            found.append(("cancel", words % {"number": waiting}))
        if done.counts.get(Status.FAILED, 0) + done.counts.get(Status.BLOCKED, 0):
            number, most = again.retry_price(batch)
            words = _("Retry %(number)d failed (at most %(amount)s)")
            found.append(("retry", words % {"number": number, "amount": money(most)}))
        return found

    def _change_limit(self, request: HttpRequest, batch: Batch, user: Any) -> bool:
        text = request.POST.get("max_cost", "")
        amount = amount_of(text)
        if amount is None and text.strip():
            return False
        batches.change_limit(batch, amount, user=user)
        return True

    def act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST ``act=pause|resume|cancel|retry``."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_generate_permission(request):
            raise PermissionDenied
        batch = self.batch_or_404(request, pk)  # type: ignore[attr-defined]
        user: Any = staff_user(request)
        act = request.POST.get("act", "")
        if act == "pause":
            words = _("Paused. What is being made just now is still finished. “Go on” makes the rest.")
            done = int(batches.pause(batch, user=user))
        elif act == "resume":
            words, done = _("Going on. Watch the progress below."), int(batches.resume(batch, user=user))
        elif act == "limit":
            words, done = _("The limit is changed."), int(self._change_limit(request, batch, user))
        elif act == "cancel":
            done = batches.cancel(batch, user=user)
            words = ngettext("%(number)d shot cancelled.", "%(number)d shots cancelled.", done) % {"number": done}
        elif act == "retry":
            done = again.retry_failed(batch, user=user)
            words = ngettext("%(number)d shot queued again.", "%(number)d shots queued again.", done)
            words = f"{words % {'number': done}} {_('Watch the progress below.')}"
        else:
            raise PermissionDenied
        if done:
            self.message_user(request, words, messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing to do: the batch has moved on meanwhile."), messages.WARNING)
        return HttpResponseRedirect(self.page("batch_change", batch.pk))
