"""PixelAPI's operations: parameters, prices and what is made. Source: the API document, by endpoint heading.

The document's cost table gives lower prices (2 where the heading says 4, and so on); what is charged here is what
``credits_used`` says in its examples. ``/v1/models`` lists the table's prices, as in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tryon.choices import Category
from tryon.sandbox import drawing
from tryon.sandbox.inputs import Source
from tryon.sandbox.jobs import Made
from tryon.sandbox.schema import Param
from tryon.sandbox.sound import wav
from tryon.sandbox.video import mp4

FRAMES_A_SECOND = 16
RESOLUTIONS = {"480p": (832, 480), "720p": (1280, 720)}
STEPS = {"sdxl": (20, 50, 30), "flux-schnell": (1, 8, 4)}  # lowest, highest, default

PROMPT = Param("prompt", required=True, low=1)
IMAGE_URL = Param("image_url", "image")


@dataclass(frozen=True, slots=True)
class Edit:
    """An operation on one picture. ``table_price`` is the one of the document's cost table."""

    prefix: str
    price: float
    table_price: int
    speed: str
    params: tuple[Param, ...]
    make: Callable[[Source, Source | None, Mapping[str, Any]], Image.Image]
    takes_json: bool = True
    takes_mask: bool = False


def _background_removed(source: Source, mask: Source | None, values: Mapping[str, Any]) -> Image.Image:
    return drawing.cutout(source.image())


def _background_replaced(source: Source, mask: Source | None, values: Mapping[str, Any]) -> Image.Image:
    return drawing.on_scene(source.image(), values["prompt"])


def _face_restored(source: Source, mask: Source | None, values: Mapping[str, Any]) -> Image.Image:
    return drawing.sharpened(source.image())


def _object_removed(source: Source, mask: Source | None, values: Mapping[str, Any]) -> Image.Image:
    if mask is None:
        return drawing.without(source.image(), None)
    image = source.image()
    return drawing.without(image, mask.image().resize(image.size))


def _larger(source: Source, mask: Source | None, values: Mapping[str, Any]) -> Image.Image:
    return drawing.upscaled(source.image(), 4)


EDITS: dict[str, Edit] = {
    "remove-background": Edit("bg-rm", 4, 2, "~2–3s", (IMAGE_URL,), _background_removed),
    "replace-background": Edit("bg-rp", 8, 5, "~5–10s", (IMAGE_URL, PROMPT), _background_replaced),
    "restore-face": Edit("face", 5, 3, "~3–5s", (IMAGE_URL,), _face_restored),
    "remove-object": Edit(
        "obj-rm", 8, 5, "~5–15s", (Param("prompt"),), _object_removed, takes_json=False, takes_mask=True
    ),
    "upscale": Edit("up", 20, 20, "~10–30s", (IMAGE_URL,), _larger),
}

GENERATE_IMAGE = (
    Param("model", required=True, choices=tuple(STEPS)), PROMPT, Param("negative_prompt"),
    Param("width", "integer", default=1024, low=512, high=1536),
    Param("height", "integer", default=1024, low=512, high=1536), Param("steps", "integer"),
    Param("guidance_scale", "number"), Param("seed", "integer"),
)  # fmt: skip
GENERATE_AUDIO = (
    Param("prompt", required=True, low=3, high=500),
    Param("duration", "integer", default=15, low=5, high=30),
    Param("model", default="musicgen-small", choices=("musicgen-small",)),
)
GENERATE_VIDEO = (
    Param("prompt", required=True, low=1, high=2000),
    Param("duration", "number", default=3, low=1, high=10),
    Param("resolution", default="480p", choices=tuple(RESOLUTIONS)),
    Param("negative_prompt", high=2000),
    Param("seed", "integer"),
)
IMAGE_PRICE, TRY_ON_PRICE = 5, 25

TRY_ON = (
    Param("person_image", "image", required=True),
    Param("garment_image", "image", required=True),
    Param("category", required=True),  # refused with a code of its own
)
# seen in requests of 2026, not in the document
TRY_ON_TODAY = (Param("n_steps", "integer"), Param("guidance_scale", "number"), Param("n_samples", "integer"))
CATEGORIES = {"upperbody": Category.UPPER, "lowerbody": Category.LOWER, "dress": Category.FULL}
CATEGORIES_TODAY = {
    **CATEGORIES, "saree": Category.FULL, "lehenga": Category.FULL, "kurti": Category.UPPER, "sherwani": Category.UPPER,
}  # fmt: skip

MODELS = [
    {"id": "flux-schnell", "endpoint": "POST /v1/image/generate", "credits": 3, "speed": "~3–5s"},
    {"id": "sdxl", "endpoint": "POST /v1/image/generate", "credits": 3, "speed": "~8–13s"},
    *(
        {
            "id": "upscale-4x" if name == "upscale" else name,
            "endpoint": f"POST /v1/image/{name}",
            "credits": edit.table_price,
            "speed": edit.speed,
        }
        for name, edit in EDITS.items()
    ),
]


def audio_price(values: Mapping[str, Any]) -> int:
    return 5 if values["duration"] <= 15 else 10


def video_price(values: Mapping[str, Any]) -> int:
    return 50 if values["resolution"] == "480p" else 100


def drawn_image(values: Mapping[str, Any]) -> list[Made]:
    size = (values["width"], values["height"])
    picture = drawing.captioned(drawing.scene(values["prompt"], size, values["seed"] or 0), [values["prompt"]])
    return [Made(drawing.encoded(drawing.marked(picture, values["model"]), "png"), "image/png", "0.png")]


def played_audio(values: Mapping[str, Any]) -> list[Made]:
    return [Made(wav(values["duration"], seed=len(values["prompt"])), "audio/wav", "0.wav")]


def filmed_video(values: Mapping[str, Any]) -> list[Made]:
    size = RESOLUTIONS[values["resolution"]]
    scenes = [
        drawing.marked(drawing.captioned(drawing.scene(values["prompt"], size, index), [values["prompt"]]), "wan2.1")
        for index in range(2)
    ]
    film = mp4(scenes, seconds=values["duration"], frames_per_second=FRAMES_A_SECOND)
    return [Made(film, "video/mp4", "0.mp4")]
