"""The doorkeeper every door calls: eligible, consented, in quota, idempotent -> one queued row.

Everything is refused here, before any work or money is spent, with a code of the error table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon import tasks
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation, Status
from tryon.conf import conf
from tryon.consent import current_notice, standing_consent
from tryon.errors import TryOnError
from tryon.models import Consent, Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.runner.claim import end
from tryon.runner.routing import candidates
from tryon.signals import send_after_commit, tryon_requested

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tryon.images.intake import Picture

REPEAT_WINDOW = timedelta(seconds=10)
SHOPPER, SHOP = 0, 1  # TryOnResult.priority: a long batch of shots never keeps a shopper waiting
SHOT_DEADLINE = timedelta(days=1)  # nobody stands and waits for a shot; a long batch may take its time


@dataclass(frozen=True, slots=True)
class Quota:
    limit: int
    remaining: int
    resets_at: datetime


# ---------------------------------------------------------------- what can be tried


def garment_for(product_ref: str, variant: str = "") -> Garment | None:
    """The garment of a product to try on: of that variant, or the first one."""
    garments = Garment.objects.filter(product_ref=product_ref, active=True)
    return (garments.filter(variant=variant) if variant else garments).first()


def unavailable_reason(garment: Garment | None) -> str:
    """Why no try-on is offered for ``garment``, as an error code; "" when it is."""
    if not conf.ENABLED or garment is None or not garment.active:
        return "not_available"
    if get_catalog().get_product(garment.product_ref) is None:
        return "not_available"
    if not candidates(Operation.TRY_ON, Category(garment.category)):
        return "not_available"
    return ""


def quota(shopper: Shopper | None, now: datetime | None = None) -> Quota:
    """How many previews are left today. Failed, refused and cancelled ones do not count."""
    start = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    used = 0 if shopper is None else _counted(shopper).filter(created_at__gte=start).count()
    return Quota(conf.DAILY_LIMIT, max(0, conf.DAILY_LIMIT - used), start + timedelta(days=1))


def _counted(shopper: Shopper) -> Any:
    return shopper.results.filter(operation=Operation.TRY_ON.value).exclude(
        status__in=[Status.FAILED, Status.BLOCKED, Status.CANCELED]
    )


# ---------------------------------------------------------------- the shopper's photo


def store_photo(shopper: Shopper, picture: Picture, consent: Consent) -> ShopperPhoto:
    """Keep a photo that has been through intake. Raises storage_unavailable, and then nothing is left behind."""
    photo = ShopperPhoto(
        shopper=shopper,
        consent=consent,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        warnings=list(picture.warnings),
        expires_at=timezone.now() + timedelta(hours=conf.PHOTO_RETENTION_HOURS),
    )
    try:
        photo.file.save("photo.jpg", ContentFile(picture.data), save=False)
    except OSError as error:
        raise TryOnError("storage_unavailable", f"{type(error).__name__}", retry_after=60) from error
    try:
        photo.save(force_insert=True)
    except Exception:
        photo.file.storage.delete(str(photo.file.name))
        raise
    return photo


# ---------------------------------------------------------------- a shopper's try-on


@dataclass(frozen=True, slots=True)
class Demand:
    """What a shopper asks for: a garment on their photo, or on a preset model."""

    shopper: Shopper
    garment: Garment
    photo: ShopperPhoto | None = None
    preset_model: PresetModel | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same wish: garment, picture and options."""
        source = self.photo.sha256 if self.photo else f"model:{self.preset_model.pk if self.preset_model else ''}"
        wish = json.dumps([self.garment.pk, self.garment.sha256, source, dict(self.options)], sort_keys=True)
        return hashlib.sha256(wish.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Admitted:
    result: TryOnResult
    replayed: bool  # an earlier row answers this request


def request(demand: Demand) -> Admitted:
    """Queue one try-on, or give the row that the same request made before. Raises TryOnError."""
    earlier = _earlier(demand)
    if earlier:
        return Admitted(earlier, replayed=True)
    consent = _check(demand)
    try:
        with transaction.atomic():
            # Requests of one shopper pass here one by one: the same wish twice makes one row, and no two take the
            # last try of the day. (SQLite writes one transaction at a time anyway.)
            Shopper.objects.select_for_update().get(pk=demand.shopper.pk)
            earlier = _earlier(demand)
            if earlier:
                return Admitted(earlier, replayed=True)
            _check_room(demand)
            result = TryOnResult.objects.create(
                operation=Operation.TRY_ON.value,
                shopper=demand.shopper,
                garment=demand.garment,
                photo=demand.photo,
                preset_model=demand.preset_model,
                consent=consent,
                options=dict(demand.options),
                idempotency_key=demand.idempotency_key,
                fingerprint=demand.fingerprint,
                **_clocks(
                    deadline=timedelta(seconds=conf.DEADLINE_SECONDS),
                    expires_after=timedelta(hours=conf.RESULT_RETENTION_HOURS),
                ),
            )
            _announce(result)
    except IntegrityError:
        winner = _earlier(demand)
        if winner is None:
            raise
        return Admitted(winner, replayed=True)
    return Admitted(result, replayed=False)


def _earlier(demand: Demand) -> TryOnResult | None:
    """By key: for ever. Without a key: the same wish within a few seconds is a double click."""
    mine = TryOnResult.objects.for_shopper(demand.shopper)
    if demand.idempotency_key:
        row = mine.filter(idempotency_key=demand.idempotency_key).first()
        if row and row.fingerprint != demand.fingerprint:
            raise TryOnError("idempotency_mismatch")
        return row
    return (
        mine.filter(fingerprint=demand.fingerprint, created_at__gt=timezone.now() - REPEAT_WINDOW)
        .exclude(status__in=[Status.FAILED, Status.BLOCKED, Status.CANCELED])
        .first()
    )


def _check(demand: Demand) -> Consent | None:
    """Everything that needs no lock. Gives the consent that covers the photo."""
    reason = unavailable_reason(demand.garment)
    if reason:
        raise TryOnError(reason)
    category = Category(demand.garment.category)
    if demand.photo is None:
        if demand.preset_model is None or not demand.preset_model.active:
            raise TryOnError("invalid", "neither a photo nor a preset model")
        _check_options(demand.options, candidates(Operation.TRY_ON, category))
        return None
    if demand.photo.shopper_id != demand.shopper.pk or demand.photo.expires_at <= timezone.now():
        raise TryOnError("not_found", "photo")
    consent = standing_consent(demand.shopper)
    if consent is None:
        code = "consent_outdated" if demand.photo.consent.version != current_notice().version else "consent_missing"
        raise TryOnError(code)
    providers = candidates(Operation.TRY_ON, category, allowed=consent.providers)
    if not providers:
        raise TryOnError("consent_outdated", "no provider that the consent names is ready")
    _check_options(demand.options, providers)
    return consent


def _check_options(options: Mapping[str, Any], providers: Iterable[Any]) -> None:
    for provider in providers:
        provider.clean_options(Operation.TRY_ON, options)
        return


def _check_room(demand: Demand) -> None:
    """Quota and queue. The shopper is locked."""
    left = quota(demand.shopper)
    if left.remaining <= 0:
        seconds = int((left.resets_at - timezone.now()).total_seconds()) + 1
        time = timezone.localtime(left.resets_at).strftime("%H:%M")
        raise TryOnError("quota_shopper", limit=left.limit, time=time, retry_after=seconds)
    waiting = TryOnResult.objects.live().filter(priority=SHOPPER).count()
    if waiting >= conf.MAX_QUEUE:
        raise TryOnError("busy", f"{waiting} waiting", minutes=2, retry_after=120)


# ---------------------------------------------------------------- on-model shots for the shop


@dataclass(frozen=True, slots=True)
class ShotPlan:
    """What a request for on-model shots comes to, before anything is made."""

    pairs: tuple[tuple[Garment, PresetModel], ...]
    skipped: tuple[tuple[Garment, str], ...]  # with the reason, in words


def plan_shots(garments: Iterable[Garment], preset_models: Iterable[PresetModel]) -> ShotPlan:
    """Every garment on every model, and which garments can't be done and why."""
    chosen = [model for model in preset_models if model.active]
    able = {category: bool(candidates(Operation.MODEL_SHOT, category)) for category in Category}
    pairs: list[tuple[Garment, PresetModel]] = []
    skipped: list[tuple[Garment, str]] = []
    for garment in garments:
        if not garment.active:
            skipped.append((garment, _("switched off")))
        elif not able[Category(garment.category)]:
            skipped.append((garment, _("no provider makes shots of this category")))
        else:
            pairs.extend((garment, model) for model in chosen)
    return ShotPlan(tuple(pairs), tuple(skipped))


def request_shots(plan: ShotPlan, *, user: User) -> list[TryOnResult]:
    """Queue the planned shots, in one transaction."""
    with transaction.atomic():
        results = TryOnResult.objects.bulk_create(
            [
                TryOnResult(
                    operation=Operation.MODEL_SHOT.value,
                    requested_by=user,
                    garment=garment,
                    preset_model=model,
                    priority=SHOP,
                    **_clocks(deadline=SHOT_DEADLINE),
                )
                for garment, model in plan.pairs
            ],
            batch_size=500,
        )
        for result in results:
            send_after_commit(tryon_requested, TryOnResult, result=result)
        transaction.on_commit(tasks.wake)
    return results


# ---------------------------------------------------------------- both


def cancel(result: TryOnResult) -> bool:
    """Stop a row that is not over yet. What a provider is already making for money is not called back here."""
    return end(result, Status.CANCELED, error_code="canceled")


def _announce(result: TryOnResult) -> None:
    send_after_commit(tryon_requested, TryOnResult, result=result)
    transaction.on_commit(tasks.wake)


def _clocks(*, deadline: timedelta, expires_after: timedelta | None = None) -> dict[str, Any]:
    now = timezone.now()
    return {
        "created_at": now,
        "updated_at": now,
        "next_at": now,
        "deadline_at": now + deadline,
        "expires_at": now + expires_after if expires_after else None,
    }
