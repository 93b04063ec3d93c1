"""What is behind a garment or a person: taken away, or replaced by a colour, a drawn studio or a picture."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import person as persons
from .backdrop import PLAIN, Background, contact_shadow, paint
from .cutout import TRANSPARENT_SHARE, bleed, cut_out
from .dressed import Dressed
from .garment import SMALLEST_SIDE, shows_a_person
from .imaging import Array, Shape, decode, encode_jpeg, encode_png, grey, grow, guided_filter, shrink, to_picture
from .joints import LEGS
from .person import Person
from .results import ENGINE_VERSION, THEMES, EngineResult

LARGEST_SIDE = 2048
_WORK_SIDE = 1024
_FAULTS = (ValueError, IndexError, np.linalg.LinAlgError, cv2.error)


def remove_background(
    picture: bytes, *, crop: bool = False, size: int = LARGEST_SIDE, models_dir: str | Path | None = None
) -> EngineResult:
    """The garment (or the person who wears it) alone, as a PNG with transparency, up to ``size`` pixels long.

    ``crop`` cuts off what is empty around it, but for a narrow margin. Raises TryOnError garment_unsuitable.
    """
    started = time.perf_counter()
    colours, alpha, warnings = _cut(picture, size, models_dir)
    if crop:
        colours, alpha = _cropped(colours, alpha)
    data = encode_png(colours, np.round(alpha * 255).astype(np.uint8))
    return _made(data, "image/png", colours, warnings, started)


def replace_background(
    picture: bytes,
    *,
    background: Background = PLAIN,
    shadow: bool = True,
    size: int = LARGEST_SIDE,
    models_dir: str | Path | None = None,
) -> EngineResult:
    """The garment in front of something else: an RGB colour, one of ``THEMES`` or an encoded picture.

    Raises TryOnError garment_unsuitable, ValueError for an unknown theme or a picture that is none.
    """
    started = time.perf_counter()
    if isinstance(background, str) and background not in THEMES:
        raise ValueError(f"unknown theme {background!r}; known: {', '.join(THEMES)}")
    colours, alpha, warnings = _cut(picture, size, models_dir)
    behind = paint((alpha.shape[0], alpha.shape[1]), background)
    if shadow:
        behind *= contact_shadow(alpha, [])[..., None]
    behind += (colours - behind) * alpha[..., None]
    made = to_picture(behind)
    return _made(encode_jpeg(made), "image/jpeg", made, warnings, started)


def behind_person(done: Dressed, background: Background) -> Array:
    """The finished photo with something else behind the person, uint8."""
    person, photo = done.person, done.photo
    shape: Shape = (photo.shape[0], photo.shape[1])
    x, y = person.origin
    height, width = person.shape
    _, coverage = done.cloth()
    alpha = np.zeros(shape, np.float32)
    left_over = person.matte * (1 - np.clip(done.gone, 0, 1))
    alpha[y : y + height, x : x + width] = np.maximum(np.clip((left_over - 0.25) / 0.6, 0, 1), coverage)
    feet = _feet(person, alpha) if person.ankles_visible else []
    floor = None
    if feet:
        floor = min(0.96, (max(foot[1] for foot in feet) - 0.25 * person.shoulder_width) / shape[0])
    behind = paint(shape, background, floor)
    if feet:
        behind *= contact_shadow(alpha, feet)[..., None]
    own = bleed(photo, alpha)
    return to_picture(behind + (own - behind) * alpha[..., None])


def _feet(person: Person, alpha: Array) -> list[tuple[float, float, float]]:
    """(x, y, half width) of where each foot stands, in pixels of the photo."""
    found, unit = [], person.shoulder_width
    for leg in LEGS.values():
        x, y = person.joints[leg.ankle] + np.array(person.origin)
        columns = slice(max(0, int(x - 0.3 * unit)), int(x + 0.3 * unit) + 1)
        rows = np.flatnonzero((alpha[int(y) : int(y + 0.7 * unit) + 1, columns] > 0.5).any(1))
        ground = float(y + rows[-1]) if len(rows) else float(y + 0.3 * unit)
        found.append((float(x), ground - 0.03 * unit, 0.17 * unit))
    return found


def _cut(data: bytes, size: int, models_dir: str | Path | None) -> tuple[Array, Array, tuple[str, ...]]:
    """-> (RGB without the old background's colours at the edge, float32 alpha, warnings)."""
    try:
        full, given = decode(data)
        full, given = shrink(full, size), None if given is None else shrink(given, size)
        if min(full.shape[:2]) < SMALLEST_SIDE:
            raise TryOnError("garment_unsuitable", f"the picture is too small, at least {SMALLEST_SIDE} pixels")
        small = shrink(full, _WORK_SIDE)
        warnings: tuple[str, ...] = ()
        transparent = given is not None and float((given < 250).mean()) > TRANSPARENT_SHARE
        if not transparent and shows_a_person(small, models_dir):
            alpha = _person_alpha(small, models_dir)
        else:
            own = None if given is None else shrink(given, _WORK_SIDE)
            alpha, certain = cut_out(small, own)
            warnings = () if certain else ("garment_background_textured",)
    except _FAULTS as error:
        raise TryOnError("garment_unsuitable", f"it was not found ({type(error).__name__})") from error
    if alpha.max() < 0.5 or alpha.mean() > 0.97:
        raise TryOnError("garment_unsuitable", "no garment was found in front of the background")
    if full.shape != small.shape:
        alpha = _enlarged(full, alpha)
    return bleed(full, alpha), alpha, warnings


def _person_alpha(picture: Array, models_dir: str | Path | None) -> Array:
    person = persons.analyse(picture, models_dir, strict=False)
    alpha = np.zeros(picture.shape[:2], np.float32)
    x, y = person.origin
    alpha[y : y + person.shape[0], x : x + person.shape[1]] = person.matte
    return alpha


def _enlarged(picture: Array, alpha: Array) -> Array:
    """``alpha`` at the size of ``picture``, with its border on the picture's edges."""
    shape: Shape = (picture.shape[0], picture.shape[1])
    grown = grow(alpha, shape)
    fitted = guided_filter(grey(picture), grown, max(2, round(1.5 * shape[0] / alpha.shape[0])), 1e-4)
    border = (grown > 0.01) & (grown < 0.99)
    return np.where(border, np.clip((fitted - 0.08) / 0.84, 0, 1), grown).astype(np.float32)


def _cropped(picture: Array, alpha: Array) -> tuple[Array, Array]:
    ys, xs = np.nonzero(alpha > 0.02)
    margin = round(0.03 * max(np.ptp(ys), np.ptp(xs)))
    rows = slice(max(0, ys.min() - margin), ys.max() + margin + 1)
    columns = slice(max(0, xs.min() - margin), xs.max() + margin + 1)
    return np.ascontiguousarray(picture[rows, columns]), np.ascontiguousarray(alpha[rows, columns])


def _made(data: bytes, mime: str, picture: Array, warnings: tuple[str, ...], started: float) -> EngineResult:
    return EngineResult(
        data=data, mime=mime, width=picture.shape[1], height=picture.shape[0], category="",
        quality="reduced" if warnings else "full", warnings=warnings,
        milliseconds=round((time.perf_counter() - started) * 1000), version=ENGINE_VERSION,
        confidence=0.8 if warnings else 0.95,
    )  # fmt: skip
