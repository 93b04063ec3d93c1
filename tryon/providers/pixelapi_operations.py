"""What PixelAPI can do, with the options, limits and prices of each operation. Data only.

The document names two prices for most operations; these are the higher ones, of the endpoints' own headings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tryon.choices import Operation
from tryon.images.picture import MEGABYTE
from tryon.providers.base import Capability, Option

MAX_MEGABYTES = 10
MAX_EDGE = 4096
SMALLEST_PERSON = 100
STEP_RANGES = {"flux-schnell": (1, 8), "sdxl": (20, 50)}
TRY_ON_COST = 25.0

PROMPT = Option("prompt", str, None, "In words.", minimum=1, required=True)
SEED = Option("seed", int, None, "The same seed gives the same result.")

GENERATE_IMAGE = (
    Option("model", str, None, "flux-schnell is fast, sdxl finer.", tuple(STEP_RANGES), required=True),
    PROMPT,
    Option("negative_prompt", str, None, "What to avoid; sdxl only."),
    Option("width", int, 1024, "Pixels.", minimum=512, maximum=1536),
    Option("height", int, 1024, "Pixels.", minimum=512, maximum=1536),
    Option("steps", int, None, "sdxl: 20 to 50 (30). flux-schnell: 1 to 8 (4).", minimum=1, maximum=50),
    Option("guidance_scale", float, None, "Adherence to the prompt. By itself 7.5 (sdxl) or 0 (flux-schnell)."),
    SEED,
)  # fmt: skip
GENERATE_AUDIO = (
    Option("prompt", str, None, "Genre, instruments, mood, tempo.", minimum=3, maximum=500, required=True),
    Option("duration", int, 15, "Seconds.", minimum=5, maximum=30),
    Option("model", str, "musicgen-small", "The model.", ("musicgen-small",)),
)
GENERATE_VIDEO = (
    Option("prompt", str, None, "Camera, lighting, mood, motion.", minimum=1, maximum=2000, required=True),
    Option("duration", float, 3.0, "Seconds.", minimum=1, maximum=10),
    Option("resolution", str, "480p", "832 x 480 or 1280 x 720.", ("480p", "720p")),
    Option("negative_prompt", str, None, "What to avoid.", maximum=2000),
    SEED,
)
TRY_ON_TODAY = (
    Option(
        "category",
        str,
        None,
        "Instead of the garment's own.",
        ("upperbody", "lowerbody", "dress", "saree", "lehenga", "kurti", "sherwani"),
    ),
    Option("n_steps", int, None, "Fewer is faster.", minimum=20, maximum=30),
    Option("guidance_scale", float, None, "Usually 2.5.", minimum=0, maximum=20),
    Option("n_samples", int, None, "Pictures a call.", minimum=1, maximum=4, counts=True),
)


@cache
def capabilities(*, seed: bool) -> Mapping[Operation, Capability]:
    try_on = Capability(
        () if seed else TRY_ON_TODAY,
        max_edge=MAX_EDGE,
        min_side=SMALLEST_PERSON,
        max_bytes=MAX_MEGABYTES * MEGABYTE,
        cost=TRY_ON_COST,
        upright_person=True,
        inputs=("person", "garment"),
    )
    return {
        Operation.TRY_ON: try_on,
        Operation.MODEL_SHOT: try_on,
        Operation.REMOVE_BACKGROUND: _edit(4.0),
        Operation.REPLACE_BACKGROUND: _edit(8.0, PROMPT),
        Operation.RESTORE_FACE: _edit(5.0),
        Operation.REMOVE_OBJECT: _edit(8.0, Option("prompt", str, None, "What to remove; or give a mask.", minimum=1)),
        Operation.UPSCALE: _edit(20.0),
        Operation.GENERATE_IMAGE: Capability(GENERATE_IMAGE, cost=5.0),
        Operation.GENERATE_AUDIO: Capability(GENERATE_AUDIO, cost=10.0),
        Operation.GENERATE_VIDEO: Capability(GENERATE_VIDEO, cost=100.0),
    }


def _edit(cost: float, *options: Option) -> Capability:
    return Capability(
        options, max_edge=MAX_EDGE, max_bytes=MAX_MEGABYTES * MEGABYTE, cost=cost, inputs=("picture",)
    )  # fmt: skip
