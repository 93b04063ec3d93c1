from __future__ import annotations

import json
import time
from argparse import BooleanOptionalAction, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from tryon_shop import demo

ACCOUNTS_NOTE = "Demo accounts, never for a public server: admin/admin (everything), merchandiser/merchandiser."
NO_ACCOUNTS_NOTE = "No demo accounts: DEBUG is off, and their passwords are public (--accounts makes them anyway)."
MOST = 400  # further dyes would look like those that are there
EXAMPLE = """example:
  python manage.py migrate
  python manage.py load_demo
  python manage.py load_demo --json -v 0
  python manage.py load_demo --products 300
"""


class Command(BaseCommand):
    help = "Fill the demo shop: products, garments, models, staff and 60 days of invented usage. Safe to run again."
    requires_system_checks: list[str] = []  # their remarks would break the silence of -v 0; migrate has made them

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLE, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")
        parser.add_argument(
            "--products",
            type=int,
            default=0,
            metavar="N",
            help="at least so many, most of them dyed from those that are drawn (default: the drawn ones)",
        )
        parser.add_argument(
            "--accounts",
            action=BooleanOptionalAction,
            default=settings.DEBUG,
            help="make the demo's staff accounts, whose passwords are public (default: only with DEBUG)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        missing = demo.missing_pictures()
        if missing:
            raise CommandError(f"{len(missing)} demo pictures are missing, the first is {missing[0]}")
        if options["products"] > MOST:
            raise CommandError(f"--products: at most {MOST}", returncode=2)
        loader = demo.Loader()
        try:
            loader.products(options["products"])
            loader.preset_models()
            loader.usage()
            if options["accounts"]:
                loader.accounts()
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(f"{error}. Are the tables there? Run: python manage.py migrate") from error
        seconds = round(time.monotonic() - started, 1)
        if options["json"]:
            self.stdout.write(json.dumps({**loader.counts, "refused": loader.refused, "seconds": seconds}))
        elif options["verbosity"] > 0:
            self.tell(loader, seconds, accounts=options["accounts"])
        if loader.refused:
            raise CommandError("Pictures that were refused:\n" + "\n".join(loader.refused), returncode=3)

    def tell(self, loader: demo.Loader, seconds: float, *, accounts: bool) -> None:
        for kind, counts in loader.counts.items():
            self.stdout.write(f"{kind}: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
        self.stdout.write(ACCOUNTS_NOTE if accounts else NO_ACCOUNTS_NOTE)
        self.stdout.write(self.style.SUCCESS(f"The demo shop is ready ({seconds} s)."))
