"""Values of an option: good ones, with those at the edges of its range, and bad ones."""

from __future__ import annotations

from typing import Any

from tryon.providers.base import Option


def sample(option: Option) -> Any:
    return samples(option)[0]


def samples(option: Option) -> list[Any]:
    if option.choices:
        return list(option.choices)
    if option.type is bool:
        return [True, False]
    if option.type is str:
        text = "#a0B1c2" if option.pattern.startswith("#") else "two words"
        longest = [] if option.maximum is None else ["x" * int(option.maximum)]
        return [text, *longest]
    edges = [edge for edge in (option.minimum, option.maximum) if edge is not None]
    return [option.type(edge) for edge in edges] or [option.type(7)]


def bad_values(option: Option) -> list[Any]:
    bad: list[Any] = ["no such choice"] if option.choices and option.type is str else []
    if option.type is bool:
        bad.append("perhaps")
    elif option.type in (int, float):
        bad += ["many", True, float("nan"), float("inf")]
        bad += [option.minimum - 1] if option.minimum is not None else []
        bad += [option.maximum + 1] if option.maximum is not None else []
    else:
        bad += [7, ["x"], {}]
        bad += ["x" * (int(option.maximum) + 1)] if option.maximum is not None else []
        bad += ["§"] if option.pattern else []
    return bad


def same(sent: Any, value: Any) -> bool:
    """Whether ``sent`` is ``value`` as the wire has it: multipart knows texts only."""
    if isinstance(sent, str) and not isinstance(value, str):
        return sent == (str(value).lower() if isinstance(value, bool) else str(value))
    return bool(sent == value) and type(sent) in (type(value), int, float)
