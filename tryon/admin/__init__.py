"""Registers our models on the default admin site, unless ``TRYON["ADMIN"]`` is False.

The mixins are for a shop's own ``ModelAdmin`` classes and admin sites: ``GarmentAdminMixin``, ``ShotAdminMixin``,
``PresetModelAdminMixin``, ``ConsentAdminMixin``, and ``ShotsPanelMixin`` for the admin of the shop's products.
"""

from __future__ import annotations

from django.contrib import admin

from tryon.admin.consents import ConsentAdmin
from tryon.admin.garments import GarmentAdmin
from tryon.admin.presets import PresetModelAdmin
from tryon.admin.results import TryOnResultAdmin
from tryon.conf import conf
from tryon.models import Consent, Garment, PresetModel, TryOnResult

if conf.ADMIN:
    admin.site.register(Garment, GarmentAdmin)
    admin.site.register(PresetModel, PresetModelAdmin)
    admin.site.register(TryOnResult, TryOnResultAdmin)
    admin.site.register(Consent, ConsentAdmin)
