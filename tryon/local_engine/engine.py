"""The public operations: a garment on a person or a mannequin, and what is behind a garment."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import mannequin as drawn
from . import nets as networks
from . import person as persons
from . import prepared
from .backdrop import Background
from .catalogue import figure
from .compose import dress, standing
from .confidence import Judgement, judge
from .dressed import Dressed
from .garment import Garment
from .imaging import Array, decode, encode_jpeg, encode_png, shrink
from .person import Person
from .results import CATEGORIES, ENGINE_VERSION, THEMES, EngineResult, PersonCheck
from .surroundings import behind_person

WORK_SIDE = 1024  # pixels of a shopper's picture
SMALLEST_SIDE, LARGEST_SIDE = 256, 2048  # of a merchant's
USUAL_SHOT = 1536
MIN_CONFIDENCE = 0.35  # below it a picture is refused
CHILD_RULES = ("refuse", "warn", "allow")
_GARMENT_FAULTS = (ValueError, IndexError, np.linalg.LinAlgError, cv2.error)


def try_on(
    person: bytes,
    garment: bytes,
    *,
    category: str | None = None,
    garment_is_worn: bool | None = None,
    background: Background | None = None,
    size: int = WORK_SIDE,
    min_confidence: float = MIN_CONFIDENCE,
    child_sized: str = "refuse",
    models_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
) -> EngineResult:
    """The garment on the person, at the size of the person's photo up to ``size`` pixels (256 to 2,048).

    Both pictures are encoded JPEG, PNG or WebP, upright and already accepted; a PNG garment may be transparent.
    ``category`` ("upper", "lower", "full") overrides what the outline suggests. The picture of a mannequin is
    recognised and dressed with its exact landmarks. ``background``: an RGB colour, one of ``THEMES`` or an
    encoded picture; by default everything around the person stays as it is. ``child_sized`` says what becomes of a
    body with a child's proportions: "refuse", "warn", "allow". ``cache_dir``: see ``prepared``. The same inputs give
    the same bytes. The picture is a PNG: what is not garment, old clothes or shadow has the photo's own pixels.

    Raises TryOnError (image_too_small, no_person, several_people, face_only, turned_away, not_upright, child_sized,
    legs_not_visible, low_confidence, garment_unsuitable, malformed_image), ModelsMissing, ValueError for an unknown
    category, size, theme or rule.
    """
    started = time.perf_counter()
    _check(category, size, background)
    if child_sized not in CHILD_RULES:
        raise ValueError(f"unknown rule {child_sized!r}; known: {', '.join(CHILD_RULES)}")
    photo = shrink(_decode_person(person), size)
    wearer = drawn.recognise(photo) or persons.analyse(photo, models_dir, child_sized=child_sized)
    cloth = read_garment(garment, category, garment_is_worn, models_dir, cache_dir)
    done = dress(wearer, cloth)
    picture = done.photo if background is None else behind_person(done, background)
    return _result(picture, done, cloth, min_confidence, started, lossless=True)


def model_shot(
    garment: bytes,
    *,
    mannequin: str,
    category: str | None = None,
    background: Background | None = None,
    frame: str | None = None,
    width: int | None = None,
    size: int = USUAL_SHOT,
    garment_is_worn: bool | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    models_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
) -> EngineResult:
    """The garment on a drawn mannequin; tops are shown from head to thigh, everything else at full length.

    ``mannequin`` is a key of ``mannequins()`` (else KeyError). ``background``: as for ``try_on``, a light wall by
    default. ``frame`` ("upper", "full") overrides the framing. ``size``: pixels of the long side (256 to 2,048), or
    ``width`` those of the width. Raises TryOnError garment_unsuitable and low_confidence, ModelsMissing, ValueError.
    """
    started = time.perf_counter()
    _check(category, size, background)
    if width is not None and not SMALLEST_SIDE <= width <= LARGEST_SIDE:
        raise ValueError(f"width must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
    if frame not in (None, "upper", "full"):
        raise ValueError(f"unknown frame {frame!r}; known: upper, full")
    figure(mannequin)
    cloth = read_garment(garment, category, garment_is_worn, models_dir, cache_dir)
    done = dress(drawn.load(mannequin, cloth.category, background, frame=frame, side=size), cloth)
    picture = done.photo
    if width is not None:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        interpolation = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
        picture = cv2.resize(picture, (width, height), interpolation=interpolation)
    return _result(picture, done, cloth, min_confidence, started)


def check_person(person: bytes, *, child_sized: str = "refuse", models_dir: str | Path | None = None) -> PersonCheck:
    """The quality gate alone, about 0.2 seconds: refuses like ``try_on``, else says what the photo is good for."""
    photo = shrink(_decode_person(person), WORK_SIDE)
    if drawn.recognise(photo) is not None:
        return PersonCheck(CATEGORIES, ())
    found, _, _ = persons.locate(networks.load(models_dir), photo, child_sized=child_sized)
    categories = CATEGORIES if standing(found) else ("upper",)
    return PersonCheck(categories, tuple(found.warnings))


def _check(category: str | None, size: int, background: Background | None) -> None:
    if category is not None and category not in CATEGORIES:
        raise ValueError(f"unknown category {category!r}; known: {', '.join(CATEGORIES)}")
    if not SMALLEST_SIDE <= size <= LARGEST_SIDE:
        raise ValueError(f"size must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
    if isinstance(background, str) and background not in THEMES:
        raise ValueError(f"unknown theme {background!r}; known: {', '.join(THEMES)}")


def _decode_person(data: bytes) -> Array:
    try:
        return decode(data)[0]
    except (ValueError, cv2.error) as error:
        raise TryOnError("malformed_image", str(error)) from error


def read_garment(
    data: bytes,
    category: str | None,
    is_worn: bool | None,
    models_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
) -> Garment:
    """Decode and analyse, or remember. Every fault of the garment's picture is one error to the shop."""
    try:
        return prepared.prepare(data, category, is_worn, models_dir, cache_dir)
    except _GARMENT_FAULTS as error:
        raise TryOnError("garment_unsuitable", f"its landmarks were not found ({type(error).__name__})") from error


def _result(
    picture: Array, done: Dressed, cloth: Garment, least: float, started: float, lossless: bool = False
) -> EngineResult:
    wearer: Person = done.person
    judgement: Judgement = judge(done, cloth)
    if judgement.confidence < least:
        detail = f"confidence {judgement.confidence:.2f} is under {least:.2f}: {', '.join(judgement.reasons)}"
        raise TryOnError("garment_unsuitable" if judgement.garment_is_weak else "low_confidence", detail)
    warnings = tuple(dict.fromkeys([*wearer.warnings, *cloth.warnings]))
    data = encode_png(picture) if lossless else encode_jpeg(picture)
    return EngineResult(
        data=data, mime="image/png" if lossless else "image/jpeg", width=picture.shape[1], height=picture.shape[0],
        category=cloth.category,
        quality="full" if judgement.confidence >= 0.6 else "reduced", warnings=warnings,
        milliseconds=round((time.perf_counter() - started) * 1000), version=ENGINE_VERSION,
        confidence=round(judgement.confidence, 2),
    )  # fmt: skip
