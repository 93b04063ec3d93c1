"""The demo shop's contents: products with pictures, models to try things on, invented usage, staff.

Everything is compared before it is written, so loading again changes nothing that is as it should be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from django.contrib.auth.models import Group, Permission, User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db.models import Model

from tryon import local_engine
from tryon.garments import picture_limits, set_picture, sync_product
from tryon.images.intake import intake
from tryon.models import Garment, PresetModel
from tryon_shop import usage
from tryon_shop.drawing.catalogue import DESIGNS, Colourway, GarmentDesign, picture_name
from tryon_shop.models import Product, ProductColour

PICTURES = Path(__file__).parent / "demo_pictures"
MERCHANDISER_MODELS = ("product", "productcolour")  # beside what `tryon_setup` allows the group
FIGURE_NAMES = {
    "f-xs-medium": "Yuki",
    "f-s-light": "Ida",
    "f-m-tan": "Luz",
    "f-l-dark": "Nia",
    "f-xl-brown": "Asha",
    "f-2xl-medium": "Mara",
    "f-4xl-tan": "Rosa",
    "m-s-tan": "Leo",
    "m-m-brown": "Ravi",
    "m-l-dark": "Kofi",
    "m-xl-light": "Ole",
    "m-3xl-medium": "Sami",
}

Row = TypeVar("Row", bound=Model)


class Loader:
    """Loads the parts one after the other. ``counts`` tells by kind what was created, changed and left as it was."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.refused: list[str] = []

    def products(self, at_least: int = 0) -> None:
        """Those that are drawn, and dyed ones if there must be more."""
        for design in DESIGNS:
            names = [picture_name(design, colourway) for colourway in design.colourways]
            self.product(design, [(PICTURES / name).read_bytes() for name in names])
        if at_least > len(DESIGNS):
            from tryon_shop.dyeing import dye, dyed

            for design, photo, degrees in islice(dyed(DESIGNS), at_least - len(DESIGNS)):
                self.product(design, [dye(PICTURES / photo, degrees)])

    def product(self, design: GarmentDesign, pictures: list[bytes]) -> None:
        product, what = put(Product, described(design), slug=design.key)
        self.counts["products"][what] += 1
        colours = [
            self.colour(product, data, colourway, position)
            for position, (colourway, data) in enumerate(zip(design.colourways, pictures, strict=True))
        ]
        self.garments(product, stale=what != "unchanged" or set(colours) != {"unchanged"})

    def colour(self, product: Product, data: bytes, colourway: Colourway, position: int) -> str:
        colour, what = put(ProductColour, shown(colourway, position), save=False, product=product, key=colourway.key)
        if not holds(colour, data):
            what = "changed" if colour.picture else "created"
            colour.picture.delete(save=False)
            colour.picture.save(f"{product.slug}-{colourway.key}.jpg", ContentFile(data), save=False)
        if what != "unchanged":
            colour.save()
        self.counts["colours"][what] += 1
        return what

    def garments(self, product: Product, *, stale: bool) -> None:
        """Make garments of the product's pictures, through the catalog adapter, as any shop does."""
        before = {garment.pk: garment.updated_at for garment in Garment.objects.filter(product_ref=product.slug)}
        if not stale and len(before) == product.colours.count():
            self.counts["garments"]["unchanged"] += len(before)
            return
        garments, refused = sync_product(product)
        self.refused += [f"{product}, {variant}: {error}" for variant, error in refused]
        for garment in garments:
            what = "unchanged" if before.get(garment.pk) == garment.updated_at else "changed"
            self.counts["garments"][what if garment.pk in before else "created"] += 1

    def preset_models(self) -> None:
        """The mannequins that come with the local engine."""
        for position, figure in enumerate(local_engine.mannequins()):
            values = {
                "name": FIGURE_NAMES.get(figure.key, figure.name),
                "size": figure.size,
                "skin_tone": figure.skin_tone,
                "position": position,
            }
            preset, what = put(PresetModel, values, save=False, mannequin=figure.key)
            picture = intake(local_engine.mannequin_picture(figure.key), limits=picture_limits())
            if preset.sha256 != picture.sha256:
                what = "changed" if preset.pk else "created"
                set_picture(preset, picture)
            elif what == "changed":
                preset.save()
            self.counts["preset models"][what] += 1

    def usage(self) -> None:
        self.counts["days of usage"] += Counter(usage.invent())

    def accounts(self) -> None:
        """admin/admin and merchandiser/merchandiser. An account that is there keeps its password."""
        call_command("tryon_setup", "--only", "groups", verbosity=0)
        group = Group.objects.get(name="Merchandiser")
        group.permissions.add(*merchandiser_permissions())
        if not User.objects.filter(username="admin").exists():
            User.objects.create_superuser("admin", password="admin")  # noqa: S106 - said to be a demo's
            self.counts["accounts"]["created"] += 1
        if not User.objects.filter(username="merchandiser").exists():
            user = User.objects.create_user("merchandiser", password="merchandiser", is_staff=True)  # noqa: S106
            user.groups.add(group)
            self.counts["accounts"]["created"] += 1


def put(model: type[Row], values: dict[str, Any], *, save: bool = True, **key: Any) -> tuple[Row, str]:
    """The row with that key, holding ``values``, and what became of it. With ``save=False`` the caller saves it."""
    row = model._default_manager.filter(**key).first()
    if row is None:
        row, what = model(**key, **values), "created"
    else:
        differing = {name: value for name, value in values.items() if getattr(row, name) != value}
        what = "changed" if differing else "unchanged"
        for name, value in differing.items():
            setattr(row, name, value)
    if save and what != "unchanged":
        row.save()
    return row, what


def described(design: GarmentDesign) -> dict[str, Any]:
    return {
        "name": design.name,
        "category": design.category,
        "price": Decimal(design.price),
        "description": design.description,
        "fabric": design.fabric,
        "sizes": ", ".join(design.sizes),
    }


def shown(colourway: Colourway, position: int) -> dict[str, Any]:
    second = colourway.print.colours[0] if colourway.print else ""
    return {"name": colourway.name, "swatch": colourway.swatch, "second_swatch": second, "position": position}


def holds(colour: ProductColour, data: bytes) -> bool:
    """Whether the picture on disk is this one; it may have been deleted while the row stayed."""
    if not colour.picture:
        return False
    try:
        with colour.picture.open() as file:
            return bool(file.read() == data)
    except FileNotFoundError:
        return False


def missing_pictures() -> list[Path]:
    paths = [PICTURES / picture_name(design, colourway) for design in DESIGNS for colourway in design.colourways]
    return [path for path in paths if not path.exists()]


def merchandiser_permissions() -> Iterable[Permission]:
    """All on the shop's own products."""
    return Permission.objects.filter(content_type__app_label="tryon_shop", content_type__model__in=MERCHANDISER_MODELS)
