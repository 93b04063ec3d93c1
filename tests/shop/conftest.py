from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from tests.providers.fakes import jpeg
from tryon_shop.models import Product, ProductColour


@pytest.fixture(autouse=True)
def as_the_shop_is_run(settings: Any, tryon_settings: Callable[..., None], tmp_path: Path) -> None:
    """With the shop's own adapter, and product pictures in a folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    tryon_settings(CATALOG="tryon_shop.catalog.ShopCatalog")


@pytest.fixture
def product(db: None) -> Product:
    """A top in two colours."""
    product = Product.objects.create(
        slug="crew-tee",
        name="Crew tee",
        category="upper",
        price=Decimal("24.00"),
        description="Soft & plain.",
        sizes="S, M, L",
    )
    for position, (name, swatch) in enumerate([("Clay", "#b5664a"), ("Navy / ecru", "#2b3350")]):
        colour = ProductColour(
            product=product, key=name.lower().replace(" / ", "-"), name=name, swatch=swatch, position=position
        )
        colour.picture.save(f"crew-tee-{colour.key}.jpg", ContentFile(jpeg(400, 500, swatch)))
    return product
