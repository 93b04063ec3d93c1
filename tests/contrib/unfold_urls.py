"""Our mixins with Unfold's ``ModelAdmin`` on Unfold's site, as docs/studio/unfold.md says."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from tryon.admin.batches import BatchAdminMixin
from tryon.admin.garments import GarmentAdminMixin
from tryon.admin.presets import PresetModelAdminMixin
from tryon.admin.results import ShotAdminMixin
from tryon.models import Batch, Garment, PresetModel, TryOnResult


class GarmentAdmin(GarmentAdminMixin, ModelAdmin):
    pass


class ShotAdmin(ShotAdminMixin, ModelAdmin):
    pass


class BatchAdmin(BatchAdminMixin, ModelAdmin):
    pass


class PresetModelAdmin(PresetModelAdminMixin, ModelAdmin):
    pass


site = UnfoldAdminSite()
site.register(Garment, GarmentAdmin)
site.register(TryOnResult, ShotAdmin)
site.register(Batch, BatchAdmin)
site.register(PresetModel, PresetModelAdmin)
admin.site = site

urlpatterns = [path("admin/", site.urls), path("fit/", include("tryon.urls"))]
