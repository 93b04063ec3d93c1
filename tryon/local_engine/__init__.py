"""The built-in picture maker: a flat garment photo on a person's photo or on a drawn mannequin.

Needs ``pip install django-tryon[local]`` and the network files that ``manage.py tryon_setup`` fetches. Importing this
package loads neither NumPy nor OpenCV; the functions that make pictures do so on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .catalogue import mannequin_picture, mannequins
from .models import ModelsMissing, SetupFailed, available, fetch, models_missing
from .results import ENGINE_VERSION, THEMES, EngineResult, MannequinInfo, PersonCheck

if TYPE_CHECKING:
    from .engine import check_person, model_shot, try_on
    from .faces import cover_faces
    from .surroundings import remove_background, replace_background

__all__ = [
    "ENGINE_VERSION", "THEMES", "EngineResult", "MannequinInfo", "ModelsMissing", "PersonCheck", "SetupFailed",
    "available", "check_person", "cover_faces", "fetch", "mannequin_picture", "mannequins", "model_shot",
    "models_missing", "remove_background", "replace_background", "try_on",
]  # fmt: skip

_NEEDS_ARRAYS = {
    "check_person": "engine",
    "cover_faces": "faces",
    "model_shot": "engine",
    "remove_background": "surroundings",
    "replace_background": "surroundings",
    "try_on": "engine",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_ARRAYS:
        return getattr(import_module(f"{__name__}.{_NEEDS_ARRAYS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
