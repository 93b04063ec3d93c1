"""Pictures on admin pages. Shoppers' photos and previews never pass through here."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from django.db.models import Q
from django.http import FileResponse, Http404
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from tryon.choices import Operation
from tryon.links import SIZES
from tryon.models import Garment, PresetModel, TryOnOutput

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models.fields.files import FieldFile
    from django.http import HttpResponseBase
    from django.utils.safestring import SafeString

SMALL_SIDE = 512  # a garment picture with a shorter side makes poor shots


def for_shop(prefix: str = "") -> Q:
    """What was made for the shop, and for no shopper: on-model shots and their edited versions."""
    return Q(**{f"{prefix}shopper": None}) & ~Q(**{f"{prefix}operation": Operation.TRY_ON.value})


def source_url(row: Garment | PresetModel, size: str = "thumb") -> str:
    """The picture of a garment or preset model; "" when there is none, or the project has not included our URLs."""
    if not row.image:
        return ""
    name = "tryon:garment-picture" if isinstance(row, Garment) else "tryon:model-picture"
    try:
        path = reverse(name, kwargs={"pk": row.pk, "size": size})
    except NoReverseMatch:
        return ""
    return f"{path}?v={row.sha256[:16]}"


def picture(url: str, alt: str, css: str = "tryon-thumb") -> SafeString:
    if not url:
        return format_html('<span class="{} tryon-no-picture">{}</span>', css, _("No picture"))
    return format_html('<img class="{}" src="{}" alt="{}" loading="lazy" decoding="async">', css, url, alt)


def is_small(row: Garment | PresetModel) -> bool:
    return min(row.width or 0, row.height or 0) < SMALL_SIDE


def shot_response(pk: UUID, size: str) -> HttpResponseBase:
    """The file of one on-model shot. What was made for a shopper is not found, whoever asks."""
    if size not in SIZES:
        raise Http404
    output = TryOnOutput.objects.filter(for_shop("result__"), pk=pk).first()
    if output is None:
        raise Http404
    # a clip or a sound has no smaller one
    file = {"full": output.file, "card": output.card or output.file, "thumb": output.thumb or output.file}[size]
    return private_file(file, output.mime)


def private_file(file: FieldFile, mime: str = "") -> HttpResponseBase:
    """A file of ours as it is, for this member of staff and no cache. 404 when it is gone."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise Http404 from error
    kind = mime or mimetypes.guess_type(str(file.name))[0] or "application/octet-stream"
    response = FileResponse(stream, content_type=kind)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return response
