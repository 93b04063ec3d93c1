"""Prove that no shopper's picture is where it should not be."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from tryon.audit import audit
from tryon.management.commands._base import ATTENTION, TryonCommand


class Command(TryonCommand):
    help = (
        "Look for expired or stray pictures of shoppers in storage, database, queue and caches. Changes nothing. "
        "Exit 3: something was found, and is listed."
    )
    example = "python manage.py tryon_audit --grace 75"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--grace",
            type=int,
            default=0,
            metavar="MINUTES",
            help="Allow this many minutes after its time; 75 where the purge runs hourly. Default: 0.",
        )
        parser.add_argument(
            "--skip-cache",
            action="append",
            default=[],
            metavar="ALIAS",
            help="Do not look into this cache; for one in which your shop keeps pictures of its own.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        told = audit(grace=timedelta(minutes=options["grace"]), skip_caches=options["skip_cache"])
        lines = ["Looked at " + ", ".join(f"{count} {what}" for what, count in told.looked_at.items()) + "."]
        lines += [f"Not looked at: {place}." for place in told.not_seen]
        lines += [f"{finding.kind}: {finding.where}" for finding in told.findings]
        if told.findings:
            lines.append("Run: python manage.py tryon_purge")
        else:
            lines.append("Nothing that should not be there.")
        self.report(options, asdict(told), lines)
        if told.findings:
            sys.exit(ATTENTION)
