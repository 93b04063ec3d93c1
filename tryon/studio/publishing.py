"""Publishing: approved shots go to the product gallery through the catalog adapter, and come back out of it.

steps = plan(outputs)                   which picture becomes which position; nothing is changed
publish(steps, user=user)               one transaction: all of them or none
unpublish(outputs, user=user)           the gallery is in its former order again
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.catalog import get_catalog
from tryon.errors import TryOnError
from tryon.images.disclosure import is_marked
from tryon.models import Review, TryOnOutput
from tryon.signals import send_after_commit, shot_published
from tryon.studio.briefs import THEME_OPTION
from tryon.studio.fidelity import shot_of
from tryon.studio.log import log
from tryon.studio.spent import log_with_cost

if TYPE_CHECKING:
    from uuid import UUID

    from tryon.models import Garment, TryOnResult

MAX_ALT = 300


@dataclass(slots=True)
class Step:
    """One picture on its way to a gallery. ``position`` counts from 1, as people do; ``problem``: why it can't go."""

    output: TryOnOutput
    alt: str
    gallery: tuple[str, ...] = ()
    position: int = 0
    problem: str = ""
    product: Any = field(default=None, repr=False)

    @property
    def garment(self) -> Garment:
        return self.output.result.garment


def default_alt(output: TryOnOutput) -> str:
    """To be read by somebody who does not see the picture, and edited by somebody who does."""
    shot = shot_of(output.result)
    product = str(output.result.garment.name)
    if shot is None:
        return _("%(product)s. Edited with AI") % {"product": product[: MAX_ALT - 60]}
    theme = _theme_of(shot)
    words = {"product": product[: MAX_ALT // 2], "view": theme[: MAX_ALT // 3] or _("front view")}
    return _("%(product)s worn by a model, %(view)s. AI-generated") % words


def _theme_of(shot: TryOnResult) -> str:
    """The place, pose or view that it was ordered with. A reviewer's note is what was wrong, not what is seen."""
    while shot.again_of is not None:
        shot = shot.again_of
    return str(shot.note or shot.options.get(THEME_OPTION) or "").strip().rstrip(".")


def plan(outputs: Iterable[TryOnOutput], *, alts: dict[UUID, str] | None = None, first: bool = False) -> list[Step]:
    """What ``publish`` would do, in the order given. ``first``: in front of each gallery instead of at its end."""
    catalog = get_catalog()
    galleries: dict[tuple[str, str], list[str]] = {}  # as they will be; "" stands for a shot of this plan
    products: dict[str, Any] = {}
    steps = []
    for output in outputs:
        garment = output.result.garment
        alt = (alts or {}).get(output.pk, output.alt or default_alt(output)).strip()
        step = Step(output, alt, problem=_problem(output, alt))
        key = (garment.product_ref, garment.variant)
        if not step.problem:
            if garment.product_ref not in products:
                products[garment.product_ref] = catalog.get_product(garment.product_ref)
            step.product = products[garment.product_ref]
            if step.product is None:
                step.problem = _("The product is not in the shop, or shoppers may not see it.")
        if not step.problem:
            if key not in galleries:
                galleries[key] = list(catalog.gallery(step.product, garment.variant))
            gallery = galleries[key]
            at = gallery.count("") if first else len(gallery)
            step.gallery, step.position = tuple(entry or _("new shot") for entry in gallery), at + 1
            gallery.insert(at, "")
        steps.append(step)
    return steps


def _problem(output: TryOnOutput, alt: str) -> str:
    if output.published_at:
        return _("It is published already.")
    if output.review != Review.APPROVED:
        return _("It is not approved.")
    if output.mime and not output.mime.startswith("image/"):
        return _("Only pictures go to the gallery.")
    if not alt:
        return _("It needs an alternative text.")
    if len(alt) > MAX_ALT:
        return _("The alternative text is longer than %(limit)d characters.") % {"limit": MAX_ALT}
    return ""


def publish(steps: Sequence[Step], *, user: Any) -> list[TryOnOutput]:
    """Give the pictures to the shop, in one transaction. Raises TryOnError("invalid") when a step has a problem."""
    wrong = [step for step in steps if step.problem]
    if wrong:
        raise TryOnError("invalid", "; ".join(dict.fromkeys(f"{step.garment}: {step.problem}" for step in wrong)))
    for step in steps:
        _check_mark(step.output)
    catalog, now = get_catalog(), timezone.now()
    with transaction.atomic():
        keys = [step.output.pk for step in steps]
        fresh = TryOnOutput.objects.select_for_update().filter(
            pk__in=keys, published_at=None, review=Review.APPROVED.value
        )
        if len(list(fresh.order_by("pk").values_list("pk"))) < len(set(keys)):
            raise TryOnError("already_over", "a picture was published or decided about meanwhile")
        for number, step in enumerate(steps):
            output, variant = step.output, step.garment.variant
            record = catalog.publish(step.product, output, step.alt, variant=variant, position=step.position - 1)
            output.alt, output.published_at = step.alt, now
            output.published_as = {"step": number, "record": record}
            output.save(update_fields=["alt", "published_at", "published_as"])
            send_after_commit(shot_published, TryOnOutput, output=output)
        log_with_cost(user, _rows(step.output for step in steps), _("Published."))
    return [step.output for step in steps]


def _check_mark(output: TryOnOutput) -> None:
    """No picture goes out without the mark that says that AI made it."""
    try:
        with output.file.open("rb") as stream:
            marked = is_marked(stream.read())
    except OSError as error:
        raise TryOnError("gone", f"the file of {output.result.garment} is missing") from error
    if not marked:
        raise TryOnError("invalid", f"the file of {output.result.garment} lost its AI mark")


def unpublish(outputs: Iterable[TryOnOutput], *, user: Any) -> list[TryOnOutput]:
    """Take pictures out of the galleries, the last published first, so that each order comes back as it was."""
    catalog = get_catalog()
    with transaction.atomic():
        keys = [output.pk for output in outputs]
        held = TryOnOutput.objects.select_for_update(of=("self",)).filter(pk__in=keys, published_at__isnull=False)
        taken = list(held.select_related("result__garment").order_by("pk"))
        for output in sorted(taken, key=_order_of_publishing, reverse=True):
            garment = output.result.garment
            record = output.published_as.get("record", {})
            catalog.unpublish(catalog.get_product(garment.product_ref), output, record)
            output.published_at, output.published_as = None, {}
            output.save(update_fields=["published_at", "published_as"])
        log(user, _rows(taken), _("Unpublished."))
    return taken


def _order_of_publishing(output: TryOnOutput) -> Any:
    return output.published_at, output.published_as.get("step", 0)


def _rows(outputs: Iterable[TryOnOutput]) -> Iterable[Any]:
    return {output.result_id: output.result for output in outputs}.values()
