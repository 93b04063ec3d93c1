"""Oscar's products as garments, and Oscar's product images as the gallery.

A garment is a stand-alone product, or a child of a parent product: its variant is then named by the attribute
``variant_attribute`` (a colour, usually), else by the child's title. Which part of the body a product covers is looked
up in ``categories`` by the slugs of its Oscar categories and those above them; a product in none of them is not
offered. A shop subclasses:

    class Catalog(OscarCatalog):
        categories = {"tops": Category.UPPER, "trousers": Category.LOWER, "dresses": Category.FULL}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.files.base import ContentFile
from django.db import transaction
from oscar.core.loading import get_model

from tryon.catalog import GarmentSource, ProductCatalog
from tryon.choices import Category

if TYPE_CHECKING:
    from tryon.models import TryOnOutput

CODE = "tryon-"  # our images are known by their code


def is_ours(image: Any) -> bool:
    """Whether a product image is one of our shots."""
    # Oscar gives a dict where a product has no picture
    return bool(image) and str(getattr(image, "code", "") or "").startswith(CODE)


class OscarCatalog(ProductCatalog):
    categories: ClassVar[Mapping[str, Category]] = {
        "tops": Category.UPPER,
        "bottoms": Category.LOWER,
        "dresses": Category.FULL,
    }
    variant_attribute: ClassVar[str] = "colour"

    # ------------------------------------------------------------ products

    @property
    def products(self) -> Any:
        return get_model("catalogue", "Product").objects

    def product_ref(self, product: Any) -> str:
        """Of a child: its parent's."""
        if isinstance(product, str | int):
            return str(product)
        key = product.parent_id or product.pk
        return "" if key is None else str(key)

    def get_product(self, ref: str) -> Any | None:
        if not (ref.isdecimal() and len(ref) < 19):
            return None
        return self.products.filter(pk=ref, is_public=True).exclude(structure="child").first()

    def visible_refs(self, refs: Collection[str]) -> set[str]:
        keys = [ref for ref in refs if ref.isdecimal() and len(ref) < 19]
        found = self.products.filter(pk__in=keys, is_public=True).exclude(structure="child")
        return {str(key) for key in found.values_list("pk", flat=True)}

    def product_name(self, product: Any) -> str:
        return str(product.get_title())

    def variant_url(self, product: Any, variant: str) -> str:
        return str(self.owner(product, variant).get_absolute_url())

    def category_of(self, product: Any) -> Category | None:
        """By the nearest Oscar category that ``categories`` names."""
        for category in product.get_categories().all():
            for one in reversed(list(category.get_ancestors_and_self())):
                if one.slug in self.categories:
                    return Category(self.categories[one.slug])
        return None

    def variants(self, product: Any) -> dict[str, Any]:
        """Variant -> the product that has its pictures."""
        if product.structure != "parent":
            return {"": product}
        return {self.variant_name(child): child for child in product.children.filter(is_public=True).order_by("pk")}

    def variant_name(self, child: Any) -> str:
        value = child.attribute_values.filter(attribute__code=self.variant_attribute).first()
        return str(value.value_as_text if value is not None else child.get_title())[:100]

    def owner(self, product: Any, variant: str) -> Any:
        """The product whose gallery a variant is shown in: its child, or the product itself."""
        child = self.variants(product).get(variant)
        return product if child is None else child

    def garment_sources(self, product: Any) -> Iterator[GarmentSource]:
        """The first picture of each variant that is not one of our own shots."""
        category = self.category_of(product)
        if category is None:
            return
        for variant, owner in self.variants(product).items():
            source = next((image for image in owner.get_all_images() if not is_ours(image)), None)
            if source is not None:
                with source.original.open("rb") as file:
                    yield GarmentSource(variant, str(product.get_title()), category, file)

    # ------------------------------------------------------------ the gallery

    def gallery(self, product: Any, variant: str = "") -> list[str]:
        return [image.caption or image.original.name.rpartition("/")[2] for image in self._images(product, variant)]

    def _images(self, product: Any, variant: str) -> list[Any]:
        return list(self.owner(product, variant).images.order_by("display_order", "pk"))

    def publish(
        self, product: Any, output: TryOnOutput, alt: str, *, variant: str = "", position: int | None = None
    ) -> dict[str, Any]:
        """The file is copied byte by byte, so that the mark in it stays."""
        owner = self.owner(product, variant)
        images = self._images(product, variant)
        before = [[image.pk, image.display_order] for image in images]
        at = len(images) if position is None else max(0, min(position, len(images)))
        new = get_model("catalogue", "ProductImage")(product=owner, caption=alt[:200], code=f"{CODE}{output.pk.hex}")
        with output.file.open("rb") as file:
            suffix = "png" if str(output.file.name).endswith(".png") else "jpg"
            new.original.save(f"{CODE}{output.pk.hex}.{suffix}", ContentFile(file.read()), save=False)
        self._number([*images[:at], new, *images[at:]])
        return {"image": new.pk, "before": before}

    def unpublish(self, product: Any, output: TryOnOutput, published_as: dict[str, Any]) -> None:
        """The others keep the order among themselves; if it is still the one from before, also their numbers."""
        model = get_model("catalogue", "ProductImage")
        image = model.objects.filter(pk=published_as.get("image"), code=f"{CODE}{output.pk.hex}").first()
        if image is None:
            return
        others = list(image.product.images.exclude(pk=image.pk).order_by("display_order", "pk"))
        storage, name = image.original.storage, image.original.name
        model.objects.filter(pk=image.pk).delete()  # its own delete() would number the others anew
        before = [(pk, order) for pk, order in published_as.get("before", [])]
        if [pk for pk, _order in before] == [other.pk for other in others]:
            for other, (_pk, order) in zip(others, before, strict=True):
                self._place(other, order)
        else:
            self._number(others)
        transaction.on_commit(lambda: storage.delete(name))

    def _number(self, images: list[Any]) -> None:
        for order, image in enumerate(images):
            self._place(image, order)

    def _place(self, image: Any, order: int) -> None:
        if image.pk is None or image.display_order != order:
            image.display_order = order
            image.save()
