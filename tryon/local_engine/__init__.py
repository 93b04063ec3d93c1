"""The built-in picture maker: a flat garment photo on a person's photo or on a drawn mannequin.

Needs ``pip install django-tryon[local]`` and the network files that ``manage.py tryon_setup`` fetches. Importing this
package loads neither NumPy nor OpenCV; ``try_on``, ``model_shot`` and ``check_person`` do so on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .catalogue import mannequin_picture, mannequins
from .models import ModelsMissing, SetupFailed, available, fetch, models_missing
from .results import ENGINE_VERSION, EngineResult, MannequinInfo, PersonCheck

if TYPE_CHECKING:
    from .engine import check_person, model_shot, try_on

__all__ = [
    "ENGINE_VERSION", "EngineResult", "MannequinInfo", "ModelsMissing", "PersonCheck", "SetupFailed", "available",
    "check_person", "fetch", "mannequin_picture", "mannequins", "model_shot", "models_missing", "try_on",
]  # fmt: skip

_NEEDS_ARRAYS = {"check_person", "model_shot", "try_on"}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_ARRAYS:
        from . import engine

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
