"""Cursor pages. A cursor that we did not make is the client's mistake, never a crash in the database."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class CheckedCursorPagination(CursorPagination):
    page_size = 20

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor = None
            valid = False
        else:
            valid = cursor is None or cursor.position is None or self.position_is_valid(str(cursor.position))
        if not valid:
            raise ValidationError({"cursor": [_("Not a cursor of this list.")]})
        return cursor

    def position_is_valid(self, position: str) -> bool:
        raise NotImplementedError


class GarmentPages(CheckedCursorPagination):
    ordering = ("id",)

    def position_is_valid(self, position: str) -> bool:
        return position.isascii() and position.isdigit() and int(position[:20]) < 2**63


class NewestFirst(CheckedCursorPagination):
    ordering: tuple[str, ...] = ("-created_at", "-id")

    def position_is_valid(self, position: str) -> bool:
        try:
            moment = parse_datetime(position)
        except ValueError:
            return False
        return moment is not None and moment.tzinfo is not None


class LastPublishedFirst(NewestFirst):
    ordering = ("-published_at", "-id")
