"""Delete what is due, by hand; the schedule of ``tryon_setup`` does the same every hour."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from tryon import retention, tasks
from tryon.management.commands._base import ATTENTION, TryonCommand


class Command(TryonCommand):
    help = "Delete photos, previews and records that are due, and files that no row names. Exit 3: something is left."
    example = "python manage.py tryon_purge --dry-run"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="Count what is due and delete nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = retention.due() if options["dry_run"] else tasks.delete_due()
        verb = "Due" if options["dry_run"] else "Deleted"
        self.report(options, {"dry_run": options["dry_run"], **asdict(counts)}, [f"{verb}: {counts}."])
        if counts.left_over:
            sys.exit(ATTENTION)
