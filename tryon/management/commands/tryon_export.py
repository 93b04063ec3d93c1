"""Write everything we have of one shopper to a zip file, to answer whoever asks for their data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tryon.export import write_zip
from tryon.management.commands._base import TryonCommand
from tryon.management.commands._shopper import add_shopper_arguments, shopper_from


class Command(TryonCommand):
    help = "Write the photos, previews and records of one shopper to a zip file that only you can read."
    example = "python manage.py tryon_export --user ann@example.com --out ann.zip"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_shopper_arguments(parser)
        parser.add_argument("--out", required=True, type=Path, help="The zip file; it must not exist yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        shopper = shopper_from(options)
        path: Path = options["out"]
        try:
            # photos of people: for nobody else on this machine
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                counts = write_zip(shopper, file)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        words = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items())
        self.report(options, {"out": str(path), **counts}, [f"Wrote {path}: {words}."])
