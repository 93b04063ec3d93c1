"""The sandbox with the local engine behind it: real pictures, and refusals for real reasons."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import ImageChops

from tests.conftest import SHARED, need, unavailable
from tests.sandbox.client import Client, fetch, opened, raw, uri
from tryon import local_engine
from tryon.sandbox import Sandbox
from tryon.sandbox.inputs import inspect
from tryon.sandbox.pictures import engine_ready

PERSON, GARMENT = "person/p07_tee_hips.jpg", "garment/u07_tee_white.jpg"


def picture(name: str) -> bytes:
    path: Path = need(SHARED / "images" / name, "the test picture")
    return path.read_bytes()


@pytest.fixture(scope="module")
def engine() -> Iterator[Sandbox]:
    """One for all tests here: what the engine has made is kept."""
    if not engine_ready():
        unavailable("the local engine (manage.py tryon_setup)")
    with Sandbox(0, pictures="engine", pace=0.01) as sandbox:
        yield sandbox


def test_a_real_try_on_is_marked(engine: Sandbox) -> None:
    client = Client(engine, "fashn")
    inputs = {"model_image": uri(picture(PERSON)), "garment_image": uri(picture(GARMENT)), "category": "tops"}
    job = client.post("/v1/run", {"model_name": "tryon-v1.6", "inputs": inputs}).json()["id"]
    made = opened(fetch(client.until(f"/v1/status/{job}", "completed")[1].json()["output"][0]).content)
    person, garment = (inspect(picture(name)).picture.data for name in (PERSON, GARMENT))
    own = opened(local_engine.try_on(person, garment, category="upper").data)
    band = made.height - max(20, round(min(made.size) * 0.055))
    pair = (image.convert("RGB").crop((0, 0, made.width, band)) for image in (made, own))
    assert made.size == own.size
    assert ImageChops.difference(*pair).getbbox() is None
    assert made.getpixel((made.width - 3, made.height - 3)) == (24, 24, 27)


def test_a_selfie_becomes_a_model_that_can_be_dressed(engine: Sandbox) -> None:
    client = Client(engine, "fashn", "selfie")
    body = {"model_name": "face-to-model", "inputs": {"face_image": uri(picture(PERSON)), "return_base64": True}}
    job = client.post("/v1/run", body).json()["id"]
    model = client.until(f"/v1/status/{job}", "completed")[1].json()["output"][0]
    inputs = {"model_image": model, "garment_image": uri(picture(GARMENT))}
    job = client.post("/v1/run", {"model_name": "tryon-v1.6", "inputs": inputs}).json()["id"]
    assert client.until(f"/v1/status/{job}", "completed", "failed")[1].json()["status"] == "completed"


def test_a_picture_without_a_person(engine: Sandbox) -> None:
    """Each provider says so in its own words; the picture is a garment's."""
    nobody, garment = picture("garment/l01_jeans_pink.jpg"), picture(GARMENT)
    fashn = Client(engine, "fashn", "nobody")
    inputs = {"model_image": uri(nobody), "garment_image": uri(garment)}
    job = fashn.post("/v1/run", {"model_name": "tryon-v1.6", "inputs": inputs}).json()["id"]
    error = fashn.until(f"/v1/status/{job}", "completed", "failed")[1].json()["error"]
    assert error["name"] == "PoseError"

    files = {"person_image": ("p.jpg", nobody), "garment_image": ("g.jpg", garment)}
    pixelcut = Client(engine, "pixelcut", form="today").post("/v1/try-on", files=files)
    assert (pixelcut.status_code, pixelcut.json()["error_code"]) == (400, "unknown_foreground")

    body = {"person_image": raw(nobody), "garment_image": raw(garment), "category": "upperbody"}
    pixelapi = Client(engine, "pixelapi").post("/v1/virtual-tryon", body)
    assert (pixelapi.status_code, pixelapi.json()["detail"]["error"]) == (422, "body_segmentation_failed")

    selfie = {"selfie_base64": raw(nobody), "clothing_description": "a tee", "mode": "studio"}
    superstyle = Client(engine, "superstyle").post("/generate_image", selfie)
    assert superstyle.status_code == 400
    assert superstyle.json()["error"].startswith("No usable person was found")


@pytest.mark.prove
def test_a_worn_garment_costs_extraction(engine: Sandbox) -> None:
    person = picture(PERSON)
    for garment, price in ((GARMENT, 10), ("person/p15_black_tee.jpg", 15)):
        client = Client(engine, "pixelcut", garment)
        files = {"person_image": ("p.jpg", person), "garment_image": ("g.jpg", picture(garment))}
        assert client.post("/v1/try-on", files=files).status_code == 200
        assert client.get("/v1/credits").json()["credits_remaining"] == 1000 - price


def test_a_pose_on_a_mannequin(engine: Sandbox) -> None:
    answer = Client(engine, "pebblely").post("/generate/virtual_pose", {"cloth_image": raw(picture(GARMENT))})
    assert opened(base64.b64decode(answer.json()["data"])).size == (1024, 1024)
