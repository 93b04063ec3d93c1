"""The only way to a picture: shoppers' photos and previews for their owner, garments and models for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tryon import links
from tryon.catalog import get_catalog
from tryon.choices import Operation
from tryon.identity import shopper_of
from tryon.images.picture import Picture
from tryon.images.renditions import renditions
from tryon.models import Garment, PresetModel, ShopperPhoto, TryOnOutput, TryOnResult
from tryon.storefront.ranges import ranged

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

PRIVATE = "private, no-store"
PUBLISHED = "public, max-age=3600"  # a shot that is unpublished must not live on in caches for long
UNVERSIONED = "public, max-age=300"
FOREVER = "public, max-age=31536000, immutable"


@require_safe
@ranged
def picture(request: HttpRequest, pk: UUID, size: str) -> HttpResponse:
    """A picture made: for its shopper, for the holder of a signed link, and for everybody once it is published."""
    output = TryOnOutput.objects.select_related("result").filter(pk=pk).first()
    if output is None or size not in links.SIZES:
        return missing()
    file = {"full": output.file, "card": output.card, "thumb": output.thumb}[size]
    if output.published_at and output.result.operation == Operation.MODEL_SHOT:
        return send(file, "on-model", PUBLISHED)
    return send(file, "preview", PRIVATE) if _may_see(request, output) else missing()


@require_safe
def instant(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The quick picture of a preview that is still being made, for its shopper; 204 while there is none."""
    shopper = shopper_of(request)
    if shopper is None or not TryOnResult.objects.for_shopper(shopper).filter(pk=pk).exists():
        return missing()
    output = quick_picture(pk)
    return send(output.card, "preview", PRIVATE) if output else _guarded(HttpResponse(status=204), PRIVATE)


def quick_picture(pk: UUID) -> TryOnOutput | None:
    return TryOnOutput.objects.filter(result__preview_of=pk, position=0).first()


@require_safe
@ranged
def photo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A shopper's own photo."""
    shopper = shopper_of(request)
    row = ShopperPhoto.objects.usable().filter(pk=pk, shopper=shopper).first() if shopper else None
    return send(row.file, "photo", PRIVATE) if row else missing()


@require_safe
def photo_thumb(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A small view of a shopper's own photo, made now: a stored one would be one more copy to delete."""
    shopper = shopper_of(request)
    row = ShopperPhoto.objects.usable().filter(pk=pk, shopper=shopper).first() if shopper else None
    if row is None:
        return missing()
    try:
        with row.file.open("rb") as stream:
            data = stream.read()
    except OSError:  # the file was deleted behind our back
        return missing()
    small = renditions(Picture(data, "image/jpeg", row.width, row.height, row.sha256))["thumb"]
    return as_picture(small.data, "image/jpeg", "photo.jpg", PRIVATE)


@require_safe
@ranged
def garment_picture(request: HttpRequest, pk: int, size: str) -> HttpResponse:
    """A garment of a product that shoppers may see; staff see the others too."""
    row = Garment.objects.filter(pk=pk).first()
    if row is None or not (_is_staff(request) or (row.active and get_catalog().get_product(row.product_ref))):
        return missing()
    return _public(request, row, size, "garment")


@require_safe
@ranged
def model_picture(request: HttpRequest, pk: int, size: str) -> HttpResponse:
    row = PresetModel.objects.filter(pk=pk).first()
    if row is None or not (row.active or _is_staff(request)):
        return missing()
    return _public(request, row, size, "model")


def _may_see(request: HttpRequest, output: TryOnOutput) -> bool:
    expires_at = output.result.expires_at
    if expires_at and expires_at <= timezone.now():
        return False
    if "key" in request.GET:
        return links.signature_ok(output.pk, request.GET["key"])
    shopper = shopper_of(request)
    return shopper is not None and output.result.shopper_id == shopper.pk


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_active and user.is_staff)


def _public(request: HttpRequest, row: Garment | PresetModel, size: str, name: str) -> HttpResponse:
    file = {"full": row.image, "thumb": row.thumb}.get(size)
    if file is None:
        return missing()
    version = request.GET.get("v", "")
    shown_to_all = row.active
    cache = FOREVER if len(version) >= 8 and row.sha256.startswith(version) else UNVERSIONED
    return send(file, name, cache if shown_to_all else PRIVATE)


def send(file: FieldFile, name: str, cache: str) -> HttpResponse:
    suffix, mime = ("png", "image/png") if str(file.name).endswith(".png") else ("jpg", "image/jpeg")
    try:
        with file.storage.open(str(file.name), "rb") as stream:
            data = stream.read()  # our own encoder's work: a few megabytes at most
    except OSError:  # the file was deleted behind our back
        return missing()
    # the name is made up: nothing of the uploaded one was kept
    return as_picture(data, mime, f"{name}.{suffix}", cache)


def as_picture(data: bytes, mime: str, filename: str, cache: str) -> HttpResponse:
    response = HttpResponse(data, content_type=mime)
    response["Content-Disposition"] = f'inline; filename="{filename}"'
    response["Content-Length"] = str(len(data))
    return _guarded(response, cache)


def missing() -> HttpResponse:
    """The same answer for what is not there and for what is somebody else's."""
    response = HttpResponse(status=404)
    response["Vary"] = "Cookie"  # else it would tell whether the cookie was looked at
    return _guarded(response, PRIVATE)


def _guarded(response: HttpResponse, cache: str) -> HttpResponse:
    response["Cache-Control"] = cache
    response["Content-Security-Policy"] = "default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "same-origin"
    if cache == PRIVATE:
        response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
