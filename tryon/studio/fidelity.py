"""How true a shot is to its garment: measured here, on every shot, each number explained in words.

``score(output)`` measures one picture and keeps the numbers on its row; ``fidelity_words.explain(output)`` says them in
the reader's language. ``sweep()`` is the background work: it measures what has not been measured, a few seconds at a
time, and stops as soon as a shopper waits. Without the ``local`` extra there is no score, and the row says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from tryon import local_engine, tasks
from tryon.choices import Category, Operation
from tryon.models import Review, TryOnOutput, TryOnResult
from tryon.runner.claim import any_drain_alive

if TYPE_CHECKING:
    from tryon.studio.measures import Measures

VERSION = 1
SWEEP_SECONDS = 20.0
RING_SECONDS = 5  # between two rings of one process
LOCK = "tryon-score"
SIBLINGS = 200  # earlier shots of a garment that a new one is compared with
SAME_HASH = 16  # of 256 bits; see benchmarks/fidelity.py for all limits

# where a measure begins to cost points, and where it costs the most: (measure, points lost), in between by line
COLOUR = ((3.0, 0), (8.0, 15), (15.0, 40), (30.0, 60))
COLOUR_OFF = 5.0
SHARPNESS = ((1.15, 25), (1.5, 0))
BLURRED = 1.3
SIDE = ((256, 25), (768, 0))
SMALL_SIDE = 512
UNCHANGED = 0.03
FACE_SURE = 0.88
HAND_SKIN = 0.45


@dataclass(frozen=True, slots=True)
class Finding:
    """One number, what it cost, and whether somebody should look. ``value`` None: not measured."""

    key: str
    value: float | None
    lost: int = 0
    flag: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    total: float | None  # 0 to 100; None: not measured, ``absent`` says why
    findings: tuple[Finding, ...] = ()
    hash: str = ""
    absent: str = ""

    @property
    def flags(self) -> list[str]:
        return [finding.key for finding in self.findings if finding.flag]

    def as_json(self) -> dict[str, Any]:
        if self.absent:
            return {"version": VERSION, "absent": self.absent}
        rows = [{"key": f.key, "value": f.value, "lost": f.lost, "flag": f.flag} for f in self.findings]
        return {"version": VERSION, "findings": rows, "flags": self.flags, "hash": self.hash}


# ---------------------------------------------------------------- judging


def judge(measured: Measures, *, twin: int | None = None) -> Score:
    """Numbers -> points. ``twin``: bits by which the most similar earlier shot of the garment differs."""
    findings = [
        _colour(measured),
        _by_line("sharpness", measured.sharpness, SHARPNESS, flag=measured.sharpness < BLURRED),
        _by_line("size", (side := min(measured.width, measured.height)), SIDE, flag=side < SMALL_SIDE),
        _unchanged(measured),
        Finding("duplicate", twin, 15 if (same := twin is not None and twin <= SAME_HASH) else 0, same),
        Finding("people", measured.people, 30 if measured.people > 1 else 0, measured.people > 1),
        _face(measured),
        _hands(measured),
    ]
    total = max(0, 100 - sum(finding.lost for finding in findings))
    return Score(float(total), tuple(findings), measured.hash)


def _by_line(key: str, value: float, line: tuple[tuple[float, int], ...], *, flag: bool) -> Finding:
    """Points lost between the ends of ``line``; the first end holds before it, the last one after it."""
    lost: float = line[0][1] if value <= line[0][0] else line[-1][1]
    for (x0, y0), (x1, y1) in pairwise(line):
        if x0 < value < x1:
            lost = y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return Finding(key, round(float(value), 2), round(lost), flag)


def _colour(measured: Measures) -> Finding:
    if measured.colour is None:  # nobody was found, or the garment can't be told from its ground
        return Finding("colour", None, 15, measured.people == 0)
    return _by_line("colour", measured.colour, COLOUR, flag=measured.colour >= COLOUR_OFF)


def _unchanged(measured: Measures) -> Finding:
    least = min(measured.changed_source, 1.0 if measured.changed_model is None else measured.changed_model)
    same = least < UNCHANGED
    return Finding("unchanged", round(least, 3), 90 if same else 0, same)


def _face(measured: Measures) -> Finding:
    if measured.face is None:
        return Finding("face", None)
    odd = measured.face < FACE_SURE
    return Finding("face", round(measured.face, 2), 20 if odd else 0, odd)


def _hands(measured: Measures) -> Finding:
    if not measured.hands:
        return Finding("hands", None)
    least = min(hand.skin for hand in measured.hands)
    return Finding("hands", round(least, 2), 15 if least < HAND_SKIN else 0, least < HAND_SKIN)


# ---------------------------------------------------------------- one picture


def score(output: TryOnOutput) -> Score:
    """Measure ``output`` and keep the result on its row. Takes about half a second."""
    found = _scored(output)
    output.scores, output.score, output.scored_at = found.as_json(), found.total, timezone.now()
    TryOnOutput.objects.filter(pk=output.pk).update(
        scores=output.scores, score=output.score, scored_at=output.scored_at
    )
    return found


def unavailable() -> str:
    """Why nothing can be measured on this server; "" when it can."""
    return "" if local_engine.available() else "no_engine"


def _scored(output: TryOnOutput) -> Score:
    reason = unavailable() or _not_a_shot(output)
    if reason:
        return Score(None, absent=reason)
    from tryon.studio.measures import hash_distance, measure

    result = output.result
    preset = _preset_of(result)
    try:
        measured = measure(
            _read(output.file),
            _read(result.garment.image),
            category=Category(result.garment.category),
            model=_read(preset.image) if preset else None,
            drawn=bool(preset and preset.mannequin),
        )
    except (OSError, ValueError):
        return Score(None, absent="unreadable")
    distances = [hash_distance(measured.hash, other) for other in _sibling_hashes(output)]
    return judge(measured, twin=min(distances, default=None))


def _read(file: Any) -> bytes:
    with file.open("rb") as stream:
        data: bytes = stream.read()
    return data


def shot_of(result: TryOnResult) -> TryOnResult | None:
    """The shot that ``result`` is, or was edited from; None for edits of something else."""
    seen = set()
    while result.operation != Operation.MODEL_SHOT:
        if result.source is None or result.pk in seen:
            return None
        seen.add(result.pk)
        result = result.source.result
    return result


def _not_a_shot(output: TryOnOutput) -> str:
    return "" if not output.mime.startswith(("video/", "audio/")) and shot_of(output.result) else "not_a_shot"


def _preset_of(result: TryOnResult) -> Any:
    shot = shot_of(result)
    return shot.preset_model if shot else None


def _sibling_hashes(output: TryOnOutput) -> Iterable[str]:
    """Of the other shots of the garment. An edit is meant to look like what it was made from."""
    result = output.result
    others = (
        TryOnOutput.objects.filter(result__garment=result.garment_id, score__isnull=False)
        .exclude(pk__in=[output.pk, *([result.source_id] if result.source_id else [])])
        .exclude(result__source=output)
    )
    kept = others.order_by("-created_at").values_list("scores", flat=True)[:SIBLINGS]
    return [scores["hash"] for scores in kept if scores.get("hash")]


# ---------------------------------------------------------------- in the background


def waiting() -> QuerySet[TryOnOutput]:
    """Pictures for review that have not been measured."""
    return TryOnOutput.objects.filter(~Q(review=Review.NONE.value), scored_at__isnull=True)


def sweep(seconds: float = SWEEP_SECONDS) -> int:
    """The task: measure what waits, newest last; how many. Rings again when time ran out."""
    if not waiting().exists() or not cache.add(LOCK, 1, seconds + 30):
        return 0
    done, end = 0, time.monotonic() + seconds
    try:
        while not _shopper_waits():
            output = (
                waiting().select_related("result__garment", "result__source__result").order_by("created_at").first()
            )
            if output is None:
                return done
            score(output)
            done += 1
            if time.monotonic() > end:
                break
    finally:
        cache.delete(LOCK)
    if waiting().exists() and not _shopper_waits():
        tasks.measure_soon()
    return done


def _shopper_waits() -> bool:
    """Somebody stands and waits, and no runner is at work: give the worker back."""
    now = timezone.now()
    return not any_drain_alive(now) and TryOnResult.objects.due(now).filter(priority=0).exists()


def on_finished(result: TryOnResult) -> None:
    """After a picture for the shop was made: ring once in a while. The schedule finds what a lost ring left."""
    if result.operation != Operation.TRY_ON and cache.add(f"{LOCK}-ring", 1, RING_SECONDS):
        tasks.measure_soon()
