"""What the drain's threads do: talk to providers and files. No function here touches the database."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import override

from tryon.choices import Category, Operation, ProviderStatus, Status
from tryon.models import LedgerEntry, TryOnResult
from tryon.providers.base import (
    ImageInput,
    Output,
    Provider,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.runner import crash
from tryon.runner.callbacks import webhook_url
from tryon.runner.delivery import Stored, deliver
from tryon.runner.lanes import Pace

DELIVERIES = 3  # of one finished result whose file is bad
PAUSE_SECONDS = 1.0  # at least, between two of them
WORDS_ONLY = frozenset({Operation.GENERATE_AUDIO})  # nobody makes a sound from a picture


class NotSent(ProviderError):
    """The drain is ending: the request was made and did not leave."""


@dataclass(slots=True, eq=False)
class Job:
    """A claimed row in the hands of a drain."""

    row: TryOnResult
    provider: Provider
    status: Status  # as the database has it, or will have it after the next commit
    entry: LedgerEntry | None = None
    send_at: float = 0.0  # seconds since the epoch, by this machine's clock
    job_id: str = ""
    submitted_at: datetime | None = None
    outputs: tuple[Output, ...] = ()  # paid results that are not fetched yet
    credits: float | None = None  # what the provider said it took
    sent: bool = False  # the submit has begun: from here on its outcome may be unknown
    busy: bool = False
    turn: int = 0  # the one entry of the drain's heap that counts
    polls: int = 0  # questions asked about it
    late: float = 0.0  # seconds that its last step waited for a thread after its time
    soonest: float | None = None  # seconds from its submit until a question makes sense, as far as is known
    lost: int = 0  # deliveries of a finished result that brought a bad file
    hinted_at: datetime | None = None
    progress: float | None = None
    progress_at: float = 0.0
    pace: Pace | None = None
    may_send: Callable[[], bool] = field(default=lambda: True)
    _kept: threading.Lock = field(default_factory=threading.Lock)

    def keep(self) -> bool:
        """True for one caller: the thread that sends it, or the drain that gives it back."""
        return self._kept.acquire(blocking=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    submission: Submission
    stored: tuple[Stored, ...] = ()  # not empty: the provider answered with the pictures themselves
    failure: Exception | None = None  # of keeping them


@dataclass(frozen=True, slots=True)
class Polled:
    """``update`` None: only what was known already was fetched."""

    update: Update | None
    stored: tuple[Stored, ...] = ()
    failure: Exception | None = None  # of fetching what is ready


def submit(job: Job) -> Submitted:
    request = build_request(job.row, webhook_url(job.row, job.provider))
    with override("en"), _leaving(job):
        submission = job.provider.submit(request)
    crash.point("answered")
    if submission.job_id is not None or any(output.data is None for output in submission.outputs):
        return Submitted(submission)  # an address is written down before anything is fetched from it
    stored, failure = _fetch(job, submission.outputs)
    return Submitted(submission, stored, failure)


def poll(job: Job) -> Polled:
    """Ask, and fetch what is ready. What was ready before and can't be asked for again is fetched as it was known."""
    if not job.job_id:
        return Polled(None, *_fetch(job, job.outputs))
    job.polls += 1
    try:
        update = job.provider.poll(job.job_id, operation=Operation(job.row.operation))
    except ProviderError:
        if not job.outputs:
            raise
        return Polled(None, *_fetch(job, job.outputs))
    if update.status != ProviderStatus.SUCCEEDED:
        return Polled(update)
    crash.point("polled")
    return Polled(update, *_fetch(job, update.outputs))


@contextmanager
def _leaving(job: Job) -> Iterator[None]:
    """Around a submit: it leaves at its time, not at all when the drain is ending, and we know whether it left."""
    if not job.provider.tells_when_sent:
        _leave(job)
        yield
        return
    from tryon.providers.http import before_paid  # slow to import, and not needed by web pages

    token = before_paid.set(lambda: _leave(job))
    try:
        yield
    finally:
        before_paid.reset(token)


