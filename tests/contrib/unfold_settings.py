"""The suite's shop under django-unfold's theme. For a process of its own: the theme replaces the admin's templates."""

from __future__ import annotations

from django.templatetags.static import static

from tests.settings import *  # noqa: F403

INSTALLED_APPS = ["unfold", *(app for app in INSTALLED_APPS if app != "django.contrib.admin")]  # noqa: F405
INSTALLED_APPS.insert(1, "django.contrib.admin")
TRYON = {**TRYON, "ADMIN": False, "PROVIDERS": {"instant": {"BACKEND": "tests.providers.fakes.InstantProvider"}}}  # noqa: F405
ROOT_URLCONF = "tests.contrib.unfold_urls"
UNFOLD = {"SITE_TITLE": "House", "STYLES": [lambda request: static("tryon/unfold.css")]}
