"""A shop's own admin site: our mixins with its own classes, beside the default site, and a product of its own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path

from tryon.admin.accounts import ProviderAccountAdminMixin
from tryon.admin.batches import BatchAdminMixin
from tryon.admin.consents import ConsentAdminMixin
from tryon.admin.garments import GarmentAdminMixin
from tryon.admin.ledger import LedgerAdminMixin
from tryon.admin.overview import OverviewAdminMixin
from tryon.admin.panel import ShotsPanelMixin
from tryon.admin.presets import PresetModelAdminMixin
from tryon.admin.results import ShotAdminMixin
from tryon.models import Batch, Consent, Garment, LedgerEntry, Overview, PresetModel, ProviderAccount, TryOnResult


class HouseAdmin(admin.ModelAdmin):
    """What a shop puts under all its admins."""

    class Media:
        css = {"all": ["house.css"]}


class HouseGarmentAdmin(GarmentAdminMixin, HouseAdmin):
    list_per_page = 10


class HouseShotAdmin(ShotAdminMixin, HouseAdmin):
    pass


class HouseBatchAdmin(BatchAdminMixin, HouseAdmin):
    pass


class HousePresetAdmin(PresetModelAdminMixin, HouseAdmin):
    pass


class HouseConsentAdmin(ConsentAdminMixin, HouseAdmin):
    pass


class HouseOverviewAdmin(OverviewAdminMixin, HouseAdmin):
    pass


class HouseAccountAdmin(ProviderAccountAdminMixin, HouseAdmin):
    pass


class HouseLedgerAdmin(LedgerAdminMixin, HouseAdmin):
    pass


class GroupAsProductAdmin(ShotsPanelMixin, HouseAdmin):
    """Any model can stand for a product: its key is the ``product_ref``."""

    fields = ["name"]


house = admin.AdminSite(name="house")
house.register(Garment, HouseGarmentAdmin)
house.register(TryOnResult, HouseShotAdmin)
house.register(Batch, HouseBatchAdmin)
house.register(PresetModel, HousePresetAdmin)
house.register(Consent, HouseConsentAdmin)
house.register(Overview, HouseOverviewAdmin)
house.register(ProviderAccount, HouseAccountAdmin)
house.register(LedgerEntry, HouseLedgerAdmin)
house.register(Group, GroupAsProductAdmin)

bare = admin.AdminSite(name="bare")
bare.register(Garment, HouseGarmentAdmin)

urlpatterns: list[Any] = [
    path("admin/", admin.site.urls),
    path("house/", house.urls),
    path("bare/", bare.urls),
    path("fit/", include("tryon.urls")),
]

without_tryon: list[Any] = [path("house/", house.urls)]
