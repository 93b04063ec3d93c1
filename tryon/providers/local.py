"""The built-in engine behind the provider interface: no key, no network, no cost."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from tryon import local_engine
from tryon.choices import Operation
from tryon.providers.base import (
    CallStyle,
    Capability,
    Option,
    Output,
    Provider,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)

LIBRARIES = ("numpy", "cv2")
BACKGROUND = Option(
    "background", str, "#f6f5f3", help="Colour behind a mannequin, as #rrggbb.", pattern="#[0-9A-Fa-f]{6}"
)


class LocalProvider(Provider):
    label: ClassVar[str] = "local"
    style: ClassVar[CallStyle] = CallStyle.CPU
    paid: ClassVar[bool] = False
    leaves_server: ClassVar[bool] = False
    settings_options: ClassVar[frozenset[str]] = frozenset({"options", "models_dir"})

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.models_dir: str | None = options.get("models_dir")

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return {
            Operation.TRY_ON: Capability(inputs=("garment",)),
            Operation.MODEL_SHOT: Capability((BACKGROUND,), inputs=("garment",)),
        }

    def problems(self) -> list[str]:
        """Asked by every page that shows a button: looks for files and imports nothing."""
        missing = [name for name in LIBRARIES if not _installed(name)]
        if missing:
            return [f"{' and '.join(missing)} are not installed. Run: pip install django-tryon[local]"]
        if local_engine.models_missing(self.models_dir):
            return ["Its model files are missing. Run: python manage.py tryon_setup"]
        return []

    def submit(self, request: TryOnRequest) -> Submission:
        garment = request.image("garment").data
        category = request.category.value if request.category else None
        options = self.clean_options(request.operation, request.options)
        if request.mannequin:
            made = local_engine.model_shot(
                garment,
                mannequin=request.mannequin,
                category=category,
                background=_rgb(options["background"]) if "background" in options else None,
                models_dir=self.models_dir,
            )
        else:
            made = local_engine.try_on(
                request.image("person").data, garment, category=category, models_dir=self.models_dir
            )
        return Submission(
            outputs=(Output(data=made.data, mime=made.mime),), warnings=made.warnings, version=f"local {made.version}"
        )

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise ProviderError("provider_down", "the local engine answers at once and has no jobs")


def _installed(library: str) -> bool:
    if library in sys.modules:  # loaded, or being loaded by another thread: then it has no spec to find yet
        return True
    return importlib.util.find_spec(library) is not None


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
