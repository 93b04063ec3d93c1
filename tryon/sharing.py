"""Links to one preview: made and taken back by its owner, ended by time, readable only by who holds the token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from tryon import local_engine, retention
from tryon.choices import Operation, Status
from tryon.conf import conf
from tryon.errors import TryOnError
from tryon.identity import hash_token
from tryon.images.disclosure import with_packet, xmp_packet
from tryon.images.picture import Picture
from tryon.models import ShareLink, TryOnOutput, TryOnResult
from tryon.providers import get_provider, provider_aliases
from tryon.providers.local import LocalProvider
from tryon.signals import picture_reported, preview_shared, send_after_commit

MOST_OPEN = 5  # links of one preview: a sixth ends the oldest


@dataclass(frozen=True, slots=True)
class Shared:
    """A fresh link. ``token`` is the only time that it can be read."""

    link: ShareLink
    token: str


def share(result: TryOnResult, *, hide_face: bool = False) -> Shared:
    """A link to the first picture of a finished preview. Raises sharing_off, face_not_hidden, not_found.

    With ``hide_face`` the link has a picture of its own, in which the server made the face unrecognisable.
    """
    output = result.outputs.order_by("position").first()
    if not can_share(result) or output is None:
        raise TryOnError("sharing_off")
    token = secrets.token_urlsafe(24)
    ends = timezone.now() + timedelta(hours=conf.SHARE_HOURS)
    link = ShareLink(
        output=output,
        token_hash=hash_token(token),
        hide_face=hide_face,
        expires_at=min(ends, result.expires_at) if result.expires_at else ends,
    )
    if hide_face:
        link.file.save("face-hidden.jpg", ContentFile(_without_face(output)), save=False)
    try:
        with transaction.atomic():
            # deleting the preview locks this row as well: a link can't slip in behind it
            if not TryOnResult.objects.select_for_update().filter(pk=result.pk).exists():
                raise TryOnError("not_found")
            link.save()
            send_after_commit(preview_shared, ShareLink, link=link)
    except (IntegrityError, TryOnError) as error:
        if link.file:
            link.file.storage.delete(str(link.file.name))
        raise TryOnError("not_found") from error
    surplus = ShareLink.objects.open().filter(output=output)[MOST_OPEN:]
    retention.delete_links(list(surplus))
    return Shared(link, token)


def can_share(result: TryOnResult) -> bool:
    """Shoppers' own finished previews, where the shop allows it."""
    return bool(
        conf.SHARING
        and conf.ENABLED
        and result.shopper_id
        and result.operation == Operation.TRY_ON
        and result.status == Status.SUCCEEDED
    )


def can_hide_face() -> bool:
    """Whether this server has what it takes to find a face."""
    return local_engine.available(_models_dir())


def find(token: str) -> ShareLink | None:
    """The open link of a token; the same None for one that ended, was taken back or never was."""
    if not conf.SHARING:
        return None
    links = ShareLink.objects.open().select_related("output__result__garment", "output__result__preset_model")
    link = links.filter(token_hash=hash_token(token)).first()
    if link is None:
        return None
    ends = link.output.result.expires_at
    return link if ends is None or ends > timezone.now() else None


def revoke(link: ShareLink) -> None:
    """It shows nothing from now on, and its own picture is deleted."""
    retention.delete_links([link])


def report(link: ShareLink) -> None:
    """Somebody says that this picture should not be here: it is shown no more, and staff are told."""
    if ShareLink.objects.open().filter(pk=link.pk).update(reported_at=timezone.now()):
        send_after_commit(picture_reported, ShareLink, link=link)


def take_down(result_id: UUID) -> bool:
    """For staff who follow up a report: the preview, its photo and all its links go at once. False: it is gone."""
    result = TryOnResult.objects.filter(pk=result_id).select_related("photo").first()
    if result is None:
        return False
    retention.delete_result(result)
    return True


def _without_face(output: TryOnOutput) -> bytes:
    """The picture with the face covered and the AI mark it had."""
    folder = _models_dir()
    if not local_engine.available(folder):
        raise TryOnError("face_not_hidden", "the local engine is not installed")
    with output.file.open("rb") as stream:
        data: bytes = stream.read()
    covered = local_engine.cover_faces(data, models_dir=folder)
    if covered is None:
        raise TryOnError("face_not_hidden", "no face was found, or it could still be found afterwards")
    packet = xmp_packet(data)
    picture = Picture.of(covered, "image/jpeg", (output.width, output.height))
    return with_packet(picture, packet).data if packet else covered


def _models_dir() -> str | None:
    """Where the project keeps the engine's model files, if it says so."""
    for alias in provider_aliases():
        provider = get_provider(alias)
        if isinstance(provider, LocalProvider) and provider.models_dir:
            return provider.models_dir
    return None
