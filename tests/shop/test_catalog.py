from __future__ import annotations

import inspect

from tryon.catalog import get_catalog
from tryon.garments import sync_product
from tryon.models import Garment
from tryon_shop.catalog import ShopCatalog
from tryon_shop.models import Product


def test_the_adapter_is_short_enough_to_write_at_once() -> None:
    lines = inspect.getsource(ShopCatalog).splitlines()[1:]
    assert 0 < len([line for line in lines if line.strip()]) <= 15


def test_each_colour_becomes_a_garment(product: Product) -> None:
    garments, refused = sync_product(product)

    assert refused == []
    assert [(one.product_ref, one.variant, one.name, one.category) for one in garments] == [
        ("crew-tee", "Clay", "Crew tee", "upper"),
        ("crew-tee", "Navy / ecru", "Crew tee", "upper"),
    ]
    sync_product(product)
    assert Garment.objects.count() == 2


def test_a_product_that_is_gone_is_no_product(product: Product) -> None:
    catalog = get_catalog()
    assert catalog.get_product("crew-tee") == product
    assert catalog.product_url(product) == "/products/crew-tee/"
    product.delete()
    assert catalog.get_product("crew-tee") is None


def test_products_know_nothing_of_try_on() -> None:
    import tryon_shop.models

    assert "import tryon" not in inspect.getsource(tryon_shop.models)
    assert "from tryon" not in inspect.getsource(tryon_shop.models)
