"""Is everything as it should be? One line for each thing looked at, and what to run for each that is not."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tryon import alerts
from tryon.management.commands._base import ATTENTION, FAULT, TryonCommand
from tryon.management.examination import FAIL, OK, WARN, Line, examine
from tryon.providers import provider_aliases


class Command(TryonCommand):
    help = (
        "Look at settings, database, cache, worker, schedules, storage, decoder and providers. Keys are never printed. "
        "Exit 1: something fails; 3: something needs attention."
    )
    example = "python manage.py tryon_doctor --online"
    requires_system_checks = ()  # it runs ours itself and tells what they say

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--provider", help="Look only at this alias of TRYON['PROVIDERS'].")
        parser.add_argument(
            "--online", action="store_true", help="Also ask the providers for their balance; it is free."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        provider = options["provider"] or ""
        if provider and provider not in provider_aliases():
            known = ", ".join(provider_aliases())
            raise CommandError(f"No provider is called {provider!r}. Known are: {known}", returncode=2)
        found = examine(provider=provider, online=options["online"])
        if not provider and not any(line.area == "database" and line.state == FAIL for line in found):
            alerts.check()
        counts = {state: sum(line.state == state for line in found) for state in (OK, WARN, FAIL)}
        summary = ", ".join(f"{number} {state}" for state, number in counts.items())
        lines = [*(text for line in found for text in self._lines(line)), f"{summary}."]
        self.report(options, {**counts, "lines": [asdict(line) for line in found]}, lines)
        if counts[FAIL]:
            sys.exit(FAULT)
        if counts[WARN]:
            sys.exit(ATTENTION)

    def _lines(self, line: Line) -> list[str]:
        paint = {OK: self.style.SUCCESS, WARN: self.style.WARNING, FAIL: self.style.ERROR}[line.state]
        text = f"{paint(f'{line.state:4}')}  {line.area:18}  {line.words}"
        return [text, f"{'':26}-> {line.todo}"] if line.todo and line.state != OK else [text]
