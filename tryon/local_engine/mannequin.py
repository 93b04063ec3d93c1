"""Drawn mannequins as persons: the figure, its backdrop and its exact landmarks."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from .backdrop import PLAIN, Background, contact_shadow, paint
from .catalogue import FOLDER, figure, figures
from .geometry import grid, vec
from .imaging import Array, Shape, blur, erode, push_pull, resize, to_lab
from .joints import JOINT_COUNT, SIDES
from .parsing import body_zones
from .person import ANALYSIS_SIDE, Head, Parts, Person

HEIGHT = 1536  # pixels of a figure's file
THUMBNAIL = (36, 24)  # height, width of the grey fingerprint
LIGHT_RANGE = 1.25  # light factor of a white pixel in the light file
_USUAL_LIGHT = 0.98
_SAME_PICTURE = 3.0  # mean grey difference up to which a picture is taken for the mannequin's own
_TOP_CROP_AXIAL = 1.72  # a top's picture ends here
_TOP_CROP_ASPECT = 0.8


@dataclass(frozen=True, slots=True)
class _Figure:
    """Pixels of one figure and what is known about it; lengths in ``known`` are in pixels of the full-size picture."""

    known: dict[str, Any]
    rgba: Array
    light: Array  # factor for cloth, float32
    arms: Array  # float32, 0 to 1


def load(
    key: str, category: str, background: Background | None = None, *, frame: str | None = None, side: int = HEIGHT
) -> Person:
    """The figure in front of ``background``, ``side`` pixels long. Raises KeyError, ValueError for a broken picture.

    ``frame``: "upper" shows it from above the head to the thighs, in 4:5, "full" whole; by default what ``category``
    asks for.
    """
    drawing = _figure_files(key)
    known = drawing.known
    height, width = drawing.rgba.shape[:2]
    left = 0
    if (frame or ("upper" if category == "upper" else "full")) == "upper":
        height = int(known["shoulder_centre"][1] + _TOP_CROP_AXIAL * known["torso"])
        width = min(width, round(height * _TOP_CROP_ASPECT))
        left = int(known["shoulder_centre"][0] - width / 2)
    zoom = side / max(height, width)
    shape: Shape = (round(height * zoom), round(width * zoom))
    window = np.s_[:height, left : left + width]
    rgba, light, arms = (
        resize(np.ascontiguousarray(values[window]), shape) for values in (drawing.rgba, drawing.light, drawing.arms)
    )
    picture = place_on_backdrop(rgba, PLAIN if background is None else background, known, zoom, left)
    return _as_person(known, picture, rgba[..., 3], light, arms, zoom, round(left * zoom))


def recognise(photo: Array) -> Person | None:
    """The mannequin whose own picture ``photo`` is, perhaps scaled or re-encoded; None for anything else."""
    height, width = photo.shape[:2]
    found = fingerprint(photo).astype(np.float32)
    for key, known in figures().items():
        if abs(width / height - known["width"] / known["height"]) > 0.01:
            continue
        own = np.frombuffer(base64.b64decode(known["fingerprint"]), np.uint8).reshape(THUMBNAIL)
        if float(np.abs(found - own).mean()) < _SAME_PICTURE:
            drawing = _figure_files(key)
            alpha, light, arms = (
                resize(a, (height, width)) for a in (drawing.rgba[..., 3], drawing.light, drawing.arms)
            )
            return _as_person(known, photo, alpha, light, arms, height / known["height"], 0)
    return None


def fingerprint(picture: Array) -> Array:
    """Small grey version, uint8."""
    return resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), THUMBNAIL)


@cache
def _figure_files(key: str) -> _Figure:
    known = figure(key)
    raw = cv2.imread(str(FOLDER / f"{key}.webp"), cv2.IMREAD_UNCHANGED)
    maps = cv2.imread(str(FOLDER / f"{key}-maps.webp"), cv2.IMREAD_COLOR)
    if raw is None or maps is None:
        raise FileNotFoundError(f"the files of mannequin {key} are missing from {FOLDER}")
    rgba = cv2.cvtColor(raw, cv2.COLOR_BGRA2RGBA)
    fields = resize(maps.astype(np.float32) / 255, (rgba.shape[0], rgba.shape[1]))
    return _Figure(known, rgba, _cloth_light(fields[..., 2], rgba[..., 3]), np.ascontiguousarray(fields[..., 1]))


def _cloth_light(stored: Array, alpha: Array) -> Array:
    """Light factor for cloth, also where it hangs beside the figure; its usual value keeps the garment's colours.

    The dark rims of arms and legs are left out: they would draw lines on wider sleeves and skirts.
    """
    inside, tall = alpha > 127, alpha.shape[0]
    light = stored / float(np.median(stored[inside])) * _USUAL_LIGHT
    core = erode(inside, max(1, int(0.007 * tall))).astype(np.float32)
    spread = push_pull(np.dstack([light] * 3), core)[..., 0]
    near = np.clip(blur(inside.astype(np.float32), 0.015 * tall) * 2.5, 0, 1)
    light = light * blur(core, 1.5) + spread * (1 - blur(core, 1.5))
    return np.asarray(np.clip(light, 0.6, 1.12) * near + _USUAL_LIGHT * (1 - near), np.float32)


def place_on_backdrop(
    rgba: Array, background: Background, known: dict[str, Any], zoom: float = 1.0, left: int = 0
) -> Array:
    """The figure on its backdrop with the shadows that it casts, uint8. ``zoom`` and ``left``: see ``_as_person``."""
    shape = (rgba.shape[0], rgba.shape[1])
    alpha = rgba[..., 3].astype(np.float32) / 255
    unit, floor = known["unit"] * zoom, known["floor"] * zoom
    wall = paint(shape, background, (floor - 0.22 * unit) / shape[0] if floor < shape[0] else None)
    wall_shadow = np.zeros(shape, np.float32)
    dx, dy = int(0.10 * unit), int(0.06 * unit)
    wall_shadow[dy:, dx:] = alpha[:-dy, :-dx]
    shade = 1 - 0.05 * blur(wall_shadow, 0.12 * unit)
    feet = [((x - left) * zoom, y * zoom, half * zoom) for x, y, half in known["feet"]]
    if floor < shape[0]:
        shade *= contact_shadow(alpha, feet)
    wall *= shade[..., None]
    return np.asarray(np.clip(wall + (rgba[..., :3] - wall) * alpha[..., None], 0, 255).astype(np.uint8))


def _as_person(
    known: dict[str, Any], picture: Array, alpha: Array, light: Array, arms: Array, zoom: float, left: int
) -> Person:
    """``zoom``: size of ``picture`` relative to the full-size figure; ``left``: its columns that are cut off."""
    shift = np.array([left, 0])
    joints = np.array(known["joints"], float) * zoom - shift
    centre = np.array(known["shoulder_centre"]) * zoom - shift
    torso = known["torso"] * zoom
    person = Person(
        photo=picture, origin=(0, 0), picture=picture, joints=joints, visibility=np.ones(JOINT_COUNT), warnings=[],
        shoulder_centre=centre, hip_centre=centre + vec(0, torso), shoulder_width=known["unit"] * zoom, torso=torso,
        drawn=True, light=light, matte=alpha.astype(np.float32) / 255, hips_visible=True, knees_visible=True,
        ankles_visible=True,
    )  # fmt: skip
    profile = known["torso_profile"]
    person.torso_profile = np.array(profile["axial"]), np.array(profile["half_width"])
    head = known["head"]
    person.head = Head(
        head["width"] * zoom, head["height"] * zoom,
        np.array(head["chin"]) * zoom - shift, np.array(head["centre"]) * zoom - shift,
    )  # fmt: skip
    person.scale = min(1.0, ANALYSIS_SIDE / max(person.shape))
    small = (round(person.shape[0] * person.scale), round(person.shape[1] * person.scale))
    person.small = resize(picture, small)
    person.mask = (resize(person.matte, small) > 0.5).astype(np.float32)
    person.zones = body_zones(person)
    person.parts = _parts(person, resize(arms, small) > 0.5)
    return person


def _parts(person: Person, arms: Array) -> Parts:
    """A mannequin wears nothing that would have to go. Its arms are the "skin" that may lie in front of a garment."""
    head, scale = person.head, person.scale
    body = person.mask > 0.5
    nothing = np.zeros_like(body)
    xs, ys = grid((body.shape[0], body.shape[1]))
    face = np.zeros(body.shape, np.float32)
    if head is not None:
        x, y = head.centre * scale
        inside = np.hypot((xs - x) / (head.width * 0.52 * scale), (ys - y) / (head.height * 0.55 * scale)) < 1
        face = (inside & body).astype(np.float32)
    lab = to_lab(person.small).astype(np.float32)
    return Parts(
        skin=arms & body, hair=nothing, upper=nothing, lower=nothing, face=face,
        skin_likelihood=body.astype(np.float32), skin_lab=np.median(lab[body], 0),
        sleeve=dict.fromkeys(SIDES, 0.0), hem=0.9,
    )  # fmt: skip
