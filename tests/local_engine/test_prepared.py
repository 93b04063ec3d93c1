"""A garment is prepared once: remembered by its content, on disk across processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.local_engine import drawn
from tryon import local_engine
from tryon.local_engine import garment as garments
from tryon.local_engine import prepared
from tryon.local_engine.garment import CutOut, Garment

pytestmark = pytest.mark.usefixtures("models")
SHIRT = drawn.png(drawn.tee(background=(200, 190, 180)))


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    prepared.forget()
    yield
    prepared.forget()


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry per garment that was really cut out."""
    done: list[int] = []

    def counting(*args: object, **kwargs: object) -> CutOut:
        done.append(1)
        return garments.cut(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(prepared, "cut", counting)
    return done


def _prepare(data: bytes = SHIRT, folder: Path | None = None, category: str | None = None) -> Garment:
    return prepared.prepare(data, category, None, None, folder)


def test_the_same_picture_is_prepared_once(cuts: list[int]) -> None:
    first = _prepare()
    assert _prepare() is first
    assert _prepare(bytes(bytearray(SHIRT))) is first, "by content, not by object"
    assert len(cuts) == 1
    assert _prepare(category="full").category == "full"
    _prepare(drawn.png(drawn.skirt()))
    assert len(cuts) == 3


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "IN_MEMORY", 2)
    colours = [(30, 140, 90), (190, 40, 50), (40, 70, 150)]
    made = [_prepare(drawn.png(drawn.tee(colour))) for colour in colours]
    assert len(prepared._recent) == 2
    assert _prepare(drawn.png(drawn.tee(colours[2]))) is made[2]
    assert _prepare(drawn.png(drawn.tee(colours[0]))) is not made[0]


def test_another_process_finds_the_cut_out(tmp_path: Path, cuts: list[int]) -> None:
    first = _prepare(folder=tmp_path)
    prepared.forget()  # as a new process has
    second = _prepare(folder=tmp_path)
    assert second is not first
    assert len(cuts) == 1
    assert np.array_equal(first.alpha, second.alpha)
    assert (first.category, first.warnings) == (second.category, second.warnings)
    person = local_engine.mannequin_picture("f-m-tan")
    pictures = []
    for folder in (tmp_path, None):
        prepared.forget()
        pictures.append(local_engine.try_on(person, SHIRT, cache_dir=folder).data)
    assert pictures[0] == pictures[1], "a cut-out from disk gives another picture"


def test_a_damaged_file_is_made_anew(tmp_path: Path, cuts: list[int]) -> None:
    _prepare(folder=tmp_path)
    (file,) = tmp_path.glob("*.png")
    for content in (b"", b"garbage", file.read_bytes()[:200]):
        file.write_bytes(content)
        prepared.forget()
        _prepare(folder=tmp_path)
    assert len(cuts) == 4
    assert len(list(tmp_path.iterdir())) == 1, "no half-written files"


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert _prepare(folder=tmp_path / "file" / "garments").category == "upper"


def test_new_code_prepares_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared.garment_key(SHIRT, None, None)
    assert before == prepared.garment_key(SHIRT, None, None)
    monkeypatch.setattr(prepared, "ENGINE_VERSION", "99")
    assert prepared.garment_key(SHIRT, None, None) != before
    assert prepared.garment_key(SHIRT, "upper", None) != prepared.garment_key(SHIRT, "full", None)


def test_the_folder_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "ON_DISK", 3)
    for i in range(5):
        old = tmp_path / f"{i}.png"
        old.write_bytes(b"old")
        os.utime(old, (time.time() - 1000 + i,) * 2)
    _prepare(folder=tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 3
    assert {"3.png", "4.png"} < set(left)


def test_a_small_picture_is_doubled_for_its_outline() -> None:
    small = drawn.tee()[::2, ::2].copy()
    garment = _prepare(drawn.png(small))
    assert garment.picture.shape[:2] == (800, 600)
    assert garment.detail is None
    large = _prepare(drawn.png(np.repeat(np.repeat(drawn.tee(), 2, 0), 2, 1)))
    assert large.picture.shape[0] == 1024
    assert large.detail is not None
    assert large.detail.shape[:2] == (1600, 1200)
