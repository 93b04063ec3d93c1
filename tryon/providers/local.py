"""The built-in engine behind the provider interface: no key, no network, no cost."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from tryon import local_engine
from tryon.choices import Operation
from tryon.local_engine.models import default_cache_dir
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
PLAIN, OWN = "plain", "as_photographed"
CHILD_RULES = ("refuse", "warn", "allow")
MIN_CONFIDENCE = 0.35
BACKGROUND = Option(
    "background", str, "#f6f5f3", help="Colour behind the subject, as #rrggbb.", pattern="#[0-9A-Fa-f]{6}"
)
CROP = Option("crop", bool, False, help="Cut off what is empty around the garment.")
FRAME = Option("frame", str, "auto", "How much of a mannequin is shown; auto: what the garment asks for.",
               ("auto", "upper", "full"))  # fmt: skip
SHADOW = Option("shadow", bool, True, help="A soft shadow where the garment touches what is behind it.")


def _size(default: int) -> Option:
    return Option("size", int, default, help="Pixels of the picture's long side.", minimum=512, maximum=2048)


class LocalProvider(Provider):
    """OPTIONS, all optional:

    ``models_dir``: folder of the network files. ``cache_dir``: folder for cut-out garments, "" for none.
    ``min_confidence``: 0 to 1; pictures below it are refused, 0 lets all pass. ``child_sized``: "refuse", "warn" or
    "allow" a body with a child's proportions. ``backgrounds``: name -> path of the shop's own pictures, offered as
    themes. ``options``: defaults for the options of the operations.
    """

    label: ClassVar[str] = "local"
    style: ClassVar[CallStyle] = CallStyle.CPU
    paid: ClassVar[bool] = False
    leaves_server: ClassVar[bool] = False
    settings_options: ClassVar[frozenset[str]] = frozenset(
        {"backgrounds", "cache_dir", "child_sized", "min_confidence", "models_dir", "options"}
    )

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.models_dir: str | None = options.get("models_dir")
        cache_dir = options.get("cache_dir")
        self.cache_dir = default_cache_dir() if cache_dir is None else Path(cache_dir) if cache_dir else None
        self.min_confidence = float(options.get("min_confidence", MIN_CONFIDENCE))
        self.child_sized: str = options.get("child_sized", "refuse")
        self.backgrounds = {name: Path(path) for name, path in options.get("backgrounds", {}).items()}
        if not 0 <= self.min_confidence <= 1:
            raise ImproperlyConfigured("min_confidence of the local provider is a number from 0 to 1")
        if self.child_sized not in CHILD_RULES:
            raise ImproperlyConfigured(f"child_sized of the local provider is one of {', '.join(CHILD_RULES)}")

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        themes = (*local_engine.THEMES, *self.backgrounds)
        behind = Option("theme", str, PLAIN, "What is behind the garment: the colour, or a set.", (PLAIN, *themes))
        around = Option(
            "theme", str, OWN, "What is behind the model: the colour behind a mannequin and a photo's own background, "
            "the colour for both, or a set.", (OWN, PLAIN, *themes),
        )  # fmt: skip
        return {
            Operation.TRY_ON: Capability(inputs=("garment",)),
            Operation.MODEL_SHOT: Capability((BACKGROUND, around, FRAME, _size(1536)), inputs=("garment",)),
            Operation.REMOVE_BACKGROUND: Capability((CROP, _size(2048)), inputs=("picture",)),
            Operation.REPLACE_BACKGROUND: Capability((BACKGROUND, behind, SHADOW, _size(2048)), inputs=("picture",)),
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
        options = self.clean_options(request.operation, request.options)
        try:
            made = self._make(request, options)
        except (OSError, ValueError) as error:
            raise ProviderError("invalid", f"{type(error).__name__}: {error}") from error
        return Submission(
            outputs=(Output(data=made.data, mime=made.mime),),
            warnings=made.warnings,
            version=f"local {made.version}",
            confidence=made.confidence,
        )

    def _make(self, request: TryOnRequest, options: Mapping[str, Any]) -> local_engine.EngineResult:
        if request.operation is Operation.REMOVE_BACKGROUND:
            return local_engine.remove_background(
                request.image("picture").data, crop=options["crop"], size=options["size"], models_dir=self.models_dir
            )
        if request.operation is Operation.REPLACE_BACKGROUND:
            return local_engine.replace_background(
                request.image("picture").data,
                background=self._background(request, options) or PLAIN,
                shadow=options["shadow"],
                size=options["size"],
                models_dir=self.models_dir,
            )
        common: dict[str, Any] = {
            "category": request.category.value if request.category else None,
            "min_confidence": self.min_confidence,
            "models_dir": self.models_dir,
            "cache_dir": self.cache_dir,
        }
        if request.operation is Operation.MODEL_SHOT:
            common |= {"background": self._background(request, options), "size": options["size"]}
        garment = request.image("garment").data
        if not request.mannequin:
            person = request.image("person").data
            return local_engine.try_on(person, garment, child_sized=self.child_sized, **common)
        if options.get("frame", "auto") != "auto":
            common["frame"] = options["frame"]
        if request.operation is Operation.MODEL_SHOT and common["background"] is None:
            common["background"] = _rgb(options["background"])
        return local_engine.model_shot(garment, mannequin=request.mannequin, **common)

    def _background(
        self, request: TryOnRequest, options: Mapping[str, Any]
    ) -> tuple[int, int, int] | str | bytes | None:
        """The picture that came with the request, else the theme, else the colour; None: as photographed."""
        given = request.references.get("background")
        if given is not None:
            return given.data  # type: ignore[union-attr]
        theme: str = options["theme"]
        if theme == OWN:
            return None
        if theme == PLAIN:
            return _rgb(options["background"])
        return self.backgrounds[theme].read_bytes() if theme in self.backgrounds else theme

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise ProviderError("provider_down", "the local engine answers at once and has no jobs")


def _installed(library: str) -> bool:
    if library in sys.modules:  # loaded, or being loaded by another thread: then it has no spec to find yet
        return True
    return importlib.util.find_spec(library) is not None


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
