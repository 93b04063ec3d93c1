"""FASHN's models: inputs, defaults and prices.

Sources: the API document (the flat form of ``tryon-v1.5``), today's pages, and the types of the official client 0.9.0.
Where the pages give a price as a range, the grid here is the sandbox's own inside that range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tryon.sandbox.schema import Param

RATIOS = {
    "21:9": (1568, 672), "1:1": (1024, 1024), "4:3": (1176, 880), "3:2": (1248, 832), "2:3": (832, 1248),
    "5:4": (1144, 912), "4:5": (912, 1144), "3:4": (880, 1176), "16:9": (1360, 768), "9:16": (760, 1360),
}  # fmt: skip
SCALES = {"1k": 1, "2k": 2, "4k": 4}
FILM_SIZES = {"480p": (832, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
MAX_SEED = 2**32 - 1

Price = Callable[[Mapping[str, Any]], int]


def _image(name: str, required: bool = False) -> Param:
    return Param(name, "image", required=required)


def _words(name: str, required: bool = False) -> Param:
    return Param(name, "string", default=None if required else "", required=required)


def _count(name: str = "num_images") -> Param:
    return Param(name, "integer", default=1, low=1, high=4)


def _mode(*modes: str) -> Param:
    return Param("generation_mode", default="balanced", choices=modes or ("fast", "balanced", "quality"))


def _format(default: str = "png") -> Param:
    return Param("output_format", default=default, choices=("png", "jpeg"))


_SEED = Param("seed", "integer", default=42, low=0, high=MAX_SEED)
_BASE64 = Param("return_base64", "boolean", default=False)
_RATIO = Param("aspect_ratio", choices=tuple(RATIOS))
_RESOLUTION = Param("resolution", default="1k", choices=tuple(SCALES))
_FACE = (_image("face_reference"), Param("face_reference_mode", choices=("match_base", "match_reference")))


def _one(values: Mapping[str, Any]) -> int:
    return 1


def _with_face(values: Mapping[str, Any]) -> int:
    return 4 if values.get("face_reference") else 1


def _max_price(values: Mapping[str, Any]) -> int:
    """2 to 5 an image."""
    price = {"1k": 2, "2k": 3, "4k": 4}[values["resolution"]]
    return price + 1 if values["generation_mode"] == "quality" else price


def _product_price(values: Mapping[str, Any]) -> int:
    """1 to 5 an image, 3 more with a face reference."""
    mode = {"fast": 0, "balanced": 1, "quality": 2}[values["generation_mode"]]
    return {"1k": 1, "2k": 2, "4k": 3}[values["resolution"]] + mode + (3 if values.get("face_reference") else 0)


def _film_price(values: Mapping[str, Any]) -> int:
    """1 to 12 a film."""
    price = {"480p": 1, "720p": 3, "1080p": 6}[values["resolution"]]
    return 2 * price if values["duration"] == 10 else price


@dataclass(frozen=True, slots=True)
class Model:
    """``person`` names the input that shows who wears it; ``product`` the one that shows what is worn or changed."""

    name: str
    params: tuple[Param, ...]
    price: Price = _one
    person: str = ""
    product: str = ""

    def cost(self, values: Mapping[str, Any]) -> int:
        return self.price(values) * int(values.get("num_images") or values.get("num_samples") or 1)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(param.name for param in self.params if param.kind == "image")


SEED_MODEL = Model(
    "tryon-v1.5",
    (
        _image("model_image", True), _image("garment_image", True),
        Param("category", required=True, choices=("tops", "bottoms", "one-pieces")),
        Param("nsfw_filter", "boolean", default=True), Param("cover_feet", "boolean", default=False),
        Param("adjust_hands", "boolean", default=False), Param("restore_background", "boolean", default=False),
        Param("restore_clothes", "boolean", default=False),
        Param("garment_photo_type", default="auto", choices=("auto", "flat-lay", "model")),
        Param("long_top", "boolean", default=False), Param("guidance_scale", "number", default=2, low=1.5, high=3),
        Param("timesteps", "integer", default=50, low=10, high=50), Param("seed", "integer", default=42),
        _count("num_samples"),
    ),
    person="model_image", product="garment_image",
)  # fmt: skip

_LIST = (
    Model(
        "tryon-v1.6",
        (
            _image("model_image", True), _image("garment_image", True),
            Param("category", default="auto", choices=("auto", "tops", "bottoms", "one-pieces")),
            Param("mode", default="balanced", choices=("performance", "balanced", "quality")),
            Param("segmentation_free", "boolean", default=True),
            Param("moderation_level", default="permissive", choices=("conservative", "permissive", "none")),
            Param("garment_photo_type", default="auto", choices=("auto", "flat-lay", "model")),
            _count("num_samples"), _SEED, _format(), _BASE64,
        ),
        person="model_image", product="garment_image",
    ),
    Model(
        "tryon-max",
        (
            _image("product_image", True), _image("model_image", True), _words("prompt"), _RESOLUTION,
            _mode("balanced", "quality"), _count(), _RATIO, _SEED, _format(), _BASE64,
        ),
        _max_price, "model_image", "product_image",
    ),
    Model(
        "product-to-model",
        (
            _image("product_image", True), _image("model_image"), _words("prompt"), _image("image_prompt"), _RATIO,
            _RESOLUTION, _mode(), _format(), _SEED, _BASE64, *_FACE, _image("background_reference"), _count(),
        ),
        _product_price, "model_image", "product_image",
    ),
    Model(
        "face-to-model",
        (
            _image("face_image", True), _words("prompt"), Param("aspect_ratio", default="2:3", choices=tuple(RATIOS)),
            _RESOLUTION, _mode(), _count(), _format("jpeg"), _SEED, _BASE64,
        ),
        product="face_image",
    ),
    Model(
        "model-create",
        (
            _words("prompt", True), _RATIO, _image("image_reference"), *_FACE, _RESOLUTION, _mode(), _count(), _SEED,
            _format(), _BASE64,
        ),
        _with_face,
    ),
    Model(
        "model-swap",
        (
            _image("model_image", True), _words("prompt"), *_FACE, _RATIO, _RESOLUTION, _mode(), _count(), _SEED,
            _format(), _BASE64,
        ),
        _with_face, product="model_image",
    ),
    Model(
        "edit",
        (
            _image("image", True), _words("prompt", True), _image("mask"), _image("image_context"), _RATIO,
            _RESOLUTION, _mode(), _count(), _SEED, _format(), _BASE64,
        ),
        product="image",
    ),
    Model(
        "background-change",
        (_image("image", True), _words("prompt", True), _RESOLUTION, _mode(), _count(), _SEED, _format(), _BASE64),
        product="image",
    ),
    Model("background-remove", (_image("image", True), _BASE64), product="image"),
    Model(
        "reframe",
        (
            _image("image", True), Param("aspect_ratio", required=True, choices=tuple(RATIOS)), _mode(), _count(),
            _SEED, _format(), _BASE64,
        ),
        product="image",
    ),
    Model(
        "packshot",
        (
            _image("product_image", True), _words("prompt"), _image("image_context"), _RATIO, _RESOLUTION, _mode(),
            _count(), _SEED, _format(), _BASE64,
        ),
        product="product_image",
    ),
    Model(
        "image-to-video",
        (
            _image("image", True), Param("duration", "integer", default=5, choices=(5, 10)),
            Param("resolution", default="480p", choices=tuple(FILM_SIZES)), _words("prompt"),
            _words("negative_prompt"), _image("end_image"), _SEED,
        ),
        _film_price, product="image",
    ),
)  # fmt: skip

MODELS: dict[str, Model] = {model.name: model for model in _LIST}
