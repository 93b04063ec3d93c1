"""What the shop sells. Nothing here knows of try-on: ``catalog.py`` is the only join."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

hex_colour = RegexValidator(r"^#[0-9a-f]{6}$", "A colour like #b5664a.")


class Department(models.TextChoices):
    TOPS = "upper", _("Tops")
    BOTTOMS = "lower", _("Bottoms")
    DRESSES = "full", _("Dresses")

    @property
    def slug(self) -> str:
        """As it stands in addresses."""
        return self.name.lower()


class Product(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    category = models.CharField(max_length=10, choices=Department.choices)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    description = models.TextField(blank=True)
    fabric = models.CharField(max_length=200, blank=True)
    sizes = models.CharField(max_length=100, help_text="Separated by commas, smallest first.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    @property
    def size_list(self) -> list[str]:
        return [size.strip() for size in self.sizes.split(",") if size.strip()]


class ProductColour(models.Model):
    """One colour of a product, with its picture. ``name`` is the variant's name in try-on."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="colours")
    key = models.SlugField()
    name = models.CharField(max_length=60)
    swatch = models.CharField(max_length=7, validators=[hex_colour])
    second_swatch = models.CharField(
        max_length=7, blank=True, validators=[hex_colour], help_text="Of a print or a stripe: half of the dot."
    )
    picture = models.ImageField(upload_to="products/", help_text="Upright, 4:5, on a plain background.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "key"], name="shop_colour_key"),
            models.UniqueConstraint(fields=["product", "name"], name="shop_colour_name"),
        ]

    def __str__(self) -> str:
        return f"{self.product}, {self.name}"

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.product.slug, self.key])

    @property
    def gallery(self) -> list[Shown]:
        """The pictures of the product page in their order: the garment's own, and what was published beside it."""
        own = Shown(self.picture.url, f"{self.product.name} in {self.name}", 1000, 1250)
        placed = [(0.0, own), *((image.position, image.shown) for image in self.images.all())]
        return [shown for _position, shown in sorted(placed, key=lambda entry: entry[0])]


@dataclass(frozen=True)
class Shown:
    """A picture as the product page shows it. ``ai``: with the badge that says so."""

    url: str
    alt: str
    width: int
    height: int
    ai: bool = False


class GalleryImage(models.Model):
    """A further picture of a colour. The colour's own stands at 0: before it are negative positions.

    Positions are fractions, so that one can be put between two others, and taken away, without moving any.
    """

    colour = models.ForeignKey(ProductColour, on_delete=models.CASCADE, related_name="images")
    picture = models.ImageField(upload_to="gallery/")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    alt = models.CharField(max_length=300)
    position = models.FloatField()
    ai_generated = models.BooleanField(default=False)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.alt

    @property
    def shown(self) -> Shown:
        return Shown(self.picture.url, self.alt, self.width, self.height, self.ai_generated)
