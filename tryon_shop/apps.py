from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tryon_shop"
    verbose_name = "Shop"
