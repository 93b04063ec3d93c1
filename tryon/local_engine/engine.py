"""The two public operations: a garment on a person, a garment on a mannequin."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import garment as garments
from . import mannequin as drawn
from . import nets as networks
from . import person as persons
from .catalogue import figure
from .compose import dress, standing
from .garment import Garment
from .imaging import Array, decode, encode_jpeg, shrink
from .person import Person
from .results import CATEGORIES, ENGINE_VERSION, EngineResult, PersonCheck

WORK_SIDE = 1024  # pixels of the long side
_GARMENT_FAULTS = (ValueError, IndexError, np.linalg.LinAlgError, cv2.error)


def try_on(
    person: bytes,
    garment: bytes,
    *,
    category: str | None = None,
    garment_is_worn: bool | None = None,
    models_dir: str | Path | None = None,
) -> EngineResult:
    """The garment on the person, at the size of the person's photo up to 1,024 pixels.

    Both pictures are encoded JPEG, PNG or WebP, upright and already accepted; a PNG garment may be transparent.
    ``category`` ("upper", "lower", "full") overrides what the outline suggests. The picture of a mannequin is
    recognised and dressed with its exact landmarks. The same inputs give the same bytes.

    Raises TryOnError (image_too_small, no_person, several_people, face_only, turned_away, not_upright,
    legs_not_visible, garment_unsuitable, malformed_image), ModelsMissing, ValueError for an unknown category.
    """
    started = time.perf_counter()
    _check_category(category)
    photo = shrink(_decode_person(person), WORK_SIDE)
    wearer = drawn.recognise(photo) or persons.analyse(photo, models_dir)
    cloth = _read_garment(garment, category, garment_is_worn, models_dir)
    return _result(dress(wearer, cloth).photo, wearer, cloth, started)


def model_shot(
    garment: bytes,
    *,
    mannequin: str,
    category: str | None = None,
    background: tuple[int, int, int] | None = None,
    width: int | None = None,
    garment_is_worn: bool | None = None,
    models_dir: str | Path | None = None,
) -> EngineResult:
    """The garment on a drawn mannequin; tops are shown from head to thigh, everything else at full length.

    ``mannequin`` is a key of ``mannequins()`` (else KeyError). ``background`` is an RGB colour, ``width`` the
    width of the picture in pixels (256 to 2,048). Raises TryOnError garment_unsuitable, ModelsMissing, ValueError.
    """
    started = time.perf_counter()
    _check_category(category)
    if width is not None and not 256 <= width <= 2048:
        raise ValueError("width must be from 256 to 2048 pixels")
    figure(mannequin)
    cloth = _read_garment(garment, category, garment_is_worn, models_dir)
    wearer = drawn.load(mannequin, cloth.category, background)
    picture = dress(wearer, cloth).photo
    if width is not None:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        interpolation = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
        picture = cv2.resize(picture, (width, height), interpolation=interpolation)
    return _result(picture, wearer, cloth, started)


def check_person(person: bytes, *, models_dir: str | Path | None = None) -> PersonCheck:
    """The quality gate alone, about 0.2 seconds: refuses like ``try_on``, else says what the photo is good for."""
    photo = shrink(_decode_person(person), WORK_SIDE)
    if drawn.recognise(photo) is not None:
        return PersonCheck(CATEGORIES, ())
    found, _, _ = persons.locate(networks.load(models_dir), photo)
    categories = CATEGORIES if standing(found) else ("upper",)
    return PersonCheck(categories, tuple(found.warnings))


def _check_category(category: str | None) -> None:
    if category is not None and category not in CATEGORIES:
        raise ValueError(f"unknown category {category!r}; known: {', '.join(CATEGORIES)}")


def _decode_person(data: bytes) -> Array:
    try:
        return decode(data)[0]
    except (ValueError, cv2.error) as error:
        raise TryOnError("malformed_image", str(error)) from error


def _read_garment(data: bytes, category: str | None, is_worn: bool | None, models_dir: str | Path | None) -> Garment:
    """Decode and analyse. Every fault of the garment's picture is one error to the shop."""
    try:
        picture, alpha = decode(data)
        picture = shrink(picture, WORK_SIDE)
        alpha = None if alpha is None else shrink(alpha, WORK_SIDE)
        return garments.analyse(picture, alpha, category, is_worn, models_dir)
    except _GARMENT_FAULTS as error:
        raise TryOnError("garment_unsuitable", f"its landmarks were not found ({type(error).__name__})") from error


def _result(picture: Array, wearer: Person, cloth: Garment, started: float) -> EngineResult:
    warnings = tuple(dict.fromkeys([*wearer.warnings, *cloth.warnings]))
    data = encode_jpeg(picture)
    return EngineResult(
        data=data, mime="image/jpeg", width=picture.shape[1], height=picture.shape[0], category=cloth.category,
        quality="reduced" if len(warnings) >= 2 else "full", warnings=warnings,
        milliseconds=round((time.perf_counter() - started) * 1000), version=ENGINE_VERSION,
    )  # fmt: skip
