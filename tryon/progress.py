"""Where a try-on stands, for everybody who shows it."""

from __future__ import annotations

from dataclasses import dataclass

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
DEFAULT_SECONDS = 10.0
ALMOST = 0.95  # an estimate never claims to be done


def alt_text(result: TryOnResult) -> str:
    """The picture in words; ``garment`` should be loaded with the row."""
    names = {"product": result.garment.name}
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


def describe(result: TryOnResult) -> Progress:
    if result.is_final:
        return Progress("done", 1.0, None, None)
    usual = usual_latency(result.provider, result.operation) if result.provider else None
    expected = usual or DEFAULT_SECONDS
    if result.status == Status.QUEUED:
        ahead = TryOnResult.objects.live().filter(status=Status.QUEUED, created_at__lt=result.created_at).count()
        return Progress("waiting", 0.0, round(expected * (1 + ahead / 2)) or 1, ahead)
    elapsed = (timezone.now() - (result.started_at or result.created_at)).total_seconds()
    share = result.progress if result.progress is not None else elapsed / expected
    return Progress(
        STAGES[Status(result.status)], round(min(ALMOST, share), 3), max(1, round(expected - elapsed)), None
    )
