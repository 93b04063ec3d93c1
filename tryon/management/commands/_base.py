"""What every command of ours shares: an example in --help, --json, and exit codes.

0 ok, 1 fault, 2 usage, 3 something needs attention.
"""

from __future__ import annotations

import getpass
import json
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.base import DjangoHelpFormatter as HelpFormatter
from django.db import OperationalError, ProgrammingError

from tryon.studio.log import acting_as

FAULT = 1
ATTENTION = 3


class TryonCommand(BaseCommand):
    example: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=f"Example: {self.example}", formatter_class=HelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the outcome as JSON.")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with acting_as(_actor()):
                return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(f"The database says: {error}. All tables there? python manage.py migrate") from error
        except ImproperlyConfigured as error:
            raise CommandError(f"{error} Run: python manage.py check") from error

    def report(self, options: dict[str, Any], data: dict[str, Any], lines: list[str]) -> None:
        """``data`` with --json, else ``lines``; nothing with -v 0."""
        if options["as_json"]:
            self.stdout.write(json.dumps(data, default=str))
        elif options["verbosity"] > 0:
            for line in lines:
                self.stdout.write(line)


def _actor() -> str:
    """For the log of what is done without --user."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return "command line"
