"""Picture basics shared by every step: decode, encode, resize, blur, edge-aware filters, morphology.

Pictures are RGB uint8 (height, width, 3). Masks and fields are float32 (height, width), masks from 0 to 1.
"""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, int]

JPEG_QUALITY = 94
_FULL_COLOUR = 0x111111  # 4:4:4
_grab_cut_lock = threading.Lock()


def decode(data: bytes) -> tuple[Array, Array | None]:
    """-> (RGB picture, alpha uint8 or None). Raises ValueError when the bytes are no picture."""
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise ValueError("the bytes cannot be decoded as a picture")
    if raw.dtype != np.uint8:
        raw = (raw >> 8).astype(np.uint8) if raw.dtype == np.uint16 else np.clip(raw, 0, 255).astype(np.uint8)
    if raw.ndim == 2:
        return cv2.cvtColor(raw, cv2.COLOR_GRAY2RGB), None
    if raw.shape[2] == 4:
        return cv2.cvtColor(raw, cv2.COLOR_BGRA2RGB), np.ascontiguousarray(raw[..., 3])
    return cv2.cvtColor(raw, cv2.COLOR_BGR2RGB), None


def encode_jpeg(picture: Array) -> bytes:
    """Full colour resolution: thin coloured lines of a print stay sharp."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FULL_COLOUR]
    return _encoded(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)


def encode_png(picture: Array, alpha: Array | None = None) -> bytes:
    """``picture`` RGB, ``alpha`` uint8."""
    ordered = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    channels = ordered if alpha is None else np.dstack([ordered, alpha])
    return _encoded(".png", channels, [cv2.IMWRITE_PNG_COMPRESSION, 2])


def _encoded(suffix: str, channels: Array, flags: list[int]) -> bytes:
    done, buffer = cv2.imencode(suffix, channels, flags)
    if not done:
        raise ValueError("the picture cannot be encoded")
    return bytes(buffer)


def shrink(picture: Array, long_side: int) -> Array:
    """At most ``long_side`` pixels long; a smaller picture is returned as it is."""
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return picture
    return resize(picture, (max(1, round(height * scale)), max(1, round(width * scale))))


def resize(picture: Array, shape: Shape) -> Array:
    """Area averaging when shrinking, linear when growing."""
    height, width = shape
    if picture.shape[:2] == shape:
        return picture
    interpolation = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_LINEAR
    out: Array = cv2.resize(picture, (width, height), interpolation=interpolation)
    return out


def grow(mask: Array, shape: Shape) -> Array:
    """A mask or field of the analysis size, enlarged to ``shape`` (linear), as float32."""
    out: Array = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return out


def blur(field: Array, sigma: float) -> Array:
    """Gaussian blur. Large ones run on a smaller copy: 5 to 10 times faster, no visible difference."""
    factor = int(sigma / 3)
    height, width = field.shape[:2]
    if factor < 2 or min(height, width) < 8 * factor:
        out: Array = cv2.GaussianBlur(field, (0, 0), sigma)
        return out
    small = cv2.resize(field, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    out = cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / factor), (width, height), interpolation=cv2.INTER_LINEAR)
    return out


def guided_filter(guide: Array, field: Array, radius: int, epsilon: float, fine: Array | None = None) -> Array:
    """Edge-aware smoothing of ``field`` along the edges of ``guide`` (He et al. 2010); both float32, 0 to 1.

    ``field`` may have several channels. ``fine`` is the guide in full size: the result then has its size and its
    edges, while the work is done on the small pictures.
    """

    def mean(values: Array) -> Array:
        out: Array = cv2.blur(values, (2 * radius + 1, 2 * radius + 1))
        return out

    guide_mean, field_mean = mean(guide), mean(field)
    variance = mean(guide * guide) - guide_mean * guide_mean + epsilon
    if field.ndim == 3:
        guide, guide_mean, variance = guide[..., None], guide_mean[..., None], variance[..., None]
    slope = (mean(guide * field) - guide_mean * field_mean) / variance
    offset = mean(field_mean - slope * guide_mean)
    if fine is None:
        return mean(slope) * guide + offset
    shape = (fine.shape[0], fine.shape[1])
    return grow(mean(slope), shape) * fine + grow(offset, shape)


def magnitude(vectors: Array) -> Array:
    """Length of the vectors along the last axis; several times faster than numpy's norm on short ones."""
    out: Array = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    return out


def grey(picture: Array) -> Array:
    """Luma from 0 to 1, float32."""
    out: Array = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return out


def to_lab(picture: Array) -> Array:
    out: Array = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    return out


def to_picture(colours: Array) -> Array:
    """Float RGB, rounded to uint8: what was mixed with itself gets its own value back."""
    return np.asarray(np.clip(np.rint(colours), 0, 255).astype(np.uint8))


def lab_to_rgb(colour: Array) -> Array:
    """One Lab colour (OpenCV's 0 to 255 scale) as float32 RGB."""
    pixel = np.clip(colour, 0, 255).astype(np.uint8).reshape(1, 1, 3)
    out: Array = cv2.cvtColor(pixel, cv2.COLOR_LAB2RGB)[0, 0].astype(np.float32)
    return out


