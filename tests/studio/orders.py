"""Batches for tests that are about something else."""

from __future__ import annotations

from typing import Any

from tryon.models import Batch, Garment, PresetModel
from tryon.studio import batches
from tryon.studio.briefs import Brief
from tryon.studio.plans import Plan


def order_shots(garment: Garment, preset_model: PresetModel, *, user: Any, number: int = 1) -> Batch:
    """``number`` shots of one garment, up to four in one brief, further ones of copies of it."""
    keys = [garment.pk]
    for copy in range(1, -(-number // 4)):
        fields = {name: getattr(garment, name) for name in ("name", "category", "image", "thumb", "sha256")}
        size = {"width": garment.width, "height": garment.height}
        twin = Garment.objects.create(product_ref=f"{garment.product_ref}-{user.pk}-{copy}", **fields, **size)
        keys.append(twin.pk)
    return batches.create(Plan(Brief((preset_model.pk,), variants=min(number, 4)), keys), user=user)
