"""What can be measured on a shot beside the garment's own picture. Arrays only: no rows, no words, no judgement.

The garment is looked for on the shot by the local engine's networks: the person's joints say where it must be, and
what looks like skin there is left out. Nothing that the maker of the picture says is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.local_engine import nets as networks
from tryon.local_engine.colour import cie_lab, delta_e_2000
from tryon.local_engine.cutout import cut_out
from tryon.local_engine.geometry import polygon_mask
from tryon.local_engine.imaging import Array, decode, erode, grey, resize, shrink
from tryon.local_engine.joints import (
    ARMS,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
)
from tryon.local_engine.nets import Face, Nets, Pose

WORK_SIDE = 1024  # pixels of a shot's long side
SOURCE_SIDE = 512  # and of the pictures it is compared with: their colours are all that is needed
LIGHTNESS = 2.0  # folds and studio light change how light a cloth looks, not what colour it has
COLOURS = 6  # of a palette, at most
SAMPLE = 4000  # pixels a palette is made of
COUNTED = 0.85  # of the cloth: what is least alike may be a hand, hair or a collar
SKIN_LIKE = 12.0  # Delta E 2000 to the colour of the face
POSE_SURE = 0.5  # of the network, from here on there is somebody
HASH_CELLS = 16
SAME_SIZE = 96  # pixels, to compare two pictures by
CHANGED = 14.0  # grey levels of 255 from which a point counts as changed


@dataclass(frozen=True, slots=True)
class Hand:
    side: str
    skin: float  # share of the pixels there that have the colour of the face


@dataclass(frozen=True, slots=True)
class Measures:
    """Numbers of one shot. None: could not be measured, for the reason that the name says."""

    width: int
    height: int
    sharpness: float
    colour: float | None  # Delta E 2000, light counted half; None: no garment or nobody was found
    region: float  # share of the picture that the garment's region takes
    changed_model: float | None  # share of the points that differ from the model's own picture; None: there is none
    changed_source: float  # and from the garment's picture
    hash: str
    people: int
    face: float | None  # how sure the network is; None: nobody, or cut off above the shoulders
    hands: tuple[Hand, ...]


def measure(
    shot: bytes,
    source: bytes,
    *,
    category: Category,
    model: bytes | None = None,
    drawn: bool = False,
    models_dir: str | Path | None = None,
) -> Measures:
    """``drawn``: the model is a mannequin, which has no face.

    Raises ValueError when a picture can't be decoded, ModelsMissing without the network files.
    """
    whole = on_white(*decode(shot))
    picture = shrink(whole, WORK_SIDE)
    garment, alpha = _small(source)
    nets = networks.load(models_dir)
    figure = find_figure(nets, picture)
    region = garment_region(picture, figure, category) if figure else None
    cloth = palette_of_garment(garment, alpha)
    colour = None
    if figure is not None and region is not None and cloth is not None:
        colour = palette_distance(cloth, palette(_cloth_pixels(picture, region, figure, cloth)))
    return Measures(
        width=whole.shape[1],
        height=whole.shape[0],
        sharpness=sharpness(picture),
        colour=colour,
        region=float(region.mean()) if region is not None else 0.0,
        changed_model=changed(picture, _small(model)[0]) if model else None,
        changed_source=changed(picture, garment),
        hash=perceptual_hash(picture),
        people=figure.people if figure else 0,
        face=figure.face_score if figure and not drawn else None,
        hands=hands(picture, figure) if figure else (),
    )


def on_white(picture: Array, alpha: Array | None) -> Array:
    if alpha is None:
        return picture
    opacity = alpha[..., None].astype(np.float32) / 255
    return np.asarray((picture * opacity + 255 * (1 - opacity)).astype(np.uint8))


def _small(data: bytes) -> tuple[Array, Array | None]:
    picture, alpha = decode(data)
    return shrink(picture, SOURCE_SIDE), None if alpha is None else shrink(alpha, SOURCE_SIDE)


# ---------------------------------------------------------------- colours


@dataclass(frozen=True, slots=True)
class Palette:
    colours: Array  # (n, 3) CIE L*a*b*
    weights: Array  # (n,), sum 1


def palette_of_garment(picture: Array, alpha: Array | None) -> Palette | None:
    """The colours of the cut-out garment; None when it can't be told from its background."""
    try:
        mask = cut_out(picture, alpha)[0] > 0.6
    except (TryOnError, ValueError, cv2.error):
        return None
    inner = erode(mask, max(2, int(0.008 * max(mask.shape)))) > 0
    pixels = _sample(cv2.GaussianBlur(picture, (5, 5), 0)[inner if inner.sum() > 400 else mask])
    return palette(cie_lab(pixels)) if len(pixels) else None


