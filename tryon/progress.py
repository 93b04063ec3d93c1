"""Where a try-on stands, for everybody who shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tryon.choices import Status
from tryon.models import TryOnResult
from tryon.runner.history import usual_latency

STAGES = {
    Status.QUEUED: "waiting",
    Status.SUBMITTING: "making",
    Status.PROCESSING: "making",
    Status.DELIVERING: "finishing",
    Status.UNCERTAIN: "finishing",
}
STEPS = 20  # progress is told in twentieths, and the time that is left with it: in between nothing changes
DEFAULT_SECONDS = 10.0
ALMOST = 0.95  # an estimate never claims to be done


def alt_text(result: TryOnResult, *, of_somebody: bool = False) -> str:
    """The picture in words; ``garment`` should be loaded with the row. ``of_somebody``: not for its owner's eyes."""
    names = {"product": result.garment.name}
    if of_somebody and not result.preset_model_id:
        return _("AI-generated preview of %(product)s on a person") % names
    if result.preset_model_id:
        return _("AI-generated preview of %(product)s on a model") % names
    return _("AI-generated preview of %(product)s on you") % names


@dataclass(frozen=True, slots=True)
class Progress:
    """``stage`` is waiting, making, finishing or done; ``progress`` 0 to 1; ``eta_seconds`` None when over."""

    stage: str
    progress: float
    eta_seconds: int | None
    queue_position: int | None


def place_in_queue(result: TryOnResult) -> int:
    """How many came before and are waiting still."""
    return waiting().filter(created_at__lt=result.created_at).count()


def waiting() -> QuerySet[TryOnResult]:
    return TryOnResult.objects.live().filter(status=Status.QUEUED, preview_of=None)


def describe(
    result: TryOnResult, *, usual: Callable[[str, str], float | None] = usual_latency, ahead: int | None = None
) -> Progress:
    """``usual`` and ``ahead`` are for who knows them already: the latency lately, and ``place_in_queue``."""
    if result.is_final:
        return Progress("done", 1.0, None, None)
    expected = (usual(result.provider, result.operation) if result.provider else None) or DEFAULT_SECONDS
    if result.status == Status.QUEUED:
        ahead = place_in_queue(result) if ahead is None else ahead
        return Progress("waiting", 0.0, round(expected * (1 + ahead / 2)) or 1, ahead)
    elapsed = (timezone.now() - (result.started_at or result.created_at)).total_seconds()
    share = result.progress if result.progress is not None else elapsed / expected
    share = int(max(0.0, min(ALMOST, share)) * STEPS) / STEPS
    return Progress(STAGES[Status(result.status)], share, max(1, round(expected * (1 - share))), None)
