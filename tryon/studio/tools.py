"""Picture tools: one picture of a garment in, a new version out; the old one is always kept.

    order = Order(Operation.REMOVE_BACKGROUND, garment, source=None, provider="local")
    quote(order)                       what it costs, and why it can't be done, if so
    request(order, user=user)          one queued row, in quota and in budget
    use_as_picture(output, user=user)  the version becomes the garment's picture; ``garments.bring_back`` undoes it

``source`` is a picture made before (a shot, or another version); None is the garment's own picture.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from PIL import Image, ImageDraw

from tryon import ledger, tasks
from tryon.choices import Category, Operation, Status
from tryon.errors import TryOnError
from tryon.garments import exchange_picture, garment_picture
from tryon.images import formats
from tryon.images.decoder import open_picture
from tryon.images.intake import OUTPUT_LIMITS, intake
from tryon.models import FormerPicture, Garment, TryOnOutput, TryOnResult
from tryon.runner.routing import candidates
from tryon.signals import send_after_commit, tryon_requested
from tryon.studio.batches import DEADLINE
from tryon.studio.log import log
from tryon.studio.money import money
from tryon.studio.permissions import GENERATE, SEE_SPEND

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

    from tryon.providers.base import Provider

MASK_CUT = 128  # of 255: lighter is changed
MIN_MASK = 0.0002  # share of the picture; less is a slip of the hand
VERSIONS = 60  # shown of one garment


@dataclass(frozen=True, slots=True)
class Tool:
    operation: Operation
    name: _StrPromise
    help: _StrPromise
    makes: str = "picture"  # or clip, or sound
    takes_mask: bool = False
    from_nothing: bool = False  # made from words: no picture is changed


TOOLS = {
    tool.operation: tool
    for tool in (
        Tool(
            Operation.REMOVE_BACKGROUND,
            gettext_lazy("Remove background"),
            gettext_lazy("The garment or person alone, on nothing."),
        ),
        Tool(
            Operation.REPLACE_BACKGROUND,
            gettext_lazy("Replace background"),
            gettext_lazy("The same picture in front of another background."),
        ),
        Tool(
            Operation.REMOVE_OBJECT,
            gettext_lazy("Remove object"),
            gettext_lazy("Mark what should go, or say it in words: a hanger, a tag, a crease."),
            takes_mask=True,
        ),
        Tool(
            Operation.RESTORE_FACE,
            gettext_lazy("Restore face"),
            gettext_lazy("Makes a soft or odd face of a shot clear."),
        ),
        Tool(Operation.UPSCALE, gettext_lazy("Upscale"), gettext_lazy("More pixels, for a small picture.")),
        Tool(
            Operation.GENERATE_IMAGE,
            gettext_lazy("Generate picture"),
            gettext_lazy("A new picture from words, for a mood or a background."),
            from_nothing=True,
        ),
        Tool(
            Operation.GENERATE_VIDEO,
            gettext_lazy("Video clip"),
            gettext_lazy("A few seconds of motion."),
            makes="clip",
        ),
        Tool(
            Operation.GENERATE_AUDIO,
            gettext_lazy("Sound"),
            gettext_lazy("A few seconds of music from words, for a clip."),
            makes="sound",
            from_nothing=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Order:
    """One run of a tool. ``mask``: PNG bytes from ``drawn_mask``."""

    operation: Operation
    garment: Garment
    provider: str
    source: TryOnOutput | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    mask: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """``problem``: why it can't be ordered, in words; "" when it can."""

    least: Decimal
    most: Decimal
    credits: Decimal
    free: bool
    leaves_server: bool
    problem: str = ""


# ---------------------------------------------------------------- who can do it, for how much


def makers(operation: Operation, garment: Garment) -> list[Provider]:
    return candidates(operation, Category(garment.category))


def usable(garment: Garment) -> list[Tool]:
    """The tools that some provider has ready for this garment."""
    return [tool for tool in TOOLS.values() if makers(tool.operation, garment)]


def quote(order: Order, *, with_money: bool) -> Quote:
    """What one run costs at the least and at the most, and whether it may be ordered. Nothing is made.

    ``with_money``: for who may see what was spent, and so what is left.
    """
    provider = _provider(order)
    if provider is None:
        return Quote(Decimal(0), Decimal(0), Decimal(0), False, False, _("No provider is ready for this."))
    price = ledger.price(provider, order.operation, order.options)
    problem = _problem(order, provider, with_money=with_money)
    return Quote(price.least, price.amount, price.credits, not provider.paid, provider.leaves_server, problem)


def _provider(order: Order) -> Provider | None:
    return next((one for one in makers(order.operation, order.garment) if one.alias == order.provider), None)


def _problem(order: Order, provider: Provider, *, with_money: bool) -> str:
    if order.operation not in TOOLS:
        return _("This is not a picture tool.")
    if order.source is not None and not _belongs(order.source, order.garment):
        return _("That picture is not one of this garment.")
    if order.source is not None and order.source.mime.startswith(("video/", "audio/")):
        return _("Tools work on pictures, not on clips.")
    price = ledger.price(provider, order.operation, order.options)
    room = ledger.room(provider=provider.alias) if provider.paid else ledger.Room()
    if not room.takes(price.amount):
        if not with_money:
            return _("The budget is not enough for this.")
        words = _("The budget leaves %(left)s, this costs up to %(most)s.")
        return words % {"left": money(room.left or Decimal(0)), "most": money(price.amount)}
    return ""