def erode(mask: Array, pixels: int) -> Array:
    out: Array = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, pixels))
    return out


def dilate(mask: Array, pixels: int) -> Array:
    out: Array = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, pixels))
    return out


def ellipse(size: int) -> Array:
    out: Array = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return out


def opening(mask: Array, kernel: Array) -> Array:
    out: Array = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return out


def closing(mask: Array, kernel: Array) -> Array:
    out: Array = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return out


def components(mask: Array, connectivity: int = 8) -> tuple[int, Array, Array]:
    """-> (count including the background, labels, statistics as x, y, width, height, area per label)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    return int(count), labels, stats


def largest_component(mask: Array) -> Array:
    """uint8 mask of the biggest connected region."""
    count, labels, stats = components(mask)
    if count < 2:
        return mask.astype(np.uint8)
    return np.asarray((labels == 1 + int(np.argmax(stats[1:, 4]))).astype(np.uint8))


def drop_specks(mask: Array, share: float) -> Array:
    """uint8 mask without the regions smaller than ``share`` of the biggest one."""
    count, labels, stats = components(mask)
    if count <= 2:
        return mask.astype(np.uint8)
    keep = [i for i in range(1, count) if stats[i, 4] > share * stats[1:, 4].max()]
    return np.isin(labels, keep).astype(np.uint8)


def connected_to(mask: Array, seed: Array) -> Array:
    """Boolean mask of the regions of ``mask`` that hold at least one pixel of ``seed``."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    touched = np.unique(labels[seed & (mask > 0)])
    return np.isin(labels, touched[touched > 0])


def fills_border(mask: Array, box: Array) -> bool:
    """Whether a component's box touches the frame of the picture."""
    x, y, width, height = (int(v) for v in box[:4])
    return x == 0 or y == 0 or x + width == mask.shape[1] or y + height == mask.shape[0]


def grab_cut(picture: Array, trimap: Array, iterations: int) -> Array | None:
    """Foreground (0 or 1, float32) of GrabCut started from ``trimap`` (changed in place); None when it fails.

    OpenCV's random numbers are global: one lock makes parallel calls give the same result as single ones.
    """
    with _grab_cut_lock:
        cv2.setRNGSeed(0)
        try:
            cv2.grabCut(picture, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
        except cv2.error:  # all pixels certain, or too few of one kind
            return None
    return _foreground(trimap)


def quick_cut(picture: Array, trimap: Array) -> Array | None:
    """Like ``grab_cut`` with one iteration in half the time: every third pixel teaches the colours, and the cut is
    made only around what is uncertain."""
    sample = np.ascontiguousarray(picture[::3, ::3]), np.ascontiguousarray(trimap[::3, ::3])
    box = extent((trimap == cv2.GC_PR_FGD) | (trimap == cv2.GC_PR_BGD), 2)
    behind, front = np.zeros((1, 65)), np.zeros((1, 65))
    with _grab_cut_lock:
        cv2.setRNGSeed(0)
        try:
            cv2.grabCut(*sample, None, behind, front, 1, cv2.GC_INIT_WITH_MASK)
            if box is not None:
                part = np.ascontiguousarray(trimap[box])
                around = np.ascontiguousarray(picture[box])
                cv2.grabCut(around, part, None, behind, front, 1, cv2.GC_EVAL_FREEZE_MODEL)
                trimap[box] = part
        except cv2.error:
            return None
    return _foreground(trimap)


def _foreground(trimap: Array) -> Array:
    return np.asarray(((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.float32))


def extent(shown: Array, margin: int = 0) -> tuple[slice, slice] | None:
    """The rows and columns that hold everything above 0, and ``margin`` more; None when nothing is."""
    shown = shown > 0
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not len(rows):
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def push_pull(picture: Array, known: Array, gain: float = 3.0, levels: int = 8) -> Array:
    """Fill the unknown pixels (``known`` = 0) smoothly from the known ones, coarse to fine."""
    weighted = np.empty((*known.shape, 4), np.float32)  # colours times their weight, and the weight
    weighted[..., 3] = known
    np.multiply(picture, weighted[..., 3:], out=weighted[..., :3])
    pyramid = [weighted]
    for _ in range(levels):
        if min(weighted.shape[:2]) < 4:
            break
        weighted = cv2.pyrDown(weighted)
        pyramid.append(weighted)
    filled: Array = pyramid[-1][..., :3] / (pyramid[-1][..., 3:] + 1e-5)
    for weighted in reversed(pyramid[:-1]):
        colour, weight = weighted[..., :3], weighted[..., 3:]
        filled = cv2.resize(filled, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR)
        trust = np.minimum(weight * gain, 1)
        filled += (colour / (weight + 1e-5) - filled) * trust
    return filled


def spread(picture: Array, known: Array) -> Array:
    """``push_pull`` at half the size, for colours that are smooth anyway."""
    shape: Shape = (known.shape[0], known.shape[1])
    half = -(-shape[0] // 2), -(-shape[1] // 2)
    share = resize(known.astype(np.float32), half)
    weighted = resize(picture * known[..., None].astype(np.float32), half) / (share[..., None] + 1e-5)
    return resize(push_pull(weighted, share), shape)
