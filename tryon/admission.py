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

from tryon import ledger, tasks
from tryon.catalog import get_catalog
from tryon.choices import Category, Operation, Status
from tryon.conf import conf
from tryon.consent import current_notice, standing_consent
from tryon.errors import TryOnError
from tryon.models import Consent, Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import CallStyle, Provider
from tryon.runner import accounts, clock
from tryon.runner.accounts import FAR, OPEN
from tryon.runner.claim import finish, shared_priority
from tryon.runner.routing import affordable, by_health, candidates, reachable, takes
from tryon.signals import photo_stored, send_after_commit, tryon_requested

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tryon.images.intake import Picture

REPEAT_WINDOW = timedelta(seconds=10)
INSTANT_DEADLINE = timedelta(minutes=1)  # a quick picture that is not quick is of no use


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


def unavailable_reason(garment: Garment | None, shopper: Shopper | None = None) -> str:
    """Why no try-on is offered for ``garment``, as an error code; "" when it is. Of ``shopper`` the budget counts.

    ``busy``: nobody takes one just now, but will again by itself. An account that only waits for a trial call counts as
    open: if nobody asked, nobody would try it.
    """
    if not conf.ENABLED or garment is None or not garment.active:
        return "not_available"
    if get_catalog().get_product(garment.product_ref) is None:
        return "not_available"
    found = candidates(Operation.TRY_ON, Category(garment.category))
    now = clock.now()
    known = accounts.standings(now)
    running = [provider for provider in found if known.get(provider.alias, OPEN).until != FAR]
    if not running:
        return "not_available"
    return "" if affordable(reachable(running, known, now), Operation.TRY_ON, shopper=shopper) else "busy"


def refused_by_shop(garment: Garment, request: HttpRequest) -> str:
    """What the shop's catalog has against this visitor, as an error code; "" when nothing."""
    catalog = get_catalog()
    return catalog.refusal(catalog.get_product(garment.product_ref), request)


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
        with transaction.atomic():
            # an erasure ends before this or after it, never in between
            Shopper.objects.select_for_update().filter(pk=shopper.pk).first()
            if not Consent.objects.filter(pk=consent.pk, shopper=shopper, withdrawn_at=None).exists():
                raise TryOnError("consent_missing", "withdrawn while the photo came in")
            photo.save(force_insert=True)
            send_after_commit(photo_stored, ShopperPhoto, photo=photo)
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
            if Shopper.objects.select_for_update().filter(pk=demand.shopper.pk).first() is None:
                raise TryOnError("not_found", "the shopper signed in meanwhile")
            earlier = _earlier(demand)
            if earlier:
                return Admitted(earlier, replayed=True)
            _check_still_there(demand, consent)
            _check_room(demand)
            result = TryOnResult(
                operation=Operation.TRY_ON.value,
                shopper=demand.shopper,
                garment=demand.garment,
                photo=demand.photo,
                preset_model=demand.preset_model,
                consent=consent,
                options=dict(demand.options),
                idempotency_key=demand.idempotency_key,
                fingerprint=demand.fingerprint,
                priority=shared_priority(demand.shopper.results.live().count()),
                **_clocks(
                    deadline=timedelta(seconds=conf.DEADLINE_SECONDS),
                    expires_after=timedelta(hours=conf.RESULT_RETENTION_HOURS),
                ),
            )
            _choose_provider(result)
            result.save(force_insert=True)
            _add_instant(result)
            _announce(result)
    except IntegrityError:
        winner = _earlier(demand)
        if winner is None:
            raise
        return Admitted(winner, replayed=True)
    return Admitted(result, replayed=False)


def _choose_provider(result: TryOnResult) -> None:
    """The best one that there is money for, with the money set aside. Raises CapReached when there is none."""
    operation, now = Operation(result.operation), clock.now()
    allowed = result.consent.providers if result.consent else None
    found = candidates(operation, Category(result.garment.category), allowed=allowed)
    able: list[Provider] = [provider for provider in found if takes(provider, operation, result.options)]
    broke: ledger.CapReached | None = None
    for provider in by_health(able, now):
        try:
            ledger.reserve(result, provider, now=now)
        except ledger.CapReached as error:
            broke = broke or error
            continue
        result.provider = provider.alias
        return
    if broke:
        raise broke


def _add_instant(result: TryOnResult) -> None:
    """While another company works, an engine of our own makes a quick picture: free, and in nobody's count."""
    if not (conf.INSTANT_PREVIEW and result.provider and get_provider(result.provider).leaves_server):
        return
    allowed = result.consent.providers if result.consent else None
    for provider in candidates(Operation.TRY_ON, Category(result.garment.category), allowed=allowed):
        if provider.style == CallStyle.CPU and not provider.paid and not provider.leaves_server:
            TryOnResult.objects.create(
                operation=Operation.TRY_ON.value,
                garment=result.garment,
                photo=result.photo,
                preset_model=result.preset_model,
                consent=result.consent,
                provider=provider.alias,
                pinned=True,
                preview_of=result,
                priority=result.priority,
                **_clocks(deadline=INSTANT_DEADLINE, expires_after=timedelta(hours=conf.RESULT_RETENTION_HOURS)),
            )
            return


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
    if reason and reason != "busy":  # that one is said below, with the time
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
    """One that takes them is enough: routing asks no other. Raises what the best one has against them."""
    against: TryOnError | None = None
    for provider in providers:
        try:
            provider.clean_options(Operation.TRY_ON, options)
        except TryOnError as error:
            against = against or error
        else:
            return
    if against:
        raise against


def _check_still_there(demand: Demand, consent: Consent | None) -> None:
    """The shopper is locked: what was erased since ``_check`` stays erased."""
    if consent and not Consent.objects.filter(pk=consent.pk, withdrawn_at=None).exists():
        raise TryOnError("consent_missing", "withdrawn meanwhile")
    if demand.photo and ShopperPhoto.objects.select_for_update().filter(pk=demand.photo.pk).first() is None:
        raise TryOnError("not_found", "photo")


def _check_room(demand: Demand) -> None:
    """Quota and queue. The shopper is locked."""
    left = quota(demand.shopper)
    if left.remaining <= 0:
        seconds = int((left.resets_at - timezone.now()).total_seconds()) + 1
        time = timezone.localtime(left.resets_at).strftime("%H:%M")
        raise TryOnError("quota_shopper", limit=left.limit, time=time, retry_after=seconds)
    waiting = TryOnResult.objects.live().filter(shopper__isnull=False).count()
    if waiting >= conf.MAX_QUEUE:
        raise TryOnError("busy", f"{waiting} waiting", minutes=2, retry_after=120)


# ---------------------------------------------------------------- both


def cancel(result: TryOnResult) -> bool:
    """Stop a row that is not over yet. What a provider is already making for money is not called back here."""
    return finish(result, Status.CANCELED, error_code="canceled")


def _announce(result: TryOnResult) -> None:
    send_after_commit(tryon_requested, TryOnResult, result=result)
    transaction.on_commit(tasks.wake)


def _clocks(*, deadline: timedelta, expires_after: timedelta | None = None) -> dict[str, Any]:
    now = clock.now()
    return {
        "created_at": now,
        "updated_at": now,
        "next_at": now,
        "deadline_at": now + deadline,
        "expires_at": now + expires_after if expires_after else None,
    }
