"""Assertions that say which rule was broken. Not ``assert``: Python's -O would take that away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Wanted = TypeVar("Wanted", bound=BaseException)


def that(holds: object, rule: str) -> None:
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(rule)


def equal(found: object, wanted: object, rule: str) -> None:
    __tracebackhide__ = True
    if found != wanted:
        raise AssertionError(f"{rule}: {found!r} instead of {wanted!r}")


def failure(kind: type[Wanted], rule: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Wanted:
    """The error that ``call`` raises, which must be of ``kind``."""
    __tracebackhide__ = True
    call_name = getattr(call, "__qualname__", "")
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(f"{rule}: {call_name} raised {type(error).__name__}, not {kind.__name__}") from error
    raise AssertionError(f"{rule}: {call_name} raised nothing, {kind.__name__} was due")


def absent(secret: str, text: str, rule: str) -> None:
    """``secret`` is not in ``text``, which the message does not repeat."""
    __tracebackhide__ = True
    if secret in text:
        raise AssertionError(rule)
