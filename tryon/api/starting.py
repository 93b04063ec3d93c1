"""From a checked request to a queued row. What is refused leaves nothing behind: no row, no file, no shopper."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.exceptions import ValidationError

from tryon import admission, retention
from tryon.admission import Admitted, Demand
from tryon.api.authentication import Visitor
from tryon.catalog import get_catalog
from tryon.errors import TryOnError
from tryon.garments import picture_limits
from tryon.images.intake import intake
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.models.results import TryOnResultQuerySet


def keep_photo(visitor: Visitor, file: Any, consent_version: str) -> ShopperPhoto:
    """Judge the photo, then record the consent, then store."""
    picture = intake(file, limits=picture_limits())
    shopper, consent = visitor.agree(consent_version)
    return admission.store_photo(shopper, picture, consent)


def start(visitor: Visitor, wish: dict[str, Any], idempotency_key: str) -> Admitted:
    garment = wanted_garment(wish)
    brought = None  # a photo that came with this very request
    try:
        if "model_id" in wish:
            source: dict[str, Any] = {"preset_model": _wanted_model(wish["model_id"])}
        elif "photo_id" in wish:
            source = {"photo": own_photo(visitor.shopper, wish["photo_id"])}
            if wish["consent_version"]:
                visitor.agree(wish["consent_version"])
        else:
            brought = keep_photo(visitor, wish["photo"], wish["consent_version"])
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
    photo = ShopperPhoto.objects.usable().filter(shopper=shopper, pk=_uuid(pk)).first() if shopper else None
    if photo is None:
        raise TryOnError("not_found", "photo")
    return photo


def own_results(shopper: Shopper | None) -> TryOnResultQuerySet:
    """With their garments. What is due to be deleted is gone already."""
    if shopper is None:
        return TryOnResult.objects.none()
    kept = TryOnResult.objects.for_shopper(shopper).exclude(expires_at__lte=timezone.now())
    return kept.select_related("garment")


def own_result(shopper: Shopper | None, pk: str) -> TryOnResult:
    """Somebody else's, deleted, expired, never there or not even an id: all the same to who asks."""
    result = own_results(shopper).filter(pk=_uuid(pk)).first()
    if result is None:
        raise TryOnError("not_found", "try-on")
    return result


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise TryOnError("not_found", "not an id") from None
