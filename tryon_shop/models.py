"""What the shop sells. Nothing here knows of try-on: ``catalog.py`` is the only join."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse

hex_colour = RegexValidator(r"^#[0-9a-f]{6}$", "A colour like #b5664a.")


class Department(models.TextChoices):
    TOPS = "upper", "Tops"
    BOTTOMS = "lower", "Bottoms"
    DRESSES = "full", "Dresses"

    @property
    def slug(self) -> str:
        """As it stands in addresses."""
        return self.label.lower()


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
