"""How an amount is written, everywhere."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

from tryon.conf import conf

CENT = Decimal("0.01")


def money(amount: Decimal) -> str:
    """``4.50 USD``, ``0.075 USD``: two digits after the point, up to four where it has them; six under a cent, which
    is all that the ledger keeps."""
    plain = round(amount, 6 if abs(amount) < CENT else 4).normalize()
    return f"{number_format(plain, decimal_pos=max(2, -int(plain.as_tuple().exponent)))} {conf.CURRENCY}"
