"""Registers our models on the default admin site, unless ``TRYON["ADMIN"]`` is False.

The mixins are for a shop's own ``ModelAdmin`` classes and admin sites: ``GarmentAdminMixin``, ``BatchAdminMixin``,
``ShotAdminMixin``, ``PresetModelAdminMixin``, ``ConsentAdminMixin``, ``ReportAdminMixin``, and
``ShotsPanelMixin`` for the admin of the shop's products.
"""

from __future__ import annotations

from django.contrib import admin

from tryon.admin.accounts import ProviderAccountAdmin
from tryon.admin.batches import BatchAdmin
from tryon.admin.consents import ConsentAdmin
from tryon.admin.garments import GarmentAdmin
from tryon.admin.ledger import LedgerAdmin
from tryon.admin.overview import OverviewAdmin
from tryon.admin.presets import PresetModelAdmin
from tryon.admin.reports import ReportAdmin
from tryon.admin.results import TryOnResultAdmin
from tryon.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin
from tryon.conf import conf
from tryon.models import (
    Batch,
    Consent,
    Garment,
    LedgerEntry,
    Overview,
    PresetModel,
    ProviderAccount,
    ShareLink,
    TryOnResult,
    WebhookDelivery,
    WebhookEndpoint,
)

if conf.ADMIN:
    admin.site.register(Garment, GarmentAdmin)
    admin.site.register(PresetModel, PresetModelAdmin)
    admin.site.register(TryOnResult, TryOnResultAdmin)
    admin.site.register(Batch, BatchAdmin)
    admin.site.register(Consent, ConsentAdmin)
    admin.site.register(ShareLink, ReportAdmin)
    admin.site.register(Overview, OverviewAdmin)
    admin.site.register(ProviderAccount, ProviderAccountAdmin)
    admin.site.register(LedgerEntry, LedgerAdmin)
    admin.site.register(WebhookEndpoint, WebhookEndpointAdmin)
    admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
