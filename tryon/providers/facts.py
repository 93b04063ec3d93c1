"""What a provider documents about the pictures it is sent: for the photo notice, the privacy page and the passport."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

UNITED_STATES = _("United States")
SINGAPORE = _("Singapore")


@dataclass(frozen=True, slots=True)
class Facts:
    """``photo`` and ``result``: how long they keep what was sent and what was made; zero: not at all.

    None and "" mean that their documentation does not say. It is their word, read on ``seen``, and not checked by us.
    """

    company: str
    place: _StrPromise | str = ""
    photo: timedelta | None = None
    result: timedelta | None = None
    source: str = ""
    seen: date | None = None

    @property
    def longest(self) -> timedelta | None:
        """After this nothing of ours should be with them; None when either time is not stated."""
        return None if self.photo is None or self.result is None else max(self.photo, self.result)
