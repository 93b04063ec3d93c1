"""Parameters as the documents state them, and the strict reading of a request against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["string", "integer", "number", "boolean", "flag", "image"]
Fault = Literal["missing", "unknown", "type", "range", "choice"]

_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Param:
    """One documented parameter.

    ``kind`` "image" is text that holds a picture or its address; "flag" is a boolean that may also be sent as the
    text "true" or "false". ``low`` and ``high`` bound numbers, and the length of text. ``nullable`` allows null.
    """

    name: str
    kind: Kind = "string"
    default: Any = None
    required: bool = False
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused: the first fault found, in the order in which the document lists the parameters."""

    param: str
    fault: Fault
    text: str


class Problems(Exception):
    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in found))
        self.found = tuple(found)

    @property
    def first(self) -> Problem:
        return self.found[0]


def read(params: Sequence[Param], given: Mapping[str, Any], *, as_text: bool = False) -> dict[str, Any]:
    """All parameters by name, with their defaults. ``as_text``: values come from a form and are text.

    Raises ``Problems``: a parameter is missing, not of its type, out of range, or not in the document at all.
    """
    values: dict[str, Any] = {}
    found: list[Problem] = []
    for param in params:
        if param.name not in given:
            values[param.name] = param.default
            if param.required:
                found.append(Problem(param.name, "missing", f"{param.name} is required"))
            continue
        value = _parsed(param, given[param.name]) if as_text else given[param.name]
        problem = _problem(param, value)
        if problem:
            found.append(problem)
        values[param.name] = _TRUTH.get(value, value) if param.kind == "flag" and isinstance(value, str) else value
    known = {param.name for param in params}
    found += [
        Problem(str(name)[:60], "unknown", f"{str(name)[:60]} is not a documented parameter")
        for name in given
        if name not in known
    ]
    if found:
        raise Problems(found)
    return values


def _parsed(param: Param, text: str) -> Any:
    """A form field as the type that the parameter has; the text itself where that fails, for the check to refuse."""
    try:
        if param.kind == "integer":
            return int(text)
        if param.kind == "number":
            return float(text)
    except ValueError:
        return text
    return _TRUTH.get(text, text) if param.kind == "boolean" else text


def _problem(param: Param, value: Any) -> Problem | None:
    if value is None and param.nullable:
        return None
    if not _has_type(param, value):
        return Problem(param.name, "type", f"{param.name} must be {_type_name(param)}")
    if param.required and value == "":
        return Problem(param.name, "missing", f"{param.name} is required")
    if param.choices and value not in param.choices:
        allowed = ", ".join(str(choice) for choice in param.choices)
        return Problem(param.name, "choice", f"{param.name} must be one of: {allowed}")
    measure = len(value) if isinstance(value, str) else value
    if (param.low is not None and measure < param.low) or (param.high is not None and measure > param.high):
        unit = " characters" if isinstance(value, str) else ""
        return Problem(param.name, "range", f"{param.name} must be from {param.low} to {param.high}{unit}")
    return None


def _has_type(param: Param, value: Any) -> bool:
    if param.kind in ("string", "image"):
        return isinstance(value, str)
    if param.kind == "boolean":
        return isinstance(value, bool)
    if param.kind == "flag":
        return isinstance(value, bool) or (isinstance(value, str) and value in _TRUTH)
    if isinstance(value, bool):
        return False
    if param.kind == "integer":
        return isinstance(value, int)
    return isinstance(value, int | float) and abs(value) != float("inf") and value == value


def _type_name(param: Param) -> str:
    return {"image": "an image", "flag": "true or false", "integer": "an integer"}.get(param.kind, f"a {param.kind}")
