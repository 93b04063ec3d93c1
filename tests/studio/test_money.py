from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from tryon.studio.money import money


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "0.00 USD"),
        ("4.5", "4.50 USD"),
        ("500", "500.00 USD"),
        ("0.075", "0.075 USD"),
        ("0.09615384", "0.0962 USD"),
        ("12.3375", "12.3375 USD"),
        ("0.000125", "0.000125 USD"),
        ("-0.075", "-0.075 USD"),
    ],
)
def test_every_amount_is_written_by_one_rule(amount, words):
    assert money(Decimal(amount)) == words


def test_the_point_is_the_languages(tryon_settings):
    tryon_settings(CURRENCY="EUR")
    with translation.override("de"):
        assert money(Decimal("0.075")) == "0,075 EUR"
