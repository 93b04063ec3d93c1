"""Delete everything of one shopper, at once and whatever is running."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from tryon import retention
from tryon.management.commands._base import ATTENTION, TryonCommand
from tryon.management.commands._shopper import add_shopper_arguments, shopper_from
from tryon.models import Consent


class Command(TryonCommand):
    help = (
        "Delete every photo, preview, link and word of one shopper. Records of agreements stay as evidence until their "
        "time, unless --with-evidence. Exit 3: a file could not be deleted yet."
    )
    example = "python manage.py tryon_forget --user ann@example.com"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_shopper_arguments(parser)
        parser.add_argument("--with-evidence", action="store_true", help="Delete the records of agreements as well.")

    def handle(self, *args: Any, **options: Any) -> None:
        shopper = shopper_from(options)
        receipt = retention.erase(shopper)
        records = Consent.objects.filter(subject=shopper.pk)
        kept = records.count()
        if options["with_evidence"]:
            records.delete()
            kept = 0
        counts = {
            "photos": receipt.photos,
            "previews": receipt.results,
            "pictures": receipt.pictures,
            "share_links": receipt.share_links,
            "feedback": receipt.feedback,
            "consents_withdrawn": receipt.consents_withdrawn,
            "consent_records_kept": kept,
            "left_over": receipt.left_over,
        }
        told = {"receipt": None if receipt.is_blank else receipt.pk, **counts, "elsewhere": receipt.elsewhere}
        lines = [", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())]
        lines += [
            f"{item['provider']} was sent a photo {item['calls']} times; gone there: {item['until'] or 'not stated'}"
            for item in receipt.elsewhere
        ]
        if not receipt.is_blank:
            lines.append(f"Receipt {receipt.pk}")
        self.report(options, told, lines)
        if receipt.left_over:
            sys.exit(ATTENTION)
