from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from tryon_shop.models import Product


class AddToBagForm(forms.Form):
    """The size of one product; the colour is in the page's address."""

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        errors = dict.fromkeys(["required", "invalid_choice"], _("Choose a size."))
        choices = [(size, size) for size in product.size_list]
        self.fields["size"] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect, error_messages=errors)


class QuantityForm(forms.Form):
    """One line of the bag and how many it should hold."""

    line = forms.CharField(max_length=100)
    quantity = forms.IntegerField()