def _belongs(source: TryOnOutput, garment: Garment) -> bool:
    """A shopper's preview is never edited, whoever asks."""
    return source.result.garment_id == garment.pk and source.result.shopper_id is None


# ---------------------------------------------------------------- ordering


def request(order: Order, *, user: User) -> TryOnResult:
    """Check permission, options and budget, and queue one row. The runner sets the money aside before it is sent.

    Raises PermissionDenied; TryOnError("invalid") with the reason; ProviderError("invalid") for a wrong option.
    """
    if not user.has_perm(GENERATE):
        raise PermissionDenied
    asked = quote(order, with_money=user.has_perm(SEE_SPEND))
    if asked.problem:
        raise TryOnError("invalid", asked.problem)
    provider = _provider(order)
    assert provider is not None  # noqa: S101 - the quote has it
    provider.clean_options(order.operation, order.options)
    if order.operation == Operation.REMOVE_OBJECT and order.mask is None and not order.options.get("prompt"):
        raise TryOnError("invalid", _("Mark what should go, or say it in words."))
    now = timezone.now()
    row = TryOnResult(
        operation=order.operation.value,
        requested_by=user,
        garment=order.garment,
        source=order.source,
        options=dict(order.options),
        provider=provider.alias,
        pinned=True,
        priority=1,
        deadline_at=now + DEADLINE,
    )
    if order.mask is not None:
        row.mask.save("mask.png", ContentFile(order.mask), save=False)
    with transaction.atomic():
        row.save(force_insert=True)
        log(user, [order.garment], _words(order, asked))
        send_after_commit(tryon_requested, TryOnResult, result=row)
        transaction.on_commit(tasks.wake)
    return row


def _words(order: Order, asked: Quote) -> str:
    cost = _("free") if asked.free else _("at most %(amount)s") % {"amount": money(asked.most)}
    return _("%(tool)s ordered. Made by: %(provider)s, %(cost)s.") % {
        "tool": TOOLS[order.operation].name,
        "provider": order.provider,
        "cost": cost,
    }


# ---------------------------------------------------------------- the mask


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in percent of the picture, for those who do not draw."""

    left: float
    top: float
    width: float
    height: float


def drawn_mask(size: tuple[int, int], drawing: bytes | None = None, boxes: Sequence[Box] = ()) -> bytes | None:
    """One mask of the picture's own size, white where something goes, as PNG; None when nothing is marked.

    ``drawing`` is a picture from outside: it goes through intake like any other. Raises TryOnError.
    """
    mask = Image.new("L", size, 0)
    if drawing:
        safe = intake(drawing, limits=OUTPUT_LIMITS)
        with open_picture(safe.data, formats.sniff(safe.data) or formats.PNG) as picture:
            grey = picture.convert("L").resize(size, Image.Resampling.BILINEAR)
        mask = grey.point([255 if value >= MASK_CUT else 0 for value in range(256)])
    pen = ImageDraw.Draw(mask)
    for box in boxes:
        left, top = box.left * size[0] / 100, box.top * size[1] / 100
        right, bottom = left + box.width * size[0] / 100, top + box.height * size[1] / 100
        if right > left and bottom > top:
            pen.rectangle((left, top, min(right, size[0]) - 1, min(bottom, size[1]) - 1), fill=255)
    if mask.histogram()[255] < MIN_MASK * size[0] * size[1]:
        return None
    data = io.BytesIO()
    mask.save(data, "PNG", optimize=True)
    return data.getvalue()


def size_of(garment: Garment, source: TryOnOutput | None) -> tuple[int, int]:
    return (source.width, source.height) if source else (garment.width, garment.height)


# ---------------------------------------------------------------- versions


def runs(garment: Garment) -> QuerySet[TryOnResult]:
    """The tool runs on a garment, newest first, with what they made."""
    made = Prefetch("outputs", TryOnOutput.objects.order_by("position"))
    rows = TryOnResult.objects.filter(garment=garment, shopper=None, operation__in=[tool.value for tool in TOOLS])
    return rows.select_related("source__result", "requested_by", "garment").prefetch_related(made)


def pictures(garment: Garment) -> QuerySet[TryOnOutput]:
    """Everything of a garment that a tool can work on: finished shots and versions, newest first."""
    made = TryOnOutput.objects.filter(
        Q(result__operation=Operation.MODEL_SHOT.value) | Q(result__operation__in=[tool.value for tool in TOOLS]),
        result__garment=garment,
        result__shopper=None,
        result__status=Status.SUCCEEDED.value,
    )
    still = made.exclude(mime__startswith="video/").exclude(mime__startswith="audio/")
    return still.select_related("result__garment", "result__preset_model").order_by("-created_at", "position")


def use_as_picture(output: TryOnOutput, *, user: User) -> FormerPicture:
    """Make a version the garment's own picture; the one it had is kept. Raises TryOnError, PermissionDenied."""
    if not user.has_perm("tryon.change_garment"):
        raise PermissionDenied
    garment = output.result.garment
    if not _belongs(output, garment) or output.mime.startswith(("video/", "audio/")):
        raise TryOnError("invalid", _("Only a picture of this garment can take its place."))
    with output.file.open("rb") as file:
        picture = garment_picture(file.read())
    former = exchange_picture(garment, picture, user=user)
    log(user, [garment], _("An edited version became the picture. The former one is kept."))
    return former
