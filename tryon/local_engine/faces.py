"""Faces out of a picture, for one that is to be shown to others. Says so when it can't be sure."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from . import nets as networks
from .imaging import Array, decode, encode_jpeg, shrink

LOOK_AT = 1024  # pixels of the long side
SURE = 0.8  # this sure of at least one face, or nothing is promised
PERHAPS = 0.7  # whatever may be a face is covered as well
CELLS = 4  # a face is left with this many by this many colours: too few to know anybody by


def cover_faces(data: bytes, *, models_dir: str | Path | None = None) -> bytes | None:
    """The JPEG or PNG ``data`` as a JPEG with an oval of blurred colour over each head; None when no face is found.

    Also None when a face can still be found afterwards.
    """
    picture = decode(data)[0]
    nets = networks.load(models_dir)
    small = shrink(picture, LOOK_AT)
    faces = networks.find_faces(nets, small, PERHAPS)
    if not any(face.score > SURE for face in faces):
        return None
    scale = picture.shape[0] / small.shape[0]
    covered = picture.astype(np.float32)
    for face in faces:
        _cover(covered, face.box * scale)
    picture = covered.round().astype(np.uint8)
    if any(face.score > SURE for face in networks.find_faces(nets, shrink(picture, LOOK_AT), SURE)):
        return None
    return encode_jpeg(picture)


def _cover(picture: Array, box: Array) -> None:
    """In place. The box spans brows to chin and cheek to cheek: the oval takes hair and ears in too."""
    height, width = picture.shape[:2]
    across, down = (box[2] - box[0]) * 0.85, (box[3] - box[1]) * 1.05
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - (box[3] - box[1]) * 0.12])
    left, top = np.floor(np.maximum(middle - np.array([across, down]), 0)).astype(int)
    right, bottom = np.ceil(np.minimum(middle + np.array([across, down]), (width, height))).astype(int)
    part = picture[top:bottom, left:right]
    if part.size == 0:
        return
    cells = cv2.resize(part, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cells, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    rows, columns = np.mgrid[top:bottom, left:right]
    distance = np.hypot((columns - middle[0]) / across, (rows - middle[1]) / down)
    share = np.clip((1 - distance) / 0.06, 0, 1)[..., None].astype(np.float32)  # a soft edge inside the oval
    picture[top:bottom, left:right] = part * (1 - share) + blurred * share
