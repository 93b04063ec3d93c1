"""Product photo -> cut-out, category and landmarks. In a product photo "L" is the left of the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import nets as networks
from .cutout import TRANSPARENT_SHARE, bleed, cut_out
from .imaging import Array, components, fills_border, largest_component
from .landmarks import TopLandmarks, find_top_landmarks
from .lower_landmarks import BottomLandmarks, find_bottom_landmarks
from .neckline import find_neckline
from .outline import Outline, Silhouette, classify, row_runs, trace
from .straighten import tilt, turned

SMALLEST_SIDE = 128


@dataclass(frozen=True, slots=True)
class CutOut:
    """What is known before any landmark is looked for."""

    alpha: Array  # uint8
    certain: bool  # a plain background, or the file's own transparency
    worn: bool
    category: str | None


@dataclass(slots=True)
class Garment:
    picture: Array  # RGB with the inner colours bled outwards
    alpha: Array  # float32
    silhouette: Silhouette
    category: str  # "upper", "lower" or "full"
    outline: Outline
    top: TopLandmarks | None = None
    bottom: BottomLandmarks | None = None
    warnings: list[str] = field(default_factory=list)
    detail: Array | None = None  # the picture as it was given, where that is larger
    cut_sides: int = 0  # of the picture's four, where the garment goes on outside
    tilt: float = 0.0  # degrees by which everything here was turned upright

    @property
    def mask(self) -> Array:
        return self.silhouette.mask


def cut(
    picture: Array,
    alpha: Array | None,
    category: str | None = None,
    is_worn: bool | None = None,
    models_dir: str | Path | None = None,
) -> CutOut:
    """Tell the garment from what is around it. Raises TryOnError garment_unsuitable.

    ``alpha`` is that of the file, uint8; ``category`` and ``is_worn`` are worked out when they are None.
    """
    if min(picture.shape[:2]) < SMALLEST_SIDE:
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        raise TryOnError("garment_unsuitable", f"the picture is too small: {size}, at least {SMALLEST_SIDE}")
    has_alpha = alpha is not None and float((alpha < 250).mean()) > TRANSPARENT_SHARE
    if is_worn is None:
        is_worn = not has_alpha and shows_a_person(picture, models_dir)
    if is_worn:
        from .worn_garment import cut_from_person

        alpha, category = cut_from_person(picture, category, models_dir)
    soft, certain = cut_out(picture, alpha)
    return CutOut(np.round(soft * 255).astype(np.uint8), certain, is_worn, category)


def analyse(
    picture: Array,
    alpha: Array | None,
    category: str | None = None,
    is_worn: bool | None = None,
    models_dir: str | Path | None = None,
) -> Garment:
    """``cut`` and ``understand`` in one."""
    return understand(picture, cut(picture, alpha, category, is_worn, models_dir), category)


def understand(picture: Array, found: CutOut, category: str | None = None) -> Garment:
    """Landmarks of a garment that is cut out. Raises TryOnError garment_unsuitable."""
    garment = _analyse_flat(picture, found, category or found.category)
    if found.worn:
        garment.warnings.append("garment_worn_by_model")
    return garment


def shows_a_person(picture: Array, models_dir: str | Path | None) -> bool:
    if min(picture.shape[:2]) < SMALLEST_SIDE:
        return False
    nets = networks.load(models_dir)
    faces = [face for face in networks.find_faces(nets, picture) if face.score > 0.9]
    if not faces:
        return False
    pose = networks.find_pose(nets, picture, max(faces, key=lambda face: face.width))
    return pose.score > 0.9 and pose.unsettled < 0.3


def _analyse_flat(picture: Array, found: CutOut, category: str | None) -> Garment:
    certain = found.certain
    height, width = picture.shape[:2]
    mask = largest_component(found.alpha > 127)
    ys, xs = np.nonzero(mask)
    if not len(xs):
        raise TryOnError("garment_unsuitable", "no garment was found in front of the background")
    box = (int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max()))
    cut_sides = (box[0] <= 1) + (box[2] >= width - 2) + (box[1] <= 1) + (box[3] >= height - 2)
    if cut_sides >= 3 or mask.mean() > 0.93:
        raise TryOnError("garment_unsuitable", "the garment is cut off by the picture, or its background was not found")
    angle = 0.0 if found.worn or cut_sides > 1 else tilt(mask)
    picture, soft = turned(picture, angle), turned(found.alpha, angle, cv2.BORDER_CONSTANT).astype(np.float32) / 255
    if angle:
        mask = largest_component(soft > 0.5)
        ys, xs = np.nonzero(mask)
        box = (int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max()))
    mask = _cut_gaps_open(mask, box)
    silhouette = Silhouette(mask, box, _middle(mask, box))
    outline = trace(silhouette)
    guess = classify(silhouette, outline)
    garment = Garment(
        bleed(picture, soft), soft, silhouette, category or guess.category, outline, tilt=angle, cut_sides=cut_sides
    )
    if not certain:
        garment.warnings.append("garment_background_textured")
    if garment.category == "lower":
        garment.bottom = find_bottom_landmarks(silhouette, guess)
        if garment.bottom.crotch_guessed:
            garment.warnings.append("crotch_guessed")
    else:
        garment.top = find_top_landmarks(silhouette, outline)
        find_neckline(garment.picture, soft, garment.top)
    return garment


def _middle(mask: Array, box: tuple[int, int, int, int]) -> float:
    """x of the symmetry axis: the median centre of the rows below the sleeves."""
    _, top, _, bottom = box
    tall = bottom - top + 1
    centres = []
    for y in range(int(top + 0.35 * tall), int(top + 0.95 * tall), max(1, tall // 60)):
        runs = row_runs(mask, y)
        if len(runs):
            centres.append((runs.min() + runs.max()) / 2)
    return float(np.median(centres)) if centres else (box[0] + box[2]) / 2


def _cut_gaps_open(mask: Array, box: tuple[int, int, int, int]) -> Array:
    """A hole between sleeve and body is cut through to the outside, so that the outline shows the armpit."""
    left, top, right, bottom = box
    wide, tall = right - left + 1, bottom - top + 1
    mask = mask.copy()
    count, labels, stats = components(1 - mask, connectivity=4)
    for i in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[i])
        if fills_border(mask, stats[i]) or height < 0.06 * tall or area < 0.0012 * wide * tall:
            continue
        if abs(x + width / 2 - (left + right) / 2) < 0.12 * wide:
            continue
        last_row = y + height - 2
        in_row = np.flatnonzero(labels[last_row] == i)
        from_x = int(np.median(in_row)) if len(in_row) else x + width // 2
        ys, xs = np.nonzero((labels != i) & (labels > 0))
        below = ys > y + 0.5 * height
        if not below.any():
            continue
        distance = np.hypot(xs[below] - from_x, ys[below] - last_row)
        nearest = int(np.argmin(distance))
        if distance[nearest] < 0.45 * tall:
            target = (int(xs[below][nearest]), int(ys[below][nearest]))
            cv2.line(mask, (from_x, last_row), target, 0, max(2, int(0.004 * wide)))
    return largest_component(mask)
