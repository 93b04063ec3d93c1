"""From a provider's output to private files, pictures with the AI mark. Runs in threads; touches no database."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.core.files.base import ContentFile

from tryon.choices import Operation
from tryon.errors import TryOnError
from tryon.images.disclosure import mark_ai
from tryon.images.intake import OUTPUT_LIMITS, Picture, accept_output
from tryon.images.renditions import renditions
from tryon.models import Review, TryOnOutput, TryOnResult
from tryon.providers.base import BadFile, Charged, Output, Provider, ProviderError
from tryon.runner import crash
from tryon.storage import result_storage

FETCH_SECONDS = 30.0  # for one file, everything included; tried up to three times inside a task with a time limit
MEDIA = frozenset({Operation.GENERATE_VIDEO, Operation.GENERATE_AUDIO})
MAX_MEDIA_BYTES = 64 * 1024 * 1024
UNCHANGED = "unchanged"  # warning: the provider gave back what it was sent


class OurFault(OSError):
    """Nothing is wrong with the result; we can't take it just now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One output on disk: names in the result storage, not yet known to the database. ``mime`` "": a picture."""

    file: str
    card: str
    thumb: str
    width: int
    height: int
    sha256: str
    mime: str = ""
    unchanged: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.file, self.card, self.thumb)))


def deliver(
    result_id: UUID,
    attempt: int,
    outputs: Iterable[Output],
    *,
    provider: Provider,
    operation: Operation = Operation.TRY_ON,
    sent: Collection[str] = (),
) -> list[Stored]:
    """Fetch, check, mark, shrink and store every output. All or nothing: a failure leaves no file behind.

    ``sent``: the SHA-256 of the pictures that went to the provider. Raises ProviderError, retryable when fetching
    again, perhaps from a fresh address, may help; OSError when we can't take it: a full disk, a busy decoder.
    """
    stored: list[Stored] = []
    try:
        for position, output in enumerate(outputs):
            # the name is made of the row and the attempt, so that a second delivery never meets the first
            stem = f"{result_id.hex}/{attempt}-{position}"
            data = output.data if output.data is not None else _fetched(output, provider, operation)
            crash.point("fetched")
            if operation in MEDIA:
                stored.append(_store_media(data, stem))
                continue
            picture = mark_ai(_accepted(data, output, provider), provider=provider.label)
            same = hashlib.sha256(data).hexdigest() in sent
            stored.append(replace(_store(picture, stem), unchanged=same))
        if not stored:
            raise ProviderError("provider_down", "the provider gave no picture", charged=Charged.YES)
    except BaseException:
        discard(stored)
        raise
    crash.point("stored")
    return stored


def discard(stored: Iterable[Stored]) -> None:
    """Remove files that no row will ever name. What can't be removed now is a stray, and found by the purge."""
    storage = result_storage()
    for item in stored:
        for name in item.names:
            try:
                storage.delete(name)
            except OSError:
                continue


def outputs_of(row: TryOnResult, stored: Iterable[Stored]) -> list[TryOnOutput]:
    """The rows for stored files, unsaved. What is made for the shop waits for review; previews never do."""
    review = Review.NONE if row.shopper_id else Review.TO_REVIEW
    return [
        TryOnOutput(
            result_id=row.pk,
            position=position,
            file=item.file,
            card=item.card,
            thumb=item.thumb,
            width=item.width,
            height=item.height,
            sha256=item.sha256,
            mime=item.mime,
            review=review.value,
            source_sha256="" if row.shopper_id else row.garment.sha256,
        )
        for position, item in enumerate(stored)
    ]


def media_type(data: bytes) -> str:
    """What a clip or a sound is, by its first bytes; "" for anything else."""
    if data[4:8] == b"ftyp":
        return "video/mp4"
    if data[:4] == b"\x1aE\xdf\xa3":
        return "video/webm"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[:4] == b"OggS":
        return "audio/ogg"
    if data[:3] == b"ID3" or data[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return "audio/mpeg"
    return ""


def _accepted(data: bytes, output: Output, provider: Provider) -> Picture:
    """An output as a picture of ours. One that is none is the provider's fault, never the shopper's photo's."""
    try:
        return accept_output(data)
    except TryOnError as error:
        if error.code == "busy":
            raise OurFault("too many pictures are being decoded here") from error
        raise BadFile(
            "provider_down",
            f"the picture is unusable: {error.code}",
            retryable=bool(output.url),
            charged=Charged.YES if provider.paid else Charged.NO,
        ) from error


def _fetched(output: Output, provider: Provider, operation: Operation) -> bytes:
    # imported here: requests is slow to import, and web pages and commands need this module's neighbours only
    from tryon.providers.http import fetch

    return fetch(
        output.url,
        allowed_hosts=provider.download_hosts(),
        max_bytes=MAX_MEDIA_BYTES if operation in MEDIA else OUTPUT_LIMITS.max_bytes,
        deadline=FETCH_SECONDS,
        allow_private_hosts=provider.allow_private_hosts,
    )


def _store_media(data: bytes, stem: str) -> Stored:
    mime = media_type(data)
    if not mime or len(data) > MAX_MEDIA_BYTES:
        reason = "too large" if mime else "neither a clip nor a sound"
        raise BadFile("provider_down", f"the file is unusable: {reason}", retryable=True, charged=Charged.YES)
    suffix = mime.partition("/")[2].replace("mpeg", "mp3")
    name = result_storage().save(f"results/{stem}-file.{suffix}", ContentFile(data))
    return Stored(name, "", "", 0, 0, hashlib.sha256(data).hexdigest(), mime)


def _store(picture: Picture, stem: str) -> Stored:
    storage = result_storage()
    small = renditions(picture)
    names: dict[str, str] = {}
    try:
        for size, rendition in {"file": picture, "card": small["card"], "thumb": small["thumb"]}.items():
            suffix = "png" if rendition.mime == "image/png" else "jpg"
            names[size] = storage.save(f"results/{stem}-{size}.{suffix}", ContentFile(rendition.data))
    except BaseException:
        discard([Stored(names.get("file", ""), names.get("card", ""), names.get("thumb", ""), 0, 0, "")])
        raise
    return Stored(names["file"], names["card"], names["thumb"], picture.width, picture.height, picture.sha256)
