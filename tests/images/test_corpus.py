"""The hostile corpus: verdict, code and ``must_if_accepted`` of every row, straight through ``intake``."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from tryon.errors import TryOnError
from tryon.images.intake import Limits, Picture, intake

from . import factory

HOSTILE = factory.SHARED / "hostile"
if not (HOSTILE / "manifest.csv").exists():
    pytest.skip(f"THE HOSTILE CORPUS IS NOT TESTED: {HOSTILE} is missing", allow_module_level=True)

ROWS = list(csv.DictReader((HOSTILE / "manifest.csv").read_text().splitlines()))
ANY_SHAPE = Limits(min_side=1, max_aspect=1e9)
SHAPE_CODES = {"image_too_small", "aspect_ratio"}
CODES = {
    "unsupported_image_format", "malformed_image", "animated_image", "file_size_too_large", "resolution_too_high",
    "image_too_small", "aspect_ratio", "processing_timeout",
}  # fmt: skip
PAYLOADS = (
    b"<script",
    b"<?php",
    b"system(",
    b"alert(",
    b"%PDF-",
    b"OpenAction",
    b"EICAR",
    b"onload=",
    b"ftypmp42",
    b"SEFHk",
)


def verdict(data: bytes, limits: Limits = Limits()) -> tuple[str, Picture | None]:  # noqa: B008 - frozen
    try:
        return "accepted", intake(data, limits=limits)
    except TryOnError as error:
        return error.code, None


def assert_requirements(picture: Picture, must: str) -> None:
    factory.assert_nothing_but_pixels(picture.data)
    assert not [word for word in PAYLOADS if word in picture.data]
    im = factory.opened(picture.data)
    assert im.mode == "RGB"
    assert not dict(im.getexif())
    assert getattr(im, "n_frames", 1) == 1
    if "red_top_left" in must:
        red, green, blue = im.getpixel((12, 12))
        assert red > 200
        assert max(green, blue) < 70
        assert im.height > im.width


@pytest.mark.parametrize("row", ROWS, ids=[row["file"].removeprefix("files/") for row in ROWS])
def test_manifest(row: dict[str, str]) -> None:
    data = (HOSTILE / row["file"]).read_bytes()
    allowed = {code for code in row["error_code"].split("|") if code}
    code, picture = verdict(data)
    if picture is None:
        assert code in allowed, f"refused as {code}"
        if code not in SHAPE_CODES:
            return
        code, picture = verdict(data, ANY_SHAPE)  # small as it is, whatever else is asked must hold too
        if picture is None:
            assert row["expect"] != "accept", f"refused as {code} when its size is allowed"
            return
    assert row["expect"] != "reject" or allowed & SHAPE_CODES, "accepted, must reject"
    assert_requirements(picture, row["must_if_accepted"])


def _set_of(name: str) -> str:
    return re.sub(r"_?\d+(?=\.\w+$)", "", name) if re.search(r"orientation_\d|(Portrait|Landscape)_\d", name) else ""


def test_orientation_sets_come_out_alike() -> None:
    groups: dict[str, list[Image.Image]] = {}
    for row in ROWS:
        if (group := _set_of(row["file"])) and row["expect"] == "accept":
            _, picture = verdict((HOSTILE / row["file"]).read_bytes(), ANY_SHAPE)
            assert picture is not None
            groups.setdefault(group, []).append(factory.opened(picture.data).resize((24, 24)))
    assert sum(len(members) > 1 for members in groups.values()) >= 3
    for group, members in groups.items():
        for other in members[1:]:
            difference = ImageStat.Stat(ImageChops.difference(members[0], other)).mean
            assert max(difference) < 12, group


def test_a_wide_gamut_profile_is_converted_and_not_dropped() -> None:
    samples = [row for row in ROWS if "wide-gamut ICC" in row["note"]]
    assert samples
    for row in samples:
        data = (HOSTILE / row["file"]).read_bytes()
        _, picture = verdict(data)
        assert picture is not None
        raw = factory.opened(data)
        source = ImageCms.ImageCmsProfile(io.BytesIO(raw.info["icc_profile"]))
        wanted = ImageCms.profileToProfile(raw, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        size = (picture.width, picture.height)

        def apart(left: Image.Image, right: Image.Image, size: tuple[int, int] = size) -> float:
            return max(ImageStat.Stat(ImageChops.difference(left.resize(size), right.resize(size))).mean)

        got = factory.opened(picture.data)
        assert apart(got, wanted) < 2.5
        assert apart(got, wanted) < apart(got, raw) / 2


def _generate(*arguments: object) -> None:
    command = [sys.executable, "-W", "ignore", str(HOSTILE / "tools/generate.py"), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def _judge_all(files: list[Path], limits: Limits) -> dict[str, str]:
    """Code of each file; what is accepted must be clean, and what is refused must have one of our codes."""

    def one(path: Path) -> tuple[str, str]:
        code, picture = verdict(path.read_bytes(), limits)
        if picture is not None:
            assert_requirements(picture, "")
        assert picture is not None or code in CODES, f"{path.name}: {code}"
        return path.name, code

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(one, files))


@pytest.mark.prove
@pytest.mark.parametrize("seed", ["images-a", "images-b"])
def test_mutants_of_other_seeds(tmp_path: Path, seed: str) -> None:
    _generate(tmp_path, "--held-out", seed, "--n", 600, "--base", HOSTILE / "files")
    codes = _judge_all(sorted(tmp_path.iterdir()), ANY_SHAPE)
    assert len(codes) == 600
    assert {"accepted", "malformed_image", "unsupported_image_format"} <= set(codes.values())


@pytest.mark.slow
def test_giants(tmp_path: Path) -> None:
    _generate(tmp_path, "--big")
    codes = _judge_all(sorted(tmp_path.iterdir()), Limits())
    assert codes == {
        "jpeg_60MB_padding.jpg": "file_size_too_large",
        "jpeg_limit_plus_1.jpg": "file_size_too_large",
        "random_100MB.bin": "file_size_too_large",
        "png_60000x60000_1bit.png": "resolution_too_high",
        "jpeg_scanbomb_8000x8000_20000.jpg": "processing_timeout",
        "jpeg_500k_app.jpg": "processing_timeout",
    }


@pytest.mark.prove
def test_the_whole_generated_set(tmp_path: Path) -> None:
    _generate(tmp_path / "files")
    rows = list(csv.DictReader((tmp_path / "generated.csv").read_text().splitlines()))
    assert len(rows) > 150
    renamed = {"file_too_large": "file_size_too_large", "empty_file": "malformed_image"}
    assert {row["expect"] for row in rows} == {"accept", "either", "reject"}
    for row in rows:
        code, picture = verdict((tmp_path / "files" / row["file"]).read_bytes())
        allowed = {renamed.get(each, each) for each in row["ok_errors"].split("|")}
        if picture is None:
            assert code in allowed, (row["file"], code)
        else:
            assert row["expect"] != "reject", row["file"]
            assert_requirements(picture, row["must_if_accepted"])
