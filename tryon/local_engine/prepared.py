"""Garments that were prepared before: the last ones in memory, the cut-outs of many on disk.

The key is the picture's content, what it is to be taken for, and this package's own code: a new release prepares anew.
Files are PNG pictures; whatever cannot be read is prepared again. Landmarks are found anew, in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from .garment import SMALLEST_SIDE, CutOut, Garment, cut, understand
from .imaging import Array, decode, shrink
from .results import ENGINE_VERSION
from .straighten import turned

WORK_SIDE = 1024  # pixels of the long side that garments are analysed at
IN_MEMORY = 12  # garments, about 6 MB each
ON_DISK = 400  # cut-outs, about 0.8 MB each
_lock = threading.Lock()
_recent: OrderedDict[str, Garment] = OrderedDict()


def prepare(
    data: bytes,
    category: str | None,
    is_worn: bool | None,
    models_dir: str | Path | None,
    cache_dir: str | Path | None = None,
) -> Garment:
    """The garment of an encoded picture. ``cache_dir``: a folder for cut-outs; None keeps them in memory only.

    Raises TryOnError garment_unsuitable, ValueError for bytes that are no picture.
    """
    key = garment_key(data, category, is_worn)
    with _lock:
        known = _recent.get(key)
        if known is not None:
            _recent.move_to_end(key)
            return known
    full, alpha = decode(data)
    picture = fitted(full)

    def make() -> CutOut:
        small = None if alpha is None else fitted(alpha)
        return cut(picture, small, category, is_worn, models_dir)

    found = make() if cache_dir is None else _from_folder(Path(cache_dir), key, make)
    garment = understand(picture, found, category)
    garment.detail = turned(full, garment.tilt) if full.shape[0] > picture.shape[0] else None
    with _lock:
        _recent[key] = garment
        while len(_recent) > IN_MEMORY:
            _recent.popitem(last=False)
    return garment


def fitted(picture: Array) -> Array:
    """At most ``WORK_SIDE`` long; one from a phone's thumbnail is doubled, for an outline finer than its pixels."""
    long = max(picture.shape[:2])
    if SMALLEST_SIDE <= long <= WORK_SIDE * 0.6:
        zoom = min(2.0, WORK_SIDE / long)
        return np.asarray(cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))
    return shrink(picture, WORK_SIDE)


def garment_key(data: bytes, category: str | None, is_worn: bool | None) -> str:
    meaning = f"{ENGINE_VERSION} {_code()} {category} {is_worn}".encode()
    return hashlib.sha256(hashlib.sha256(data).digest() + meaning).hexdigest()


def forget() -> None:
    """Empty the memory."""
    with _lock:
        _recent.clear()


@cache
def _code() -> str:
    """Digest of this package's source: what an older one prepared is not used."""
    digest = hashlib.sha256(cv2.__version__.encode() + np.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _from_folder(folder: Path, key: str, make: Callable[[], CutOut]) -> CutOut:
    path = folder / f"{key}.png"
    with contextlib.suppress(OSError, ValueError, cv2.error):
        return _unpack(path.read_bytes())
    found = make()
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time, nothing else
        _write(path, _pack(found))
        _thin_out(folder)
    return found


def _pack(found: CutOut) -> bytes:
    """One grey PNG: the alpha, and a last row with category, certainty and who wears it."""
    row = np.zeros((1, found.alpha.shape[1]), np.uint8)
    names = ("", "upper", "lower", "full")
    row[0, :3] = names.index(found.category or ""), found.certain, found.worn
    done, data = cv2.imencode(".png", np.vstack([found.alpha, row]))
    if not done:
        raise ValueError("the cut-out cannot be encoded")
    return bytes(data)


def _unpack(data: bytes) -> CutOut:
    raw: Array | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if raw is None or raw.shape[0] < 3:
        raise ValueError("no cut-out")
    category, certain, worn = (int(value) for value in raw[-1, :3])
    return CutOut(
        np.ascontiguousarray(raw[:-1]), bool(certain), bool(worn), (None, "upper", "lower", "full")[category % 4]
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _thin_out(folder: Path) -> None:
    """Keep the ``ON_DISK`` newest files."""
    files = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(folder) if entry.name.endswith(".png")]
    for _, path in sorted(files)[: max(0, len(files) - ON_DISK)]:
        Path(path).unlink(missing_ok=True)
