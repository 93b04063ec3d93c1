"""Everything we have of one shopper, as a zip file: their pictures as they are, and one JSON file with the rest."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from django.utils import timezone

from tryon.copies import sent_copies
from tryon.models import ShareLink, Shopper

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

README = """This is everything the virtual try-on of this shop has of you.

data.json   your photos, previews, agreements, feedback and links, and who was sent a photo
photos/     the photos you gave
previews/   the pictures that were made
"""


def write_zip(shopper: Shopper, file: IO[bytes]) -> dict[str, int]:
    """Write it to ``file``, which need not be seekable; how many of each kind are in it."""
    data: dict[str, Any] = {
        "exported_at": timezone.now(),
        "shopper": {"id": shopper.pk, "user": shopper.user_id, "created_at": shopper.created_at},
        "photos": [],
        "previews": [],
        "agreements": list(
            shopper.consents.order_by("given_at").values(
                "version", "text", "language", "providers", "channel", "given_at", "withdrawn_at"
            )
        ),
        "links": list(
            ShareLink.objects.filter(output__result__shopper=shopper).values(
                "output__result", "hide_face", "created_at", "expires_at", "revoked_at", "reported_at"
            )
        ),
        "sent_to": [
            {"company": copy.company, "provider": copy.alias, "sent_at": copy.sent_at, "documented_end": copy.until}
            for copy in sent_copies(shopper)
        ],
    }
    # pictures are compressed already
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("README.txt", README)
        data["photos"] = list(_photos(shopper, archive))
        data["previews"] = list(_previews(shopper, archive))
        archive.writestr("data.json", json.dumps(data, default=str, ensure_ascii=False, indent=1))
    return {kind: len(data[kind]) for kind in ("photos", "previews", "agreements", "links", "sent_to")}


def _photos(shopper: Shopper, archive: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    for photo in shopper.photos.order_by("created_at"):
        yield {
            "id": photo.pk,
            "file": _add(archive, f"photos/{photo.pk}", photo.file),
            "width": photo.width,
            "height": photo.height,
            "created_at": photo.created_at,
            "expires_at": photo.expires_at,
        }


def _previews(shopper: Shopper, archive: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    rows = shopper.results.select_related("garment", "preset_model", "feedback").prefetch_related("outputs")
    for row in rows.order_by("created_at"):
        said = getattr(row, "feedback", None)
        yield {
            "id": row.pk,
            "product": row.garment.product_ref,
            "name": str(row.garment),
            "photo": row.photo_id,
            "model": row.preset_model.name if row.preset_model else None,
            "status": row.status,
            "error": row.error_code or None,
            "made_by": row.provider or None,
            "options": row.options,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "files": [_add(archive, f"previews/{output.pk}", output.file) for output in row.outputs.all()],
            "feedback": {"liked": said.liked, "reasons": said.reasons, "given_at": said.created_at} if said else None,
        }


def _add(archive: zipfile.ZipFile, stem: str, file: FieldFile) -> str | None:
    """Its name in the zip; None when the file was deleted behind our back."""
    name = f"{stem}.png" if str(file.name).endswith(".png") else f"{stem}.jpg"
    try:
        with file.storage.open(str(file.name), "rb") as stream:
            archive.writestr(name, stream.read())
    except OSError:
        return None
    return name
