"""The pictures that the sandbox hands out: by the local engine where it can, else drawn, and always marked."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import threading
from typing import Literal

from PIL import Image

from tryon import local_engine
from tryon.choices import Category
from tryon.errors import TryOnError
from tryon.images import formats
from tryon.images.decoder import open_picture
from tryon.sandbox import drawing
from tryon.sandbox.inputs import Source, plain_colour

Mode = Literal["auto", "engine", "drawn"]


class Maker:
    """Makes pictures from pictures. "auto" takes the engine when it is set up, "drawn" never needs it.

    Functions return images without the mark; ``drawing.marked`` comes last. A picture that shows nothing but one
    colour is refused as one without a person, in both modes.
    """

    def __init__(self, mode: Mode = "auto") -> None:
        if mode == "engine" and not engine_ready():
            raise RuntimeError("the local engine is not set up: python manage.py tryon_setup")
        self.uses_engine = mode == "engine" or (mode == "auto" and engine_ready())
        self._one_at_a_time = threading.Lock()  # the engine takes most of a gigabyte
        self._try_on = functools.lru_cache(maxsize=64)(self._engine_try_on)
        self._shot = functools.lru_cache(maxsize=64)(self._engine_shot)
        self._person = functools.lru_cache(maxsize=256)(self._engine_person)

    def person_refusal(self, person: Source) -> str:
        """The engine's code for why this is no usable photo of a person, or "" when it is one."""
        if plain_colour(person) is not None:
            return "no_person"
        return self._person(person.picture.data) if self.uses_engine else ""

    def try_on(self, person: Source, garment: Source, category: Category | None = None) -> Image.Image:
        """Raises ``TryOnError`` with the engine's codes."""
        if plain_colour(person) is not None:
            raise TryOnError("no_person", "the picture shows one colour only")
        if plain_colour(garment) is not None:
            raise TryOnError("garment_unsuitable", "the picture shows one colour only")
        if not self.uses_engine:
            return drawing.pasted(_work_size(person.image()), garment.image())
        return _image(self._try_on(person.picture.data, garment.picture.data, category and category.value))

    def model_shot(self, garment: Source, wish: str = "", category: Category | None = None) -> Image.Image:
        """The garment on a drawn mannequin, which one follows from ``wish``. Raises ``TryOnError``."""
        if plain_colour(garment) is not None:
            raise TryOnError("garment_unsuitable", "the picture shows one colour only")
        if not self.uses_engine:
            return drawing.pasted(mannequin(wish), garment.image())
        return _image(self._shot(garment.picture.data, _mannequin_key(wish), category and category.value))

    def _engine_try_on(self, person: bytes, garment: bytes, category: str | None) -> bytes:
        with self._one_at_a_time:
            return local_engine.try_on(person, garment, category=category).data

    def _engine_shot(self, garment: bytes, key: str, category: str | None) -> bytes:
        with self._one_at_a_time:
            return local_engine.model_shot(garment, mannequin=key, category=category).data

    def _engine_person(self, person: bytes) -> str:
        try:
            with self._one_at_a_time:
                local_engine.check_person(person)
        except TryOnError as error:
            return error.code
        return ""


def engine_ready() -> bool:
    """Whether the engine's libraries and network files are here. Looks for them, loads nothing."""
    libraries = all(importlib.util.find_spec(name) is not None for name in ("numpy", "cv2"))
    return libraries and not local_engine.models_missing()


def mannequin(wish: str) -> Image.Image:
    """One of the drawn mannequins, undressed; the same wish gives the same one."""
    return _image(local_engine.mannequin_picture(_mannequin_key(wish)))


def _mannequin_key(wish: str) -> str:
    keys = [figure.key for figure in local_engine.mannequins()]
    return keys[hashlib.sha256(wish.encode()).digest()[0] % len(keys)]


def _image(data: bytes) -> Image.Image:
    with open_picture(data, formats.sniff(data) or formats.JPEG) as im:
        im.load()
        return im.convert("RGB")


def _work_size(image: Image.Image) -> Image.Image:
    small = drawing.on_white(image)
    small.thumbnail((1024, 1024))
    return small
