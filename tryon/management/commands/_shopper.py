"""Names a shopper on the command line, for whoever answers a letter."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from tryon.identity import SALT, hash_token
from tryon.models import Shopper


def add_shopper_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    who = parser.add_mutually_exclusive_group(required=required)
    who.add_argument("--user", help="User name, e-mail address or id of an account.")
    who.add_argument("--session", help="An app's token, the value of the shopper's cookie, or the shopper's id.")


def shopper_from(options: dict[str, Any]) -> Shopper:
    """Raises CommandError when there is none."""
    found = _of_user(options["user"]) if options["user"] else _of_session(options["session"])
    if found is None:
        raise CommandError("No such shopper: nothing of theirs is here.")
    return found


def _of_user(name: str) -> Shopper | None:
    model = get_user_model()
    fields = [model.USERNAME_FIELD, *filter(None, [model.get_email_field_name()]), "pk"]
    for field in fields:
        try:
            users = list(model._default_manager.filter(**{field: name})[:2])
        except (ValueError, ValidationError):  # not an id
            continue
        if len(users) > 1:
            raise CommandError(f"More than one account has {field} {name}: use the user name.")
        if users:
            return Shopper.objects.filter(user=users[0]).first()
    raise CommandError(f"There is no account {name}.")


def _of_session(value: str) -> Shopper | None:
    found = Shopper.objects.filter(token_hash=hash_token(value)).first()
    if found:
        return found
    try:
        return Shopper.objects.filter(pk=UUID(hex=value)).first()
    except ValueError:
        pass
    try:
        return Shopper.objects.filter(pk=UUID(hex=signing.loads(value, salt=SALT))).first()
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
