"""From a provider's output to three private files, each with the AI mark. Runs in threads; touches no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.files.base import ContentFile

from tryon.errors import TryOnError
from tryon.images.disclosure import mark_ai
from tryon.images.intake import OUTPUT_LIMITS, Picture, accept_output
from tryon.images.renditions import renditions
from tryon.models import TryOnOutput
from tryon.providers.base import Charged, Output, Provider, ProviderError
from tryon.storage import result_storage

FETCH_SECONDS = 30.0  # for one file, everything included; tried up to three times inside a task with a time limit


@dataclass(frozen=True, slots=True)
class Stored:
    """One output on disk: names in the result storage, not yet known to the database."""

    file: str
    card: str
    thumb: str
    width: int
    height: int
    sha256: str

    @property
    def names(self) -> tuple[str, str, str]:
        return self.file, self.card, self.thumb


def deliver(result_id: UUID, attempt: int, outputs: Iterable[Output], *, provider: Provider) -> list[Stored]:
    """Fetch, check, mark, shrink and store every output. All or nothing: a failure leaves no file behind.

    Raises ProviderError; retryable when fetching again, perhaps from a fresh address, may help.
    """
    stored: list[Stored] = []
    try:
        for position, output in enumerate(outputs):
            picture = mark_ai(_accepted(output, provider), provider=provider.label)
            # the name is made of the row and the attempt, so that a second delivery never meets the first
            stored.append(_store(picture, f"{result_id.hex}/{attempt}-{position}"))
        if not stored:
            raise ProviderError("provider_down", "the provider gave no picture", charged=Charged.YES)
    except BaseException:
        discard(stored)
        raise
    return stored


def discard(stored: Iterable[Stored]) -> None:
    """Remove files that no row will ever name."""
    storage = result_storage()
    for item in stored:
        for name in item.names:
            storage.delete(name)


def outputs_of(result_id: UUID, stored: Iterable[Stored]) -> list[TryOnOutput]:
    """The rows for stored files, unsaved."""
    return [
        TryOnOutput(
            result_id=result_id,
            position=position,
            file=item.file,
            card=item.card,
            thumb=item.thumb,
            width=item.width,
            height=item.height,
            sha256=item.sha256,
        )
        for position, item in enumerate(stored)
    ]


def _accepted(output: Output, provider: Provider) -> Picture:
    """An output as a picture of ours. One that is none is the provider's fault, never the shopper's photo's."""
    data = output.data if output.data is not None else _fetched(output, provider)
    try:
        return accept_output(data)
    except TryOnError as error:
        raise ProviderError(
            "provider_down",
            f"the picture is unusable: {error.code}",
            retryable=bool(output.url) or error.code == "busy",
            charged=Charged.YES if provider.paid else Charged.NO,
        ) from error


def _fetched(output: Output, provider: Provider) -> bytes:
    # imported here: requests is slow to import, and web pages and commands need this module's neighbours only
    from tryon.providers.http import fetch

    return fetch(
        output.url,
        allowed_hosts=provider.download_hosts(),
        max_bytes=OUTPUT_LIMITS.max_bytes,
        deadline=FETCH_SECONDS,
        allow_private_hosts=provider.allow_private_hosts,
    )


def _store(picture: Picture, stem: str) -> Stored:
    storage = result_storage()
    small = renditions(picture)
    names: dict[str, str] = {}
    try:
        for size, rendition in {"file": picture, "card": small["card"], "thumb": small["thumb"]}.items():
            suffix = "png" if rendition.mime == "image/png" else "jpg"
            names[size] = storage.save(f"results/{stem}-{size}.{suffix}", ContentFile(rendition.data))
    except BaseException:
        for name in names.values():
            storage.delete(name)
        raise
    return Stored(**names, width=picture.width, height=picture.height, sha256=picture.sha256)
