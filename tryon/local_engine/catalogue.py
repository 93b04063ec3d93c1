"""The drawn mannequins that ship with the package. Reads files only; no array library needed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from .results import MannequinInfo

FOLDER = Path(__file__).resolve().parent / "mannequins"
INDEX = FOLDER / "figures.json"


@cache
def figures() -> dict[str, dict[str, Any]]:
    """Everything known about each figure, by key, in the order they are offered."""
    return {figure["key"]: figure for figure in json.loads(INDEX.read_text(encoding="utf-8"))}


def mannequins() -> tuple[MannequinInfo, ...]:
    """The figures that ``model_shot`` takes, smallest first within each body."""
    names = ("key", "name", "size", "skin_tone", "body", "kind", "pose")
    return tuple(
        MannequinInfo(**{name: figure[name] for name in names}, picture=FOLDER / f"{figure['key']}.jpg")
        for figure in figures().values()
    )


def figure(key: str) -> dict[str, Any]:
    """Raises KeyError with the known keys."""
    try:
        return figures()[key]
    except KeyError:
        raise KeyError(f"no mannequin {key!r}; known: {', '.join(figures())}") from None


def mannequin_picture(key: str) -> bytes:
    """The undressed figure on its backdrop, JPEG. Raises KeyError for an unknown key."""
    figure(key)
    return (FOLDER / f"{key}.jpg").read_bytes()