def palette(lab: Array) -> Palette:
    """k-means of L*a*b* pixels, begun with the colours that are farthest apart: the same pixels, the same palette."""
    if len(lab) == 0:
        return Palette(np.zeros((1, 3)), np.ones(1))
    centres = [np.median(lab, 0)]
    for _ in range(COLOURS - 1):
        gap = np.min([np.linalg.norm(lab - centre, axis=1) for centre in centres], 0)
        if np.percentile(gap, 98) < 6:
            break
        centres.append(lab[int(np.argsort(gap)[int(0.98 * (len(gap) - 1))])])
    middle = np.array(centres)
    owner = np.zeros(len(lab), int)
    for _ in range(8):
        owner = np.argmin(np.linalg.norm(lab[:, None] - middle[None], axis=2), 1)
        middle = np.array(
            [np.median(lab[owner == i], 0) if (owner == i).any() else middle[i] for i in range(len(middle))]
        )
    weights = np.bincount(owner, minlength=len(middle)) / len(lab)
    kept = weights > 0.01
    return Palette(middle[kept], weights[kept] / weights[kept].sum())


def palette_distance(one: Palette, other: Palette) -> float:
    """How far the colours of one have to be moved to become the other: Delta E 2000, the mean over ``COUNTED``.

    The cheapest moves first, which is close to the earth mover's distance and needs no solver.
    """
    gaps = delta_e_2000(one.colours[:, None], other.colours[None], lightness=LIGHTNESS)
    left, wanted = one.weights.copy(), other.weights.copy()
    moved = cost = 0.0
    for flat in np.argsort(gaps, axis=None):
        i, j = np.unravel_index(int(flat), gaps.shape)
        share = min(left[i], wanted[j], COUNTED - moved)
        if share <= 0:
            continue
        left[i] -= share
        wanted[j] -= share
        moved += share
        cost += share * float(gaps[i, j])
    return float(cost / moved) if moved else 0.0


def _sample(pixels: Array) -> Array:
    return pixels[:: max(1, len(pixels) // SAMPLE)][:SAMPLE]


# ---------------------------------------------------------------- where the garment is


@dataclass(frozen=True, slots=True)
class Figure:
    """The person on a shot. Points are in pixels of the picture."""

    joints: Array
    visibility: Array
    mask: Array  # person, 0 to 1
    face: Face | None
    face_score: float | None
    people: int
    skin: Array | None  # L*a*b* of the face


def find_figure(nets: Nets, picture: Array) -> Figure | None:
    faces = sorted((f for f in networks.find_faces(nets, picture) if f.score > 0.6), key=lambda f: -f.width)
    face = faces[0] if faces else None
    pose = _pose(nets, picture, face)
    if pose is None:
        return None
    matte = 0.5 * networks.person_probability(nets, picture) + 0.5 * pose.mask
    return Figure(
        joints=pose.points[:33],
        visibility=pose.visibility[:33],
        mask=matte,
        face=face,
        face_score=_face_score(nets, picture, pose, face),
        people=max(1, sum(f.score > 0.8 and f.width > 0.5 * faces[0].width for f in faces)),
        skin=_skin(picture, pose),
    )


def _pose(nets: Nets, picture: Array, face: Face | None) -> Pose | None:
    """The person's joints. A body that fills the frame is found when there is room around it."""
    pose = networks.find_pose(nets, picture, face)
    if pose.score >= POSE_SURE:
        return pose
    height = picture.shape[0]
    room = int(0.2 * height)
    wider = cv2.copyMakeBorder(picture, room, room, 0, 0, cv2.BORDER_REPLICATE)
    pose = networks.find_pose(nets, wider, None)
    if pose.score < POSE_SURE:
        return None
    pose.points = pose.points - np.array([0, room])
    pose.mask = pose.mask[room : room + height]
    return pose


def _face_score(nets: Nets, picture: Array, pose: Pose, face: Face | None) -> float | None:
    """How sure the less sure of two networks is. None where the picture ends below the face."""
    nose = pose.points[0]
    if not (0 <= nose[0] < picture.shape[1] and 0 <= nose[1] < picture.shape[0]):
        return None
    if face is None:
        return 0.0
    return float(min(face.score, networks.face_mesh(nets, picture, face)[1]))


def _skin(picture: Array, pose: Pose) -> Array | None:
    """The colour of the face, between eyes and mouth: a mannequin's head has one too."""
    eyes, mouth = pose.points[[2, 5]], pose.points[[9, 10]]
    radius = 0.35 * float(np.linalg.norm(eyes.mean(0) - mouth.mean(0)))
    centre = (eyes.mean(0) + mouth.mean(0)) / 2
    x, y = (int(v) for v in centre)
    if radius < 2 or not (0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]):
        return None
    disc = np.zeros(picture.shape[:2], np.uint8)
    cv2.circle(disc, (x, y), int(radius), 1, -1)
    return np.asarray(np.median(cie_lab(picture[disc > 0]), 0))


def garment_region(picture: Array, figure: Figure, category: Category) -> Array | None:
    """uint8 mask of where the garment must be, by the joints; None when too little of that is in the picture."""
    joints, shape = figure.joints, picture.shape[:2]
    shoulders, hips = joints[[R_SHOULDER, L_SHOULDER]], joints[[R_HIP, L_HIP]]
    down = hips.mean(0) - shoulders.mean(0)
    zone = np.zeros(shape, bool)
    if category != Category.LOWER:
        corners = [shoulders[0] + 0.12 * down, shoulders[1] + 0.12 * down, hips[1] - 0.08 * down, hips[0] - 0.08 * down]
        zone |= polygon_mask(shape, np.array(corners)) > 0.5
    if category != Category.UPPER:
        knees = joints[[R_KNEE, L_KNEE]]
        thighs = hips + 0.6 * (knees - hips)
        wide = 0.25 * (hips[1] - hips[0])
        corners = [hips[0] + 0.05 * down - wide, hips[1] + 0.05 * down + wide, thighs[1] + wide, thighs[0] - wide]
        zone |= polygon_mask(shape, np.array(corners)) > 0.5
    zone &= figure.mask > 0.5
    return zone.astype(np.uint8) if zone.mean() > 0.005 else None


def _cloth_pixels(picture: Array, region: Array, figure: Figure, cloth: Palette) -> Array:
    """L*a*b* of the region without what is more like the person's skin than like the garment."""
    pixels = cie_lab(_sample(cv2.GaussianBlur(picture, (5, 5), 0)[region > 0]))
    if figure.skin is None:
        return pixels
    to_skin = delta_e_2000(pixels, figure.skin[None], lightness=LIGHTNESS)
    to_cloth = delta_e_2000(pixels[:, None], cloth.colours[None], lightness=LIGHTNESS).min(1)
    kept = pixels[(to_skin > SKIN_LIKE) | (to_cloth < to_skin)]
    return kept if len(kept) > 0.35 * len(pixels) else pixels


# ---------------------------------------------------------------- sharpness, likeness, hands


def sharpness(picture: Array) -> float:
    """How much steeper the strongest edges are than after a slight blur: about 1 for a blurred picture.

    Contrast and motif cancel out, so that a plain garment is no less sharp than a print.
    """
    luma = grey(picture)
    steep = _gradient(luma)
    strong = steep > max(1e-3, float(np.percentile(steep, 97)))
    if not strong.any():
        return 1.0
    soft = _gradient(cv2.GaussianBlur(luma, (0, 0), 1.5))
    return float(np.median(steep[strong] / (soft[strong] + 1e-4)))


def _gradient(luma: Array) -> Array:
    return np.asarray(np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)))


