"""Oscar's thumbnailers with the AI mark kept: they make a picture anew, and what its file said is lost.

    OSCAR_THUMBNAILER = "tryon.contrib.oscar.thumbnails.EasyThumbnails"   # or SorlThumbnail

A thumbnail of one of our shots gets the mark of the file it was made from, once; all other pictures are left alone. A
shop with a thumbnailer of its own puts ``KeepsMark`` in front of it.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.core.cache import cache
from django.core.files.base import ContentFile
from oscar.core import thumbnails

from tryon.contrib.oscar.catalog import CODE
from tryon.images.disclosure import is_marked, with_packet, xmp_packet
from tryon.images.intake import Picture
from tryon.images.probe import probe

SEEN_SECONDS = 24 * 3600  # a thumbnail is looked into once a day, not with every page


class KeepsMark:
    def generate_thumbnail(self, source: Any, **opts: Any) -> Any:
        small = super().generate_thumbnail(source, **opts)  # type: ignore[misc]
        name = str(getattr(source, "name", "") or "")
        if PurePosixPath(name).name.startswith(CODE) and small.name != name:
            keep_mark(source, small)
        return small


def keep_mark(source: Any, small: Any) -> None:
    """Write the XMP of ``source`` into the file of its thumbnail, where it has none."""
    key = f"tryon-oscar-mark-{small.name}"
    if cache.get(key):
        return
    storage = small.storage
    with storage.open(small.name, "rb") as stream:
        data = stream.read()
    if not is_marked(data):
        with source.storage.open(source.name, "rb") as stream:
            packet = xmp_packet(stream.read())
        if packet is None:  # published before it was marked: nothing to keep
            return
        mime, width, height = probe(data)
        marked = with_packet(Picture.of(data, mime, (width, height)), packet).data
        storage.delete(small.name)
        storage.save(small.name, ContentFile(marked))
    cache.set(key, 1, SEEN_SECONDS)


class EasyThumbnails(KeepsMark, thumbnails.EasyThumbnails):  # type: ignore[misc]
    pass


class SorlThumbnail(KeepsMark, thumbnails.SorlThumbnail):  # type: ignore[misc]
    pass
