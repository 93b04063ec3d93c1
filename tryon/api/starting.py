"""From a checked request to a queued row. What is refused leaves nothing behind: no row, no file, no shopper."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from tryon import admission, retention
from tryon.admission import Admitted, Demand, refused_by_shop
from tryon.api.authentication import Visitor
from tryon.catalog import get_catalog
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.garments import picture_limits
from tryon.images.intake import intake
from tryon.images.picture import MEGABYTE
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.providers.base import ProviderError
from tryon.providers.http import fetch

FETCH_SECONDS = 10.0


def keep_photo(visitor: Visitor, given: dict[str, Any]) -> ShopperPhoto:
    """Judge the photo, then record the consent, then store. ``given``: photo or photo_url, and consent_version."""
    source = given["photo"] if "photo" in given else _fetched(visitor, given["photo_url"], given["consent_version"])
    picture = intake(source, limits=picture_limits())
    shopper, consent = visitor.agree(given["consent_version"])
    return admission.store_photo(shopper, picture, consent)


def _fetched(visitor: Visitor, url: str, consent_version: str) -> bytes:
    """The bytes behind ``url``. Nothing is called for who has not agreed, and nothing inside our own network at all."""
    visitor.check_agreement(consent_version)
    limit = conf.MAX_UPLOAD_MB * MEGABYTE
    try:
        return fetch(
            url,
            allowed_hosts=None,
            max_bytes=limit,
            deadline=FETCH_SECONDS,
            allow_private_hosts=conf.ALLOW_PRIVATE_HOSTS,
        )
    except ProviderError as error:
        raise TryOnError("photo_unreachable", error.detail) from None


def start(visitor: Visitor, request: Request, wish: dict[str, Any], idempotency_key: str) -> Admitted:
    garment = wanted_garment(wish)
    if why := refused_by_shop(garment, request._request):
        raise TryOnError(why, "the shop's catalog adapter")
    brought = None  # a photo that came with this very request
    try:
        if "model_id" in wish:
            source: dict[str, Any] = {"preset_model": _wanted_model(wish["model_id"])}
        elif "photo_id" in wish:
            source = {"photo": own_photo(visitor.shopper, wish["photo_id"])}
            if wish["consent_version"]:
                visitor.agree(wish["consent_version"])
        else:
            brought = keep_photo(visitor, wish)
            source = {"photo": brought}
        demand = Demand(
            shopper=visitor.ensure_shopper(),
            garment=garment,
            options=wish["options"],
            idempotency_key=idempotency_key,
            **source,
        )
        admitted = admission.request(demand)
    except Exception as error:
        if brought is not None:
            retention.delete_photo(brought)
        visitor.undo()
        if isinstance(error, TryOnError) and error.code == "invalid":
            raise ValidationError({"options": [error.detail]}) from error
        raise
    if brought is not None and admitted.result.photo_id != brought.pk:
        retention.delete_photo(brought)  # an earlier request's copy is the one in use
    return admitted


def wanted_garment(wish: dict[str, Any]) -> Garment:
    """The garment, if shoppers may see its product. Hidden ones are answered like missing ones."""
    if "garment" in wish:
        garment = Garment.objects.filter(pk=wish["garment"], active=True).first()
    else:
        garment = admission.garment_for(wish["product"], wish["variant"])
    if garment is None or get_catalog().get_product(garment.product_ref) is None:
        raise TryOnError("not_found", "garment")
    return garment


def _wanted_model(pk: int) -> PresetModel:
    preset = PresetModel.objects.filter(pk=pk, active=True).first()
    if preset is None:
        raise TryOnError("not_found", "preset model")
    return preset


def own_photo(shopper: Shopper | None, pk: str) -> ShopperPhoto:
    photo = ShopperPhoto.objects.usable().filter(shopper=shopper, pk=as_uuid(pk)).first() if shopper else None
    if photo is None:
        raise TryOnError("not_found", "photo")
    return photo


def own_results(shopper: Shopper | None) -> QuerySet[TryOnResult]:
    """With their garments."""
    return results_where(Q(shopper=shopper)).select_related("garment") if shopper else TryOnResult.objects.none()


def results_where(mine: Q, among: QuerySet[TryOnResult, Any] | None = None) -> QuerySet[TryOnResult, Any]:
    """What is due to be deleted is gone already."""
    rows = TryOnResult.objects.all() if among is None else among
    return rows.filter(mine, Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def own_result(shopper: Shopper | None, pk: str) -> TryOnResult:
    """Somebody else's, deleted, expired, never there or not even an id: all the same to who asks."""
    result = own_results(shopper).filter(pk=as_uuid(pk)).first()
    if result is None:
        raise TryOnError("not_found", "try-on")
    return result


def as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise TryOnError("not_found", "not an id") from None
