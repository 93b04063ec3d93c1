"""The network files: where they are looked for, checksums, fetching, and what importing the package costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tryon.local_engine import models
from tryon.local_engine.models import MODEL_FILES, ModelsMissing, SetupFailed

NAMES = {wanted.name for wanted in MODEL_FILES.values()}


@pytest.fixture
def no_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path / "nothing-here"))


@pytest.fixture
def complete(models: None, tmp_path: Path) -> Path:
    """A copy of the real files."""
    from tryon.local_engine.models import find_model

    folder = tmp_path / "complete"
    folder.mkdir()
    for kind, wanted in MODEL_FILES.items():
        shutil.copy(find_model(kind), folder / wanted.name)
    return folder


def test_importing_the_package_loads_no_array_library() -> None:
    code = (
        "import sys, tryon.local_engine as engine; engine.mannequins(); engine.models_missing('x');"
        "engine.mannequin_picture(engine.mannequins()[0].key);"
        "print([name for name in ('numpy', 'cv2', 'PIL', 'django') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_files_are_named_with_the_command(no_default_folder: None, tmp_path: Path) -> None:
    assert set(models.models_missing(tmp_path)) == NAMES
    assert not models.available(tmp_path)
    with pytest.raises(ModelsMissing, match=r"pose_landmark_full\.tflite is missing.*python manage\.py tryon_setup"):
        models.find_model("pose", tmp_path)


def test_given_folder_wins_over_the_default(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = tmp_path / "default"
    shutil.copytree(complete, default)
    monkeypatch.setenv("TRYON_MODELS_DIR", str(default))
    assert models.find_model("face").parent == default
    assert models.find_model("face", complete).parent == complete
    assert models.available(str(complete))


def test_damaged_file_is_not_used(complete: Path, no_default_folder: None) -> None:
    path = complete / "selfie_segmentation.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert models.models_missing(complete) == (path.name,)
    with pytest.raises(ModelsMissing, match=r"is damaged\. Run: python manage\.py tryon_setup"):
        models.find_model("selfie", complete)


def test_damaged_file_falls_back_to_the_next_place(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = tmp_path / "default"
    shutil.copytree(complete, default)
    monkeypatch.setenv("TRYON_MODELS_DIR", str(default))
    (complete / "face_landmark.tflite").write_bytes(b"damaged")
    assert models.find_model("mesh", complete).parent == default


def _wheel(folder: Path, source: Path, damaged: str = "") -> Path:
    path = folder / "mediapipe-0.10.21-cp311-cp311-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for wanted in MODEL_FILES.values():
            content = (source / wanted.name).read_bytes()
            archive.writestr(wanted.member, content[:-1] + b"x" if wanted.name == damaged else content)
        archive.writestr("mediapipe-0.10.21.dist-info/LICENSE", "Apache License, Version 2.0")
    return path


def test_unpacking_checks_and_documents(complete: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    models._unpack(_wheel(tmp_path, complete), target)
    assert {path.name for path in target.iterdir()} == NAMES | {"LICENSE", "NOTICE"}
    notice = (target / "NOTICE").read_text()
    assert "Apache License" in notice
    assert "MediaPipe Authors" in notice


def test_damaged_wheel_leaves_no_damaged_file(complete: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(SetupFailed, match="checksum"):
        models._unpack(_wheel(tmp_path, complete, damaged="face_landmark.tflite"), target)
    assert "face_landmark.tflite" not in {path.name for path in target.iterdir()}
    assert not [path for path in target.iterdir() if path.name.startswith(".")]


def test_fetch_without_network(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(SetupFailed, match="could not download"):
        models.fetch(tmp_path / "empty")
    (complete / "LICENSE").write_text("as it was")
    (complete / "NOTICE").write_text("as it was")
    models.fetch(complete)
    assert (complete / "LICENSE").read_text() == "as it was"
