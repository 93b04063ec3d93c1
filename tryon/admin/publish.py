"""Publishing in the admin: the list of what would become of each product page, and the confirmation.

One page lists ``MOST`` pictures, as a form can have only so many fields; the keys of the others go along in ``rest``
and have their turn when these are published.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.filters import Shown
from tryon.admin.pictures import for_shop
from tryon.choices import Operation
from tryon.errors import TryOnError
from tryon.models import Review, TryOnOutput
from tryon.studio import publishing, review

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

MOST = 300  # pictures on one page


class PublishMixin(AdminPagesMixin):
    """The page ``tryonresult_publish``: ``?outputs=…`` or ``?batch=``; POST shows it again, or publishes."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.publish_view)
        return [path("publish/", view, name="tryon_tryonresult_publish"), *super().get_urls()]

    def publish_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_publish_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else request.GET
        return self.publish_page(request, _asked(data), data)

    def publish_page(self, request: HttpRequest, keys: list[uuid.UUID], data: QueryDict) -> HttpResponse:
        """``data``: the form; what is not in it yet is as it comes."""
        rest = [*keys[MOST:], *_keys(data.get("rest", "").split(","))]
        outputs = review.loaded(keys[:MOST], TryOnOutput.objects.filter(for_shop("result__")))
        alts = {output.pk: str(data[f"alt-{output.pk}"]) for output in outputs if f"alt-{output.pk}" in data}
        first = data.get("place") == "first"
        steps = publishing.plan(outputs, alts=alts, first=first)
        if request.method == "POST" and "publish" in data and steps:
            done = self._publish(request, steps, len(rest))
            if done and rest:
                return self.publish_page(request, rest, QueryDict(f"place={data.get('place', '')}"))
            if done:
                return HttpResponseRedirect(self.page("tryonresult_changelist", **_list_of(done), published="yes"))
        request.current_app = self.admin_site.name
        items = [(step, self.page("tryonresult_picture", step.output.pk, "thumb"), _mendable(step)) for step in steps]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Publish on-model shots"),
            "opts": self.opts,
            "media": self.media,
            "items": items,  # the last of each: it can be ticked, perhaps after its words were mended
            "able": sum(1 for *_step, offered in items if offered),
            "rest": ",".join(str(key) for key in rest),
            "total": len(items) + len(rest),
            "first": first,
            "form_url": self.page("tryonresult_publish"),
            "back_url": self.page("tryonresult_changelist"),
        }
        return TemplateResponse(request, "admin/tryon/tryonresult/publish.html", context)

    def _publish(self, request: HttpRequest, steps: list[publishing.Step], left: int) -> list[TryOnOutput]:
        try:
            done = publishing.publish(steps, user=staff_user(request))
        except TryOnError as error:
            self.message_user(request, f"{_('Nothing was published.')} {error.detail}", messages.ERROR)
            return []
        number = len(done)
        words = ngettext("%(number)d shot published.", "%(number)d shots published.", number) % {"number": number}
        next_ = _("The others are below.") if left else _("To take one back, open it or select it here: “Unpublish”.")
        self.message_user(request, f"{words} {next_}", messages.SUCCESS)
        return done


def _asked(data: QueryDict) -> list[uuid.UUID]:
    if keys := _keys(data.getlist("outputs")):
        return keys
    batch = _keys([data.get("batch", "")])
    if not batch:
        return []
    ours = TryOnOutput.objects.filter(for_shop("result__"), result__batch=batch[0])
    fresh = ours.filter(review=Review.APPROVED.value, published_at=None)
    ordered = fresh.order_by("result__created_at", "result__priority", "result_id", "position")
    return list(ordered.values_list("pk", flat=True))


def _list_of(done: list[TryOnOutput]) -> dict[str, str]:
    """Which of the lists they are in."""
    edited = all(output.result.operation != Operation.MODEL_SHOT for output in done)
    return {"operation": Shown.EDITED.value} if edited else {}


def _mendable(step: publishing.Step) -> bool:
    """Nothing is wrong with it, or nothing but its words."""
    words = not step.alt or len(step.alt) > publishing.MAX_ALT
    open_ = step.output.published_at is None and step.output.review == Review.APPROVED
    return open_ and (words or step.product is not None)


def _keys(texts: Iterable[str]) -> list[uuid.UUID]:
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
