"""A cache that does not tell what is in it."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import BaseCache


class Opaque(BaseCache):
    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return default

    def set(self, *args: Any, **kwargs: Any) -> None:
        return None

    def clear(self) -> None:
        return None
