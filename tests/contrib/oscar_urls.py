"""The addresses of the Oscar shop, and a thumbnailer for where neither of Oscar's libraries is installed."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import include, path
from oscar.core.thumbnails import AbstractThumbnailer
from PIL import Image

from tryon.contrib.oscar.thumbnails import KeepsMark


class Plain(AbstractThumbnailer):
    """As they do: a smaller picture, made anew, without what the file said."""

    def generate_thumbnail(self, source: Any, **options: Any) -> Any:
        name = f"small/{source.name}"
        if not default_storage.exists(name):
            with source.open("rb") as stream, Image.open(stream) as image:
                image.thumbnail((70, 70))
                small = BytesIO()
                image.convert("RGB").save(small, "JPEG")
            default_storage.save(name, ContentFile(small.getvalue()))
        return SimpleNamespace(name=name, storage=default_storage, url=default_storage.url(name))

    def delete_thumbnails(self, source: Any) -> None:
        return


class Thumbnailer(KeepsMark, Plain):
    pass


urlpatterns = [
    path("admin/", admin.site.urls),
    path("fit/", include("tryon.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
