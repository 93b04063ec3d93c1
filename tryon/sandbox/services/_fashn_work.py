"""What FASHN's models make here, and in which of its words they fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.sandbox import drawing
from tryon.sandbox.inputs import Source, Unusable, fetch, from_data_uri, inspect, is_address, is_forbidden
from tryon.sandbox.jobs import JobFailed, Made
from tryon.sandbox.pictures import Maker, mannequin
from tryon.sandbox.services._fashn_models import FILM_SIZES, RATIOS, SCALES, SEED_MODEL, Model
from tryon.sandbox.video import mp4

CATEGORIES = {"tops": Category.UPPER, "bottoms": Category.LOWER, "one-pieces": Category.FULL}
SAVED = "saved:"
SAME_RATIO = 0.02


class FashnWork:
    """One prediction of one model. ``values`` are the inputs with their defaults."""

    def __init__(self, maker: Maker, model: Model, values: Mapping[str, Any]) -> None:
        self.maker, self.model, self.values = maker, model, values
        self.is_seed = model is SEED_MODEL
        self._sources: dict[str, Source] = {}

    def first(self) -> Source | None:
        """The picture whose unchanged return would be a fault; None when it can't be read."""
        try:
            return self._source(self.model.person if self.values.get(self.model.person) else self.model.product)
        except (JobFailed, KeyError):
            return None

    def __call__(self) -> list[Made]:
        for name in self.model.images:
            text = self.values.get(name)
            if text and not text.startswith(SAVED) and self._moderated(self._source(name)):
                raise self._blocked(name)
        words = str(self.values.get("prompt") or "")
        if "sandbox:blocked" in words:
            raise self._blocked("prompt")
        if "sandbox:failed" in words:
            raise JobFailed("PipelineError", "Unexpected pipeline execution error")
        try:
            if self.model.name == "image-to-video":
                return [Made(self._film(), "video/mp4", "output_0.mp4")]
            return self._pictures(self._image())
        except TryOnError as error:
            raise _failure(error) from error

    # ---- reading

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            text = str(self.values[name])
            try:
                data = fetch(text) if is_address(text) else from_data_uri(text)
                self._sources[name] = inspect(data)
            except Unusable as error:
                spoken = name.replace("_", " ")
                raise JobFailed("ImageLoadError", f"Error loading {spoken}: {error.text}") from error
        return self._sources[name]

    def _moderated(self, source: Source) -> bool:
        on = self.values["nsfw_filter"] if self.is_seed else self.values.get("moderation_level") != "none"
        return bool(on) and is_forbidden(source)

    def _blocked(self, name: str) -> JobFailed:
        code = "NSFWError" if self.is_seed else "ContentModerationError"
        return JobFailed(code, f"Prohibited content detected in {name}", blocked=True)

    # ---- making

    def _image(self) -> Image.Image:
        name, product = self.model.name, self.model.product
        words = str(self.values.get("prompt") or "")
        if self.model.person and self.values.get(self.model.person):
            return self._worn()
        if name == "product-to-model":
            return self.maker.model_shot(self._source(product), f"{words}{self.values['seed']}")
        if name == "model-create":
            return mannequin(f"{words}{self.values['seed']}")
        source = self._source(product)
        if name == "face-to-model":
            return mannequin(source.picture.sha256)
        if name == "background-change":
            return drawing.on_scene(source.image(), words)
        if name == "background-remove":
            return drawing.cutout(source.image())
        if name == "packshot":
            return drawing.on_white(drawing.cutout(source.image()))
        if name == "reframe":
            return self._reframed(source)
        if name == "edit" and self.values.get("mask"):
            return drawing.without(source.image(), self._source("mask").image())
        return drawing.sharpened(source.image())

    def _worn(self) -> Image.Image:
        text = str(self.values[self.model.person])
        garment = self._source(self.model.product)
        category = CATEGORIES.get(str(self.values.get("category")))
        if text.startswith(SAVED):
            return self.maker.model_shot(garment, text.removeprefix(SAVED), category)
        return self.maker.try_on(self._source(self.model.person), garment, category)

    def _reframed(self, source: Source) -> Image.Image:
        size = RATIOS[str(self.values["aspect_ratio"])]
        here, wanted = source.width / source.height, size[0] / size[1]
        if abs(here / wanted - 1) <= SAME_RATIO:
            raise JobFailed("InputValidationError", "The image already has this aspect ratio")
        return drawing.fitted(source.image(), size)

    def _pictures(self, image: Image.Image) -> list[Made]:
        kind = "png" if self.is_seed else str(self.values.get("output_format", "png"))
        ratio = self.values.get("aspect_ratio")
        follows_person = self.model.name == "product-to-model" and self.values.get("model_image")
        is_figure = self.model.name == "face-to-model"  # the engine must know it again, for a try-on with it
        if ratio and self.model.name != "reframe" and not follows_person and not is_figure:
            image = drawing.fitted(image, RATIOS[ratio])
        scale = SCALES.get(str(self.values.get("resolution", "1k")), 1)
        if scale > 1:
            image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
        count = int(self.values.get("num_images") or self.values.get("num_samples") or 1)
        mime, ending = ("image/png", "png") if kind == "png" else ("image/jpeg", "jpeg")
        made = []
        for index in range(count):
            label = f"{self.model.name}  {index + 1}/{count}" if count > 1 else self.model.name
            picture = drawing.marked(image, label, band=not is_figure)
            made.append(Made(drawing.encoded(picture, kind), mime, f"output_{index}.{ending}"))
        return made

    def _film(self) -> bytes:
        size = FILM_SIZES[str(self.values["resolution"])]
        names = [name for name in ("image", "end_image") if self.values.get(name)]
        scenes = [drawing.marked(drawing.fitted(self._source(name).image(), size), "image-to-video") for name in names]
        return mp4(scenes, seconds=int(self.values["duration"]), frames_per_second=24)


def _failure(error: TryOnError) -> JobFailed:
    if error.code == "malformed_image":
        return JobFailed("ImageLoadError", "Error loading image: it could not be decoded")
    if error.code == "garment_unsuitable":
        return JobFailed("PoseError", "Failed to detect body pose in garment image")
    return JobFailed("PoseError", f"Failed to detect body pose in model image ({error.code})")
