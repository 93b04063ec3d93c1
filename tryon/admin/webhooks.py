"""The shop's own servers that are told: are they well, what were they told, send a test.

A secret is shown once, to whoever makes an endpoint or a new secret over the API. It is never shown here, and so no
endpoint is made here either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tryon import webhooks
from tryon.admin.base import AdminPagesMixin, staff_user
from tryon.admin.words import chip
from tryon.models import WebhookDelivery, WebhookEndpoint
from tryon.providers.ssrf import Refused
from tryon.studio.log import log

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in webhooks.EVENTS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("None ticked: all of them."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "events")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            webhooks.check_address(url)
        except Refused as error:
            raise forms.ValidationError(_("This address can't be used: %(why)s"), params={"why": str(error)}) from None
        return url


class WebhookEndpointAdminMixin(AdminPagesMixin):
    """Register it for ``tryon.models.WebhookEndpoint`` on any admin site."""

    form = EndpointForm
    list_display = ("__str__", "state_cell", "events_cell", "failures", "created_at")
    readonly_fields = ("state_cell", "failures", "rotated_at", "created_at")
    actions = ("send_test", "switch_on", "switch_off")
    guarded_actions = actions

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # its secret would have to be shown

    @admin.display(description=gettext_lazy("State"))
    def state_cell(self, endpoint: WebhookEndpoint) -> SafeString:
        if endpoint.disabled_at:
            return chip(endpoint.disabled_because or _("Switched off"), "quiet")
        if endpoint.paused_until and endpoint.paused_until > timezone.now():
            return chip(_("Left alone for a while"), "bad")
        return chip(_("On"), "note" if endpoint.failures else "good")

    @admin.display(description=gettext_lazy("Events"))
    def events_cell(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.events) or _("all")

    @admin.action(description=gettext_lazy("Send a test event"), permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        sent = webhooks.send_test(queryset.filter(disabled_at=None))
        log(staff_user(request), [delivery.endpoint for delivery in sent], "test event sent")
        words = ngettext("%(n)d test event is on its way.", "%(n)d test events are on their way.", len(sent))
        messages.success(request, words % {"n": len(sent)})

    @admin.action(description=gettext_lazy("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        self._switch(request, queryset, on=True)

    @admin.action(description=gettext_lazy("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint], *, on: bool) -> None:
        changed = [webhooks.change(endpoint, enabled=on) for endpoint in queryset.filter(disabled_at__isnull=not on)]
        log(staff_user(request), changed, "switched on" if on else "switched off")
        words = _("Switched on: %(n)d.") if on else _("Switched off: %(n)d.")
        messages.success(request, words % {"n": len(changed)})


class WebhookDeliveryAdminMixin(AdminPagesMixin):
    """Register it for ``tryon.models.WebhookDelivery`` on any admin site. They are for looking at."""

    list_display = ("event", "endpoint", "created_at", "attempts", "delivered_at", "next_at", "last_answer")
    list_filter = ("event", ("delivered_at", admin.EmptyFieldListFilter), "endpoint")
    list_select_related = ("endpoint",)
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ("send_again",)
    guarded_actions = actions

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WebhookDelivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WebhookDelivery | None = None) -> bool:
        return False  # tryon_purge deletes them

    def has_endpoint_permission(self, request: HttpRequest) -> bool:
        return staff_user(request).has_perm("tryon.change_webhookendpoint")

    @admin.action(description=gettext_lazy("Send again now"), permissions=["endpoint"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        told = webhooks.send_again(queryset)
        log(staff_user(request), told, "sent again")
        messages.success(request, _("Sent again, with the same webhook-id: %(n)d.") % {"n": len(told)})


class WebhookEndpointAdmin(WebhookEndpointAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass


class WebhookDeliveryAdmin(WebhookDeliveryAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass
