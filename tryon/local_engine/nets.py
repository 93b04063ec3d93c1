"""Runners for the four networks on OpenCV's dnn module: faces, pose, person matte, face mesh.

Boxes are (x0, y0, x1, y1) and points (x, y) in pixels of the picture given.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from .imaging import Array
from .models import find_model

FACE_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip


@dataclass(slots=True)
class Face:
    score: float
    box: Array  # (4,)
    points: Array  # (6, 2): right eye, left eye, nose, mouth, right ear, left ear

    @property
    def width(self) -> float:
        return float(self.box[2] - self.box[0])


@dataclass(slots=True)
class Pose:
    score: float
    points: Array  # (39, 2); the last six are helper points, 33 = hip centre, 34 = size and rotation
    visibility: Array  # (39,)
    unsettled: float  # how far the search region still moved in the last pass; below 0.06 = settled
    mask: Array  # person probability, full size


class Net:
    """One network with the lock that its OpenCV object needs."""

    def __init__(self, path: Path) -> None:
        if hasattr(cv2.dnn, "ENGINE_CLASSIC"):  # OpenCV 5's default engine returns only one of several outputs
            self._net = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        else:
            self._net = cv2.dnn.readNetFromTFLite(str(path))
        self._outputs = self._net.getUnconnectedOutLayersNames()
        self._lock = threading.Lock()

    def __call__(self, picture: Array) -> dict[str, Array]:
        """``picture``: float32 (height, width, 3) as the network wants it scaled."""
        blob = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        with self._lock:
            self._net.setInput(blob)
            return {name: out.copy() for name, out in zip(self._outputs, self._net.forward(self._outputs), strict=True)}


@dataclass(slots=True)
class Nets:
    """The four networks of one models folder."""

    face: Net
    pose: Net
    selfie: Net
    mesh: Net


_load_lock = threading.Lock()


@cache
def _load(models_dir: str | None) -> Nets:
    return Nets(**{kind: Net(find_model(kind, models_dir)) for kind in ("face", "pose", "selfie", "mesh")})


def load(models_dir: str | Path | None = None) -> Nets:
    """Loaded on first use, so that a process forked before that starts clean. Raises ModelsMissing."""
    with _load_lock:
        return _load(None if models_dir is None else str(models_dir))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))


def _rotated_crop(picture: Array, centre: Array, size: float, angle: float, side: int) -> tuple[Array, Array]:
    """-> (side x side float32 crop from 0 to 1, the 2x3 matrix from picture to crop)."""
    scale = side / size
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    matrix = np.array([[cosine, sine, 0], [-sine, cosine, 0]], np.float32)
    matrix[:, 2] = side / 2 - matrix[:, :2] @ centre.astype(np.float32)
    interpolation = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    crop = cv2.warpAffine(picture, matrix, (side, side), flags=interpolation, borderMode=cv2.BORDER_CONSTANT)
    return crop.astype(np.float32) / 255, matrix


def _back_to_picture(points: Array, matrix: Array) -> Array:
    inverse = cv2.invertAffineTransform(matrix)
    out: Array = points @ inverse[:, :2].T + inverse[:, 2]
    return out


# ---- faces


def _anchor_centres() -> Array:
    """Cell centres of the short-range detector: 2 per cell at stride 8, 6 per cell at stride 16."""
    centres = []
    for cells, per_cell in ((16, 2), (8, 6)):
        ys, xs = np.mgrid[0:cells, 0:cells]
        cell = np.stack([(xs + 0.5) / cells, (ys + 0.5) / cells], -1).reshape(-1, 2)
        centres.append(np.repeat(cell, per_cell, 0))
    return np.concatenate(centres).astype(np.float32)


def _without_overlaps(faces: list[Face], limit: float) -> list[Face]:
    """Non-maximum suppression on intersection over union."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if all(_overlap(face.box, other.box) < limit for other in kept):
            kept.append(face)
    return kept


def _overlap(a: Array, b: Array) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / (union + 1e-9))


def _faces_in(net: Net, picture: Array, threshold: float) -> list[Face]:
    height, width = picture.shape[:2]
    side = max(height, width)
    offset_x, offset_y = (side - width) / 2, (side - height) / 2
    scale = 128 / side
    matrix = np.array([[scale, 0, offset_x * scale], [0, scale, offset_y * scale]], np.float32)
    flags = cv2.INTER_AREA if side > 128 else cv2.INTER_LINEAR
    out = net(cv2.warpAffine(picture, matrix, (128, 128), flags=flags).astype(np.float32) / 127.5 - 1)
    scores = _sigmoid(out["classificators"].reshape(-1))
    chosen = scores > threshold
    if not chosen.any():
        return []
    values = out["regressors"].reshape(-1, 16)[chosen]
    anchors = _anchor_centres()[chosen]
    centre, extent = values[:, :2] / 128 + anchors, values[:, 2:4] / 128
    points = values[:, 4:].reshape(-1, 6, 2) / 128 + anchors[:, None]
    boxes = np.concatenate([centre - extent / 2, centre + extent / 2], 1)
    shift = np.array([offset_x, offset_y])
    found = [
        Face(float(score), box * side - np.tile(shift, 2), point * side - shift)
        for score, box, point in zip(scores[chosen], boxes, points, strict=True)
    ]
    return _without_overlaps(found, 0.3)


def find_faces(nets: Nets, picture: Array, threshold: float = 0.6) -> list[Face]:
    """Faces of the whole frame and of overlapping half-size tiles: those find the small head of a full-length photo."""
    height, width = picture.shape[:2]
    faces = _faces_in(nets.face, picture, threshold)
    tile = int(max(width, height) * 0.5)
    near = any(face.score > 0.9 and face.width > 0.08 * max(width, height) for face in faces)
    if max(height, width) > 400 and not near:  # a second face as large would have been seen as well
        step = max(1, tile // 2)
        for y in range(0, max(1, height - step), step):
            for x in range(0, max(1, width - step), step):
                part = picture[y : y + tile, x : x + tile]
                if min(part.shape[:2]) < 64:
                    continue
                for face in _faces_in(nets.face, part, threshold):
                    face.box = face.box + np.array([x, y, x, y])
                    face.points = face.points + np.array([x, y])
                    faces.append(face)
    return _without_overlaps(faces, 0.2)


# ---- pose

_POSE_SIDE, _HEAT_SIDE = 256, 64
Region = tuple[Array, float, float]  # centre, side length, angle


def _pose_outputs(out: dict[str, Array]) -> tuple[Array, float, Array, Array]:
    """-> (points (39, 5), score, segmentation (256, 256), heat maps (39, 64, 64)), told apart by their sizes."""
    by_size = {value.size: value for value in out.values()}
    heat = by_size[39 * _HEAT_SIDE**2]
    if heat.shape[1] == 39:
        heat = heat.reshape(39, _HEAT_SIDE, _HEAT_SIDE)
    else:
        heat = heat.reshape(_HEAT_SIDE, _HEAT_SIDE, 39).transpose(2, 0, 1)
    segmentation = by_size[_POSE_SIDE**2].reshape(_POSE_SIDE, _POSE_SIDE)
    return by_size[195].reshape(39, 5).copy(), float(by_size[1].reshape(-1)[0]), segmentation, heat


def _refine(points: Array, heat: Array) -> None:
    """Move each point to the centre of mass of its heat map nearby (7 x 7 cells), in place."""
    for i in range(39):
        x, y = int(points[i, 0] / 4), int(points[i, 1] / 4)
        if not (0 <= x < _HEAT_SIDE and 0 <= y < _HEAT_SIDE):
            continue
        left, top = max(0, x - 3), max(0, y - 3)
        near = _sigmoid(heat[i, top : min(_HEAT_SIDE, y + 4), left : min(_HEAT_SIDE, x + 4)])
        if near.max() < 0.5:
            continue
        total = near.sum()
        points[i, 0] = (near.sum(0) * (left + np.arange(near.shape[1]))).sum() / total * 4
        points[i, 1] = (near.sum(1) * (top + np.arange(near.shape[0]))).sum() / total * 4


def _pose_at(net: Net, picture: Array, region: Region) -> tuple[Pose, Array, Array]:
    """-> (pose without its mask, segmentation logits, matrix)."""
    crop, matrix = _rotated_crop(picture, *region, _POSE_SIDE)
    points, score, segmentation, heat = _pose_outputs(net(crop))
    _refine(points, heat)
    visibility = np.minimum(_sigmoid(points[:, 3]), _sigmoid(points[:, 4]))
    placed = _back_to_picture(points[:, :2], matrix)
    return Pose(score, placed, visibility, 9.0, np.empty(0, np.float32)), segmentation, matrix


def _next_region(pose: Pose) -> Region:
    step = pose.points[34] - pose.points[33]
    return pose.points[33], 2.5 * math.hypot(*step), math.atan2(step[1], step[0]) + math.pi / 2


def find_pose(nets: Nets, picture: Array, face: Face | None) -> Pose:
    """The main person's joints. Starts from the face (or the whole frame) and repeats until the region settles."""
    height, width = picture.shape[:2]
    starts: list[Region] = [(np.array([width / 2, height / 2]), float(max(height, width)), 0.0)]
    if face is not None:
        centre = np.array([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2 + 3.63 * face.width])
        starts.insert(0, (centre, 11 * face.width, 0.0))
    best: tuple[float, tuple[Pose, Array, Array]] | None = None
    for start in starts:
        region, found = start, None
        for _ in range(4):
            attempt = _pose_at(nets.pose, picture, region)
            if attempt[0].score < 0.2:
                found = found or attempt
                break
            following = _next_region(attempt[0])
            move = float(np.linalg.norm(following[0] - region[0])) / following[1]
            move += abs(math.log(following[1] / region[1])) + abs(following[2] - region[2])
            attempt[0].unsettled, found, region = move, attempt, following
            if move < 0.06:
                break
        if found is None:
            continue
        value = found[0].score - min(found[0].unsettled, 0.8)
        if best is None or value > best[0]:
            best = (value, found)
        if value > 0.9:
            break
    if best is None:
        raise RuntimeError("the pose network gave no output")
    pose, segmentation, matrix = best[1]
    inverse = cv2.invertAffineTransform(matrix)
    logits = cv2.warpAffine(
        segmentation, inverse, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=-20
    )
    pose.mask = _sigmoid(logits).astype(np.float32)
    return pose


# ---- matte and mesh


def person_probability(nets: Nets, picture: Array) -> Array:
    """Person or background, float32 from 0 to 1, full size."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    out = next(iter(nets.selfie(small.astype(np.float32) / 255).values())).reshape(256, 256)
    full: Array = cv2.resize(out, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return full


def face_mesh(nets: Nets, picture: Array, face: Face) -> tuple[Array, float]:
    """-> (468 points, score). The second pass looks at the box and angle that the first one found."""
    eyes = face.points[1] - face.points[0]
    angle = math.atan2(eyes[1], eyes[0])
    centre = np.array([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2])
    size = 1.5 * float(max(face.box[2] - face.box[0], face.box[3] - face.box[1]))
    points, score = np.empty((0, 2)), 0.0
    for _ in range(2):
        crop, matrix = _rotated_crop(picture, centre, size, angle, 192)
        by_size = {value.size: value for value in nets.mesh(crop).values()}
        local = by_size[1404].reshape(468, 3)[:, :2]
        score = float(_sigmoid(by_size[1].reshape(-1)[0]))
        points = _back_to_picture(local, matrix)
        spread = (local.max(0) - local.min(0)) * size / 192
        centre, size = (points.min(0) + points.max(0)) / 2, 1.5 * float(spread.max())
        eyes = points[263] - points[33]
        angle = math.atan2(eyes[1], eyes[0])
    return points, score