def changed(one: Array, other: Array) -> float:
    """Share of the points that differ. Pictures of another shape are another picture: 1."""
    ratio = (one.shape[0] / one.shape[1]) / (other.shape[0] / other.shape[1])
    if not 0.97 < ratio < 1.03:
        return 1.0
    a, b = (cv2.GaussianBlur(resize(p, (SAME_SIZE, SAME_SIZE)), (3, 3), 0).astype(np.float32) for p in (one, other))
    return float((np.abs(a - b).max(-1) > CHANGED).mean())


def perceptual_hash(picture: Array) -> str:
    """256 bits of the picture's coarse structure, in hex: pictures that look alike differ in few of them."""
    small = cv2.dct(resize(grey(picture), (64, 64)))[:HASH_CELLS, :HASH_CELLS].flatten()
    bits = small > np.median(small[1:])
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):0{HASH_CELLS**2 // 4}x}"


def hash_distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def hands(picture: Array, figure: Figure) -> tuple[Hand, ...]:
    """The hands whose wrist is seen inside the picture. () where the colour of the skin is not known."""
    if figure.skin is None:
        return ()
    height, width = figure.mask.shape
    found = []
    for side, arm in ARMS.items():
        elbow, wrist = figure.joints[arm.elbow], figure.joints[arm.wrist]
        tips = figure.joints[[arm.index_finger, arm.little_finger]].mean(0)
        inside = 0.02 * width < tips[0] < 0.98 * width and 0.02 * height < tips[1] < 0.98 * height
        forearm = float(np.linalg.norm(wrist - elbow))
        if not inside or min(figure.visibility[[arm.elbow, arm.wrist]]) < 0.6 or forearm < 8:
            continue
        disc = np.zeros(figure.mask.shape, np.uint8)
        middle = (wrist + tips) / 2
        cv2.circle(disc, tuple(int(v) for v in middle), max(3, int(0.15 * forearm)), 1, -1)
        pixels = cie_lab(_sample(picture[disc > 0]))
        alike = delta_e_2000(pixels, figure.skin[None], lightness=LIGHTNESS) < SKIN_LIKE
        found.append(Hand(side, float(alike.mean())))
    return tuple(found)