def _leave(job: Job) -> None:
    while (wait := job.send_at - time.time()) > 0 and job.may_send():
        time.sleep(min(wait, 0.5))
    if job.pace and job.pace.gives_up(time.time() - job.send_at):
        raise NotSent("provider_down", "not sent: its time has passed", retryable=True)
    while job.may_send() and job.pace and (wait := job.pace.take()) > 0:
        time.sleep(min(wait, 0.5))
    if not job.may_send() or not (job.sent or job.keep()):
        raise NotSent("provider_down", "not sent: the worker is ending", retryable=True)
    job.sent = True
    crash.point("sending")


def _fetch(job: Job, outputs: tuple[Output, ...]) -> tuple[tuple[Stored, ...], Exception | None]:
    operation = Operation(job.row.operation)
    try:
        sent = sent_hashes(job.row)
        found = deliver(job.row.pk, job.row.attempts, outputs, provider=job.provider, operation=operation, sent=sent)
    except Exception as error:  # noqa: BLE001 - a storage may raise anything; what was paid must not be lost by it
        return (), error
    return tuple(found), None


def is_ours(failure: Exception) -> bool:
    """Our storage failed, or we are busy: tried again until it works. Otherwise the provider's file is at fault."""
    return not isinstance(failure, ProviderError)


def sent_hashes(row: TryOnResult) -> frozenset[str]:
    """Of the pictures that went out: a provider that sends one of them back has done nothing."""
    preset = row.preset_model
    files = [row.photo.file if row.photo else None, preset.image if preset and not preset.mannequin else None]
    found = set()
    for file in filter(None, files):
        try:
            found.add(hashlib.sha256(_read(file)).hexdigest())
        except OSError:
            continue
    return frozenset(found)


# ---------------------------------------------------------------- results that wait


def as_json(outputs: tuple[Output, ...]) -> list[dict[str, Any]]:
    """Addresses of paid results, for ``TryOnResult.fetching``. Bytes are not kept there."""
    return [
        {
            "url": output.url,
            "mime": output.mime,
            "expires_at": output.expires_at.isoformat() if output.expires_at else "",
        }
        for output in outputs
        if output.url
    ]


def from_json(kept: Any) -> tuple[Output, ...]:
    found = kept if isinstance(kept, list) else []
    return tuple(
        Output(url=item["url"], mime=item.get("mime", ""), expires_at=parse_datetime(item.get("expires_at") or ""))
        for item in found
        if isinstance(item, dict) and item.get("url")
    )


def expires_within(outputs: tuple[Output, ...], seconds: float) -> bool:
    limit = datetime.now(UTC).timestamp() + seconds
    return any(output.expires_at is not None and output.expires_at.timestamp() < limit for output in outputs)


# ---------------------------------------------------------------- the request


def build_request(row: TryOnResult, webhook: str = "") -> TryOnRequest:
    """Read the pictures of a row. Its related rows are already loaded. Raises ProviderError when a file is gone."""
    preset, operation = row.preset_model, Operation(row.operation)
    person = row.photo.file if row.photo else preset.image if preset and not preset.mannequin else None
    try:
        return TryOnRequest(
            operation=operation,
            person=ImageInput.from_bytes(_read(person)) if person else None,
            garment=None if operation in WORDS_ONLY else ImageInput.from_bytes(_read(row.garment.image)),
            category=Category(row.garment.category),
            options=row.options,
            mannequin=preset.mannequin if preset and not row.photo else "",
            description=str(row.garment),
            reference=row.pk.hex,
            picture=ImageInput.from_bytes(_read(row.source.file)) if row.source else None,
            mask=ImageInput.from_bytes(_read(row.mask)) if row.mask else None,
            webhook_url=webhook,
        )
    except OSError as error:
        raise ProviderError("gone", f"a picture is missing: {type(error).__name__}") from error


def _read(file: Any) -> bytes:
    # not file.open(): once it was read, a file that is gone meanwhile is a ValueError there
    with file.storage.open(str(file.name), "rb") as stream:
        data: bytes = stream.read()
    return data
