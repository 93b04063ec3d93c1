from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest

from tryon.admin.panel import ShotsPanelMixin
from tryon.garments import sync_product
from tryon_shop.models import Product, ProductColour


class ColourInline(admin.StackedInline):  # type: ignore[type-arg]
    model = ProductColour
    extra = 0
    prepopulated_fields = {"key": ["name"]}


@admin.register(Product)
class ProductAdmin(ShotsPanelMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "category", "price", "sizes", "created"]
    list_filter = ["category"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ColourInline]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What is new in the pictures can be tried on as soon as the product is saved."""
        super().save_related(request, form, formsets, change)
        transaction.on_commit(lambda: self.make_garments(request, form.instance))

    def make_garments(self, request: HttpRequest, product: Product) -> None:
        _garments, refused = sync_product(product)
        for variant, error in refused:
            self.message_user(request, f"{variant} can't be tried on: {error.text}", messages.WARNING)
