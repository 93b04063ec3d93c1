"""What the drain's threads do: talk to providers and files. No function here touches the database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import override

from tryon.choices import Category, Operation, ProviderStatus, Status
from tryon.models import TryOnResult
from tryon.providers.base import (
    Charged,
    ImageInput,
    Output,
    Provider,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.runner.delivery import Stored, deliver

DELIVERIES = 3  # of one finished picture
PAUSE_SECONDS = 1.0  # between two of them, when the provider answered with the result at once


@dataclass(slots=True)
class Job:
    """A claimed row in the hands of a drain."""

    row: TryOnResult
    provider: Provider
    status: Status  # as the database has it
    job_id: str = ""
    submitted_at: datetime | None = None
    sent: bool = False  # the submit has begun: from here on its outcome may be unknown
    busy: bool = False
    lost: int = 0  # deliveries of a finished picture that failed


@dataclass(frozen=True, slots=True)
class Submitted:
    submission: Submission
    stored: tuple[Stored, ...]  # not empty: the provider answered with the pictures


@dataclass(frozen=True, slots=True)
class Polled:
    update: Update
    stored: tuple[Stored, ...]


def submit(job: Job) -> Submitted:
    request = build_request(job.row)
    job.sent = True
    with override("en"):
        submission = job.provider.submit(request)
    if submission.job_id is not None:
        return Submitted(submission, ())
    while True:
        try:
            return Submitted(submission, tuple(_deliver(job, submission.outputs)))
        except ProviderError as error:
            if not error.retryable or error.charged != Charged.YES:
                raise
        time.sleep(PAUSE_SECONDS)  # nobody can ask again for this result: it is tried here or lost


def poll(job: Job) -> Polled:
    update = job.provider.poll(job.job_id, operation=Operation(job.row.operation))
    if update.status != ProviderStatus.SUCCEEDED:
        return Polled(update, ())
    return Polled(update, tuple(_deliver(job, update.outputs)))


def _deliver(job: Job, outputs: tuple[Output, ...]) -> list[Stored]:
    """A failure is retryable twice; a job is then asked again, which may give a fresh address."""
    try:
        return deliver(job.row.pk, job.row.attempts, outputs, provider=job.provider)
    except ProviderError as error:
        job.lost += 1
        if error.charged != Charged.YES or (error.retryable and job.lost < DELIVERIES):
            raise
        raise ProviderError(error.code, f"paid but not fetched: {error.detail}", charged=Charged.YES) from error


def build_request(row: TryOnResult) -> TryOnRequest:
    """Read the pictures of a row. Its related rows are already loaded. Raises ProviderError when a file is gone."""
    preset = row.preset_model
    person = row.photo.file if row.photo else preset.image if preset and not preset.mannequin else None
    try:
        return TryOnRequest(
            operation=Operation(row.operation),
            person=ImageInput.from_bytes(_read(person)) if person else None,
            garment=ImageInput.from_bytes(_read(row.garment.image)),
            category=Category(row.garment.category),
            options=row.options,
            mannequin=preset.mannequin if preset and not row.photo else "",
            description=str(row.garment),
            reference=row.pk.hex,
        )
    except OSError as error:
        raise ProviderError("gone", f"a picture is missing: {type(error).__name__}") from error


def _read(file: object) -> bytes:
    with file.open("rb") as stream:  # type: ignore[attr-defined]
        data: bytes = stream.read()
    return data
