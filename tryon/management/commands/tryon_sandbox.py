"""The hosted providers as a server on this machine: no key, no network, no cost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tryon.management.commands._base import FAULT, TryonCommand
from tryon.sandbox import FAST, KINDS, Sandbox


class Command(TryonCommand):
    help = (
        "Serve all hosted providers on one port of this machine, with real pictures marked SANDBOX. Ctrl-C stops it. "
        "Point a provider's base_url at http://127.0.0.1:8765/fashn (or /pixelcut, /pixelapi, /pebblely, /superstyle) "
        "and set its allow_private_hosts. Any key will do; one with 'empty' in it has no credits, one with 'revoked' "
        "in it is refused, and PixelAPI's begin with pk_live_. /seed/fashn and /today/fashn keep to one document."
    )
    example = "python manage.py tryon_sandbox --fast --fault rate_limited:provider=fashn,stage=submit,times=2"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--port", type=int, default=8765, help="Default: 8765. 0 takes a free one.")
        parser.add_argument("--fast", action="store_true", help="Jobs and rate windows take a twentieth of the time.")
        parser.add_argument("--seed", type=int, default=0, help="Of chance in faults and waiting times. Default: 0")
        parser.add_argument(
            "--pictures",
            choices=("auto", "engine", "drawn"),
            default="auto",
            help="Who makes the pictures. auto: the local engine when it is set up, else plain drawings.",
        )
        parser.add_argument("--no-limits", action="store_true", help="Without rate, concurrency and daily limits.")
        parser.add_argument("--credits", action="append", default=[], metavar="PROVIDER=N", help="Starting credits.")
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="SPEC",
            help="kind:name=value,... May be given often; --list-faults tells the kinds.",
        )
        parser.add_argument("--faults", type=Path, metavar="FILE", help="A JSON list of faults.")
        parser.add_argument("--list-faults", action="store_true", help="Tell the kinds of faults and stop.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list_faults"]:
            width = max(map(len, KINDS))
            lines = [f"{kind:<{width}}  {text}" for kind, (_, text) in KINDS.items()]
            self.report(options, {kind: text for kind, (_, text) in KINDS.items()}, lines)
            return
        with self._sandbox(options) as sandbox:
            urls = {name: sandbox.url(name) for name in sandbox.services}
            lines = [f"{name:<11} {url}" for name, url in urls.items()]
            lines += [f"calls       {sandbox.base_url}/_calls", f"faults      {sandbox.base_url}/_faults"]
            self.report(options, urls, [*lines, "Ctrl-C stops it."])
            self.stdout.flush()
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                return

    def _sandbox(self, options: dict[str, Any]) -> Sandbox:
        try:
            return Sandbox(
                options["port"],
                faults=[*_listed(options["faults"]), *options["fault"]],
                seed=options["seed"],
                pace=FAST if options["fast"] else 1.0,
                pictures=options["pictures"],
                limits=not options["no_limits"],
                credits=dict(_credits(text) for text in options["credits"]),
            )
        except OSError as error:
            raise CommandError(f"port {options['port']}: {error.strerror}", returncode=FAULT) from error
        except (ValueError, RuntimeError) as error:
            raise CommandError(str(error), returncode=2) from error


def _listed(path: Path | None) -> list[dict[str, Any] | str]:
    if path is None:
        return []
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}", returncode=2) from error
    if not isinstance(value, list):
        raise CommandError(f"{path}: not a JSON list of faults", returncode=2)
    return value


def _credits(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    return name, float(amount)
