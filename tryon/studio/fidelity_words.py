"""The fidelity of a shot in the reader's words: what each number means, what is flagged, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from tryon.models import TryOnOutput


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding in words, for the review page."""

    key: str
    label: str
    value: str
    words: str
    lost: int
    flag: bool


def explain(output: TryOnOutput) -> list[Explained]:
    """Every number of a measured picture in words, the costly ones first. [] while it has not been measured."""
    rows = [_explained(row) for row in output.scores.get("findings", [])]
    return sorted(rows, key=lambda row: (-row.lost, not row.flag))


def absence(output: TryOnOutput) -> str:
    """Why there is no score, in words; "" when there is one."""
    if output.score is not None:
        return ""
    words = {
        "no_engine": _("Not measured: this server has no picture tools. Run: pip install django-tryon[local]"),
        "unreadable": _("Not measured: a picture could not be read."),
        "not_a_shot": _("Not measured: this is not an on-model shot."),
    }
    return words.get(output.scores.get("absent", ""), _("Not measured yet."))


def flag_words(output: TryOnOutput) -> list[str]:
    """The flags as short words for a chip."""
    return [label for key in output.scores.get("flags", []) if (label := _labels().get(key, ("", ""))[1])]


def _labels() -> dict[str, tuple[str, str]]:
    """key -> (name of the number, name of the flag)."""
    return {
        "colour": (_("Colour"), _("colour off")),
        "sharpness": (_("Sharpness"), _("blurred")),
        "size": (_("Size"), _("small")),
        "unchanged": (_("Changed"), _("unchanged")),
        "duplicate": (_("Unlike the others"), _("duplicate")),
        "people": (_("People"), _("several people")),
        "face": (_("Face"), _("face odd")),
        "hands": (_("Hands"), _("hand missing")),
    }


def _explained(row: dict[str, Any]) -> Explained:
    key, value, flag = row["key"], row["value"], bool(row["flag"])
    shown, words = _WORDS[key](value, flag)
    return Explained(key, _labels()[key][0], shown, words, int(row["lost"]), flag)


def _say_colour(value: float | None, flag: bool) -> tuple[str, str]:
    if value is None:
        return "–", _("No person or no garment was found, so the colour could not be compared.")
    shown = _("ΔE %(value).1f") % {"value": value}
    if value < 2:
        return shown, _("The garment has the colours of its source picture.")
    if not flag:
        return shown, _("The colours are close to the source picture; light and folds may explain the rest.")
    if value < 15:
        return shown, _("The garment’s colours differ visibly from the source picture.")
    return shown, _("The garment’s colours are not those of the source picture.")


def _say_sharpness(value: float | None, flag: bool) -> tuple[str, str]:
    return f"{value:.1f}", _("The edges are soft, as if blurred or enlarged.") if flag else _("The edges are sharp.")


def _say_size(value: float | None, flag: bool) -> tuple[str, str]:
    shown = _("%(side)d px") % {"side": value}
    return shown, _("The short side is too small for a product page.") if flag else _("Large enough.")


def _say_unchanged(value: float | None, flag: bool) -> tuple[str, str]:
    shown = f"{100 * (value or 0):.0f} %"
    if flag:
        return shown, _("Nearly the same as the model’s own picture or the source picture: nothing was put on.")
    return shown, _("Share of the picture that differs from what it was made from.")


def _say_duplicate(value: float | None, flag: bool) -> tuple[str, str]:
    if value is None:
        return "–", _("There is no other measured shot of this garment.")
    shown = _("%(bits)d of 256") % {"bits": value}
    if flag:
        return shown, _("Nearly the same as another shot of this garment.")
    return shown, _("Parts of the picture’s structure that differ from the most similar shot of this garment.")


def _say_people(value: float | None, flag: bool) -> tuple[str, str]:
    if not value:
        return "0", _("No person was found in the picture.")
    return f"{value:.0f}", _("More than one face was found.") if flag else _("One person.")


def _say_face(value: float | None, flag: bool) -> tuple[str, str]:
    if value is None:
        return "–", _("There is no face to check: a mannequin, or the picture ends below it.")
    shown = f"{100 * value:.0f} %"
    return shown, _("Two detectors do not agree that this is a face: look at it.") if flag else _("A clear face.")


def _say_hands(value: float | None, flag: bool) -> tuple[str, str]:
    if value is None:
        return "–", _("No hand is in the picture, or it can’t be seen clearly.")
    shown = f"{100 * value:.0f} %"
    if flag:
        return shown, _("An arm ends without a hand: look at it.")
    return shown, _("Where hands must be, there are some. Fingers are not counted.")


_WORDS = {
    "colour": _say_colour,
    "sharpness": _say_sharpness,
    "size": _say_size,
    "unchanged": _say_unchanged,
    "duplicate": _say_duplicate,
    "people": _say_people,
    "face": _say_face,
    "hands": _say_hands,
}
