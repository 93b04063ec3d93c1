"""Review links of a batch: made, shown once, and taken back on the page of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.models import ReviewLink
from tryon.studio import review

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from tryon.models import Batch

LONGEST_DAYS = 90


class ReviewLinksMixin(AdminPagesMixin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.link_view)
        return [path("<uuid:pk>/link/", view, name="tryon_batch_link"), *super().get_urls()]

    def review_links(self, request: HttpRequest, batch: Batch) -> dict[str, Any] | None:
        """None where links can't be made: no permission, or the project has not included our URLs."""
        if not self.has_review_permission(request) or not _address("x"):
            return None
        links = batch.review_links.filter(revoked_at=None)
        return {
            "url": self.page("batch_link", batch.pk),
            "open": [link for link in links if link.is_open()],
            "days": review.LINK_DAYS,
            "most": LONGEST_DAYS,
        }

    def link_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST ``name`` and ``days`` makes a link; ``revoke=<id>`` takes one back."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_review_permission(request):
            raise PermissionDenied
        batch = self.batch_or_404(request, pk)  # type: ignore[attr-defined]
        data = request.POST
        if revoked := data.get("revoke", ""):
            key = int(revoked) if revoked.isdecimal() and len(revoked) < 19 else 0
            link = get_object_or_404(ReviewLink, batch=batch, pk=key)
            review.revoke(link, user=staff_user(request))
            self.message_user(request, _("The link of %(name)s opens nothing any more.") % {"name": link.name})
        else:
            days = data.get("days", "")
            length = int(days) if days.isdecimal() and 1 <= int(days[:4]) <= LONGEST_DAYS else review.LINK_DAYS
            link, token = review.make_link(batch, name=data.get("name", ""), user=staff_user(request), days=length)
            address = request.build_absolute_uri(_address(token))
            words = _("Link for %(name)s, shown only now:") % {"name": link.name}
            self.message_user(request, format_html("{} <code>{}</code>", words, address), messages.SUCCESS)
        return HttpResponseRedirect(self.page("batch_change", batch.pk))


def _address(token: str) -> str:
    try:
        return reverse("tryon:outside-review", kwargs={"token": token})
    except NoReverseMatch:
        return ""
