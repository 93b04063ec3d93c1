"""FASHN's models: which pictures and options each takes. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from tryon.choices import Operation
from tryon.providers.base import Option

ASPECT_RATIOS = ("21:9", "1:1", "4:3", "3:2", "2:3", "5:4", "4:5", "3:4", "16:9", "9:16")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Model:
    """``pictures``: (their name, where it is in our request, required). ``cost``: credits a picture, at the least."""

    name: str
    pictures: tuple[tuple[str, str, bool], ...]
    options: tuple[Option, ...]
    cost: float | None = 1.0
    most: float | None = None  # what size and quality can make of it; None: as ``cost``
    has_category: bool = False

    @property
    def required_pictures(self) -> tuple[str, ...]:
        return tuple(source for _, source, required in self.pictures if required)


def _prompt(help: str, *, required: bool = False) -> Option:
    return Option("prompt", str, None, help, minimum=1 if required else None, required=required)


PHOTO_TYPE = Option(
    "garment_photo_type", str, "auto", "Flat or ghost mannequin, or worn by a model.", ("auto", "flat-lay", "model")
)
SAMPLES = Option("num_samples", int, 1, "Pictures a call; each is charged.", minimum=1, maximum=4, counts=True)
SEED = Option("seed", int, 42, "The same seed gives the same picture.", minimum=0, maximum=LARGEST_SEED)
FORMAT = Option("output_format", str, "png", "png is the finest, jpeg the fastest.", ("png", "jpeg"))
BASE64 = Option("return_base64", bool, False, "The picture comes inside the answer and is not stored on their side.")

ANY_FORMAT = Option("output_format", str, None, FORMAT.help, FORMAT.choices)
ANY_SEED = Option("seed", int, None, SEED.help, minimum=0, maximum=LARGEST_SEED)
IMAGES = Option("num_images", int, None, "Pictures a call; each is charged.", minimum=1, maximum=4, counts=True)
RATIO = Option("aspect_ratio", str, None, "Width to height of the result.", ASPECT_RATIOS)
RESOLUTION = Option("resolution", str, None, "About 1, 4 or 16 megapixels.", ("1k", "2k", "4k"))
GENERATION = Option("generation_mode", str, None, "Finer is slower and costs more.", ("fast", "balanced", "quality"))
FACE_MODE = Option(
    "face_reference_mode", str, None, "Keep the pose of the base or of the face.", ("match_base", "match_reference")
)
_COMMON = (ANY_FORMAT, BASE64, ANY_SEED)

MODELS = {
    model.name: model
    for model in (
        Model(
            "tryon-v1.6",
            (("model_image", "person", True), ("garment_image", "garment", True)),
            (
                Option("mode", str, "balanced", "Speed or quality.", ("performance", "balanced", "quality")),
                Option("segmentation_free", bool, True, "False when the worn garment is not fully removed."),
                Option(
                    "moderation_level", str, "permissive", "How strictly garments are judged.",
                    ("conservative", "permissive", "none"),
                ),
                PHOTO_TYPE,
                SAMPLES,
                SEED,
                FORMAT,
                BASE64,
                Option(
                    "saved_model", str, None, "Name of a model saved in the account, instead of a photo.",
                    pattern=r"[A-Za-z0-9 _.-]{1,100}", sent=False,
                ),
            ),
            has_category=True,
        ),
        Model(
            "tryon-max",
            (("model_image", "person", True), ("product_image", "garment", True)),
            (
                _prompt("How it is worn, such as: open jacket."),
                RESOLUTION,
                Option("generation_mode", str, None, GENERATION.help, ("balanced", "quality")),
                IMAGES,
                RATIO,
                *_COMMON,
            ),
            cost=2.0,
            most=5.0,
        ),
        Model(
            "product-to-model",
            (
                ("product_image", "garment", True),
                ("model_image", "person", False),
                ("image_prompt", "image_prompt", False),
                ("face_reference", "face_reference", False),
                ("background_reference", "background_reference", False),
            ),
            (
                _prompt("Person, styling, background."),
                RATIO,
                RESOLUTION,
                GENERATION,
                FACE_MODE,
                *_COMMON,
                Option(
                    "selfie", bool, False, "The photo shows a face only: a body is made for it. Costs 3 credits more.",
                    sent=False,
                ),
            ),
            most=8.0,
        ),
        Model(
            "face-to-model",
            (("face_image", "person", True),),
            (
                _prompt("Build of the body, such as: athletic."),
                RATIO,
                RESOLUTION,
                GENERATION,
                IMAGES,
                *_COMMON,
            ),
        ),
        Model(
            "model-create",
            (("image_reference", "image_reference", False), ("face_reference", "face_reference", False)),
            (
                _prompt("The model, clothes, pose and scene.", required=True),
                RATIO,
                FACE_MODE,
                RESOLUTION,
                GENERATION,
                IMAGES,
                *_COMMON,
            ),
            most=4.0,
        ),
        Model(
            "model-swap",
            (("model_image", "picture", True), ("face_reference", "face_reference", False)),
            (_prompt("The new person."), FACE_MODE, RATIO, RESOLUTION, GENERATION, IMAGES, *_COMMON),
            most=4.0,
        ),
        Model(
            "edit",
            (("image", "picture", True), ("mask", "mask", False), ("image_context", "image_context", False)),
            (_prompt("What to change.", required=True), RATIO, RESOLUTION, GENERATION, IMAGES, *_COMMON),
        ),
        Model(
            "background-change",
            (("image", "picture", True),),
            (_prompt("The new background.", required=True), RESOLUTION, GENERATION, IMAGES, *_COMMON),
            cost=None,
        ),
        Model("background-remove", (("image", "picture", True),), (BASE64,)),
        Model(
            "reframe",
            (("image", "picture", True),),
            (
                Option("aspect_ratio", str, None, RATIO.help, ASPECT_RATIOS, required=True),
                GENERATION,
                IMAGES,
                *_COMMON,
            ),
        ),
        Model(
            "packshot",
            (("product_image", "garment", True), ("image_context", "image_context", False)),
            (_prompt("The scene."), RATIO, RESOLUTION, GENERATION, IMAGES, *_COMMON),
            cost=None,
        ),
        Model(
            "image-to-video",
            (("image", "picture", True), ("end_image", "end_image", False)),
            (
                Option("duration", int, None, "Seconds.", (5, 10)),
                Option("resolution", str, None, "end_image needs 1080p.", ("480p", "720p", "1080p")),
                _prompt("Motion; best left empty."),
                Option("negative_prompt", str, None, "What to avoid."),
                ANY_SEED,
            ),
            most=12.0,
        ),
    )
}  # fmt: skip

OPERATIONS = {
    Operation.TRY_ON: ("tryon-v1.6", "tryon-max", "product-to-model"),
    Operation.MODEL_SHOT: ("product-to-model", "tryon-max", "tryon-v1.6"),
    Operation.REMOVE_BACKGROUND: ("background-remove",),
    Operation.REPLACE_BACKGROUND: ("background-change",),
    Operation.GENERATE_IMAGE: ("model-create", "face-to-model", "model-swap", "edit", "reframe", "packshot"),
    Operation.GENERATE_VIDEO: ("image-to-video",),
}
"""The first model of each is the default."""

SEED_OPTIONS = (
    Option("nsfw_filter", bool, True, "Content filter on the inputs."),
    Option("cover_feet", bool, False, "Long garments may cover feet and shoes."),
    Option("adjust_hands", bool, False, "Hands may change: gloves, pockets, long sleeves."),
    Option("restore_background", bool, False, "Extra steps to keep the background."),
    Option("restore_clothes", bool, False, "Extra steps to keep the other clothes."),
    PHOTO_TYPE,
    Option("long_top", bool, False, "Tuned for long shirts, tunics, coats."),
    Option("guidance_scale", float, 2.0, "Higher keeps detail and risks loud colours.", minimum=1.5, maximum=3),
    Option("timesteps", int, 50, "Fewer is faster.", minimum=10, maximum=50),
    Option("seed", int, 42, SEED.help),
    SAMPLES,
)
